package icp

import (
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/strictyaml"
)

func (p *parser) criteria(v strictyaml.Value) []Criterion {
	items := v.Some(maxCriteria)
	all, names := make([]Criterion, len(items)), make([]strictyaml.Value, len(items))
	for i, item := range items {
		all[i], names[i] = p.criterion(item)
	}
	strictyaml.Unique(names, strictyaml.Exactly)
	return all
}

// matcherKeys say what earns a credit, each for one kind of field.
var matcherKeys = []string{"any_of", "contains_any", "between", "at_least", "at_most", "equals", "within"}

// criterion also returns the place of its name.
func (p *parser) criterion(v strictyaml.Value) (c Criterion, name strictyaml.Value) {
	o := v.Object(append([]string{"name", "dimension", "field", "signal", "points", "partial", "unknown"}, matcherKeys...)...)
	name = o.Need("name")
	c = Criterion{
		Name:      name.Word(),
		Dimension: o.Need("dimension").Word(),
		Points:    p.points(o.Need("points")),
		Unknown:   CountsAsNo,
	}
	if known := slip(c.Dimension, dimensions); known != "" {
		o.Get("dimension").Fail("%q looks like a slip (did you mean %s?)", c.Dimension, known)
	}
	p.subject(&c, o)
	if slices.Contains(p.m.Required, c.Field) && c.Field != "" {
		c.Unknown = Widen
	}
	if o.Has("unknown") {
		c.Unknown = Unknown(o.Get("unknown").OneOf(string(Widen), string(CountsAsNo)))
	}
	if match := p.matcher(o, &c); match != nil {
		c.Credits = []Credit{{Match: match, Points: c.Points}}
	}
	p.partial(&c, o.Get("partial"))
	return c, name
}

func (p *parser) points(v strictyaml.Value) int {
	before := p.Count()
	n := v.Integer(-maxPoints, maxPoints)
	if n == 0 && !v.Absent() && p.Count() == before {
		v.Fail("0 points change nothing; remove the criterion or give it weight")
	}
	return n
}

// subject reads what a criterion looks at: a field or signals.
func (p *parser) subject(c *Criterion, o strictyaml.Object) {
	switch field, signal := o.Has("field"), o.Has("signal"); {
	case o.Absent():
	case field && signal:
		o.Get("signal").Fail("a criterion has a field or a signal, not both")
	case field:
		c.Field, c.kind = p.field(o.Get("field"))
	case signal:
		c.Signals = p.signals(o.Get("signal"))
	default:
		o.Fail("missing key field (or signal)")
	}
}

func (p *parser) signals(v strictyaml.Value) []string {
	items := v.Some(maxItems)
	kinds := make([]string, len(items))
	for i, item := range items {
		kinds[i] = item.Word()
		if known := slip(kinds[i], signalKinds); known != "" {
			item.Fail("%q looks like a slip (did you mean %s?)", kinds[i], known)
		}
	}
	strictyaml.Unique(items, strictyaml.Exactly)
	return kinds
}

// matcher reads the one matcher of a criterion or of a partial credit; nil if
// there is none to be had.
func (p *parser) matcher(o strictyaml.Object, c *Criterion) Matcher {
	var found []string
	for _, key := range matcherKeys {
		if o.Has(key) {
			found = append(found, key)
		}
	}
	switch {
	case o.Absent():
		return nil
	case len(found) == 0:
		o.Fail("missing key: %s", fitting(c))
		return nil
	case len(found) > 1:
		o.Get(found[1]).Fail("beside %s; one matcher is enough%s", found[0], bothBounds(found))
		return nil
	}
	return p.match(found[0], o.Get(found[0]), c)
}

func bothBounds(found []string) string {
	return either(slices.Equal(found, []string{"at_least", "at_most"}), " (for both bounds: between)", "")
}

// matchersFor says which matchers suit which kind of field; signals have no kind.
var matchersFor = map[account.Kind][]string{
	account.TextKind:   {"any_of", "equals"},
	account.ListKind:   {"contains_any"},
	account.NumberKind: {"between", "at_least", "at_most", "equals"},
	account.BoolKind:   {"equals"},
	account.DateKind:   {"within"},
	account.NoKind:     {"within"},
}

func fitting(c *Criterion) string { return strings.Join(matchersFor[c.kind], " or ") }

// match reads a matcher's value. Where the criterion's own subject is in doubt, it
// is left alone.
func (p *parser) match(key string, v strictyaml.Value, c *Criterion) Matcher {
	if v.Absent() || c.Field == "" && c.Signals == nil {
		return nil
	}
	if !slices.Contains(matchersFor[c.kind], key) {
		what := "a signal"
		if c.Field != "" {
			what = string(c.Field) + " (" + c.kind.String() + ")"
		}
		v.Fail("does not fit %s; use %s", what, fitting(c))
		return nil
	}
	switch key {
	case "any_of", "contains_any":
		return p.words(v)
	case "between":
		return p.between(v)
	case "within":
		if d := v.Duration(modelUnits); d > 0 {
			return newRecency(d)
		}
		return nil
	case "equals":
		return p.equals(v, c.kind)
	}
	return p.bound(key, v)
}

func (p *parser) words(v strictyaml.Value) Matcher {
	before := p.Count()
	items := v.Some(maxItems)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.Text()
	}
	strictyaml.Unique(items, strings.ToLower)
	if p.Count() > before || len(texts) == 0 {
		return nil
	}
	return newWords(texts)
}

func (p *parser) between(v strictyaml.Value) Matcher {
	before := p.Count()
	items := v.List(maxItems)
	if p.Count() > before {
		return nil
	}
	if len(items) != 2 {
		v.Fail("want two numbers, the least and the most: [50, 500]")
		return nil
	}
	if slices.ContainsFunc(items, func(i strictyaml.Value) bool { return i.Null() }) {
		v.Fail("want two numbers; a band that is open on one side is at_least or at_most")
		return nil
	}
	low, ok := items[0].Number()
	high, alsoOK := items[1].Number()
	if !ok || !alsoOK {
		return nil
	}
	if low > high {
		v.Fail("%s is above %s: the least comes first", strictyaml.FormatNumber(low), strictyaml.FormatNumber(high))
		return nil
	}
	return newBand(low, high)
}

func (p *parser) bound(key string, v strictyaml.Value) Matcher {
	n, ok := v.Number()
	switch {
	case !ok:
		return nil
	case key == "at_least":
		return newBand(n, math.Inf(1))
	default:
		return newBand(math.Inf(-1), n)
	}
}

func (p *parser) equals(v strictyaml.Value, kind account.Kind) Matcher {
	switch kind {
	case account.BoolKind:
		if yes, ok := v.Boolean(); ok {
			return flag(yes)
		}
	case account.NumberKind:
		if n, ok := v.Number(); ok {
			return newBand(n, n)
		}
	default:
		if s := v.Text(); s != "" {
			return newWords([]string{s})
		}
	}
	return nil
}

// partial reads the credits for inputs that miss full credit.
func (p *parser) partial(c *Criterion, v strictyaml.Value) {
	for _, item := range v.Some(maxCredits) {
		o := item.Object(append([]string{"points"}, matcherKeys...)...)
		points := p.points(o.Need("points"))
		if points != 0 && c.Points != 0 && (points > 0) != (c.Points > 0) {
			o.Get("points").Fail("%d must have the sign of the full %d", points, c.Points)
		} else if c.Points != 0 && abs(points) >= abs(c.Points) {
			o.Get("points").Fail("%d must be less than the full %d", points, c.Points)
		}
		match := p.matcher(o, c)
		if match == nil {
			continue
		}
		for i, earlier := range c.Credits {
			if both := overlap(earlier.Match, match); both != "" {
				o.Fail("overlaps %s at %s", either(i == 0, "the criterion itself", "an earlier partial credit"), both)
				break
			}
		}
		c.Credits = append(c.Credits, Credit{Match: match, Points: points})
	}
}
