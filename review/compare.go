package review

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// upperNormal is the chance of a standard normal above z.
func upperNormal(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// twoSided is the chance of a standard normal as far from 0 as z.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// upperChiSquared is the chance of a chi-squared with df degrees of freedom above x.
func upperChiSquared(x float64, df int) float64 { return upperGamma(float64(df)/2, x/2) }

// trend is the test of Cochran (Biometrics 10, 1954) and Armitage (Biometrics 11, 1955)
// for a share that rises with the group, groups being one step apart: z above 0 means
// that later groups have more hits. The variance is that of the hypergeometric
// distribution (Mantel 1963), which holds for few as well.
func trend(groups []tally) float64 {
	var n, hits, sx, sxx, with float64
	for i, g := range groups {
		x, m := float64(i), float64(g.n)
		n += m
		hits += float64(g.won)
		sx += m * x
		sxx += m * x * x
		with += float64(g.won) * x
	}
	if n < 2 {
		return 0
	}
	variance := hits * (n - hits) / (n * (n - 1)) * (sxx - sx*sx/n)
	if variance <= 0 {
		return 0
	}
	return (with - hits*sx/n) / math.Sqrt(variance)
}

// pair is a stratum: hits among those with something, and among those without.
type pair struct{ with, without tally }

// mantelHaenszel is the odds ratio that is common to the strata (Mantel and Haenszel,
// JNCI 22, 1959), with the interval of Robins, Breslow and Greenland (Biometrics 42,
// 1986), and the z of their test. NaN where there is nothing to compare.
func mantelHaenszel(strata []pair) (odds Interval, z float64) {
	var r, s, pr, psqr, qs, excess, variance float64
	for _, t := range strata {
		a, b := float64(t.with.won), float64(t.with.n-t.with.won)
		c, d := float64(t.without.won), float64(t.without.n-t.without.won)
		n := a + b + c + d
		if n < 2 {
			continue
		}
		ri, si, p, q := a*d/n, b*c/n, (a+d)/n, (b+c)/n
		r, s = r+ri, s+si
		pr += p * ri
		psqr += p*si + q*ri
		qs += q * si
		excess += a - (a+b)*(a+c)/n
		variance += (a + b) * (c + d) * (a + c) * (b + d) / (n * n * (n - 1))
	}
	odds = Interval{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if variance > 0 {
		z = excess / math.Sqrt(variance)
	}
	if r > 0 && s > 0 {
		sd := math.Sqrt(pr/(2*r*r) + psqr/(2*r*s) + qs/(2*s*s))
		odds = ratio(math.Log(r/s), sd)
	}
	return odds, z
}

// ratio is an odds ratio with its interval, from its logarithm.
func ratio(log, sd float64) Interval {
	return Interval{Value: math.Exp(log), Low: math.Exp(log - z95*sd), High: math.Exp(log + z95*sd)}
}

// rankSum is van Elteren's test (1960): the rank-sum test of Wilcoxon (1945) and of Mann
// and Whitney (1947) within strata, each weighed by 1/(n+1). z above 0 means that values
// with something are higher. Ties share their ranks.
func rankSum(strata [][2][]float64) float64 {
	var excess, variance float64
	for _, s := range strata {
		m, k := float64(len(s[0])), float64(len(s[1]))
		n := m + k
		if m == 0 || k == 0 {
			continue
		}
		ranks := midranks(append(slices.Clone(s[0]), s[1]...))
		sum, square := 0.0, 0.0
		for i, r := range ranks {
			if i < len(s[0]) {
				sum += r
			}
			square += (r - (n+1)/2) * (r - (n+1)/2)
		}
		w := 1 / (n + 1)
		excess += w * (sum - m*(n+1)/2)
		variance += w * w * m * k / (n * (n - 1)) * square
	}
	if variance <= 0 {
		return 0
	}
	return excess / math.Sqrt(variance)
}

// fisher is the exact test of Fisher (1934) of two shares: the chance of a table as
// unlikely as this one, given its margins.
func fisher(x, y tally) float64 {
	hits, n := x.won+y.won, x.n+y.n
	if hits == 0 || hits == n || x.n == 0 || y.n == 0 {
		return 1
	}
	log := func(k int) float64 { return choose(hits, k) + choose(n-hits, x.n-k) - choose(n, x.n) }
	here, p := log(x.won)+1e-7, 0.0
	for k := max(0, x.n-(n-hits)); k <= min(hits, x.n); k++ {
		if l := log(k); l <= here {
			p += math.Exp(l)
		}
	}
	return min(1, p)
}

// choose is the logarithm of a binomial coefficient.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// shareChange is the chi-squared test of two shares as a z, and their difference with
// the interval of Newcombe (Statistics in Medicine 17, 1998, method 10), which is made of
// the two score intervals.
func shareChange(now, before tally) (difference Interval, z float64) {
	a, b := wilson(now.won, now.n), wilson(before.won, before.n)
	d := a.Value - b.Value
	square := func(x float64) float64 { return x * x }
	difference = Interval{
		Value: d,
		Low:   d - math.Sqrt(square(a.Value-a.Low)+square(b.High-b.Value)),
		High:  d + math.Sqrt(square(a.High-a.Value)+square(b.Value-b.Low)),
	}
	p := now.plus(before).rate()
	if sd := math.Sqrt(p * (1 - p) * (1/float64(now.n) + 1/float64(before.n))); sd > 0 {
		z = d / sd
	}
	return difference, z
}

// moved compares two counts of the same groups: by the population stability index, Σ (q−p) ·
// ln(q/p), half an account being added to each group (Siddiqi, "Credit Risk Scorecards",
// 2006), and by the chi-squared test. Groups with few accounts are put together.
func moved(start, end []int) Change {
	start, end = merged(start, end)
	var n, m float64
	for i := range start {
		n, m = n+float64(start[i]), m+float64(end[i])
	}
	if n == 0 || m == 0 || len(start) < 2 {
		return Change{PSI: 0, P: 1, Says: stable}
	}
	k := float64(len(start))
	psi, x := 0.0, 0.0
	for i := range start {
		a, b := float64(start[i]), float64(end[i])
		p, q := (a+0.5)/(n+k/2), (b+0.5)/(m+k/2)
		psi += (q - p) * math.Log(q/p)
		ea, eb := (a+b)*n/(n+m), (a+b)*m/(n+m)
		x += (a-ea)*(a-ea)/ea + (b-eb)*(b-eb)/eb
	}
	return Change{PSI: Figure(psi), P: upperChiSquared(x, len(start)-1), Says: saysPSI(psi)}
}

const (
	stable    = "stable"
	movedSome = "moved"
	movedALot = "moved a lot"
)

// The usual reading of the index.
const (
	psiSome = 0.10
	psiLot  = 0.25
)

func saysPSI(psi float64) string {
	switch {
	case psi >= psiLot:
		return movedALot
	case psi >= psiSome:
		return movedSome
	}
	return stable
}

// merged puts groups of fewer than ten accounts in all together, the smallest first.
func merged(start, end []int) (a, b []int) {
	order := make([]int, len(start))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(start[x]+end[x], start[y]+end[y]) })
	restA, restB := 0, 0
	for _, i := range order {
		if restA+restB > 0 && restA+restB < 10 || start[i]+end[i] < 10 {
			restA, restB = restA+start[i], restB+end[i]
			continue
		}
		a, b = append(a, start[i]), append(b, end[i])
	}
	if restA+restB > 0 {
		a, b = append(a, restA), append(b, restB)
	}
	return a, b
}

// quantile is the value below which a share of the sorted values lies, in between by the
// line (Hyndman and Fan, The American Statistician 50, 1996, type 7).
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := share * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// median is the middle of the values with the distribution-free interval between two of
// them, that holds the middle of all such values with at least 95 % (Conover, "Practical
// Nonparametric Statistics", 1999, section 3.2). Fewer than six values have none.
func median(values []float64) Estimate {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	e := Estimate{N: n, Value: Figure(quantile(sorted, 0.5)), Low: none, High: none}
	k, below := 0, 0.0 // the chance that fewer than k values are below the middle
	for {
		next := below + math.Exp(choose(n, k)-float64(n)*math.Ln2)
		if next > 0.025 || k >= n {
			break
		}
		k, below = k+1, next
	}
	if k > 0 {
		e.Low, e.High = Figure(sorted[k-1]), Figure(sorted[n-k])
	}
	return e
}

// none is a figure that there is not.
var none = Figure(math.NaN())

// noEstimate is an estimate that stands on nothing.
func noEstimate(n int) Estimate { return Estimate{N: n, Value: none, Low: none, High: none} }

func (i Interval) estimate(n int) Estimate {
	return Estimate{N: n, Value: Figure(i.Value), Low: Figure(i.Low), High: Figure(i.High)}
}

// share is the share of hits with Wilson's interval.
func (t tally) share() Estimate {
	if t.n == 0 {
		return noEstimate(0)
	}
	return wilson(t.won, t.n).estimate(t.n)
}

// inOrder are the values of a map by its keys' order.
func inOrder[T any](of map[string]*T) []T {
	out := make([]T, 0, len(of))
	for _, k := range slices.Sorted(maps.Keys(of)) {
		out = append(out, *of[k])
	}
	return out
}
