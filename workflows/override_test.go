package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/workflows"
)

// answerTo is how an update ended.
type answerTo struct {
	rejected, failed error
	result           *workflows.OverrideResult
	done             bool
}

// update sends an update after a while, and notes how it ends.
func update(env *testsuite.TestWorkflowEnvironment, after time.Duration, name string, arg any) *answerTo {
	got := &answerTo{}
	env.RegisterDelayedCallback(func() {
		env.UpdateWorkflow(name, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { got.rejected, got.done = err, true },
			OnAccept: func() {},
			OnComplete: func(v any, err error) {
				got.failed, got.done = err, true
				got.result, _ = v.(*workflows.OverrideResult)
			},
		}, arg)
	}, after)
	return got
}

// keeper is what an account's overrides are in the test environment.
type keeper struct {
	*testsuite.TestWorkflowEnvironment
	turns
	began  []int64
	ended  []activities.EndOverrideInput
	endsAs string // how an override has ended already; "": as asked
	unkept bool   // the account has no CRM record
	scored []activities.ScoreInput
	wrote  []time.Time
	refuse int // how many writes the CRM refuses our key for
}

func newKeeper(env *testsuite.TestWorkflowEnvironment) *keeper {
	k := &keeper{TestWorkflowEnvironment: env}
	env.SetTestTimeout(time.Minute) // of real time
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	env.OnActivity(a.BeginOverride, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.BeginOverrideInput) (activities.BeginOverrideResult, error) {
			defer k.lock()()
			k.began = append(k.began, in.ID)
			if in.ID == 404 {
				return activities.BeginOverrideResult{}, temporal.NewNonRetryableApplicationError("id: the account has no override 404", activities.Invalid, nil)
			}
			if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(env.Now()) {
				return activities.BeginOverrideResult{}, temporal.NewNonRetryableApplicationError("expires_at: lies in the past", activities.Invalid, nil)
			}
			return activities.BeginOverrideResult{Scored: true}, nil
		}).Maybe()
	env.OnActivity(a.EndOverride, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.EndOverrideInput) (activities.EndOverrideResult, error) {
			defer k.lock()()
			k.ended = append(k.ended, in)
			if k.endsAs != "" {
				return activities.EndOverrideResult{Ended: k.endsAs}, nil
			}
			return activities.EndOverrideResult{Ended: in.How}, nil
		}).Maybe()
	env.OnActivity(a.ReadAccount, mock.Anything, mock.Anything).Return(func(_ context.Context, id int64) (activities.Brief, error) {
		b := activities.Brief{Score: activities.ScoreInput{AccountID: id, Owner: "201"}, Key: key}
		if k.unkept {
			b.Key = account.Key{}
		}
		return b, nil
	}).Maybe()
	return k
}

// newAccountKeeper is the keeper of tests of AccountOverride by itself.
func newAccountKeeper() *keeper {
	k := newKeeper(newEnvironment())
	k.OnActivity(a.Score, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ScoreInput) (activities.ScoreResult, error) {
		defer k.lock()()
		k.scored = append(k.scored, in)
		return activities.ScoreResult{ScoreID: int64(len(k.scored)), Value: 70, Tier: "Tier 1", Queue: "sdr-outreach"}, nil
	}).Maybe()
	k.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(func(context.Context, activities.ApplyInput) (activities.ApplyResult, error) {
		defer k.lock()()
		if k.refuse > 0 {
			k.refuse--
			return activities.ApplyResult{}, temporal.NewNonRetryableApplicationError("hubspot: auth_failed (401)", "auth_failed", nil)
		}
		k.wrote = append(k.wrote, k.Now())
		return activities.ApplyResult{TaskID: "9"}, nil
	}).Maybe()
	return k
}

func (k *keeper) run(t *testing.T, in workflows.AccountOverrideInput) workflows.OverrideStatus {
	t.Helper()
	in.AccountID = 7
	k.ExecuteWorkflow(workflows.AccountOverride, in)
	require.True(t, k.IsWorkflowCompleted())
	require.NoError(t, k.GetWorkflowError())
	var s workflows.OverrideStatus
	require.NoError(t, k.GetWorkflowResult(&s))
	return s
}

func tierOne(id int64, expires time.Time) workflows.Override {
	return workflows.Override{ID: id, Override: icp.Override{Tier: "Tier 1", Code: "strategic", ExpiresAt: expires}}
}

func TestOverrideHoldsUntilItsTimeIsUp(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	got := update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, start.Add(30*24*time.Hour)))
	var during workflows.OverrideStatus
	k.RegisterDelayedCallback(func() {
		v, err := k.QueryWorkflow(workflows.StatusQuery)
		require.NoError(t, err)
		require.NoError(t, v.Get(&during))
	}, 29*24*time.Hour)
	s := k.run(t, workflows.AccountOverrideInput{})
	require.NoError(t, got.failed)
	require.Equal(t, "9", got.result.TaskID)
	require.Equal(t, 70, got.result.Score.Value)
	require.Equal(t, []int64{5}, k.began)
	require.Equal(t, int64(5), during.Holds.ID)
	require.Equal(t, []activities.EndOverrideInput{{AccountID: 7, ID: 5, How: "expired"}}, k.ended)
	require.Nil(t, s.Holds)
	require.Equal(t, "expired", s.Ended)
	require.Len(t, k.scored, 2)
	for i, in := range k.scored {
		require.Equal(t, []any{"override", i + 1, "201"}, []any{in.Cause, in.Pass, in.Owner})
	}
	require.Len(t, k.wrote, 2)
	require.WithinDuration(t, start, k.wrote[0], time.Minute)
	require.WithinDuration(t, start.Add(30*24*time.Hour), k.wrote[1], time.Minute)
}

func TestOverrideThatIsReplacedDoesNotExpire(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, start.Add(time.Hour)))
	update(k.TestWorkflowEnvironment, 30*time.Minute, workflows.OverrideUpdate, tierOne(6, start.Add(3*time.Hour)))
	s := k.run(t, workflows.AccountOverrideInput{})
	require.Equal(t, []int64{5, 6}, k.began)
	require.Equal(t, []activities.EndOverrideInput{{AccountID: 7, ID: 6, How: "expired"}}, k.ended, "the timer of the first is void")
	require.Equal(t, "expired", s.Ended)
	require.Len(t, k.wrote, 3)
	require.WithinDuration(t, start.Add(3*time.Hour), k.wrote[2], time.Minute)
}

func TestOverrideOfARunTakesThePlaceOfTheOneThatIsLookedAfter(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	began := tierOne(5, start.Add(time.Hour))
	k.RegisterDelayedCallback(func() { k.SignalWorkflow("override-began", tierOne(6, start.Add(2*time.Hour))) }, 10*time.Minute)
	k.RegisterDelayedCallback(func() { k.SignalWorkflow("override-began", tierOne(4, start.Add(20*time.Minute))) }, 11*time.Minute) // late
	k.run(t, workflows.AccountOverrideInput{Began: &began})
	require.Empty(t, k.began, "the run began them")
	require.Equal(t, []activities.EndOverrideInput{{AccountID: 7, ID: 6, How: "expired"}}, k.ended)
	require.Len(t, k.wrote, 1)
}

func TestOverrideThatEndedOtherwiseChangesNothingMore(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	k.endsAs = "replaced" // by one that has no expiry, and so is looked after by nobody
	began := tierOne(5, k.Now().Add(time.Hour))
	s := k.run(t, workflows.AccountOverrideInput{Began: &began})
	require.Equal(t, "replaced", s.Ended)
	require.Empty(t, k.scored)
	require.Empty(t, k.wrote)
}

func TestOverrideThatIsTakenBackEndsAtOnce(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	began := tierOne(5, start.Add(30*24*time.Hour))
	got := update(k.TestWorkflowEnvironment, time.Hour, workflows.ClearOverrideUpdate, workflows.ClearOverride{ID: 5})
	s := k.run(t, workflows.AccountOverrideInput{Began: &began})
	require.NoError(t, got.failed)
	require.Equal(t, []activities.EndOverrideInput{{AccountID: 7, ID: 5, How: "cleared"}}, k.ended)
	require.Equal(t, "cleared", s.Ended)
	require.Len(t, k.wrote, 1)
	require.Less(t, k.Now().Sub(start), 2*time.Hour, "nothing is waited for any more")
}

func TestOverrideWithoutAnExpiryIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, time.Time{}))
	s := k.run(t, workflows.AccountOverrideInput{})
	require.Equal(t, int64(5), s.Holds.ID)
	require.Empty(t, k.ended)
	require.Less(t, k.Now().Sub(start), time.Hour)
}

func TestOverrideThatIsRefusedLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	got := update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, workflows.Override{ID: 5, Override: icp.Override{Tier: "Tier 1", Code: "mood"}})
	s := k.run(t, workflows.AccountOverrideInput{})
	require.ErrorContains(t, got.rejected, "code: want one of")
	require.Nil(t, s.Holds)
	require.Empty(t, k.began)
	require.LessOrEqual(t, k.Now().Sub(start), 20*time.Second)

	k = newAccountKeeper()
	got = update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(404, time.Time{}))
	s = k.run(t, workflows.AccountOverrideInput{})
	require.ErrorContains(t, got.failed, "no override 404")
	require.Nil(t, s.Holds)
	require.Empty(t, k.scored)
}

func TestOverrideOfATierThatTheRunHasNotHeardOfIsTheModelsToJudge(t *testing.T) {
	t.Parallel()
	b, k := waiting(t)
	got := update(b.TestWorkflowEnvironment, 20*time.Second, workflows.OverrideUpdate, workflows.Override{ID: 5, Override: icp.Override{Tier: "Tier 0", Code: "other"}})
	b.run(t)
	require.NoError(t, got.rejected)
	require.NoError(t, got.failed)
	require.Equal(t, []int64{5}, k.began)
}

func TestOverrideWhoseTimeIsUpBeforeItsTurnIsRefusedOnRecord(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	start := k.Now()
	got := update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, start.Add(-time.Second)))
	s := k.run(t, workflows.AccountOverrideInput{})
	require.NoError(t, got.rejected, "a refusal that nobody puts on record")
	require.ErrorContains(t, got.failed, "expires_at: lies in the past")
	require.Less(t, k.Now().Sub(start), time.Second, "nothing to wait for")
	require.Nil(t, s.Holds)
	require.Empty(t, k.scored)
}

func TestOverrideWaitsForTheCRMsKey(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	k.refuse = 3
	start := k.Now()
	got := update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, time.Time{}))
	k.run(t, workflows.AccountOverrideInput{})
	require.NoError(t, got.failed)
	require.Len(t, k.wrote, 1)
	require.GreaterOrEqual(t, k.wrote[0].Sub(start), 15*time.Minute, "it is dropped by nobody")
}

func TestOverrideOfAnAccountWithoutARecordStaysInSluice(t *testing.T) {
	t.Parallel()
	k := newAccountKeeper()
	k.unkept = true
	got := update(k.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, k.Now().Add(time.Hour)))
	k.run(t, workflows.AccountOverrideInput{})
	require.NoError(t, got.failed)
	require.Len(t, k.scored, 2)
	require.Empty(t, k.wrote)
}

// waiting is an onboarding that waits for apollo when updates arrive.
func waiting(t *testing.T) (*bundle, *keeper) {
	t.Helper()
	b := setup(t)
	b.who.LateFill.Wait = time.Minute
	b.answers(map[string][]answer{"apollo": {circuitOpen(time.Minute), found()}, "pdl": {miss(account.Industry, account.Employees)}})
	return b, newKeeper(b.TestWorkflowEnvironment)
}

func TestOnboardingRefusesAnOverrideThatMakesNoSense(t *testing.T) {
	t.Parallel()
	b, k := waiting(t)
	tests := map[string]workflows.Override{
		"id: want the id":               {Override: icp.Override{Tier: "Tier 1", Code: "other"}},
		"score: give a score or a tier": {ID: 5, Override: icp.Override{Code: "other"}},
		"tier: give a score or a tier":  {ID: 5, Override: icp.Override{Score: new(80), Tier: "Tier 1", Code: "other"}},
		"code: want one of":             {ID: 5, Override: icp.Override{Tier: "Tier 1", Code: "mood"}},
	}
	answers := map[string]*answerTo{}
	for says, in := range tests {
		answers[says] = update(b.TestWorkflowEnvironment, 20*time.Second, workflows.OverrideUpdate, in)
	}
	b.run(t)
	for says, got := range answers {
		require.ErrorContains(t, got.rejected, says)
		var refused *temporal.ApplicationError
		require.ErrorAs(t, got.rejected, &refused)
		require.Equal(t, activities.Invalid, refused.Type())
	}
	require.Empty(t, k.began)
	require.Len(t, b.passes, 2, "those of the run itself")
}

func TestOnboardingTakesAnOverrideWhileItWaits(t *testing.T) {
	t.Parallel()
	b, k := waiting(t)
	expires := b.Now().Add(time.Hour)
	var handedOver []workflows.AccountOverrideInput
	b.OnWorkflow(workflows.AccountOverride, mock.Anything, mock.Anything).Return(
		func(_ workflow.Context, in workflows.AccountOverrideInput) (*workflows.OverrideStatus, error) {
			handedOver = append(handedOver, in)
			return &workflows.OverrideStatus{}, nil
		})
	got := update(b.TestWorkflowEnvironment, 20*time.Second, workflows.OverrideUpdate, tierOne(5, expires))
	s := b.run(t)
	require.NoError(t, got.failed)
	require.Equal(t, int64(5), got.result.ID)
	require.Equal(t, []int64{5}, k.began)
	require.Len(t, handedOver, 1)
	require.Equal(t, int64(7), handedOver[0].AccountID)
	require.Equal(t, int64(5), handedOver[0].Began.ID)
	require.True(t, expires.Equal(handedOver[0].Began.ExpiresAt))
	var causes []string
	for i, in := range b.passes {
		causes = append(causes, in.Cause)
		require.Equal(t, i+1, in.Pass, "each pass is scored once")
	}
	require.Equal(t, []string{"", "override", ""}, causes, "before it, with it, and when apollo is back")
	require.Equal(t, 3, b.wrote)
	require.Equal(t, workflows.Completed, s.Status)
}

func TestOnboardingHandsAnOverrideToTheWorkflowThatLooksAfterAnotherOne(t *testing.T) {
	t.Parallel()
	b, _ := waiting(t)
	var signalled []workflows.Override
	b.OnWorkflow(workflows.AccountOverride, mock.Anything, mock.Anything).Return(
		func(ctx workflow.Context, _ workflows.AccountOverrideInput) (*workflows.OverrideStatus, error) {
			var next workflows.Override
			workflow.GetSignalChannel(ctx, "override-began").Receive(ctx, &next)
			signalled = append(signalled, next)
			return nil, nil
		}).Once()
	update(b.TestWorkflowEnvironment, 10*time.Second, workflows.OverrideUpdate, tierOne(5, b.Now().Add(time.Hour)))
	got := update(b.TestWorkflowEnvironment, 20*time.Second, workflows.OverrideUpdate, tierOne(6, b.Now().Add(time.Hour)))
	b.run(t)
	require.NoError(t, got.failed)
	require.Len(t, signalled, 1)
	require.Equal(t, int64(6), signalled[0].ID)
}

func TestOnboardingSendsAnOverrideAwayThatComesTooEarlyOrTooLate(t *testing.T) {
	t.Parallel()
	b, k := waiting(t)
	early := update(b.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(5, time.Time{}))
	var late *answerTo
	b.onFinish = func() {
		late = update(b.TestWorkflowEnvironment, 0, workflows.OverrideUpdate, tierOne(6, time.Time{}))
	}
	b.run(t)
	var refused *temporal.ApplicationError
	require.ErrorAs(t, early.rejected, &refused)
	require.Equal(t, workflows.NotNow, refused.Type())
	require.Nil(t, late.result, "it is not taken by a run that ends")
	require.Empty(t, k.began)
}
