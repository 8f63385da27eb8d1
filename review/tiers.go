package review

import (
	"math"
	"slices"
)

// TierRate is how the deals of a tier went.
type TierRate struct {
	Name  string   `json:"name"`
	Min   int      `json:"min"` // the lowest score in it
	Deals int      `json:"deals"`
	Good  Interval `json:"good"` // share of them of the kind that the model shall find
}

// tierShares are which shares of the deals the tiers reach down to.
var tierShares = []float64{0.2, 0.5, 0.8}

// tierNames are the names of the tiers above the last, which is "Not a fit".
var tierNames = []string{"Tier 1", "Tier 2", "Tier 3"}

// tiers cuts the scores near the shares of deals that people can work, on round numbers
// where these are near, so that each tier did better than the next. Fewer tiers than
// four mean that no more could be told apart.
func tiers(c *card, deals []int, good []bool, least int) []TierRate {
	scores := make([]int, len(deals))
	for k, i := range deals {
		scores[k] = c.score(i)
	}
	var mins []int
	for _, share := range tierShares {
		last := math.MaxInt
		if len(mins) > 0 {
			last = mins[len(mins)-1]
		}
		if m, ok := nearest(scores, share, c.min, last); ok {
			mins = append(mins, m)
		}
	}
	mins = append(mins, c.min)
	counts := byTier(scores, pick(good, deals), mins)
	for i := 0; i+1 < len(mins); { // what does no better than the tier below joins it
		if counts[i].n < least || counts[i+1].n < least || counts[i].rate() <= counts[i+1].rate() {
			mins = slices.Delete(mins, i, i+1)
			counts = byTier(scores, pick(good, deals), mins)
			i = 0
			continue
		}
		i++
	}
	out := make([]TierRate, len(mins))
	for i, m := range mins {
		name := "Not a fit"
		if i < len(mins)-1 {
			name = tierNames[i]
		}
		out[i] = TierRate{Name: name, Min: m, Deals: counts[i].n, Good: wilson(counts[i].won, counts[i].n)}
	}
	return out
}

// nearest returns the score between floor and below that the share of deals that reach
// it comes nearest to; a multiple of 5 if that is nearly as near.
func nearest(scores []int, share float64, floor, below int) (int, bool) {
	best, bestOff := 0, math.Inf(1)
	for m := floor + 1; m <= slices.Max(scores) && m < below; m++ {
		n := 0
		for _, s := range scores {
			if s >= m {
				n++
			}
		}
		off := math.Abs(float64(n)/float64(len(scores)) - share)
		if m%5 != 0 {
			off += 0.05
		}
		if off < bestOff {
			best, bestOff = m, off
		}
	}
	return best, bestOff < 0.25
}

func byTier(scores []int, good []bool, mins []int) []tally {
	counts := make([]tally, len(mins))
	for k, s := range scores {
		at := slices.IndexFunc(mins, func(m int) bool { return s >= m })
		counts[at].add(good[k])
	}
	return counts
}
