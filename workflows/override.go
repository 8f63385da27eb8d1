package workflows

import (
	"fmt"
	"strconv"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
)

// OverrideUpdate puts a person's decision in the place of the model's: an update of the
// company's run while it is under way, and of [AccountOverride] when it is not.
// ClearOverrideUpdate takes it back; it is AccountOverride's.
const (
	OverrideUpdate      = "override"
	ClearOverrideUpdate = "clear-override"
)

// overrideBegan is the signal that hands an override that began in a company's run over
// to the AccountOverride that is there already.
const overrideBegan = "override-began"

// NotNow is the type of the error that refuses an override because the run is not, or
// no more, the one to ask.
const NotNow = "NotNow"

// The ways in which an override ends, as they are on record.
const (
	expired = "expired"
	cleared = "cleared"
)

// Override is the argument of an override update. Who decided and why is on record
// before, under the id, and never in a history.
type Override struct {
	ID int64 `json:"id"`
	icp.Override
}

// ClearOverride is the argument of a clear-override update. Who takes it back and why is
// on record before.
type ClearOverride struct {
	ID int64 `json:"id"`
}

// OverrideResult is what an override came to. Without a score the account has none yet:
// the override counts from the first one on.
type OverrideResult struct {
	ID     int64                   `json:"id"`
	Score  *activities.ScoreResult `json:"score,omitempty"`
	TaskID string                  `json:"task_id,omitempty"`
}

// check refuses what is no override under any model. The activity that begins it says
// whether it is one under the model that scores the account by then and whether its time
// is up, and puts a refusal on record: the run may be older than the model, and the
// override may have waited for a worker.
func (in Override) check() error {
	if in.ID <= 0 {
		return invalid("id: want the id of an override on record; `starter company override` makes one")
	}
	if err := in.Check(icp.Bounds{}, time.Time{}); err != nil {
		return invalid(err.Error())
	}
	return nil
}

func invalid(message string) error {
	return temporal.NewNonRetryableApplicationError(message, activities.Invalid, nil)
}

// AccountOverrideID is the id of the workflow that looks after an account's override.
func AccountOverrideID(accountID int64) string {
	return overrides + strconv.FormatInt(accountID, 10)
}

// AccountOverrideInput says whose override it is.
type AccountOverrideInput struct {
	AccountID int64  `json:"account_id"`
	Domain    string `json:"domain,omitempty"`
	// Began is an override that holds already: a company's run, or the run of this
	// workflow before, has begun it.
	Began *Override `json:"began,omitempty"`
}

// OverrideStatus is what is known of an account's override.
type OverrideStatus struct {
	AccountID int64                   `json:"account_id"`
	Holds     *Override               `json:"holds,omitempty"` // nil: none
	Ended     string                  `json:"ended,omitempty"` // how the last one ended
	Score     *activities.ScoreResult `json:"score,omitempty"` // the last that was worked out here
}

// AccountOverride looks after a person's decision on an account: it begins it, brings
// it into the CRM, waits until its time is up, and gives the account back to the model.
// A later decision takes the place of the one that holds. Without an expiry there is
// nothing to wait for: the decision stands on record until it is taken back or replaced.
func AccountOverride(ctx workflow.Context, in AccountOverrideInput) (*OverrideStatus, error) {
	o := &accountOverride{in: in, status: &OverrideStatus{AccountID: in.AccountID, Holds: in.Began}}
	if err := o.listen(ctx); err != nil {
		return nil, err
	}
	if in.Began == nil { // an update started the run, and may be refused: nothing here learns of that
		if _, err := workflow.AwaitWithTimeout(ctx, 10*time.Second, func() bool { return o.asked }); err != nil {
			return nil, err
		}
	}
	for {
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return nil, err
		}
		held := o.status.Holds
		if held == nil || held.ExpiresAt.IsZero() {
			return o.status, o.tag(ctx, "done")
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return nil, workflow.NewContinueAsNewError(ctx, AccountOverride, AccountOverrideInput{
				AccountID: in.AccountID, Domain: in.Domain, Began: held,
			})
		}
		if err := o.expire(ctx, held); err != nil {
			return nil, err
		}
	}
}

// accountOverride is one AccountOverride under way.
type accountOverride struct {
	in     AccountOverrideInput
	status *OverrideStatus
	asked  bool // whether an update came
	passes int
}

// listen answers updates, signals and queries from here on.
func (o *accountOverride) listen(ctx workflow.Context) error {
	began := workflow.GetSignalChannel(ctx, overrideBegan)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var next Override
			if !began.Receive(ctx, &next) {
				return
			}
			if o.status.Holds == nil || next.ID > o.status.Holds.ID {
				o.hold(ctx, next)
			}
		}
	})
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (*OverrideStatus, error) { return o.status, nil },
		workflow.QueryHandlerOptions{Description: "What a person decided on the account, and what became of it"})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, OverrideUpdate, o.override, workflow.UpdateHandlerOptions{
		Description: "Put a person's decision, on record under this id, in the place of the model's",
		Validator:   func(_ workflow.Context, in Override) error { return in.check() },
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, ClearOverrideUpdate, o.clear, workflow.UpdateHandlerOptions{
		Description: "End a person's decision before its time",
		Validator: func(_ workflow.Context, in ClearOverride) error {
			if in.ID <= 0 {
				return invalid("id: want the id of the override that holds")
			}
			return nil
		},
	})
}

// override begins a person's decision and brings it into the CRM.
func (o *accountOverride) override(ctx workflow.Context, in Override) (*OverrideResult, error) {
	o.asked = true
	began, err := beginOverride(ctx, o.in.AccountID, in)
	if err != nil {
		return nil, err
	}
	o.hold(ctx, in)
	if !began.Scored {
		return &OverrideResult{ID: in.ID}, nil
	}
	return o.rescore(ctx, in.ID)
}

// clear ends a person's decision before its time.
func (o *accountOverride) clear(ctx workflow.Context, in ClearOverride) (*OverrideResult, error) {
	o.asked = true
	return o.end(ctx, in.ID, cleared)
}

// expire waits until the override's time is up, and then gives the account back to the
// model; or until another one takes its place, or it is taken back.
func (o *accountOverride) expire(ctx workflow.Context, held *Override) error {
	stage := fmt.Sprintf("override %d, until %s", held.ID, held.ExpiresAt.UTC().Format(time.RFC3339))
	if err := o.tag(ctx, stage); err != nil {
		return err
	}
	over, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: max(held.ExpiresAt.Sub(workflow.Now(ctx)), time.Millisecond), TimerOptions: workflow.TimerOptions{Summary: stage},
	}, func() bool { return o.status.Holds != held || !workflow.AllHandlersFinished(ctx) })
	if err != nil || over {
		return err
	}
	_, err = o.end(ctx, held.ID, expired)
	return err
}

// end ends an override. One that has ended in another way changes nothing more.
func (o *accountOverride) end(ctx workflow.Context, id int64, how string) (*OverrideResult, error) {
	in := activities.EndOverrideInput{AccountID: o.in.AccountID, ID: id, How: how}
	var was activities.EndOverrideResult
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "end the override"), a.EndOverride, in).Get(ctx, &was); err != nil {
		return nil, err
	}
	if o.status.Holds != nil && o.status.Holds.ID == id {
		o.status.Holds, o.status.Ended = nil, was.Ended
		o.show(ctx)
	}
	if was.Ended != how {
		return &OverrideResult{ID: id, Score: o.status.Score}, nil
	}
	return o.rescore(ctx, id)
}

func (o *accountOverride) hold(ctx workflow.Context, in Override) {
	o.status.Holds, o.status.Ended = &in, ""
	o.show(ctx)
}

// rescore works the account's score out anew, since an override began or ended, and
// brings it into the CRM.
func (o *accountOverride) rescore(ctx workflow.Context, id int64) (*OverrideResult, error) {
	var brief activities.Brief
	err := o.untilAllowed(ctx, func() error {
		return workflow.ExecuteActivity(crmCall(ctx, "read the account"), a.ReadAccount, o.in.AccountID).Get(ctx, &brief)
	})
	if err != nil {
		return nil, err
	}
	o.passes++
	brief.Score.Pass, brief.Score.Cause = o.passes, "override"
	result := &OverrideResult{ID: id}
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "score and route"), a.Score, brief.Score).Get(ctx, &result.Score); err != nil {
		return nil, err
	}
	if o.status.Score == nil || o.status.Score.ScoreID < result.Score.ScoreID {
		o.status.Score = result.Score
	}
	if err := o.tag(ctx, "effects"); err != nil || brief.Key.IsZero() {
		return result, err
	}
	apply := activities.ApplyInput{AccountID: o.in.AccountID, Key: brief.Key}
	var applied activities.ApplyResult
	err = o.untilAllowed(ctx, func() error {
		return workflow.ExecuteActivity(crmCall(ctx, "properties, note, task"), a.Apply, apply).Get(ctx, &applied)
	})
	if failedAs(err, activities.RecordGone) {
		return result, nil
	}
	result.TaskID = applied.TaskID
	return result, err
}

func (o *accountOverride) untilAllowed(ctx workflow.Context, call func() error) error {
	return untilAllowed(ctx, call, func() error {
		if err := o.tag(ctx, Waiting+credentials); err != nil {
			return err
		}
		return workflow.Sleep(ctx, credentialsWait)
	})
}

// tag brings stage and decision into the list of runs.
func (o *accountOverride) tag(ctx workflow.Context, stage string) error {
	o.show(ctx)
	set := []temporal.SearchAttributeUpdate{StageAttribute.ValueSet(clip(stage))}
	if o.in.Domain != "" {
		set = append(set, DomainAttribute.ValueSet(clip(o.in.Domain)))
	}
	if s := o.status.Score; s != nil {
		set = append(set, TierAttribute.ValueSet(clip(s.Tier)), QueueAttribute.ValueSet(clip(s.Queue)), ScoreAttribute.ValueSet(int64(s.Value)))
	}
	return workflow.UpsertTypedSearchAttributes(ctx, set...)
}

// show writes what holds into the run's current details.
func (o *accountOverride) show(ctx workflow.Context) {
	p := &page{}
	switch held := o.status.Holds; {
	case held != nil:
		p.add("**Override %d** (%s): %s%s\n\n", held.ID, held.Code, held.Override, expiry(held.Override))
	case o.status.Ended != "":
		p.add("No override holds: the last one was %s.\n\n", o.status.Ended)
	}
	if s := o.status.Score; s != nil {
		p.add("**%s**, score %d, queue **%s**%s\n\n", s.Tier, s.Value, s.Queue, machine(s))
	}
	p.add("Who decided and why: `starter company explain`.")
	workflow.SetCurrentDetails(ctx, p.String())
}

func expiry(o icp.Override) string {
	if o.ExpiresAt.IsZero() {
		return ", until it is taken back"
	}
	return ", until " + o.ExpiresAt.UTC().Format(time.RFC3339)
}

// machine says what the model makes of an account that a person decided on.
func machine(s *activities.ScoreResult) string {
	if s.Overridden == nil {
		return ""
	}
	return fmt.Sprintf(" by override %d (the model: %s, %d)", s.Overridden.Override, s.Overridden.Tier, s.Overridden.Value)
}

// beginOverride lets an override hold.
func beginOverride(ctx workflow.Context, accountID int64, in Override) (began activities.BeginOverrideResult, err error) {
	begin := activities.BeginOverrideInput{AccountID: accountID, ID: in.ID, Override: in.Override}
	err = workflow.ExecuteLocalActivity(onRecord(ctx, "begin the override"), a.BeginOverride, begin).Get(ctx, &began)
	return began, err
}

// answerOverrides lets the run take a person's decision on its company.
func (o *onboarding) answerOverrides(ctx workflow.Context) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, OverrideUpdate, o.override, workflow.UpdateHandlerOptions{
		Description: "Put a person's decision, on record under this id, in the place of the model's",
		Validator:   o.checkOverride,
	})
}

func (o *onboarding) checkOverride(_ workflow.Context, in Override) error {
	if o.status.AccountID == 0 || o.status.Status != Running {
		return temporal.NewNonRetryableApplicationError("the run does not know its company yet, or is about to end", NotNow, nil)
	}
	return in.check()
}

// override begins a person's decision, hands its expiry over, and brings it into the
// CRM. Where there is no score yet, the one to come counts with it.
func (o *onboarding) override(ctx workflow.Context, in Override) (*OverrideResult, error) {
	began, err := beginOverride(ctx, o.status.AccountID, in)
	if err != nil {
		return nil, err
	}
	o.tell("override %d (%s): %s%s", in.ID, in.Code, in.Override, expiry(in.Override))
	if err := o.handOver(ctx, in); err != nil {
		return nil, err
	}
	result := &OverrideResult{ID: in.ID}
	if !began.Scored {
		return result, nil
	}
	stage := o.status.Stage
	if err := o.rescore(ctx, "override"); err != nil {
		return nil, err
	}
	if err := o.write(ctx); err != nil && !failedAs(err, activities.RecordGone) {
		return nil, err
	}
	result.Score, result.TaskID = o.status.Score, o.status.TaskID
	if now := o.status.Stage; now == "effects" || now == scored && o.revision >= second {
		return result, o.tag(ctx, stage)
	}
	return result, nil // the run itself went on
}

// handOver leaves the expiry to the account's AccountOverride, which outlives the run.
func (o *onboarding) handOver(ctx workflow.Context, in Override) error {
	if in.ExpiresAt.IsZero() {
		return nil
	}
	id := AccountOverrideID(o.status.AccountID)
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, StaticSummary: o.status.Domain,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
	})
	start := AccountOverrideInput{AccountID: o.status.AccountID, Domain: o.status.Domain, Began: &in}
	for {
		err := workflow.ExecuteChildWorkflow(child, AccountOverride, start).GetChildWorkflowExecution().Get(ctx, nil)
		if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return err
		}
		if err = workflow.SignalExternalWorkflow(ctx, id, "", overrideBegan, in).Get(ctx, nil); err == nil || temporal.IsCanceledError(err) {
			return err
		}
		if err := workflow.Sleep(ctx, time.Second); err != nil { // it ended in between
			return err
		}
	}
}
