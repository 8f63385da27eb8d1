package providers

import (
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
)

// Bounds of what an adapter lets in. A vendor's record is outside input: beyond
// these it is a mistake, or an attempt to fill our tables.
const (
	maxText        = 300  // runes; of a label, bytes
	maxDescription = 4000 // runes
	maxItems       = 1000 // of a list; a big shop uses a few hundred technologies
	maxEmployees   = 5e6  // the largest employer of all has about two million
	maxUSD         = 1e13
	oldestCompany  = 500 // founding year; the oldest firm alive dates from 578
	oldestDate     = 1900
)

// Derived values, such as the middle of a range, never satisfy a model by
// themselves: the default threshold is 0.7.
const maxDerived = 0.6

// Facts collects what one provider says about one account. Values that mean
// "unknown" are dropped: an empty text, a zero, a nil, a label that the vocabulary
// does not know. Of two values for one field, the more confident is kept, the
// first of equals.
type Facts struct {
	provider string
	at       time.Time
	all      []account.Fact
}

// NewFacts starts a collection of what provider said at the given time.
func NewFacts(provider string, at time.Time) *Facts {
	return &Facts{provider: provider, at: at}
}

// All returns the facts, in the order of their first mention.
func (f *Facts) All() []account.Fact { return f.all }

// Text adds a text, trimmed, made printable and cut to a sane length.
func (f *Facts) Text(field account.Field, s string, confidence float64) {
	limit := maxText
	if field == account.Description {
		limit = maxDescription
	}
	if s = clean(s, limit); s != "" {
		f.add(field, account.TextValue(s), confidence, false)
	}
}

// Number adds a number. Zero and less mean "unknown" at every provider that we
// know; so do numbers that no company can have.
func (f *Facts) Number(field account.Field, n *float64, confidence float64) {
	if n != nil && f.plausible(field, *n) {
		f.add(field, account.NumberValue(*n), confidence, false)
	}
}

// List adds the items that are not empty.
func (f *Facts) List(field account.Field, items []string, confidence float64) {
	var kept []string
	for _, item := range items[:min(len(items), maxItems)] {
		if item = clean(item, maxText); item != "" {
			kept = append(kept, item)
		}
	}
	if len(kept) > 0 {
		f.add(field, account.ListValue(kept...), confidence, false)
	}
}

// Date adds the day of t. A day that had not come at the time of observation is
// filler.
func (f *Facts) Date(field account.Field, t time.Time, confidence float64) {
	if t.Year() < oldestDate || t.After(f.at.AddDate(0, 0, 1)) {
		return
	}
	f.add(field, account.DateValue(t), confidence, false)
}

// Industry adds the most specific of the labels that the vocabulary knows, given
// from the narrowest to the widest.
func (f *Facts) Industry(confidence float64, labels ...string) {
	if word, ok := vocabulary.IndustryOf(shortOnes(labels)...); ok {
		f.Text(account.Industry, word, confidence)
	}
}

// Employees adds the exact count, or where there is none the middle of the band,
// marked as derived and with a confidence of 0.6 at most.
func (f *Facts) Employees(exact *float64, band string, confidence float64) {
	if exact != nil && f.plausible(account.Employees, *exact) {
		f.Number(account.Employees, exact, confidence)
		return
	}
	if lo, hi, ok := vocabulary.EmployeeRange(short(band)); ok {
		f.band(account.Employees, float64(lo), float64(hi), vocabulary.Middle(lo, hi), confidence)
	}
}

// Revenue adds the exact figure, or where there is none the middle of the band,
// marked as derived and with a confidence of 0.6 at most. Both are US dollars a year.
func (f *Facts) Revenue(exact *float64, band string, confidence float64) {
	if exact != nil && f.plausible(account.RevenueUSD, *exact) {
		f.Number(account.RevenueUSD, exact, confidence)
		return
	}
	if lo, hi, ok := vocabulary.RevenueBand(short(band)); ok {
		f.band(account.RevenueUSD, lo, hi, vocabulary.Middle(lo, hi), confidence)
	}
}

// Country adds the ISO code of a country given by name or code.
func (f *Facts) Country(s string, confidence float64) {
	if code, ok := vocabulary.Country(short(s)); ok {
		f.Text(account.Country, code, confidence)
	}
}

// Technologies adds the technologies in our own words, without noise such as
// certificates and site-health markers.
func (f *Facts) Technologies(names []string, confidence float64) {
	var words []string
	for _, name := range shortOnes(names) {
		if word, ok := vocabulary.Technology(name); ok {
			words = append(words, word)
		}
	}
	f.List(account.Technologies, words, confidence)
}

// BusinessModel adds what the tags say of how the company sells.
func (f *Facts) BusinessModel(tags []string, confidence float64) {
	var models []string
	for _, tag := range shortOnes(tags) {
		if model, ok := businessModels[strings.ToLower(strings.TrimSpace(tag))]; ok {
			models = append(models, model)
		}
	}
	f.List(account.BusinessModel, models, confidence)
}

var businessModels = map[string]string{
	"b2b": "b2b", "b2c": "b2c", "b2g": "b2g", "b2b2c": "b2b2c", "d2c": "d2c", "dtc": "d2c", "saas": "saas",
	"software as a service": "saas", "e-commerce": "ecommerce", "ecommerce": "ecommerce", "marketplace": "marketplace",
}

// FundingStage adds the stage of the latest round.
func (f *Facts) FundingStage(s string, confidence float64) {
	if stage, ok := vocabulary.FundingStage(short(s)); ok {
		f.Text(account.FundingStage, stage, confidence)
	}
}

// CompanyType adds the kind of organisation: private, public and so on.
func (f *Facts) CompanyType(s string, confidence float64) {
	if kind, ok := vocabulary.CompanyType(short(s)); ok {
		f.Text(account.CompanyType, kind, confidence)
	}
}

// LinkedIn adds the company's page, given as a URL, a handle or a slug.
func (f *Facts) LinkedIn(s string, confidence float64) {
	f.Text(account.LinkedInURL, vocabulary.LinkedIn(short(s)), confidence)
}

// band adds the middle of a band. A band of one number is no band but that number,
// written as a text; an open one has its lower end for a middle, and is derived.
func (f *Facts) band(field account.Field, lo, hi, middle, confidence float64) {
	switch {
	case !f.plausible(field, middle):
	case lo == hi:
		f.add(field, account.NumberValue(lo), confidence, false)
	default:
		f.add(field, account.NumberValue(middle), min(confidence, maxDerived), true)
	}
}

// add keeps the value if it is of the field's kind and nothing better is there.
func (f *Facts) add(field account.Field, v account.Value, confidence float64, derived bool) {
	if kind, ok := field.Kind(); !ok || kind != v.Kind() {
		return
	}
	fact := account.Fact{
		Field: field, Value: v, Provider: f.provider,
		Confidence: min(max(confidence, 0), 1), ObservedAt: f.at, Derived: derived,
	}
	for i, old := range f.all {
		if old.Field == field {
			if confidence > old.Confidence {
				f.all[i] = fact
			}
			return
		}
	}
	f.all = append(f.all, fact)
}

func (f *Facts) plausible(field account.Field, n float64) bool {
	switch field {
	case account.Employees:
		return n > 0 && n <= maxEmployees // false for NaN, too
	case account.FoundedYear:
		return n >= oldestCompany && n <= float64(f.at.Year()) && n == math.Trunc(n)
	default:
		return n > 0 && n <= maxUSD
	}
}

// short returns a label; what is too long for one is none, and is not searched for
// one either.
func short(s string) string {
	if len(s) > maxText {
		return ""
	}
	return s
}

func shortOnes(labels []string) []string {
	kept := make([]string, 0, min(len(labels), maxItems))
	for _, label := range labels[:min(len(labels), maxItems)] {
		kept = append(kept, short(label))
	}
	return kept
}

// clean returns s on one line without what cannot be shown or stored: broken
// UTF-8 and control characters, of which Postgres refuses NUL.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > limit {
		s = strings.TrimSpace(string(runes[:limit]))
	}
	return s
}
