package review

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// freshFor is how long a kind of signal counts that the model has no window for.
const freshFor = 90 * 24 * time.Hour

// signalCriterion is the criterion that gives most for a kind of signal; nil for none.
func signalCriterion(m *icp.Model, kind string) *icp.Criterion {
	var best *icp.Criterion
	for i := range m.Criteria {
		c := &m.Criteria[i]
		if slices.Contains(c.Signals, kind) && (best == nil || c.Points > best.Points) {
			best = c
		}
	}
	return best
}

// kindsBefore are the kinds of signals in the window before a deal opened.
func (r *reviewing) kindsBefore(signals []account.Signal, opened time.Time) []string {
	var kinds []string
	for _, s := range signals {
		window := freshFor
		if c := signalCriterion(r.in.Model, s.Kind); c != nil && c.Window() > 0 {
			window = c.Window()
		}
		age := opened.Sub(s.OccurredAt)
		if age >= 0 && age <= window && !slices.Contains(kinds, s.Kind) {
			kinds = append(kinds, s.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// triggered is one kind of signal under review.
type triggered struct {
	kind   string
	points int
	out    *Trigger
	wins   *hypothesis // that it wins more than it should; nil: not tested
	larger *hypothesis // that its deals are larger
}

// triggers says what each kind of signal before a deal came to.
func (r *reviewing) triggers() {
	scored := slices.DeleteFunc(slices.Concat(r.before, r.now), func(d *rated) bool { return d.results == nil })
	var kinds []string
	for _, d := range scored {
		for _, k := range d.kinds {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	for i := range r.in.Model.Criteria {
		for _, k := range r.in.Model.Criteria[i].Signals {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	slices.Sort(kinds)
	r.out.Triggers = make([]Trigger, len(kinds))
	for i, k := range kinds {
		r.out.Triggers[i] = r.trigger(k, scored)
		r.kinds = append(r.kinds, &triggered{kind: k, points: r.out.Triggers[i].Points, out: &r.out.Triggers[i]})
	}
	r.compareTriggers(scored)
}

func (r *reviewing) trigger(kind string, scored []*rated) Trigger {
	t := Trigger{Kind: kind, Beside: noEstimate(0), Odds: noEstimate(0), Promise: none, BesideP: 1, AmountP: 1}
	if c := signalCriterion(r.in.Model, kind); c != nil {
		t.Points = c.Points
	}
	var with, without, untriggered tally
	var amounts, others []float64
	perOther := 0.0
	for _, d := range scored {
		has := slices.Contains(d.kinds, kind)
		if has {
			with.add(d.Won)
		} else {
			without.add(d.Won)
		}
		if len(d.kinds) == 0 {
			untriggered.add(d.Won)
		}
		if !d.Won {
			continue
		}
		if has {
			t.Revenue += Figure(d.worth())
		} else {
			perOther += d.worth()
		}
		switch {
		case d.worth() == 0:
		case has:
			amounts = append(amounts, d.worth())
		default:
			others = append(others, d.worth())
		}
	}
	t.Deals, t.Won, t.WinRate, t.Without = with.n, with.won, with.share(), untriggered.share()
	t.Amount, t.Others = median(amounts), median(others)
	t.PerDeal, t.PerOther = t.Revenue/Figure(with.n), Figure(perOther/float64(without.n))
	odds, _ := mantelHaenszel(byTiers(scored, func(d *rated) bool { return slices.Contains(d.kinds, kind) }))
	t.Odds = odds.estimate(with.n)
	return t
}

// byTiers makes a stratum of each tier.
func byTiers(deals []*rated, with func(*rated) bool) []pair {
	strata := map[string]*pair{}
	for _, d := range deals {
		s := strata[d.tier()]
		if s == nil {
			s = &pair{}
			strata[d.tier()] = s
		}
		if with(d) {
			s.with.add(d.Won)
		} else {
			s.without.add(d.Won)
		}
	}
	return inOrder(strata)
}

// compareTriggers tests, for kinds that earn the same points, whether one pays more than
// the others, by the odds of winning and by the amount of what was won; a kind that is
// alone with its points is held against what these stand for.
func (r *reviewing) compareTriggers(scored []*rated) {
	var tested []*triggered
	for _, k := range r.kinds {
		if k.out.Deals >= minSupport && len(scored)-k.out.Deals >= minSupport {
			tested = append(tested, k)
		} else {
			k.out.Says = "too few deals"
		}
	}
	if r.pay == nil || len(tested) == 0 {
		return
	}
	e, slope := r.pay.withKinds(tested)
	for i, k := range tested {
		at := len(e.b) - len(tested) + i
		var peers []int // among tested
		for j, o := range tested {
			if j != i && o.points == k.points {
				peers = append(peers, j)
			}
		}
		k.out.Adjusted = e.ratio(at, k.out.Deals)
		if promise, _ := e.contrast(scale(slope, float64(k.points))); promise >= 0 {
			k.out.Promise = Figure(math.Exp(promise))
		}
		c := make([]float64, len(e.b))
		if len(peers) > 0 {
			sum := 0.0
			for _, j := range peers {
				sum += 1 / e.cov[len(e.b)-len(tested)+j][len(e.b)-len(tested)+j]
			}
			for _, j := range peers {
				own := len(e.b) - len(tested) + j
				c[own] = -1 / e.cov[own][own] / sum
			}
		} else {
			c = scale(slope, -float64(k.points))
		}
		c[at] = 1
		value, sd := e.contrast(c)
		k.out.Beside = ratio(value, sd).estimate(k.out.Deals)
		k.out.BesideP = upperNormal(value / sd)
		k.wins = r.looked.test(ofTrigger, k.out.BesideP, func() Claim { return k.winClaim(len(peers) > 0) })
		r.compareAmounts(k, peersOf(tested, peers), scored)
	}
}

func peersOf(tested []*triggered, which []int) []string {
	var out []string
	for _, j := range which {
		out = append(out, tested[j].kind)
	}
	return out
}

func scale(c []float64, by float64) []float64 {
	out := make([]float64, len(c))
	for i := range c {
		out[i] = by * c[i]
	}
	return out
}

// withKinds fits the odds of winning to all criteria but those of signals, and to the
// kinds of signals, which come last. slope is the contrast that says what a point is
// worth by the criteria.
func (p *payModel) withKinds(kinds []*triggered) (e estimates, slope []float64) {
	var columns [][]float64
	var points []float64
	for k, j := range p.criteria {
		if p.model.Criteria[j].Signals == nil {
			columns, points = append(columns, p.earned[k]), append(points, p.points[k])
		}
	}
	own := len(columns)
	columns = append(slices.Concat(columns, p.unknown), p.now)
	for _, k := range kinds {
		z := make([]float64, len(p.deals))
		for i, d := range p.deals {
			if slices.Contains(d.kinds, k.kind) {
				z[i] = 1
			}
		}
		columns = append(columns, z)
	}
	e = regress(columns, p.won)
	slope = make([]float64, len(columns))
	sum := 0.0
	for k := range own {
		w := 1 / max(e.cov[k][k], 1e-9)
		slope[k] = w * points[k]
		sum += w * points[k] * points[k]
	}
	if sum > 0 {
		slope = scale(slope, 1/sum)
	}
	return e, slope
}

// compareAmounts tests whether deals that were won after a kind of signal are larger than
// those after its peers, or than all others where it has none, within tiers.
func (r *reviewing) compareAmounts(k *triggered, peers []string, scored []*rated) {
	strata := map[string]*[2][]float64{}
	n := [2]int{}
	for _, d := range scored {
		if !d.Won || d.worth() == 0 {
			continue
		}
		side := 1
		switch {
		case slices.Contains(d.kinds, k.kind):
			side = 0
		case len(peers) > 0 && !slices.ContainsFunc(d.kinds, func(o string) bool { return slices.Contains(peers, o) }):
			continue
		}
		s := strata[d.tier()]
		if s == nil {
			s = &[2][]float64{}
			strata[d.tier()] = s
		}
		s[side] = append(s[side], d.worth())
		n[side]++
	}
	if min(n[0], n[1]) < minEvents {
		return
	}
	z := rankSum(inOrder(strata))
	k.out.AmountP = upperNormal(z)
	var mine, theirs []float64
	for _, s := range inOrder(strata) {
		mine, theirs = append(mine, s[0]...), append(theirs, s[1]...)
	}
	a, b := median(mine), median(theirs)
	k.larger = r.looked.test(ofTrigger, k.out.AmountP, func() Claim {
		against := "deals without it"
		if len(peers) > 0 {
			against = "deals after other triggers with its points"
		}
		times := ratioOfMedians(a, b)
		return Claim{
			Kind: "trigger", Subject: k.kind, Now: a, Before: b, Effect: times,
			Sentence: fmt.Sprintf("Deals won after %s are larger: their median is %s (95 %% %s to %s), that of %s %s, × %.1f.",
				spaced(k.kind), money(a.Value), money(a.Low), money(a.High), against, money(b.Value), times.Value),
			Action: "Work accounts with this news first. Points foretell winning, not size, so that the draft leaves them.",
		}
	})
}

func ratioOfMedians(a, b Estimate) Estimate {
	return Estimate{N: a.N + b.N, Value: a.Value / b.Value, Low: a.Low / b.High, High: a.High / b.Low}
}

func (k *triggered) winClaim(peers bool) Claim {
	against := fmt.Sprintf("what its %d points stand for", k.points)
	if peers {
		against = "that of the other triggers with its points"
	}
	o := k.out
	return Claim{
		Kind: "trigger", Subject: k.kind, Now: o.WinRate, Before: o.Without, Effect: o.Beside,
		Sentence: fmt.Sprintf("%s pays more than its points say: %.0f %% of %d deals after it were won, and its odds are %s times %s (95 %% %s to %s), the criteria being equal.",
			spaced(k.kind), 100*o.WinRate.Value, o.Deals, odds(o.Beside.Value), against, odds(o.Beside.Low), odds(o.Beside.High)),
		Action: "Work accounts with this news first, and give it more points; the draft does.",
	}
}

func spaced(w string) string { return strings.ReplaceAll(w, "_", " ") }

// money writes an amount for people.
func money(f Figure) string {
	v := float64(f)
	switch {
	case math.IsNaN(v):
		return "unknown"
	case math.Abs(v) >= 1e6:
		return fmt.Sprintf("%.1fM", v/1e6)
	case math.Abs(v) >= 1e4:
		return fmt.Sprintf("%.0fk", v/1e3)
	case math.Abs(v) >= 1e3:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}
