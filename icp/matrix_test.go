package icp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

const square = `name: square
version: 1
owner: a
required: [employees]
apart: [engagement]
criteria:
  - {name: employees, dimension: x, field: employees, at_least: 50, points: 60, partial: [{between: [40, 49], points: 50}, {at_most: 9, points: 10}]}
  - {name: visit, dimension: engagement, signal: [website_visit], within: 30d, half_life: 10d, points: 40, unknown: no}
matrix:
  fit: {high: 60, leave: 45}
  engagement: {high: 40, leave: 20}
  routes:
    - {fit: high, engagement: high, tier: Both, queue: a, dwell: 7d, task: {subject: "Call", due: 1d}}
    - {fit: high, engagement: low, tier: Fit, queue: b}
    - {fit: low, engagement: high, tier: Engaged, queue: c}
    - {engagement: low, fit: low, tier: Neither, queue: d}
`

func TestMatrix(t *testing.T) {
	t.Parallel()
	m := parse(t, square)
	tests := []struct {
		fit, engagement int
		want            string
	}{{60, 40, "Both"}, {59, 40, "Engaged"}, {60, 39, "Fit"}, {59, 39, "Neither"}, {100, 0, "Fit"}, {0, 100, "Engaged"}}
	for _, tt := range tests {
		require.Equal(t, tt.want, m.TierOf(icp.Score{Value: 7, Fit: tt.fit, Engagement: tt.engagement}).Name)
	}
	require.Equal(t, "Both", m.TierFor(60).Name, "a value alone stands for both")
	require.Equal(t, "Engaged", m.TierFor(59).Name)
	require.Equal(t, "Neither", m.TierFor(39).Name)
	require.NotNil(t, m.Tiers[0].Task)
	require.Equal(t, "Engaged: 0 of 100 by square@1, fit 0, engagement 40, 0 to 60 while data is missing. +40 website visit: today, within 30 days. Unknown: employees.",
		icp.Reason(m, icp.Rate(m, nil, signal("website_visit", 0), now)))
}

func TestMatrixIsProvisionalWhileTheCellIsOpen(t *testing.T) {
	t.Parallel()
	m := parse(t, square)
	s := icp.Rate(m, nil, signal("website_visit", 0), now)
	require.Equal(t, "0 in 0..60, Engaged (provisional)", s.String())
	require.Equal(t, "Engaged", s.Floor)
	require.Equal(t, "Engaged", m.Assured(s).Name)
	s = icp.Rate(m, facts(map[account.Field]any{account.Employees: 50}), signal("website_visit", 0), now)
	require.Equal(t, "60 in 60..60, Both", s.String())
	require.Equal(t, "Both", m.Assured(s).Name)

	open := parse(t, strings.Replace(square, "unknown: no", "unknown: widen", 1))
	s = icp.Rate(open, facts(map[account.Field]any{account.Employees: 50}), nil, now)
	require.Equal(t, "60 in 60..60, Fit (provisional)", s.String(), "it is not the score that is open but engagement")
	require.Equal(t, "Fit", open.Assured(s).Name)
}

func TestMatrixSettles(t *testing.T) {
	t.Parallel()
	m := parse(t, square)
	tests := []struct {
		name            string
		fit, engagement int
		held            icp.Held
		want, why       string
	}{
		{"no history", 59, 39, icp.Held{}, "Neither", ""},
		{"both a little lower", 45, 20, icp.Held{Tier: "Both", Since: now.Add(-99 * day)}, "Both", "stays in Both, which is left below fit 45 or engagement 20"},
		{"fit too low", 44, 20, icp.Held{Tier: "Both", Since: now.Add(-99 * day)}, "Neither", ""},
		{"fit too low, within the dwell", 44, 20, icp.Held{Tier: "Both", Since: now.Add(-6 * day)}, "Both", "stays in Both for at least 7 days, until 2026-12-02"},
		{"engagement too low", 60, 19, icp.Held{Tier: "Both", Since: now.Add(-7 * day)}, "Fit", ""},
		{"better at once", 60, 40, icp.Held{Tier: "Fit", Since: now}, "Both", ""},
		{"the low side has no other bound", 59, 0, icp.Held{Tier: "Engaged", Since: now.Add(-99 * day)}, "Neither", ""},
		{"engaged still", 59, 20, icp.Held{Tier: "Engaged", Since: now.Add(-99 * day)}, "Engaged", "stays in Engaged, which is left below engagement 20"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tier, why := m.Settle(icp.Score{Fit: tt.fit, Engagement: tt.engagement}, tt.held, now)
			require.Equal(t, []string{tt.want, tt.why}, []string{tier.Name, why})
		})
	}
}

func TestMatrixMistakes(t *testing.T) {
	t.Parallel()
	const last = "    - {engagement: low, fit: low, tier: Neither, queue: d}\n"
	tests := []struct{ name, old, new, want string }{
		{"tiers as well", "matrix:", "tiers: []\nmatrix:", "10:1: matrix: a model has tiers or a matrix, not both"},
		{"neither", square[strings.Index(square, "matrix:"):], "", "1:1: missing key tiers (or matrix)"},
		{"a list", square[strings.Index(square, "matrix:"):], "matrix: []\n", "9:9: matrix: want a mapping, have a list"},
		{"one number", "  engagement: {high: 40, leave: 20}\n", "", "10:3: matrix: want two of score, fit, engagement, intent, have 1"},
		{"three numbers", "  routes:", "  score: {high: 7}\n  routes:", "10:3: matrix: want two of score, fit, engagement, intent, have 3"},
		{"an unknown number", "  engagement: {high: 40, leave: 20}", "  engagements: {high: 40}", "11:3: matrix.engagements: unknown key (did you mean engagement?)"},
		{"a number without its bound", "{high: 60, leave: 45}", "{leave: 45}", "10:8: matrix.fit: missing key high"},
		{"a leave above", "leave: 45", "leave: 60", "10:26: matrix.fit.leave: 60 must be below high (60): it is the number that an account may fall to and stay"},
		{"a bound out of reach", "high: 60, leave: 45", "high: 61", "10:15: matrix.fit.high: 61 is out of reach: the best account has 60"},
		{"a bound that is never missed", "high: 40, leave: 20", "high: 0", "11:22: matrix.engagement.high: 0 is never missed: the worst account has 0"},
		{"no routes", square[strings.Index(square, "  routes:"):], "", "10:3: matrix: missing key routes"},
		{"three routes", last, "", "13:5: matrix.routes: no route for fit low and engagement low"},
		{"a cell twice", "{engagement: low, fit: low,", "{engagement: high, fit: low,", "16:7: matrix.routes[3]: there is a route for this cell already"},
		{"a route without a side", "{engagement: low, fit: low,", "{engagement: low,", "16:7: matrix.routes[3]: missing key fit"},
		{"a side that is none", "{engagement: low, fit: low,", "{engagement: low, fit: middle,", `16:30: matrix.routes[3].fit: "middle": want high or low`},
		{"a number that the matrix does not have", "{engagement: low, fit: low,", "{engagement: low, fit: low, intent: low,", "16:35: matrix.routes[3].intent: the matrix has no intent"},
		{"a tier missing", "tier: Neither, ", "", "16:7: matrix.routes[3]: missing key tier"},
		{"a tier twice", "tier: Neither", "tier: both", `16:41: matrix.routes[3].tier: "both" is already in the list`},
		{"five routes", last, last + last, "13:5: matrix.routes: has 5 items; at most 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(square, tt.old), "the text to replace is not there once")
			_, err := icp.Parse("m", []byte(strings.Replace(square, tt.old, tt.new, 1)))
			require.ErrorContains(t, err, "m:"+tt.want)
		})
	}
}
