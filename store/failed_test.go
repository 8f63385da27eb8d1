package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestFailedRunsAreThoseThatNothingMadeUpFor(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	accs := accounts(t, s, 5)
	save := func(workflow, run string, accountID int64, status string, ago time.Duration) {
		r := store.Run{
			WorkflowID: workflow, RunID: run, AccountID: accountID, Status: status, StartedAt: now.Add(-ago),
			Reason: "hubspot: bad_request (400)", Stage: "effects",
		}
		if status != "running" {
			r.EndedAt = now.Add(time.Minute - ago)
		}
		require.NoError(t, s.SaveRun(t.Context(), r))
	}
	save("company/a", "a1", accs[0].ID, "failed", time.Hour)
	save("company/b", "b1", accs[1].ID, "failed", 2*time.Hour)
	save("company/b", "b2", accs[1].ID, "completed", time.Hour)
	save("company/c", "c1", accs[2].ID, "failed", 3*time.Hour)
	save("company/c-elsewhere", "c2", accs[2].ID, "running", time.Hour)
	save("company/d", "d1", accs[3].ID, "failed", 50*time.Hour)
	save("company/e", "e1", accs[4].ID, "failed", 5*time.Hour)
	save("company/e", "e2", accs[4].ID, "failed", 4*time.Hour)
	save("company/nobody", "n1", 0, "failed", 30*time.Minute) // before there was an account
	save("company/nobody", "n0", 0, "failed", 2*time.Hour)

	failed := func(since time.Duration, limit int) []string {
		runs, err := s.FailedRuns(t.Context(), now.Add(-since), limit)
		require.NoError(t, err)
		ids := []string{}
		for _, r := range runs {
			ids = append(ids, r.RunID)
			require.Equal(t, []string{"effects", "hubspot: bad_request (400)"}, []string{r.Stage, r.Reason})
		}
		return ids
	}
	require.Equal(t, []string{"n1", "a1", "e2"}, failed(24*time.Hour, 10), "latest first")
	require.Equal(t, []string{"n1", "a1", "e2", "d1"}, failed(72*time.Hour, 10))
	require.Equal(t, []string{"n1", "a1"}, failed(72*time.Hour, 2))
	require.Empty(t, failed(time.Minute, 10))

	named, err := s.RunsNamed(t.Context(), "company/e")
	require.NoError(t, err)
	require.Len(t, named, 2)
	require.Equal(t, "e2", named[0].RunID)
	require.Equal(t, accs[4], named[0].Account)
	byRun, err := s.RunsNamed(t.Context(), "n1")
	require.NoError(t, err)
	require.Len(t, byRun, 1)
	require.Equal(t, account.Account{}, byRun[0].Account)
	of, err := s.RunsOf(t.Context(), accs[2].ID)
	require.NoError(t, err)
	require.Equal(t, []string{"c2", "c1"}, []string{of[0].RunID, of[1].RunID})
	none, err := s.RunsNamed(t.Context(), "company/unheard-of")
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestARunThatIsTakenUpAgainIsNowhereAsFailed(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	require.NoError(t, s.SaveRun(t.Context(), store.Run{WorkflowID: "w", RunID: "r", AccountID: acc.ID, Status: "failed", Stage: "effects"}))
	require.NoError(t, s.SaveRun(t.Context(), store.Run{WorkflowID: "w", RunID: "r", AccountID: acc.ID, Status: "completed"})) // a reset of the same run
	r, err := s.LatestRun(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, "completed", r.Status)
	named, err := s.RunsNamed(t.Context(), "r")
	require.NoError(t, err)
	require.Empty(t, named[0].Stage)
}
