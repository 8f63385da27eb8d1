package activities_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

// segment is a model for some accounts, which gives the points to whoever it is for.
func segment(t *testing.T, name, appliesTo, points string) *icp.Model {
	t.Helper()
	file := strings.NewReplacer("NAME", name, "WHOM", appliesTo, "POINTS", points).Replace(`
name: NAME
version: 1
owner: ops@acme.example
applies_to: 'WHOM'
fields: {partner: {type: boolean}}
required: [country, employees]
criteria:
  - {name: place, dimension: firmographics, field: country, any_of: [US, FR], points: POINTS}
tiers:
  - {name: Good, min: 40, queue: sdr-outreach}
  - {name: Other, min: 0, queue: disqualified}
`)
	m, err := icp.Parse(name, []byte(file))
	require.NoError(t, err)
	return m
}

func TestAnAccountGetsItsBestModelWithTheRunnerUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refs := []activities.ModelRef{{Name: "revops", Version: b.model.Version}}
	for _, m := range []*icp.Model{
		segment(t, "us", `country == "US"`, "60"), segment(t, "software", `industry == "saas"`, "80"), segment(t, "quarries", `industry == "construction"`, "45"),
	} {
		require.NoError(t, b.store.SaveModel(t.Context(), m.Name, m.Version, m.Subject, []byte(m.Source)))
		refs = append(refs, activities.ModelRef{Name: m.Name, Version: m.Version})
	}
	require.NoError(t, b.store.ActivateModels(t.Context(), "company", refs...))

	scored := map[string]store.ScoreRow{}
	for _, domain := range []string{"acme.example", "dust.example", "nobody.example"} {
		who := b.known(t, domain)
		require.Equal(t, refs[0], who.Model)
		require.Equal(t, refs[1:], who.Segments)
		require.Equal(t, []account.Field{"industry", "employees", "country", "technologies"}, who.Plan.Need.Fields, "what any of them needs, once")
		_, err := b.ask(question(who, "apollo"))
		require.NoError(t, err)
		got, err := b.score(activities.ScoreInput{AccountID: who.AccountID, Models: who.Models, Plan: who.Plan, Pass: 1})
		require.NoError(t, err)
		row, err := b.store.LatestScore(t.Context(), who.AccountID)
		require.NoError(t, err)
		require.Equal(t, row.ModelRef(), got.Model)
		scored[domain] = row
	}
	best := scored["acme.example"]
	require.Equal(t, "software", best.Model)
	require.Equal(t, 80, best.Score.Value)
	require.Equal(t, "Good", best.Score.Tier)
	require.Equal(t, &store.RunnerUp{ModelRef: activities.ModelRef{Name: "us", Version: 1}, Value: 60, Tier: "Good", Margin: 20}, best.RunnerUp)
	require.Equal(t, "quarries", scored["dust.example"].Model)
	require.Nil(t, scored["dust.example"].RunnerUp, "no other is for it")
	require.Equal(t, "revops", scored["nobody.example"].Model, "no segment is known to be its own")
}
