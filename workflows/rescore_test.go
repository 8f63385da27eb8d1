package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/workflows"
)

// bulk is one plan or re-score in the test environment.
type bulk struct {
	*testsuite.TestWorkflowEnvironment
	accounts int64 // with the ids from 1 on
	fails    int   // calls that fail first
	failure  error // how

	planned  []activities.PlanInput
	rescored []activities.RescoreInput
	stages   []string // that the list of runs has shown
}

func newBulk(accounts int64) *bulk {
	b := &bulk{TestWorkflowEnvironment: newEnvironment(), accounts: accounts, failure: errors.New("the CRM is away")}
	b.SetTestTimeout(time.Minute)
	b.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(set temporal.SearchAttributes) bool {
		stage, ok := set.GetKeyword(workflows.StageAttribute)
		b.stages = append(b.stages, stage)
		return ok
	})).Return(nil).Maybe()
	b.OnActivity(a.CountScored, mock.Anything).Return(int(accounts), nil).Maybe()
	b.OnActivity(a.PlanPage, mock.Anything, mock.Anything).Return(b.plan).Maybe()
	b.OnActivity(a.PlanDifference, mock.Anything, int64(7)).Return(activities.Difference{Accounts: int(accounts), Tasks: 3}, nil).Maybe()
	b.OnActivity(a.RescorePage, mock.Anything, mock.Anything).Return(b.rescore).Maybe()
	b.OnActivity(a.RescoreCounts, mock.Anything, mock.Anything).Return(activities.Rescored{Accounts: int(accounts), Published: 5}, nil).Maybe()
	return b
}

func (b *bulk) plan(_ context.Context, in activities.PlanInput) (activities.PlanResult, error) {
	b.planned = append(b.planned, in)
	if b.fails > 0 {
		b.fails--
		return activities.PlanResult{}, errors.New("the database restarts")
	}
	after := min(in.After+int64(in.Limit), b.accounts)
	return activities.PlanResult{After: after, Accounts: int(after - in.After), Done: after == b.accounts}, nil
}

func (b *bulk) rescore(_ context.Context, in activities.RescoreInput) (activities.RescoreResult, error) {
	b.rescored = append(b.rescored, in)
	if b.fails > 0 {
		b.fails--
		return activities.RescoreResult{}, b.failure
	}
	if in.Stage != activities.PublishStage { // nobody was scored meanwhile
		return activities.RescoreResult{Done: true}, nil
	}
	after := min(in.After+int64(in.Limit), b.accounts)
	return activities.RescoreResult{After: after, Accounts: int(after - in.After), Done: after == b.accounts}, nil
}

func (b *bulk) result(t *testing.T, out any) {
	t.Helper()
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	require.NoError(t, b.GetWorkflowResult(out))
}

func (b *bulk) status(t *testing.T, out any) {
	t.Helper()
	value, err := b.QueryWorkflow(workflows.StatusQuery)
	require.NoError(t, err)
	require.NoError(t, value.Get(out))
}

var (
	moment    = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	candidate = activities.Models{Model: activities.ModelRef{Name: "revops", Version: 3}}
)

func TestAShadowPlansAllAccountsAtOneMoment(t *testing.T) {
	t.Parallel()
	b := newBulk(12_000)
	b.fails = 2 // which is repeated until the database is back
	b.ExecuteWorkflow(workflows.ShadowScore, workflows.ShadowScoreInput{ReleaseID: 7, Models: candidate, At: moment})
	var got workflows.ShadowScoreResult
	b.result(t, &got)
	require.Equal(t, workflows.ShadowScoreResult{Difference: activities.Difference{Accounts: 12_000, Tasks: 3}}, got)
	var after []int64
	for _, in := range b.planned {
		require.Equal(t, []any{int64(7), candidate, moment}, []any{in.ReleaseID, in.Models, in.At.UTC()})
		after = append(after, in.After)
	}
	require.Equal(t, []int64{0, 0, 0, 5000, 10_000}, after)
	require.Equal(t, []string{
		"plan: 0 of 12000 accounts", "plan: 5000 of 12000 accounts", "plan: 10000 of 12000 accounts", "plan: 12000 of 12000 accounts",
	}, b.stages)
	var s workflows.ShadowStatus
	b.status(t, &s)
	require.Equal(t, []any{12_000, 12_000, true}, []any{s.Total, s.Planned, s.Done})
}

func TestARescorePublishesThenTakesInWhatMovedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		b := newBulk(3000)
		b.fails = 2
		b.ExecuteWorkflow(workflows.BulkRescore, workflows.BulkRescoreInput{ReleaseID: 7, Models: candidate, Share: 0.5, Back: back})
		var got workflows.BulkRescoreResult
		b.result(t, &got)
		require.Equal(t, workflows.BulkRescoreResult{Accounts: 3000, Published: 5}, got)
		type step struct {
			stage string
			after int64
		}
		var steps []step
		for _, in := range b.rescored {
			require.Equal(t, []any{int64(7), candidate, 0.5, back}, []any{in.ReleaseID, in.Models, in.Share, in.Back})
			steps = append(steps, step{in.Stage, in.After})
		}
		require.Equal(t, []step{{"publish", 0}, {"publish", 0}, {"publish", 0}, {"publish", 2000}, {"last pass", 0}, {"effects", 0}}, steps)
		what := map[bool]string{false: "", true: "roll back, "}[back]
		require.Equal(t, []string{
			what + "publish: 0 of 3000 accounts", what + "publish: 2000 of 3000 accounts", what + "last pass: 0 accounts", what + "effects: 0 accounts",
		}, b.stages)
	}
}

func TestARescoreWaitsForTheCRMsKey(t *testing.T) {
	t.Parallel()
	b := newBulk(10)
	b.fails, b.failure = 2, temporal.NewNonRetryableApplicationError("hubspot: auth_failed", string(outbound.AuthFailed), nil)
	b.ExecuteWorkflow(workflows.BulkRescore, workflows.BulkRescoreInput{ReleaseID: 7, Models: candidate, Share: 1})
	var got workflows.BulkRescoreResult
	b.result(t, &got)
	require.Equal(t, []string{
		"publish: 0 of 10 accounts", "waiting: crm credentials", "waiting: crm credentials", "last pass: 0 accounts", "effects: 0 accounts",
	}, b.stages)

	b = newBulk(10)
	b.fails, b.failure = 1, temporal.NewNonRetryableApplicationError("hubspot: bad_request", string(outbound.BadRequest), nil)
	b.ExecuteWorkflow(workflows.BulkRescore, workflows.BulkRescoreInput{ReleaseID: 7, Models: candidate, Share: 1})
	require.ErrorContains(t, b.GetWorkflowError(), "bad_request", "which no time mends")
}

func TestALongRescoreGoesOnInANewRun(t *testing.T) {
	t.Parallel()
	b := newBulk(700_000)
	b.ExecuteWorkflow(workflows.BulkRescore, workflows.BulkRescoreInput{ReleaseID: 7, Models: candidate, Share: 1})
	in := resumed[workflows.BulkRescoreInput](t, b.TestWorkflowEnvironment)
	require.Equal(t, []any{0, 700_000, 600_000, int64(600_000)}, []any{in.Resume.Stage, in.Resume.Total, in.Resume.Done, in.Resume.After})

	b = newBulk(700_000)
	b.ExecuteWorkflow(workflows.BulkRescore, in)
	var got workflows.BulkRescoreResult
	b.result(t, &got)
	require.Equal(t, int64(600_000), b.rescored[0].After)
	require.Len(t, b.rescored, 52)
	var s workflows.RescoreStatus
	b.status(t, &s)
	require.Equal(t, 3, s.Stage)

	long := newBulk(2_000_000)
	long.ExecuteWorkflow(workflows.ShadowScore, workflows.ShadowScoreInput{ReleaseID: 7, Models: candidate, At: moment})
	shadow := resumed[workflows.ShadowScoreInput](t, long.TestWorkflowEnvironment)
	long = newBulk(2_000_000)
	long.ExecuteWorkflow(workflows.ShadowScore, shadow)
	var planned workflows.ShadowScoreResult
	long.result(t, &planned)
	require.Equal(t, int64(1_500_000), long.planned[0].After)
}
