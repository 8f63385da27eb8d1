package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Evidence is what the deals say for a criterion.
type Evidence struct {
	Name    string           `json:"name"`
	Column  string           `json:"column"`
	Points  int              `json:"points"` // for full credit
	Credits []CreditEvidence `json:"credits"`
	Others  CreditEvidence   `json:"others"` // what earns nothing, unknown included
	Unknown CreditEvidence   `json:"unknown"`
}

// CreditEvidence is what the deals say for one credit of a criterion.
type CreditEvidence struct {
	Match   string   `json:"match,omitempty"` // as the model file has it
	Points  int      `json:"points"`
	Deals   int      `json:"deals"`
	Good    Interval `json:"good"`    // share of the kind that the model shall find, with
	Without float64  `json:"without"` // and in all other deals
	Lift    Interval `json:"lift"`    // Good over the share in all deals
}

// credit is the levels of a rule that one matcher covers.
type credit struct {
	points int
	levels []int
	match  string // any_of: ["a", "b"]
}

// credits are a rule's matchers, full credit first. Levels of equal points are one
// where a matcher can cover them.
func (r *rule) credits() []credit {
	var out []credit
	for level, p := range r.points {
		if p == 0 {
			continue
		}
		at := slices.IndexFunc(out, func(c credit) bool { return c.points == p && r.joins(c, level) })
		if at < 0 {
			at = len(out)
			out = append(out, credit{points: p})
		}
		out[at].levels = append(out[at].levels, level)
	}
	slices.SortStableFunc(out, func(a, b credit) int { return cmp.Compare(abs(b.points), abs(a.points)) })
	for i := range out {
		out[i].match = r.match(out[i].levels)
	}
	return out
}

// joins reports whether one matcher covers the levels of c and this one.
func (r *rule) joins(c credit, level int) bool {
	switch r.attribute.kind {
	case account.TextKind, account.ListKind:
		return true
	case account.NumberKind:
		return slices.Contains(c.levels, level-1)
	default:
		return false
	}
}

// match writes the matcher for some levels.
func (r *rule) match(levels []int) string {
	a := r.attribute
	var atoms []atom
	for i, l := range r.grouping.level {
		if i > 0 && slices.Contains(levels, l) {
			atoms = append(atoms, a.atoms[i])
		}
	}
	first, last := atoms[0], atoms[len(atoms)-1]
	switch a.kind {
	case account.NumberKind:
		return a.band(first.low, last.high)
	case account.BoolKind:
		return "equals: " + strconv.FormatBool(first.is)
	case account.DateKind:
		return fmt.Sprintf("within: %.0fd", last.high)
	default:
		return a.listed(atoms)
	}
}

// listed writes the matcher for the words of some atoms.
func (a *attribute) listed(atoms []atom) string {
	var words []string
	for _, at := range atoms {
		words = append(words, at.words...)
	}
	words = append(words, a.canonical(words)...)
	slices.SortFunc(words, func(x, y string) int {
		return cmp.Or(strings.Compare(strings.ToLower(x), strings.ToLower(y)), strings.Compare(x, y))
	})
	for i := range words {
		words[i] = strconv.Quote(words[i])
	}
	key := "any_of"
	if a.kind == account.ListKind {
		key = "contains_any"
	}
	return key + ": [" + strings.Join(words, ", ") + "]"
}

func (a *attribute) band(low, high float64) string {
	switch {
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		return "at_least: " + number(min(0, a.smallest)) // whatever is known
	case math.IsInf(low, -1):
		return "at_most: " + number(high)
	case math.IsInf(high, 1):
		return "at_least: " + number(low)
	case low == high:
		return "equals: " + number(low)
	}
	return "between: [" + number(low) + ", " + number(high) + "]"
}

func number(n float64) string { return strictyaml.FormatNumber(n) }

// evidence says how the deals of each credit went. all are the deals of the rule.
func (r *rule) evidence(all tally) Evidence {
	e := Evidence{Column: r.attribute.column, Points: r.full()}
	rest := all
	for _, c := range r.credits() {
		var with tally
		for _, level := range c.levels {
			with = with.plus(r.grouping.tallies[level])
		}
		rest = rest.minus(with)
		e.Credits = append(e.Credits, creditEvidence(with, all, c.points, c.match))
	}
	e.Others = creditEvidence(rest, all, 0, "")
	e.Unknown = creditEvidence(r.attribute.unknown, all, r.points[0], "")
	return e
}

func creditEvidence(with, all tally, points int, match string) CreditEvidence {
	c := CreditEvidence{Match: match, Points: points, Deals: with.n, Lift: lift(with, all)}
	if with.n > 0 {
		c.Good = wilson(with.won, with.n)
	}
	if with.n < all.n {
		c.Without = all.minus(with).rate()
	}
	return c
}

// criterion is the name of the rule's criterion; against tells it from another one for
// the same attribute.
func (r *rule) criterion(against bool) string {
	name := r.attribute.name()
	if r.attribute.word != "" {
		name = string(r.attribute.field) + "_" + word(r.attribute.word)
	}
	name = strings.TrimRight(name[:min(len(name), maxWord-len("_against"))], "_")
	if against {
		name += "_against"
	}
	return name
}
