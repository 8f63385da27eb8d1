package workflows_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// reviewer is what a review's activities are in the test environment.
type reviewer struct {
	*testsuite.TestWorkflowEnvironment
	pages   int // of deals that are left
	refuse  int // how many readings the CRM refuses our key for
	did     []string
	decided string // before
	before  []activities.PassedReview
	at      time.Time
	stages  []string
	first   []bool
}

const remindAfter = 7 * 24 * time.Hour

func newReviewer() *reviewer {
	r := &reviewer{TestWorkflowEnvironment: newEnvironment(), pages: 3}
	r.SetTestTimeout(time.Minute)
	r.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 10 * time.Second}) // the race detector is slow, and so are busy machines
	r.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(set temporal.SearchAttributes) bool {
		stage, ok := set.GetKeyword(workflows.StageAttribute)
		r.stages = append(r.stages, stage)
		return ok
	})).Return(nil)
	r.OnActivity(a.PlanReview, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.PlanReviewInput) (activities.ReviewPlan, error) {
		if in.Quarter == "2030Q1" {
			return activities.ReviewPlan{}, temporal.NewNonRetryableApplicationError("quarter: 2030Q1 has not ended", activities.Invalid, nil)
		}
		return activities.ReviewPlan{Quarter: "2026Q3", Model: activities.ModelRef{Name: "revops", Version: 3}, RemindAfter: remindAfter}, nil
	}).Maybe()
	r.OnActivity(a.ReadDeals, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ReadDealsInput) (activities.ReadDealsResult, error) {
		if r.refuse > 0 {
			r.refuse--
			return activities.ReadDealsResult{}, temporal.NewNonRetryableApplicationError("hubspot: auth_failed (401)", "auth_failed", nil)
		}
		r.did, r.first = append(r.did, "read"), append(r.first, in.First)
		r.pages--
		return activities.ReadDealsResult{Read: 200, Changed: 10, More: r.pages > 0}, nil
	}).Maybe()
	r.OnActivity(a.CheckDeals, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.CheckDealsInput) (activities.CheckDealsResult, error) {
		r.did = append(r.did, "check")
		return activities.CheckDealsResult{Checked: 100, Gone: 1, After: in.After + 100, More: in.After < 100}, nil
	}).Maybe()
	r.OnActivity(a.MakeReview, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.MakeReviewInput) (activities.MakeReviewResult, error) {
		r.did, r.at = append(r.did, "make"), in.At
		return activities.MakeReviewResult{ReviewID: 7, Deals: 600, Closed: 41, Won: 12, Claims: 2, Draft: "revops@4", Decision: r.decided, Before: r.before}, nil
	}).Maybe()
	r.OnActivity(a.PassReview, mock.Anything, mock.Anything).Return(func(context.Context, int64) error {
		r.did = append(r.did, "pass")
		return nil
	}).Maybe()
	r.OnActivity(a.TellReview, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.TellReviewInput) (activities.TellReviewResult, error) {
		what := "tell"
		if in.Reminder {
			what = "remind after " + r.Now().Sub(r.at).Round(time.Hour).String()
		}
		r.did = append(r.did, what)
		return activities.TellReviewResult{TaskID: "9", Owned: true}, nil
	}).Maybe()
	r.OnActivity(a.DecideReview, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DecideReviewInput) (activities.DecideReviewResult, error) {
		if in.ID == 404 {
			return activities.DecideReviewResult{}, temporal.NewNonRetryableApplicationError("id: no decision 404", activities.Invalid, nil)
		}
		return activities.DecideReviewResult{ID: in.ID, Decision: in.Decision}, nil
	}).Maybe()
	return r
}

func (r *reviewer) run(t *testing.T) workflows.QuarterlyReviewStatus {
	t.Helper()
	r.ExecuteWorkflow(workflows.QuarterlyReview, workflows.QuarterlyReviewInput{Quarter: "2026Q3"})
	require.True(t, r.IsWorkflowCompleted())
	require.NoError(t, r.GetWorkflowError())
	var s workflows.QuarterlyReviewStatus
	require.NoError(t, r.GetWorkflowResult(&s))
	return s
}

func TestAReviewGoesFromDealsToADecision(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	missing := update(r.TestWorkflowEnvironment, time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 404, Decision: "kept"})
	decided := update(r.TestWorkflowEnvironment, 24*time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "accepted"})
	s := r.run(t)
	require.Equal(t, []string{"read", "read", "read", "check", "check", "make", "tell"}, r.did)
	require.Equal(t, []bool{true, false, false}, r.first, "it goes back once")
	require.ErrorContains(t, missing.failed, "id: no decision 404")
	require.NoError(t, errors.Join(decided.rejected, decided.failed))
	require.Equal(t, []any{600, 30, 200, 2, "9", "accepted", workflows.ReviewDone}, []any{s.Read, s.Changed, s.Checked, s.Gone, s.TaskID, s.Decision, s.Stage})
	require.True(t, s.Reminded.IsZero())
	require.Equal(t, []string{
		workflows.ReviewReads, workflows.ReviewChecks, workflows.ReviewMakes, workflows.ReviewTells, workflows.ReviewDecision, workflows.ReviewDone,
	}, slices.Compact(r.stages))
}

func TestAReviewRemindsOnceAndWaitsOn(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	update(r.TestWorkflowEnvironment, 60*24*time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "kept"})
	s := r.run(t)
	require.Equal(t, "remind after 168h0m0s", r.did[len(r.did)-1])
	require.Equal(t, "kept", s.Decision)
	require.False(t, s.Reminded.IsZero())
}

func TestAReviewEndsWhenALaterOneBegins(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	r.RegisterDelayedCallback(func() { r.SignalWorkflow("review-passed", nil) }, 80*24*time.Hour)
	s := r.run(t)
	require.Equal(t, []string{"", workflows.ReviewPassed}, []string{s.Decision, s.Stage})

	r = newReviewer()
	r.before = []activities.PassedReview{{ID: 6, Quarter: "2026Q2"}, {ID: 5, Quarter: "2026Q1"}}
	r.OnSignalExternalWorkflow(mock.Anything, workflows.ReviewID("2026Q2"), "", "review-passed", mock.Anything).Return(nil).Once()
	r.OnSignalExternalWorkflow(mock.Anything, workflows.ReviewID("2026Q1"), "", "review-passed", mock.Anything).Return(errors.New("it has ended")).Once()
	update(r.TestWorkflowEnvironment, time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "kept"})
	r.run(t)
	require.Equal(t, []string{"make", "pass", "pass", "tell"}, r.did[5:])
	r.AssertExpectations(t)
}

func TestAReviewThatWasDecidedTellsNobodyAgain(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	r.decided = "adjusted"
	s := r.run(t)
	require.Equal(t, "make", r.did[len(r.did)-1])
	require.Equal(t, []string{"adjusted", workflows.ReviewDone}, []string{s.Decision, s.Stage})
}

func TestAReviewWaitsForTheCRMsCredentials(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	r.refuse = 2
	update(r.TestWorkflowEnvironment, time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "kept"})
	r.run(t)
	require.Equal(t, []string{workflows.ReviewReads, "waiting: crm credentials", workflows.ReviewReads, "waiting: crm credentials", workflows.ReviewReads}, r.stages[:5])
	require.Equal(t, []bool{true, false, false}, r.first)
}

func TestDecisionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	r.refuse = 1 // so that it is not made for five minutes
	early := update(r.TestWorkflowEnvironment, time.Minute, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "kept"})
	none := update(r.TestWorkflowEnvironment, time.Hour, workflows.DecideUpdate, workflows.DecideReview{Decision: "kept"})
	word := update(r.TestWorkflowEnvironment, time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "maybe"})
	update(r.TestWorkflowEnvironment, 2*time.Hour, workflows.DecideUpdate, workflows.DecideReview{ID: 3, Decision: "kept"})
	r.run(t)
	require.ErrorContains(t, early.rejected, "the review is not made yet")
	require.ErrorContains(t, none.rejected, "id: want the id")
	require.ErrorContains(t, word.rejected, "decision: want one of accepted, adjusted, kept")
}

func TestTheSchedulesRunEndsWithTheReport(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	r.OnWorkflow(workflows.QuarterlyReview, mock.Anything, workflows.QuarterlyReviewInput{Quarter: "2026Q3"}).After(90*24*time.Hour).
		Return(&workflows.QuarterlyReviewStatus{}, nil)
	before, ended := false, false
	r.RegisterDelayedCallback(func() { before = r.IsWorkflowCompleted() }, 59*time.Minute)
	r.RegisterDelayedCallback(func() { r.SignalWorkflow("review-made", nil) }, time.Hour)
	r.RegisterDelayedCallback(func() { ended = r.IsWorkflowCompleted() }, 2*time.Hour)
	r.ExecuteWorkflow(workflows.ScheduledReview)
	require.NoError(t, r.GetWorkflowError())
	var quarter string
	require.NoError(t, r.GetWorkflowResult(&quarter))
	require.Equal(t, "2026Q3", quarter)
	require.Equal(t, []bool{false, true}, []bool{before, ended}, "it waits for the report, and not for the decision")
}

func TestTheSchedulesRunFailsWithItsReview(t *testing.T) {
	t.Parallel()
	r := newReviewer()
	r.OnWorkflow(workflows.QuarterlyReview, mock.Anything, mock.Anything).
		Return(nil, temporal.NewNonRetryableApplicationError("deals: the CRM's key may not read deals", activities.Invalid, nil))
	r.ExecuteWorkflow(workflows.ScheduledReview)
	require.ErrorContains(t, r.GetWorkflowError(), "may not read deals")
}
