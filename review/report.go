package review

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"share": sayShare, "times": sayTimes, "amount": sayMoney, "days": sayDays, "number": sayNumber,
	"pct": func(f Figure) string { return unbroken(percentage(float64(f))) }, "money": money, "odds": odds,
	"p": sayP, "date": func(t time.Time) string { return t.Format("2 January 2006") },
	"title": func(s string) string { return unbroken(title(s)) }, "spaced": spaced, "diff": lineDiff, "signed": func(n int) string { return fmt.Sprintf("%+d", n) },
	"chart": func(all map[string]template.HTML, id, caption string) captioned { return captioned{all[id], caption} },
	"sayQ":  sayP, "points": sayPoints, "became": sayBecame, "plus": sayPlus, "swings": func(f Figure) bool { return f > 1 },
	"pct0": func(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }, "days0": wholeDays,
	"nan": func(f Figure) bool { return math.IsNaN(float64(f)) }, "last": func(t time.Time) time.Time { return t.Add(-time.Second) },
}).Parse(reportPage))

// WriteHTML writes the review as one page that needs nothing else: no script, no font, no
// image from elsewhere. It reads on a telephone, on paper, and in light and dark.
func (q *QuarterReview) WriteHTML(w io.Writer) error {
	return reportTemplate.Execute(w, struct {
		*QuarterReview
		Charts map[string]template.HTML
	}{q, q.charts()})
}

// captioned is a chart with its caption; there may be nothing to draw.
type captioned struct {
	Chart   template.HTML
	Caption string
}

// charts draws what there is something to draw of.
func (q *QuarterReview) charts() map[string]template.HTML {
	all := map[string]template.HTML{}
	add := func(f figure) {
		if len(f.rows) > 0 {
			all[f.id] = f.draw()
		}
	}
	add(q.tierChart())
	add(q.quarterChart())
	add(q.driftChart())
	add(q.missingChart())
	add(q.triggerChart())
	add(q.criterionChart())
	add(q.stalledChart())
	add(q.providerChart())
	add(q.decisionChart())
	add(q.draftChart())
	return all
}

func (q *QuarterReview) tierChart() figure {
	f := figure{id: "tiers", title: "Win rate by the tier when the deal opened, " + q.Quarter, bars: true, unit: "won deals of those that closed in the quarter"}
	for _, t := range q.Tiers {
		f.rows = append(f.rows, row{label: t.Tier, right: ofN(t.WinRate), marks: []Estimate{t.WinRate}, tick: none})
	}
	return f.withShares()
}

func (q *QuarterReview) quarterChart() figure {
	f := figure{id: "quarters", title: "Win rate by quarter", bars: true, unit: "won deals of those that closed"}
	for _, k := range q.Quarters {
		f.rows = append(f.rows, row{label: k.Quarter, right: ofN(k.Rate), marks: []Estimate{k.Rate}, tick: none})
	}
	return f.withShares()
}

func (q *QuarterReview) driftChart() figure {
	f := figure{id: "drift", title: "Share of the tiers among all accounts", bars: true, legend: []string{"when the quarter began", "when it ended"}}
	if q.Drift == nil {
		return f
	}
	for _, t := range q.Drift.Tiers {
		f.rows = append(f.rows, row{label: t.Tier, right: fromTo(t.Start, t.End), marks: []Estimate{t.Start, t.End}, tick: none})
	}
	return f.withShares()
}

func (q *QuarterReview) missingChart() figure {
	f := figure{id: "missing", title: "Share of accounts of which a field is unknown", bars: true, legend: []string{"when the quarter began", "when it ended"}}
	if q.Drift == nil {
		return f
	}
	for _, d := range q.Drift.Fields {
		f.rows = append(f.rows, row{label: spaced(d.Field), right: fromTo(d.MissingStart, d.MissingEnd), marks: []Estimate{d.MissingStart, d.MissingEnd}, tick: none})
	}
	return f.withShares()
}

func (q *QuarterReview) triggerChart() figure {
	f := figure{
		id: "triggers", title: "Odds of winning after a kind of signal, against deals of the same tier without it",
		unit: "times the odds; to the right of 1 it wins more", legend: []string{"within tiers (Mantel and Haenszel)"},
	}
	for _, t := range q.Triggers {
		if t.Deals > 0 {
			f.rows = append(f.rows, row{label: spaced(t.Kind), right: sayOdds(t.Odds), marks: []Estimate{t.Odds}, tick: none})
		}
	}
	f.axis = oddsAxis(f.rows)
	f.says = f.inWords()
	return f
}

func (q *QuarterReview) criterionChart() figure {
	f := figure{
		id: "criteria", title: "What full credit of a criterion multiplies the odds of winning by, the others being equal",
		unit:   "times the odds; to the right of 1 it wins more",
		legend: []string{"in the quarter, or over all five", "in the four quarters before", "what its points stand for"},
	}
	for _, c := range q.Criteria {
		if c.All.N == 0 {
			continue
		}
		r := row{label: spaced(c.Name), right: fmt.Sprintf("%+d points", c.Points), marks: []Estimate{c.All}, tick: c.Promise}
		if c.Now.N > 0 {
			r.marks = []Estimate{c.Now, c.Before}
		}
		f.rows = append(f.rows, r)
	}
	f.axis = oddsAxis(f.rows)
	f.says = f.inWords()
	return f
}

func (q *QuarterReview) stalledChart() figure {
	f := figure{id: "stalled", title: "What stalled accounts share against those that moved", bars: true, legend: []string{"share of the stalled", "share of those that moved"}}
	for _, s := range q.Stalled.Shared[:min(len(q.Stalled.Shared), 8)] {
		f.rows = append(f.rows, row{label: s.Attribute, right: percentage(float64(s.Stalled.Value)) + " against " + percentage(float64(s.Moved.Value)), marks: []Estimate{s.Stalled, s.Moved}, tick: none})
	}
	return f.withShares()
}

func (q *QuarterReview) providerChart() figure {
	f := figure{id: "providers", title: "Hit rate by provider", bars: true, unit: "found, of the calls that it answered"}
	for _, p := range q.Providers {
		f.rows = append(f.rows, row{label: p.Provider, right: ofN(p.HitRate), marks: []Estimate{p.HitRate}, tick: none})
	}
	return f.withShares()
}

func (q *QuarterReview) decisionChart() figure {
	f := figure{id: "decisions", title: "Win rate of accounts that people decided on, or that were explored", bars: true, unit: "won deals of those that closed since"}
	for _, d := range q.Decisions.Outcomes {
		r := row{label: d.Group, right: "no deals", tick: none}
		if d.WinRate != nil {
			e := d.WinRate.estimate(d.Deals)
			r.right, r.marks = ofN(e), []Estimate{e}
		}
		f.rows = append(f.rows, r)
	}
	return f.withShares()
}

func (q *QuarterReview) draftChart() figure {
	f := figure{id: "draft", bars: true}
	if q.Proposal == nil {
		return f
	}
	b := q.Proposal.Backtests[0]
	f.title = "Win rate by tier under both models, on " + b.On
	f.legend = []string{q.Model, q.Proposal.Model}
	for i, t := range b.Before {
		was, is := t.estimate(), b.After[i].estimate()
		f.rows = append(f.rows, row{label: t.Name, right: fmt.Sprintf("%s of %d, %s of %d", percentage(float64(was.Value)), was.N, percentage(float64(is.Value)), is.N), marks: []Estimate{was, is}, tick: none})
	}
	return f.withShares()
}

func (t InTier) estimate() Estimate {
	if t.Deals == 0 {
		return noEstimate(0)
	}
	return Estimate{N: t.Deals, Value: t.WinRate, Low: Figure(t.WinRateLow), High: Figure(t.WinRateHigh)}
}

func (f figure) withShares() figure {
	f.axis = shareAxis(f.rows)
	f.says = f.inWords()
	return f
}

// inWords says what a chart shows to those who do not see it.
func (f figure) inWords() string {
	parts := make([]string, len(f.rows))
	for i, r := range f.rows {
		said := []string{r.label + ": " + r.right}
		for k, m := range r.marks {
			if s := f.markInWords(m); s != "" {
				if len(r.marks) > 1 && k < len(f.legend) {
					s = f.legend[k] + " " + s
				}
				said = append(said, s)
			}
		}
		parts[i] = strings.Join(said, ", ") + "."
	}
	return strings.Join(parts, " ")
}

func (f figure) markInWords(m Estimate) string {
	var s []string
	if f.axis.log && !math.IsNaN(float64(m.Value)) {
		s = append(s, odds(m.Value))
	}
	if !math.IsNaN(float64(m.Low)) && !math.IsNaN(float64(m.High)) {
		s = append(s, "95 % interval "+f.between(m))
	}
	return strings.Join(s, ", ")
}

func (f figure) between(e Estimate) string {
	if f.axis.log {
		return odds(e.Low) + " to " + odds(e.High)
	}
	return fmt.Sprintf("%.0f to %.0f %%", 100*e.Low, 100*e.High)
}

// percentage writes a share for people: whole per cents, tenths below ten of them.
func percentage(share float64) string {
	switch {
	case math.IsNaN(share):
		return "–"
	case math.Abs(share) > 0 && math.Abs(share) < 0.0995:
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// unbroken keeps a number and its sign on one line.
func unbroken(s string) string { return strings.ReplaceAll(s, " %", "\u00a0%") }

func ofN(e Estimate) string {
	if e.N == 0 {
		return "no deals"
	}
	return fmt.Sprintf("%s of %d", percentage(float64(e.Value)), e.N)
}

func fromTo(a, b Estimate) string {
	return percentage(float64(a.Value)) + " → " + percentage(float64(b.Value))
}

// say writes an estimate for people: its interval does not break.
func (e Estimate) say(one, bound func(Figure) string) template.HTML {
	switch {
	case math.IsNaN(float64(e.Value)):
		return "–"
	case math.IsNaN(float64(e.Low)) || math.IsNaN(float64(e.High)):
		return template.HTML(template.HTMLEscapeString(one(e.Value))) //nolint:gosec // escaped
	}
	return template.HTML(fmt.Sprintf(`%s <span class="ci">(%s to %s)</span>`, //nolint:gosec // escaped
		template.HTMLEscapeString(one(e.Value)), template.HTMLEscapeString(bound(e.Low)), template.HTMLEscapeString(bound(e.High))))
}

func sayShare(e Estimate) template.HTML {
	return e.say(func(f Figure) string { return unbroken(percentage(float64(f))) }, func(f Figure) string { return fmt.Sprintf("%.0f", 100*float64(f)) })
}

func sayTimes(e Estimate) template.HTML { return e.say(sayNumber, sayNumber) }
func sayMoney(e Estimate) template.HTML { return e.say(money, money) }
func sayDays(e Estimate) template.HTML  { return e.say(wholeDays, wholeDays) }
func wholeDays(f Figure) string         { return fmt.Sprintf("%.0f", float64(f)) }

func sayOdds(e Estimate) string {
	if math.IsNaN(float64(e.Value)) {
		return "–"
	}
	return fmt.Sprintf("%s (%s to %s)", odds(e.Value), odds(e.Low), odds(e.High))
}

func sayNumber(f Figure) string {
	if math.IsNaN(float64(f)) {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(f))
}

func sayP(p float64) string {
	if p < 0.001 {
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// sayPoints writes a difference of shares in points of a per cent.
func sayPoints(e Estimate) template.HTML {
	one := func(f Figure) string { return fmt.Sprintf("%+.1f", 100*float64(f)) }
	return e.say(one, one)
}

func sayPlus(e Estimate) template.HTML {
	one := func(f Figure) string { return fmt.Sprintf("%+.3f", float64(f)) }
	return e.say(one, one)
}

func sayBecame(b Became) template.HTML {
	if b.WinRate == nil {
		return "–"
	}
	return sayShare(b.WinRate.estimate(b.Deals))
}
