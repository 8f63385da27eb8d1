package icp

import (
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
)

func (p *parser) criteria(v value) []Criterion {
	items := v.some(maxCriteria)
	all, names := make([]Criterion, len(items)), make([]value, len(items))
	for i, item := range items {
		all[i], names[i] = p.criterion(item)
	}
	unique(names, exactly)
	return all
}

// matcherKeys say what earns a credit, each for one kind of field.
var matcherKeys = []string{"any_of", "contains_any", "between", "at_least", "at_most", "equals", "within"}

// criterion also returns the place of its name.
func (p *parser) criterion(v value) (c Criterion, name value) {
	o := v.object(append([]string{"name", "dimension", "field", "signal", "points", "partial", "unknown"}, matcherKeys...)...)
	name = o.need("name")
	c = Criterion{
		Name:      name.word(),
		Dimension: o.need("dimension").word(),
		Points:    p.points(o.need("points")),
		Unknown:   CountsAsNo,
	}
	if known := slip(c.Dimension, dimensions); known != "" {
		o.get("dimension").fail("%q looks like a slip (did you mean %s?)", c.Dimension, known)
	}
	p.subject(&c, o)
	if slices.Contains(p.required, c.Field) && c.Field != "" {
		c.Unknown = Widen
	}
	if o.has("unknown") {
		c.Unknown = Unknown(o.get("unknown").oneOf(string(Widen), string(CountsAsNo)))
	}
	if match := p.matcher(o, &c); match != nil {
		c.Credits = []Credit{{Match: match, Points: c.Points}}
	}
	p.partial(&c, o.get("partial"))
	return c, name
}

func (p *parser) points(v value) int {
	before := len(p.mistakes)
	n := v.integer(-maxPoints, maxPoints)
	if n == 0 && !v.absent() && len(p.mistakes) == before {
		v.fail("0 points change nothing; remove the criterion or give it weight")
	}
	return n
}

// subject reads what a criterion looks at: a field or signals.
func (p *parser) subject(c *Criterion, o object) {
	switch field, signal := o.has("field"), o.has("signal"); {
	case o.absent():
	case field && signal:
		o.get("signal").fail("a criterion has a field or a signal, not both")
	case field:
		c.Field, c.kind = p.field(o.get("field"))
	case signal:
		c.Signals = p.signals(o.get("signal"))
	default:
		o.fail("missing key field (or signal)")
	}
}

func (p *parser) signals(v value) []string {
	items := v.some(maxItems)
	kinds := make([]string, len(items))
	for i, item := range items {
		kinds[i] = item.word()
		if known := slip(kinds[i], signalKinds); known != "" {
			item.fail("%q looks like a slip (did you mean %s?)", kinds[i], known)
		}
	}
	unique(items, exactly)
	return kinds
}

// matcher reads the one matcher of a criterion or of a partial credit; nil if
// there is none to be had.
func (p *parser) matcher(o object, c *Criterion) Matcher {
	var found []string
	for _, key := range matcherKeys {
		if o.has(key) {
			found = append(found, key)
		}
	}
	switch {
	case o.absent():
		return nil
	case len(found) == 0:
		o.fail("missing key: %s", fitting(c))
		return nil
	case len(found) > 1:
		o.get(found[1]).fail("beside %s; one matcher is enough%s", found[0], bothBounds(found))
		return nil
	}
	return p.match(found[0], o.get(found[0]), c)
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
func (p *parser) match(key string, v value, c *Criterion) Matcher {
	if v.absent() || c.Field == "" && c.Signals == nil {
		return nil
	}
	if !slices.Contains(matchersFor[c.kind], key) {
		what := "a signal"
		if c.Field != "" {
			what = string(c.Field) + " (" + c.kind.String() + ")"
		}
		v.fail("does not fit %s; use %s", what, fitting(c))
		return nil
	}
	switch key {
	case "any_of", "contains_any":
		return p.words(v)
	case "between":
		return p.between(v)
	case "within":
		if d := v.duration(); d > 0 {
			return newRecency(d)
		}
		return nil
	case "equals":
		return p.equals(v, c.kind)
	}
	return p.bound(key, v)
}

func (p *parser) words(v value) Matcher {
	before := len(p.mistakes)
	items := v.some(maxItems)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.text()
	}
	unique(items, strings.ToLower)
	if len(p.mistakes) > before || len(texts) == 0 {
		return nil
	}
	return newWords(texts)
}

func (p *parser) between(v value) Matcher {
	before := len(p.mistakes)
	items := v.list(maxItems)
	if len(p.mistakes) > before {
		return nil
	}
	if len(items) != 2 {
		v.fail("want two numbers, the least and the most: [50, 500]")
		return nil
	}
	if slices.ContainsFunc(items, func(i value) bool { return i.describe() == "nothing" }) {
		v.fail("want two numbers; a band that is open on one side is at_least or at_most")
		return nil
	}
	low, ok := items[0].number()
	high, alsoOK := items[1].number()
	if !ok || !alsoOK {
		return nil
	}
	if low > high {
		v.fail("%s is above %s: the least comes first", number(low), number(high))
		return nil
	}
	return newBand(low, high)
}

func (p *parser) bound(key string, v value) Matcher {
	n, ok := v.number()
	switch {
	case !ok:
		return nil
	case key == "at_least":
		return newBand(n, math.Inf(1))
	default:
		return newBand(math.Inf(-1), n)
	}
}

func (p *parser) equals(v value, kind account.Kind) Matcher {
	switch kind {
	case account.BoolKind:
		if yes, ok := v.boolean(); ok {
			return flag(yes)
		}
	case account.NumberKind:
		if n, ok := v.number(); ok {
			return newBand(n, n)
		}
	default:
		if s := v.text(); s != "" {
			return newWords([]string{s})
		}
	}
	return nil
}

// partial reads the credits for inputs that miss full credit.
func (p *parser) partial(c *Criterion, v value) {
	for _, item := range v.some(maxCredits) {
		o := item.object(append([]string{"points"}, matcherKeys...)...)
		points := p.points(o.need("points"))
		if points != 0 && c.Points != 0 && (points > 0) != (c.Points > 0) {
			o.get("points").fail("%d must have the sign of the full %d", points, c.Points)
		} else if c.Points != 0 && abs(points) >= abs(c.Points) {
			o.get("points").fail("%d must be less than the full %d", points, c.Points)
		}
		match := p.matcher(o, c)
		if match == nil {
			continue
		}
		for i, earlier := range c.Credits {
			if both := overlap(earlier.Match, match); both != "" {
				o.fail("overlaps %s at %s", either(i == 0, "the criterion itself", "an earlier partial credit"), both)
				break
			}
		}
		c.Credits = append(c.Credits, Credit{Match: match, Points: points})
	}
}
