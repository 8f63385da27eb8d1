package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func recordKey(id string) account.Key { return account.Key{CRM: "hubspot", Portal: "8100", ID: id} }

func TestLastRunsAreFoundByWorkflowAndByAccount(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s) // 512
	for _, r := range []store.Run{
		{WorkflowID: "company/512", RunID: "1", AccountID: acc.ID, Status: "failed", StartedAt: now.Add(-time.Hour)},
		{WorkflowID: "company/domain/acme.example", RunID: "2", AccountID: acc.ID, Status: "completed", StartedAt: now},
		{WorkflowID: "company/513", RunID: "3", Status: "refused", StartedAt: now},
	} {
		require.NoError(t, s.SaveRun(t.Context(), r))
	}
	keys := []account.Key{recordKey("512"), recordKey("513"), recordKey("514")}
	last, err := s.LastRuns(t.Context(), keys, []string{"company/512", "company/513", "company/514"})
	require.NoError(t, err)
	require.Equal(t, map[account.Key]string{keys[0]: "completed", keys[1]: "refused"}, last)
	last, err = s.LastRuns(t.Context(), nil, nil)
	require.NoError(t, err)
	require.Empty(t, last)
}

func TestWrittenAccountsArePagedByTheTimeOfTheirEffectsAndScores(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var accs []account.Account
	for _, id := range []string{"1", "2", "3"} {
		acc, err := s.UpsertAccount(t.Context(), recordKey(id), id+".example", id)
		require.NoError(t, err)
		accs = append(accs, acc)
	}
	unkeyed, err := s.UpsertAccount(t.Context(), account.Key{}, "unkeyed.example", "")
	require.NoError(t, err)
	began := time.Now().Add(-time.Minute)
	begin := func(acc account.Account) string {
		key := crm.EffectKey(acc.Key, crm.PropertiesEffect, "")
		_, err := s.BeginEffect(t.Context(), key, acc.ID, "r", crm.PropertiesEffect, map[string]string{"icp_tier": "Tier 1"})
		require.NoError(t, err)
		return key
	}
	key := begin(accs[0])
	begin(accs[2])
	_, err = s.BeginEffect(t.Context(), "k", unkeyed.ID, "r", crm.PropertiesEffect, nil)
	require.NoError(t, err)

	page := func(since time.Time, after int64, limit int) []account.Account {
		got, next, err := s.Written(t.Context(), since, after, limit)
		require.NoError(t, err)
		switch {
		case len(got) == limit:
			require.Equal(t, got[limit-1].ID, next)
		default:
			require.Equal(t, unkeyed.ID, next, "which is the last that there is")
		}
		return got
	}
	require.Equal(t, []account.Account{accs[0], accs[2]}, page(began, 0, 10), "without a record there is nothing to compare")
	require.Equal(t, []account.Account{accs[0]}, page(began, 0, 1))
	require.Equal(t, []account.Account{accs[2]}, page(began, accs[0].ID, 1))
	require.Empty(t, page(time.Now().Add(time.Minute), 0, 10))
	last, err := s.LastAccount(t.Context())
	require.NoError(t, err)
	require.Equal(t, unkeyed.ID, last)
	none, next, err := s.Written(t.Context(), began, last, 10)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Zero(t, next, "there are no more")

	ids := []int64{accs[0].ID, accs[1].ID, accs[2].ID}
	of, err := s.EffectsOf(t.Context(), ids)
	require.NoError(t, err)
	require.Len(t, of, 2)
	require.Equal(t, key, of[accs[0].ID][0].Key)
	scored, err := s.ScoredAt(t.Context(), ids)
	require.NoError(t, err)
	require.Empty(t, scored)

	require.ErrorIs(t, s.OwnValues(t.Context(), key, map[string]string{"icp_tier": "Tier 2"}), account.ErrNotFound, "it is being tried")
	require.NoError(t, s.FinishEffect(t.Context(), store.Done{Key: key, CRMID: "1", Written: map[string]string{"icp_tier": "Tier 1", "icp_fit_score": "80"}}))
	require.NoError(t, s.OwnValues(t.Context(), key, map[string]string{"icp_tier": "Tier 2"}))
	e, err := s.Effect(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"icp_tier": "Tier 2", "icp_fit_score": "80"}, e.Written)
	require.Equal(t, "done", e.State)
}

func TestScoresOfAReleaseAreLeftToItForADay(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	var ids []int64
	want := map[int64]time.Time{}
	for i, tt := range []struct {
		run  string
		ago  time.Duration
		left bool
	}{{"run", time.Minute, false}, {"release/7", time.Minute, true}, {"release/7", 25 * time.Hour, false}} {
		acc, err := s.UpsertAccount(t.Context(), recordKey(string(rune('1'+i))), "", "Acme")
		require.NoError(t, err)
		row, err := s.SaveScore(t.Context(), store.ScoreRow{
			AccountID: acc.ID, RunID: tt.run, Pass: 1, Model: "revops", ModelVersion: 1, Cause: "first", ScoredAt: time.Now().Add(-tt.ago).UTC().Truncate(time.Second),
		})
		require.NoError(t, err)
		if ids = append(ids, acc.ID); !tt.left {
			want[acc.ID] = row.ScoredAt
		}
	}
	got, err := s.ScoredAt(t.Context(), ids)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
