package review

import (
	"cmp"
	"math"
	"slices"
)

// card is a model in the making: criteria with whole points.
type card struct {
	rules    []rule
	min, max int // of the scale
}

// rule is a criterion: what one attribute earns, or what it costs.
type rule struct {
	*chosen
	points []int // of each level; all of one sign or 0
}

// score is a deal's sum of points, kept within the scale.
func (c *card) score(deal int) int { return min(max(c.sum(deal), c.min), c.max) }

func (c *card) sum(deal int) int {
	sum := 0
	for i := range c.rules {
		sum += c.rules[i].points[c.rules[i].levelOf(deal)]
	}
	return sum
}

// full is the heaviest of a rule's points.
func (r *rule) full() int {
	return slices.MaxFunc(r.points, func(a, b int) int { return cmp.Compare(abs(a), abs(b)) })
}

func abs(n int) int { return max(n, -n) }

const (
	most     = 100 // what a perfect account may score
	maxRules = 12
	heavy    = 10    // from here on points go in steps of 5
	minority = 0.25  // of the deals: so few that being one of them is a risk
	clipLoss = 0.001 // of AUC: what a scale from 0 may cost
)

// newCard turns log-odds into points. A level that a criterion cannot name, which is
// "anything else", has none. Where all deals have a level that can be named, the worst
// has none, or the best if only a minority has another: then the attribute is a
// criterion against those. So each attribute is one criterion, or one for and one
// against.
func newCard(all []chosen, deals []int, least int) *card {
	target := make([]float64, len(deals))
	for c := range all {
		for k, i := range deals {
			target[k] += all[c].odds[all[c].levelOf(i)]
		}
	}
	var worth [][]float64 // of each level, from the one without points
	for c := range all {
		worth = append(worth, relative(&all[c], least))
	}
	best, closest := (*card)(nil), math.Inf(-1)
	for total := most; total >= most/2; total -= 5 { // the grid suits some totals better
		c := roundCard(all, worth, float64(total))
		if near := c.adjust(deals, target); best == nil || c.total() <= most && (best.total() > most || near > closest+0.001) {
			best, closest = c, near
		}
	}
	best.tidy()
	best.max = max(best.total(), 1)
	return best
}

// relative returns the log-odds of each level less those of the level without points.
func relative(c *chosen, least int) []float64 {
	t := c.grouping.tallies
	zero := 0
	if t[0].n < least && len(t) > 1 {
		largest, low, high := 1, 1, 1
		for i := 1; i < len(t); i++ {
			if t[i].n > t[largest].n {
				largest = i
			}
			if c.odds[i] < c.odds[low] {
				low = i
			}
			if c.odds[i] > c.odds[high] {
				high = i
			}
		}
		all := c.total()
		if zero = low; largest == high && float64(all.n-t[high].n) < minority*float64(all.n) {
			zero = high
		}
	}
	out := make([]float64, len(t))
	for i := range t {
		if i > 0 { // "anything else" cannot be named
			out[i] = c.odds[i] - c.odds[zero]
		}
	}
	return out
}

// roundCard makes the rules whose points for an account add up to about total at most.
func roundCard(all []chosen, worth [][]float64, total float64) *card {
	up, down := 0.0, 0.0
	for _, w := range worth {
		up += max(0, slices.Max(w))
		down += max(0, -slices.Min(w))
	}
	c := &card{min: math.MinInt, max: math.MaxInt}
	factor := total / max(up, down/2, 0.01) // what speaks against accounts may weigh twice as much
	for i := range all {
		for _, sign := range []float64{1, -1} {
			r := rule{chosen: &all[i], points: make([]int, len(worth[i]))}
			for level, w := range worth[i] {
				if w*sign > 0 {
					r.points[level] = int(sign) * readable(factor*math.Abs(w))
				}
			}
			if r.full() != 0 {
				c.rules = append(c.rules, r)
			}
		}
	}
	return c
}

// readable is the nearest number of points that people can keep in mind.
func readable(points float64) int {
	if points < 1.5 {
		return 0
	}
	if points < heavy-2.5 {
		return min(int(math.Round(points)), 5)
	}
	return 5 * int(math.Round(points/5))
}

// next returns the readable points beside p, towards and away from 0.
func next(p int) (less, more int) {
	sign := 1
	if p < 0 {
		sign, p = -1, -p
	}
	switch {
	case p == 2:
		less = 0
	case p <= 5:
		less = p - 1
	default:
		less = p - 5
	}
	if more = p + 1; p >= 5 {
		more = p + 5
	}
	return sign * less, sign * more
}

func (c *card) total() int {
	sum := 0
	for i := range c.rules {
		sum += max(0, c.rules[i].full())
	}
	return sum
}

// adjust moves single points up and down as long as the sums come closer to the target,
// so that what one rounding loses another makes up for. It returns how close they are:
// the correlation.
func (c *card) adjust(deals []int, target []float64) float64 {
	f := newFitting(c, deals, target)
	near := f.correlation()
	for range 4 {
		moved := false
		for i := range c.rules {
			r := &c.rules[i]
			in := r.members(deals)
			for level, p := range r.points {
				if p == 0 {
					continue
				}
				less, more := next(p)
				for _, q := range []int{less, more} {
					by := float64(q - r.points[level])
					f.shift(in[level], by)
					if at := f.correlation(); at > near+1e-9 {
						near, moved, r.points[level] = at, true, q
					} else {
						f.shift(in[level], -by)
					}
				}
			}
		}
		if !moved {
			break
		}
	}
	return near
}

// members lists the places of the deals in each level.
func (r *rule) members(deals []int) [][]int {
	in := make([][]int, len(r.points))
	for k, i := range deals {
		level := r.levelOf(i)
		in[level] = append(in[level], k)
	}
	return in
}

// fitting is how sums of points and the target go together, kept up to date as the
// points of a level change. The target has mean 0. Sums are whole, so that nothing is
// lost by going to and fro.
type fitting struct {
	sums, target  []float64
	x, xx, xy, yy float64
}

func newFitting(c *card, deals []int, target []float64) *fitting {
	f := &fitting{sums: make([]float64, len(deals)), target: make([]float64, len(deals))}
	mean := 0.0
	for _, y := range target {
		mean += y / float64(len(target))
	}
	for k, i := range deals {
		s, y := float64(c.sum(i)), target[k]-mean
		f.sums[k], f.target[k] = s, y
		f.x += s
		f.xx += s * s
		f.xy += s * y
		f.yy += y * y
	}
	return f
}

func (f *fitting) shift(members []int, by float64) {
	for _, k := range members {
		f.x += by
		f.xx += by * (2*f.sums[k] + by)
		f.xy += by * f.target[k]
		f.sums[k] += by
	}
}

func (f *fitting) correlation() float64 {
	spread := f.xx - f.x*f.x/float64(len(f.sums))
	if spread <= 0 || f.yy <= 0 {
		return 0
	}
	return f.xy / math.Sqrt(spread*f.yy)
}

// tidy drops rules that have lost all points, puts the heaviest first, and sees to it
// that full credit is more than any other: models want that.
func (c *card) tidy() {
	for i := range c.rules {
		r := &c.rules[i]
		full, sign := r.full(), 1
		if full < 0 {
			sign = -1
		}
		for k, other := range r.credits() {
			if k > 0 && other.points == full {
				for _, level := range other.levels {
					r.points[level] -= sign
				}
			}
		}
	}
	c.rules = slices.DeleteFunc(c.rules, func(r rule) bool { return len(r.points) == 0 || r.full() == 0 })
	slices.SortStableFunc(c.rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(sideOf(a), sideOf(b)), cmp.Compare(abs(b.full()), abs(a.full())))
	})
}

// sideOf puts what speaks for an account before what speaks against it.
func sideOf(r rule) int {
	if r.full() > 0 {
		return 0
	}
	return 1
}

// floor sets the least of the scale: 0, or lower when too many accounts would share it.
func (c *card) floor(deals []int, good []bool) {
	raw, kept := make([]float64, len(deals)), make([]float64, len(deals))
	low := 0
	for i := range c.rules {
		low += min(0, slices.Min(c.rules[i].points))
	}
	for k, i := range deals {
		raw[k] = float64(c.sum(i))
		kept[k] = max(raw[k], 0)
	}
	won := pick(good, deals)
	c.min = 0
	if place(raw, won).auc-place(kept, won).auc > clipLoss {
		c.min = 10 * int(math.Floor(float64(low)/10))
	}
}
