package review

import (
	"math"
	"slices"
)

const (
	// folds is into how many parts deals are put, so that what is learnt from some is
	// tried on others.
	folds = 5
	// priorDeals is how many deals at the overall win rate are added to each level, so
	// that few deals do not speak as loud as many.
	priorDeals = 10.0
	// scoreBar is the score statistic that one more attribute must reach beside those
	// already chosen: about twice the gain in log-likelihood, of which Akaike (1974) asks 2.
	scoreBar = 2.0
)

// learner learns which attributes tell good deals from the others.
type learner struct {
	all     []attribute
	good    []bool
	fold    []int // of each deal
	account []int // of each deal; nil if no account has two
	least   int   // deals in a level
}

// chosen is an attribute with the log-odds that its levels are worth.
type chosen struct {
	attribute *attribute
	grouping  grouping
	odds      []float64 // of each level
}

// total counts all deals that the levels were learnt from.
func (c *chosen) total() tally {
	var all tally
	for _, t := range c.grouping.tallies {
		all = all.plus(t)
	}
	return all
}

// evidence returns the log-odds of each level less those of all deals, drawn towards
// 0 for levels with few deals: the "weight of evidence" of credit scorecards (Good,
// 1950; Siddiqi, "Credit Risk Scorecards", 2006).
func evidence(levels []tally) []float64 {
	var all tally
	for _, t := range levels {
		all = all.plus(t)
	}
	base := (float64(all.won) + 0.5) / float64(all.n+1)
	out := make([]float64, len(levels))
	for i, t := range levels {
		out[i] = math.Log((float64(t.won)+priorDeals*base)/(float64(t.n-t.won)+priorDeals*(1-base))) - logit(base)
	}
	return out
}

// learn chooses up to most attributes among the reliable ones.
func (l *learner) learn(deals []int, reliable []int, most int) []chosen {
	inputs := l.crossfit(deals, reliable)
	picked, model := forward(inputs, pick(l.good, deals), most)
	out := make([]chosen, len(picked))
	p := newPartition(len(deals), maxLevels, l.least)
	for k, j := range picked {
		a := &l.all[reliable[j]]
		g := a.group(p, a.tallies(l.good, deals))
		odds := evidence(g.tallies)
		for i := range odds {
			odds[i] *= model.weights[k]
		}
		out[k] = chosen{a, g, odds}
	}
	l.refine(deals, out)
	return out
}

// crossfit returns, for each reliable attribute and each deal, the evidence of the
// deal's level as the other folds see it. Grouped and weighed on its own deals, an
// attribute with many levels would look better than it is.
func (l *learner) crossfit(deals, reliable []int) [][]float64 {
	inputs := make([][]float64, len(reliable))
	each(len(reliable), func(j int) {
		a := &l.all[reliable[j]]
		p := newPartition(len(deals), maxLevels, max(1, l.least*(folds-1)/folds))
		inputs[j] = make([]float64, len(deals))
		for f := range folds {
			var others []int
			for _, i := range deals {
				if l.fold[i] != f {
					others = append(others, i)
				}
			}
			g := a.group(p, a.tallies(l.good, others))
			odds := evidence(g.tallies)
			for k, i := range deals {
				if l.fold[i] == f {
					inputs[j][k] = odds[g.level[a.cell[i]]]
				}
			}
		}
	})
	return inputs
}

// forward adds the input that explains the most of what the chosen ones leave open,
// until none explains enough. One whose weight turns negative beside the others says
// nothing of its own, and is dropped.
func forward(inputs [][]float64, won []bool, most int) ([]int, regression) {
	var picked []int
	barred := make([]bool, len(inputs))
	model := fit(nil, won, nil, ridge)
	for len(picked) < most {
		best, top := -1, scoreBar
		scores := make([]float64, len(inputs))
		used := pick(inputs, picked)
		s := newScorer(used, won, model)
		each(len(inputs), func(j int) {
			if !barred[j] {
				scores[j] = s.score(inputs[j])
			}
		})
		for j, score := range scores {
			if score > top {
				best, top = j, score
			}
		}
		if best < 0 {
			break
		}
		barred[best] = true
		picked = append(picked, best)
		model = fit(pick(inputs, picked), won, make([]float64, len(picked)), ridge)
		for k := slices.IndexFunc(model.weights, func(w float64) bool { return w <= 0 }); k >= 0; {
			picked = slices.Delete(picked, k, k+1)
			model = fit(pick(inputs, picked), won, make([]float64, len(picked)), ridge)
			k = slices.IndexFunc(model.weights, func(w float64) bool { return w <= 0 })
		}
	}
	return picked, model
}

func pick[T any](all []T, which []int) []T {
	out := make([]T, len(which))
	for k, j := range which {
		out[k] = all[j]
	}
	return out
}

// scorer holds what the score test of one more input needs (Rao 1948): the residuals
// and weights of the model so far, and its information matrix.
type scorer struct {
	used             [][]float64
	residual, weight []float64
	information      [][]float64
}

func newScorer(used [][]float64, won []bool, m regression) *scorer {
	n, k := len(won), len(used)
	s := &scorer{used: used, residual: make([]float64, n), weight: make([]float64, n), information: newMatrix(k + 1)}
	x := make([]float64, k+1)
	for i := range n {
		eta := m.intercept
		for j := range k {
			x[j] = used[j][i]
			eta += x[j] * m.weights[j]
		}
		x[k] = 1
		p := logistic(eta)
		s.residual[i], s.weight[i] = -p, p*(1-p)
		if won[i] {
			s.residual[i]++
		}
		for a := range x {
			for b := 0; b <= a; b++ {
				s.information[a][b] += x[a] * x[b] * s.weight[i]
			}
		}
	}
	return s
}

// score is 0 for an input that would count against what it says.
func (s *scorer) score(x []float64) float64 {
	k := len(s.used)
	u, own, cross := 0.0, 0.0, make([]float64, k+1)
	for i, v := range x {
		if v == 0 {
			continue
		}
		u += v * s.residual[i]
		wv := v * s.weight[i]
		own += v * wv
		for j := range k {
			cross[j] += wv * s.used[j][i]
		}
		cross[k] += wv
	}
	if u <= 0 {
		return 0
	}
	info := newMatrix(k + 1)
	for i := range info {
		copy(info[i], s.information[i])
	}
	for j, c := range solve(info, cross) {
		own -= c * cross[j]
	}
	if own <= 1e-9 {
		return 0
	}
	return u * u / own
}
