package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/waterfall"
	"github.com/sluicehq/sluice/workflows"
)

var a *activities.Activities

// turns lets one at a time write down what it does: in the test environment as on a
// worker, the activities of a run and of its updates go on side by side.
type turns struct{ mu sync.Mutex }

// lock returns what ends it.
func (t *turns) lock() func() {
	t.mu.Lock()
	return t.mu.Unlock
}

// bundle is one run in the test environment, with the world mocked where the
// activities are. Each test says what its providers answer.
type bundle struct {
	*testsuite.TestWorkflowEnvironment
	turns
	revision int // of the worker that decides
	who      activities.IdentifyResult
	scores   []int // what Score says, pass after pass
	asked    []activities.AskInput
	passes   []activities.ScoreInput
	wrote    int
	parked   []activities.FinishInput
	ended    []activities.FinishInput
	rates    activities.ModelRef // contacts, as Apply finds it for a run that was told of none

	away     int // attempts to score that find no database
	onFinish func()
	onApply  func(activities.ApplyInput)
	applyErr error
}

func newEnvironment() *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	workflows.Register(env)
	env.RegisterActivity(&activities.Activities{})
	return env
}

func setup(t *testing.T) *bundle {
	t.Helper()
	env := newEnvironment()
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	b := &bundle{TestWorkflowEnvironment: env, scores: []int{65}, revision: activities.Revision}
	b.who = activities.IdentifyResult{
		AccountID: 7, Key: key, Domain: "acme.example", Models: activities.Models{Model: activities.ModelRef{Name: "revops", Version: 1}},
		LateFill: activities.LateFill{Returns: 3, Within: time.Hour, Wait: 10 * time.Second},
		Plan: waterfall.Plan{
			Need: waterfall.Need{Fields: []account.Field{account.Industry, account.Employees}, Confidence: 0.7},
			Sources: []waterfall.Source{
				{Provider: "apollo", Supplies: []account.Field{account.Industry, account.Employees}},
				{Provider: "pdl", Supplies: []account.Field{account.Industry, account.Employees}},
				{Provider: "builtwith", Supplies: []account.Field{account.Technologies}},
			},
		},
	}
	env.OnActivity(a.Identify, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.IdentifyInput) (activities.IdentifyResult, error) { return b.who, nil }).Maybe()
	env.OnActivity(a.Score, mock.Anything, mock.Anything).Return(b.score).Maybe()
	env.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(b.apply).Maybe()
	env.OnActivity(a.Park, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.FinishInput) error {
		defer b.lock()()
		b.parked = append(b.parked, in)
		return nil
	}).Maybe()
	env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.FinishInput) error {
		defer b.lock()()
		b.ended = append(b.ended, in)
		if b.onFinish != nil {
			b.onFinish()
		}
		return nil
	}).Maybe()
	return b
}

var key = account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}

func (b *bundle) score(_ context.Context, in activities.ScoreInput) (activities.ScoreResult, error) {
	defer b.lock()()
	if b.away > 0 {
		b.away--
		return activities.ScoreResult{}, errors.New("score account 7: connection refused")
	}
	b.passes = append(b.passes, in)
	v := b.scores[min(len(b.passes), len(b.scores))-1]
	return activities.ScoreResult{Value: v, Low: v, High: v, Tier: "Tier 2", Queue: "marketing-nurture", Revision: b.revision}, nil
}

func (b *bundle) apply(_ context.Context, in activities.ApplyInput) (activities.ApplyResult, error) {
	done := b.lock()
	b.wrote++
	done() // onApply may wait for other activities
	if b.onApply != nil {
		b.onApply(in)
	}
	if b.applyErr != nil {
		return activities.ApplyResult{}, b.applyErr
	}
	return activities.ApplyResult{Effects: []activities.EffectDone{{Kind: "note", Key: "sluice:note", CRMID: "1"}}, ContactModel: b.rates}, nil
}

// answers lets each provider give its answers one after the other, the last one again.
func (b *bundle) answers(all map[string][]answer) {
	n := map[string]int{}
	b.OnActivity(a.Ask, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.AskInput) (activities.AskResult, error) {
			defer b.lock()()
			b.asked = append(b.asked, in)
			list := all[in.Provider]
			got := list[min(n[in.Provider], len(list)-1)]
			n[in.Provider]++
			return got.AskResult, got.err
		})
}

type answer struct {
	activities.AskResult
	err error
}

func found(missing ...account.Field) answer {
	return answer{AskResult: activities.AskResult{
		Outcome: outbound.Found, Fields: []account.Field{account.Industry}, Missing: missing, Credits: 1,
	}}
}

func miss(missing ...account.Field) answer {
	return answer{AskResult: activities.AskResult{Outcome: outbound.NotFound, Missing: missing}}
}

func circuitOpen(after time.Duration) answer {
	return answer{err: temporal.NewNonRetryableApplicationError("pdl: circuit open", activities.CircuitOpen, nil, after)}
}

func (b *bundle) run(t *testing.T) *workflows.Status {
	t.Helper()
	b.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Key: key})
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	var s workflows.Status
	require.NoError(t, b.GetWorkflowResult(&s))
	return &s
}

func (b *bundle) providers() []string {
	names := make([]string, len(b.asked))
	for i, in := range b.asked {
		names[i] = in.Provider
	}
	return names
}

func TestOnboardingStopsAskingWhenNothingIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {found()}})
	s := b.run(t)
	require.Equal(t, []string{"apollo"}, b.providers())
	require.Equal(t, workflows.Completed, s.Status)
	require.Equal(t, waterfall.Met, s.Stop[account.Employees])
	require.Equal(t, 1, b.wrote)
	require.Equal(t, 1, s.Passes)
}

func TestOnboardingAsksTheNextProviderForWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {found(account.Employees)}, "pdl": {miss(account.Employees)}})
	s := b.run(t)
	require.Equal(t, []string{"apollo", "pdl"}, b.providers(), "builtwith supplies nothing that is missing")
	require.Equal(t, waterfall.Exhausted, s.Stop[account.Employees])
	require.Equal(t, waterfall.Met, s.Stop[account.Industry])
}

func TestOnboardingGoesOnWithoutABrokenProvider(t *testing.T) {
	t.Parallel()
	for kind, outcome := range map[string]outbound.Outcome{
		string(outbound.AuthFailed):     outbound.AuthFailed,
		string(outbound.QuotaExhausted): outbound.QuotaExhausted,
		string(outbound.BadRequest):     outbound.BadRequest,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			broken := answer{err: temporal.NewNonRetryableApplicationError("apollo", kind, nil, time.Duration(0))}
			b.answers(map[string][]answer{"apollo": {broken}, "pdl": {found()}})
			s := b.run(t)
			require.Equal(t, workflows.Completed, s.Status)
			require.Equal(t, outcome, s.Providers[0].Outcome)
			require.Equal(t, []string{"apollo", "pdl"}, b.providers(), "a closed provider is not asked again")
		})
	}
}

func TestOnboardingComesBackForAProviderThatWasDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.scores = []int{30, 80}
	b.answers(map[string][]answer{
		"apollo": {circuitOpen(20 * time.Second), found()},
		"pdl":    {miss(account.Industry, account.Employees)},
	})
	start := b.Now()
	s := b.run(t)
	require.Equal(t, []string{"apollo", "pdl", "apollo"}, b.providers(), "only the parked one is asked again")
	require.True(t, b.asked[2].Late)
	require.GreaterOrEqual(t, b.Now().Sub(start), 20*time.Second)
	require.Equal(t, 80, s.Score.Value)
	require.Equal(t, 2, b.wrote, "the effects are corrected")
	require.Equal(t, waterfall.Met, s.Stop[account.Employees])
}

func TestOnboardingComesBackEvenIfAnotherProviderStoodIn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {circuitOpen(time.Second), found()}, "pdl": {found()}})
	b.run(t)
	require.Equal(t, []string{"apollo", "pdl", "apollo"}, b.providers())
}

func TestOnboardingPassesByAProviderThatIsKnownToBeDown(t *testing.T) {
	t.Parallel()
	for name, hint := range map[string]func(*bundle, map[string]time.Duration) answer{
		"from the start": func(b *bundle, down map[string]time.Duration) answer {
			b.who.OutOfReach = down
			return found(account.Employees)
		},
		"learnt on the way": func(_ *bundle, down map[string]time.Duration) answer {
			first := found(account.Employees)
			first.OutOfReach = down
			return first
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			apollo := hint(b, map[string]time.Duration{"pdl": 20 * time.Second})
			b.answers(map[string][]answer{"apollo": {apollo}, "pdl": {found()}})
			start := b.Now()
			s := b.run(t)
			require.Equal(t, []string{"apollo", "pdl"}, b.providers(), "it is asked once, when it may be back")
			require.True(t, b.asked[1].Late)
			require.GreaterOrEqual(t, b.Now().Sub(start), 20*time.Second)
			require.Equal(t, []string{"pdl"}, b.passes[0].PassedBy)
			require.Empty(t, b.passes[1].PassedBy)
			require.Equal(t, outbound.Found, s.Providers[1].Outcome)
			require.Equal(t, 2, b.wrote)
		})
	}
}

func TestOnboardingGivesUpLateFillAfterItsReturns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {circuitOpen(time.Second)}, "pdl": {miss(account.Industry, account.Employees)}})
	s := b.run(t)
	require.Equal(t, []string{"apollo", "pdl", "apollo", "apollo", "apollo"}, b.providers())
	require.Equal(t, waterfall.Parked, s.Stop[account.Employees])
	require.Equal(t, 1, b.wrote, "a return that brings nothing changes nothing")
	require.Len(t, b.passes, 1)
	require.Len(t, b.parked, 1, "what is known is on record while it waits")
	require.Equal(t, waterfall.Parked, b.parked[0].Stop[account.Employees])
}

func TestOnboardingEndsOnABudgetStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	over := answer{AskResult: activities.AskResult{
		Outcome: outbound.SkippedBudget, Missing: []account.Field{account.Industry, account.Employees},
	}}
	b.answers(map[string][]answer{"apollo": {over}, "pdl": {over}})
	s := b.run(t)
	require.Equal(t, []string{"apollo", "pdl"}, b.providers())
	require.Equal(t, waterfall.Budget, s.Stop[account.Industry])
	require.Equal(t, 1, b.wrote, "what is known is acted on")
}

func TestOnboardingRefusesWhatIsNoCompany(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{activities.Invalid, activities.RecordGone} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			env := newEnvironment()
			env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
			env.OnActivity(a.Identify, mock.Anything, mock.Anything).Return(activities.IdentifyResult{},
				temporal.NewNonRetryableApplicationError("domain: gmail.com is a free-mail provider", kind, nil))
			env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(nil).Once()
			env.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Domain: "gmail.com"})
			require.NoError(t, env.GetWorkflowError())
			var s workflows.Status
			require.NoError(t, env.GetWorkflowResult(&s))
			require.Equal(t, workflows.Refused, s.Status)
			require.Equal(t, "domain: gmail.com is a free-mail provider", s.Reason)
		})
	}
}

func TestOnboardingPutsItsFailureOnRecord(t *testing.T) {
	t.Parallel()
	env := newEnvironment()
	env.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(set temporal.SearchAttributes) bool {
		stage, _ := set.GetKeyword(workflows.StageAttribute)
		tier, _ := set.GetKeyword(workflows.TierAttribute)
		return stage == "effects" && tier == "Tier 1"
	})).Return(nil).Once()
	env.OnActivity(a.Identify, mock.Anything, mock.Anything).Return(setup(t).who, nil)
	env.OnActivity(a.Ask, mock.Anything, mock.Anything).Return(found().AskResult, nil)
	env.OnActivity(a.Score, mock.Anything, mock.Anything).Return(activities.ScoreResult{Tier: "Tier 1", Revision: activities.Revision}, nil)
	refused := temporal.NewNonRetryableApplicationError("hubspot: bad_request: VALIDATION_ERROR icp_tier", string(outbound.BadRequest), nil)
	env.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(activities.ApplyResult{}, refused)
	env.OnActivity(a.Finish, mock.Anything, mock.MatchedBy(func(in activities.FinishInput) bool {
		return in.Status == workflows.Failed && in.Reason == "hubspot: bad_request: VALIDATION_ERROR icp_tier"
	})).Return(nil).Once()
	env.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Key: key})
	require.ErrorContains(t, env.GetWorkflowError(), "VALIDATION_ERROR icp_tier")
	env.AssertExpectations(t)
}

// decides is a run that all goes well with up to its effects, and the stages that it tells the
// list of runs.
func decides(t *testing.T) (env *testsuite.TestWorkflowEnvironment, stages *[]string) {
	t.Helper()
	env, stages = newEnvironment(), new([]string)
	env.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(set temporal.SearchAttributes) bool {
		stage, ok := set.GetKeyword(workflows.StageAttribute)
		*stages = append(*stages, stage)
		return ok
	})).Return(nil)
	env.OnActivity(a.Identify, mock.Anything, mock.Anything).Return(setup(t).who, nil)
	env.OnActivity(a.Ask, mock.Anything, mock.Anything).Return(found().AskResult, nil)
	env.OnActivity(a.Score, mock.Anything, mock.Anything).Return(activities.ScoreResult{Tier: "Tier 1", Revision: activities.Revision}, nil)
	env.OnActivity(a.Finish, mock.Anything, mock.Anything).Return(nil)
	return env, stages
}

func TestOnboardingWaitsForRefusedCRMCredentials(t *testing.T) {
	t.Parallel()
	env, stages := decides(t)
	refused := temporal.NewNonRetryableApplicationError("hubspot: auth_failed", string(outbound.AuthFailed), nil)
	env.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(activities.ApplyResult{}, refused).Twice()
	env.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(activities.ApplyResult{TaskID: "9"}, nil).Once()
	env.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Key: key})
	require.NoError(t, env.GetWorkflowError())
	var s workflows.Status
	require.NoError(t, env.GetWorkflowResult(&s))
	require.Equal(t, "9", s.TaskID)
	require.Equal(t, []string{"waiting: crm credentials", "done"}, slices.Compact(*stages))
}

func TestOnboardingSaysThatItWaitsForACRMThatIsAway(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		failure error
		stages  []string
	}{
		"the CRM": {
			temporal.NewApplicationError("hubspot: provider_error: 503", string(outbound.ProviderError)),
			[]string{"waiting: crm", "done"},
		},
		"not the CRM but our database": {errors.New("begin effect: connection refused"), []string{"done"}},
		"another run of the account":   {temporal.NewApplicationError("busy", activities.Overtaken), []string{"done"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, stages := decides(t)
			var tries []time.Time
			said := 0 // the attempt before which the list was told
			env.OnActivity(a.Apply, mock.Anything, mock.Anything).Return(func(context.Context, activities.ApplyInput) (activities.ApplyResult, error) {
				if tries = append(tries, env.Now()); len(*stages) > 0 && said == 0 {
					said = len(tries)
				}
				if len(tries) <= 12 {
					return activities.ApplyResult{}, tt.failure
				}
				return activities.ApplyResult{TaskID: "9"}, nil
			})
			env.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Key: key})
			require.NoError(t, env.GetWorkflowError())
			require.Len(t, tries, 13, "for as long as it takes")
			require.Equal(t, tt.stages, slices.Compact(*stages))
			if len(tt.stages) > 1 {
				require.LessOrEqual(t, tries[said-1].Sub(tries[0]), 2*time.Minute)
			}
		})
	}
}

func TestOnboardingAbsorbsAChangeOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {circuitOpen(30 * time.Second), found()}, "pdl": {miss(account.Industry)}})
	for range 3 { // while the run waits, the same event is delivered three times
		b.RegisterDelayedCallback(func() {
			b.SignalWorkflow(workflows.CompanyChanged, workflows.Change{Event: "e1"})
		}, 5*time.Second)
	}
	b.run(t)
	require.Equal(t, []string{"apollo", "pdl", "apollo"}, b.providers(), "one new look, at once, and no more waiting")
	require.False(t, b.asked[2].Late, "the new look starts from the beginning")
}

func TestOnboardingStartedByAChangeLooksOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {found()}})
	b.RegisterDelayedCallback(func() {
		b.SignalWorkflow(workflows.CompanyChanged, workflows.Change{Event: "e1"})
	}, 0)
	b.run(t)
	require.Equal(t, []string{"apollo"}, b.providers())
}

func TestOnboardingDoesNotLoseAChangeThatComesAtTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {found()}})
	b.onFinish = func() {
		if len(b.ended) == 1 {
			b.SignalWorkflow(workflows.CompanyChanged, workflows.Change{Event: "e1"})
		}
	}
	b.run(t)
	require.Equal(t, []string{"apollo", "apollo"}, b.providers(), "looked at again before the run ends")
}

func TestOnboardingWithoutARecordWritesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.who.Key = account.Key{}
	b.answers(map[string][]answer{"apollo": {found()}})
	s := b.run(t)
	require.Zero(t, b.wrote)
	require.Empty(t, s.Effects)
	require.Equal(t, 65, s.Score.Value)
}

func TestOnboardingAnswersStatusWhileItWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {circuitOpen(time.Minute), found()}, "pdl": {miss(account.Industry, account.Employees)}})
	var s workflows.Status
	b.RegisterDelayedCallback(func() {
		v, err := b.QueryWorkflow(workflows.StatusQuery)
		require.NoError(t, err)
		require.NoError(t, v.Get(&s))
	}, 30*time.Second)
	b.run(t)
	require.Equal(t, "waiting: apollo circuit", s.Stage)
	require.Equal(t, workflows.Running, s.Status)
	require.Equal(t, 65, s.Score.Value, "what is known is scored before the wait")
	require.Equal(t, waterfall.Parked, s.Stop[account.Employees])
}

func TestARunOutlivesADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.answers(map[string][]answer{"apollo": {found()}})
	b.away = 100
	began := b.Now()
	b.ExecuteWorkflow(workflows.CompanyOnboarding, workflows.CompanyOnboardingInput{Key: key})
	require.NoError(t, b.GetWorkflowError())
	require.Len(t, b.passes, 1)
	require.Equal(t, 1, b.wrote)
	require.Greater(t, b.Now().Sub(began), time.Hour)
}
