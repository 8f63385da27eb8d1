package icp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
)

// sticky has a tier with a lower way out, and one with a time to stay as well.
const sticky = `
name: sticky
version: 1
owner: a
required: []
criteria: [{name: a, dimension: x, field: employees, at_least: 1, points: 100}]
tiers:
  - {name: Tier 1, min: 70, leave: 65, dwell: 14d, queue: a}
  - {name: Tier 2, min: 40, leave: 35, queue: b}
  - {name: Tier 3, min: 20, dwell: 36h, queue: c}
  - {name: Not a fit, min: 0, queue: d}
`

func TestSettle(t *testing.T) {
	t.Parallel()
	m := parse(t, sticky)
	require.Equal(t, 65, m.Tiers[0].Leave)
	require.Equal(t, 14*day, m.Tiers[0].Dwell)
	require.Equal(t, 20, m.Tiers[2].Leave, "by default where it is entered")
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	tests := []struct {
		name  string
		value int
		held  icp.Held
		want  string
		why   string
	}{
		{"no history: entered at its min", 70, icp.Held{}, "Tier 1", ""},
		{"no history: not a point below", 69, icp.Held{}, "Tier 2", ""},
		{"a tier of an older model", 69, icp.Held{Tier: "Gold", Since: ago(day)}, "Tier 2", ""},
		{"held and still earned", 70, icp.Held{Tier: "Tier 1", Since: ago(day)}, "Tier 1", ""},
		{"held and on its leave", 65, icp.Held{Tier: "Tier 1", Since: ago(99 * day)}, "Tier 1", "stays in Tier 1, which is left below 65"},
		{"held and below its leave", 64, icp.Held{Tier: "Tier 1", Since: ago(99 * day)}, "Tier 2", ""},
		{"below its leave, on the last day", 64, icp.Held{Tier: "Tier 1", Since: ago(14*day - time.Second)}, "Tier 1", "stays in Tier 1 for at least 14 days, until 2026-12-01"},
		{"below its leave, after the dwell", 64, icp.Held{Tier: "Tier 1", Since: ago(14 * day)}, "Tier 2", ""},
		{"far below, within the dwell", 0, icp.Held{Tier: "Tier 1", Since: now}, "Tier 1", "stays in Tier 1 for at least 14 days, until 2026-12-15"},
		{"held since nobody knows when", 64, icp.Held{Tier: "Tier 1"}, "Tier 2", ""},
		{"far below, after the dwell, falls all the way", 36, icp.Held{Tier: "Tier 1", Since: ago(15 * day)}, "Tier 3", ""},
		{"better at once, dwell or not", 70, icp.Held{Tier: "Tier 3", Since: now}, "Tier 1", ""},
		{"a better tier has its own way in", 69, icp.Held{Tier: "Tier 2", Since: now}, "Tier 2", ""},
		{"a leave without a dwell", 35, icp.Held{Tier: "Tier 2", Since: now}, "Tier 2", "stays in Tier 2, which is left below 35"},
		{"and below", 34, icp.Held{Tier: "Tier 2", Since: now}, "Tier 3", ""},
		{"a dwell without a leave", 19, icp.Held{Tier: "Tier 3", Since: ago(35 * time.Hour)}, "Tier 3", "stays in Tier 3 for at least 36 hours, until 2026-12-01"},
		{"and after it", 19, icp.Held{Tier: "Tier 3", Since: ago(36 * time.Hour)}, "Not a fit", ""},
		{"the last tier holds nobody", 20, icp.Held{Tier: "Not a fit", Since: now}, "Tier 3", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tier, why := m.Settle(icp.Score{Value: tt.value}, tt.held, now)
			require.Equal(t, [2]string{tt.want, tt.why}, [2]string{tier.Name, why})
		})
	}
}

func TestSettleMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, new, want string }{
		{"a leave at the min", "leave: 65", "leave: 70", `8:36: tiers[0].leave: 70 must be below min (70): it is the score that an account may fall to and stay`},
		{"a leave in the next tier", "leave: 65", "leave: 40", `8:36: tiers[0].leave: 40 must be above the min of "Tier 2" (40), or accounts fall past it`},
		{"a leave in words", "leave: 65", "leave: soon", `8:36: tiers[0].leave: want a whole number, have the text "soon"`},
		{"a dwell without a unit", "dwell: 14d", "dwell: 14", "8:47: tiers[0].dwell: want a number of days or hours, such as 90d or 12h, have 14"},
		{"a last tier with a leave", "min: 0,", "min: 0, leave: -5,", "11:38: tiers[3].leave: nothing is below the last tier, so it is never left"},
		{"a last tier with a dwell", "min: 0,", "min: 0, dwell: 5d,", "11:38: tiers[3].dwell: nothing is below the last tier, so it is never left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(sticky, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(strings.Replace(sticky, tt.old, tt.new, 1)))
			require.EqualError(t, err, "m:"+tt.want)
		})
	}
}
