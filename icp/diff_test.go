package icp_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

func rated(criteria ...icp.Result) icp.Score {
	s := icp.Score{Tier: "Tier 2", Criteria: criteria}
	for _, c := range criteria {
		s.Value += c.Points
	}
	return s
}

func TestDiff(t *testing.T) {
	t.Parallel()
	employees := func(n float64, points int) icp.Result {
		return icp.Result{Name: "employees", Max: 15, Points: points, Input: account.NumberValue(n), Provider: "apollo"}
	}
	unknown := icp.Result{Name: "employees", Max: 15, Reason: "employees: unknown"}
	tech := func(points int, names ...string) icp.Result {
		return icp.Result{Name: "tech_stack", Max: 20, Points: points, Input: account.ListValue(names...), Provider: "builtwith"}
	}
	trigger := func(points int, age int16, reason string) icp.Result {
		return icp.Result{
			Name: "trigger", Max: 15, Points: points, Input: account.TextValue("funding"), Provider: "edgar", AgeDays: age, Reason: reason,
		}
	}
	revenue := icp.Result{Name: "revenue", Max: 10, Points: 10, Input: account.NumberValue(5e6), Provider: "pdl", Reason: "revenue in USD: 5000000, within 1M to 10M"}
	tests := []struct {
		name          string
		before, after icp.Score
		want          []string
	}{
		{"nothing", rated(employees(40, 0)), rated(employees(40, 0)), nil},
		{"older, with the same points", rated(trigger(15, 3, "")), rated(trigger(15, 9, "")), nil},
		{"data that earns points", rated(employees(40, 0)), rated(employees(120, 15)), []string{"employees 40 → 120 (apollo) +15"}},
		{"data that costs points", rated(employees(120, 15)), rated(employees(4000, 0)), []string{"employees 120 → 4000 (apollo) -15"}},
		{"data that changes no points", rated(employees(60, 15)), rated(employees(70, 15)), []string{"employees 60 → 70 (apollo)"}},
		{"now known", rated(unknown), rated(employees(120, 15)), []string{"employees unknown → 120 (apollo) +15"}},
		{"no more known", rated(employees(120, 15)), rated(unknown), []string{"employees 120 → unknown -15"}},
		{
			"a list tells what is new in it and what is gone", rated(tech(0, "wordpress", "segment")), rated(tech(20, "hubspot", "segment")),
			[]string{"tech stack with hubspot, without wordpress (builtwith) +20"},
		},
		{
			"time", rated(trigger(15, 89, "")), rated(trigger(0, 91, "funding: 91 days ago, more than 90 days")),
			[]string{"funding: 91 days ago, more than 90 days (edgar) -15"},
		},
		{
			"a model that counts it for more", rated(employees(120, 15)),
			rated(icp.Result{Name: "employees", Max: 25, Points: 25, Input: account.NumberValue(120), Provider: "apollo"}),
			[]string{"employees counts up to 25, not 15 +10"},
		},
		{"a criterion that is new", rated(), rated(revenue), []string{"new: revenue in USD: 5000000, within 1M to 10M +10"}},
		{"a criterion that is gone", rated(revenue), rated(), []string{"revenue is no criterion any more -10"}},
		{
			"what moved most comes first", rated(employees(60, 15), revenue, tech(0)), rated(employees(4000, 0), tech(20, "hubspot")),
			[]string{"tech stack with hubspot (builtwith) +20", "employees 60 → 4000 (apollo) -15", "revenue is no criterion any more -10"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			sum := 0
			for _, c := range icp.Diff(tt.before, tt.after) {
				got = append(got, c.Text)
				sum += c.Points
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.after.Value-tt.before.Value, sum, "the points account for the difference")
		})
	}
}

// A score that was on record comes back from JSON, where dates are texts.
func TestDiffWithAScoreThatWasOnRecord(t *testing.T) {
	t.Parallel()
	m, err := icp.Parse("dated.yaml", []byte(dated))
	require.NoError(t, err)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	funded := func(day time.Time) account.Facts {
		return account.Facts{account.LastFundingAt: {Field: account.LastFundingAt, Value: account.DateValue(day), Provider: "apollo", Confidence: 1, ObservedAt: at}}
	}
	before := icp.Rate(m, funded(at.AddDate(0, 0, -10)), nil, at)
	b, err := json.Marshal(before)
	require.NoError(t, err)
	var stored icp.Score
	require.NoError(t, json.Unmarshal(b, &stored))
	require.Empty(t, icp.Diff(stored, before))
	changes := icp.Diff(stored, icp.Rate(m, funded(at.AddDate(0, 0, -3)), nil, at))
	require.Len(t, changes, 1)
	require.Equal(t, "funded 2026-11-12 → 2026-11-19 (apollo)", changes[0].Text)
}

const dated = `name: dated
version: 1
owner: o@ours.example
subject: company
required: [last_funding_at]
criteria:
  - {name: funded, dimension: firmographics, field: last_funding_at, within: 90d, points: 15}
tiers:
  - {name: Tier 1, min: 10, queue: q}
  - {name: Tier 2, min: 0, queue: p}
`

func TestWhy(t *testing.T) {
	t.Parallel()
	was := icp.Score{Value: 50, Tier: "Tier 2"}
	more := []icp.Change{{Text: "employees 40 → 120 (apollo) +15"}}
	many := make([]icp.Change, 7)
	for i := range many {
		many[i].Text = "c"
	}
	tests := []struct {
		name          string
		cause         string
		before, after icp.Score
		changes       []icp.Change
		also          []string
		want          string
	}{
		{"the first", "first", icp.Score{}, was, nil, nil, "first: score 50, Tier 2"},
		{"points", "data", was, icp.Score{Value: 65, Tier: "Tier 2"}, more, nil, "data: employees 40 → 120 (apollo) +15; score 50 → 65, Tier 2"},
		{"a tier", "data", was, icp.Score{Value: 70, Tier: "Tier 1"}, more, nil, "data: employees 40 → 120 (apollo) +15; score 50 → 70, Tier 2 → Tier 1"},
		{"a tier without points", "model", was, icp.Score{Value: 50, Tier: "Tier 1"}, nil, []string{"model a@1 → a@2"}, "model: model a@1 → a@2; score 50, Tier 2 → Tier 1"},
		{"an input without points", "data", was, was, more[:1], []string{""}, "data: employees 40 → 120 (apollo) +15; score stays 50, Tier 2"},
		{"nothing", "data", was, was, nil, []string{"", ""}, "data: nothing changed"},
		{"many", "data", was, was, many, nil, "data: c; c; c; c; c; and 2 more; score stays 50, Tier 2"},
		{"a provider's line breaks", "data", was, was, []icp.Change{{Text: "a\nb"}}, nil, "data: a b; score stays 50, Tier 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, icp.Why(tt.cause, tt.before, tt.after, tt.changes, tt.also...))
		})
	}
}

// Whatever two scores are given, the points of the changes add up to what the criteria
// differ by.
func TestDiffAccountsForEveryPoint(t *testing.T) {
	t.Parallel()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	sum := func(s icp.Score) (n int) {
		for _, c := range s.Criteria {
			n += c.Points
		}
		return n
	}
	var all []icp.Score
	for _, size := range []float64{5, 30, 120, 5000} {
		for _, industry := range []string{"", "saas", "retail"} {
			for _, old := range []int{1, 89, 91} {
				facts := account.Facts{account.Employees: {Field: account.Employees, Value: account.NumberValue(size), Provider: "p", Confidence: 1, ObservedAt: at}}
				if industry != "" {
					facts[account.Industry] = account.Fact{Field: account.Industry, Value: account.TextValue(industry), Provider: "p", Confidence: 1, ObservedAt: at}
				}
				all = append(all, icp.Rate(m, facts, []account.Signal{{Kind: "funding", OccurredAt: at.AddDate(0, 0, -old)}}, at))
			}
		}
	}
	for _, a := range all {
		for _, b := range all {
			got := 0
			for _, c := range icp.Diff(a, b) {
				got += c.Points
				require.NotEmpty(t, strings.TrimSpace(c.Text))
			}
			require.Equal(t, sum(b)-sum(a), got)
		}
	}
}
