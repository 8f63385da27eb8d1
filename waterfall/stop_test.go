package waterfall_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/waterfall"
)

// TestStops asks for the industry, which apollo and pdl supply, builtwith does not.
func TestStops(t *testing.T) {
	t.Parallel()
	missing := fields(account.Industry)
	tests := []struct {
		name string
		miss []account.Field
		give map[string]waterfall.Ended
		want waterfall.Stop
	}{
		{name: "known is met", want: waterfall.Met, give: map[string]waterfall.Ended{"apollo": waterfall.Answered}},
		{name: "known is met, whoever is away", want: waterfall.Met, give: map[string]waterfall.Ended{"apollo": waterfall.Away, "pdl": waterfall.OverBudget}},
		{name: "another field's absence does not matter", miss: fields(account.Country), want: waterfall.Met},
		{name: "all answered is exhausted", miss: missing, want: waterfall.Exhausted, give: map[string]waterfall.Ended{"apollo": waterfall.Answered, "pdl": waterfall.Answered}},
		{name: "nobody on record is exhausted", miss: missing, want: waterfall.Exhausted},
		{name: "one over budget is budget", miss: missing, want: waterfall.Budget, give: map[string]waterfall.Ended{"apollo": waterfall.OverBudget, "pdl": waterfall.Answered}},
		{name: "a later one over budget is budget", miss: missing, want: waterfall.Budget, give: map[string]waterfall.Ended{"apollo": waterfall.Answered, "pdl": waterfall.OverBudget}},
		{name: "one away is parked", miss: missing, want: waterfall.Parked, give: map[string]waterfall.Ended{"apollo": waterfall.Away, "pdl": waterfall.Answered}},
		{name: "parked goes before budget", miss: missing, want: waterfall.Parked, give: map[string]waterfall.Ended{"apollo": waterfall.Away, "pdl": waterfall.OverBudget}},
		{name: "parked goes before budget in either order", miss: missing, want: waterfall.Parked, give: map[string]waterfall.Ended{"apollo": waterfall.OverBudget, "pdl": waterfall.Away}},
		{name: "somebody away who could not know does not count", miss: missing, want: waterfall.Exhausted, give: map[string]waterfall.Ended{"builtwith": waterfall.Away}},
		{name: "somebody over budget who could not know does not count", miss: missing, want: waterfall.Exhausted, give: map[string]waterfall.Ended{"builtwith": waterfall.OverBudget}},
		{name: "somebody outside the plan does not count", miss: missing, want: waterfall.Exhausted, give: map[string]waterfall.Ended{"hunter": waterfall.Away}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := map[account.Field]waterfall.Stop{account.Industry: tt.want}
			require.Equal(t, want, plan(account.Industry).Stops(tt.miss, tt.give))
		})
	}
}

func TestStopsOfEveryNeededField(t *testing.T) {
	t.Parallel()
	p := plan(account.Industry, account.Country, account.Technologies, account.FoundedYear)
	ended := map[string]waterfall.Ended{"apollo": waterfall.Answered, "pdl": waterfall.OverBudget, "builtwith": waterfall.Away}
	require.Equal(t, map[account.Field]waterfall.Stop{
		account.Industry:     waterfall.Met,
		account.Country:      waterfall.Budget,
		account.Technologies: waterfall.Parked,
		account.FoundedYear:  waterfall.Exhausted, // nobody supplies it
	}, p.Stops(fields(account.Country, account.Technologies, account.FoundedYear), ended))
	require.Empty(t, waterfall.Plan{}.Stops(nil, nil))
}
