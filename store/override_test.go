package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func decided(acc account.Account, tier string) store.Override {
	return store.Override{
		AccountID: acc.ID, Override: icp.Override{Tier: tier, Code: "strategic", ExpiresAt: now.Add(24 * time.Hour)},
		Reason: "a pilot", Author: "dana",
	}
}

func handIn(t *testing.T, s *store.Store, o store.Override) store.Override {
	t.Helper()
	kept, err := s.SaveOverride(t.Context(), o)
	require.NoError(t, err)
	return kept
}

func begin(t *testing.T, s *store.Store, o store.Override) store.Override {
	t.Helper()
	begun, err := s.BeginOverride(t.Context(), o.AccountID, o.ID, now)
	require.NoError(t, err)
	return begun
}

func TestOverrideFromHandingInToItsEnd(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	row, err := s.SaveScore(ctx, scoreRow(acc, 1))
	require.NoError(t, err)

	kept := handIn(t, s, decided(acc, "Tier 1"))
	want := decided(acc, "Tier 1")
	want.ID, want.State, want.CreatedAt = kept.ID, store.PendingOverride, kept.CreatedAt
	require.Equal(t, want, kept)
	_, err = s.OverrideAt(ctx, acc.ID, now)
	require.ErrorIs(t, err, account.ErrNotFound, "nobody has taken it up yet")

	want.State, want.BeganAt, want.ScoreID = store.ActiveOverride, now, row.ID
	require.Equal(t, want, begin(t, s, kept))
	require.Equal(t, want, begin(t, s, kept), "again changes nothing")
	holds, err := s.OverrideAt(ctx, acc.ID, now)
	require.NoError(t, err)
	require.Equal(t, want, holds)
	_, err = s.OverrideAt(ctx, acc.ID, now.Add(24*time.Hour))
	require.ErrorIs(t, err, account.ErrNotFound, "its time is up, whoever has noticed")

	back, err := s.TakeBack(ctx, acc.ID, "eve", "over")
	require.NoError(t, err)
	require.Equal(t, []string{store.ActiveOverride, "eve", "over"}, []string{back.State, back.EndedBy, back.EndReason}, "its workflow ends it")
	ended, err := s.EndOverride(ctx, acc.ID, kept.ID, store.Cleared, now.Add(time.Minute))
	require.NoError(t, err)
	want.State, want.Ended, want.EndedAt, want.EndedBy, want.EndReason = store.EndedOverride, store.Cleared, now.Add(time.Minute), "eve", "over"
	require.Equal(t, want, ended)
	again, err := s.EndOverride(ctx, acc.ID, kept.ID, store.Expired, now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, want, again, "it ends once")
	_, err = s.TakeBack(ctx, acc.ID, "eve", "over")
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = s.BeginOverride(ctx, acc.ID, kept.ID, now)
	require.ErrorContains(t, err, "has ended: cleared")
}

func TestALaterOverrideTakesThePlaceOfTheOneThatHolds(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	first, lost, last := handIn(t, s, decided(acc, "Tier 1")), handIn(t, s, decided(acc, "Tier 3")), handIn(t, s, decided(acc, "Tier 2"))
	begin(t, s, first)
	begin(t, s, last)
	all, err := s.Overrides(ctx, acc.ID)
	require.NoError(t, err)
	var ends []string
	for _, o := range all {
		ends = append(ends, o.State+" "+o.Ended)
	}
	require.Equal(t, []string{"ended replaced", "ended replaced", "active "}, ends)
	_, err = s.BeginOverride(ctx, acc.ID, lost.ID, now)
	require.ErrorIs(t, err, account.ErrInvalid)
	holds, err := s.OverrideAt(ctx, acc.ID, now)
	require.NoError(t, err)
	require.Equal(t, last.ID, holds.ID)
}

func TestOverridesThatBeginAtOnceLeaveOneThatHolds(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	all := make([]store.Override, 16)
	for i := range all {
		all[i] = handIn(t, s, decided(acc, "Tier 1"))
	}
	for _, err := range concurrently(len(all), func(i int) error {
		_, err := s.BeginOverride(ctx, acc.ID, all[i].ID, now)
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, account.ErrInvalid)
		}
	}
	holds, err := s.OverrideAt(ctx, acc.ID, now)
	require.NoError(t, err)
	require.Equal(t, all[len(all)-1].ID, holds.ID, "the latest, in whatever order they came")
}

func TestTheSchemaLetsOneOverrideHold(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	defer s.Close()
	acc := acme(t, s)
	begin(t, s, handIn(t, s, decided(acc, "Tier 1")))
	handIn(t, s, decided(acc, "Tier 2"))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "UPDATE overrides SET state = 'active'")
	require.ErrorContains(t, err, "override_one_active")
}

func TestSaveOverrideRefuses(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	score := 80
	for name, tt := range map[string]struct {
		change func(*store.Override)
		says   string
	}{
		"no reason":          {func(o *store.Override) { o.Reason = " " }, "reason: say why"},
		"nobody":             {func(o *store.Override) { o.Author = "" }, "by: say who"},
		"a novel":            {func(o *store.Override) { o.Reason = strings.Repeat("x", 2001) }, "reason: has 2001 characters"},
		"a score and a tier": {func(o *store.Override) { o.Score = &score }, "override_score_or_tier"},
		"another code":       {func(o *store.Override) { o.Code = "mood" }, "override_code_known"},
		"over already":       {func(o *store.Override) { o.ExpiresAt = now.AddDate(-1, 0, 0) }, "override_expires_later"},
	} {
		o := decided(acc, "Tier 1")
		tt.change(&o)
		_, err := s.SaveOverride(ctx, o)
		require.ErrorIs(t, err, account.ErrInvalid, name)
		require.ErrorContains(t, err, tt.says, name)
	}
	_, err := s.SaveOverride(ctx, decided(account.Account{ID: 99}, "Tier 1"))
	require.ErrorIs(t, err, account.ErrNotFound)

	late := handIn(t, s, decided(acc, "Tier 1"))
	_, err = s.BeginOverride(ctx, acc.ID, late.ID, now.AddDate(0, 0, 2))
	require.ErrorContains(t, err, "expires_at: lies in the past")
	late, err = s.Override(ctx, late.ID)
	require.NoError(t, err)
	require.Equal(t, store.Refused, late.Ended, "it is on record as one that never held")
	_, err = s.BeginOverride(ctx, 99, late.ID, now)
	require.ErrorIs(t, err, account.ErrNotFound)
}

// A score is worked out from what held and from the score before; where one of the two
// is another by the time it is kept, it must be worked out again.
func TestSaveScoreNoticesWhatMovedMeanwhile(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	first, err := s.SaveScore(ctx, scoreRow(acc, 1))
	require.NoError(t, err)
	next := scoreRow(acc, 2)
	_, err = s.SaveScore(ctx, next)
	require.ErrorIs(t, err, store.ErrMoved, "another score")

	next.Before = first.ID
	o := begin(t, s, handIn(t, s, decided(acc, "Tier 1")))
	_, err = s.SaveScore(ctx, next)
	require.ErrorIs(t, err, store.ErrMoved, "an override that began")
	next.Override = &store.Standing{ID: o.ID, Value: 70, Tier: "Tier 1", Fit: 70}
	held, err := s.SaveScore(ctx, next)
	require.NoError(t, err)
	require.Equal(t, next.Override, held.Override)
	require.Equal(t, []any{70, 70, 70, 70, "Tier 1", false}, []any{
		held.Counts().Value, held.Counts().Low, held.Counts().High, held.Counts().Fit, held.Counts().Tier, held.Counts().Provisional,
	})
	require.Equal(t, "Tier 2", held.Score.Tier, "the machine's is kept")

	_, err = s.EndOverride(ctx, acc.ID, o.ID, store.Expired, now)
	require.NoError(t, err)
	last := scoreRow(acc, 3)
	last.Before, last.Override = held.ID, next.Override
	_, err = s.SaveScore(ctx, last)
	require.ErrorIs(t, err, store.ErrMoved, "an override that ended")
	last.Override = nil
	_, err = s.SaveScore(ctx, last)
	require.NoError(t, err)
	again, err := s.SaveScore(ctx, next)
	require.NoError(t, err)
	require.Equal(t, held, again, "a pass is scored once, whatever came after it")
}

func TestTheTargetListGoesByWhatCounts(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	_, err := s.SaveScore(ctx, scoreRow(acc, 1))
	require.NoError(t, err)
	list := store.TargetList{Tiers: []string{"Tier 1"}}
	n, err := s.CountTargets(ctx, list)
	require.NoError(t, err)
	require.Zero(t, n)
	o := begin(t, s, handIn(t, s, decided(acc, "Tier 1")))
	last, err := s.LatestScore(ctx, acc.ID)
	require.NoError(t, err)
	held := scoreRow(acc, 2)
	held.Before, held.Override = last.ID, &store.Standing{ID: o.ID, Value: 70, Tier: "Tier 1", Fit: 70}
	_, err = s.SaveScore(ctx, held)
	require.NoError(t, err)
	n, err = s.CountTargets(ctx, list)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestTryEffectOfTheLastScoreByOneHolderAtATime(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	acc := acme(t, s)
	first, err := s.SaveScore(ctx, scoreRow(acc, 1))
	require.NoError(t, err)
	try := func(holder string, score int64) error {
		_, err := s.TryEffect(ctx, store.Attempt{Key: "k", AccountID: acc.ID, RunID: "r", Holder: holder, Kind: crm.PropertiesEffect, ScoreID: score})
		return err
	}
	require.NoError(t, try("a", first.ID))
	require.NoError(t, try("a", first.ID), "its own attempt keeps nobody off")
	require.ErrorIs(t, try("b", first.ID), store.ErrBusy)
	require.NoError(t, s.FinishEffect(ctx, store.Done{Key: "k", CRMID: "512"}))
	require.NoError(t, try("b", first.ID))
	require.NoError(t, s.FinishEffect(ctx, store.Done{Key: "k", CRMID: "512"}))

	next := scoreRow(acc, 2)
	next.Before = first.ID
	second, err := s.SaveScore(ctx, next)
	require.NoError(t, err)
	require.ErrorIs(t, try("a", first.ID), store.ErrSuperseded)
	_, err = s.TryEffect(ctx, store.Attempt{Key: "new", AccountID: acc.ID, RunID: "a", Kind: crm.TaskEffect, ScoreID: first.ID})
	require.ErrorIs(t, err, store.ErrSuperseded)
	_, err = s.Effect(ctx, "new")
	require.ErrorIs(t, err, account.ErrNotFound, "what was not tried leaves nothing on record")
	require.NoError(t, try("a", second.ID))
	require.NoError(t, try("a", 0), "an effect of no score waits for nobody")
}

func TestExceptionsAndTheirShare(t *testing.T) {
	t.Parallel()
	s, ctx := storetest.New(t), t.Context()
	accs := accounts(t, s, 20)
	rows := make([]store.ScoreRow, len(accs))
	for i, acc := range accs {
		row := scoreRow(acc, 1)
		row.Exploration = i < 2
		var err error
		rows[i], err = s.SaveScore(ctx, row)
		require.NoError(t, err)
	}
	share, err := s.ExceptionShare(ctx, now)
	require.NoError(t, err)
	require.Equal(t, store.Share{Scored: 20, Exploration: 2, Together: 2}, share)
	require.InDelta(t, 0.1, share.Of(share.Together), 1e-9)

	explored := decided(accs[1], "Tier 2")
	explored.Code = "exploration"
	begin(t, s, handIn(t, s, explored)) // one that the model explores anyhow
	begin(t, s, handIn(t, s, decided(accs[2], "Tier 1")))
	gone := begin(t, s, handIn(t, s, decided(accs[3], "Tier 1")))
	_, err = s.EndOverride(ctx, accs[3].ID, gone.ID, store.Expired, now)
	require.NoError(t, err)
	handIn(t, s, decided(accs[4], "Tier 1")) // never taken up
	share, err = s.ExceptionShare(ctx, now)
	require.NoError(t, err)
	require.Equal(t, store.Share{Scored: 20, Overridden: 2, Exploration: 2, Together: 3}, share)
	share, err = s.ExceptionShare(ctx, now.AddDate(0, 0, 2))
	require.NoError(t, err)
	require.Equal(t, store.Share{Scored: 20, Exploration: 2, Together: 2}, share, "when their time is up")

	next := scoreRow(accs[2], 2)
	next.Before, next.Score.Value, next.Score.Tier = rows[2].ID, 30, "Tier 3"
	next.Override = &store.Standing{ID: gone.ID - 1, Value: 70, Tier: "Tier 1", Fit: 70}
	_, err = s.SaveScore(ctx, next)
	require.NoError(t, err)
	holding, err := s.Exceptions(ctx, now, now, true)
	require.NoError(t, err)
	require.Len(t, holding, 2)
	require.Equal(t, accs[2], holding[0].Account)
	require.Equal(t, []any{"Tier 2", 65, "Tier 3", 30, "revops", 3}, []any{
		holding[0].MachineTier, holding[0].MachineValue, holding[0].NowTier, holding[0].NowValue, holding[0].Model, holding[0].ModelVersion,
	})
	require.Equal(t, 70, holding[0].Counted)
	all, err := s.Exceptions(ctx, now.AddDate(0, 0, -90), now, false)
	require.NoError(t, err)
	require.Len(t, all, 3, "those that ended lately are there for the review")
}

func TestExploredAccounts(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	none, err := s.Explored(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	var last store.ScoreRow
	for i, drawn := range []bool{false, true, true, false} {
		last, err = s.SaveScore(t.Context(), store.ScoreRow{
			AccountID: acc.ID, RunID: "r", Pass: i + 1, Before: last.ID, Model: "revops", ModelVersion: 2, Score: icp.Score{Tier: "Not a fit"},
			Cause: "first", Exploration: drawn, ScoredAt: now.Add(time.Duration(i) * time.Hour),
		})
		require.NoError(t, err)
	}
	explored, err := s.Explored(t.Context())
	require.NoError(t, err)
	require.Len(t, explored, 1)
	require.Equal(t, acc, explored[0].Account)
	require.True(t, now.Add(time.Hour).Equal(explored[0].Since), "the first time")
}

func TestShareOfNoScoredAccounts(t *testing.T) {
	t.Parallel()
	require.Zero(t, store.Share{}.Of(3))
}
