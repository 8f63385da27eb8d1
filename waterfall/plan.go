// Package waterfall decides which provider is asked next, what the answers add up
// to, and why asking stopped. It decides only: calling, storing and waiting are
// done elsewhere.
package waterfall

import (
	"slices"

	"github.com/sluicehq/sluice/account"
)

// Source is a provider as the plan sees it.
type Source struct {
	Provider string          `json:"provider"`
	Supplies []account.Field `json:"supplies"`
	Credits  float64         `json:"credits"`         // price of an answer
	Trust    float64         `json:"trust,omitempty"` // scales the confidence of its facts; 0 means 1
}

// CanFill reports whether the source supplies any of the missing fields.
func (s Source) CanFill(missing []account.Field) bool {
	return slices.ContainsFunc(s.Supplies, func(f account.Field) bool { return slices.Contains(missing, f) })
}

// Need is what the model wants to know, and how surely.
type Need struct {
	Fields     []account.Field `json:"fields"`
	Confidence float64         `json:"confidence"` // 0 to 1
}

// Missing returns the needed fields that facts do not hold surely enough, in the
// order of the need.
func (n Need) Missing(facts account.Facts) []account.Field {
	var missing []account.Field
	for _, f := range n.Fields {
		if fact, ok := facts[f]; !ok || fact.Confidence < n.Confidence {
			missing = append(missing, f)
		}
	}
	return missing
}

// Plan is the order in which providers are asked until the need is met.
type Plan struct {
	Sources []Source `json:"sources"`
	Need    Need     `json:"need"`
}

// Resolution is what a plan's answers add up to.
type Resolution struct {
	Merged  map[account.Field]Merged
	Missing []account.Field // needed and not known surely enough
}

// Facts returns the merged facts.
func (r Resolution) Facts() account.Facts {
	facts := make(account.Facts, len(r.Merged))
	for f, m := range r.Merged {
		facts[f] = m.Fact
	}
	return facts
}

// Resolve merges what providers said, in the plan's order, and stops where the
// need is met: an answer from further down is left out, as it would not have been
// asked for. So an account comes out the same whether its providers all answered
// at once, or one was down and another stood in for it until it was back.
//
// Facts of providers that are not in the plan count from the start: the CRM's own,
// or a person's.
func (p Plan) Resolve(facts []account.Fact) Resolution {
	byProvider := map[string][]account.Fact{}
	for _, f := range facts {
		byProvider[f.Provider] = append(byProvider[f.Provider], f)
	}
	m := merger{}
	for _, f := range facts {
		if !p.has(f.Provider) {
			m.add(f)
		}
	}
	for _, s := range p.Sources {
		missing := p.Need.Missing(m.facts())
		if len(missing) == 0 {
			break
		}
		if !s.CanFill(missing) {
			continue
		}
		for _, f := range byProvider[s.Provider] {
			f.Confidence *= s.trust()
			m.add(f)
		}
	}
	r := Resolution{Merged: m.merged()}
	r.Missing = p.Need.Missing(r.Facts())
	return r
}

func (p Plan) has(provider string) bool {
	return slices.ContainsFunc(p.Sources, func(s Source) bool { return s.Provider == provider })
}

func (s Source) trust() float64 {
	if s.Trust == 0 {
		return 1
	}
	return s.Trust
}
