package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// totals counts the deals of the quarter, and the win rates of the quarters before.
func (r *reviewing) totals() {
	t := &r.out.Totals
	t.WinRate = tallyAll(r.deals, r.in.From, r.in.To).share()
	for _, d := range r.deals {
		if d.openedIn(r.in.From, r.in.To) {
			t.Opened++
		}
		if d.OpenedAt.Before(r.in.To) && (!d.closed() || !d.ClosedAt.Before(r.in.To)) {
			t.StillOpen++
		}
		if !d.closedIn(r.in.From, r.in.To) {
			continue
		}
		t.Closed++
		if d.Won {
			t.Won++
			t.Revenue += Figure(d.worth())
			if d.isNew() {
				t.NewBusiness += Figure(d.worth())
			}
		}
	}
	for back := 4; back >= 0; back-- {
		from, to := r.in.From.AddDate(0, -3*back, 0), r.in.From.AddDate(0, -3*(back-1), 0)
		if back == 0 {
			to = r.in.To
		}
		r.out.Quarters = append(r.out.Quarters, WinRate{Quarter: quarterName(from), Rate: tallyAll(r.deals, from, to).share()})
	}
}

// tallyAll counts all deals with new customers that closed in a time.
func tallyAll(deals []*QuarterDeal, from, to time.Time) tally {
	var t tally
	for _, d := range deals {
		if d.isNew() && d.closedIn(from, to) {
			t.add(d.Won)
		}
	}
	return t
}

func quarterName(from time.Time) string {
	return fmt.Sprintf("%dQ%d", from.Year(), (int(from.Month())+2)/3)
}

// byTier puts the deals under the tier, and the version of the model, that their account
// had when they opened.
func (r *reviewing) byTier() {
	type group struct{ model, tier string }
	byTier, byVersion := map[group][]*QuarterDeal{}, map[group][]*QuarterDeal{}
	for _, d := range r.deals {
		if d.closedIn(r.in.From, r.in.To) || d.openedIn(r.in.From, r.in.To) {
			byTier[group{"", d.tier()}] = append(byTier[group{"", d.tier()}], d)
			byVersion[group{d.model(), d.tier()}] = append(byVersion[group{d.model(), d.tier()}], d)
		}
	}
	for _, t := range r.in.Model.Tiers {
		if byTier[group{"", t.Name}] == nil {
			byTier[group{"", t.Name}] = []*QuarterDeal{}
		}
	}
	for g, deals := range byTier {
		r.out.Tiers = append(r.out.Tiers, r.tierFigures(g.tier, "", deals))
	}
	for g, deals := range byVersion {
		r.out.Versions = append(r.out.Versions, r.tierFigures(g.tier, g.model, deals))
	}
	order := func(a, b TierFigures) int {
		return cmp.Or(cmp.Compare(asLast(a.Tier == Unscored), asLast(b.Tier == Unscored)), strings.Compare(a.Model, b.Model), cmp.Compare(r.rank(a.Tier), r.rank(b.Tier)), strings.Compare(a.Tier, b.Tier))
	}
	slices.SortFunc(r.out.Tiers, order)
	slices.SortFunc(r.out.Versions, order)
}

func asLast(last bool) int {
	if last {
		return 1
	}
	return 0
}

// rank orders tiers high to low; those that the active model does not have come after its
// own, and no score at all last.
func (r *reviewing) rank(tier string) int {
	for i, t := range r.in.Model.Tiers {
		if t.Name == tier {
			return i
		}
	}
	if tier == Unscored {
		return math.MaxInt
	}
	return len(r.in.Model.Tiers)
}

func (r *reviewing) tierFigures(tier, model string, deals []*QuarterDeal) TierFigures {
	f := TierFigures{Tier: tier, Model: model}
	var wins tally
	var amounts, days []float64
	for _, d := range deals {
		if d.openedIn(r.in.From, r.in.To) {
			f.Opened++
		}
		if !d.closedIn(r.in.From, r.in.To) {
			continue
		}
		f.Closed++
		if d.isNew() {
			wins.add(d.Won)
		}
		if !d.Won {
			continue
		}
		f.Won++
		f.Revenue += Figure(d.worth())
		if d.isNew() {
			days = append(days, d.days())
			if d.worth() > 0 {
				amounts = append(amounts, d.worth())
			}
		}
	}
	f.WinRate, f.Amount, f.Cycle = wins.share(), median(amounts), cycle(days)
	kept := r.keep(func(d *QuarterDeal) bool { return d.tier() == tier && (model == "" || d.model() == model) })
	f.Churn, f.NRR = kept.churn(), kept.nrr()
	return f
}

func cycle(days []float64) Cycle {
	sorted := slices.Sorted(slices.Values(days))
	return Cycle{Median: median(days), Lower: Figure(quantile(sorted, 0.25)), Upper: Figure(quantile(sorted, 0.75))}
}

// ranking tests whether the win rate rises with the tier, as it should.
func (r *reviewing) ranking() {
	var names []string
	var groups []tally
	all := tally{}
	for _, tier := range slices.Backward(r.in.Model.Tiers) { // low to high
		t := tally{}
		for _, d := range r.now {
			if d.results != nil && d.tier() == tier.Name {
				t.add(d.Won)
			}
		}
		if t.n > 0 {
			names, groups, all = append(names, tier.Name), append(groups, t), all.plus(t)
		}
	}
	if len(groups) < 2 || min(all.won, all.n-all.won) < minEvents {
		return
	}
	z := trend(groups)
	slices.Reverse(names)
	k := &Ranking{Tiers: names, Z: Figure(z), P: upperNormal(z), PDown: upperNormal(-z)}
	r.out.Ranking = k
	best, worst := groups[len(groups)-1], groups[0]
	r.looked.test(ofTiers, k.PDown, func() Claim {
		_, odds := pooledOdds(best, worst)
		return Claim{
			Kind: "tiers", Subject: r.in.Model.ID(), Now: best.share(), Before: worst.share(), Effect: odds.estimate(all.n),
			Sentence: fmt.Sprintf("The tiers rank the wrong way round: %s won %s, %s %s.", names[0], percentOf(best), names[len(names)-1], percentOf(worst)),
			Action:   "Do not work accounts by tier until the model is mended; look at the criteria below first.",
		}
	})
	switch {
	case k.P <= errorRate:
		k.Says = "higher tiers win more"
	case k.PDown <= errorRate:
		k.Says = "higher tiers win less"
	default:
		k.Says = "no order of the tiers shows in so few deals"
	}
}

// pooledOdds is the odds ratio of two shares.
func pooledOdds(a, b tally) (z float64, odds Interval) {
	odds, z = mantelHaenszel([]pair{{a, b}})
	return z, odds
}

func percentOf(t tally) string { return fmt.Sprintf("%d of %d (%.0f %%)", t.won, t.n, 100*t.rate()) }

// baseRate holds the win rate of the quarter against that of the four before.
func (r *reviewing) baseRate() {
	now, before := tallyOf(r.now), tallyOf(r.before)
	if now.n < minSupport || before.n < 2*minSupport {
		r.note("the win rate is not held against the year before: %d deals closed in the quarter and %d in the four before, where %d and %d are the least", now.n, before.n, minSupport, 2*minSupport)
		return
	}
	difference, z := shareChange(now, before)
	swing := r.swing(before)
	s := &Shift{
		Before: before.share(), Now: now.share(), Difference: difference.estimate(now.n + before.n),
		Spread: Figure(swing), P: twoSided(z / math.Sqrt(swing)),
	}
	r.out.Base = s
	r.looked.test(ofBase, s.P, func() Claim {
		verb := "fell"
		if difference.Value > 0 {
			verb = "rose"
		}
		return Claim{
			Kind: "base_rate", Subject: "win rate", Now: s.Now, Before: s.Before, Effect: s.Difference,
			Sentence: fmt.Sprintf("The win rate %s from %.0f %% in the four quarters before to %.0f %%: %s.", verb, 100*before.rate(), 100*now.rate(), r.mix()),
			Action:   "Find out what changed outside the model (prices, competitors, who sells) before you change points.",
		}
	})
}

// swing is how much more the win rate swung between the four quarters before than chance
// would make it, as variance: it counts where it is unlikely to be chance itself, and then
// widens what the quarter has to exceed (quasi-likelihood: McCullagh and Nelder,
// "Generalized Linear Models", 1989, section 4.5).
func (r *reviewing) swing(before tally) float64 {
	x, df := 0.0, -1
	p := before.rate()
	for back := 4; back >= 1; back-- {
		var t tally
		for _, d := range r.before {
			if d.closedIn(r.in.From.AddDate(0, -3*back, 0), r.in.From.AddDate(0, -3*(back-1), 0)) {
				t.add(d.Won)
			}
		}
		if t.n == 0 {
			continue
		}
		df++
		x += float64(t.n) * (t.rate() - p) * (t.rate() - p) / (p * (1 - p))
	}
	if df < 1 || p <= 0 || p >= 1 || upperChiSquared(x, df) > 0.1 {
		return 1
	}
	return max(1, x/float64(df))
}

// mix says whether the change is one within the tiers or one of which tiers there were.
func (r *reviewing) mix() string {
	all := byTiers(slices.Concat(r.now, r.before), func(d *rated) bool { return d.closedIn(r.in.From, r.in.To) })
	odds, _ := mantelHaenszel(all)
	if math.IsNaN(odds.Value) {
		return "the tiers are too thin to say whether it is their mix"
	}
	if odds.Low > 1 || odds.High < 1 {
		return fmt.Sprintf("not for the mix of tiers, since within each the odds are %.2f times what they were (%.2f to %.2f)", odds.Value, odds.Low, odds.High)
	}
	return fmt.Sprintf("within each tier the odds are %.2f times what they were (%.2f to %.2f), so other tiers among the deals may be the reason", odds.Value, odds.Low, odds.High)
}
