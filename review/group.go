package review

import (
	"cmp"
	"math"
	"slices"

	"github.com/sluicehq/sluice/account"
)

// grouping puts the atoms of an attribute into levels of about the same win rate.
type grouping struct {
	level   []int   // of each atom; anything else is level 0
	tallies []tally // of each level; of level 0 maybe no deals at all
}

const (
	// maxLevels is how many levels an attribute has besides "anything else": more than
	// five bands or groups are not read.
	maxLevels = 5
	// cutCost is the gain in log-likelihood that one more level must bring. Twice the
	// gain is about chi-squared with one degree of freedom, so that 3 stands for 1.4 %
	// at a fixed cut, which the choice among many cuts makes some 10 %.
	cutCost = 3.0
)

// partition finds the best cut of a sequence of tallies into runs.
type partition struct {
	xlogx []float64 // of 0 to the number of deals
	most  int       // runs
	least int       // deals in a run

	sum  []tally     // of the first i
	best [][]float64 // by runs and length
	from [][]int
}

func newPartition(deals, most, least int) *partition {
	p := &partition{xlogx: make([]float64, deals+1), most: most, least: least}
	for i := 2; i <= deals; i++ {
		p.xlogx[i] = float64(i) * math.Log(float64(i))
	}
	p.best, p.from = make([][]float64, most+1), make([][]int, most+1)
	return p
}

// likelihood is the log-likelihood of a group at its own win rate.
func (p *partition) likelihood(t tally) float64 {
	return p.xlogx[t.won] + p.xlogx[t.n-t.won] - p.xlogx[t.n]
}

// solve fills in, for each number of runs and each beginning of the sequence, the best
// likelihood and where the last run begins.
func (p *partition) solve(seq []tally) {
	p.sum = append(p.sum[:0], tally{})
	for i, t := range seq {
		p.sum = append(p.sum, p.sum[i].plus(t))
	}
	n := len(seq)
	for k := range p.best {
		p.best[k] = slices.Grow(p.best[k][:0], n+1)[:n+1]
		p.from[k] = slices.Grow(p.from[k][:0], n+1)[:n+1]
		for i := range p.best[k] {
			p.best[k][i] = math.Inf(-1)
		}
	}
	p.best[0][0] = 0
	for k := 1; k <= p.most; k++ {
		for i := k; i <= n; i++ {
			for j := k - 1; j < i; j++ {
				run := p.sum[i].minus(p.sum[j])
				if run.n < p.least {
					break // runs only get shorter
				}
				if math.IsInf(p.best[k-1][j], -1) {
					continue
				}
				if l := p.best[k-1][j] + p.likelihood(run); l > p.best[k][i] {
					p.best[k][i], p.from[k][i] = l, j
				}
			}
		}
	}
}

// runs returns where each of k runs ends.
func (p *partition) runs(k, n int) []int {
	var ends []int
	for i := n; k > 0; k-- {
		ends = append(ends, i)
		i = p.from[k][i]
	}
	slices.Reverse(ends)
	return ends
}

// gain returns how many runs are best, each but the first costing cutCost, and what
// they gain over no attribute at all. At least two groups are taken, "anything else"
// being one when it has deals.
func (p *partition) gain(n int, rest tally) (runs int, gain float64) {
	all := p.sum[n].plus(rest)
	base, groups := p.likelihood(all), 0
	if rest.n > 0 {
		groups = 1
	}
	gain = math.Inf(-1)
	for k := max(1, 2-groups); k <= p.most && k <= n; k++ {
		g := p.best[k][n] + p.likelihood(rest) - base - cutCost*float64(k+groups-1)
		if g > gain {
			runs, gain = k, g
		}
	}
	return runs, gain
}

// tallies counts the deals of each atom among the given ones.
func (a *attribute) tallies(won []bool, deals []int) []tally {
	t := make([]tally, len(a.atoms))
	for _, i := range deals {
		t[a.cell[i]].add(won[i])
	}
	return t
}

// countUnknown counts the deals without a value.
func (a *attribute) countUnknown(good []bool) {
	a.unknown = tally{}
	for i, blank := range a.blank {
		if blank {
			a.unknown.add(good[i])
		}
	}
}

// order returns the atoms in the order in which runs of them make sense: numbers by
// size, anything else by win rate, which holds the best grouping of a yes/no outcome
// (Fisher, "On grouping for maximum homogeneity", JASA 53, 1958). Atoms without deals
// come first.
func (a *attribute) order(counts []tally) []int {
	order := make([]int, len(counts)-1)
	for i := range order {
		order[i] = i + 1
	}
	if a.kind != account.NumberKind && a.kind != account.DateKind {
		slices.SortStableFunc(order, func(x, y int) int {
			return cmp.Compare(max(counts[x].rate(), -1), max(counts[y].rate(), -1))
		})
	}
	return order
}

// statistic is how much the attribute tells about the outcome, the more the better.
func (a *attribute) statistic(p *partition, counts []tally) float64 {
	if a.kind == account.DateKind {
		_, gain := p.recent(counts)
		return gain
	}
	seq := make([]tally, 0, 64)
	for _, i := range a.order(counts) {
		seq = append(seq, counts[i])
	}
	p.solve(seq)
	_, gain := p.gain(len(seq), counts[0])
	return gain
}

// recent finds up to which atom a date is best called recent: a model can only say
// "within so many days".
func (p *partition) recent(counts []tally) (upTo int, gain float64) {
	var all, head tally
	for _, t := range counts {
		all = all.plus(t)
	}
	gain = math.Inf(-1)
	for i := 1; i < len(counts); i++ {
		head = head.plus(counts[i])
		rest := all.minus(head)
		if head.n < p.least || rest.n < p.least {
			continue
		}
		if g := p.likelihood(head) + p.likelihood(rest) - p.likelihood(all) - cutCost; g > gain {
			upTo, gain = i, g
		}
	}
	return upTo, gain
}

// group groups the atoms by how the given deals went. It is one level for all where
// there is no better.
func (a *attribute) group(p *partition, counts []tally) grouping {
	g := grouping{level: make([]int, len(counts)), tallies: make([]tally, 1)}
	if a.kind == account.DateKind {
		upTo, gain := p.recent(counts)
		if gain > 0 {
			for i := 1; i <= upTo; i++ {
				g.level[i] = 1
			}
			g.tallies = append(g.tallies, tally{})
		}
	} else {
		a.groupRuns(p, counts, &g)
	}
	for i, t := range counts {
		g.tallies[g.level[i]] = g.tallies[g.level[i]].plus(t)
	}
	return g
}

func (a *attribute) groupRuns(p *partition, counts []tally, g *grouping) {
	order := a.order(counts)
	seq := make([]tally, len(order))
	for i, o := range order {
		seq[i] = counts[o]
	}
	p.solve(seq)
	runs, gain := p.gain(len(seq), counts[0])
	if gain <= 0 || runs == 1 && a.kind == account.BoolKind {
		runs = 0 // all in level 0; no matcher means "yes or no"
	}
	start := 0
	for k, end := range p.runs(runs, len(seq)) {
		for _, o := range order[start:end] {
			g.level[o] = k + 1
		}
		g.tallies = append(g.tallies, tally{})
		start = end
	}
}
