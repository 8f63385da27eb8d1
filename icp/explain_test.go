package icp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

func TestReason(t *testing.T) {
	t.Parallel()
	m := revops(t)
	f := without(account.RevenueUSD, account.Technologies)
	set(f, account.Employees, account.NumberValue(5000))
	set(f, account.PreviouslyChurned, account.BoolValue(true))
	set(f, account.ProcurementComplex, account.BoolValue(false))
	tests := []struct {
		name, want  string
		give        account.Facts
		giveSignals []account.Signal
	}{
		{
			name: "all that counts", give: perfect(), giveSignals: signal("funding", 12*day),
			want: "Tier 1: 80 of 100 by revops@2, fit 65. +20 industry: saas; +20 technologies: hubspot; " +
				"+15 employees: 120, within 50 to 500; +15 funding: 12 days ago, within 90 days; " +
				"+10 revenue in USD: 5M, within 1M to 10M. Unknown: churned, procurement, no budget authority.",
		},
		{
			name: "what was missed, what it cost, what is not known", give: f,
			want: "Not a fit: 0 of 100 by revops@2, fit 0, 0 to 10 while data is missing. " +
				"-30 previously churned: yes; +20 industry: saas. Not earned: employees: 5000, outside 50 to 500. " +
				"Unknown: tech stack, trigger, no budget authority, revenue.",
		},
		{
			name: "nothing known",
			want: "Not a fit: 0 of 100 by revops@2, fit 0, 0 to 55 while data is missing. " +
				"Unknown: churned, industry, tech stack, procurement, employees, trigger, no budget authority, revenue.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, icp.Reason(m, icp.Rate(m, tt.give, tt.giveSignals, now)))
		})
	}
}

// TestReasonIsPlainAndShort holds that nothing a provider sends can break the CRM's
// property.
func TestReasonIsPlainAndShort(t *testing.T) {
	t.Parallel()
	m := revops(t)
	for _, dirt := range []string{"a\nb\x00c", "caf\xe9", strings.Repeat("é", 100), strings.Repeat("€", 2000)} {
		s := icp.Rate(m, text(account.Industry, dirt), nil, now)
		require.LessOrEqual(t, len(s.Criteria[0].Reason), 150, "a reason repeats no more than it must")
		reason := icp.Reason(m, s)
		require.NotContains(t, reason, "\n")
		require.NotContains(t, reason, "\x00")
		require.Equal(t, strings.ToValidUTF8(reason, "?"), reason)
	}
	long := make([]icp.Result, 100)
	for i := range long {
		long[i] = icp.Result{Name: "x", Points: i, Reason: "é heißt so: weil"}
	}
	require.Len(t, []rune(icp.Reason(m, icp.Score{Criteria: long})), 1000)
}
