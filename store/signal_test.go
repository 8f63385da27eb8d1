package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/waterfall"
)

var night = time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC)

func round(source string, at time.Time) signals.Event {
	return signals.Event{
		Kind: signals.Funding, Entity: "round", OccurredAt: at, Summary: "raised $9M", Confidence: 0.8,
		Evidence: []signals.Evidence{{Source: source, Title: "Form D", URL: "https://filings.example/" + source, At: at}},
	}
}

func saw(accountID int64, events ...signals.Event) []store.NewSight {
	return []store.NewSight{{AccountID: accountID, Remember: json.RawMessage(`{"seen": 1}`), Events: events}}
}

func TestOneEventFromTwoSourcesIsOneSignal(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	day := night.AddDate(0, 0, -3)
	found, err := s.SaveSights(t.Context(), "edgar", night, saw(acc.ID, round("edgar", day)))
	require.NoError(t, err)
	require.Equal(t, 1, found)
	for range 2 { // told again, nothing is added
		found, err = s.SaveSights(t.Context(), "funding", night, saw(acc.ID, round("funding", day.AddDate(0, 0, 10))))
		require.NoError(t, err)
		require.Zero(t, found)
	}
	all, err := s.Signals(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Len(t, all[0].Evidence, 2)
	require.InDelta(t, 0.96, all[0].Confidence, 1e-6)
	require.Equal(t, day, all[0].OccurredAt)

	found, err = s.SaveSights(t.Context(), "funding", night, saw(acc.ID, round("funding", day.AddDate(0, 3, 0))))
	require.NoError(t, err)
	require.Equal(t, 1, found, "another round")
}

func TestSightsAreRemembered(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	none, err := s.Sights(t.Context(), "edgar", []int64{acc.ID})
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = s.SaveSights(t.Context(), "edgar", night, saw(acc.ID))
	require.NoError(t, err)
	later := night.AddDate(0, 0, 1)
	_, err = s.SaveSights(t.Context(), "edgar", later, []store.NewSight{{AccountID: acc.ID}})
	require.NoError(t, err)
	got, err := s.Sights(t.Context(), "edgar", []int64{acc.ID})
	require.NoError(t, err)
	require.JSONEq(t, `{"seen": 1}`, string(got[acc.ID].Remember), "nil keeps what was there")
	require.Equal(t, later, got[acc.ID].LookedAt)
}

func TestAccountsWithNewsUntilAnswered(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	_, err := s.SaveSights(t.Context(), "edgar", night, saw(acc.ID, round("edgar", night)))
	require.NoError(t, err)
	news, err := s.WithNews(t.Context(), store.NewsOf{}, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []store.NewsOf{{AccountID: acc.ID, Value: -1}}, news)
	news, err = s.WithNews(t.Context(), news[0], 0, 10)
	require.NoError(t, err)
	require.Empty(t, news)
	all, err := s.Signals(t.Context(), acc.ID)
	require.NoError(t, err)
	require.NoError(t, s.Answer(t.Context(), []int64{all[0].ID}, night))
	news, err = s.WithNews(t.Context(), store.NewsOf{}, 0, 10)
	require.NoError(t, err)
	require.Empty(t, news)
}

func TestDailyCapSendsTheRestToTheDigest(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	decide := func(run, owner string, value int) string {
		r, err := s.SaveResponse(t.Context(), store.Response{
			RunID: run, AccountID: acc.ID, Signals: []int64{1}, Kinds: []string{signals.Funding}, Outcome: store.TaskMade,
			OwnerID: owner, Day: "2026-11-21", Value: value, Fit: 65,
		}, 2)
		require.NoError(t, err)
		return r.Outcome
	}
	require.Equal(t, store.TaskMade, decide("r1", "7", 80))
	require.Equal(t, store.TaskMade, decide("r2", "7", 80))
	require.Equal(t, store.TaskMade, decide("r2", "7", 80), "the same run decides once")
	require.Equal(t, store.InDigest, decide("r3", "7", 80))
	require.Equal(t, store.InDigest, decide("r4", "7", 90))
	require.Equal(t, store.TaskMade, decide("r5", "8", 80), "another owner")
	require.Equal(t, store.TaskMade, decide("r6", "", 80), "a cap is a person's")
	lines, err := s.Digest(t.Context(), "2026-11-21", "7")
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, "r4", lines[0].RunID, "the best first")
	owners, err := s.DigestOwners(t.Context(), "2026-11-21")
	require.NoError(t, err)
	require.Equal(t, []string{"7"}, owners)
	cooled, err := s.CooledKinds(t.Context(), acc.ID, "r9", []string{signals.Funding, signals.Hiring}, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{signals.Funding}, cooled)
}

func TestTargets(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	merged := func(field account.Field, v account.Value) waterfall.Merged {
		return waterfall.Merged{Fact: fact(field, v)}
	}
	var last store.ScoreRow
	for i, country := range []string{"US", "DE"} { // the latest counts
		var err error
		last, err = s.SaveScore(t.Context(), store.ScoreRow{
			AccountID: acc.ID, Before: last.ID, RunID: "r", Pass: i + 1, Model: "revops", ModelVersion: 2, Score: icp.Score{Tier: "Tier 3"}, Cause: "first",
			ScoredAt: now.Add(time.Duration(i) * time.Hour),
			Facts: map[account.Field]waterfall.Merged{
				account.Country:      merged(account.Country, account.TextValue(country)),
				account.Technologies: merged(account.Technologies, account.ListValue("HubSpot", "segment")),
				account.Employees:    merged(account.Employees, account.NumberValue(50)),
			},
		})
		require.NoError(t, err)
	}
	segments := func(all ...store.Segment) store.TargetList { return store.TargetList{Segments: all} }
	for _, tt := range []struct {
		name string
		list store.TargetList
		want int
	}{
		{name: "its tier", list: store.TargetList{Tiers: []string{"Tier 1", "Tier 3"}}, want: 1},
		{name: "a segment by a text", list: segments(store.Segment{"country": {"us", "de"}}), want: 1},
		{name: "a segment by a list", list: segments(store.Segment{"technologies": {"hubspot"}}), want: 1},
		{name: "all fields of a segment", list: segments(store.Segment{"technologies": {"hubspot"}, "country": {"US"}})},
		{name: "any segment", list: segments(store.Segment{"country": {"US"}}, store.Segment{"technologies": {"segment"}}), want: 1},
		{name: "a field that is not known", list: segments(store.Segment{"industry": {"saas"}})},
		{name: "a segment beside a tier", list: store.TargetList{Tiers: []string{"Tier 3"}, Segments: []store.Segment{{"industry": {"saas"}}}}, want: 1},
		{name: "no tier", list: store.TargetList{Tiers: []string{"Tier 1"}}},
		{name: "only one", list: store.TargetList{Only: acc.ID}, want: 1},
		{name: "not marked", list: store.TargetList{Marked: true}},
	} {
		got, err := s.Targets(t.Context(), tt.list, 0, 10)
		require.NoError(t, err, tt.name)
		require.Len(t, got, tt.want, tt.name)
		n, err := s.CountTargets(t.Context(), tt.list)
		require.NoError(t, err)
		require.Equal(t, tt.want, n, tt.name)
	}
}

func TestVisitsCountOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	v := signals.Visit{ID: "v1", Kind: "page_view", Page: "/pricing", At: night}
	require.NoError(t, s.AddVisits(t.Context(), acc.ID, []signals.Visit{v, v}))
	got, err := s.VisitsOf(t.Context(), []int64{acc.ID}, night.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, []signals.Visit{v}, got[acc.ID])
}
