package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

const (
	// minEvents is how many deals of each outcome are needed for anything at all: ten for
	// each attribute is the usual least (Peduzzi et al., Journal of Clinical Epidemiology
	// 49, 1996).
	minEvents = 10
	// thinEvents is how many deals of each outcome make figures that hold: a hundred
	// (Vergouwe et al., Journal of Clinical Epidemiology 58, 2005). Below, bands are wider.
	thinEvents = 100
	// minSupport is how many deals a band or a group needs at least.
	minSupport = 20
	// testShare is the share of the latest deals that a model is tried on.
	testShare = 0.3
)

// Options says how to derive a model.
type Options struct {
	Name  string   // of the model
	Owner string   // who answers for it
	Keep  []string // columns to use although they give the outcome away
}

// Proposal is what closed deals say of the ideal customer.
type Proposal struct {
	Model     string     `json:"model,omitempty"` // the model file; "" when there is none to propose
	Refused   string     `json:"refused,omitempty"`
	Target    string     `json:"target"` // what the model shall tell apart
	Deals     int        `json:"deals"`
	Good      int        `json:"good"` // deals of the kind that the model shall find
	Tested    []Tested   `json:"attributes"`
	Leaks     []Leak     `json:"leaks"`
	Criteria  []Evidence `json:"criteria"`
	Tiers     []TierRate `json:"tiers"`
	HeldOut   *Interval  `json:"auc,omitempty"` // on deals that it was not derived from
	HeldOutOn string     `json:"auc_on,omitempty"`
	Notes     []string   `json:"notes"`
}

// Tested is one attribute that was tried.
type Tested struct {
	Name     string  `json:"name"`
	Column   string  `json:"column"`
	P        float64 `json:"p"` // the chance of such a difference where there is none
	Q        float64 `json:"q"` // P corrected for the number of attributes tried
	Reliable bool    `json:"reliable"`
	Used     bool    `json:"used"` // in a criterion; others say nothing beside these
}

// Derive proposes a model that finds the deals which are worth most: in whole points,
// with the evidence for each criterion. It is deterministic, and the order of the deals
// makes no difference. Where the deals are too few, or no attribute stands out from
// chance, it proposes none, and Refused says why.
func Derive(d *Deals, o Options) (*Proposal, error) {
	for _, c := range o.Keep {
		if !slices.Contains(d.header, c) {
			return nil, account.Invalid("keep", fmt.Sprintf("the deals have no column %q%s", c, strictyaml.DidYouMean(c, d.header)))
		}
	}
	good, why := d.target()
	r := &derivation{deals: d, options: o, everything: everyDeal(len(good))}
	r.out = &Proposal{Target: why, Deals: len(good), Tested: []Tested{}, Leaks: []Leak{}, Criteria: []Evidence{}, Tiers: []TierRate{}}
	for _, g := range good {
		if g {
			r.out.Good++
		}
	}
	r.events = min(r.out.Good, len(good)-r.out.Good)
	defer func() { r.out.Notes = slices.Clone(d.Notes) }()
	if r.events < minEvents {
		r.out.Refused = fmt.Sprintf("too few deals: %d of one kind and %d of the other, and fewer than %d say nothing; add older deals, or take fewer apart", r.out.Good, len(good)-r.out.Good, minEvents)
		return r.out, nil
	}
	support := r.support(len(good))
	r.learner = &learner{all: d.attributes(support), good: good, fold: d.fold, account: d.account, least: support}
	r.dropLeaks()
	return r.out, r.propose()
}

// derivation is one call of Derive under way.
type derivation struct {
	*learner
	deals      *Deals
	options    Options
	out        *Proposal
	events     int // deals of the rarer kind
	everything []int
}

// support is how many deals a band or a group needs: one in a hundred of many deals,
// one in ten of few.
func (r *derivation) support(n int) int {
	if r.events >= thinEvents {
		return max(minSupport, n/100)
	}
	s := max(minEvents, n/10)
	r.deals.note("thin data: %d deals of the rarer kind, where %d make figures that hold; so no band or group has fewer than %d deals, and there are at most %d attributes",
		r.events, thinEvents, s, r.attributes(r.events))
	return s
}

// attributes is how many a model may use: one for each ten deals of the rarer kind.
func (r *derivation) attributes(events int) int { return min(maxRules, events/minEvents) }

// dropLeaks leaves out the columns that give the outcome away, unless they are to stay.
func (r *derivation) dropLeaks() {
	r.out.Leaks = append(r.out.Leaks, r.deals.leaks(r.learner, r.options.Keep)...)
	r.all = slices.DeleteFunc(r.all, func(a attribute) bool {
		return slices.ContainsFunc(r.out.Leaks, func(l Leak) bool { return l.Column == a.column && !l.Kept })
	})
}

func (r *derivation) propose() error {
	reliable := r.tested()
	if len(reliable) == 0 {
		r.out.Refused = fmt.Sprintf("no attribute is reliable: of %d tried, none tells the outcomes apart better than chance would (at most %.0f %% false ones). "+
			"Nothing is proposed. Collect other attributes of the accounts (technologies, main pain, trigger, champion), or more deals", len(r.all), 100*falseShare)
		return nil
	}
	c, all := r.card(r.everything, reliable)
	if len(c.rules) == 0 {
		r.out.Refused = "the attributes that stand out do not hold up on deals they were not learnt from; nothing is proposed"
		return nil
	}
	var late []string
	for i := range all {
		a := all[i].attribute
		r.used(a.name())
		if soundsLate(a.column) && !slices.Contains(late, a.column) && !slices.Contains(r.options.Keep, a.column) {
			late = append(late, a.column)
		}
	}
	if len(late) > 0 {
		r.deals.note("by their names, these may be filled in while a deal is worked, or later: %s. Was each known before? If not, --ignore it", strings.Join(late, ", "))
	}
	r.tryOut()
	r.out.Tiers = tiers(c, r.everything, r.good, r.least)
	r.explain(c)
	return r.write(c)
}

// explain lists the evidence for each criterion, under a name of its own.
func (r *derivation) explain(c *card) {
	names := map[string]bool{}
	for i := range c.rules {
		this := &c.rules[i]
		this.attribute.countUnknown(r.good)
		e := this.evidence(r.tally())
		both := slices.ContainsFunc(c.rules[:i], func(o rule) bool { return o.attribute == this.attribute })
		for e.Name = this.criterion(both); names[e.Name]; { // C and C++ make the same word
			e.Name = e.Name[:min(len(e.Name), maxWord-2)] + "_2"
		}
		names[e.Name] = true
		r.out.Criteria = append(r.out.Criteria, e)
	}
}

func (r *derivation) tally() tally { return tally{n: r.out.Deals, won: r.out.Good} }

// tested screens all attributes and returns those that are reliable.
func (r *derivation) tested() []int {
	var reliable []int
	for j, s := range r.screen(r.everything, shuffles) {
		a := &r.all[j]
		ok := s.reliable()
		if ok {
			reliable = append(reliable, j)
		}
		r.out.Tested = append(r.out.Tested, Tested{Name: a.name(), Column: a.column, P: s.p, Q: s.q, Reliable: ok})
	}
	slices.SortStableFunc(r.out.Tested, func(a, b Tested) int { return cmp.Compare(a.P, b.P) })
	return reliable
}

func (r *derivation) used(name string) {
	for i := range r.out.Tested {
		r.out.Tested[i].Used = r.out.Tested[i].Used || r.out.Tested[i].Name == name
	}
}

// card learns from the given deals. An attribute can be two criteria, so that fewer may
// fit.
func (r *derivation) card(deals, reliable []int) (*card, []chosen) {
	var good int
	for _, i := range deals {
		if r.good[i] {
			good++
		}
	}
	for most := max(1, r.attributes(min(good, len(deals)-good))); ; most-- {
		all := r.learn(deals, reliable, most)
		c := newCard(all, deals, r.least)
		if len(c.rules) <= maxRules || most == 1 {
			c.floor(deals, r.good)
			return c, all
		}
	}
}

// tryOut derives models from a part of the deals and tries them on the others, from the
// choice of attributes on: on the latest where there are dates, else on each fifth.
func (r *derivation) tryOut() {
	var all placement
	tried := 0
	for _, part := range r.parts() {
		var reliable []int
		for j, s := range r.screen(part.train, fewShuffles) {
			if s.reliable() {
				reliable = append(reliable, j)
			}
		}
		c, _ := r.card(part.train, reliable)
		scores := make([]float64, len(part.test))
		for k, i := range part.test {
			scores[k] = float64(c.score(i))
		}
		tried += len(scores)
		all.append(place(scores, pick(r.good, part.test)))
	}
	r.out.HeldOutOn = "each fifth of the deals, by models derived from the other four"
	if r.deals.Dated() {
		r.out.HeldOutOn = fmt.Sprintf("the latest %d deals, by a model derived from the %d before them", tried, len(r.good)-tried)
	}
	at := all.interval()
	if math.IsNaN(at.Value) {
		r.deals.note("the model could not be tried on deals it was not derived from: too few, or all with one outcome")
		return
	}
	r.out.HeldOut = &at
	if at.Low <= 0.5 {
		r.deals.note("on %s, the score tells the outcomes apart no better than chance may: treat the model as a guess", r.out.HeldOutOn)
	}
}

type part struct{ train, test []int }

func (r *derivation) parts() []part {
	if r.deals.Dated() {
		order := slices.Clone(r.everything)
		slices.SortStableFunc(order, func(a, b int) int { return r.deals.at[a].Compare(r.deals.at[b]) })
		cut := len(order) - int(testShare*float64(len(order)))
		return []part{{order[:cut], order[cut:]}}
	}
	parts := make([]part, folds)
	for _, i := range r.everything {
		for f := range parts {
			if r.fold[i] == f {
				parts[f].test = append(parts[f].test, i)
			} else {
				parts[f].train = append(parts[f].train, i)
			}
		}
	}
	return parts
}
