package icp

import "math/bits"

// Method says how points become a score.
type Method string

// The methods.
const (
	// Sum adds the points up and keeps the sum within the scale.
	Sum Method = "sum"
	// Proportional stretches 0 … most possible points over the scale, rounding half up.
	Proportional Method = "proportional"
	// Weighted gives each dimension its share of the scale, and of that the part of the
	// dimension's points that is earned; the whole is rounded half up.
	Weighted Method = "weighted"
)

// Scale is where scores lie. Default: sum, 0 to 100.
type Scale struct {
	Method     Method
	Min, Max   int
	Dimensions []Share // of the weighted method, in the order of the file; 100 % in all
}

// Share is what a dimension is worth in a weighted score.
type Share struct {
	Dimension string
	Weight    int // in hundredths of a per cent
}

// wholeWeight is 100 % in hundredths of a per cent.
const wholeWeight = 10_000

// reach is the least and the most that points can come to.
type reach struct{ low, high int }

// measure is one of the numbers that a score has.
type measure int

const (
	ofValue measure = iota
	ofFit
	ofEngagement
	ofIntent
	measures
)

var measureNames = [measures]string{"score", "fit", "engagement", "intent"}

// measureOf returns the number, beside the score, that a dimension counts in.
func measureOf(dimension string) measure {
	switch dimension {
	case "intent":
		return ofIntent
	case "engagement":
		return ofEngagement
	}
	return ofFit
}

// part is what points are added up in: a dimension of a weighted score, or all
// dimensions that count in one measure.
type part struct {
	measure measure
	apart   bool   // not counted in the score
	weight  int    // of a weighted score
	unit    uint64 // of a weighted score: one point, in parts of the model's measure
	points  int    // sum of all |points|, for completeness
	reach   reach
}

func (p *part) counts(in measure) bool {
	if in == ofValue {
		return !p.apart
	}
	return p.measure == in
}

// maxParts is how many parts a model has at most.
const maxParts = maxDimensions + int(measures)

// tally is what one rating gives in one part.
type tally struct {
	points, low, high int
	known             int // sum of the |points| whose input is known
}

type tallies struct {
	of   [maxParts]tally
	open bool // something is unknown, so the best and the worst may differ from what is
}

// end says which of a tally's numbers is meant.
type end int

const (
	asIs end = iota
	atWorst
	atBest
)

func (t *tally) at(e end) int {
	switch e {
	case atWorst:
		return t.low
	case atBest:
		return t.high
	default:
		return t.points
	}
}

// numbers turns points into the score's numbers.
func (m *Model) numbers(t *tallies, e end) (n [measures]int) {
	if m.Scale.Method == Weighted {
		for of := range n {
			n[of] = m.weigh(t, measure(of), e)
		}
		return n
	}
	for i := range m.parts {
		p, points := &m.parts[i], t.of[i].at(e)
		n[p.measure] += points
		if !p.apart {
			n[ofValue] += points
		}
	}
	for of := range n {
		n[of] = m.Scale.place(n[of], m.most[of])
	}
	return n
}

// place turns points into a score, where most is the best possible sum of points.
func (s *Scale) place(points, most int) int {
	switch {
	case s.Method == Sum:
		return min(max(points, s.Min), s.Max)
	case most <= 0:
		return s.Min
	}
	earned := min(max(points, 0), most)
	return s.Min + (2*earned*(s.Max-s.Min)+most)/(2*most)
}

// weigh adds up shares exactly: in units of 1/common, of which each dimension's most
// is a divisor, in 128 bits. So neither the order of dimensions nor a float's last
// bit can move a score over a boundary.
func (m *Model) weigh(t *tallies, of measure, e end) int {
	var hi, lo, carry uint64
	weight := 0
	span := uint64(m.Scale.Max - m.Scale.Min)
	for i := range m.parts {
		p := &m.parts[i]
		if !p.counts(of) {
			continue
		}
		weight += p.weight
		earned := uint64(min(max(t.of[i].at(e), 0), p.reach.high))
		h, l := bits.Mul64(2*span*uint64(p.weight), p.unit*earned)
		lo, carry = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, carry)
	}
	if weight == 0 {
		return m.Scale.Min
	}
	twice, _ := bits.Div64(hi, lo, m.common) // at most 2·span·weight, so it cannot overflow
	return m.Scale.Min + (int(twice)+weight)/(2*weight)
}

// extreme returns the worst or the best that a measure can come to.
func (m *Model) extreme(of measure, e end) int {
	var t tallies
	for i, p := range m.parts {
		t.of[i] = tally{low: p.reach.low, high: p.reach.high}
	}
	return m.numbers(&t, e)[of]
}

// completeness is the share of all |points| whose input is known; where dimensions
// have shares, each counts with its own.
func (m *Model) completeness(t *tallies) float64 {
	if m.Scale.Method == Weighted {
		share := 0.0
		for i, p := range m.parts {
			if !p.apart {
				share += float64(p.weight*t.of[i].known) / float64(p.points)
			}
		}
		return min(share/wholeWeight, 1)
	}
	known, all := 0, 0
	for i, p := range m.parts {
		known += t.of[i].known
		all += p.points
	}
	if all == 0 {
		return 0
	}
	return float64(known) / float64(all)
}

// divide gives the model its parts, and each criterion the one that it counts in.
// False: the dimensions' points have no common multiple that can be reckoned with.
func (m *Model) divide() bool {
	m.parts = nil
	if m.Scale.Method == Weighted {
		for _, d := range m.Scale.Dimensions {
			m.parts = append(m.parts, part{measure: measureOf(d.Dimension), weight: d.Weight})
		}
	} else {
		m.parts = append(m.parts, part{measure: ofFit}, part{measure: ofEngagement, apart: m.setApart(ofEngagement)}, part{measure: ofIntent, apart: m.setApart(ofIntent)})
	}
	for i := range m.Criteria {
		c := &m.Criteria[i]
		c.compile()
		c.part = m.partOf(c.Dimension)
		p := &m.parts[c.part]
		p.points += c.weight()
		p.reach.low += c.reach.low
		p.reach.high += c.reach.high
	}
	m.most = [measures]int{}
	for of := range measures {
		for i := range m.parts {
			if m.parts[i].counts(of) {
				m.most[of] += m.parts[i].reach.high
			}
		}
	}
	return m.Scale.Method != Weighted || m.measureUp()
}

func (m *Model) setApart(of measure) bool {
	for _, dimension := range m.Apart {
		if measureOf(dimension) == of {
			return true
		}
	}
	return false
}

// partOf returns the part of a dimension. One that a weighted score has no share for
// is apart: it has a part of its own.
func (m *Model) partOf(dimension string) int {
	of := measureOf(dimension)
	if m.Scale.Method != Weighted {
		return int(of - ofFit)
	}
	for i, d := range m.Scale.Dimensions {
		if d.Dimension == dimension {
			return i
		}
	}
	for i := len(m.Scale.Dimensions); i < len(m.parts); i++ {
		if m.parts[i].measure == of {
			return i
		}
	}
	m.parts = append(m.parts, part{measure: of, apart: true, weight: wholeWeight})
	return len(m.parts) - 1
}

// measureUp finds the common unit of the parts' points.
func (m *Model) measureUp() bool {
	m.common = 1
	for _, p := range m.parts {
		most := uint64(max(p.reach.high, 1))
		hi, lo := bits.Mul64(m.common, most/gcd(m.common, most))
		if hi != 0 || lo >= 1<<62 {
			return false
		}
		m.common = lo
	}
	for i := range m.parts {
		m.parts[i].unit = m.common / uint64(max(m.parts[i].reach.high, 1))
	}
	return true
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
