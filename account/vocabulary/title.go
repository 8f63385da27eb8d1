package vocabulary

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
)

// The levels of management, the highest first: the words of the field
// management_level.
const (
	CLevel   = "c-level"  // chiefs, founders, owners, managing directors and partners
	VP       = "vp"       // vice presidents of all kinds
	Director = "director" // directors, heads of something, general managers
	Manager  = "manager"  // managers, team leads
	Staff    = "staff"    // everybody whose title says what they do and not whom they lead
)

var levels = []string{CLevel, VP, Director, Manager, Staff}

// ManagementLevels returns the words of the field management_level, the highest first.
func ManagementLevels() []string { return slices.Clone(levels) }

// Departments returns the words of the field department, sorted.
func Departments() []string {
	names := make([]string, 0, len(departments.names))
	for name := range departments.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var (
	//go:embed departments.txt
	departmentsFile string
	//go:embed titles.txt
	titlesFile string

	departments = readPhrases(departmentsFile)
	titles      = readPhrases(titlesFile)
)

// Department reads the department off a job title or a CRM's word for it: that of
// the first word that tells one. "" if none does.
func Department(title string) string {
	words := headOf(split(title))
	for i, w := range words {
		name, n := departments.at(words[i:])
		if n == 1 && (w.text == "it" && !w.isIT(i) || w.text == "assistant" && i+1 < len(words)) {
			continue // a pronoun; an assistant manager
		}
		if n > 0 {
			return name
		}
	}
	return ""
}

// ManagementLevel reads the level off a job title; "" if it does not tell. Of several
// positions the highest counts: "Founder & Sales Manager". Somebody who works for
// another is not that other: an "Assistant to the CEO" is staff. Deputies and
// assistants of a level stand one below it.
func ManagementLevel(title string) string {
	best := ""
	for _, position := range positions(headOf(split(title))) {
		if level := levelOf(position); level != "" && (best == "" || slices.Index(levels, level) < slices.Index(levels, best)) {
			best = level
		}
	}
	return best
}

// gap is what stands before a word.
type gap int

const (
	space gap = iota
	and       // &, +, and
	stop      // a comma, a slash, a bracket …
)

type word struct {
	text  string // folded
	upper bool   // written IT
	gap   gap
}

// isIT tells the department from the pronoun: it is written in capitals, or begins.
func (w word) isIT(place int) bool { return w.upper || place == 0 || w.gap == stop }

// maxTitle bounds what is read of a title, in words.
const maxTitle = 40

// split cuts a title into words. Dots of abbreviations and apostrophes join: C.E.O.
// is one word, and so is founder's, which is not the founder.
func split(title string) []word {
	var words []word
	next, start := stop, -1
	runes := []rune(title)
	end := func(i int) {
		if start < 0 {
			return
		}
		text := string(runes[start:i])
		start = -1
		joined := strings.Map(func(r rune) rune {
			if r == '.' || isApostrophe(r) {
				return -1
			}
			return r
		}, text)
		switch folded := fold(joined); folded {
		case "":
		case "and", "und", "et", "y", "e":
			next = max(next, and)
		default:
			words = append(words, word{text: folded, upper: joined == strings.ToUpper(joined), gap: next})
			next = space
		}
	}
	for i, r := range runes {
		switch {
		case isWordRune(r):
			if start < 0 {
				start = i
			}
		case start >= 0 && joins(runes, start, i):
		default:
			end(i)
			next = max(next, gapOf(runes, i))
		}
		if len(words) >= maxTitle {
			return words
		}
	}
	end(len(runes))
	return words
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

// joins reports whether the dot or apostrophe at i is part of the word that began at
// start.
func joins(runes []rune, start, i int) bool {
	if isApostrophe(runes[i]) {
		return i+1 < len(runes) && isWordRune(runes[i+1])
	}
	return runes[i] == '.' && (i-start == 1 || i >= 2 && runes[i-2] == '.')
}

func gapOf(runes []rune, i int) gap {
	switch r := runes[i]; r {
	case '&', '+':
		return and
	case '.', '_', '\'', '’', '"':
		return space
	case '-', '–', '—': // a dash between words, or a hyphen in one
		if i > 0 && i+1 < len(runes) && isWordRune(runes[i-1]) && isWordRune(runes[i+1]) && r == '-' {
			return space
		}
		return stop
	default:
		if unicode.IsSpace(r) {
			return space
		}
		return stop
	}
}

// helpers work for somebody whose title follows theirs.
var helpers = []string{"assistant", "ea", "pa", "aide", "secretary", "assistent", "assistentin", "assistente"}

// headOf leaves out whom a helper helps: what follows an assistant that is not an
// assistant manager or the like.
func headOf(words []word) []word {
	for i, w := range words {
		if !slices.Contains(helpers, w.text) {
			continue
		}
		last := i+1 == len(words)
		if !last && words[i+1].gap == space && !slices.Contains(towards, words[i+1].text) && !slices.Contains(belonging, words[i+1].text) {
			continue
		}
		return words[:i+1]
	}
	return words
}

var (
	// towards begins what somebody works for: it goes on over an "and".
	towards = []string{"to", "for", "with", "at", "supporting", "reporting", "from", "fur", "bei", "chez", "para", "pour"}
	// belonging begins what somebody is responsible for.
	belonging = []string{"of", "in", "de", "du", "des", "der", "von", "d", "del", "della", "di", "da", "within", "am", "im", "zur", "zum"}
	// past begins what somebody no longer is, or is not yet.
	past = []string{"former", "formerly", "ex", "retired", "past", "previously", "aspiring", "future", "ehemaliger", "ehemalige", "ancien", "ancienne"}
)

// positions cuts a title into the positions that it names, each without what it is
// about: "VP of Sales, former CEO & founder" is VP.
func positions(words []word) [][]word {
	var all [][]word
	var now []word
	skip, skipAnd := false, false
	for i, w := range words {
		if w.gap == stop || w.gap == and && !skipAnd && !chief(now, words[i:]) {
			all, now = append(all, now), nil
			skip, skipAnd = false, false
		}
		switch {
		case skip:
		case len(now) == 0 && slices.Contains(past, w.text):
			skip, skipAnd = true, true
		case slices.Contains(towards, w.text), w.text == "of" && hasWord(now, "office"):
			now = slices.DeleteFunc(slices.Clone(now), func(w word) bool { return w.text == "office" })
			skip, skipAnd = true, true
		case slices.Contains(belonging, w.text) && !phraseGoesOn(now, words[i:]):
			skip = true
		default:
			now = append(now, w)
		}
	}
	return append(all, now)
}

// chief reports whether an "and" is within a chief's title: Chief Product & Technology
// Officer.
func chief(now, rest []word) bool {
	if !hasWord(now, "chief") || hasWord(now, "officer") {
		return false
	}
	for i, w := range rest {
		if w.gap == stop || i > 4 {
			return false
		}
		if w.text == "officer" {
			return true
		}
	}
	return false
}

// phraseGoesOn reports whether a preposition is part of a known phrase: chief of staff.
func phraseGoesOn(now, rest []word) bool {
	if len(now) == 0 {
		return false
	}
	phrase := append([]word{now[len(now)-1]}, rest[:min(len(rest), 3)]...)
	_, n := titles.at(phrase)
	return n > 1
}

func hasWord(words []word, text string) bool {
	return slices.ContainsFunc(words, func(w word) bool { return w.text == text })
}

// lowering is what stands before a level that somebody has in part.
var lowering = []string{"assistant", "deputy", "associate", "junior", "stellvertretender", "stellvertretende", "adjoint", "vice"}

// levelOf is the level of one position: that of its last word that tells one.
func levelOf(position []word) string {
	if hasWord(position, "chief") && hasWord(position, "officer") {
		position = slices.DeleteFunc(slices.Clone(position), func(w word) bool { return w.text == "officer" })
		if level := levelOf(position); level == "" || level == Staff && !hasWord(position, "assistant") {
			return CLevel
		}
		return levelOf(position)
	}
	level, below := "", false
	lowered := false
	for i := 0; i < len(position); {
		found, n := titles.at(position[i:])
		if n > 0 && found != "none" {
			level, below = found, lowered
		}
		lowered = lowered || n <= 1 && slices.Contains(lowering, position[i].text)
		i += max(n, 1)
	}
	switch {
	case level == "":
		if alone(position, "partner") {
			return CLevel
		}
		return ""
	case below:
		return levels[min(slices.Index(levels, level)+1, len(levels)-1)]
	}
	return level
}

func alone(position []word, text string) bool { return len(position) == 1 && position[0].text == text }

// phrases are the phrases of a file, by their first word, the longest first.
type phrases struct {
	names map[string]bool
	first map[string][]phrase
}

type phrase struct {
	words []string
	name  string
}

// readPhrases reads lines of the form name: phrase; phrase.
func readPhrases(file string) phrases {
	p := phrases{names: map[string]bool{}, first: map[string][]phrase{}}
	for line := range entries(file) {
		name, list, _ := strings.Cut(line, ":")
		p.names[name] = true
		for _, item := range items(list) {
			words := strings.Fields(item)
			p.first[words[0]] = append(p.first[words[0]], phrase{words, name})
		}
	}
	for _, list := range p.first {
		slices.SortStableFunc(list, func(a, b phrase) int { return len(b.words) - len(a.words) })
	}
	return p
}

// at returns the name of the longest phrase that words begin with, and its length.
func (p phrases) at(words []word) (name string, length int) {
	for _, candidate := range p.first[words[0].text] {
		if candidate.begins(words) {
			return candidate.name, len(candidate.words)
		}
	}
	return "", 0
}

func (p phrase) begins(words []word) bool {
	if len(p.words) > len(words) {
		return false
	}
	for i, text := range p.words {
		if words[i].text != text || i > 0 && words[i].gap == stop {
			return false
		}
	}
	return true
}
