package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// DecideUpdate hands a person's decision on a review to its [QuarterlyReview].
const DecideUpdate = "decide"

const (
	reviewMade   = "review-made"   // tells the schedule's run that the report is there
	reviewPassed = "review-passed" // tells a review that a later one has begun
)

// The stages of a review.
const (
	ReviewReads    = "read deals"
	ReviewChecks   = "check deals"
	ReviewMakes    = "work out"
	ReviewTells    = "tell the owner"
	ReviewBlocked  = Waiting + credentials // the CRM refuses our key
	ReviewDecision = Waiting + "decision"
	ReviewDone     = "done"
	ReviewPassed   = "passed over"
)

// ReviewID is the id of the review of a quarter.
func ReviewID(quarter string) string { return "review/" + quarter }

// ReviewScheduleID is the id of what the schedule starts; a schedule adds the time to it.
const ReviewScheduleID = "review/scheduled"

// QuarterlyReviewInput says which quarter is reviewed.
type QuarterlyReviewInput struct {
	Quarter string `json:"quarter"` // 2026Q3
}

// QuarterlyReviewStatus is how far a review is, and what it came to.
type QuarterlyReviewStatus struct {
	Stage    string                       `json:"stage"`
	Plan     activities.ReviewPlan        `json:"plan"`
	Read     int                          `json:"read"`    // deals that the CRM has changed since the last reading
	Changed  int                          `json:"changed"` // of them, new or different
	Checked  int                          `json:"checked"` // deals on record that were looked for in the CRM
	Gone     int                          `json:"gone"`    // of them, not there any more
	At       time.Time                    `json:"at,omitzero"`
	Review   *activities.MakeReviewResult `json:"review,omitempty"`
	TaskID   string                       `json:"task_id,omitempty"`
	Owned    bool                         `json:"owned,omitempty"` // whether the task is the model's owner's
	Reminded time.Time                    `json:"reminded,omitzero"`
	Decision string                       `json:"decision,omitempty"` // accepted, adjusted, kept
}

// QuarterlyReview lets the deals of a quarter judge the model: it brings the CRM's deals
// on record, works out what they say, gives the model's owner a task with the findings,
// and waits for a decision. It reminds once, and ends without one when the review of a
// later quarter begins.
func QuarterlyReview(ctx workflow.Context, in QuarterlyReviewInput) (*QuarterlyReviewStatus, error) {
	r := &quarterlyReview{in: in, status: &QuarterlyReviewStatus{}}
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(workflow.Context) error{r.plan, r.readDeals, r.checkDeals, r.make, r.passOver, r.tell, r.announce} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.untilDecided(ctx); err != nil {
		return nil, err
	}
	return r.status, nil
}

// quarterlyReview is one QuarterlyReview under way.
type quarterlyReview struct {
	in     QuarterlyReviewInput
	status *QuarterlyReviewStatus
	began  time.Time
	passed bool // a later review has begun
}

// DecideReview is the argument of a decide update. Who decided and why is on record
// before, under the id, and never in a history.
type DecideReview struct {
	ID       int64  `json:"id"`
	Decision string `json:"decision"`
}

// NotMade is the type of the error that refuses a decision on a review that is not there
// yet, or that is decided.
const NotMade = "NotMade"

// listen answers updates, signals and queries from here on.
func (r *quarterlyReview) listen(ctx workflow.Context) error {
	passed := workflow.GetSignalChannel(ctx, reviewPassed)
	workflow.Go(ctx, func(ctx workflow.Context) {
		passed.Receive(ctx, nil)
		r.passed = true
	})
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (*QuarterlyReviewStatus, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "How far the review is and what it came to"})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, DecideUpdate, r.decide, workflow.UpdateHandlerOptions{
		Description: "Let a decision count that is on record under this id",
		Validator:   r.checkDecision,
	})
}

func (r *quarterlyReview) checkDecision(_ workflow.Context, in DecideReview) error {
	switch {
	case in.ID <= 0:
		return invalid("id: want the id of a decision on record; `starter icp review decide` makes one")
	case in.Decision != "accepted" && in.Decision != "adjusted" && in.Decision != "kept":
		return invalid("decision: want one of accepted, adjusted, kept")
	case r.status.Review == nil:
		return temporal.NewNonRetryableApplicationError("the review is not made yet", NotMade, nil)
	case r.status.Decision != "":
		return invalid("decision: the review is decided already: " + r.status.Decision)
	}
	return nil
}

// decide lets a person's decision count.
func (r *quarterlyReview) decide(ctx workflow.Context, in DecideReview) (*activities.DecideReviewResult, error) {
	decide := activities.DecideReviewInput{ReviewID: r.status.Review.ReviewID, ID: in.ID, Decision: in.Decision}
	var got activities.DecideReviewResult
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "decide"), a.DecideReview, decide).Get(ctx, &got); err != nil {
		return nil, err
	}
	r.status.Decision = got.Decision
	return &got, nil
}

// plan settles which time and which model is reviewed.
func (r *quarterlyReview) plan(ctx workflow.Context) error {
	r.began = workflow.Now(ctx)
	in := activities.PlanReviewInput{Quarter: r.in.Quarter, At: r.began}
	return workflow.ExecuteLocalActivity(onRecord(ctx, "plan the review"), a.PlanReview, in).Get(ctx, &r.status.Plan)
}

// readDeals brings what has changed in the CRM on record.
func (r *quarterlyReview) readDeals(ctx workflow.Context) error {
	if err := r.tag(ctx, ReviewReads); err != nil {
		return err
	}
	for more, first := true, true; more; first = false {
		var got activities.ReadDealsResult
		err := r.untilAllowed(ctx, ReviewReads, func() error {
			return workflow.ExecuteActivity(dealsCall(ctx, "read deals"), a.ReadDeals, activities.ReadDealsInput{First: first}).Get(ctx, &got)
		})
		if err != nil {
			return err
		}
		r.status.Read, r.status.Changed, more = r.status.Read+got.Read, r.status.Changed+got.Changed, got.More
		r.show(ctx)
	}
	return nil
}

// checkDeals finds deals that are gone from the CRM.
func (r *quarterlyReview) checkDeals(ctx workflow.Context) error {
	if err := r.tag(ctx, ReviewChecks); err != nil {
		return err
	}
	in := activities.CheckDealsInput{Since: r.status.Plan.Since, ReadBefore: r.began}
	for more := true; more; {
		var got activities.CheckDealsResult
		err := r.untilAllowed(ctx, ReviewChecks, func() error {
			return workflow.ExecuteActivity(dealsCall(ctx, "check deals"), a.CheckDeals, in).Get(ctx, &got)
		})
		if err != nil {
			return err
		}
		r.status.Checked, r.status.Gone = r.status.Checked+got.Checked, r.status.Gone+got.Gone
		in.After, more = got.After, got.More
		r.show(ctx)
	}
	return nil
}

// make works the review out. What changes with time is taken as of one moment, however
// often it is tried.
func (r *quarterlyReview) make(ctx workflow.Context) error {
	if err := r.tag(ctx, ReviewMakes); err != nil {
		return err
	}
	r.status.At = workflow.Now(ctx).UTC()
	p := r.status.Plan
	in := activities.MakeReviewInput{Quarter: p.Quarter, From: p.From, To: p.To, Since: p.Since, At: r.status.At, Model: p.Model}
	var made activities.MakeReviewResult
	err := r.untilAllowed(ctx, ReviewMakes, func() error {
		return workflow.ExecuteActivity(reviewCall(ctx), a.MakeReview, in).Get(ctx, &made)
	})
	if err != nil {
		return err
	}
	r.status.Review, r.status.Decision = &made, made.Decision
	return nil
}

// passOver ends the reviews of earlier quarters that nobody has decided on.
func (r *quarterlyReview) passOver(ctx workflow.Context) error {
	for _, before := range r.status.Review.Before {
		if err := workflow.ExecuteLocalActivity(onRecord(ctx, "pass over "+before.Quarter), a.PassReview, before.ID).Get(ctx, nil); err != nil {
			return err
		}
		err := workflow.SignalExternalWorkflow(ctx, ReviewID(before.Quarter), "", reviewPassed, nil).Get(ctx, nil)
		if temporal.IsCanceledError(err) {
			return err
		} // else it has ended
	}
	return nil
}

// tell gives the model's owner a task. A review that was decided on before needs none.
func (r *quarterlyReview) tell(ctx workflow.Context) error {
	if r.status.Decision != "" {
		return nil
	}
	if err := r.tag(ctx, ReviewTells); err != nil {
		return err
	}
	told, err := r.task(ctx, activities.TellReviewInput{ReviewID: r.status.Review.ReviewID})
	r.status.TaskID, r.status.Owned = told.TaskID, told.Owned
	return err
}

func (r *quarterlyReview) task(ctx workflow.Context, in activities.TellReviewInput) (told activities.TellReviewResult, err error) {
	err = r.untilAllowed(ctx, ReviewTells, func() error {
		return workflow.ExecuteActivity(crmCall(ctx, "task for the model's owner"), a.TellReview, in).Get(ctx, &told)
	})
	return told, err
}

// announce tells the schedule's run that it need not watch any more.
func (r *quarterlyReview) announce(ctx workflow.Context) error {
	parent := workflow.GetInfo(ctx).ParentWorkflowExecution
	if parent == nil {
		return nil
	}
	err := workflow.SignalExternalWorkflow(ctx, parent.ID, parent.RunID, reviewMade, nil).Get(ctx, nil)
	if temporal.IsCanceledError(err) {
		return err
	}
	return nil // it was ended by hand
}

// untilDecided waits for a decision, and reminds of it once.
func (r *quarterlyReview) untilDecided(ctx workflow.Context) error {
	over := func() bool { return r.status.Decision != "" || r.passed }
	if !over() {
		if err := r.tag(ctx, ReviewDecision); err != nil {
			return err
		}
		decided, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout: r.status.Plan.RemindAfter, TimerOptions: workflow.TimerOptions{Summary: "remind of the decision"},
		}, over)
		if err != nil {
			return err
		}
		if !decided {
			if _, err := r.task(ctx, activities.TellReviewInput{ReviewID: r.status.Review.ReviewID, Reminder: true}); err != nil {
				return err
			}
			r.status.Reminded = workflow.Now(ctx)
			if err := r.tag(ctx, ReviewDecision); err != nil {
				return err
			}
		}
	}
	if err := workflow.Await(ctx, func() bool { return over() && workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	if r.status.Decision == "" {
		return r.tag(ctx, ReviewPassed)
	}
	return r.tag(ctx, ReviewDone)
}

func (r *quarterlyReview) untilAllowed(ctx workflow.Context, stage string, call func() error) error {
	return untilAllowed(ctx, call, func() error {
		if err := r.tag(ctx, ReviewBlocked); err != nil {
			return err
		}
		if err := workflow.Sleep(ctx, credentialsWait); err != nil {
			return err
		}
		return r.tag(ctx, stage)
	})
}

// tag brings the stage into the list of runs.
func (r *quarterlyReview) tag(ctx workflow.Context, stage string) error {
	r.status.Stage = stage
	r.show(ctx)
	m := r.status.Plan.Model
	return workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(clip(stage)), ModelAttribute.ValueSet(modelID(m)))
}

func modelID(m activities.ModelRef) string {
	p := &page{}
	p.add("%s@%d", m.Name, m.Version)
	return p.String()
}

// show writes the review's story into the run's current details.
func (r *quarterlyReview) show(ctx workflow.Context) {
	s, p := r.status, &page{}
	p.add("**%s** of %s · stage: %s\n\n", s.Plan.Quarter, modelID(s.Plan.Model), s.Stage)
	p.add("| | |\n| --- | --- |\n| deals read | %d, of them new or different %d |\n| looked for in the CRM | %d, of them gone %d |\n", s.Read, s.Changed, s.Checked, s.Gone)
	if m := s.Review; m != nil {
		p.add("| deals looked at | %d |\n| closed in the quarter | %d, of them won %d |\n| findings | %d |\n| draft | %s |\n", m.Deals, m.Closed, m.Won, m.Claims, orDash(m.Draft))
		p.add("| task | %s%s |\n", orDash(s.TaskID), r.unowned())
	}
	if !s.Reminded.IsZero() {
		p.add("| reminded | %s |\n", s.Reminded.UTC().Format(time.RFC3339))
	}
	if s.Decision != "" {
		p.add("| decision | **%s** |\n", s.Decision)
	}
	if s.Review != nil {
		p.add("\nThe report: `starter icp review --quarter %s --out report.html`. Who decided and why: `starter icp review list`.", s.Plan.Quarter)
	}
	workflow.SetCurrentDetails(ctx, p.String())
}

func (r *quarterlyReview) unowned() string {
	if r.status.TaskID == "" || r.status.Owned {
		return ""
	}
	return ": nobody's, since the model's owner is no user of the CRM"
}

// ScheduledReview is what the schedule starts: it begins the review of the last whole
// quarter and ends when the report is made, so that a failure pauses the schedule, and
// the wait for a decision does not stop the next one.
func ScheduledReview(ctx workflow.Context) (string, error) {
	var plan activities.ReviewPlan
	in := activities.PlanReviewInput{At: workflow.Now(ctx)}
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "plan the review"), a.PlanReview, in).Get(ctx, &plan); err != nil {
		return "", err
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: ReviewID(plan.Quarter), StaticSummary: "by schedule",
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
	review := workflow.ExecuteChildWorkflow(child, QuarterlyReview, QuarterlyReviewInput{Quarter: plan.Quarter})
	var err error
	workflow.NewSelector(ctx).
		AddFuture(review, func(f workflow.Future) { err = f.Get(ctx, nil) }).
		AddReceive(workflow.GetSignalChannel(ctx, reviewMade), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) }).
		Select(ctx)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) { // somebody asked for it by hand
		err = nil
	}
	return plan.Quarter, err
}
