package waterfall

import (
	"math"
	"slices"

	"github.com/sluicehq/sluice/account"
)

const (
	surest    = 0.99 // agreement never makes a fact certain
	closeness = 0.15 // two numbers agree when they are within this share of the larger
)

// Merged is the fact that won its field, with who else spoke.
type Merged struct {
	account.Fact
	Agreed    []string       `json:"agreed,omitempty"`    // other providers that say the same
	Conflicts []account.Fact `json:"conflicts,omitempty"` // what others say instead
}

// merger collects facts in the order in which providers are trusted.
type merger map[account.Field][]account.Fact

func (m merger) add(f account.Fact) { m[f.Field] = append(m[f.Field], f) }

func (m merger) merged() map[account.Field]Merged {
	out := make(map[account.Field]Merged, len(m))
	for field, facts := range m {
		out[field] = merge(facts)
	}
	return out
}

func (m merger) facts() account.Facts {
	out := make(account.Facts, len(m))
	for field, facts := range m {
		out[field] = merge(facts).Fact
	}
	return out
}

// merge lets the fact win that is surest together with those that agree with it; of
// equals the one that is surer by itself, and then the earlier one. A further fact so
// never makes a field less sure. A conflict leaves the winner as it is and is kept on
// record. Lists are added up: each provider sees some of a company's technologies,
// and none sees that one is absent.
func merge(facts []account.Fact) Merged {
	best, sure := 0, sureness(facts, 0)
	for i, f := range facts {
		s := sureness(facts, i)
		if s > sure || s == sure && f.Confidence > facts[best].Confidence {
			best, sure = i, s
		}
	}
	out := Merged{Fact: facts[best]}
	out.Confidence = sure
	for i, f := range facts {
		switch {
		case i == best:
		case f.Value.Kind() == account.ListKind && out.Value.Kind() == account.ListKind:
			out.Value = account.ListValue(slices.Concat(out.Value.List(), f.Value.List())...)
			out.Agreed = append(out.Agreed, f.Provider)
		case agree(f.Value, facts[best].Value):
			out.Agreed = append(out.Agreed, f.Provider)
		default:
			out.Conflicts = append(out.Conflicts, f)
		}
	}
	return out
}

// sureness is the confidence of the fact at i, raised by those that agree with it as
// by independent witnesses. The doubts are multiplied in the order of facts, so that
// all who agree come to the very same number.
func sureness(facts []account.Fact, i int) float64 {
	own := facts[i]
	doubt, alone := 1.0, true
	for j, f := range facts {
		if agree(f.Value, own.Value) {
			doubt *= 1 - f.Confidence
			alone = alone && j == i
		}
	}
	if alone || own.Value.Kind() == account.ListKind {
		return own.Confidence
	}
	return max(own.Confidence, min(surest, 1-doubt))
}

func agree(a, b account.Value) bool {
	if a.Kind() == account.NumberKind && b.Kind() == account.NumberKind {
		larger := math.Max(math.Abs(a.Number()), math.Abs(b.Number()))
		return math.Abs(a.Number()-b.Number()) <= closeness*larger
	}
	return a.Equal(b)
}
