package icp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

const aging = `name: aging
version: 1
owner: o@ours.example
subject: company
required: [industry]
criteria:
  - {name: industry, dimension: firmographics, field: industry, any_of: [saas], points: 10}
  - name: trigger
    dimension: intent
    signal: [funding]
    within: 30d
    points: 20
    partial: [{within: 90d, points: 5}]
  - {name: fresh, dimension: intent, signal: [hiring], within: 60d, points: 8, half_life: 10d}
  - {name: risk, dimension: risk, signal: [company_acquired], within: 60d, points: -8, half_life: 10d}
  - {name: funded, dimension: firmographics, field: last_funding_at, within: 45d, points: 7}
tiers:
  - {name: Tier 1, min: 10, queue: q}
  - {name: Tier 2, min: 0, queue: p}
`

func TestStale(t *testing.T) {
	t.Parallel()
	m, err := icp.Parse("aging.yaml", []byte(aging))
	require.NoError(t, err)
	expression := strings.Replace(aging, "field: last_funding_at, within: 45d", "when: last_funding_at < 45", 1)
	byExpression, err := icp.Parse("aging.yaml", []byte(expression))
	require.NoError(t, err)
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	ago := func(kind string, days float64) account.Signal {
		return account.Signal{Kind: kind, OccurredAt: at.Add(-time.Duration(days * 24 * float64(time.Hour)))}
	}
	funded := func(days int) account.Facts {
		return account.Facts{
			account.LastFundingAt: {Field: account.LastFundingAt, Value: account.DateValue(at.AddDate(0, 0, -days)), Provider: "p", Confidence: 1, ObservedAt: at},
		}
	}
	tests := []struct {
		name  string
		model *icp.Model
		give  icp.Subject
		want  time.Duration // from now; 0: never
	}{
		{"nothing is dated", m, icp.Subject{Facts: account.Facts{account.Industry: {Field: account.Industry, Value: account.TextValue("saas"), Confidence: 1}}}, 0},
		{"full credit ends first", m, icp.Subject{Signals: []account.Signal{ago("funding", 10)}}, 20 * 24 * time.Hour},
		{"then the partial one", m, icp.Subject{Signals: []account.Signal{ago("funding", 40)}}, 50 * 24 * time.Hour},
		{"out of every window", m, icp.Subject{Signals: []account.Signal{ago("funding", 91)}}, 0},
		{"a date", m, icp.Subject{Facts: funded(10)}, 35 * 24 * time.Hour},
		{"a date in an expression, to the day", byExpression, icp.Subject{Facts: funded(10)}, 35 * 24 * time.Hour},
		{"an expression that it has passed", byExpression, icp.Subject{Facts: funded(50)}, 0},
		{"the first of several", m, icp.Subject{Facts: funded(10), Signals: []account.Signal{ago("funding", 25)}}, 5 * 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.model.Stale(tt.give, tt.model.Rate(tt.give, at), at)
			if tt.want == 0 {
				require.True(t, got.IsZero(), got)
				return
			}
			require.WithinDuration(t, at.Add(tt.want), got, 2*time.Second)
		})
	}
}

// Until a score is stale it is what it was, and from then on it is not: for windows,
// partial credit and decay alike, followed over a quarter.
func TestAScoreIsWhatItWasUntilItIsStale(t *testing.T) {
	t.Parallel()
	m, err := icp.Parse("aging.yaml", []byte(aging))
	require.NoError(t, err)
	start := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	sub := icp.Subject{Signals: []account.Signal{
		{Kind: "funding", OccurredAt: start.Add(-5 * time.Hour)},
		{Kind: "hiring", OccurredAt: start.Add(-7 * time.Hour)},
		{Kind: "company_acquired", OccurredAt: start.Add(-77 * time.Hour)},
	}}
	points := func(at time.Time) (all []int) {
		for _, c := range m.Rate(sub, at).Criteria {
			all = append(all, c.Points)
		}
		return all
	}
	steps := 0
	for at := start; ; steps++ {
		next := m.Stale(sub, m.Rate(sub, at), at)
		if next.IsZero() {
			for ahead := range 200 {
				require.Equal(t, points(at), points(at.AddDate(0, 0, ahead)))
			}
			break
		}
		require.True(t, next.After(at))
		require.Equal(t, points(at), points(next.Add(-2*time.Second)), "%s after %s", next, at)
		require.NotEqual(t, points(at), points(next), "%s after %s", next, at)
		at = next
	}
	require.Equal(t, 2+8+6, steps, "two windows, and each point that is left of two that decay")
}
