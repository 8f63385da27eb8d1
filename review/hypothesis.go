package review

import (
	"cmp"
	"slices"
)

// errorRate is the chance that a review claims anything at all that is not so: 5 %.
const errorRate = 0.05

// family is a question that a review asks of several things. Its weight is shared by all
// of them, so that a model with many criteria does not drown the one question after the
// base rate.
type family string

const (
	ofBase       family = "base_rate"
	ofFall       family = "criterion_fell"
	ofRise       family = "criterion_rose"
	ofPay        family = "criterion_pay"
	ofTrigger    family = "trigger"
	ofTiers      family = "tiers"
	ofPopulation family = "population"
	ofStalled    family = "stalled"
)

// weights say how the chance of a false claim is shared out before a review is seen. The
// questions that the deals answer have most of it.
var weights = map[family]float64{
	ofBase: 1, ofFall: 2, ofPay: 1.5, ofTrigger: 1.5, ofRise: 0.25, ofTiers: 0.25, ofPopulation: 0.5, ofStalled: 0.5,
}

// hypothesis is one thing that was looked at, with the claim that it makes if it holds.
type hypothesis struct {
	family family
	p      float64
	claim  func() Claim
	q      float64
}

// hypotheses are all things that a review looks at.
type hypotheses struct{ all []*hypothesis }

func (h *hypotheses) test(f family, p float64, claim func() Claim) *hypothesis {
	one := &hypothesis{family: f, p: p, claim: claim, q: 1}
	h.all = append(h.all, one)
	return one
}

// settle corrects each p for all that was looked at: by Holm's procedure (Scandinavian
// Journal of Statistics 6, 1979, section 4 for unequal weights), which keeps the chance
// of any false claim, however many true ones there are beside it and however they depend
// on each other.
func (h *hypotheses) settle() {
	members := map[family]int{}
	for _, one := range h.all {
		members[one.family]++
	}
	weight := func(one *hypothesis) float64 { return weights[one.family] / float64(members[one.family]) }
	order := slices.Clone(h.all)
	slices.SortStableFunc(order, func(a, b *hypothesis) int { return cmp.Compare(a.p/weight(a), b.p/weight(b)) })
	left := 0.0
	for _, one := range order {
		left += weight(one)
	}
	q := 0.0
	for _, one := range order {
		q = max(q, min(1, one.p*left/weight(one)))
		one.q = q
		left -= weight(one)
	}
}

// urgency is the order in which claims are acted on: what the deals say of the model before
// what its population and its accounts do.
var urgency = []string{"tiers", "base_rate", "criterion", "trigger", "stalled", "population"}

// claims are those that hold, the most urgent first, and of a kind the surest.
func (h *hypotheses) claims() []Claim {
	h.settle()
	out := []Claim{}
	for _, one := range h.all {
		if one.q <= errorRate {
			c := one.claim()
			c.P, c.Q, c.Sentence = one.p, one.q, title(c.Sentence)
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b Claim) int {
		return cmp.Or(cmp.Compare(slices.Index(urgency, a.Kind), slices.Index(urgency, b.Kind)), cmp.Compare(a.Q, b.Q), cmp.Compare(a.P, b.P), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return out
}
