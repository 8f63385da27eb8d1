package review

import (
	"fmt"
	"math"
	"slices"

	"github.com/sluicehq/sluice/icp"
)

const (
	// payRidge holds the estimates of criteria that separate won from lost: a prior with
	// a standard deviation of 3 in log-odds, which is next to none.
	payRidge = 0.1
	// perTerm is how many deals of the rarer outcome each term of a regression needs:
	// "Relaxing the rule of ten events per variable" (Vittinghoff and McCulloch, American
	// Journal of Epidemiology 165, 2007) finds five enough.
	perTerm = 5
	// steady holds the changes of the other criteria while one is looked at: a prior with a
	// standard deviation of a half in log-odds, so that what another one lost is not put
	// down to it, and the few deals of a quarter are not spent on changes that are not.
	steady = 4.0
	// leastInTime is how many deals must have earned a criterion in a time, and how many not.
	leastInTime = 10
	// A criterion is said not to pay its points when what they stand for, less a quarter,
	// can be ruled out, and the estimate is not even half of it: points are a rule of
	// thumb, so that a little less is no news.
	roughlyPaid = 0.75
	halfPaid    = 0.5
)

// estimates are the log-odds of a logistic regression with their covariance.
type estimates struct {
	b   []float64
	cov [][]float64
}

// regress fits won to the columns. The intercept is dropped.
func regress(columns [][]float64, won []bool) estimates {
	return regressEach(columns, won, slices.Repeat([]float64{payRidge}, len(columns)))
}

func regressEach(columns [][]float64, won []bool, ridge []float64) estimates {
	m := fitEach(columns, won, make([]float64, len(columns)), ridge)
	k := len(columns)
	info := newMatrix(k + 1)
	x := make([]float64, k+1)
	for i := range won {
		eta := m.intercept
		for j := range k {
			x[j] = columns[j][i]
			eta += x[j] * m.weights[j]
		}
		x[k] = 1
		p := logistic(eta)
		v := max(p*(1-p), 1e-10)
		for a := range x {
			if x[a] == 0 {
				continue
			}
			for b := 0; b <= a; b++ {
				info[a][b] += x[a] * x[b] * v
			}
		}
	}
	for j := range k {
		info[j][j] += ridge[j]
	}
	e := estimates{b: m.weights, cov: newMatrix(k)}
	for j := range k {
		unit, a := make([]float64, k+1), newMatrix(k+1)
		unit[j] = 1
		for i := range info {
			copy(a[i], info[i])
		}
		copy(e.cov[j], solve(a, unit)[:k])
	}
	return e
}

// contrast is a weighted sum of the estimates with its standard error.
func (e estimates) contrast(c []float64) (value, sd float64) {
	variance := 0.0
	for i := range c {
		value += c[i] * e.b[i]
		for j := range c {
			variance += c[i] * c[j] * e.cov[i][j]
		}
	}
	return value, math.Sqrt(max(variance, 0))
}

func (e estimates) ratio(j, n int) Estimate {
	return ratio(e.b[j], math.Sqrt(max(e.cov[j][j], 0))).estimate(n)
}

// payModel is the deals as a regression sees them: of each criterion the share of its
// points that the deal earned, and whether its input was not known.
type payModel struct {
	model *icp.Model
	deals []*rated
	won   []bool
	now   []float64 // 1 in the quarter

	criteria []int       // of the model, that enough deals earned and enough did not
	earned   [][]float64 // of each of them
	unknown  [][]float64 // of those whose input is often not known
	points   []float64   // of each, on the scale of the score; 0 for what the score leaves out

	all     estimates
	slope   []float64 // of each criterion, the log-odds that a point of the others is worth
	changes bool      // the quarter has deals enough to look for changes
}

// payModel looks at the scored deals of the five quarters.
func (r *reviewing) payModel() *payModel {
	p := &payModel{model: r.in.Model}
	var tallies [2]tally // before, now
	for when, side := range [][]*rated{r.before, r.now} {
		for _, d := range side {
			if d.results == nil {
				continue
			}
			p.deals, p.won, p.now = append(p.deals, d), append(p.won, d.Won), append(p.now, float64(when))
			tallies[when].add(d.Won)
		}
	}
	if len(p.deals) == 0 {
		return nil
	}
	p.columns()
	all := tallies[0].plus(tallies[1])
	events := min(all.won, all.n-all.won)
	if events < perTerm*(1+len(p.criteria)+len(p.unknown)) {
		p.unknown = nil
	}
	if events < max(minEvents, perTerm*(1+len(p.criteria))) || len(p.criteria) == 0 {
		return nil
	}
	p.all = regress(slices.Concat(p.earned, [][]float64{p.now}, p.unknown), p.won)
	p.promises()
	late := min(tallies[1].won, tallies[1].n-tallies[1].won)
	early := min(tallies[0].won, tallies[0].n-tallies[0].won)
	p.changes = min(late, early) >= 2*minEvents
	return p
}

// columns makes the inputs of the regression.
func (p *payModel) columns() {
	for j := range p.model.Criteria {
		earned, unknown := make([]float64, len(p.deals)), make([]float64, len(p.deals))
		with, blank, plain := 0, 0, 0
		for i, d := range p.deals {
			res := &d.results[j]
			if share := earnedShare(res); share > 0 {
				earned[i] = share
				with++
			} else if !res.Known() {
				unknown[i] = 1
				blank++
			} else {
				plain++
			}
		}
		if with < minSupport || blank+plain < minSupport {
			continue
		}
		p.criteria = append(p.criteria, j)
		p.earned = append(p.earned, earned)
		p.points = append(p.points, scaled(p.model, j))
		if blank >= minSupport && plain >= minSupport {
			p.unknown = append(p.unknown, unknown)
		}
	}
}

// earnedShare is the share of a criterion's points that were earned, or of what it costs.
func earnedShare(r *icp.Result) float64 {
	if r.Max == 0 {
		return 0
	}
	return min(max(float64(r.Points)/float64(r.Max), 0), 1)
}

// scaled is what a criterion's points are on the scale of the score, up to a factor that
// all of them share; 0 where they do not count.
func scaled(m *icp.Model, j int) float64 {
	c := &m.Criteria[j]
	if slices.Contains(m.Apart, c.Dimension) {
		return 0
	}
	if m.Scale.Method != icp.Weighted {
		return float64(c.Points)
	}
	most := 0
	for i := range m.Criteria {
		if o := &m.Criteria[i]; o.Dimension == c.Dimension {
			most += max(o.Points, 0)
		}
	}
	for _, s := range m.Scale.Dimensions {
		if s.Dimension == c.Dimension && most > 0 {
			return float64(c.Points) * float64(s.Weight) / float64(most)
		}
	}
	return 0
}

// split fits what each criterion pays, and, after that, what it pays more in the quarter: as
// it is for one criterion, held back for the others.
func (p *payModel) split(one int) estimates {
	columns := slices.Clone(p.earned)
	ridge := slices.Repeat([]float64{payRidge}, len(columns))
	for k, column := range p.earned {
		more := make([]float64, len(column))
		for i, v := range column {
			more[i] = v * p.now[i]
		}
		columns = append(columns, more)
		if k == one {
			ridge = append(ridge, payRidge)
		} else {
			ridge = append(ridge, steady)
		}
	}
	columns = append(slices.Concat(columns, p.unknown), p.now)
	for len(ridge) < len(columns) {
		ridge = append(ridge, payRidge)
	}
	return regressEach(columns, p.won, ridge)
}

// weights of the slope: Σ w·points·b over the criteria but one, with w by how sure each
// is. It is least squares through the origin.
func (p *payModel) slopeWeights(but int) []float64 {
	c := make([]float64, len(p.all.b))
	sum := 0.0
	for k, points := range p.points {
		if k != but && points != 0 {
			w := 1 / max(p.all.cov[k][k], 1e-9)
			c[k] = w * points
			sum += w * points * points
		}
	}
	for k := range c {
		if sum > 0 {
			c[k] /= sum
		}
	}
	return c
}

// promises works out what a point is worth by the other criteria.
func (p *payModel) promises() {
	p.slope = make([]float64, len(p.criteria))
	for k := range p.criteria {
		others := 0
		for l, points := range p.points {
			if l != k && points != 0 {
				others++
			}
		}
		p.slope[k] = math.NaN()
		if others < 2 || p.points[k] == 0 {
			continue
		}
		if s, _ := p.all.contrast(p.slopeWeights(k)); s > 0 {
			p.slope[k] = s
		}
	}
}

// pays tests whether a criterion pays less than its points stand for: the chance of so
// little if it paid three quarters of that.
func (p *payModel) pays(k int) (below float64) {
	if math.IsNaN(p.slope[k]) {
		return 1
	}
	c := p.slopeWeights(k)
	for i := range c {
		c[i] *= -roughlyPaid * p.points[k]
	}
	c[k] = 1
	value, sd := p.all.contrast(c)
	paid := p.all.b[k] / (p.slope[k] * p.points[k])
	if p.points[k] < 0 {
		value = -value
	}
	if paid > halfPaid {
		return 1
	}
	return upperNormal(-value / sd)
}

// inQuarter is what a criterion pays in the quarter.
func (p *payModel) inQuarter(e estimates, k int) (value, sd float64) {
	c := make([]float64, len(e.b))
	c[k], c[len(p.criteria)+k] = 1, 1
	return e.contrast(c)
}

// count is how many deals earned any of a criterion, and how many not, in a time.
func (p *payModel) count(k int, when float64) (with, without int) {
	for i, v := range p.earned[k] {
		switch {
		case p.now[i] != when:
		case v > 0:
			with++
		default:
			without++
		}
	}
	return with, without
}

// criteria says what each criterion pays.
func (r *reviewing) criteria() {
	p := r.payModel()
	r.pay = p
	if p == nil {
		r.out.Thin = fmt.Sprintf("%d scored deals with new customers closed in the five quarters: too few of one outcome for %d criteria (each needs %d), so what criteria pay cannot be told and nothing is proposed",
			r.scored(), len(r.in.Model.Criteria), perTerm)
		return
	}
	if !p.changes {
		r.note("the quarter has too few deals of one outcome to tell whether a criterion pays other than before (%d won and %d lost are the least)", 2*minEvents, 2*minEvents)
	}
	for j := range r.in.Model.Criteria {
		r.out.Criteria = append(r.out.Criteria, r.criterion(p, j))
	}
}

func (r *reviewing) scored() int {
	n := 0
	for _, side := range [][]*rated{r.now, r.before} {
		for _, d := range side {
			if d.results != nil {
				n++
			}
		}
	}
	return n
}

func (r *reviewing) criterion(p *payModel, j int) CriterionPay {
	c := &r.in.Model.Criteria[j]
	pay := CriterionPay{
		Name: c.Name, Points: c.Points, Now: noEstimate(0), Before: noEstimate(0), All: noEstimate(0), Promise: none, ChangeP: 1, PayP: 1, Says: "too few deals earned it, or too few did not",
	}
	for _, d := range p.deals {
		if earnedShare(&d.results[j]) > 0 {
			pay.With++
		}
		if !d.results[j].Known() {
			pay.Unknown++
		}
	}
	k := slices.Index(p.criteria, j)
	if k < 0 {
		return pay
	}
	pay.Says = ""
	pay.All = p.all.ratio(k, pay.With)
	if !math.IsNaN(p.slope[k]) {
		pay.Promise = Figure(math.Exp(p.slope[k] * p.points[k]))
		pay.PayP = p.pays(k)
		r.looked.test(ofPay, pay.PayP, func() Claim { return payClaim(pay) })
	}
	nowWith, nowWithout := p.count(k, 1)
	beforeWith, beforeWithout := p.count(k, 0)
	if !p.changes || min(nowWith, nowWithout, beforeWith, beforeWithout) < leastInTime {
		return pay
	}
	e := p.split(k)
	pay.Before = e.ratio(k, beforeWith)
	pay.Now = ratio(p.inQuarter(e, k)).estimate(nowWith)
	more := len(p.criteria) + k
	difference, sd := e.b[more], math.Sqrt(max(e.cov[more][more], 0))
	z := difference / sd
	pay.ChangeP = twoSided(z)
	if c.Points < 0 { // what counts against an account pays by its absence
		z = -z
	}
	claim := func() Claim { return changeClaim(pay, ratio(difference, sd).estimate(nowWith+beforeWith)) }
	r.looked.test(ofFall, upperNormal(-z), claim)
	r.looked.test(ofRise, upperNormal(z), claim)
	return pay
}

// odds writes an odds ratio for people.
func odds(f Figure) string {
	switch v := float64(f); {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func payClaim(pay CriterionPay) Claim {
	return Claim{
		Kind: "criterion", Subject: pay.Name, Now: pay.All, Before: noEstimate(0), Effect: pay.All,
		Sentence: fmt.Sprintf("%s does not pay its %d points: over the five quarters it multiplied the odds of winning by %s (95 %% %s to %s), where its points stand for %s by what the other criteria pay.",
			spaced(pay.Name), pay.Points, odds(pay.All.Value), odds(pay.All.Low), odds(pay.All.High), odds(pay.Promise)),
		Action: "Lower its points; the draft does.",
	}
}

// changed says how what it pays changed.
func (p *CriterionPay) changed() string {
	switch {
	case p.worth(p.Now.Value) > p.worth(p.Before.Value):
		return "pays more than before"
	case min(p.worth(p.Now.Low), p.worth(p.Now.High)) <= 0:
		return "no longer pays"
	}
	return "pays less than before"
}

func changeClaim(pay CriterionPay, effect Estimate) Claim {
	return Claim{
		Kind: "criterion", Subject: pay.Name, Now: pay.Now, Before: pay.Before, Effect: effect,
		Sentence: fmt.Sprintf("%s %s: in the quarter it multiplied the odds of winning by %s (95 %% %s to %s), in the four before by %s (%s to %s), the other criteria being equal.",
			spaced(pay.Name), pay.changed(), odds(pay.Now.Value), odds(pay.Now.Low), odds(pay.Now.High), odds(pay.Before.Value), odds(pay.Before.Low), odds(pay.Before.High)),
		Action: "Ask sales whether they see it too, then sign off its new points; the draft has them.",
	}
}

// worth is the logarithm of an odds ratio, above 0 for what its sign says.
func (p *CriterionPay) worth(odds Figure) float64 {
	log := math.Log(float64(odds))
	if p.Points < 0 {
		return -log
	}
	return log
}
