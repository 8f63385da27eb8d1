package icp

import (
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/strictyaml"
)

func (p *parser) scale(v strictyaml.Value) Scale {
	o := v.Object(scaleKeys.names()...)
	s := Scale{
		Method: Method(o.Need("method").OneOf(string(Sum), string(Proportional), string(Weighted))),
		Min:    o.Need("min").Integer(-maxBound, maxBound),
		Max:    o.Need("max").Integer(-maxBound, maxBound),
	}
	if o.Has("min") && o.Has("max") && s.Max <= s.Min {
		o.Get("max").Fail("%d must be above min (%d)", s.Max, s.Min)
	}
	switch {
	case s.Method == Weighted:
		s.Dimensions = p.shares(o.Need("dimensions"))
	case s.Method != "" && o.Has("dimensions"):
		o.Get("dimensions").Key().Fail("only the method weighted gives dimensions a share")
	}
	return s
}

// shares reads what the dimensions are worth, in per cent.
func (p *parser) shares(v strictyaml.Value) []Share {
	p.sharesAt = v
	var shares []Share
	before, sum := p.Count(), 0
	for name, entry := range v.Entries() {
		s := Share{Dimension: name, Weight: p.percent(entry)}
		if known := slip(name, dimensions); known != "" {
			entry.Key().Fail("%q looks like a slip (did you mean %s?)", name, known)
		}
		shares = append(shares, s)
		sum += s.Weight
	}
	switch {
	case v.Absent() || p.Count() > before:
	case len(shares) == 0:
		v.Fail("must not be empty")
	case len(shares) > maxDimensions:
		v.Fail("has %d dimensions; at most %d", len(shares), maxDimensions)
	case sum != wholeWeight:
		v.Fail("the shares add up to %s %%; want 100", strictyaml.FormatNumber(float64(sum)/100))
	}
	return shares
}

// percent reads a share in hundredths of a per cent: 30, 12.5 or 30%.
func (p *parser) percent(v strictyaml.Value) int {
	if v.Absent() {
		return 0
	}
	n, ok := strictyaml.ParseNumber(strings.TrimSuffix(strings.TrimSuffix(written(v), "%"), " "))
	hundredths := math.Round(n * 100)
	switch {
	case !ok || math.Abs(n*100-hundredths) > 1e-6:
		v.Fail("want a number of per cent with at most two decimals, such as 30 or 12.5%%")
	case n <= 0 || n > 100:
		v.Fail("%s is outside 0 to 100 per cent; a dimension that counts for nothing is left out", strictyaml.FormatNumber(n))
	default:
		return int(hundredths)
	}
	return 0
}

// apart reads the dimensions that do not count in the score.
func (p *parser) apart(v strictyaml.Value) []string {
	var names []string
	items := v.Some(len(apartDimensions))
	for _, item := range items {
		names = append(names, item.OneOf(apartDimensions...))
	}
	strictyaml.Unique(items, strictyaml.Exactly)
	return names
}

// checkDimensions holds the criteria's dimensions against those that have a share or
// stand apart.
func (p *parser) checkDimensions() {
	m := p.m
	points := map[string]int{}
	for i, c := range m.Criteria {
		points[c.Dimension] = max(points[c.Dimension], c.Points)
		shared := slices.ContainsFunc(m.Scale.Dimensions, func(s Share) bool { return s.Dimension == c.Dimension })
		if m.Scale.Method == Weighted && !shared && !slices.Contains(m.Apart, c.Dimension) {
			p.dimensionAt[i].Fail("%q has no share in scale.dimensions, so the criterion counts for nothing", c.Dimension)
		}
	}
	for name, entry := range p.sharesAt.Entries() {
		switch {
		case slices.Contains(m.Apart, name):
			entry.Key().Fail("%s is apart, so it has no share", name)
		case points[name] <= 0:
			entry.Key().Fail("no criterion of %s earns points", name)
		}
	}
	if m.Scale.Method != Weighted && !slices.ContainsFunc(m.Criteria, func(c Criterion) bool { return !slices.Contains(m.Apart, c.Dimension) }) {
		p.dimensionAt[0].Fail("all criteria are apart, so nothing counts in the score")
	}
}
