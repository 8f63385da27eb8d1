// Package vocabulary folds vendors' words into Sluice's: industries, countries,
// technologies, bands of employees and revenue, funding stages, company types. What
// is folded into what is data beside the code, written for Sluice from general
// knowledge and from the vendors' documented answers; the functions only read it.
//
// A word that is not recognised is reported as such, never guessed: an unknown
// value leaves a field to the next provider, a wrong one ends the search for it.
package vocabulary

import (
	"strings"
	"unicode"
)

// entries yields the lines of a data file: comments and empty lines left out.
func entries(file string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(file) {
			if i := strings.Index(line, "#"); i == 0 || i > 0 && line[i-1] == ' ' {
				line = line[:i]
			}
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}

// items splits a line of a data file at its semicolons.
func items(line string) []string {
	var out []string
	for item := range strings.SplitSeq(line, ";") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// key is what two spellings of one label have in common: its letters and digits in
// lower case without accents, and without "and" and "the". MARKETING_AND_ADVERTISING,
// "Marketing & Advertising" and marketing-advertising have the same key.
func key(label string) string {
	var b strings.Builder
	b.Grow(len(label))
	for word := range strings.FieldsFuncSeq(label, func(r rune) bool { return !isWordRune(r) }) {
		if word = fold(word); word != "and" && word != "the" {
			b.WriteString(word)
		}
	}
	return b.String()
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r)
}

// fold brings a word to lower case and takes the accents of Latin letters away.
func fold(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) && r < 0x370 {
			return -1
		}
		r = unicode.ToLower(r)
		if plain, ok := unaccented[r]; ok {
			return plain
		}
		return r
	}, word)
}

var unaccented = func() map[rune]rune {
	m := map[rune]rune{}
	for base, letters := range map[rune]string{
		'a': "àáâãäåāăąǎạảấầẩẫậắằẳẵặ", 'c': "çćĉċč", 'd': "ďđ", 'e': "èéêëēĕėęěẹẻẽếềểễệ", 'g': "ĝğġģ", 'h': "ĥħ",
		'i': "ìíîïĩīĭįıỉịǐ", 'j': "ĵ", 'k': "ķ", 'l': "ĺļľŀł", 'n': "ñńņň", 'o': "òóôõöøōŏőơǒọỏốồổỗộớờởỡợ", 'r': "ŕŗř",
		's': "śŝşšș", 't': "ţťŧț", 'u': "ùúûüũūŭůűųưǔụủứừửữự", 'w': "ŵ", 'y': "ýÿŷỳỵỷỹ", 'z': "źżž",
	} {
		for _, r := range letters {
			m[r] = base
		}
	}
	return m
}()
