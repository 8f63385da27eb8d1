package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

var aKey = strings.Repeat("k", 26)

func made(quarter string) store.MadeReview {
	return store.MadeReview{
		Quarter: quarter, Model: store.ModelRef{Name: "revops", Version: 3}, Key: aKey, Report: []byte(`{"z": 1, "a": [2]}`),
		Draft: "name: revops", At: now,
	}
}

func withModel(t *testing.T) *store.Store {
	t.Helper()
	s := storetest.New(t)
	for version := 3; version < 5; version++ {
		require.NoError(t, s.SaveModel(t.Context(), "revops", version, "company", []byte("m")))
	}
	return s
}

func saved(t *testing.T, s *store.Store, m store.MadeReview) store.Review {
	t.Helper()
	r, err := s.SaveReview(t.Context(), m)
	require.NoError(t, err)
	return r
}

func TestAReviewIsMadeAnewUntilItIsDecided(t *testing.T) {
	t.Parallel()
	s, ctx := withModel(t), t.Context()
	first := saved(t, s, made("2026Q3"))
	require.Equal(t, store.Review{ID: first.ID, Quarter: "2026Q3", Model: store.ModelRef{Name: "revops", Version: 3}, Key: aKey, Draft: "name: revops", MadeAt: now}, first)
	require.NoError(t, s.TaskOfReview(ctx, first.ID, "77"))
	require.NoError(t, s.PassReview(ctx, first.ID, now))

	again := made("2026Q3")
	again.Model.Version, again.Key, again.Report, again.Draft, again.At = 4, strings.Repeat("x", 26), []byte(`{"b":  2}`), "", now.Add(time.Hour)
	second := saved(t, s, again)
	want := store.Review{ID: first.ID, Quarter: "2026Q3", Model: again.Model, Key: aKey, MadeAt: again.At, TaskID: "77"}
	require.Equal(t, want, second, "the link that people have goes on to work")
	report, err := s.ReviewReport(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, `{"b":  2}`, string(report), "as it was written")

	d, err := s.HandInReviewDecision(ctx, store.ReviewDecision{ReviewID: first.ID, Decision: "kept", Author: " dana ", Words: "Too few deals"})
	require.NoError(t, err)
	other, err := s.HandInReviewDecision(ctx, store.ReviewDecision{ReviewID: first.ID, Decision: "accepted", Author: "eve", Words: "go"})
	require.NoError(t, err)
	undecided, err := s.Review(ctx, first.ID)
	require.NoError(t, err)
	require.Nil(t, undecided.Decision, "handed in is not counted")
	for range 2 {
		decided, err := s.CountReviewDecision(ctx, first.ID, d.ID, now)
		require.NoError(t, err)
		d.CountedAt = now
		require.Equal(t, &d, decided.Decision)
	}
	require.Equal(t, "dana", d.Author)
	late, err := s.CountReviewDecision(ctx, first.ID, other.ID, now)
	require.NoError(t, err)
	require.Equal(t, d.ID, late.Decision.ID, "one counts")
	require.NoError(t, s.PassReview(ctx, first.ID, now))

	require.Equal(t, late, saved(t, s, made("2026Q3")), "what is decided stays")
	report, err = s.ReviewReport(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, `{"b":  2}`, string(report))
	saved(t, s, made("2026Q2"))
	all, err := s.Reviews(ctx, "")
	require.NoError(t, err)
	require.Equal(t, []string{"2026Q3", "2026Q2"}, []string{all[0].Quarter, all[1].Quarter})
	one, err := s.Reviews(ctx, "2026Q3")
	require.NoError(t, err)
	require.Equal(t, []store.Review{late}, one)
}

func TestReviewsRefuse(t *testing.T) {
	t.Parallel()
	s, ctx := withModel(t), t.Context()
	m := made("Q3 2026")
	_, err := s.SaveReview(ctx, m)
	require.ErrorContains(t, err, "review_quarter_shape")
	m = made("2026Q3")
	m.Model.Version = 9
	_, err = s.SaveReview(ctx, m)
	require.ErrorIs(t, err, account.ErrNotFound)
	r := saved(t, s, made("2026Q3"))
	for says, d := range map[string]store.ReviewDecision{
		"decision": {Decision: "maybe", Author: "dana", Words: "w"}, "by": {Decision: "kept", Words: "w"}, "reason": {Decision: "kept", Author: "dana", Words: " "},
	} {
		d.ReviewID = r.ID
		_, err := s.HandInReviewDecision(ctx, d)
		require.ErrorIs(t, err, account.ErrInvalid)
		require.ErrorContains(t, err, says+": ")
	}
	_, err = s.HandInReviewDecision(ctx, store.ReviewDecision{ReviewID: 99, Decision: "kept", Author: "dana", Words: "w"})
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = s.CountReviewDecision(ctx, r.ID, 99, now)
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = s.ReviewOf(ctx, "2026Q4", "revops")
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = s.ReviewReport(ctx, 99)
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestAReviewHasItsPlaceInTheCRM(t *testing.T) {
	t.Parallel()
	s, ctx := withModel(t), t.Context()
	r := saved(t, s, made("2026Q3"))
	_, err := s.PlaceReview(ctx, r.ID, "ours.example", nil)
	require.ErrorIs(t, err, account.ErrNotFound, "no account has a record")
	accounts(t, s, 2)
	companies := map[string]account.Account{}
	for i, name := range []string{"good", "best", "ours"} {
		acc, err := s.UpsertAccount(ctx, account.Key{CRM: "hubspot", Portal: "8100", ID: name}, name+".example", name)
		require.NoError(t, err)
		companies[name] = acc
		row := scoreRow(acc, 1)
		row.Score.Value = []int{70, 90, 10}[i]
		_, err = s.SaveScore(ctx, row)
		require.NoError(t, err)
	}
	place := func(ours string, gone ...int64) string {
		acc, err := s.PlaceReview(ctx, r.ID, ours, gone)
		require.NoError(t, err)
		return acc.Name
	}
	require.Equal(t, "best", place("nobody.example"))
	require.Equal(t, "best", place("ours.example"), "it stays")
	require.Equal(t, "ours", place("ours.example", companies["best"].ID))
	require.Equal(t, "good", place("", companies["best"].ID, companies["ours"].ID))
}
