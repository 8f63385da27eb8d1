package icp_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

func TestOverrideCheck(t *testing.T) {
	t.Parallel()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	tests := []struct {
		name  string
		give  icp.Override
		field string // "" for none
	}{
		{"a tier", icp.Override{Tier: "Tier 1", Code: "strategic"}, ""},
		{"a tier for a time", icp.Override{Tier: "Not a fit", Code: "competitor", ExpiresAt: later}, ""},
		{"the top of the scale", icp.Override{Score: new(100), Code: "other"}, ""},
		{"the bottom of the scale", icp.Override{Score: new(0), Code: "other"}, ""},
		{"above the scale", icp.Override{Score: new(101), Code: "other"}, "score"},
		{"below the scale", icp.Override{Score: new(-1), Code: "other"}, "score"},
		{"neither", icp.Override{Code: "other"}, "score"},
		{"both", icp.Override{Score: new(80), Tier: "Tier 1", Code: "other"}, "tier"},
		{"another tier", icp.Override{Tier: "tier 1", Code: "other"}, "tier"},
		{"another code", icp.Override{Tier: "Tier 1", Code: "mood"}, "code"},
		{"no code", icp.Override{Tier: "Tier 1"}, "code"},
		{"over now", icp.Override{Tier: "Tier 1", Code: "other", ExpiresAt: now}, "expires_at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.give.Check(m.Bounds(), now)
			if tt.field == "" {
				require.NoError(t, err)
				return
			}
			var invalid *account.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, tt.field, invalid.Field)
			require.NotEmpty(t, invalid.Reason)
		})
	}
	require.NoError(t, icp.Override{Tier: "Gold", Code: "other"}.Check(icp.Bounds{}, now), "the model is not known yet")
}

func TestOverrideOn(t *testing.T) {
	t.Parallel()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	machine := icp.Score{Value: 55, Low: 40, High: 75, Fit: 40, Completeness: 0.5, Tier: "Tier 2", Provisional: true, Criteria: []icp.Result{{Name: "industry"}}}
	tests := []struct {
		name      string
		give      icp.Override
		value     int
		tier      string
		fit       int
		unchanged bool
	}{
		{name: "a score", give: icp.Override{Score: new(80)}, value: 80, tier: "Tier 1", fit: 80},
		{name: "a score at an edge", give: icp.Override{Score: new(70)}, value: 70, tier: "Tier 1", fit: 70},
		{name: "a score below it", give: icp.Override{Score: new(69)}, value: 69, tier: "Tier 2", fit: 69},
		{name: "a lower score", give: icp.Override{Score: new(20)}, value: 20, tier: "Tier 3", fit: 20},
		{name: "a lower score that fit stands below", give: icp.Override{Score: new(50)}, value: 50, tier: "Tier 2", fit: 40},
		{name: "a better tier: its first point", give: icp.Override{Tier: "Tier 1"}, value: 70, tier: "Tier 1", fit: 70},
		{name: "a worse tier: its last point", give: icp.Override{Tier: "Tier 3"}, value: 39, tier: "Tier 3", fit: 39},
		{name: "the worst tier", give: icp.Override{Tier: "Not a fit"}, value: 19, tier: "Not a fit", fit: 19},
		{name: "the tier that it has", give: icp.Override{Tier: "Tier 2"}, value: 55, tier: "Tier 2", fit: 40},
		{name: "a score that a later model's scale does not reach", give: icp.Override{Score: new(400)}, value: 100, tier: "Tier 1", fit: 100},
		{name: "a tier that a later model does not have", give: icp.Override{Tier: "Gold"}, unchanged: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.give.On(m, machine)
			require.Equal(t, !tt.unchanged, ok)
			want := machine
			if !tt.unchanged {
				want.Value, want.Low, want.High, want.Tier, want.Fit, want.Provisional = tt.value, tt.value, tt.value, tt.tier, tt.fit, false
				require.Equal(t, tt.tier, m.TierFor(got.Value).Name, "score and tier agree")
			}
			require.Equal(t, want, got)
		})
	}
}
