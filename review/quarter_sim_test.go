package review_test

import (
	"testing"

	"github.com/sluicehq/sluice/review"
)

func TestScratch(t *testing.T) {
	for _, n := range []int{800, 1500} {
		for name, w := range map[string]world{
			"null": {}, "base": {base: -0.7}, "dead": {dead: "industry"}, "deads": {dead: "industry", strong: map[string]float64{"industry": 1.4}}, "never": {never: "tech_stack"},
			"trigger": {trigger: map[string]float64{"funding": 2}}, "larger": {larger: map[string]float64{"funding": 2}}, "drift": {drifted: true}, "stuck": {stuck: "DE"},
		} {
			const runs = 40
			counts := map[string]int{}
			won := 0
			any := 0
			for s := range runs {
				w.deals, w.seed = n, uint64(s+1)
				q := review.Quarter(w.input())
				won += q.Totals.Won
				if len(q.Claims) > 0 {
					any++
				}
				for _, c := range q.Claims {
					counts[c.Kind+" "+c.Subject]++
					if s == 0 {
						t.Log(c.Sentence)
					}
				}
			}
			t.Log(n, name, "any", any, counts, "won in quarter", won/runs)
		}
	}
}
