package icp

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/strictyaml"
)

// Limits of a model: more says nothing that less could not.
const (
	maxItems      = 1000 // words of a list
	maxCriteria   = 200
	maxCredits    = 20
	maxDimensions = 12 // that have a share
	maxContacts   = 100
	maxTiers      = 20
	maxPoints     = 1000
	maxBound      = 1_000_000 // of the scale
	maxVersion    = 1_000_000
)

// modelUnits are the units of a model's time spans: finer ones are not worth points.
const modelUnits = "dh"

// Parse reads a model file; name is what its mistakes call the file. The error is a
// [*strictyaml.Error] with every mistake of the file and its place. docs/models.md
// describes the format.
func Parse(name string, data []byte) (*Model, error) {
	p := &parser{Reader: strictyaml.New(name, "model", "docs/models.md"), m: new(Model)}
	m := p.model(p.Document(data))
	if err := p.Err(); err != nil {
		return nil, err
	}
	m.Source = string(data)
	return m, nil
}

// parser makes a model of what the reader reads.
type parser struct {
	*strictyaml.Reader
	m           *Model             // as far as it is read
	dimensionAt []strictyaml.Value // of each criterion
	sharesAt    strictyaml.Value   // of a weighted score
}

func (p *parser) model(v strictyaml.Value) *Model {
	o := v.Object(modelKeys.names()...)
	m := p.m
	*m = Model{
		Name:        o.Need("name").Word(),
		Version:     o.Need("version").Integer(1, maxVersion),
		Owner:       o.Need("owner").Text(),
		Subject:     SubjectCompany,
		Fields:      p.declared(o.Get("fields")),
		Confidence:  0.7,
		Scale:       Scale{Method: Sum, Min: 0, Max: 100},
		Exploration: p.exploration(o.Get("exploration")),
		Signals:     p.signalRules(o.Get("signals")),
	}
	if o.Has("subject") {
		m.Subject = o.Get("subject").OneOf(SubjectCompany, SubjectContact)
	}
	m.AppliesTo = p.expression(o.Get("applies_to"), p.timeless)
	m.Required = p.fields(o.Need("required"))
	if o.Has("confidence") {
		m.Confidence = o.Get("confidence").Share(false)
	}
	sound := p.Count()
	if o.Has("scale") {
		m.Scale = p.scale(o.Get("scale"))
	}
	m.Apart = p.apart(o.Get("apart"))
	m.Criteria = p.criteria(o.Need("criteria"))
	sums := len(m.Criteria) > 0 && p.Count() == sound && p.compile(o) // else what points add up to is not known
	p.destinations(m, o, sums)
	p.triggerTask(m, o.Get("trigger_task"), sums)
	return m
}

// compile works out what every rating needs, so that Rate does not; false if the
// file has a mistake that only shows now.
func (p *parser) compile(o strictyaml.Object) bool {
	before, m := p.Count(), p.m
	p.checkDimensions()
	if !m.divide() {
		o.Get("scale").Fail("the points of the dimensions have no small common multiple; let each add up to a round number, such as 20, 50 or 100")
	}
	m.textSize = 0
	for i := range m.Criteria {
		m.textSize += m.Criteria[i].spelling()
	}
	return p.Count() == before
}

// destinations reads where scores lead: tiers, or a matrix of them.
func (p *parser) destinations(m *Model, o strictyaml.Object, sums bool) {
	switch {
	case o.Has("tiers") && o.Has("matrix"):
		o.Get("matrix").Key().Fail("a model has tiers or a matrix, not both")
	case o.Has("matrix"):
		p.matrix(m, o.Get("matrix"), sums)
	case o.Has("tiers"):
		p.tiers(m, o.Get("tiers"), sums)
	default:
		o.Fail("missing key tiers (or matrix)")
	}
}

func (p *parser) exploration(v strictyaml.Value) Exploration {
	if v.Absent() {
		return Exploration{Queue: "exploration"}
	}
	o := v.Object(explorationKeys.names()...)
	e := Exploration{Share: o.Need("share").Share(true), Queue: "exploration"}
	if o.Has("queue") {
		e.Queue = o.Get("queue").Word()
	}
	return e
}

func (p *parser) tiers(m *Model, v strictyaml.Value, sums bool) {
	items := v.Some(maxTiers)
	names, mins, leaves := make([]strictyaml.Value, len(items)), make([]strictyaml.Value, len(items)), make([]strictyaml.Value, len(items))
	m.Tiers = make([]Tier, len(items))
	before := p.Count()
	for i, item := range items {
		o := item.Object(tierKeys.names()...)
		m.Tiers[i] = p.tier(o, i == len(items)-1)
		names[i], mins[i], leaves[i] = o.Get("name"), o.Get("min"), o.Get("leave")
	}
	strictyaml.Unique(names, strings.ToLower)
	if p.Count() > before { // the bounds may not be the ones meant
		return
	}
	m.checkTiers(mins, sums)
	if p.Count() == before {
		m.checkLeaves(leaves)
	}
}

func (p *parser) tier(o strictyaml.Object, last bool) Tier {
	t := Tier{Name: o.Need("name").Text(), Min: o.Need("min").Integer(-maxBound, maxBound), Queue: o.Need("queue").Word()}
	t.Leave = t.Min
	if o.Has("leave") {
		t.Leave = o.Get("leave").Integer(-maxBound, maxBound)
	}
	if o.Has("dwell") {
		t.Dwell = o.Get("dwell").Duration(modelUnits)
	}
	for _, key := range []string{"leave", "dwell"} {
		if last {
			o.Get(key).Fail("nothing is below the last tier, so it is never left")
		}
	}
	if o.Has("task") {
		t.Task = p.task(o.Get("task"))
	}
	return t
}

// checkLeaves reports tiers that are left at a score that would enter them, or so
// late that an account would fall past the next.
func (m *Model) checkLeaves(leaves []strictyaml.Value) {
	for i, v := range leaves {
		switch t := m.Tiers[i]; {
		case v.Absent():
		case t.Leave >= t.Min:
			v.Fail("%d must be below min (%d): it is the score that an account may fall to and stay", t.Leave, t.Min)
		case t.Leave <= m.Tiers[i+1].Min:
			v.Fail("%d must be above the min of %q (%d), or accounts fall past it", t.Leave, m.Tiers[i+1].Name, m.Tiers[i+1].Min)
		}
	}
}

// checkTiers reports tiers that no score can fall in, and scores without a tier.
// Without sound sums it does not know what can be scored.
func (m *Model) checkTiers(mins []strictyaml.Value, sums bool) {
	sound := true
	for i, v := range mins {
		trouble := m.outOfOrder(i)
		if trouble == "" && sums {
			trouble = m.outOfReach(i)
		}
		if trouble != "" {
			v.Fail("%s", trouble)
			sound = false
		}
	}
	last := len(mins) - 1
	if sums && sound && last >= 0 && m.Tiers[last].Min > m.Scale.Min {
		mins[last].Fail("scores from %d to %d have no tier; the last one begins at the scale's min", m.Scale.Min, m.Tiers[last].Min-1)
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
	worst, best := m.extreme(ofValue, atWorst), m.extreme(ofValue, atBest)
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

func (p *parser) task(v strictyaml.Value) *TaskTemplate {
	o := v.Object(taskKeys.names()...)
	t := &TaskTemplate{Subject: o.Need("subject").Text(), Due: o.Need("due").Duration(modelUnits), Priority: "medium"}
	if o.Has("priority") {
		t.Priority = o.Get("priority").OneOf(priorities...)
	}
	if t.Subject != "" {
		if err := t.compile(); err != nil {
			o.Get("subject").Fail("%v", err)
		}
	}
	return t
}

func (p *parser) triggerTask(m *Model, v strictyaml.Value, sums bool) {
	if v.Absent() {
		return
	}
	o := v.Object(triggerKeys.names()...)
	t := &TriggerTask{Priority: "high", Cooldown: 14 * day, DueIn: day}
	if o.Has("priority") {
		t.Priority = o.Get("priority").OneOf(priorities...)
	}
	if o.Has("cooldown") {
		t.Cooldown = o.Get("cooldown").Duration(modelUnits)
	}
	if o.Has("due") {
		t.DueIn = o.Get("due").Duration(modelUnits)
	}
	when := o.Need("when")
	text := when.Text()
	var ok bool
	switch t.When, ok = parseCondition(text); {
	case text == "":
	case !ok:
		when.Fail("%q: want fit or score, one of > >= < <=, and a number, such as fit > 60", strictyaml.Clip(text, 40))
	case sums && !m.possible(t.When):
		when.Fail("%s is never true", t.When)
	}
	m.TriggerTask = t
}

// possible reports whether c holds for the worst account or for the best.
func (m *Model) possible(c Condition) bool {
	for _, e := range []end{atWorst, atBest} {
		if c.holds(Score{Value: m.extreme(ofValue, e), Fit: m.extreme(ofFit, e)}) {
			return true
		}
	}
	return false
}
