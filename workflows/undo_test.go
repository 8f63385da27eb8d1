package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/workflows"
)

func TestUndoGoesThroughTheAccountsOfARun(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{false, true} {
		env := newEnvironment()
		env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
		env.OnActivity(a.UndoAccounts, mock.Anything, "r1").Return([]int64{7, 9}, nil).Once()
		refused := temporal.NewNonRetryableApplicationError("hubspot: auth_failed", string(outbound.AuthFailed), nil)
		var asked []activities.UndoInput
		env.OnActivity(a.UndoAccount, mock.Anything, mock.Anything).Return(
			func(_ context.Context, in activities.UndoInput) ([]activities.Undone, error) {
				if asked = append(asked, in); len(asked) == 1 {
					return nil, refused
				}
				return []activities.Undone{
					{AccountID: in.AccountID, Object: "company", Property: "icp_tier", Outcome: activities.Restored},
					{AccountID: in.AccountID, Object: "task", Outcome: activities.Left, Why: "the task is completed"},
				}, nil
			})
		began := env.Now()
		env.ExecuteWorkflow(workflows.UndoRun, workflows.UndoRunInput{RunID: "r1", DryRun: dry})
		require.True(t, env.IsWorkflowCompleted())
		require.NoError(t, env.GetWorkflowError())
		var s workflows.UndoStatus
		require.NoError(t, env.GetWorkflowResult(&s))
		require.Equal(t, map[string]int{activities.Restored: 2, activities.Left: 2}, s.Counts)
		require.Equal(t, []int{2, 2, 4}, []int{s.Accounts, s.Done, len(s.Writes)})
		require.Equal(t, dry, s.DryRun)
		of := func(id int64) activities.UndoInput {
			return activities.UndoInput{RunID: "r1", AccountID: id, DryRun: dry}
		}
		require.Equal(t, []activities.UndoInput{of(7), of(7), of(9)}, asked)
		require.GreaterOrEqual(t, env.Now().Sub(began), 5*time.Minute, "it waits while the key is refused")
	}
}

func TestUndoOfWhatIsNotThereFails(t *testing.T) {
	t.Parallel()
	env := newEnvironment()
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	env.OnActivity(a.UndoAccounts, mock.Anything, "r1").Return(nil, temporal.NewNonRetryableApplicationError("run: it wrote nothing", activities.Invalid, nil)).Once()
	env.ExecuteWorkflow(workflows.UndoRun, workflows.UndoRunInput{RunID: "r1"})
	require.ErrorContains(t, env.GetWorkflowError(), "it wrote nothing")
}

func TestWhatWasApprovedIsWrittenAndNothingElse(t *testing.T) {
	t.Parallel()
	key := account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}
	env := newEnvironment()
	env.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Maybe()
	want := activities.ApplyInput{AccountID: 7, Key: key, Approved: true}
	env.OnActivity(a.Apply, mock.Anything, want).Return(activities.ApplyResult{}, temporal.NewApplicationError("busy", activities.Overtaken)).Once()
	env.OnActivity(a.Apply, mock.Anything, want).Return(activities.ApplyResult{Effects: []activities.EffectDone{{Kind: "properties"}}}, nil).Once()
	env.ExecuteWorkflow(workflows.WriteApproved, workflows.WriteApprovedInput{AccountID: 7, Key: key})
	require.NoError(t, env.GetWorkflowError())
	var out activities.ApplyResult
	require.NoError(t, env.GetWorkflowResult(&out))
	require.Len(t, out.Effects, 1)
	env.AssertExpectations(t)
}
