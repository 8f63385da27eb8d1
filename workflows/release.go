package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/strictyaml"
)

// The updates of a release: what a role says of it, and what a person decides about it.
const (
	ApproveUpdate  = "approve"
	ActivateUpdate = "activate" // go on now
	PauseUpdate    = "pause"
	ResumeUpdate   = "resume"
	WithdrawUpdate = "withdraw"
	RollbackUpdate = "rollback"
)

// The states of a release that its workflow acts in; the others are ends.
const (
	draft      = "draft"
	validated  = "validated"
	backtested = "backtested"
	signedOff  = "signed_off"
	inShadow   = "shadow"
	inAB       = "ab"
	active     = "active"
)

// ReleaseApproval is the argument of an approve update. Who says so and why is on record
// before, under the id, and never in a history.
type ReleaseApproval struct {
	ID   int64  `json:"id"`
	Role string `json:"role"`
}

// ReleaseMove is the argument of the other updates. Who decided and why is on record
// before, under the id.
type ReleaseMove struct {
	ID           int64 `json:"id"`
	DespiteGuard bool  `json:"despite_guard,omitempty"` // of activate
}

// ModelReleaseID is the id of the workflow that takes a version from draft to active.
func ModelReleaseID(m activities.ModelRef) string {
	return fmt.Sprintf("release/%s@%d", m.Name, m.Version)
}

// ModelReleaseInput says which release it is, and by which settings it goes.
type ModelReleaseInput struct {
	ReleaseID int64                      `json:"release_id"`
	Model     activities.ModelRef        `json:"model"`
	Settings  activities.ReleaseSettings `json:"settings"`
}

// ReleaseStatus is how far a release is, what is known of it, and what it waits for.
type ReleaseStatus struct {
	ReleaseID int64 `json:"release_id"`
	activities.Release
	Stage      string                 `json:"stage"` // in words
	Until      time.Time              `json:"until,omitzero"`
	Backtest   *review.Duelled        `json:"backtest,omitempty"`
	Difference *activities.Difference `json:"difference,omitempty"`
	PlannedAt  time.Time              `json:"planned_at,omitzero"` // when the difference was worked out
	Rescored   *BulkRescoreResult     `json:"rescored,omitempty"`
}

// ModelRelease takes a version of a model from draft to the one that scores accounts:
// checked, held against closed deals, signed off by the roles, worked out beside the old
// scores, tried on a share of the accounts, and then on all. A person may pause it, take
// it back or let it go on at any time. Where it stands is on record: a run that starts
// later goes on from there.
func ModelRelease(ctx workflow.Context, in ModelReleaseInput) (*ReleaseStatus, error) {
	r, err := newRelease(ctx, in) // answers status, approvals and decisions from here on
	if err != nil {
		return nil, err
	}
	for !r.status.Over {
		if err := r.mayGoOn(ctx); err != nil {
			return nil, err
		}
		if err := r.goOnOrStop(ctx, r.next(ctx)); err != nil {
			return nil, err
		}
	}
	if err := r.tag(ctx, r.words()); err != nil {
		return nil, err
	}
	return r.status, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// next does what the release's state asks for, and so takes it to the next one.
func (r *release) next(ctx workflow.Context) error {
	switch r.status.State {
	case draft:
		return r.validate(ctx)
	case validated:
		return r.backtest(ctx)
	case backtested:
		return r.awaitSignOff(ctx)
	case signedOff:
		return r.move(ctx, inShadow, "for "+strictyaml.FormatDuration(r.in.Settings.Shadow))
	case inShadow:
		return r.shadow(ctx)
	case inAB:
		return r.tryOnSome(ctx)
	case active:
		return r.scoreAll(ctx)
	default: // withdrawn or rolled back
		return r.takeBack(ctx)
	}
}

// validate reads the version as a worker does and holds it against the active one.
func (r *release) validate(ctx workflow.Context) error {
	return r.onRecord(ctx, "validate the model", a.ValidateRelease, r.in.ReleaseID)
}

// backtest holds both versions against the closed deals on record.
func (r *release) backtest(ctx workflow.Context) error {
	if err := r.tag(ctx, "is backtested on closed deals"); err != nil {
		return err
	}
	var got activities.BacktestResult
	if err := workflow.ExecuteActivity(bulkCall(ctx, "closed deals"), a.BacktestRelease, r.in.ReleaseID).Get(ctx, &got); err != nil {
		return err
	}
	r.status.Backtest = &got.Backtest
	r.take(ctx, got.Release)
	return nil
}

// awaitSignOff waits until every role has approved the release. One that rejects it ends
// it.
func (r *release) awaitSignOff(ctx workflow.Context) error {
	for {
		missing := r.status.Missing(r.in.Settings.Roles)
		if len(missing) == 0 {
			return r.move(ctx, signedOff, "by "+strings.Join(r.status.Signed, ", "))
		}
		if err := r.tag(ctx, "waits for sign-off by "+strings.Join(missing, ", ")); err != nil {
			return err
		}
		said := func() bool { return len(r.status.Missing(r.in.Settings.Roles)) < len(missing) }
		if err := r.await(ctx, said); err != nil {
			return err
		}
	}
}

// shadow works out the new scores beside the old, and once more when they have been
// looked at for a while, so that what is published is fresh. The guard stops it there for
// a person if too much would change.
func (r *release) shadow(ctx workflow.Context) error {
	if r.status.Difference == nil { // else it was paused in between
		if err := r.plan(ctx); err != nil {
			return err
		}
		if err := r.guard(ctx, true); err != nil {
			return err
		}
	}
	if err := r.wait(ctx, r.in.Settings.Shadow, "in shadow"); err != nil {
		return err
	}
	if err := r.planIfOlder(ctx, 0); err != nil {
		return err
	}
	if err := r.guard(ctx, r.despite); err != nil {
		return err
	}
	if ab := r.in.Settings.AB; ab.Share > 0 {
		return r.move(ctx, inAB, fmt.Sprintf("%.0f %% of the accounts for %s", 100*ab.Share, strictyaml.FormatDuration(ab.For)))
	}
	return r.move(ctx, active, "without A/B")
}

// tryOnSome gives the new version its share of the accounts, for a while.
func (r *release) tryOnSome(ctx workflow.Context) error {
	ab := r.in.Settings.AB
	if r.status.Rescored == nil { // else it was paused in between
		if err := r.rescore(ctx, BulkRescoreInput{Share: ab.Share}); err != nil {
			return err
		}
	}
	if err := r.wait(ctx, ab.For, fmt.Sprintf("A/B on %.0f %% of the accounts", 100*ab.Share)); err != nil {
		return err
	}
	if err := r.planIfOlder(ctx, time.Hour); err != nil {
		return err
	}
	return r.move(ctx, active, "for all accounts")
}

// scoreAll publishes the new version's scores of all accounts.
func (r *release) scoreAll(ctx workflow.Context) error {
	if err := r.rescore(ctx, BulkRescoreInput{Share: 1}); err != nil {
		return err
	}
	return r.onRecord(ctx, "the release is through", a.EndRelease, r.in.ReleaseID)
}

// takeBack publishes the old scores again. The old version is active since the decision.
func (r *release) takeBack(ctx workflow.Context) error {
	if r.status.Published {
		if err := r.rescore(ctx, BulkRescoreInput{Share: 1, Back: true}); err != nil {
			return err
		}
	}
	return r.onRecord(ctx, "the release is taken back", a.EndRelease, r.in.ReleaseID)
}

// release is one ModelRelease under way.
type release struct {
	in       ModelReleaseInput
	status   *ReleaseStatus
	ready    bool // it is known where the release stands
	asked    bool // whether a decision came
	goOn     bool // a person does not want to wait any longer
	despite  bool // nor for the guard
	deciding int  // decisions that are being taken, and may end what is under way
}

// errInterrupted ends a step because the release does not stand any more where the step
// began: a person paused it or took it back.
var errInterrupted = errors.New("interrupted")

func newRelease(ctx workflow.Context, in ModelReleaseInput) (*release, error) {
	r := &release{in: in, status: &ReleaseStatus{ReleaseID: in.ReleaseID, Release: activities.Release{Model: in.Model}}}
	if err := r.listen(ctx); err != nil {
		return nil, err
	}
	var stands activities.Release
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "where the release stands"), a.ReadRelease, in.ReleaseID).Get(ctx, &stands); err != nil {
		return nil, err
	}
	r.take(ctx, stands)
	r.ready = true
	if !stands.Over {
		return r, nil
	}
	// A decision started the run: to roll back what has been active for a while.
	_, err := workflow.AwaitWithTimeout(ctx, time.Minute, func() bool { return r.asked && r.deciding == 0 })
	return r, err
}

// listen answers queries and updates from here on.
func (r *release) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (*ReleaseStatus, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "How far the release is, and what it waits for"})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, ApproveUpdate, r.approve, workflow.UpdateHandlerOptions{
		Description: "Let what a role says, on record under this id, count",
		Validator: func(_ workflow.Context, in ReleaseApproval) error {
			if in.ID <= 0 {
				return invalid("id: want the id of an approval on record; `starter icp approve` makes one")
			}
			return r.refusal(r.status.CheckApproval(in.Role, r.in.Settings.Roles))
		},
	})
	for _, u := range []struct{ name, does string }{
		{ActivateUpdate, "Go on now, without waiting any longer"},
		{PauseUpdate, "Let nothing happen by itself until it is resumed"},
		{ResumeUpdate, "Go on after a pause"},
		{WithdrawUpdate, "End the release before it is active, and undo what it did"},
		{RollbackUpdate, "Take the version back and publish the old scores"},
	} {
		if err != nil {
			return err
		}
		err = r.decides(ctx, u.name, u.does)
	}
	return err
}

// decides registers the update by which a person decides.
func (r *release) decides(ctx workflow.Context, name, does string) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, name,
		func(ctx workflow.Context, in ReleaseMove) (*ReleaseStatus, error) { return r.decide(ctx, name, in) },
		workflow.UpdateHandlerOptions{
			Description: does + "; the decision is on record under this id",
			Validator: func(_ workflow.Context, in ReleaseMove) error {
				if in.ID <= 0 {
					return invalid("id: want the id of a decision on record; `starter icp " + name + "` makes one")
				}
				return r.refusal(r.status.CheckMove(name, in.DespiteGuard))
			},
		})
}

// refusal is what a validator says. While nobody knows yet where the release stands, it
// lets pass: what is on record decides.
func (r *release) refusal(err error) error {
	if err == nil || !r.ready {
		return nil
	}
	return invalid(err.Error())
}

// approve lets what a role says count.
func (r *release) approve(ctx workflow.Context, in ReleaseApproval) (*ReleaseStatus, error) {
	r.asked = true
	err := r.onRecord(ctx, "count the approval", a.CountApproval, activities.DecisionInput{ReleaseID: r.in.ReleaseID, ID: in.ID})
	return r.status, err
}

// decide carries out what a person decided. What may end a step interrupts it at once: what
// was decided and what is under way do not go on side by side.
func (r *release) decide(ctx workflow.Context, move string, in ReleaseMove) (*ReleaseStatus, error) {
	r.asked = true
	if move != ActivateUpdate {
		r.deciding++
		defer func() { r.deciding-- }()
	}
	err := r.onRecord(ctx, move, a.TakeMove, activities.DecisionInput{ReleaseID: r.in.ReleaseID, ID: in.ID})
	if err == nil && move == ActivateUpdate {
		r.goOn, r.despite = true, r.despite || in.DespiteGuard
	}
	return r.status, err
}

// onRecord does a step that comes back with how the release stands.
func (r *release) onRecord(ctx workflow.Context, summary string, step, in any) error {
	var stands activities.Release
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, summary), step, in).Get(ctx, &stands); err != nil {
		return err
	}
	r.take(ctx, stands)
	return nil
}

// take keeps how the release stands, if that is news: answers may come in another order
// than they were written.
func (r *release) take(ctx workflow.Context, stands activities.Release) {
	if stands.Steps < r.status.Steps {
		return
	}
	if stands.State != r.status.State {
		r.goOn, r.status.Until = false, time.Time{}
	}
	r.status.Release = stands
	r.show(ctx)
}

func (r *release) move(ctx workflow.Context, to, comment string) error {
	return r.onRecord(ctx, to, a.MoveRelease, activities.MoveReleaseInput{ReleaseID: r.in.ReleaseID, To: to, Comment: comment})
}

// interrupted reports whether a step has to end.
func (r *release) interrupted(began string) bool {
	return r.deciding > 0 || r.status.Paused || r.status.Over || r.status.State != began
}

// mayGoOn waits while the release is paused, or somebody is deciding about it.
func (r *release) mayGoOn(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return r.deciding == 0 }); err != nil || !r.status.Paused {
		return err
	}
	if err := r.tag(ctx, "paused in "+r.words()); err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return r.deciding == 0 && !r.status.Paused })
}

// goOnOrStop takes how a step ended. What nobody but a person can mend stops the release
// for one, who lets it try again or ends it.
func (r *release) goOnOrStop(ctx workflow.Context, err error) error {
	if err == nil || errors.Is(err, errInterrupted) {
		return nil
	}
	if temporal.IsCanceledError(err) || ctx.Err() != nil {
		return err
	}
	r.goOn = false
	why := activities.StopReleaseInput{ReleaseID: r.in.ReleaseID, Why: reasonOf(err)}
	if err := r.onRecord(ctx, "stop for a person", a.StopRelease, why); err != nil {
		return err
	}
	err = r.stopped(ctx)
	if r.goOn = false; errors.Is(err, errInterrupted) {
		return nil
	}
	return err
}

// stopped waits for a person to let the release go on, or to end it.
func (r *release) stopped(ctx workflow.Context) error {
	if r.status.Stopped == "" { // somebody ended it in between
		return nil
	}
	if err := r.tag(ctx, "stopped: "+r.status.Stopped); err != nil {
		return err
	}
	return r.await(ctx, func() bool { return r.goOn })
}

// await waits for something, for as long as it takes.
func (r *release) await(ctx workflow.Context, what func() bool) error {
	began := r.status.State
	if err := workflow.Await(ctx, func() bool { return what() || r.interrupted(began) }); err != nil {
		return err
	}
	if r.interrupted(began) {
		return errInterrupted
	}
	return nil
}

// wait lets time pass, since the release came to its state, or until a person does not
// want to wait any longer.
func (r *release) wait(ctx workflow.Context, long time.Duration, what string) error {
	began := r.status.State
	r.status.Until = r.status.Since.Add(long)
	stage := fmt.Sprintf("%s until %s", what, r.status.Until.UTC().Format("2006-01-02 15:04 UTC"))
	if err := r.tag(ctx, stage); err != nil {
		return err
	}
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: max(r.status.Until.Sub(workflow.Now(ctx)), time.Millisecond), TimerOptions: workflow.TimerOptions{Summary: stage},
	}, func() bool { return r.goOn || r.interrupted(began) })
	if err != nil {
		return err
	}
	if r.interrupted(began) {
		return errInterrupted
	}
	r.goOn, r.status.Until = false, time.Time{}
	return nil
}

// plan works out what the release would change.
func (r *release) plan(ctx workflow.Context) error {
	at := workflow.Now(ctx).UTC()
	var got ShadowScoreResult
	err := r.work(ctx, "works out the new scores", func(ctx workflow.Context, models activities.Models) workflow.ChildWorkflowFuture {
		return workflow.ExecuteChildWorkflow(r.child(ctx, ShadowScoreID(r.id())), ShadowScore,
			ShadowScoreInput{ReleaseID: r.in.ReleaseID, Models: models, At: at})
	}, false, &got)
	if err != nil {
		return err
	}
	r.status.Difference, r.status.PlannedAt = &got.Difference, at
	return nil
}

// planIfOlder works out anew what has not been worked out within a time.
func (r *release) planIfOlder(ctx workflow.Context, than time.Duration) error {
	if r.status.Difference != nil && workflow.Now(ctx).Sub(r.status.PlannedAt) <= than {
		return nil
	}
	return r.plan(ctx)
}

// guard keeps what the release would change, and holds that against the settings. A
// person may let it pass.
func (r *release) guard(ctx workflow.Context, pass bool) error {
	in := activities.GuardReleaseInput{ReleaseID: r.in.ReleaseID, Difference: *r.status.Difference, Pass: pass}
	if err := r.onRecord(ctx, "the guard", a.GuardRelease, in); err != nil || r.status.Stopped == "" {
		return err
	}
	if err := r.stopped(ctx); err != nil {
		return err
	}
	r.goOn = false
	return r.planIfOlder(ctx, time.Hour) // a person may have thought about it for days
}

// rescore publishes the scores of one side.
func (r *release) rescore(ctx workflow.Context, in BulkRescoreInput) error {
	var got BulkRescoreResult
	does := fmt.Sprintf("publishes the new scores of %.0f %% of the accounts", 100*in.Share)
	if in.Back {
		does = "publishes the old scores again"
	}
	err := r.work(ctx, does, func(ctx workflow.Context, models activities.Models) workflow.ChildWorkflowFuture {
		in.ReleaseID, in.Models = r.in.ReleaseID, models
		return workflow.ExecuteChildWorkflow(r.child(ctx, BulkRescoreID(r.id())), BulkRescore, in)
	}, in.Back, &got)
	if err != nil {
		return err
	}
	r.status.Rescored = &got
	return nil
}

// work runs a child to its end, with the models of one side of the release. An
// interruption cancels it, and waits until it has put its work down: that is on record,
// and the next child goes on from there.
func (r *release) work(ctx workflow.Context, does string, start func(workflow.Context, activities.Models) workflow.ChildWorkflowFuture, back bool, into any) error {
	began := r.status.State
	if err := r.tag(ctx, does); err != nil {
		return err
	}
	var models activities.Models
	of := activities.ReleaseModelsInput{ReleaseID: r.in.ReleaseID, Back: back}
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "the models"), a.ReleaseModels, of).Get(ctx, &models); err != nil {
		return err
	}
	for {
		under, cancel := workflow.WithCancel(ctx)
		child := start(under, models)
		if err := workflow.Await(ctx, func() bool { return child.IsReady() || r.interrupted(began) }); err != nil {
			cancel()
			return err
		}
		stop := !child.IsReady()
		cancel()
		err := child.Get(ctx, into)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case r.interrupted(began), stop && err != nil:
			return errInterrupted
		case !temporal.IsWorkflowExecutionAlreadyStartedError(err): // else one of a run before this one puts its work down
			return err
		}
		if err := workflow.Sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// child is one at a time of its kind, ever: it is over before the next one starts.
func (r *release) child(ctx workflow.Context, id string) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, StaticSummary: r.name(), WaitForCancellation: true,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		Priority:              temporal.Priority{PriorityKey: lowestPriority}, // companies that arrive come first
	})
}

func (r *release) id() string { return ModelReleaseID(r.in.Model) }

func (r *release) name() string { return fmt.Sprintf("%s@%d", r.in.Model.Name, r.in.Model.Version) }

func (r *release) words() string { return strings.ReplaceAll(r.status.State, "_", " ") }
