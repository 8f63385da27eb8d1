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
	Fields      []Declared      // the model's own fields, sorted by name
	Required    []account.Field // what the waterfall must find
	Confidence  float64         // how sure it must be, above 0 to 1; default 0.7
	Scale       Scale
	Criteria    []Criterion
	Tiers       []Tier       // high to low; the last begins where the scale does
	TriggerTask *TriggerTask // nil for none
	Exploration Exploration
	Signals     SignalRules // what is news, to the sources of signals
	Source      string      // the file that Parse read: what is stored and shown

	reach, fitReach reach // of all criteria, and of those that count for fit
	weight          int   // sum of all |points|, for completeness
	textSize        int   // bytes that the reasons of a rating usually take
}

// ID returns the model as results name it: revops@3.
func (m *Model) ID() string { return m.Name + "@" + strconv.Itoa(m.Version) }

// TierFor returns the tier that a score falls in, bounds included. A score below
// all of them, which Rate never gives, gets the lowest.
func (m *Model) TierFor(value int) Tier {
	for _, t := range m.Tiers {
		if value >= t.Min {
			return t
		}
	}
	if len(m.Tiers) == 0 {
		return Tier{}
	}
	return m.Tiers[len(m.Tiers)-1]
}

// Tier is a band of scores, from Min up to the next higher tier.
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

// Method says how points become a score.
type Method string

// The methods.
const (
	// Sum adds the points up and keeps the sum within the scale.
	Sum Method = "sum"
	// Proportional stretches 0 … most possible points over the scale, rounding half up.
	Proportional Method = "proportional"
)

// Scale is where scores lie. Default: sum, 0 to 100.
type Scale struct {
	Method   Method
	Min, Max int
}

// place turns points into a score, where most is the best possible sum of points.
func (s Scale) place(points, most int) int {
	switch {
	case s.Method != Proportional:
		return min(max(points, s.Min), s.Max)
	case most <= 0:
		return s.Min
	}
	earned := min(max(points, 0), most)
	return s.Min + (2*earned*(s.Max-s.Min)+most)/(2*most)
}

// Unknown says what a criterion makes of an input that is not known.
type Unknown string

// What unknown can mean.
const (
	// Widen moves Low and High apart by what the criterion could still give: the
	// default for required fields.
	Widen Unknown = "widen"
	// CountsAsNo takes what is not known to be so as not so: the default elsewhere.
	CountsAsNo Unknown = "no"
)

// Criterion is one rule that earns or costs points, by one field or by signals.
type Criterion struct {
	Name      string
	Dimension string        // firmographics, technographics, intent, engagement, risk, or one's own
	Field     account.Field // "" where Signals is set
	Signals   []string      // kinds, any of which counts; nil where Field is set
	Points    int           // for full credit; negative for what speaks against an account
	Credits   []Credit      // full credit first; the first that matches counts
	Unknown   Unknown

	kind    account.Kind // of Field; NoKind for signals
	label   string       // what reasons call the input, and how they begin: "employees: "
	missing string       // the reason while it is unknown
	reach   reach        // what it can give, 0 included
}

// Credit is what a matching input earns.
type Credit struct {
	Match  Matcher
	Points int
}

// fit reports whether c says how well an account matches, rather than what just
// happened to it or how much it interacts with us.
func (c *Criterion) fit() bool { return c.Dimension != "intent" && c.Dimension != "engagement" }

// dated reports whether c looks at how long ago something was.
func (c *Criterion) dated() bool { return c.Field == "" || c.kind == account.DateKind }

// weight is the criterion's share in completeness.
func (c *Criterion) weight() int { return abs(c.Points) }

// reach is the least and the most that points can come to.
type reach struct{ low, high int }

func (r reach) plus(o reach) reach { return reach{r.low + o.low, r.high + o.high} }

// compile works out what every rating needs, so that Rate does not.
func (m *Model) compile() {
	m.reach, m.fitReach, m.weight, m.textSize = reach{}, reach{}, 0, 0
	for i := range m.Criteria {
		c := &m.Criteria[i]
		c.compile()
		m.weight += c.weight()
		m.reach = m.reach.plus(c.reach)
		if c.fit() {
			m.fitReach = m.fitReach.plus(c.reach)
		}
		m.textSize += len(c.label) + 16
	}
}

func (c *Criterion) compile() {
	for _, credit := range c.Credits {
		c.reach.low = min(c.reach.low, credit.Points)
		c.reach.high = max(c.reach.high, credit.Points)
	}
	c.label = label(c) + ": "
	c.missing = c.label + "unknown, counts as no"
	if c.Unknown == Widen {
		c.missing = c.label + "unknown, " + strconv.Itoa(c.reach.low) + " to " + strconv.Itoa(c.reach.high) + " points open"
	}
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
