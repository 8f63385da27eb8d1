package website

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Rules recognise technologies by what a page and its headers hold. The file has
// the public shape of Wappalyzer's: technologies by name, each with patterns under
// headers, cookies, meta, scriptSrc, scripts, html and url, and with implies,
// requires and excludes. A pattern is a regular expression without regard to case,
// and may be followed by \;version:… and \;confidence:…; an empty one asks only
// that the thing is there. What needs a browser (js, dom, css, xhr) is passed over.
type Rules struct {
	technologies map[string]*technology
	skipped      int
}

// The embedded rules are our own. Collections in the same shape descend from rules under
// the GPL: none is to be copied in; who wants one loads it by SLUICE_WEBSITE_RULES.
//
//go:embed rules.json
var embedded []byte

// Embedded returns the rules that are built in, written for Sluice: the tools that
// people who run revenue operations ask about.
var Embedded = sync.OnceValue(func() *Rules {
	r, err := parseRules(embedded)
	if err != nil {
		panic("website: rules.json: " + err.Error())
	}
	return r
})

// LoadRules returns the built-in rules with those of a file added. A technology
// that is in both is the file's.
func LoadRules(path string) (*Rules, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read website rules: %w", err)
	}
	r, err := parseRules(b)
	if err != nil {
		return nil, fmt.Errorf("read website rules %s: %w", path, err)
	}
	all := maps.Clone(Embedded().technologies)
	maps.Copy(all, r.technologies)
	return &Rules{technologies: all, skipped: r.skipped}, nil
}

// Len is how many technologies the rules can recognise.
func (r *Rules) Len() int { return len(r.technologies) }

// Skipped is how many patterns of the file could not be used. They are written for
// JavaScript, whose expressions can look around; Go's cannot, and never run wild.
func (r *Rules) Skipped() int { return r.skipped }

// technology is one rule.
type technology struct {
	headers, cookies, meta       map[string][]pattern // by lower-case name
	sources, scripts, html, urls []pattern
	implies                      []implied
	requires, excludes           []string
}

type pattern struct {
	match      *regexp.Regexp // nil: anything will do
	literals   []string       // one of them is in every text that matches, in lower case
	confidence int            // percent
}

type implied struct {
	name       string
	confidence int
}

// parseRules reads a file of technologies by name, alone or under "technologies".
func parseRules(b []byte) (*Rules, error) {
	var file map[string]json.RawMessage
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, err
	}
	for _, wrapper := range []string{"technologies", "apps"} {
		var inner map[string]json.RawMessage
		if json.Unmarshal(file[wrapper], &inner) == nil && len(inner) > 0 {
			file = inner
			break
		}
	}
	r := &Rules{technologies: map[string]*technology{}}
	for name, raw := range file {
		if t := r.parse(raw); t.usable() {
			r.technologies[name] = t
		}
	}
	if len(r.technologies) == 0 {
		return nil, errors.New("no rule in it that can be used")
	}
	return r, nil
}

func (r *Rules) parse(raw json.RawMessage) *technology {
	var in map[string]json.RawMessage
	if json.Unmarshal(raw, &in) != nil || in["requiresCategory"] != nil {
		return &technology{}
	}
	t := &technology{
		headers: r.named(in["headers"]), cookies: r.named(in["cookies"]), meta: r.named(in["meta"]),
		sources: r.patterns(in["scriptSrc"]), scripts: r.patterns(in["scripts"]), html: r.patterns(in["html"]), urls: r.patterns(in["url"]),
	}
	for _, s := range oneOrMany(in["implies"]) {
		name, confidence := suffixes(s)
		t.implies = append(t.implies, implied{name: name, confidence: confidence})
	}
	t.requires, t.excludes = names(in["requires"]), names(in["excludes"])
	return t
}

func (t *technology) usable() bool {
	return len(t.headers)+len(t.cookies)+len(t.meta)+len(t.sources)+len(t.scripts)+len(t.html)+len(t.urls) > 0
}

func names(raw json.RawMessage) []string {
	var out []string
	for _, s := range oneOrMany(raw) {
		name, _ := suffixes(s)
		out = append(out, name)
	}
	return out
}

// oneOrMany reads a text or a list of texts.
func oneOrMany(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	return nil
}

func (r *Rules) named(raw json.RawMessage) map[string][]pattern {
	var in map[string]json.RawMessage
	if json.Unmarshal(raw, &in) != nil {
		return nil
	}
	out := map[string][]pattern{}
	for name, value := range in {
		if all := r.patterns(value); len(all) > 0 {
			out[strings.ToLower(name)] = all
		}
	}
	return out
}

func (r *Rules) patterns(raw json.RawMessage) []pattern {
	var out []pattern
	for _, s := range oneOrMany(raw) {
		p, err := newPattern(s)
		if err != nil {
			r.skipped++
			continue
		}
		out = append(out, p)
	}
	return out
}

func newPattern(s string) (pattern, error) {
	expr, confidence := suffixes(s)
	if expr == "" {
		return pattern{confidence: confidence}, nil
	}
	re, err := regexp.Compile("(?i)" + expr)
	if err != nil {
		return pattern{}, err
	}
	tree, err := syntax.Parse("(?i)"+expr, syntax.Perl)
	if err != nil {
		return pattern{}, err
	}
	return pattern{match: re, literals: required(tree), confidence: confidence}, nil
}

// suffixes takes \;version:… and \;confidence:… off. Versions are not kept: no
// model asks for them.
func suffixes(s string) (expr string, confidence int) {
	parts := strings.Split(s, `\;`)
	confidence = 100
	for _, part := range parts[1:] {
		if value, ok := strings.CutPrefix(part, "confidence:"); ok {
			if n, err := strconv.Atoi(value); err == nil {
				confidence = n
			}
		}
	}
	return parts[0], confidence
}

// required returns lower-case texts of which every match holds at least one; nil if
// there is no telling. Looking for them first saves most expressions from being run
// at all, and Go's run slowly without regard to case.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if r := required(sub); shortest(r) > shortest(best) {
				best = r
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			r := required(sub)
			if r == nil {
				return nil
			}
			all = append(all, r...)
		}
		return all
	}
	return nil
}

func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// enough is the confidence, in percent, from which on a technology counts.
const enough = 50

// text is something that patterns are matched against.
type text struct{ as, lower string }

func newText(s string) text { return text{as: s, lower: strings.ToLower(s)} }

func (p *pattern) matches(t text) bool {
	if p.match == nil {
		return true
	}
	if p.literals != nil && !slices.ContainsFunc(p.literals, func(l string) bool { return strings.Contains(t.lower, l) }) {
		return false
	}
	return p.match.MatchString(t.as)
}

// evidence is what there is to match on one page.
type evidence struct {
	headers, cookies, meta map[string][]text
	sources                []text
	scripts, html, url     text
}

func newEvidence(v visit, p *page) *evidence {
	e := &evidence{
		headers: map[string][]text{}, cookies: map[string][]text{}, meta: map[string][]text{},
		scripts: newText(p.inline.String()), html: newText(p.html), url: newText(v.URL),
	}
	for name, values := range v.Header {
		e.headers[strings.ToLower(name)] = newTexts(values)
	}
	for _, c := range (&http.Response{Header: v.Header}).Cookies() {
		name := strings.ToLower(c.Name)
		e.cookies[name] = append(e.cookies[name], newText(c.Value))
	}
	for name, values := range p.metas {
		e.meta[name] = newTexts(values)
	}
	e.sources = newTexts(p.sources)
	return e
}

func newTexts(all []string) []text {
	out := make([]text, len(all))
	for i, s := range all {
		out[i] = newText(s)
	}
	return out
}

// detect returns the names of the technologies that the page shows, sorted.
func (r *Rules) detect(v visit, p *page) []string {
	e := newEvidence(v, p)
	found := map[string]int{}
	for name, t := range r.technologies {
		if c := t.confidence(e); c > 0 {
			found[name] = c
		}
	}
	r.imply(found)
	maps.DeleteFunc(found, func(name string, c int) bool { return c < enough || !r.hasRequired(name, found) })
	for name := range maps.Clone(found) {
		if t := r.technologies[name]; t != nil {
			for _, other := range t.excludes {
				delete(found, other)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// confidence adds up what the patterns say, in percent.
func (t *technology) confidence(e *evidence) int {
	sum := matchNamed(t.headers, e.headers) + matchNamed(t.cookies, e.cookies) + matchNamed(t.meta, e.meta)
	sum += matchAny(t.sources, e.sources)
	sum += matchAny(t.scripts, []text{e.scripts}) + matchAny(t.html, []text{e.html}) + matchAny(t.urls, []text{e.url})
	return min(sum, 100)
}

func matchNamed(patterns map[string][]pattern, texts map[string][]text) (sum int) {
	for name, all := range patterns {
		sum += matchAny(all, texts[name])
	}
	return sum
}

func matchAny(patterns []pattern, texts []text) (sum int) {
	for i := range patterns {
		if slices.ContainsFunc(texts, patterns[i].matches) {
			sum += patterns[i].confidence
		}
	}
	return sum
}

// imply adds what the found technologies are built on, and what those are.
func (r *Rules) imply(found map[string]int) {
	queue := slices.Collect(maps.Keys(found))
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		t := r.technologies[name]
		if t == nil || found[name] < enough {
			continue
		}
		for _, i := range t.implies {
			if c := min(i.confidence, found[name]); c > found[i.name] {
				found[i.name] = c
				queue = append(queue, i.name)
			}
		}
	}
}

func (r *Rules) hasRequired(name string, found map[string]int) bool {
	t := r.technologies[name]
	if t == nil {
		return true
	}
	return !slices.ContainsFunc(t.requires, func(other string) bool { return found[other] < enough })
}
