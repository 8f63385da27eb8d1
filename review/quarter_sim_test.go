package review_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/review"
)

// reviews are those of many worlds that differ in nothing but their random numbers, on two
// processors.
func reviews(w world, sets int) []*review.QuarterReview {
	out := make([]*review.QuarterReview, sets)
	var group sync.WaitGroup
	for half := range 2 {
		group.Go(func() {
			for i := half; i < sets; i += 2 {
				one := w
				one.seed += uint64(i)
				out[i] = review.Quarter(one.input())
			}
		})
	}
	group.Wait()
	return out
}

// mostFalse is how many of n reviews may hold a false claim where each may with one chance in
// twenty: more are seen in fewer than one of a thousand runs.
func mostFalse(n int) int {
	tail, p := 1.0, math.Pow(0.95, float64(n))
	for k := 0; ; k++ {
		if tail -= p; tail < 0.001 {
			return k
		}
		p *= float64(n-k) / float64(k+1) * 0.05 / 0.95
	}
}

// TestReviewClaimsNothingWhereNothingIs: criteria pay what they paid, tiers differ, triggers pay
// alike, fields are correlated and often unknown, and nothing is planted.
func TestReviewClaimsNothingWhereNothingIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		world
		sets int
	}{
		{"few deals", world{deals: 400, seed: 10_000}, 120},
		{"many deals", world{deals: 1500, seed: 20_000}, 100},
		{"accounts with several deals", world{deals: 1000, seed: 30_000, again: true}, 100},
		{"triggers that pay twice their points, all of them", world{deals: 1000, seed: 40_000, trigger: map[string]float64{
			"executive_change": 1.6, "funding": 1.6, "hiring": 1.6, "product_launch": 1.6,
		}}, 40},
	} {
		claimed := 0
		for _, q := range reviews(tt.world, tt.sets) {
			require.Greater(t, q.Tested, 20)
			if len(q.Claims) > 0 {
				claimed++
				t.Log(tt.name, q.Claims[0].Sentence)
			}
			if len(q.Claims) == 0 {
				require.Nil(t, q.Proposal)
				require.NotEmpty(t, q.Thin)
			}
		}
		t.Logf("%s: %d of %d reviews claim something", tt.name, claimed, tt.sets)
		require.LessOrEqual(t, claimed, mostFalse(tt.sets), tt.name)
	}
}

// TestReviewFindsWhatWasPlanted says from which size on what is found, and that what is planted
// brings no other claims with it than those that follow from it.
func TestReviewFindsWhatWasPlanted(t *testing.T) {
	t.Parallel()
	strong := map[string]float64{"industry": 1.6}
	for _, tt := range []struct {
		name string
		world
		kind, subject string
		sets, least   int      // of the sets, in so many it is found at least
		follows       []string // kinds of claims that are true as well
	}{
		{"a criterion that no longer pays, 1,500 deals", world{deals: 1500, dead: "industry", strong: strong}, "criterion", "industry", 30, 22, []string{"base_rate"}},
		{"a criterion that no longer pays, 800 deals", world{deals: 800, dead: "industry", strong: strong}, "criterion", "industry", 30, 13, []string{"base_rate"}},
		{"a criterion that no longer pays, 3,000 deals", world{deals: 3000, dead: "tech_stack"}, "criterion", "tech_stack", 20, 6, []string{"base_rate"}},
		{"a criterion that never paid, 1,500 deals", world{deals: 1500, never: "tech_stack"}, "criterion", "tech_stack", 30, 16, nil},
		{"a base rate that halved, 800 deals", world{deals: 800, base: -1}, "base_rate", "win rate", 30, 22, nil},
		{"a base rate that fell by a third, 1,500 deals", world{deals: 1500, base: -0.7}, "base_rate", "win rate", 30, 22, nil},
		{"a trigger that pays double, 1,500 deals", world{deals: 1500, trigger: map[string]float64{"funding": 2.2}}, "trigger", "funding", 30, 22, nil},
		{"a trigger that pays double in money, 400 deals", world{deals: 400, larger: map[string]float64{"funding": 2}}, "trigger", "funding", 30, 20, nil},
		{"a population that moved", world{deals: 400, drifted: true}, "population", "industry", 10, 10, []string{"population"}},
		{"what stalled accounts share", world{deals: 400, stuck: "DE"}, "stalled", "country: DE", 30, 22, []string{"stalled"}},
	} {
		found, mistaken := 0, 0
		tt.seed = 50_000
		for _, q := range reviews(tt.world, tt.sets) {
			wrong := false
			hit := false
			for _, c := range q.Claims {
				if c.Kind == tt.kind && c.Subject == tt.subject {
					hit = true
				} else if !slices.Contains(tt.follows, c.Kind) {
					wrong = true
					t.Log(tt.name, "also:", c.Sentence)
				}
			}
			if hit {
				found++
			}
			if wrong {
				mistaken++
			}
		}
		t.Logf("%s: found in %d of %d, false claims in %d", tt.name, found, tt.sets, mistaken)
		require.GreaterOrEqual(t, found, tt.least, tt.name)
		require.LessOrEqual(t, mistaken, mostFalse(tt.sets), tt.name)
	}
}
