package icp

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/strictyaml"
)

// Limits of the section signals.
const (
	maxRoles    = 50
	maxPhrases  = 100
	maxPostings = 1000
)

// defaultRules are what a model without the section signals takes for news: no roles
// and no technologies, and of all else what every company would call news.
func defaultRules() SignalRules { return SignalRules{FirstSight: 30 * day, Headcount: 0.2} }

func (p *parser) signalRules(v strictyaml.Value) SignalRules {
	rules := defaultRules()
	if v.Absent() {
		return rules
	}
	o := v.Object(signalKeys.names()...)
	if o.Has("first_sight") {
		rules.FirstSight = o.Get("first_sight").Duration(modelUnits)
	}
	if o.Has("headcount") {
		rules.Headcount = p.change(o.Get("headcount"))
	}
	p.hiring(o.Get("hiring"), &rules)
	rules.Executives = p.roles(o.Get("executives"), roleKeys)
	rules.Competitors, rules.Complements = p.technologies(o.Get("technologies"))
	return rules
}

func (p *parser) hiring(v strictyaml.Value, rules *SignalRules) {
	if v.Absent() {
		return
	}
	o := v.Object(hiringKeys.names()...)
	rules.Hiring = p.roles(o.Need("roles"), hiredKeys) // a burst of postings for nobody would be none
	functions := o.Get("functions").Some(maxRoles)
	for _, f := range functions {
		rules.Functions = append(rules.Functions, f.Text())
	}
	strictyaml.Unique(functions, strings.ToLower)
	if !o.Has("burst") {
		return
	}
	b := o.Get("burst").Object(burstKeys.names()...)
	rules.Burst = Burst{
		Postings: b.Need("postings").Integer(2, maxPostings),
		Within:   b.Need("within").Duration(modelUnits),
	}
}

// roles reads a list of roles that have these keys.
func (p *parser) roles(v strictyaml.Value, known keys) []Role {
	items := v.Some(maxRoles)
	if len(items) == 0 {
		return nil
	}
	roles, names := make([]Role, len(items)), make([]strictyaml.Value, len(items))
	for i, item := range items {
		roles[i], names[i] = p.role(item, known)
	}
	strictyaml.Unique(names, strictyaml.Exactly)
	return roles
}

// roleName is stricter than a word: it is part of what tells signals apart.
var roleName = regexp.MustCompile(`^[a-z0-9-]+$`)

// role also returns the place of its name.
func (p *parser) role(v strictyaml.Value, known keys) (r Role, name strictyaml.Value) {
	o := v.Object(known.names()...)
	name = o.Need("name")
	r.Name = name.Word()
	if r.Name != "" && !roleName.MatchString(r.Name) {
		name.Fail("%q: want lower-case letters, digits and -", r.Name)
	}
	titles := o.Need("titles").Some(maxPhrases)
	r.Titles = p.phrases(titles)
	if o.Has("not") {
		r.Not = p.phrases(o.Get("not").Some(maxPhrases))
	}
	if o.Has("department") {
		r.Department = p.phrase(o.Get("department"))
	}
	for i, title := range r.Titles {
		if no := r.refuses(title); no != "" {
			titles[i].Fail("%q is never found: not has %q", strictyaml.Clip(title, 40), strictyaml.Clip(no, 40))
		}
	}
	return r, name
}

// refuses returns the phrase of Not that keeps every such title out; "" if none does.
func (r Role) refuses(title string) string {
	i := slices.IndexFunc(r.Not, func(no string) bool {
		return no != "" && strings.Contains(" "+plainWords(title)+" ", " "+plainWords(no)+" ")
	})
	if i < 0 || title == "" {
		return ""
	}
	return r.Not[i]
}

func (p *parser) phrases(items []strictyaml.Value) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = p.phrase(item)
	}
	strictyaml.Unique(items, plainWords)
	return texts
}

// phrase reads words to look for: a text of signs alone would be in no title.
func (p *parser) phrase(v strictyaml.Value) string {
	s := v.Text()
	if s != "" && plainWords(s) == "" {
		v.Fail("%q has neither letters nor digits", strictyaml.Clip(s, 40))
		return ""
	}
	return s
}

func (p *parser) technologies(v strictyaml.Value) (competitors, complements []string) {
	if v.Absent() {
		return nil, nil
	}
	o := v.Object(technologyKeys.names()...)
	theirs := o.Get("competitors").List(maxItems)
	both := append(slices.Clone(theirs), o.Get("complements").List(maxItems)...)
	names := make([]string, len(both))
	for i, item := range both {
		names[i] = p.technology(item)
	}
	strictyaml.Unique(both, strictyaml.Exactly) // one that is both would be told of twice
	return names[:len(theirs):len(theirs)], names[len(theirs):]
}

// technology reads a word of the vocabulary. Another spelling would never be found
// in an account, whose technologies are in these words.
func (p *parser) technology(v strictyaml.Value) string {
	s := v.Text()
	if s == "" {
		return ""
	}
	switch word, ok := vocabulary.Technology(s); {
	case !ok:
		v.Fail("%q is no technology that tells anything about a company", strictyaml.Clip(s, 40))
	case word != s:
		v.Fail("%q: accounts have it as %s", strictyaml.Clip(s, 40), word)
	}
	return s
}

var percentShape = regexp.MustCompile(`^(\d{1,3}(?:\.\d{1,3})?) ?%$`)

// change reads a share of change, which people may also write in per cent.
func (p *parser) change(v strictyaml.Value) float64 {
	m := percentShape.FindStringSubmatch(written(v))
	if m == nil {
		return v.Share(false)
	}
	percent, _ := strconv.ParseFloat(m[1], 64) // six digits at most
	switch {
	case percent > 100:
		v.Fail("%s is outside 0%% to 100%%", m[0])
	case percent == 0:
		v.Fail("must be above 0")
	}
	return percent / 100
}

// written returns what stands at a place, whatever it is read as: 20% is a text to
// YAML, and 0.2 is none. "" for what is no scalar.
func written(v strictyaml.Value) (s string) {
	strictyaml.Unique([]strictyaml.Value{v}, func(text string) string {
		s = text
		return text
	})
	return s
}
