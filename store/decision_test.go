package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/waterfall"
)

func scoreRow(acc account.Account, pass int) store.ScoreRow {
	return store.ScoreRow{
		AccountID: acc.ID, RunID: "r", Pass: pass, Model: "revops", ModelVersion: 3, Cause: "first",
		Score: icp.Score{
			Value: 65, Low: 60, High: 80, Fit: 65, Completeness: 0.8, Tier: "Tier 2", Provisional: true,
			Criteria: []icp.Result{
				{Name: "employees", Dimension: "firmographics", Points: 15, Max: 15, Input: account.NumberValue(120), Provider: "apollo", ObservedAt: now, AgeDays: 3, Reason: "employees: 120"},
				{Name: "churned", Dimension: "risk", Max: -30, Reason: "not known"},
			},
		},
		Facts: map[account.Field]waterfall.Merged{
			account.LastFundingAt: {
				Fact: fact(account.LastFundingAt, account.DateValue(now)), Agreed: []string{"pdl"},
				Conflicts: []account.Fact{fact(account.LastFundingAt, account.DateValue(now.AddDate(0, -1, 0)))},
			},
		},
		Queue: "sdr-outreach", OwnerID: "77", RouteReason: "in turn", Exploration: true, ScoredAt: now,
	}
}

func TestSaveScoreIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	_, err := s.LatestScore(t.Context(), acc.ID)
	require.ErrorIs(t, err, account.ErrNotFound)

	first, err := s.SaveScore(t.Context(), scoreRow(acc, 1))
	require.NoError(t, err)
	want := scoreRow(acc, 1)
	want.ID = first.ID
	require.Equal(t, want, first)

	changed := scoreRow(acc, 1)
	changed.Score.Value, changed.Cause = 10, "data"
	again, err := s.SaveScore(t.Context(), changed)
	require.NoError(t, err)
	require.Equal(t, first, again, "a pass is scored once")

	late := scoreRow(acc, 2)
	late.ScoredAt, late.Cause, late.Before = now.Add(time.Minute), "data", first.ID
	late.Why, late.Changes = "data: employees unknown → 120 (apollo) +15", []icp.Change{{
		Criterion: "employees", After: account.NumberValue(120), Provider: "apollo", Points: 15, Text: "employees unknown → 120 (apollo) +15",
	}}
	late.TierReason = "stays in Tier 2, which is left below 35"
	second, err := s.SaveScore(t.Context(), late)
	require.NoError(t, err)
	latest, err := s.LatestScore(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, second, latest)
	all, err := s.Scores(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, []store.ScoreRow{first, second}, all)
}

func TestSaveScoreRefuses(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	row := scoreRow(acme(t, s), 1)
	row.Cause = "whim"
	_, err := s.SaveScore(t.Context(), row)
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "score_cause_known")
	_, err = s.SaveScore(t.Context(), scoreRow(account.Account{ID: 99}, 1))
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestSaveScoreConcurrentlyKeepsOne(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	ids := make([]int64, 20)
	for _, err := range concurrently(len(ids), func(i int) error {
		row, err := s.SaveScore(t.Context(), scoreRow(acc, 1))
		ids[i] = row.ID
		return err
	}) {
		require.NoError(t, err)
	}
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
}

func TestAssignOwnerTakesTurns(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	candidates := []store.Candidate{{OwnerID: "ann"}, {OwnerID: "bob", Capacity: 5}, {OwnerID: "cid"}, {OwnerID: "dee"}}
	accs := accounts(t, s, 40)
	owners := make([]string, 2*len(accs))
	for _, err := range concurrently(len(owners), func(i int) (err error) { // each account twice
		owners[i], err = s.AssignOwner(t.Context(), accs[i/2].ID, "sdr-outreach", candidates, now)
		return err
	}) {
		require.NoError(t, err)
	}
	got := map[string]int{}
	for i := 0; i < len(owners); i += 2 {
		require.Equal(t, owners[i], owners[i+1], "one account, one owner")
		got[owners[i]]++
	}
	require.Equal(t, 5, got["bob"], "his capacity")
	for _, o := range []string{"ann", "cid", "dee"} {
		require.InDelta(t, 35.0/3, got[o], 1, o)
	}
}

func TestAssignOwnerRespectsTheDay(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	accs := accounts(t, s, 6)
	bob := []store.Candidate{{OwnerID: "bob", Capacity: 1}}
	assign := func(i int, day time.Time) string {
		owner, err := s.AssignOwner(t.Context(), accs[i].ID, "q", bob, day)
		require.NoError(t, err)
		return owner
	}
	require.Equal(t, "bob", assign(0, now))
	require.Empty(t, assign(1, now))
	require.Equal(t, "bob", assign(0, now), "an account that has an owner keeps it")
	require.Equal(t, "bob", assign(2, now.AddDate(0, 0, 1)))
	require.Empty(t, assign(3, now), "a straggler of the day before opens no new room")
	require.Empty(t, assign(3, now.AddDate(0, 0, 1)))
	require.Equal(t, "bob", assign(1, now.AddDate(0, 0, 2)))

	other, err := s.AssignOwner(t.Context(), accs[0].ID, "another queue", nil, now)
	require.NoError(t, err)
	require.Empty(t, other, "nobody to choose from")
	_, err = s.AssignOwner(t.Context(), 99, "another queue", bob, now)
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestModelVersionIsNeverEdited(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, _, err := s.ActiveModel(t.Context(), "company")
	require.ErrorIs(t, err, account.ErrNotFound)
	require.ErrorIs(t, s.ActivateModel(t.Context(), "revops", 3), account.ErrNotFound)

	source := []byte("name: revops\nversion: 3\n")
	for range 2 {
		require.NoError(t, s.SaveModel(t.Context(), "revops", 3, "company", source))
	}
	var changed *store.ModelChangedError
	require.ErrorAs(t, s.SaveModel(t.Context(), "revops", 3, "company", []byte("other")), &changed)
	require.ErrorContains(t, changed, "raise `version:`")
	require.NoError(t, s.SaveModel(t.Context(), "revops", 4, "company", []byte("other")))
	kept, err := s.Model(t.Context(), "revops", 3)
	require.NoError(t, err)
	require.Equal(t, source, kept)
	_, err = s.Model(t.Context(), "revops", 5)
	require.ErrorIs(t, err, account.ErrNotFound)

	for _, want := range []int{3, 4, 3} {
		require.NoError(t, s.ActivateModel(t.Context(), "revops", want))
		name, version, err := s.ActiveModel(t.Context(), "company")
		require.NoError(t, err)
		require.Equal(t, "revops", name)
		require.Equal(t, want, version)
	}
}
