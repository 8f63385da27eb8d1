// Package icp reads ICP models and rates accounts with them. It is pure Go:
// neither clock nor network nor database, so that the same input gives the same
// score, today and in the quarterly review.
package icp

import (
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

// Model is one version of an ideal customer profile. [Parse] makes it; it must not
// be changed afterwards, and any number of goroutines may share it.
type Model struct {
	Name        string          // revops: lower case, part of ids
	Version     int             // from 1, one more with every release
	Owner       string          // the one person who answers for it
	Subject     string          // what is rated: company or contact
	AppliesTo   *Expression     // which accounts the model is for; nil for all
	Fields      []Declared      // the model's own fields, sorted by name
	Required    []account.Field // what the waterfall must find
	Confidence  float64         // how sure it must be, above 0 to 1; default 0.7
	Scale       Scale
	Apart       []string // dimensions that are reported beside the score: engagement, intent
	Criteria    []Criterion
	Tiers       []Tier       // high to low; the last begins where the scale does
	Matrix      *Matrix      // which tier a score gets, by two of its numbers; nil: by Tier.Min
	TriggerTask *TriggerTask // nil for none
	Exploration Exploration
	Signals     SignalRules // what is news, to the sources of signals
	Source      string      // the file that Parse read: what is stored and shown

	parts    []part
	most     [measures]int // points that the best account has
	common   uint64        // of a weighted score: see weigh
	textSize int           // bytes that the reasons of a rating usually take
}

// ID returns the model as results name it: revops@3.
func (m *Model) ID() string { return m.Name + "@" + strconv.Itoa(m.Version) }

// TierFor returns the tier that a score falls in, bounds included. A score below
// all of them, which Rate never gives, gets the lowest. A matrix takes value for both
// of its numbers.
func (m *Model) TierFor(value int) Tier {
	return m.tier(m.tierIndex([measures]int{value, value, value, value}, -1))
}

// TierOf returns the tier that a score has earned, whatever the account holds; see
// [Model.Settle] for what it gets.
func (m *Model) TierOf(s Score) Tier { return m.tier(m.tierIndex(s.numbers(), -1)) }

// Assured returns the tier that a score has earned even if all that is unknown turns
// out for the worst.
func (m *Model) Assured(s Score) Tier {
	if i := m.tierNamed(s.Floor); i >= 0 {
		return m.Tiers[i]
	}
	if m.Matrix == nil {
		return m.TierFor(min(s.Low, s.Value))
	}
	return m.TierOf(s)
}

// tier returns the zero Tier for a model without tiers.
func (m *Model) tier(i int) Tier {
	if i < 0 {
		return Tier{}
	}
	return m.Tiers[i]
}

func (m *Model) tierNamed(name string) int {
	return slices.IndexFunc(m.Tiers, func(t Tier) bool { return t.Name == name })
}

// tierIndex returns the tier that these numbers earn, the last if they are below all.
// The tier that is held, if it is not negative, is entered at its Leave.
func (m *Model) tierIndex(have [measures]int, held int) int {
	if m.Matrix != nil {
		return m.Matrix.cell(have, held)
	}
	for i := range m.Tiers {
		t := &m.Tiers[i]
		if have[ofValue] >= t.Min || i == held && have[ofValue] >= t.Leave {
			return i
		}
	}
	return len(m.Tiers) - 1
}

// Tier is a band of scores, from Min up to the next higher tier, or a cell of a
// matrix, whose tiers have no Min and no Leave.
type Tier struct {
	Name  string        // Tier 1: what the CRM shows
	Min   int           // the lowest score that enters it
	Leave int           // an account that is in it stays down to this score; default Min
	Dwell time.Duration // and at least this long; default 0. See [Model.Settle]
	Queue string        // where its accounts are worked
	Task  *TaskTemplate // for an account that arrives here; nil for none
}

// Exploration is the share of accounts outside the ICP that is worked all the
// same, so that a wrong model can be found out.
type Exploration struct {
	Share float64 // 0 to 1; published practice is 0.10 to 0.15
	Queue string  // default exploration
}

// day is the unit of ages. A model's days are 24 hours: no rule here is worth a
// time zone.
const day = 24 * time.Hour

// days returns how many whole days d has; nothing is younger than today.
func days(d time.Duration) int { return int(max(d, 0) / day) }

// dimensions that mean something to Sluice or to people everywhere; a model may
// have others, but none that looks like a slip in one of these.
var dimensions = []string{"firmographics", "technographics", "intent", "engagement", "risk"}

// signalKinds are the kinds of signals that Sluice's own sources find.
var signalKinds = []string{
	"company_acquired", "company_closed", "domain_change", "executive_change", "expansion", "funding", "headcount_change", "hiring",
	"product_launch", "reorganisation", "technology_change", "website_visit",
}

// slip returns the known word that s looks like a slip in; "" if s is known or
// unlike any.
func slip(s string, known []string) string {
	if slices.Contains(known, s) {
		return ""
	}
	return strictyaml.Nearest(s, known)
}
