package icp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// segment is a model that is for some accounts, and gives them this many of 40.
func segment(t *testing.T, name, appliesTo, points string) *icp.Model {
	t.Helper()
	return parse(t, `
name: `+name+`
version: 1
owner: a
`+appliesTo+`
required: []
scale: {method: sum, min: 0, max: 40}
criteria: [{name: a, dimension: x, field: employees, at_least: 1, points: `+points+`}]
tiers: [{name: All, min: 0, queue: all}]
`)
}

func TestBest(t *testing.T) {
	t.Parallel()
	american, big := `applies_to: 'country in ["US", "CA"]'`, "applies_to: employees >= 1000"
	us30, us10, big30, big20 := segment(t, "us30", american, "30"), segment(t, "us10", american, "10"), segment(t, "big30", big, "30"), segment(t, "big20", big, "20")
	general, other := segment(t, "general", "", "40"), segment(t, "other", "", "5")
	people := parse(t, ofContacts)
	inUS := map[account.Field]any{account.Country: "US", account.Employees: 1000}
	tests := []struct {
		name     string
		models   []*icp.Model
		give     map[account.Field]any
		best     string
		runnerUp string
		margin   int
	}{
		{"the higher score", []*icp.Model{us10, big30}, inUS, "big30", "us10", 50},
		{"in any order", []*icp.Model{big30, us10}, inUS, "big30", "us10", 50},
		{"equals by name", []*icp.Model{us30, big30}, inUS, "big30", "us30", 0},
		{"three: the two highest", []*icp.Model{us10, big30, big20}, inUS, "big30", "big20", 25},
		{"one that is not for it does not count", []*icp.Model{us10, big30}, map[account.Field]any{account.Country: "US", account.Employees: 999}, "us10", "", 0},
		{"one that may not be for it does not count", []*icp.Model{us10, big30}, map[account.Field]any{account.Employees: 1000}, "big30", "", 0},
		{"a general one stands back", []*icp.Model{general, us10}, inUS, "us10", "", 0},
		{"none is for it: the first general one", []*icp.Model{us10, other, general}, map[account.Field]any{account.Country: "SE", account.Employees: 1}, "other", "", 0},
		{"models of contacts are passed over", []*icp.Model{people, other}, inUS, "other", "", 0},
		{"none at all", []*icp.Model{us10, people}, map[account.Field]any{account.Country: "SE"}, "", "", 0},
		{"no models", nil, inUS, "", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			choice, ok := icp.Best(tt.models, icp.Subject{Facts: facts(tt.give)}, now)
			require.Equal(t, tt.best != "", ok)
			var best, runnerUp string
			if choice.Best.Model != nil {
				best = choice.Best.Model.Name
				require.Equal(t, choice.Best.Model.Rate(icp.Subject{Facts: facts(tt.give)}, now), choice.Best.Score)
			}
			if choice.RunnerUp != nil {
				runnerUp = choice.RunnerUp.Model.Name
			}
			require.Equal(t, []any{tt.best, tt.runnerUp, tt.margin}, []any{best, runnerUp, choice.Margin})
		})
	}
}

// TestBestComparesPlacesOnScales holds that 20 of 40 are more than 45 of 100.
func TestBestComparesPlacesOnScales(t *testing.T) {
	t.Parallel()
	wide := parse(t, "name: wide\nversion: 1\nowner: a\nrequired: []\napplies_to: employees > 0\ncriteria: [{name: a, dimension: x, field: employees, at_least: 1, points: 45}]\ntiers: [{name: All, min: 0, queue: all}]\n")
	choice, ok := icp.Best([]*icp.Model{wide, segment(t, "narrow", "applies_to: employees > 0", "20")}, icp.Subject{Facts: number(account.Employees, 5)}, now)
	require.True(t, ok)
	require.Equal(t, "narrow", choice.Best.Model.Name)
	require.Equal(t, 5, choice.Margin)
}

func TestApplies(t *testing.T) {
	t.Parallel()
	m := segment(t, "m", `applies_to: 'employees >= 1000 or country == "US"'`, "1")
	tests := []struct {
		give           map[account.Field]any
		applies, known bool
	}{
		{map[account.Field]any{account.Employees: 1000, account.Country: "SE"}, true, true},
		{map[account.Field]any{account.Employees: 999, account.Country: "SE"}, false, true},
		{map[account.Field]any{account.Employees: 1000}, false, false},
		{nil, false, false},
	}
	for _, tt := range tests {
		applies, known := m.Applies(facts(tt.give))
		require.Equal(t, []bool{tt.applies, tt.known}, []bool{applies, known})
	}
	applies, known := segment(t, "m", "", "1").Applies(nil)
	require.True(t, applies && known)
}

func TestAppliesToMistakes(t *testing.T) {
	t.Parallel()
	for appliesTo, want := range map[string]string{
		"applies_to: countri == \"US\"":    `m:5:13: applies_to: unknown field "countri" (did you mean country?); any other than Sluice's own is declared under fields, at character 1`,
		"applies_to: last_funding_at < 90": "m:5:13: applies_to: last_funding_at is a date, and which accounts a model is for must not change with the day, at character 1",
		"applies_to: employees":            "m:5:13: applies_to: want something that is true or false, have a number",
		"applies_to: [employees > 5]":      "m:5:13: applies_to: want a text, have a list",
		"applies_to: job_title == 'clerk'": "m:5:13: applies_to: job_title is a field of contacts; a model of companies has it with of: best_contact or of: buying_committee, at character 1",
	} {
		good := segment(t, "m", "", "1").Source
		_, err := icp.Parse("m", []byte(strings.Replace(good, "owner: a\n", "owner: a\n"+appliesTo, 1)))
		require.EqualError(t, err, want)
	}
}
