package icp

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/strictyaml"
)

// matrix reads which tier an account gets by two numbers of its score.
func (p *parser) matrix(m *Model, v strictyaml.Value, sums bool) {
	o := v.Object(matrixKeys.names()...)
	var axes []Axis
	before := p.Count()
	for of, name := range measureNames {
		if o.Has(name) {
			axes = append(axes, p.axis(m, o.Get(name), measure(of), sums))
		}
	}
	switch {
	case v.Absent() || p.Count() > before:
	case len(axes) != 2:
		v.Fail("want two of %s, have %d", strings.Join(measureNames[:], ", "), len(axes))
	default:
		m.Matrix = &Matrix{Axes: [2]Axis(axes)}
	}
	p.routes(m, o.Need("routes"))
}

func (p *parser) axis(m *Model, v strictyaml.Value, of measure, sums bool) Axis {
	o := v.Object(axisKeys.names()...)
	high := o.Need("high")
	a := Axis{Measure: measureNames[of], High: high.Integer(-maxBound, maxBound), of: of}
	a.Leave = a.High
	if o.Has("leave") {
		if a.Leave = o.Get("leave").Integer(-maxBound, maxBound); a.Leave >= a.High && !high.Absent() {
			o.Get("leave").Fail("%d must be below high (%d): it is the number that an account may fall to and stay", a.Leave, a.High)
		}
	}
	if !sums || high.Absent() {
		return a
	}
	switch worst, best := m.extreme(of, atWorst), m.extreme(of, atBest); {
	case a.High > best:
		high.Fail("%d is out of reach: the best account has %d", a.High, best)
	case a.High <= worst:
		high.Fail("%d is never missed: the worst account has %d", a.High, worst)
	}
	return a
}

// routes reads the cells. The first is the best, the last the worst.
func (p *parser) routes(m *Model, v strictyaml.Value) {
	items := v.List(4)
	names := make([]strictyaml.Value, len(items))
	m.Tiers = make([]Tier, len(items))
	seen := map[[2]int]bool{}
	before := p.Count()
	for i, item := range items {
		o := item.Object(routeKeys.names()...)
		names[i] = o.Get("tier")
		m.Tiers[i] = Tier{Name: o.Need("tier").Text(), Queue: o.Need("queue").Word()}
		if o.Has("dwell") {
			m.Tiers[i].Dwell = o.Get("dwell").Duration(modelUnits)
		}
		if o.Has("task") {
			m.Tiers[i].Task = p.task(o.Get("task"))
		}
		if m.Matrix == nil {
			continue
		}
		cell, ok := p.cell(m.Matrix, o)
		if ok && seen[cell] {
			item.Fail("there is a route for this cell already")
		}
		if ok {
			seen[cell] = true
			m.Matrix.cells[cell[0]][cell[1]] = i
		}
	}
	strictyaml.Unique(names, strings.ToLower)
	if m.Matrix != nil && !v.Absent() && p.Count() == before {
		missing(m.Matrix, v, seen)
	}
}

var sideNames = []string{"low", "high"}

// cell reads which cell a route is for.
func (p *parser) cell(x *Matrix, o strictyaml.Object) (cell [2]int, ok bool) {
	before := p.Count()
	for _, name := range measureNames {
		axis := slices.IndexFunc(x.Axes[:], func(a Axis) bool { return a.Measure == name })
		switch {
		case axis >= 0:
			cell[axis] = slices.Index(sideNames, o.Need(name).OneOf("high", "low"))
		case o.Has(name):
			o.Get(name).Key().Fail("the matrix has no %s", name)
		}
	}
	return cell, p.Count() == before && !o.Absent() && cell[0] >= 0 && cell[1] >= 0
}

// missing reports the cells without a route.
func missing(x *Matrix, v strictyaml.Value, seen map[[2]int]bool) {
	for _, first := range []int{1, 0} {
		for _, second := range []int{1, 0} {
			if !seen[[2]int{first, second}] {
				v.Fail("no route for %s %s and %s %s", x.Axes[0].Measure, sideNames[first], x.Axes[1].Measure, sideNames[second])
			}
		}
	}
}
