package review

import (
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

// Charts of the report are drawn like the plot, 360 units wide, with the label of each row
// above it so that long names have room. Their colours are the page's, which has one set
// for light and one for dark; what is second is hollow and dashed, so that nothing is told
// by colour alone.
const (
	chartLeft  = 8
	chartRight = 352
	labelRow   = 20 // height of a row's label
	markRow    = 16 // of a bar, or an interval
	rowGap     = 9
)

// row is a line of a chart: one thing with an estimate, or with two that are compared.
type row struct {
	label string
	right string // what the row says in figures
	marks []Estimate
	tick  Figure // a value to compare with; NaN for none
}

// axis places values on a chart.
type axis struct {
	low, high float64
	log       bool
	ticks     []float64
	say       func(float64) string
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	share := (v - low) / (high - low)
	return chartLeft + min(max(share, 0), 1)*(chartRight-chartLeft)
}

// shareAxis reaches from 0 to what the rows need of 100 %.
func shareAxis(rows []row) axis {
	most := 0.0
	for _, r := range rows {
		for _, m := range r.marks {
			for _, v := range []Figure{m.Value, m.High} {
				if !math.IsNaN(float64(v)) {
					most = max(most, float64(v))
				}
			}
		}
	}
	a := axis{high: 1, say: func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }}
	for _, high := range []float64{0.1, 0.2, 0.4, 0.6, 0.8} {
		if most <= high {
			a.high = high
			break
		}
	}
	for i := range 5 {
		a.ticks = append(a.ticks, a.high*float64(i)/4)
	}
	return a
}

// oddsAxis is logarithmic around 1.
func oddsAxis(rows []row) axis {
	reach := math.Log(2)
	for _, r := range rows {
		for _, m := range r.marks {
			for _, v := range []Figure{m.Low, m.High, r.tick} {
				if log := math.Abs(math.Log(float64(v))); !math.IsNaN(log) && !math.IsInf(log, 0) {
					reach = max(reach, log)
				}
			}
		}
	}
	steps := min(math.Ceil(reach/math.Log(2)), 5)
	a := axis{log: true, low: math.Exp2(-steps), high: math.Exp2(steps), say: func(v float64) string {
		if v < 1 {
			return fmt.Sprintf("1/%.0f", 1/v)
		}
		return fmt.Sprintf("%.0f", v)
	}}
	for i := -steps; i <= steps; i++ {
		a.ticks = append(a.ticks, math.Exp2(i))
	}
	return a
}

// figure is a chart with its title and its description, as SVG.
type figure struct {
	id, title, says string
	rows            []row
	axis            axis
	bars            bool     // from the axis' start; else points
	legend          []string // of the marks of a row, and last of the tick
	unit            string   // under the axis
}

// draw draws the chart.
func (f figure) draw() template.HTML {
	marks := 0
	for _, r := range f.rows {
		marks += max(len(r.marks), 1)
	}
	bottom := 8 + len(f.rows)*(labelRow+rowGap) + marks*markRow
	height := bottom + 24
	if f.unit != "" {
		height += 16
	}
	height += 20 * len(f.legend)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-title %s-desc" font-size="14">
<title id="%s-title">%s</title>
<desc id="%s-desc">%s</desc>
`, plotWidth, height, f.id, f.id, f.id, text(f.title), f.id, text(f.says))
	f.grid(&b, bottom)
	y := 8
	for _, r := range f.rows {
		y = f.row(&b, r, y)
	}
	f.explain(&b, bottom)
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // every text in it went through text
}

func (f figure) grid(w io.Writer, bottom int) {
	for i, t := range f.axis.ticks {
		x := f.axis.at(t)
		class := "grid"
		if f.axis.log && t == 1 {
			class = "one"
		}
		fmt.Fprintf(w, "<path class=\"%s\" d=\"M%.1f 4V%d\"/>\n", class, x, bottom)
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case len(f.axis.ticks) - 1:
			anchor = "end"
		}
		if n := len(f.axis.ticks); n > 7 && i%2 != n/2%2 {
			continue // too close to each other: 1 and every other one are named
		}
		label(w, x, float64(bottom+16), `class="soft" font-size="12" text-anchor="`+anchor+`"`, f.axis.say(t))
	}
	if f.unit != "" {
		label(w, plotWidth/2, float64(bottom+32), `class="soft" font-size="12" text-anchor="middle"`, f.unit)
	}
}

// row draws a row from y on and returns where the next begins.
func (f figure) row(w io.Writer, r row, y int) int {
	room := 44 - len([]rune(r.right))
	label(w, chartLeft, float64(y+13), `class="ink halo"`, shorten(r.label, max(room, 12)))
	label(w, chartRight, float64(y+13), `class="soft halo" text-anchor="end"`, r.right)
	y += labelRow
	top := y
	for i, m := range r.marks {
		f.mark(w, m, i, y)
		y += markRow
	}
	if len(r.marks) == 0 {
		y += markRow
	}
	if t := float64(r.tick); !math.IsNaN(t) && t != 0 {
		fmt.Fprintf(w, "<path class=\"tick\" d=\"M%.1f %dV%d\"/>\n", f.axis.at(t), top-1, y-1)
	}
	return y + rowGap
}

func (f figure) mark(w io.Writer, m Estimate, i, y int) {
	if math.IsNaN(float64(m.Value)) {
		return
	}
	class := "first"
	if i > 0 {
		class = "second"
	}
	at := f.axis.at(float64(m.Value))
	middle := float64(y) + 6.5
	if f.bars {
		fmt.Fprintf(w, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"12\"/>\n", class, chartLeft, y, max(at-chartLeft, 0.5))
	}
	if !math.IsNaN(float64(m.Low)) && !math.IsNaN(float64(m.High)) {
		low, high := f.axis.at(float64(m.Low)), f.axis.at(float64(m.High))
		fmt.Fprintf(w, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv7M%.1f %.1fv7\"/>\n", low, middle, high, low, middle-3.5, high, middle-3.5)
	}
	if !f.bars {
		fmt.Fprintf(w, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n", class, at, middle)
	}
}

// explain draws what the marks stand for.
func (f figure) explain(w io.Writer, bottom int) {
	y := bottom + 24
	if f.unit != "" {
		y += 16
	}
	for i, says := range f.legend {
		y += 16
		switch {
		case i == 2:
			fmt.Fprintf(w, "<path class=\"tick\" d=\"M16 %dv14\"/>\n", y-11)
		case f.bars:
			fmt.Fprintf(w, "<rect class=\"%s\" x=\"8\" y=\"%d\" width=\"16\" height=\"10\"/>\n", []string{"first", "second"}[i], y-9)
		default:
			fmt.Fprintf(w, "<circle class=\"%s\" cx=\"16\" cy=\"%d\" r=\"4.5\"/>\n", []string{"first", "second"}[i], y-4)
		}
		label(w, 32, float64(y), `class="soft" font-size="12"`, says)
		y += 4
	}
}
