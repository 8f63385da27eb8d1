package vocabulary

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Industry folds a vendor's industry label into one of [Industries]; false where the
// label names no industry or is not known. Of a path (B2B -> Infrastructure) it takes
// the most specific part that it knows. industries.txt has the labels and why.
func Industry(label string) (string, bool) {
	match := industryTable().find(label)
	return match.word, match.word != ""
}

// IndustryOf returns the industry that the most specific of several labels of one
// company means: a label that says only the sector (Information Technology, B2B) is
// taken only if there is no better one. Among equals the first is taken, so give the
// narrowest first: sub-industry, industry, group, sector, tags.
func IndustryOf(candidates ...string) (string, bool) {
	var best industryMatch
	for _, label := range candidates {
		if match := industryTable().find(label); match.level > best.level {
			best = match
		}
	}
	return best.word, best.word != ""
}

// Industries returns the vocabulary, sorted.
func Industries() []string { return slices.Clone(industryTable().words) }

// IsIndustry reports whether word is one of [Industries]. Models may only name these.
func IsIndustry(word string) bool {
	_, found := slices.BinarySearch(industryTable().words, word)
	return found
}

// IndustryByNAICS returns the industry of a NAICS code of two to six digits, of the
// 2012, 2017 or 2022 edition.
func IndustryByNAICS(code string) (string, bool) { return industryByCode("naics", code) }

// IndustryBySIC returns the industry of an SIC code of two to four digits.
func IndustryBySIC(code string) (string, bool) { return industryByCode("sic", code) }

// IndustryByGICS returns the industry of a GICS code of two to eight digits.
func IndustryByGICS(code string) (string, bool) { return industryByCode("gics", code) }

//go:embed industries.txt
var industriesText string

//go:embed industry_codes.txt
var industryCodesText string

// How much a label says. Patterns guess, but at the industry rather than the sector.
const (
	sectorLevel = iota + 1
	patternLevel
	labelLevel
)

type industryMatch struct {
	word  string
	level int
}

type industryLabels struct {
	words              []string
	labels             map[string]industryMatch // by key; an empty word names no industry
	prefixes, suffixes []industryPattern        // longest first
}

type industryPattern struct{ key, word string }

var industryTable = sync.OnceValue(func() *industryLabels {
	t := &industryLabels{labels: map[string]industryMatch{}}
	word := ""
	for line := range entries(industriesText) {
		if strings.HasPrefix(line, "[") {
			word = t.section(strings.Trim(line, "[]"))
			continue
		}
		for _, label := range items(line) {
			t.add(word, label)
		}
	}
	slices.Sort(t.words)
	longest := func(a, b industryPattern) int { return len(b.key) - len(a.key) }
	slices.SortStableFunc(t.prefixes, longest)
	slices.SortStableFunc(t.suffixes, longest)
	return t
})

// section starts a word, which is a label too, and returns it; "" for the section of
// labels that name no industry.
func (t *industryLabels) section(word string) string {
	if word == "-" {
		return ""
	}
	t.words = append(t.words, word)
	t.labels[key(word)] = industryMatch{word, labelLevel}
	return word
}

func (t *industryLabels) add(word, label string) {
	if word == "" {
		t.labels[key(label)] = industryMatch{}
		return
	}
	if rest, ok := strings.CutPrefix(label, "~"); ok {
		t.labels[key(rest)] = industryMatch{word, sectorLevel}
		return
	}
	if rest, ok := strings.CutPrefix(label, "* "); ok {
		t.suffixes = append(t.suffixes, industryPattern{key(rest), word})
		return
	}
	if rest, ok := strings.CutSuffix(label, " *"); ok {
		t.prefixes = append(t.prefixes, industryPattern{key(rest), word})
		return
	}
	t.labels[key(label)] = industryMatch{word, labelLevel}
}

// find looks the label up as a whole, then its parts from the last to the first, and
// then the same by pattern.
func (t *industryLabels) find(label string) industryMatch {
	if match, found := t.labels[key(label)]; found {
		return match
	}
	parts := strings.Split(label, ">")
	for _, part := range slices.Backward(parts) {
		if match := t.labels[key(part)]; match.word != "" {
			return match
		}
	}
	for _, part := range slices.Backward(parts) {
		if match := t.byPattern(key(part)); match.word != "" {
			return match
		}
	}
	return industryMatch{}
}

func (t *industryLabels) byPattern(k string) industryMatch {
	for _, p := range t.suffixes {
		if len(k) > len(p.key) && strings.HasSuffix(k, p.key) {
			return industryMatch{p.word, patternLevel}
		}
	}
	for _, p := range t.prefixes {
		if len(k) > len(p.key) && strings.HasPrefix(k, p.key) {
			return industryMatch{p.word, patternLevel}
		}
	}
	return industryMatch{}
}

// industryCodes maps a classification's prefixes to words; "-" says that the prefix
// is too wide.
var industryCodes = sync.OnceValue(func() map[string]map[string]string {
	all := map[string]map[string]string{}
	var system map[string]string
	for line := range entries(industryCodesText) {
		if strings.HasPrefix(line, "[") {
			system = map[string]string{}
			all[strings.Trim(line, "[]")] = system
			continue
		}
		fields := strings.Fields(line)
		for _, prefix := range fields[1:] {
			system[prefix] = fields[0]
		}
	}
	return all
})

func industryByCode(system, code string) (string, bool) {
	code = strings.TrimSpace(code)
	if strings.Trim(code, "0123456789") != "" || len(code) > 8 {
		return "", false
	}
	for n := len(code); n >= 2; n-- {
		if word, found := industryCodes()[system][code[:n]]; found {
			return strings.Trim(word, "-"), word != "-"
		}
	}
	return "", false
}
