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
	p.dimensionAt = make([]strictyaml.Value, len(items))
	for i, item := range items {
		o := item.Object(criterionKeys.names()...)
		all[i], names[i], p.dimensionAt[i] = p.criterion(o), o.Get("name"), o.Get("dimension")
	}
	strictyaml.Unique(names, strictyaml.Exactly)
	return all
}

func (p *parser) criterion(o strictyaml.Object) Criterion {
	c := Criterion{
		Name:      o.Need("name").Word(),
		Dimension: o.Need("dimension").Word(),
		Points:    p.points(o.Need("points")),
		Unknown:   CountsAsNo,
	}
	if known := slip(c.Dimension, dimensions); known != "" {
		o.Get("dimension").Fail("%q looks like a slip (did you mean %s?)", c.Dimension, known)
	}
	p.subject(&c, o)
	if p.requires(&c) {
		c.Unknown = Widen
	}
	if o.Has("unknown") {
		c.Unknown = Unknown(o.Get("unknown").OneOf(string(Widen), string(CountsAsNo)))
	}
	if c.When != nil || o.Has("when") {
		p.conditional(&c, o)
		return c
	}
	if match := p.matcher(o, &c); match != nil {
		c.Credits = []Credit{{Match: match, Points: c.Points}}
	}
	p.partial(&c, o.Get("partial"))
	p.halfLife(&c, o)
	return c
}

// requires reports whether c looks at a field that the waterfall must find.
func (p *parser) requires(c *Criterion) bool {
	if c.When != nil {
		return slices.ContainsFunc(c.When.fields, func(f account.Field) bool { return slices.Contains(p.m.Required, f) })
	}
	return c.Field != "" && c.Of == Own && slices.Contains(p.m.Required, c.Field)
}

// conditional reads the rest of a criterion that has an expression.
func (p *parser) conditional(c *Criterion, o strictyaml.Object) {
	for _, key := range slices.Concat([]string{"partial", "half_life"}, matcherKeys.names()) {
		o.Get(key).Key().Fail("does not go with when, which says it all")
	}
	c.Credits = []Credit{{Match: flag(true), Points: c.Points}}
}

// halfLife reads how fast points decay with the age of what earned them.
func (p *parser) halfLife(c *Criterion, o strictyaml.Object) {
	v := o.Get("half_life")
	switch {
	case v.Absent():
	case c.Field != "" && !c.dated():
		v.Key().Fail("only signals and dates age; %s is a %s", c.Field, c.kind)
	case o.Has("partial"):
		v.Key().Fail("beside partial; one way to lose points with age is enough")
	default:
		c.HalfLife = v.Duration(modelUnits)
	}
}

func (p *parser) points(v strictyaml.Value) int {
	before := p.Count()
	n := v.Integer(-maxPoints, maxPoints)
	if n == 0 && !v.Absent() && p.Count() == before {
		v.Fail("0 points change nothing; remove the criterion or give it weight")
	}
	return n
}

// subject reads what a criterion looks at: a field, signals or an expression.
func (p *parser) subject(c *Criterion, o strictyaml.Object) {
	var found []string
	for _, key := range []string{"field", "signal", "when"} {
		if o.Has(key) {
			found = append(found, key)
		}
	}
	switch {
	case o.Absent():
	case len(found) == 0:
		o.Fail("missing key field (or signal, or when)")
	case len(found) > 1:
		o.Get(found[1]).Fail("a criterion has one of field, signal and when, not both %s and %s", found[0], found[1])
		return
	}
	p.whose(c, o)
	switch {
	case o.Has("field") && o.Has("of") && p.m.Subject != SubjectContact:
		c.Field, c.kind = p.contactField(o.Get("field"))
	case o.Has("field"):
		c.Field, c.kind = p.field(o.Get("field"))
	case o.Has("signal"):
		c.Signals = p.signals(o.Get("signal"))
	case o.Has("when"):
		c.When = p.expression(o.Get("when"), p.kindOf)
	}
}

// whose reads whose field a criterion looks at.
func (p *parser) whose(c *Criterion, o strictyaml.Object) {
	of := o.Get("of")
	switch {
	case of.Absent():
	case p.m.Subject == SubjectContact:
		of.Key().Fail("a model of contacts looks at the contact's own fields")
	case !o.Has("field"):
		of.Key().Fail("only a field can be another's")
	default:
		c.Of = Whose(of.OneOf(string(BestContact), string(BuyingCommittee)))
	}
	switch contacts := o.Get("contacts"); {
	case c.Of == BuyingCommittee:
		c.Contacts = o.Need("contacts").Integer(2, maxContacts)
	case !contacts.Absent() && (of.Absent() || c.Of == BestContact):
		contacts.Key().Fail("only a buying committee has a number of contacts")
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
	for _, key := range matcherKeys.names() {
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
		o := item.Object(partialKeys.names()...)
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
