package review

import (
	"cmp"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

const (
	// shuffles is how many times outcomes are dealt out anew to see what chance finds,
	// and fewShuffles how many times where a model is only tried out. The tail is read
	// off a fitted distribution, so that a thousand are enough.
	shuffles    = 1000
	fewShuffles = 300
	// falseShare is the share of false ones that the attributes found reliable may
	// have. Where none means anything, it is the chance that one is found all the same.
	falseShare = 0.05
)

// screening is how likely what an attribute shows is by chance: p, and q, which is
// corrected for all attributes tried.
type screening struct{ p, q float64 }

func (s screening) reliable() bool { return s.q <= falseShare }

// screen tests each attribute: the best grouping of the real outcomes against the best
// groupings of the same outcomes dealt out at random, so that the freedom to choose
// bands and groups is paid for. The correction for the number of attributes is that of
// Benjamini and Hochberg, JRSS B 57, 1995. The deals of an account stay together.
// Its random numbers are always the same.
func (l *learner) screen(deals []int, times int) []screening {
	out := make([]screening, len(l.all))
	null, accounts := shuffled(l.good, deals, times), l.newBlocks(deals, times)
	each(len(l.all), func(j int) {
		a, p := &l.all[j], newPartition(len(deals), maxLevels, l.least)
		found := a.statistic(p, a.tallies(l.good, deals))
		out[j] = screening{p: 1}
		if math.IsInf(found, -1) {
			return // no two groups with support
		}
		ofAccount := accounts != nil && accounts.belongs(a)
		total := a.tallies(make([]bool, len(l.good)), deals)
		chance, counts := make([]float64, times), make([]tally, len(total))
		for b, winners := range null {
			if ofAccount {
				accounts.count(a, b, counts)
			} else {
				copy(counts, total)
				for _, i := range winners {
					counts[a.cell[i]].won++
				}
			}
			chance[b] = a.statistic(p, counts)
		}
		out[j].p = exceedance(found, chance)
	})
	adjust(out)
	return out
}

// shuffled deals out as many wins as there are, at random.
func shuffled(won []bool, deals []int, times int) [][]int32 {
	wins := 0
	pool := make([]int32, len(deals))
	for k, i := range deals {
		pool[k] = int32(i)
		if won[i] {
			wins++
		}
	}
	r := rand.New(rand.NewPCG(1, 2)) // fixed: the same deals always give the same model
	out := make([][]int32, times)
	for b := range out {
		for k := range wins {
			other := k + r.IntN(len(pool)-k)
			pool[k], pool[other] = pool[other], pool[k]
		}
		out[b] = slices.Clone(pool[:wins])
	}
	return out
}

// exceedance is the chance of a value as high as the one found, given values by chance. In the
// middle it counts; in the tail it uses a gamma distribution with their mean and
// variance (as Winkler et al., "Faster permutation inference", NeuroImage 141, 2016).
func exceedance(found float64, chance []float64) float64 {
	above, low := 0, math.Inf(1)
	for _, c := range chance {
		if c >= found {
			above++
		}
		if !math.IsInf(c, -1) { // a shuffle that left no two groups with support
			low = min(low, c)
		}
	}
	counted := float64(above+1) / float64(len(chance)+1)
	if above >= 20 {
		return counted
	}
	var mean, square float64
	for _, c := range chance {
		mean += (max(c, low) - low) / float64(len(chance))
	}
	for _, c := range chance {
		square += (max(c, low) - low - mean) * (max(c, low) - low - mean) / float64(len(chance)-1)
	}
	if square == 0 || math.IsInf(low, 1) {
		return counted
	}
	return upperGamma(mean*mean/square, (found-low)*mean/square)
}

// upperGamma is the upper regularised incomplete gamma function Q(a, x), by its series
// below a+1 and its continued fraction (modified Lentz) above: Press et al., "Numerical
// Recipes", section 6.2.
func upperGamma(a, x float64) float64 {
	if x <= 0 {
		return 1
	}
	lg, _ := math.Lgamma(a)
	front := math.Exp(-x + a*math.Log(x) - lg)
	if x < a+1 {
		term := 1 / a
		sum := term
		for k := 1; k < 1000 && term > sum*1e-15; k++ {
			term *= x / (a + float64(k))
			sum += term
		}
		return max(0, 1-sum*front)
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/b
	h := d
	for i := 1; i < 1000; i++ {
		an := -float64(i) * (float64(i) - a)
		b += 2
		if d = an*d + b; math.Abs(d) < tiny {
			d = tiny
		}
		if c = b + an/c; math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < 1e-14 {
			break
		}
	}
	return front * h
}

// adjust sets q to the smallest share of false ones at which the attribute would
// still be found.
func adjust(all []screening) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all[a].p, all[b].p) })
	least := 1.0
	for rank, which := range slices.Backward(order) {
		s := &all[which]
		least = min(least, s.p*float64(len(all))/float64(rank+1))
		s.q = least
	}
}

// each calls f for 0 to n-1 on all processors. What f does must not depend on order.
func each(n int, f func(int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}
