package engagement_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/engagement"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// view is a page view so many days ago.
func view(id, page string, daysAgo float64) signals.Visit {
	return signals.Visit{ID: id, Kind: "page_view", Page: page, Visitor: "v1", At: now.Add(-time.Duration(daysAgo * float64(day)))}
}

func demo(id string, daysAgo float64) signals.Visit {
	v := view(id, "", daysAgo)
	v.Kind = "demo_request"
	return v
}

type fields map[string]string

func look(t testing.TB, visits []signals.Visit, f fields, before json.RawMessage) signals.Sight {
	t.Helper()
	source, err := engagement.New(signals.Config{})
	require.NoError(t, err)
	got, err := source.Look(t.Context(), signals.Look{
		Visits: visits, Fields: f, Rules: &icp.SignalRules{}, Before: before, Now: now, Since: now.Add(-30 * day),
	})
	require.NoError(t, err)
	return got
}

// told are the events as "entity: how many days ago, how many pieces of evidence".
func told(s signals.Sight) []string {
	var out []string
	for _, e := range s.Events {
		out = append(out, fmt.Sprintf("%s %s: %.1f, %d", e.Kind, e.Entity, now.Sub(e.OccurredAt).Hours()/24, len(e.Evidence)))
	}
	return out
}

func TestVisits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give []signals.Visit
		want []string
	}{
		{name: "nobody"},
		{name: "one visit", give: []signals.Visit{view("1", "/", 3)}},
		{name: "the pricing page", give: []signals.Visit{view("1", "/pricing", 3)}, want: []string{"website_visit pricing: 3.0, 1"}},
		{name: "a page below it", give: []signals.Visit{view("1", "https://us.example/en/Pricing-Plans/?a=b", 3)}, want: []string{"website_visit pricing: 3.0, 1"}},
		{name: "pricing in the query only", give: []signals.Visit{view("1", "/blog?ref=pricing#pricing", 3)}},
		{name: "pricing in the host only", give: []signals.Visit{view("1", "https://pricing.example/blog", 3)}},
		{name: "the pricing page thrice in a day", give: []signals.Visit{view("1", "/pricing", 3), view("2", "/pricing", 2.9), view("3", "/pricing", 2.8)}, want: []string{"website_visit pricing: 2.8, 3"}},
		{name: "on two days", give: []signals.Visit{view("1", "/", 3), view("2", "/blog", 1)}, want: []string{"website_visit return: 1.0, 2"}},
		{name: "twice in a day", give: []signals.Visit{view("1", "/", 3.1), view("2", "/", 3)}},
		{name: "a week later", give: []signals.Visit{view("1", "/", 9), view("2", "/", 2)}, want: []string{"website_visit return: 2.0, 2"}},
		{name: "more than a week later", give: []signals.Visit{view("1", "/", 9.01), view("2", "/", 2)}},
		{name: "the same visit twice", give: []signals.Visit{view("1", "/", 3), view("1", "/", 1)}},
		{name: "a demo", give: []signals.Visit{demo("1", 3)}, want: []string{"website_visit demo: 3.0, 1"}},
		{name: "all at once", give: []signals.Visit{view("1", "/", 4), view("2", "/pricing", 3), demo("3", 1)}, want: []string{"website_visit demo: 1.0, 1", "website_visit pricing: 3.0, 1", "website_visit return: 3.0, 2"}},
		{name: "too old", give: []signals.Visit{view("1", "/pricing", 30.1)}},
		{name: "just not too old", give: []signals.Visit{view("1", "/pricing", 30)}, want: []string{"website_visit pricing: 30.0, 1"}},
		{name: "of tomorrow", give: []signals.Visit{view("1", "/pricing", -1)}},
		{name: "mails", give: []signals.Visit{{ID: "1", Kind: "email_open", Page: "/pricing", At: now.Add(-day)}, {ID: "2", Kind: "email_click", Page: "/pricing", At: now.Add(-3 * day)}}},
		{name: "without ids", give: []signals.Visit{view("", "/pricing", 3), view("", "/pricing", 3)}, want: []string{"website_visit pricing: 3.0, 1"}},
		{name: "an address that is none", give: []signals.Visit{view("", "/%zz/pricing\n?x", 3)}, want: []string{"website_visit pricing: 3.0, 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := look(t, tt.give, nil, nil)
			require.Equal(t, tt.want, told(got))
			require.Empty(t, look(t, tt.give, nil, got.Remember).Events, "the same again")
		})
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	at := func(daysAgo float64) string {
		return now.Add(-time.Duration(daysAgo * float64(day))).Format(time.RFC3339)
	}
	tests := []struct {
		name         string
		before, give fields
		want         []string
	}{
		{"the count has risen", fields{"pricing_page_visits": "2"}, fields{"pricing_page_visits": "3", "last_visit_at": at(2)}, []string{"website_visit pricing: 2.0, 1"}},
		{"the count has risen, nobody says when", fields{"pricing_page_visits": "0"}, fields{"pricing_page_visits": "1.0"}, []string{"website_visit pricing: 0.0, 1"}},
		{"the same count", fields{"pricing_page_visits": "2"}, fields{"pricing_page_visits": "2"}, nil},
		{"a lower count", fields{"pricing_page_visits": "2"}, fields{"pricing_page_visits": "1"}, nil},
		{"a count at last", fields{}, fields{"pricing_page_visits": "5"}, nil},
		{"no count", fields{"pricing_page_visits": "2"}, fields{"pricing_page_visits": "many"}, nil},
		{"another demo", fields{"demo_requests": "0"}, fields{"demo_requests": "1", "last_visit_at": at(2)}, []string{"website_visit demo: 2.0, 1"}},
		{"as many demos", fields{"demo_requests": "1"}, fields{"demo_requests": "1"}, nil},
		{"a return", fields{"last_visit_at": at(4)}, fields{"last_visit_at": at(1)}, []string{"website_visit return: 1.0, 1"}},
		{"a return in milliseconds", fields{"last_visit_at": "1763294400000"}, fields{"last_visit_at": "1763553600000"}, nil}, // of 2025
		{"a return after a week", fields{"last_visit_at": at(9)}, fields{"last_visit_at": at(1)}, nil},
		{"the same visit", fields{"last_visit_at": at(4)}, fields{"last_visit_at": at(4)}, nil},
		{"the same day", fields{"last_visit_at": at(4)}, fields{"last_visit_at": at(3.9)}, nil},
		{"the first visit", fields{}, fields{"last_visit_at": at(1)}, nil},
		{"a time that is none", fields{"last_visit_at": at(4)}, fields{"last_visit_at": "yesterday"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := look(t, nil, tt.before, nil)
			require.Empty(t, first.Events, "first sight")
			got := look(t, nil, tt.give, first.Remember)
			require.Equal(t, tt.want, told(got))
			require.Empty(t, look(t, nil, tt.give, got.Remember).Events, "the same again")
		})
	}
}

// TestBoth holds that a visit that the website has reported is not told again because
// the CRM counts it.
func TestBoth(t *testing.T) {
	t.Parallel()
	first := look(t, []signals.Visit{view("1", "/", 5)}, fields{"pricing_page_visits": "0"}, nil)
	visits := []signals.Visit{view("1", "/", 5), view("2", "/pricing", 3)}
	f := fields{"pricing_page_visits": "1", "last_visit_at": visits[1].At.Add(time.Second).Format(time.RFC3339)}
	got := look(t, visits, f, first.Remember)
	require.Equal(t, []string{"website_visit pricing: 3.0, 1", "website_visit return: 3.0, 2"}, told(got))
	require.Empty(t, look(t, visits, f, got.Remember).Events)
}

// TestLater holds that visits are news once, and that what is told counts for a return.
func TestLater(t *testing.T) {
	t.Parallel()
	first := look(t, []signals.Visit{view("1", "/pricing", 5)}, nil, nil)
	require.Len(t, first.Events, 1)
	second := look(t, []signals.Visit{view("1", "/pricing", 5), view("2", "/", 2)}, nil, first.Remember)
	require.Equal(t, []string{"website_visit return: 2.0, 2"}, told(second))
	late := look(t, []signals.Visit{view("1", "/pricing", 5), view("2", "/", 2), view("0", "/pricing", 9)}, nil, second.Remember)
	require.Equal(t, []string{"website_visit pricing: 9.0, 1", "website_visit return: 2.0, 2"}, told(late))
}

func TestEvent(t *testing.T) {
	t.Parallel()
	got := look(t, []signals.Visit{view("1", "https://us.example/pricing?email=jane@acme.example", 3)}, nil, nil)
	at := now.Add(-3 * day)
	require.Equal(t, []signals.Event{{
		Kind: signals.WebsiteVisit, Entity: "pricing", OccurredAt: at, Summary: "visited the pricing page", Confidence: 0.9,
		Evidence: []signals.Evidence{{Source: "engagement", Title: "page view: /pricing", At: at}},
	}}, got.Events)
	require.NotContains(t, string(got.Remember), "jane")
}

func TestSmallMemory(t *testing.T) {
	t.Parallel()
	var visits []signals.Visit
	for i := range 5000 {
		visits = append(visits, view(fmt.Sprintf("%0100d", i), "/pricing", 29-float64(i)/200))
	}
	got := look(t, visits, nil, nil)
	require.Len(t, got.Events[0].Evidence, 5)
	require.Less(t, len(got.Remember), 64<<10)
	require.Empty(t, look(t, visits, nil, got.Remember).Events, "the same again")
	require.Equal(t, []string{"website_visit pricing: 1.0, 1", "website_visit return: 1.0, 2"},
		told(look(t, append(visits, view("new", "/pricing", 1)), nil, got.Remember)))
}

func TestStrangeMemory(t *testing.T) {
	t.Parallel()
	for _, before := range []string{`{}`, `null`, `[]`, `7`, `"x"`, `{`, `{"told": 7}`, `{"told": [{"key": 7}]}`, `{"until": "x"}`} {
		require.Len(t, look(t, []signals.Visit{view("1", "/pricing", 3)}, fields{"pricing_page_visits": "3"}, json.RawMessage(before)).Events, 1, before)
	}
}
