package icp

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Score is what a model makes of an account. It holds everything that explains it,
// is stored as it is and is read back, never worked out again.
type Score struct {
	Value        int      `json:"value"`        // in points of the model's scale; unknown inputs add nothing
	Low          int      `json:"low"`          // the worst that the unknown could still make of it
	High         int      `json:"high"`         // the best
	Fit          int      `json:"fit"`          // Value as if the model had no intent and no engagement criteria
	Completeness float64  `json:"completeness"` // 0 to 1: the share of all |points| whose input is known
	Tier         string   `json:"tier"`         // of Value
	Provisional  bool     `json:"provisional"`  // Low and High fall in different tiers
	Criteria     []Result `json:"criteria"`     // one for each criterion, in the model's order
}

// String returns the score in one line: 65 in 65..80, Tier 2 (provisional).
func (s Score) String() string {
	line := strconv.Itoa(s.Value) + " in " + strconv.Itoa(s.Low) + ".." + strconv.Itoa(s.High) + ", " + s.Tier
	if s.Provisional {
		line += " (provisional)"
	}
	return line
}

// Result is one criterion's part in a score.
type Result struct {
	Name       string        `json:"name"`
	Dimension  string        `json:"dimension"`
	Points     int           `json:"points"`               // before scaling
	Max        int           `json:"max"`                  // for full credit; negative for a risk
	Low        int           `json:"low"`                  // Points, or the least that is still open
	High       int           `json:"high"`                 // Points, or the most that is still open
	Input      account.Value `json:"input"`                // the fact, or the signal's kind; null while unknown
	Provider   string        `json:"provider,omitempty"`   // who said so: a provider, or the signal's source
	ObservedAt time.Time     `json:"observed_at,omitzero"` // when it was observed; of a signal, when it happened
	AgeDays    int           `json:"age_days"`             // whole days from ObservedAt to the rating
	Reason     string        `json:"reason"`               // for people: "employees: 30, within 20 to 49, partial credit"
}

// Known reports whether the criterion had an input.
func (r *Result) Known() bool { return !r.Input.IsZero() }

// Rate scores an account, in points of m.Scale, as things stood at the given time.
//
// Unknown is not zero: a criterion that widens leaves Value alone and moves Low and
// High apart by what it could still give; where these fall in different tiers, the
// score is provisional. A criterion that takes unknown for no moves neither. Both
// lower Completeness. A fact counts whatever its confidence, and its reason says
// "unsure" below m.Confidence: asking again is the waterfall's business. A fact of
// the wrong kind, or an empty text, is no fact.
//
// A signal counts while it is no older than its criterion's window and no more than
// a day ahead; of several, the latest speaks. Neither its summary nor its evidence
// is repeated in the reason, which ends up in histories, where persons' names have
// no place.
//
// Rate cannot fail, since Parse refuses what it could not rate. It reads no clock,
// so the quarterly review can rate past accounts again. The points are the model
// file's; docs/models.md gives their source.
func Rate(m *Model, facts account.Facts, signals []account.Signal, at time.Time) Score {
	s := Score{Criteria: make([]Result, len(m.Criteria))}
	run := rating{sure: m.Confidence, facts: facts, signals: signals, at: at}
	run.text.Grow(m.textSize)
	var sum, fit, known int
	var open reach
	for i := range m.Criteria {
		c, r := &m.Criteria[i], &s.Criteria[i]
		run.rate(c, r)
		if r.Known() {
			known += c.weight()
		}
		if c.fit() {
			fit += r.Points
		}
		sum += r.Points
		open = open.plus(reach{r.Low, r.High})
	}
	s.Value = m.Scale.place(sum, m.reach.high)
	s.Low, s.High = m.Scale.place(open.low, m.reach.high), m.Scale.place(open.high, m.reach.high)
	s.Fit = m.Scale.place(fit, m.fitReach.high)
	if m.weight > 0 {
		s.Completeness = float64(known) / float64(m.weight)
	}
	s.Tier = m.TierFor(s.Value).Name
	s.Provisional = m.TierFor(s.Low).Name != m.TierFor(s.High).Name
	return s
}

// rating is one call of Rate under way.
type rating struct {
	facts   account.Facts
	signals []account.Signal
	at      time.Time
	sure    float64 // a confidence below it is unsure

	text strings.Builder // all reasons are pieces of one text, so that it is allocated once
}

func (run *rating) rate(c *Criterion, r *Result) {
	r.Name, r.Dimension, r.Max = c.Name, c.Dimension, c.Points
	start, found := run.text.Len(), false
	if c.Field != "" {
		found = run.fact(c, r)
	} else {
		found = run.signal(c, r)
	}
	if found {
		r.Reason = run.text.String()[start:]
		return
	}
	r.Reason = c.missing
	if c.Unknown == Widen {
		r.Low, r.High = c.reach.low, c.reach.high
	}
}

// fact rates c by its field, if that is known.
func (run *rating) fact(c *Criterion, r *Result) bool {
	fact, ok := run.facts[c.Field]
	if !ok {
		return false
	}
	value := fact.Value
	if value.Kind() != c.kind {
		var err error
		if value, err = value.As(c.kind); err != nil {
			return false
		}
	}
	if c.kind == account.TextKind && value.Text() == "" {
		return false
	}
	r.Input, r.Provider, r.ObservedAt = value, fact.Provider, fact.ObservedAt
	in := input{value: &r.Input}
	if c.kind == account.DateKind {
		in.age = run.at.Sub(value.Date())
	}
	run.text.WriteString(c.label)
	run.settle(c, r, in)
	if fact.Derived {
		run.text.WriteString(", derived")
	}
	if fact.Confidence < run.sure {
		run.text.WriteString(", unsure")
	}
	return true
}

// signal rates c by the last of its signals, if there is one.
func (run *rating) signal(c *Criterion, r *Result) bool {
	last := run.latest(c.Signals)
	if last == nil {
		return false
	}
	r.Input, r.Provider, r.ObservedAt = account.TextValue(last.Kind), last.Source, last.OccurredAt
	run.text.WriteString(spaced(last.Kind))
	run.text.WriteString(": ")
	run.settle(c, r, input{value: &r.Input, age: run.at.Sub(last.OccurredAt)})
	return true
}

// latest returns the last signal of these kinds; nil if there is none. It does not
// depend on the order of signals.
func (run *rating) latest(kinds []string) *account.Signal {
	var last *account.Signal
	horizon := run.at.Add(day)
	for i := range run.signals {
		s := &run.signals[i]
		if slices.Contains(kinds, s.Kind) && !s.OccurredAt.After(horizon) && (last == nil || later(s, last)) {
			last = s
		}
	}
	return last
}

func later(s, than *account.Signal) bool {
	if n := s.OccurredAt.Compare(than.OccurredAt); n != 0 {
		return n > 0
	}
	if s.Kind != than.Kind {
		return s.Kind < than.Kind
	}
	return s.Source < than.Source
}

// settle gives r the points of the first credit that the input matches, and the
// reason.
func (run *rating) settle(c *Criterion, r *Result, in input) {
	if !r.ObservedAt.IsZero() {
		r.AgeDays = days(time.Duration(run.at.Unix()-r.ObservedAt.Unix()) * time.Second) // Sub takes longer
	}
	credit, found, hit := c.credit(in)
	if c.dated() {
		in.writeAge(&run.text)
	} else {
		in.write(&run.text, found)
	}
	if !hit {
		run.text.WriteString(c.Credits[0].Match.verdict(in, false))
		return
	}
	r.Points, r.Low, r.High = credit.Points, credit.Points, credit.Points
	run.text.WriteString(credit.Match.verdict(in, true))
	if credit != &c.Credits[0] {
		run.text.WriteString(", partial credit")
	}
}

// credit returns the first that the input matches, with what was found in a list.
func (c *Criterion) credit(in input) (credit *Credit, found string, hit bool) {
	for i := range c.Credits {
		credit = &c.Credits[i]
		if found, hit = credit.Match.match(in); hit {
			return credit, found, true
		}
	}
	return nil, "", false
}
