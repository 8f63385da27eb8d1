package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/signals"
)

// The day decides whose daily cap a task counts against.
func TestPlanSweepHasTheDayThatItIsWhereTheRepsAre(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, zone, at, want string }{
		{"no zone is UTC", "", "2026-10-25T23:59:59Z", "2026-10-25"},
		{"before midnight in summer", "Europe/Berlin", "2026-10-24T21:59:59Z", "2026-10-24"},
		{"midnight before the clocks go back", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25"},
		{"half past two for the first time", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25"},
		{"half past two for the second time", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25"},
		{"the last hour of a day of 25", "Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"},
		{"midnight after the clocks went back", "Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26"},
		{"midnight before the clocks go forward", "Europe/Berlin", "2027-03-27T23:00:00Z", "2027-03-28"},
		{"the night without half past two", "Europe/Berlin", "2027-03-28T01:30:00Z", "2027-03-28"},
		{"the last hour of a day of 23", "Europe/Berlin", "2027-03-28T21:59:59Z", "2027-03-28"},
		{"midnight after the clocks went forward", "Europe/Berlin", "2027-03-28T22:00:00Z", "2027-03-29"},
		{"across the ocean it is yesterday", "America/Los_Angeles", "2026-11-22T02:30:00Z", "2026-11-21"},
	}
	b := setup(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b.Zone = tt.zone
			at, err := time.Parse(time.RFC3339, tt.at)
			require.NoError(t, err)
			got, err := run[activities.SweepPlan](b.env, b.PlanSweep, activities.PlanSweepInput{At: at})
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Day)
		})
	}
	b.Zone = "Europe/Atlantis"
	_, err := run[activities.SweepPlan](b.env, b.PlanSweep, activities.PlanSweepInput{At: time.Now()})
	final(t, err, activities.Invalid)
}

func TestPlanSweepSetsApartWhoAsksAndWhoCompares(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.GiveUp, b.Targets = time.Hour, activities.TargetList{Tiers: []string{"Tier 1"}}
	b.Signals = []activities.SignalSource{
		{Spec: signals.Spec{Name: "edgar", Rate: 10}}, {Spec: signals.Spec{Name: "technology"}}, {Spec: signals.Spec{Name: "people", Rate: 2}},
	}
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	other := b.known(t, "dust.example")
	got, err := run[activities.SweepPlan](b.env, b.PlanSweep, activities.PlanSweepInput{At: time.Now()})
	require.NoError(t, err)
	require.Equal(t, []string{"edgar", "people"}, got.Sources)
	require.Equal(t, []string{"technology"}, got.Compare)
	require.Equal(t, []string{"records", "refresh/apollo", "refresh/clearbit", "refresh/pdl", "refresh/builtwith"}, got.Refresh, "hunter is without a key")
	require.Equal(t, 1, got.Total)
	require.Equal(t, who.Model, got.Model)
	require.Equal(t, time.Hour, got.GiveUp)

	got, err = run[activities.SweepPlan](b.env, b.PlanSweep, activities.PlanSweepInput{At: time.Now(), Account: "dust.example"})
	require.NoError(t, err)
	require.Equal(t, []activities.TargetList{{Only: other.AccountID}}, got.Lists, "on the list or not")
	require.Equal(t, 1, got.Total)
	_, err = run[activities.SweepPlan](b.env, b.PlanSweep, activities.PlanSweepInput{At: time.Now(), Account: "nobody-knows.example"})
	final(t, err, activities.Invalid)
}
