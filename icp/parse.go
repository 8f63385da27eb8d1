package icp

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// More limits: points beyond them say nothing that smaller ones could not.
const (
	maxCriteria = 200
	maxCredits  = 20
	maxTiers    = 20
	maxPoints   = 1000
	maxBound    = 1_000_000 // of the scale
	maxVersion  = 1_000_000
)

// Parse reads a model file; name is what its mistakes call the file. The error is a
// [*ParseError] with every mistake of the file and its place. docs/models.md
// describes the format.
func Parse(name string, data []byte) (*Model, error) {
	p := &parser{reader: reader{file: name}}
	m := p.model(p.document(data))
	if len(p.mistakes) > 0 {
		err := &ParseError{Mistakes: p.mistakes}
		err.sort()
		return nil, err
	}
	m.Source = string(data)
	return m, nil
}

// parser makes a model of what the reader reads.
type parser struct {
	reader
	required []account.Field
}

func (p *parser) model(v value) *Model {
	o := v.object("name", "version", "owner", "subject", "required", "confidence", "scale", "criteria", "tiers",
		"trigger_task", "exploration")
	m := &Model{
		Name:        o.need("name").word(),
		Version:     o.need("version").integer(1, maxVersion),
		Owner:       o.need("owner").text(),
		Subject:     "company",
		Required:    p.fields(o.need("required")),
		Confidence:  0.7,
		Scale:       Scale{Method: Sum, Min: 0, Max: 100},
		Exploration: p.exploration(o.get("exploration")),
	}
	if o.has("subject") {
		m.Subject = o.get("subject").oneOf("company")
	}
	if o.has("confidence") {
		m.Confidence = o.get("confidence").share(false)
	}
	p.required = m.Required
	sound := len(p.mistakes)
	if o.has("scale") {
		m.Scale = p.scale(o.get("scale"))
	}
	m.Criteria = p.criteria(o.need("criteria"))
	m.compile()
	sums := len(p.mistakes) == sound // else what points add up to is not known
	p.tiers(m, o.need("tiers"), sums)
	p.triggerTask(m, o.get("trigger_task"), sums)
	return m
}

func (p *parser) fields(v value) []account.Field {
	items := v.list(maxItems)
	fields := make([]account.Field, len(items))
	for i, item := range items {
		fields[i], _ = p.field(item)
	}
	unique(items, exactly)
	return fields
}

// field reads the name of a field and tells its kind.
func (p *parser) field(v value) (account.Field, account.Kind) {
	s := v.text()
	if s == "" {
		return "", account.NoKind
	}
	kind, ok := account.Field(s).Kind()
	if !ok {
		v.fail("unknown field %q%s", clip(s, 40), didYouMean(s, fieldNames()))
		return "", account.NoKind
	}
	return account.Field(s), kind
}

func fieldNames() []string {
	fields := account.Fields()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return names
}

func (p *parser) scale(v value) Scale {
	o := v.object("method", "min", "max")
	s := Scale{
		Method: Method(o.need("method").oneOf(string(Sum), string(Proportional))),
		Min:    o.need("min").integer(-maxBound, maxBound),
		Max:    o.need("max").integer(-maxBound, maxBound),
	}
	if o.has("min") && o.has("max") && s.Max <= s.Min {
		o.get("max").fail("%d must be above min (%d)", s.Max, s.Min)
	}
	return s
}

func (p *parser) exploration(v value) Exploration {
	if v.absent() {
		return Exploration{Queue: "exploration"}
	}
	o := v.object("share", "queue")
	e := Exploration{Share: o.need("share").share(true), Queue: "exploration"}
	if o.has("queue") {
		e.Queue = o.get("queue").word()
	}
	return e
}

func (p *parser) tiers(m *Model, v value, sums bool) {
	items := v.some(maxTiers)
	names, mins := make([]value, len(items)), make([]value, len(items))
	m.Tiers = make([]Tier, len(items))
	before := len(p.mistakes)
	for i, item := range items {
		m.Tiers[i], names[i], mins[i] = p.tier(item)
	}
	unique(names, strings.ToLower)
	if len(p.mistakes) == before { // else the bounds may not be the ones meant
		m.checkTiers(mins, sums)
	}
}

// tier also returns the places of its name and of its min.
func (p *parser) tier(v value) (t Tier, name, low value) {
	o := v.object("name", "min", "queue", "task")
	name, low = o.need("name"), o.need("min")
	t = Tier{Name: name.text(), Min: low.integer(-maxBound, maxBound), Queue: o.need("queue").word()}
	if o.has("task") {
		t.Task = p.task(o.get("task"))
	}
	return t, name, low
}

// checkTiers reports tiers that no score can fall in, and scores without a tier.
// Without sound sums it does not know what can be scored.
func (m *Model) checkTiers(mins []value, sums bool) {
	sound := true
	for i, v := range mins {
		trouble := m.outOfOrder(i)
		if trouble == "" && sums {
			trouble = m.outOfReach(i)
		}
		if trouble != "" {
			v.fail("%s", trouble)
			sound = false
		}
	}
	last := len(mins) - 1
	if sums && sound && last >= 0 && m.Tiers[last].Min > m.Scale.Min {
		mins[last].fail("scores from %d to %d have no tier; the last one begins at the scale's min", m.Scale.Min, m.Tiers[last].Min-1)
	}
}

func (m *Model) outOfOrder(i int) string {
	if i == 0 || m.Tiers[i].Min < m.Tiers[i-1].Min {
		return ""
	}
	t, above := m.Tiers[i], m.Tiers[i-1]
	if t.Min == above.Min {
		return fmt.Sprintf("%d is also the min of %q, so no score falls in %q", t.Min, above.Name, t.Name)
	}
	return fmt.Sprintf("%d is above the min of %q before it (%d); tiers go from high to low", t.Min, above.Name, above.Min)
}

func (m *Model) outOfReach(i int) string {
	worst, best := m.Scale.place(m.reach.low, m.reach.high), m.Scale.place(m.reach.high, m.reach.high)
	switch t := m.Tiers[i]; {
	case t.Min < m.Scale.Min:
		return fmt.Sprintf("%d is below the scale's min (%d)", t.Min, m.Scale.Min)
	case t.Min > best:
		return fmt.Sprintf("%d is out of reach: the best account scores %d", t.Min, best)
	case i > 0 && m.Tiers[i-1].Min <= worst:
		return fmt.Sprintf("no score falls in %q: the worst account scores %d, which is %q", t.Name, worst, m.Tiers[i-1].Name)
	}
	return ""
}

var priorities = []string{"low", "medium", "high"}

func (p *parser) task(v value) *TaskTemplate {
	o := v.object("subject", "due", "priority")
	t := &TaskTemplate{Subject: o.need("subject").text(), Due: o.need("due").duration(), Priority: "medium"}
	if o.has("priority") {
		t.Priority = o.get("priority").oneOf(priorities...)
	}
	if t.Subject != "" {
		if err := t.compile(); err != nil {
			o.get("subject").fail("%v", err)
		}
	}
	return t
}

func (p *parser) triggerTask(m *Model, v value, sums bool) {
	if v.absent() {
		return
	}
	o := v.object("when", "priority", "cooldown")
	t := &TriggerTask{Priority: "high", Cooldown: 14 * day}
	if o.has("priority") {
		t.Priority = o.get("priority").oneOf(priorities...)
	}
	if o.has("cooldown") {
		t.Cooldown = o.get("cooldown").duration()
	}
	when := o.need("when")
	text := when.text()
	var ok bool
	switch t.When, ok = parseCondition(text); {
	case text == "":
	case !ok:
		when.fail("%q: want fit or score, one of > >= < <=, and a number, such as fit > 60", clip(text, 40))
	case sums && !m.possible(t.When):
		when.fail("%s is never true", t.When)
	}
	m.TriggerTask = t
}

// possible reports whether c holds for the worst account or for the best.
func (m *Model) possible(c Condition) bool {
	place := func(points, fit int) Score {
		return Score{Value: m.Scale.place(points, m.reach.high), Fit: m.Scale.place(fit, m.fitReach.high)}
	}
	return c.holds(place(m.reach.high, m.fitReach.high)) || c.holds(place(m.reach.low, m.fitReach.low))
}
