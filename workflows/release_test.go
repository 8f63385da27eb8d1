package workflows_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

const (
	day        = 24 * time.Hour
	childTakes = 2 * time.Hour
)

// keptRelease is a release in the test environment, and its record.
type keptRelease struct {
	*testsuite.TestWorkflowEnvironment
	turns
	t         *testing.T
	settings  activities.ReleaseSettings
	rec       activities.Release
	live      int // the version that is active
	candidate int // on trial
	moves     map[int64]store.ReleaseMove
	said      map[int64]store.Approval

	difference activities.Difference
	fails      []error // of the next re-scores
	journal    []string
	planned    []time.Time
	rescored   []workflows.BulkRescoreInput // that came to their end
	cut        int                          // children that were cancelled
}

func newKeptRelease(t *testing.T) *keptRelease {
	t.Helper()
	r := &keptRelease{
		TestWorkflowEnvironment: bareEnvironment(), t: t, live: 2,
		settings: activities.ReleaseSettings{
			Roles: []string{"sales", "marketing"}, Shadow: 3 * day, AB: store.Trial{Share: 0.2, For: 14 * day},
			Guard: store.Guard{TierShare: 0.25, TasksPerRep: 20},
		},
		rec:        activities.Release{Model: activities.ModelRef{Name: "revops", Version: 3}, Replaces: 2, State: store.Draft},
		difference: activities.Difference{Accounts: 100, TierChanged: 10},
		moves:      map[int64]store.ReleaseMove{}, said: map[int64]store.Approval{},
	}
	r.children()
	r.SetStartTime(time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC))
	r.rec.Since = r.Now()
	r.SetTestTimeout(time.Minute) // of real time: the virtual one flies
	r.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	r.OnActivity(a.ReadRelease, mock.Anything, mock.Anything).Return(func(context.Context, int64) (activities.Release, error) { defer r.lock()(); return r.stands() }).Maybe()
	r.OnActivity(a.ValidateRelease, mock.Anything, mock.Anything).Return(func(context.Context, int64) (activities.Release, error) {
		defer r.lock()()
		return r.to(store.Validated)
	}).Maybe()
	r.OnActivity(a.BacktestRelease, mock.Anything, mock.Anything).Return(func(context.Context, int64) (activities.BacktestResult, error) {
		defer r.lock()()
		stands, err := r.to(store.Backtested)
		return activities.BacktestResult{Release: stands, Backtest: review.Duelled{Why: "no deals on record"}}, err
	}).Maybe()
	r.OnActivity(a.MoveRelease, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.MoveReleaseInput) (activities.Release, error) {
		defer r.lock()()
		return r.to(in.To)
	}).Maybe()
	r.OnActivity(a.GuardRelease, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.GuardReleaseInput) (activities.Release, error) {
		defer r.lock()()
		if r.rec.Stopped = ""; !in.Pass {
			r.rec.Stopped = in.Difference.Stops(r.settings.Guard)
		}
		if r.rec.Stopped != "" {
			r.note("stopped")
		}
		return r.stands()
	}).Maybe()
	r.OnActivity(a.StopRelease, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.StopReleaseInput) (activities.Release, error) {
		defer r.lock()()
		r.rec.Stopped = in.Why
		r.note("stopped")
		return r.stands()
	}).Maybe()
	r.OnActivity(a.EndRelease, mock.Anything, mock.Anything).Return(func(context.Context, activities.EndReleaseInput) (activities.Release, error) {
		defer r.lock()()
		r.rec.Over = true
		return r.stands()
	}).Maybe()
	r.OnActivity(a.CountApproval, mock.Anything, mock.Anything).Return(r.count).Maybe()
	r.OnActivity(a.TakeMove, mock.Anything, mock.Anything).Return(r.take).Maybe()
	r.OnActivity(a.ReleaseModels, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ReleaseModelsInput) (activities.Models, error) {
		defer r.lock()()
		ref := r.rec.Model
		if in.Back {
			ref.Version = r.rec.Replaces
		}
		return activities.Models{Model: ref}, nil
	}).Maybe()
	return r
}

// bareEnvironment has no workflow but ModelRelease: its children are the tests' own.
func bareEnvironment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(workflows.ModelRelease, workflow.RegisterOptions{Name: "ModelRelease"})
	env.RegisterActivity(&activities.Activities{})
	return env
}

// children stand in for the ones of a release: each takes its time, and can be cancelled.
func (r *keptRelease) children() {
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.ShadowScoreInput) (*workflows.ShadowScoreResult, error) {
		if err := r.lasts(ctx); err != nil {
			return nil, err
		}
		defer r.lock()()
		require.Equal(r.t, 3, in.Models.Model.Version)
		r.planned = append(r.planned, in.At)
		return &workflows.ShadowScoreResult{Difference: r.difference}, nil
	}, workflow.RegisterOptions{Name: "ShadowScore"})
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.BulkRescoreInput) (*workflows.BulkRescoreResult, error) {
		if err := r.lasts(ctx); err != nil {
			return nil, err
		}
		defer r.lock()()
		if len(r.fails) > 0 {
			err := r.fails[0]
			r.fails = r.fails[1:]
			return nil, err
		}
		r.rescored = append(r.rescored, in)
		return &workflows.BulkRescoreResult{Published: 7}, nil
	}, workflow.RegisterOptions{Name: "BulkRescore"})
}

// lasts is how long a child takes, unless it is cancelled.
func (r *keptRelease) lasts(ctx workflow.Context) error {
	err := workflow.Sleep(ctx, childTakes)
	if err != nil {
		defer r.lock()()
		r.cut++
	}
	return err
}

func (r *keptRelease) stands() (activities.Release, error) {
	out := r.rec
	out.Signed = slices.Clone(r.rec.Signed)
	return out, nil
}

func (r *keptRelease) note(step string) {
	r.rec.Steps++
	r.journal = append(r.journal, step)
}

func (r *keptRelease) to(state string) (activities.Release, error) {
	if r.rec.Over || r.rec.State == store.Withdrawn || r.rec.State == store.RolledBack {
		return r.stands()
	}
	switch state {
	case store.AB:
		r.candidate, r.rec.Published = 3, true
	case store.Active:
		r.live, r.candidate, r.rec.Published = 3, 0, true
	}
	r.rec.State, r.rec.Since, r.rec.Stopped = state, r.Now(), ""
	r.note(state)
	return r.stands()
}

func refused(err error) error {
	return temporal.NewNonRetryableApplicationError(err.Error(), activities.Invalid, nil)
}

func (r *keptRelease) count(_ context.Context, in activities.DecisionInput) (activities.Release, error) {
	defer r.lock()()
	said := r.said[in.ID]
	if err := r.rec.CheckApproval(said.Role, r.settings.Roles); err != nil {
		return activities.Release{}, refused(err)
	}
	if said.Verdict == store.Rejected {
		r.rec.State, r.rec.Over = store.RejectedRelease, true
		r.note(store.RejectedRelease)
		return r.stands()
	}
	r.rec.Signed = append(r.rec.Signed, said.Role)
	r.note("approved")
	return r.stands()
}

func (r *keptRelease) take(_ context.Context, in activities.DecisionInput) (activities.Release, error) {
	defer r.lock()()
	m := r.moves[in.ID]
	if err := r.rec.CheckMove(m.Move, m.DespiteGuard); err != nil {
		return activities.Release{}, refused(err)
	}
	switch m.Move {
	case store.ActivateMove:
		r.rec.Stopped = ""
		r.note("go_on")
	case store.PauseMove, store.ResumeMove:
		r.rec.Paused = m.Move == store.PauseMove
		r.note(m.Move)
	default:
		if r.rec.State = store.Withdrawn; m.Move == store.RollbackMove {
			r.rec.State = store.RolledBack
		}
		r.rec.Over, r.rec.Stopped, r.rec.Paused = !r.rec.Published, "", false
		r.live, r.candidate = 2, 0
		r.note(r.rec.State)
	}
	return r.stands()
}

// decided is how an update ended.
type decided struct{ rejected, failed error }

func (r *keptRelease) update(after time.Duration, name string, arg any) *decided {
	d := &decided{}
	r.RegisterDelayedCallback(func() {
		r.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { d.rejected = err }, OnAccept: func() {}, OnComplete: func(_ any, err error) { d.failed = err },
		}, arg)
	}, after)
	return d
}

func (r *keptRelease) decide(after time.Duration, move string) *decided {
	return r.decideSo(after, store.ReleaseMove{Move: move})
}

func (r *keptRelease) decideSo(after time.Duration, m store.ReleaseMove) *decided {
	id := int64(len(r.moves) + 1)
	r.moves[id] = m
	return r.update(after, m.Move, workflows.ReleaseMove{ID: id, DespiteGuard: m.DespiteGuard})
}

func (r *keptRelease) approve(after time.Duration, role, verdict string) *decided {
	id := int64(len(r.said) + 1)
	r.said[id] = store.Approval{Role: role, Verdict: verdict}
	return r.update(after, workflows.ApproveUpdate, workflows.ReleaseApproval{ID: id, Role: role})
}

// signOff has both roles approve within the first two hours.
func (r *keptRelease) signOff() *keptRelease {
	r.approve(time.Hour, "marketing", store.Approved)
	r.approve(2*time.Hour, "sales", store.Approved)
	return r
}

// signed is the journal until the release is signed off; followed by more.
func signed(more ...string) []string {
	return append([]string{"validated", "backtested", "approved", "approved", "signed_off"}, more...)
}

func (r *keptRelease) run() workflows.ReleaseStatus {
	r.t.Helper()
	in := workflows.ModelReleaseInput{ReleaseID: 9, Model: r.rec.Model, Settings: r.settings}
	r.ExecuteWorkflow(workflows.ModelRelease, in)
	defer r.lock()()
	require.True(r.t, r.IsWorkflowCompleted())
	require.NoError(r.t, r.GetWorkflowError())
	var s workflows.ReleaseStatus
	require.NoError(r.t, r.GetWorkflowResult(&s))
	return s
}

// shares are those of the re-scores that came to their end; -1 for one on the way back.
func (r *keptRelease) shares() []float64 {
	shares := []float64{}
	for _, in := range r.rescored {
		require.Equal(r.t, int64(9), in.ReleaseID)
		version, share := 3, in.Share
		if in.Back {
			version, share = 2, -1
		}
		require.Equal(r.t, version, in.Models.Model.Version)
		shares = append(shares, share)
	}
	return shares
}

func TestAReleaseIsSignedOffShadowedTriedAndThenScoresAll(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t).signOff()
	began := r.Now().UTC()
	r.RegisterDelayedCallback(func() {
		value, err := r.QueryWorkflow(workflows.StatusQuery)
		require.NoError(t, err)
		var s workflows.ReleaseStatus
		require.NoError(t, value.Get(&s))
		require.Equal(t, "waits for sign-off by sales", s.Stage)
		require.Equal(t, "no deals on record", s.Backtest.Why)
	}, 90*time.Minute)
	s := r.run()
	require.True(t, s.Over)
	require.Equal(t, store.Active, s.State)
	require.Equal(t, signed("shadow", "ab", "active"), r.journal)
	require.Equal(t, []float64{0.2, 1}, r.shares())
	shadow := began.Add(2 * time.Hour)
	ab := shadow.Add(3*day + childTakes)
	require.Equal(t, []time.Time{shadow, shadow.Add(3 * day), ab.Add(14 * day)}, r.planned,
		"when the shadow begins and ends, and before all get it: what is published is fresh")
	require.Equal(t, ab.Add(14*day+childTakes), s.Since)
	require.Equal(t, []int{3, 0, 7}, []int{r.live, r.candidate, s.Rescored.Published})
}

func TestWithoutAShareThereIsNoAB(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t).signOff()
	r.settings.AB.Share = 0
	r.run()
	require.Equal(t, signed("shadow", "active"), r.journal)
	require.Equal(t, []float64{1}, r.shares())
}

func TestARejectionEndsARelease(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t)
	r.approve(time.Hour, "sales", store.Approved)
	r.approve(2*time.Hour, "marketing", store.Rejected)
	s := r.run()
	require.Equal(t, store.RejectedRelease, s.State)
	require.Equal(t, []string{"validated", "backtested", "approved", "rejected"}, r.journal)
	require.Empty(t, r.planned)
	require.Empty(t, r.rescored)
	require.Equal(t, 2, r.live)
}

func TestWhatMakesNoSenseIsRefusedBeforeItIsInTheHistory(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t)
	early := r.decide(time.Minute, store.ActivateMove)
	other := r.approve(2*time.Minute, "finance", store.Approved)
	nothing := r.update(3*time.Minute, workflows.PauseUpdate, workflows.ReleaseMove{})
	resume := r.decide(4*time.Minute, store.ResumeMove)
	r.signOff()
	twice := r.approve(90*time.Minute, "marketing", store.Approved)
	late := r.approve(5*time.Hour, "sales", store.Approved)
	r.run()
	for says, d := range map[string]*decided{
		"state: revops@3 waits for its sign-off":              early,
		`role: no role "finance" signs off revops@3`:          other,
		"id: want the id of a decision on record":             nothing,
		"state: revops@3 is not paused":                       resume,
		"role: marketing has approved it already":             twice,
		"state: revops@3 does not wait for a sign-off: it is": late,
	} {
		require.ErrorContains(t, d.rejected, says)
	}
	require.Equal(t, signed("shadow", "ab", "active"), r.journal)
}

func TestTheGuardStopsAReleaseForAPerson(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t).signOff()
	r.difference = activities.Difference{Accounts: 100, TierChanged: 31, TasksByOwner: map[string]int{"201": 3, "202": 34, "": 99}}
	blind := r.decide(10*day, store.ActivateMove)
	r.decideSo(11*day, store.ReleaseMove{Move: store.ActivateMove, DespiteGuard: true})
	r.RegisterDelayedCallback(func() {
		defer r.lock()()
		require.Equal(t, "guard: 31 of 100 accounts (31 %) would change tier, and 25 % may; owner 202 would get 34 new tasks, and 20 may be", r.rec.Stopped)
	}, 9*day)
	r.run()
	require.ErrorContains(t, blind.rejected, "was stopped by the guard: 31 of 100 accounts")
	require.ErrorContains(t, blind.rejected, "--despite-guard")
	require.Equal(t, signed("shadow", "stopped", "go_on", "ab", "active"), r.journal)
	require.Len(t, r.planned, 4, "a plan that somebody thought about for days is made anew")
}

func TestAPersonMayLetAReleasePassTheGuardBeforehandOrEndIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		move store.ReleaseMove
		want []string
	}{
		"pass": {store.ReleaseMove{Move: store.ActivateMove, DespiteGuard: true}, signed("shadow", "go_on", "ab", "active")},
		"end":  {store.ReleaseMove{Move: store.WithdrawMove}, signed("shadow", "withdrawn")},
	} {
		r := newKeptRelease(t).signOff()
		r.difference.TierChanged = 99
		r.decideSo(day, tt.move)
		r.run()
		require.Equal(t, tt.want, r.journal, name)
	}
}

func TestActivateDoesNotWaitAnyLonger(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t).signOff()
	began := r.Now().UTC()
	r.decide(day, store.ActivateMove)   // in the shadow
	r.decide(2*day, store.ActivateMove) // in the A/B
	s := r.run()
	require.Equal(t, signed("shadow", "go_on", "ab", "go_on", "active"), r.journal)
	require.Equal(t, began.Add(2*day+childTakes), s.Since, "with a fresh plan")
}

// stages are moments in the life of a release whose roles sign it off at two hours, and
// what it has by then. Children take two hours.
var stages = []struct {
	name   string
	at     time.Duration
	state  string
	done   []float64 // re-scores that have come to their end
	public bool      // whether something was, or is being, published
}{
	{"sign-off", 30 * time.Minute, store.Backtested, nil, false},
	{"plan", 3 * time.Hour, store.Shadow, nil, false},
	{"shadow", day, store.Shadow, nil, false},
	{"fresh plan", 3*day + 3*time.Hour, store.Shadow, nil, false},
	{"publish to a share", 3*day + 5*time.Hour, store.AB, nil, true},
	{"A/B", 10 * day, store.AB, []float64{0.2}, true},
	{"plan for all", 17*day + 5*time.Hour, store.AB, []float64{0.2}, true},
	{"publish to all", 17*day + 7*time.Hour, store.Active, []float64{0.2}, true},
}

func TestAReleaseIsPausedInEveryStageAndGoesOnWhereItStood(t *testing.T) {
	t.Parallel()
	for _, at := range stages {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			r := newKeptRelease(t)
			r.decide(at.at, store.PauseMove)
			if at.state != store.Backtested {
				r.signOff()
			} else {
				r.approve(time.Hour, "marketing", store.Approved) // which counts, and moves nothing
				r.approve(2*time.Hour, "sales", store.Approved)
			}
			var during, later []string
			look := func(into *[]string) func() {
				return func() {
					defer r.lock()()
					require.Equal(t, at.state, r.rec.State)
					*into = append(slices.Clone(r.journal), strings.Repeat("planned ", len(r.planned)), strings.Repeat("rescored ", len(r.rescored)))
				}
			}
			r.RegisterDelayedCallback(look(&during), max(at.at, 2*time.Hour)+time.Minute)
			r.RegisterDelayedCallback(look(&later), 100*day-time.Minute)
			r.decide(100*day, store.ResumeMove)
			s := r.run()
			require.NotEmpty(t, during)
			require.Equal(t, during, later, "for months nothing happens by itself")
			require.Equal(t, store.Active, s.State)
			require.True(t, s.Over)
			require.Equal(t, []float64{0.2, 1}, r.shares())
			require.Equal(t, 3, r.live)
			without := slices.DeleteFunc(slices.Clone(r.journal), func(s string) bool { return s == "pause" || s == "resume" })
			require.Equal(t, signed("shadow", "ab", "active"), without)
		})
	}
}

func TestAReleaseIsTakenBackFromEveryStage(t *testing.T) {
	t.Parallel()
	for _, move := range []string{store.RollbackMove, store.WithdrawMove} {
		for _, at := range stages {
			t.Run(move+" in "+at.name, func(t *testing.T) {
				t.Parallel()
				r := newKeptRelease(t)
				got := r.decide(at.at, move)
				if at.at > 2*time.Hour {
					r.signOff()
				}
				s := r.run()
				if move == store.WithdrawMove && at.state == store.Active {
					require.ErrorContains(t, got.rejected, "state: revops@3 is active: take it back with `starter icp rollback revops@3`")
					require.Equal(t, store.Active, s.State)
					return
				}
				require.NoError(t, got.rejected)
				require.True(t, s.Over)
				require.Equal(t, map[string]string{store.RollbackMove: store.RolledBack, store.WithdrawMove: store.Withdrawn}[move], s.State)
				want := slices.Clone(at.done)
				if at.public {
					want = append(want, -1)
				}
				require.ElementsMatch(t, want, r.shares(), "what was published is taken back, and only that")
				require.Equal(t, []int{2, 0}, []int{r.live, r.candidate})
			})
		}
	}
}

func TestTheWayBackIsPausedToo(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t).signOff()
	r.decide(10*day, store.RollbackMove)
	again := r.decide(10*day+30*time.Minute, store.RollbackMove)
	r.decide(10*day+time.Hour, store.PauseMove)
	r.decide(20*day, store.ResumeMove)
	s := r.run()
	require.ErrorContains(t, again.rejected, "is on its way back already")
	require.Equal(t, []float64{0.2, -1}, r.shares())
	require.Equal(t, store.RolledBack, s.State)
	require.Equal(t, 1, r.cut)
}

func TestWhatHasBeenActiveForAWhileIsRolledBackByTheNextRun(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t)
	r.rec.State, r.rec.Over, r.rec.Published, r.live = store.Active, true, true, 3
	got := r.decide(0, store.RollbackMove)
	s := r.run()
	require.NoError(t, got.failed)
	require.Equal(t, store.RolledBack, s.State)
	require.Equal(t, []float64{-1}, r.shares())
	require.Equal(t, 2, r.live)

	retired := newKeptRelease(t)
	retired.rec.State, retired.rec.Over, retired.rec.Published, retired.live = store.Retired, true, true, 4
	got = retired.decide(0, store.RollbackMove)
	retired.run()
	require.Error(t, cmpOr(got.rejected, got.failed))
	require.Empty(t, retired.rescored)
	require.Equal(t, 4, retired.live)
}

func cmpOr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestARunThatFindsNothingToDoEnds(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t)
	r.rec.State, r.rec.Over = store.Active, true
	s := r.run()
	require.Equal(t, store.Active, s.State)
	require.Empty(t, r.journal)
}

func TestAFailedReScoreStopsTheReleaseUntilAPersonHasItTriedAgain(t *testing.T) {
	t.Parallel()
	r := newKeptRelease(t).signOff()
	r.fails = []error{temporal.NewNonRetryableApplicationError("hubspot: auth_failed (401)", "auth_failed", nil)}
	r.RegisterDelayedCallback(func() {
		defer r.lock()()
		require.Equal(t, "hubspot: auth_failed (401)", r.rec.Stopped)
		require.Equal(t, store.AB, r.rec.State)
	}, 5*day)
	r.decide(6*day, store.ActivateMove)
	s := r.run()
	require.Equal(t, signed("shadow", "ab", "stopped", "go_on", "active"), r.journal)
	require.Equal(t, []float64{0.2, 1}, r.shares())
	require.Equal(t, store.Active, s.State)
	require.Empty(t, s.Stopped)
}

func TestARunThatStartsLaterGoesOnFromTheRecord(t *testing.T) {
	t.Parallel()
	for state, want := range map[string][]float64{store.Shadow: {0.2, 1}, store.AB: {0.2, 1}, store.Active: {1}, store.RolledBack: {-1}} {
		r := newKeptRelease(t)
		r.rec.State, r.rec.Signed = state, r.settings.Roles
		r.rec.Published = state != store.Shadow
		s := r.run()
		require.True(t, s.Over, state)
		require.Equal(t, want, r.shares(), state)
		require.NotContains(t, r.journal, store.Validated, state)
	}
}

func TestAReleaseThatIsNotOnRecordIsRefused(t *testing.T) {
	t.Parallel()
	env := newEnvironment()
	env.OnActivity(a.ReadRelease, mock.Anything, mock.Anything).Return(activities.Release{}, refused(account.Invalid("release_id", "no release 9 is on record")))
	env.ExecuteWorkflow(workflows.ModelRelease, workflows.ModelReleaseInput{ReleaseID: 9})
	require.ErrorContains(t, env.GetWorkflowError(), "no release 9 is on record")
}
