package review

import (
	"cmp"
	"math"
	"slices"
)

// z95 is the normal quantile of two-sided 95 % intervals.
const z95 = 1.959963984540054

// Interval is an estimate with its 95 % confidence interval.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// wilson returns the share of hits among n with its score interval, which keeps its
// level for small n and shares near 0 and 1 (Wilson 1927; recommended by Brown, Cai
// and DasGupta, "Interval estimation for a binomial proportion", 2001).
func wilson(hits, n int) Interval {
	if n == 0 {
		return Interval{Value: math.NaN(), Low: 0, High: 1}
	}
	p, m := float64(hits)/float64(n), float64(n)
	middle := p + z95*z95/(2*m)
	spread := z95 * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	whole := 1 + z95*z95/m
	return Interval{Value: p, Low: max(0, (middle-spread)/whole), High: min(1, (middle+spread)/whole)}
}

// lift returns how many times the overall win rate the rate of a part is, with its
// interval on the logarithmic scale by the delta method over the four multinomial
// cells. Half a deal is added to each cell, so that none is empty.
func lift(part, all tally) Interval {
	a, n1 := float64(part.won)+0.5, float64(part.n)+1
	w, n := float64(all.won)+1, float64(all.n)+2
	value := a / n1 / (w / n)
	sd := math.Sqrt(max(0, 1/a-1/n1-1/w-1/n+2*a/(n1*w)))
	return Interval{Value: value, Low: value * math.Exp(-z95*sd), High: value * math.Exp(z95*sd)}
}

// tally counts deals.
type tally struct{ n, won int }

func (t *tally) add(won bool) {
	t.n++
	if won {
		t.won++
	}
}

func (t tally) plus(o tally) tally  { return tally{t.n + o.n, t.won + o.won} }
func (t tally) minus(o tally) tally { return tally{t.n - o.n, t.won - o.won} }

func (t tally) rate() float64 {
	if t.n == 0 {
		return math.NaN()
	}
	return float64(t.won) / float64(t.n)
}

// placement is what DeLong's method needs of one score: the area under its ROC curve,
// and of each deal the share of the other outcome's deals that it is on the right side of.
type placement struct {
	auc       float64
	won, lost []float64
}

// place ranks deals by score; ties count half. Mid-ranks as in Sun and Xu, "Fast
// implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014.
func place(scores []float64, won []bool) placement {
	var win, lose []float64
	for i, s := range scores {
		if won[i] {
			win = append(win, s)
		} else {
			lose = append(lose, s)
		}
	}
	m, n := float64(len(win)), float64(len(lose))
	if m == 0 || n == 0 {
		return placement{auc: math.NaN()}
	}
	all, among, against := midranks(append(slices.Clone(win), lose...)), midranks(win), midranks(lose)
	p := placement{won: make([]float64, len(win)), lost: make([]float64, len(lose))}
	for i := range win {
		p.won[i] = (all[i] - among[i]) / n
		p.auc += p.won[i] / m
	}
	for j := range lose {
		p.lost[j] = 1 - (all[len(win)+j]-against[j])/m
	}
	return p
}

// append adds the deals of another part, which were ranked among themselves.
func (p *placement) append(o placement) {
	p.won, p.lost = append(p.won, o.won...), append(p.lost, o.lost...)
	p.auc = math.NaN()
	if len(p.won) > 0 {
		sum := 0.0
		for _, w := range p.won {
			sum += w
		}
		p.auc = sum / float64(len(p.won))
	}
}

// midranks returns the rank of each value from 1 on, equal ones sharing the middle.
func midranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return ranks
}

// covariance of two AUCs measured on the same deals, by DeLong, DeLong and
// Clarke-Pearson, Biometrics 44, 1988.
func (p placement) covariance(o placement) float64 {
	return covariance(p.won, o.won)/float64(len(p.won)) + covariance(p.lost, o.lost)/float64(len(p.lost))
}

func covariance(x, y []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	var mx, my, sum float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	for i := range x {
		sum += (x[i] - mx) * (y[i] - my)
	}
	return sum / float64(len(x)-1)
}

// interval is the AUC with its 95 % interval on the logit scale, which stays within 0
// and 1 (Pepe, "The Statistical Evaluation of Medical Tests", 2003, section 5.2).
func (p placement) interval() Interval {
	if math.IsNaN(p.auc) {
		return Interval{Value: math.NaN(), Low: 0, High: 1}
	}
	sd := math.Sqrt(p.covariance(p))
	if p.auc <= 0 || p.auc >= 1 {
		return Interval{Value: p.auc, Low: max(0, p.auc-z95*sd), High: min(1, p.auc+z95*sd)}
	}
	middle, spread := logit(p.auc), z95*sd/(p.auc*(1-p.auc))
	return Interval{Value: p.auc, Low: logistic(middle - spread), High: logistic(middle + spread)}
}

// difference is p's AUC less o's, with its paired 95 % interval.
func (p placement) difference(o placement) Interval {
	d := p.auc - o.auc
	sd := math.Sqrt(max(0, p.covariance(p)+o.covariance(o)-2*p.covariance(o)))
	return Interval{Value: d, Low: d - z95*sd, High: d + z95*sd}
}

func logit(p float64) float64    { return math.Log(p / (1 - p)) }
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
