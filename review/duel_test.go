package review_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
)

func duelModel(t *testing.T, rest string) *icp.Model {
	t.Helper()
	m, err := icp.Parse("m", []byte(`{name: m, version: 1, owner: o, required: [], `+rest+`,
  tiers: [{name: Good, min: 3, queue: a}, {name: Other, min: 0, queue: b}]}`))
	require.NoError(t, err)
	return m
}

const (
	bySize  = `criteria: [{name: size, dimension: firmographics, field: employees, between: [50, 500], points: 5}]`
	byPlace = `criteria: [{name: place, dimension: firmographics, field: country, any_of: [US], points: 5}]`
)

// past is a deal of a company of a size, in a country.
func past(won bool, employees float64, country string) review.PastDeal {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return review.PastDeal{Won: won, At: at, Subject: icp.Subject{Facts: account.Facts{
		account.Employees: {Field: account.Employees, Value: account.NumberValue(employees), Confidence: 1, ObservedAt: at},
		account.Country:   {Field: account.Country, Value: account.TextValue(country), Confidence: 1, ObservedAt: at},
	}}}
}

func TestADuelSaysWhichVersionTellsDealsApart(t *testing.T) {
	t.Parallel()
	d := review.NewDuel(duelModel(t, bySize), duelModel(t, byPlace))
	for i := range 40 {
		country := []string{"US", "FR"}[i%2] // says nothing
		d.Add(past(true, 100, country))
		d.Add(past(false, 9, country))
	}
	r := d.Result()
	require.Equal(t, []int{80, 40}, []int{r.Deals, r.Won})
	require.InDelta(t, 1, r.Candidate.AUC.Value, 1e-9)
	require.InDelta(t, 0.5, r.Active.AUC.Value, 1e-9)
	require.InDelta(t, 0.5, r.Delta.Value, 1e-9)
	require.Positive(t, r.Delta.Low)
	require.Equal(t, "m@1 tells them apart better", r.Verdict())
	require.Equal(t, []review.TierWins{{Name: "Good", Deals: 40, Won: 40}, {Name: "Other", Deals: 40}}, r.Candidate.Tiers)
	require.Equal(t, []review.TierWins{{Name: "Good", Deals: 40, Won: 20}, {Name: "Other", Deals: 40, Won: 20}}, r.Active.Tiers)
}

func TestADuelClaimsNothingThatChanceCouldMake(t *testing.T) {
	t.Parallel()
	same := review.NewDuel(duelModel(t, bySize), duelModel(t, bySize))
	few := review.NewDuel(duelModel(t, bySize), duelModel(t, byPlace))
	for i := range 6 {
		same.Add(past(i%2 == 0, float64(30+10*i), "US"))
		few.Add(past(i%2 == 0, float64(30+10*i), []string{"US", "FR", "FR"}[i%3]))
	}
	require.Equal(t, "no difference that chance could not make", same.Result().Verdict())
	require.Equal(t, "no difference that chance could not make", few.Result().Verdict())
	require.Zero(t, same.Result().Delta.Value)
}

func TestADuelWithoutDealsOrWithoutLossesHasNoVerdict(t *testing.T) {
	t.Parallel()
	d := review.NewDuel(duelModel(t, bySize), duelModel(t, byPlace))
	require.Equal(t, "no verdict: no deals on record", d.Result().Verdict())
	d.Add(past(true, 100, "US"))
	r := d.Result()
	require.Nil(t, r.Delta)
	require.Nil(t, r.Candidate.AUC)
	require.Equal(t, "no verdict: deals have to be both won and lost to tell them apart", r.Verdict())
	require.Equal(t, 1, r.Candidate.Tiers[0].Won)
}

func TestADuelLeavesOutAccountsThatTheSegmentIsNotFor(t *testing.T) {
	t.Parallel()
	d := review.NewDuel(duelModel(t, `applies_to: 'country == "US"', `+bySize), duelModel(t, bySize))
	d.Add(past(true, 100, "US"))
	d.Add(past(false, 9, "FR"))
	r := d.Result()
	require.Equal(t, 1, r.Deals)
	require.Contains(t, r.Notes, "1 deals are of accounts that m@1 is not for")
}
