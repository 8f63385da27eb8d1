package account

import (
	_ "embed"
	"html"
	"strings"
	"unicode"
)

// NormalizeName brings a company's name to the form in which names are compared:
// lower case, no accents, no punctuation, no "the", no legal form (Inc, GmbH, S.A.,
// Pty Ltd …). It returns "" where nothing is left, as of a name without letters.
func NormalizeName(s string) string {
	return strings.Join(withoutLegalForms(nameWords(s)), " ")
}

// SameName reports whether a and b name the same company: equal after
// [NormalizeName], or after taking away what companies add to or leave out of their
// own name at will (Group, Holdings, .com), however the words are spaced. It is
// conservative: "Acme" and "Acme Robotics" are two companies, and no name is the
// same as nothing.
func SameName(a, b string) bool {
	x, y := nameCore(a), nameCore(b)
	return x != "" && x == y
}

// nameCore is the normalised name without trimmings and spaces.
func nameCore(s string) string {
	words := withoutLegalForms(nameWords(s))
	for len(words) > 1 && trimmings[words[len(words)-1]] {
		words = withoutLegalForms(words[:len(words)-1])
	}
	return strings.Join(words, "")
}

// nameWords splits a name into lower-case words without accents. Dots and
// apostrophes join (S.A., McDonald's), other punctuation separates. Names from web
// pages and feeds come with HTML entities.
func nameWords(s string) []string {
	var b strings.Builder
	s = unspaced.Replace(strings.ToLower(cutSECState(strings.TrimSpace(html.UnescapeString(s)))))
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '.' && isDotCom(s[i:]):
			b.WriteByte(' ')
		case unicode.Is(unicode.Mn, r) || strings.ContainsRune(".'’‘`´", r):
		case r == '&' || r == '+':
			b.WriteString(" and ")
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteString(plain(r))
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Fields(b.String())
}

// unspaced are legal forms of scripts that write them without a space.
var unspaced = strings.NewReplacer("株式会社", " ", "(株)", " ", "（株）", " ", "有限会社", " ", "股份有限公司", " ", "有限责任公司", " ", "有限公司", " ", "주식회사", " ", "(주)", " ")

// isDotCom reports whether s begins with the .com that some names end in.
func isDotCom(s string) bool {
	rest, ok := strings.CutPrefix(s, ".com")
	return ok && (rest == "" || strings.ContainsAny(rest[:1], " ,/)"))
}

// cutSECState takes off what EDGAR appends to tell names apart: ABM INDUSTRIES INC
// /DE/, US BANCORP \DE\, COSTCO WHOLESALE CORP /NEW.
func cutSECState(s string) string {
	for _, mark := range []string{" /", ` \`} {
		if i := strings.LastIndex(s, mark); i > 0 && len(s)-i <= len(" /NEW/") {
			return s[:i]
		}
	}
	return s
}

// plain returns the letter without its accent; idna and x/text would do it too, but
// only the letters of European company names matter here.
func plain(r rune) string {
	if r < 0x80 {
		return string(r)
	}
	if s, ok := plainLetters[r]; ok {
		return s
	}
	return string(r)
}

var plainLetters = func() map[rune]string {
	m := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'þ': "th", 'ð': "d"}
	for base, letters := range map[string]string{
		"a": "àáâãäåāăąǎ", "c": "çćĉċč", "d": "ďđ", "e": "èéêëēĕėęě", "g": "ĝğġģ", "h": "ĥħ", "i": "ìíîïĩīĭįı",
		"j": "ĵ", "k": "ķ", "l": "ĺļľŀł", "n": "ñńņňŉ", "o": "òóôõöøōŏőǒ", "r": "ŕŗř", "s": "śŝşšș",
		"t": "ţťŧț", "u": "ùúûüũūŭůűųǔ", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
	} {
		for _, r := range letters {
			m[r] = base
		}
	}
	return m
}()

// withoutLegalForms takes legal forms off the end, and "the" and the few forms that are
// written in front off the beginning, as long as something is left.
func withoutLegalForms(words []string) []string {
	for {
		n := legalFormAtEnd(words)
		words = words[:len(words)-n]
		if n == 0 && len(words) > 1 && inFront[words[0]] {
			words, n = words[1:], 1
		}
		if n == 0 {
			return words
		}
	}
}

// legalFormAtEnd returns how many words of the end are one legal form.
func legalFormAtEnd(words []string) int {
	for n := min(4, len(words)-1); n > 0; n-- {
		if legalForms[strings.Join(words[len(words)-n:], " ")] {
			return n
		}
	}
	return 0
}

//go:embed legal_forms.txt
var legalFormsText string

var legalForms = func() map[string]bool {
	m := map[string]bool{}
	for line := range strings.Lines(legalFormsText) {
		line, _, _ = strings.Cut(line, "#")
		for form := range strings.SplitSeq(line, ";") {
			if form = strings.TrimSpace(form); form != "" {
				m[form] = true
			}
		}
	}
	return m
}()

// inFront are what is written in front without being part of the name.
var inFront = map[string]bool{
	"the": true, "pt": true, "ooo": true, "oao": true, "zao": true, "pao": true, "ооо": true, "оао": true, "зао": true, "пао": true,
}

// trimmings are what companies add to their own name, or leave out, at will.
var trimmings = map[string]bool{"group": true, "groupe": true, "gruppe": true, "holding": true, "holdings": true, "companies": true, "cos": true, "com": true}
