package icp_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

func shipped(t testing.TB, name string) *icp.Model {
	t.Helper()
	m, err := icp.Load(name)
	require.NoError(t, err)
	return m
}

func TestShipped(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"abm-list", "contact-fit", "fit-and-engagement", "five-dimensions", "revops"}, icp.Shipped())
}

// facts makes facts of plain values.
func facts(given map[account.Field]any) account.Facts {
	f := account.Facts{}
	for field, v := range given {
		switch v := v.(type) {
		case string:
			set(f, field, account.TextValue(v))
		case int:
			set(f, field, account.NumberValue(float64(v)))
		case bool:
			set(f, field, account.BoolValue(v))
		case []string:
			set(f, field, account.ListValue(v...))
		case time.Duration:
			set(f, field, account.DateValue(now.Add(-v)))
		}
	}
	return f
}

// TestContactFit holds the published points of contacts, each on both sides of its
// boundary, and the five levels.
func TestContactFit(t *testing.T) {
	t.Parallel()
	m := shipped(t, "contact-fit")
	best := map[account.Field]any{
		account.Industry: "saas", account.Employees: 120, account.Technologies: []string{"hubspot"}, account.Country: "US",
		account.RevenueUSD: 5_000_000, account.Department: "marketing", account.ManagementLevel: "c-level",
	}
	raw := func(s icp.Score) int { points, _, _ := sums(s); return points }
	require.Equal(t, 67, raw(icp.Rate(m, facts(best), nil, now)))
	require.Equal(t, "50 in 50..50, Best fit", icp.Rate(m, facts(best), nil, now).String(), "67 raw points are 50")
	require.Equal(t, "0 in 0..50, Not a fit (provisional)", icp.Rate(m, nil, nil, now).String())

	points := []struct {
		field  account.Field
		points map[any]int
	}{
		{account.Industry, map[any]int{"saas": 10, "digital-marketing": 10, "it-services": 10, "fintech": 5, "mining-metals": 0}},
		{account.Employees, map[any]int{19: 0, 20: 5, 49: 5, 50: 10, 200: 10, 201: 5, 500: 5, 501: 0}},
		{account.Country, map[any]int{"US": 7, "CA": 7, "MX": 7, "GB": 3, "JP": 0}},
		{account.RevenueUSD, map[any]int{499_999: 0, 500_000: 5, 999_999: 5, 1_000_000: 10, 10_000_000: 10, 10_000_001: 5, 50_000_000: 5, 50_000_001: 0}},
		{account.Technologies, map[any]int{"hubspot": 10, "salesforce": 5, "apollo": 5, "aws": 0}},
		{account.Department, map[any]int{"marketing": 10, "sales": 10, "it": 10, "operations": 5, "legal": 0}},
		{account.ManagementLevel, map[any]int{"c-level": 10, "vp": 7, "director": 7, "manager": 5, "staff": 0}},
	}
	for _, tt := range points {
		for value, want := range tt.points {
			require.Equal(t, want, raw(icp.Rate(m, facts(map[account.Field]any{tt.field: value}), nil, now)), "%s: %v", tt.field, value)
		}
	}

	levels := []struct {
		raw, value int
		tier       string
		without    map[account.Field]any
	}{
		{53, 40, "Best fit", map[account.Field]any{account.Country: "GB", account.ManagementLevel: "staff"}},
		{52, 39, "Strong fit", map[account.Field]any{account.Country: "JP", account.RevenueUSD: 500_000, account.ManagementLevel: "vp"}},
		{40, 30, "Strong fit", map[account.Field]any{account.Country: "JP", account.RevenueUSD: 1, account.ManagementLevel: "staff"}},
		{39, 29, "Moderate fit", map[account.Field]any{account.Technologies: "apollo", account.RevenueUSD: 1, account.Department: "legal", account.ManagementLevel: "vp"}},
		{27, 20, "Moderate fit", map[account.Field]any{account.Technologies: "aws", account.RevenueUSD: 1, account.Department: "legal", account.ManagementLevel: "staff"}},
		{25, 19, "Poor fit", map[account.Field]any{account.Technologies: "aws", account.Country: "JP", account.RevenueUSD: 1, account.Department: "legal", account.ManagementLevel: "manager"}},
		{13, 10, "Poor fit", map[account.Field]any{account.Employees: 1, account.Technologies: "aws", account.Country: "GB", account.RevenueUSD: 1, account.Department: "legal", account.ManagementLevel: "staff"}},
		{12, 9, "Not a fit", map[account.Field]any{account.Employees: 20, account.Industry: "legal", account.Technologies: "aws", account.Country: "JP", account.RevenueUSD: 1, account.Department: "legal", account.ManagementLevel: "vp"}},
	}
	for _, tt := range levels {
		f := facts(best)
		maps.Copy(f, facts(tt.without))
		s := icp.Rate(m, f, nil, now)
		require.Equal(t, []any{tt.raw, tt.value, tt.tier}, []any{raw(s), s.Value, s.Tier})
	}
}

// fiveKnown is an account of which something is known in every dimension but that of
// signals, and nothing is worth a point.
func fiveKnown() map[account.Field]any {
	return map[account.Field]any{account.Industry: "retail", account.Employees: 1, account.RevenueUSD: 1, account.Country: "JP", account.Technologies: "jenkins", "initiative": false, "cross_sell": false}
}

// fivePerfect is what earns all points of each dimension.
var fivePerfect = map[string]map[account.Field]any{
	"firmographics": {
		account.Industry: "saas", account.Employees: 50, account.RevenueUSD: 5_000_000, account.Country: "GB",
		account.FundingStage: "series_b", account.FoundedYear: 2021, account.BusinessModel: []string{"b2b"},
	},
	"technographics": {account.Technologies: []string{"aws", "hubspot", "marketo", "segment"}},
	"needs":          {"main_pain": "data quality", "urgency": "high", "initiative": true, "budget_confirmed": true, "consolidates_vendors": true},
	"growth":         {"seats_possible": 100, "cross_sell": true, "reference_value": true},

	"seats":     {"seats_possible": 100}, // half of growth
	"reference": {"reference_value": true},
}

func TestFiveDimensions(t *testing.T) {
	t.Parallel()
	m := shipped(t, "five-dimensions")
	chief := facts(map[account.Field]any{account.ManagementLevel: "c-level"})
	committee := []icp.Contact{{ID: "1", Facts: chief}, {ID: "2", Facts: chief}}
	behaviour := append(append(append(signal("hiring", 0), signal("funding", 0)...), append(signal("expansion", 0), signal("technology_change", 0)...)...), signal("website_visit", 0)...)
	rate := func(signals []account.Signal, contacts []icp.Contact, dimensions ...string) icp.Score {
		given := fiveKnown()
		for _, d := range dimensions {
			maps.Copy(given, fivePerfect[d])
		}
		return m.Rate(icp.Subject{Facts: facts(given), Signals: signals, Contacts: contacts}, now)
	}
	old := signal("hiring", 400*day) // known, and worth nothing
	tests := []struct {
		name, want string
		signals    []account.Signal
		contacts   []icp.Contact
		dimensions []string
	}{
		{name: "nothing", want: "0 in 0..0, Weak fit", signals: old},
		{name: "firmographics are 30 %", want: "30 in 30..30, Weak fit", signals: old, dimensions: []string{"firmographics"}},
		{name: "technographics are 20 %", want: "20 in 20..20, Weak fit", signals: old, dimensions: []string{"technographics"}},
		{name: "behaviour is 25 %", want: "25 in 25..25, Weak fit", signals: behaviour, contacts: committee},
		{name: "needs are 15 %", want: "15 in 15..15, Weak fit", signals: old, dimensions: []string{"needs"}},
		{name: "growth is 10 %", want: "10 in 10..10, Weak fit", signals: old, dimensions: []string{"growth"}},
		{name: "all is 100", want: "100 in 100..100, Perfect fit", signals: behaviour, contacts: committee, dimensions: []string{"firmographics", "technographics", "needs", "growth"}},

		{name: "80 is perfect", want: "80 in 80..80, Perfect fit", signals: signal("hiring", 0), dimensions: []string{"firmographics", "technographics", "needs", "growth"}},
		{name: "79 is strong", want: "79 in 79..79, Strong fit", signals: signal("hiring", 20*day), dimensions: []string{"firmographics", "technographics", "needs", "growth"}},
		{name: "60 is strong", want: "60 in 60..60, Strong fit", signals: old, dimensions: []string{"firmographics", "technographics", "growth"}},
		{name: "59 is moderate", want: "59 in 59..59, Moderate fit", signals: signal("hiring", 75*day), dimensions: []string{"firmographics", "technographics", "seats", "reference"}},
		{name: "40 is moderate", want: "40 in 40..40, Moderate fit", signals: old, dimensions: []string{"firmographics", "growth"}},
		{name: "39 is weak", want: "39 in 39..39, Weak fit", signals: signal("hiring", 75*day), dimensions: []string{"firmographics", "seats", "reference"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, rate(tt.signals, tt.contacts, tt.dimensions...).String())
		})
	}
}

// TestFiveDimensionsUnknown holds that a dimension of which nothing is known is
// unknown, not zero.
func TestFiveDimensionsUnknown(t *testing.T) {
	t.Parallel()
	m := shipped(t, "five-dimensions")
	require.Equal(t, "0 in 0..100, Weak fit (provisional)", icp.Rate(m, nil, nil, now).String())
	s := icp.Rate(m, facts(fivePerfect["firmographics"]), nil, now)
	require.Equal(t, "30 in 30..100, Weak fit (provisional)", s.String())
	require.InDelta(t, 0.3, s.Completeness, 1e-12)
	require.Equal(t, "Weak fit", s.Floor)
	given := fiveKnown()
	given["seats_possible"] = 24
	for _, field := range []account.Field{account.Industry, account.Employees, account.RevenueUSD} {
		delete(given, field)
	}
	s = icp.Rate(m, facts(given), nil, now)
	require.Equal(t, "0 in 0..43, Weak fit (provisional)", s.String(), "the signals' 25, and what is required and unknown of firmographics: 18")
	require.Equal(t, 43, s.High-s.Low)
}

func TestFitAndEngagement(t *testing.T) {
	t.Parallel()
	m := shipped(t, "fit-and-engagement")
	high := map[account.Field]any{account.Industry: "saas", account.Employees: 200, account.Technologies: "aws", account.Country: "JP", account.IsHiring: false, "downloads": 0}
	low := map[account.Field]any{account.Industry: "saas", account.Employees: 100, account.Technologies: "aws", account.Country: "US", account.IsHiring: false, "downloads": 0}
	tests := []struct {
		name            string
		give            map[account.Field]any
		signals         []account.Signal
		fit, engagement int
		tier, queue     string
	}{
		{"both: first", high, signal("website_visit", 0), 60, 40, "First", "sdr-outreach"},
		{"fit alone: outbound", high, nil, 60, 0, "Outbound", "outbound"},
		{"engagement a point short", high, signal("website_visit", 12*time.Hour), 60, 39, "Outbound", "outbound"},
		{"engagement alone: nurture", low, signal("website_visit", 0), 55, 40, "Nurture", "marketing-nurture"},
		{"neither: nowhere", low, signal("website_visit", 28*day), 55, 10, "Leave alone", "disqualified"},
		{"all there is", map[account.Field]any{
			account.Industry: "saas", account.Employees: 1000, account.Technologies: "hubspot", account.Country: "US", account.IsHiring: true,
			account.LastFundingAt: 700 * day, "page_views": 20, "email_opens": 5, "downloads": 1,
		}, signal("website_visit", 0), 100, 100, "First", "sdr-outreach"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := icp.Rate(m, facts(tt.give), tt.signals, now)
			require.Equal(t, []any{tt.fit, tt.engagement, tt.tier}, []any{s.Fit, s.Engagement, s.Tier})
			require.Equal(t, s.Fit, s.Value, "engagement is never added to it")
			require.Equal(t, tt.queue, m.TierOf(s).Queue)
			require.False(t, s.Provisional)
		})
	}
	for employees, want := range map[int]int{49: 40, 50: 55, 199: 55, 200: 70, 1000: 70, 1001: 55, 2000: 55, 2001: 40} {
		given := map[account.Field]any{account.Industry: "saas", account.Employees: employees, account.Country: "US"}
		require.Equal(t, want, icp.Rate(m, facts(given), nil, now).Fit, "%d employees", employees)
	}
}

func TestABMListRanksByCloseness(t *testing.T) {
	t.Parallel()
	m := shipped(t, "abm-list")
	statement := map[account.Field]any{
		account.Industry: "saas", account.Country: "US", account.Employees: 500, account.RevenueUSD: 50_000_000, account.BusinessModel: []string{"b2b"},
	}
	tests := []struct { // from near to far
		name string
		off  map[account.Field]any
		want string
	}{
		{"just what was said", nil, "100 in 100..100, Target list"},
		{"revenue a dollar too high", map[account.Field]any{account.RevenueUSD: 200_000_001}, "95 in 95..95, Target list"},
		{"one employee too few", map[account.Field]any{account.Employees: 199}, "94 in 94..94, Target list"},
		{"one employee too many", map[account.Field]any{account.Employees: 1001}, "94 in 94..94, Target list"},
		{"not known to be B2B", map[account.Field]any{account.BusinessModel: nil}, "90 in 90..90, Target list"},
		{"a neighbouring industry", map[account.Field]any{account.Industry: "internet"}, "87 in 87..87, Target list"},
		{"smaller in both", map[account.Field]any{account.Employees: 50, account.RevenueUSD: 10_000_000}, "82 in 82..82, Target list"},
		{"smaller, and a neighbouring industry", map[account.Field]any{account.Employees: 100, account.Industry: "internet"}, "81 in 81..81, Close by"},
		{"much too small", map[account.Field]any{account.Employees: 49}, "80 in 80..80, Close by"},
		{"Canada", map[account.Field]any{account.Country: "CA"}, "78 in 78..78, Close by"},
		{"another industry", map[account.Field]any{account.Industry: "retail"}, "75 in 75..75, Close by"},
		{"another continent", map[account.Field]any{account.Country: "JP"}, "70 in 70..70, Close by"},
		{"another continent, and much too small", map[account.Field]any{account.Country: "JP", account.Employees: 5}, "50 in 50..50, Close by"},
		{"small, of little revenue, and of a neighbouring industry", map[account.Field]any{account.Employees: 50, account.RevenueUSD: 1, account.Industry: "internet", account.BusinessModel: nil}, "49 in 49..49, Off the list"},
		{"nothing of it", map[account.Field]any{account.Country: "JP", account.Employees: 5, account.RevenueUSD: 1, account.Industry: "retail", account.BusinessModel: nil}, "0 in 0..0, Off the list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := facts(statement)
			for field := range tt.off {
				delete(f, field)
			}
			maps.Copy(f, facts(tt.off))
			require.Equal(t, tt.want, icp.Rate(m, f, nil, now).String())
		})
	}
}
