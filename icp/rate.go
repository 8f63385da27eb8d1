package icp

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Subject is what a model rates: what is known of a company, or of a contact over its
// company (see [Contact.Over]).
type Subject struct {
	Facts    account.Facts
	Signals  []account.Signal
	Contacts []Contact // of a company, for criteria of its best contact or its buying committee
}

// Rate scores an account without its contacts; see [Model.Rate].
func Rate(m *Model, facts account.Facts, signals []account.Signal, at time.Time) Score {
	return m.Rate(Subject{Facts: facts, Signals: signals}, at)
}

// Rate scores an account, in points of m.Scale, as things stood at the given time.
//
// Unknown is not zero: a criterion that widens leaves Value alone and moves Low and
// High apart by what it could still give, and so does a dimension with a share of the
// score of which nothing at all is known; where this could change the tier, the score
// is provisional. A criterion that takes unknown for no moves neither. Both lower
// Completeness. A fact counts whatever its confidence, and its reason says "unsure"
// below m.Confidence: asking again is the waterfall's business. A fact of the wrong
// kind, or an empty text, is no fact.
//
// A signal counts while it is no older than its criterion's window and no more than
// a day ahead; of several, the latest speaks. Neither its summary nor its evidence
// is repeated in the reason, which ends up in histories, where persons' names have
// no place. The same goes for who a contact is.
//
// Rate cannot fail, since Parse refuses what it could not rate. It reads no clock,
// so the quarterly review can rate past accounts again. The points are the model
// file's; docs/models.md gives their source.
func (m *Model) Rate(sub Subject, at time.Time) Score {
	s := Score{Criteria: make([]Result, len(m.Criteria))}
	run := rating{sure: m.Confidence, Subject: sub, at: at, unix: at.Unix()}
	run.text.Grow(m.textSize)
	var t tallies
	for i := range m.Criteria {
		c, r := &m.Criteria[i], &s.Criteria[i]
		run.rate(c, r)
		in := &t.of[c.part]
		in.points += r.Points
		in.low += int(r.Low)
		in.high += int(r.High)
		if r.Known() {
			in.known += c.weight()
		} else {
			t.open = true
		}
	}
	if m.Scale.Method == Weighted {
		m.openUp(&t, s.Criteria)
	}
	m.conclude(&s, &t)
	return s
}

// openUp widens by whole dimensions that have a share of the score, and of which
// nothing is known: there, not even what counts as no is known not to be so.
func (m *Model) openUp(t *tallies, results []Result) {
	for i, p := range m.parts {
		if t.of[i].known == 0 && !p.apart {
			t.of[i].low, t.of[i].high = p.reach.low, p.reach.high
		}
	}
	for i := range m.Criteria {
		c, r := &m.Criteria[i], &results[i]
		if t.of[c.part].known == 0 && !m.parts[c.part].apart {
			r.Reason = c.open
			r.opens(c)
		}
	}
}

// conclude makes the score's numbers and its tier of the points.
func (m *Model) conclude(s *Score, t *tallies) {
	have := m.numbers(t, asIs)
	s.Value, s.Fit, s.Engagement, s.Intent = have[ofValue], have[ofFit], have[ofEngagement], have[ofIntent]
	s.Completeness = m.completeness(t)
	s.Low, s.High = s.Value, s.Value
	s.Tier = m.nameOf(m.tierIndex(have, -1))
	if !t.open {
		return
	}
	low, high := m.numbers(t, atWorst), m.numbers(t, atBest)
	s.Low, s.High = low[ofValue], high[ofValue]
	worst, best := m.tierIndex(low, -1), m.tierIndex(high, -1)
	if s.Provisional = worst != best; s.Provisional {
		s.Floor = m.nameOf(worst)
	}
}

func (m *Model) nameOf(tier int) string {
	if tier < 0 {
		return ""
	}
	return m.Tiers[tier].Name
}

// rating is one call of Rate under way.
type rating struct {
	Subject
	at   time.Time
	unix int64   // of at
	sure float64 // a confidence below it is unsure

	text strings.Builder // all reasons are pieces of one text, so that it is allocated once
}

func (run *rating) rate(c *Criterion, r *Result) {
	r.Name, r.Dimension, r.Max = c.Name, c.Dimension, int16(c.Points) // within maxPoints
	start, found := run.text.Len(), false
	switch {
	case c.Field != "" && c.Of == Own:
		found = run.fact(c, r, run.Facts)
	case c.Of == BestContact:
		found = run.bestContact(c, r)
	case c.Of == BuyingCommittee:
		found = run.committee(c, r)
	case c.When != nil:
		found = run.expression(c, r)
	default:
		found = run.signal(c, r)
	}
	if found {
		if r.Reason == "" {
			r.Reason = run.text.String()[start:]
		}
		return
	}
	if r.Reason == "" {
		r.Reason = c.missing
	}
	if c.Unknown == Widen {
		r.opens(c)
	}
}

// known returns a fact whose value is of the wanted kind; false if there is none.
func known(facts account.Facts, field account.Field, kind account.Kind) (fact account.Fact, ok bool) {
	fact = facts[field]
	fact.Value, ok = usable(fact.Value, kind)
	return fact, ok
}

// usable returns v as the wanted kind; false if it cannot be that, or is an empty text.
func usable(v account.Value, kind account.Kind) (as account.Value, ok bool) {
	if v.Kind() == kind {
		return v, kind != account.TextKind || v.Text() != ""
	}
	if v.IsZero() { // as most that cannot: an error would take longer
		return v, false
	}
	as, err := v.As(kind)
	return as, err == nil
}

// fact rates c by its field, if that is known.
func (run *rating) fact(c *Criterion, r *Result, facts account.Facts) bool {
	fact := facts[c.Field]
	value, ok := usable(fact.Value, c.kind)
	if !ok {
		return false
	}
	r.Input, r.Provider, r.ObservedAt = value, fact.Provider, fact.ObservedAt
	run.aged(r)
	in := input{value: value}
	if c.kind == account.DateKind {
		in.age = run.at.Sub(value.Date())
	}
	doubtful := fact.Derived || fact.Confidence < run.sure
	run.settle(c, r, in, doubtful)
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
	kind := &c.inputs[slices.Index(c.Signals, last.Kind)]
	r.Input, r.Provider, r.ObservedAt = kind.input, last.Source, last.OccurredAt
	run.aged(r)
	run.text.WriteString(kind.label)
	in := input{value: r.Input, age: run.at.Sub(last.OccurredAt)}
	i, f := c.credit(in)
	run.spell(c, r, in, i, f)
	return true
}

// latest returns the last signal of these kinds; nil if there is none. It does not
// depend on the order of signals.
func (run *rating) latest(kinds []string) *account.Signal {
	var last *account.Signal
	horizon := run.at.Add(day)
	for i := range run.Signals {
		s := &run.Signals[i]
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

// aged sets how old what r was made of is.
func (run *rating) aged(r *Result) {
	if !r.ObservedAt.IsZero() {
		seconds := run.unix - r.ObservedAt.Unix() // Sub takes longer
		r.AgeDays = int16(min(max(seconds, 0)/(24*60*60), math.MaxInt16))
	}
}

// settle gives r the points of the first credit that the input matches, and the
// reason; more is to be added to it if the input is doubtful.
func (run *rating) settle(c *Criterion, r *Result, in input, doubtful bool) {
	i, f := c.credit(in)
	reason, ok := "", false
	switch {
	case i >= 0:
		if reason, ok = c.Credits[i].fixed(f); ok {
			r.earns(c.Credits[i].Points)
		}
	case c.kind == account.BoolKind:
		reason, ok = either(in.value.Bool(), c.yes, c.no), true
	}
	switch {
	case ok && doubtful:
		run.text.WriteString(reason)
	case ok:
		r.Reason = reason
	default:
		run.text.WriteString(c.label)
		run.spell(c, r, in, i, f)
	}
}

// spell gives r the points of the i-th credit, and spells out the reason.
func (run *rating) spell(c *Criterion, r *Result, in input, i int, f found) {
	if c.dated() {
		in.writeAge(&run.text)
	} else {
		in.write(&run.text, f.text)
	}
	if i < 0 {
		run.text.WriteString(c.Credits[0].Match.verdict(in, false))
		return
	}
	run.text.WriteString(c.Credits[i].Match.verdict(in, true))
	run.earn(c, r, i, in.age)
}

// earn gives r the points of the i-th credit, less what they have lost with age.
func (run *rating) earn(c *Criterion, r *Result, i int, age time.Duration) {
	points := c.Credits[i].Points
	if c.HalfLife > 0 {
		if left := decayed(points, age, c.HalfLife); left != points {
			run.text.WriteString(", decayed to ")
			run.number(left)
			run.text.WriteString(" of ")
			run.number(points)
			points = left
		}
	}
	r.earns(points)
	if i > 0 {
		run.text.WriteString(partialCredit)
	}
}

func (run *rating) number(n int) {
	var digits [20]byte
	run.text.Write(strconv.AppendInt(digits[:0], int64(n), 10))
}

// decayed halves points with every half-life, and rounds to the nearest, halves away
// from zero. What is still ahead is as good as new.
func decayed(points int, age, halfLife time.Duration) int {
	if age <= 0 {
		return points
	}
	return int(math.Round(float64(points) * math.Exp2(-float64(age)/float64(halfLife))))
}

// credit returns which the input matches first, with what was found of words;
// negative for none.
func (c *Criterion) credit(in input) (i int, f found) {
	for i := range c.Credits {
		if f, hit := c.Credits[i].Match.match(in); hit {
			return i, f
		}
	}
	return -1, f
}
