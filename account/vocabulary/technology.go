package vocabulary

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

// Technology folds a technology's name into its slug: lower case, words joined by
// hyphens, without the version (jQuery 3.5.1 is jquery), products and spellings of one
// thing under one slug (HubSpot Forms is hubspot). What technologies.txt does not know
// keeps the slug of its own name. False for nothing and for what tells nothing about a
// company: certificates, mail records, markers such as "Domain Not Resolving".
func Technology(name string) (string, bool) {
	slug := slugOf(name)
	for range 2 {
		if known, found := technologyTable()[slug]; found {
			return known, known != ""
		}
		slug = cutVersion(slug)
	}
	return slug, slug != "" && len(slug) <= 80
}

// Technologies folds several names, in their order, without repetitions.
func Technologies(names ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, name := range names {
		if slug, ok := Technology(name); ok && !seen[slug] {
			seen[slug] = true
			out = append(out, slug)
		}
	}
	return out
}

//go:embed technologies.txt
var technologiesText string

// technologyTable maps slugs to the slugs they are folded into; noise to "".
var technologyTable = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for line := range entries(technologiesText) {
		word, aliases, _ := strings.Cut(line, ":")
		if word == "-" {
			word = ""
		} else {
			m[word] = word
		}
		for _, alias := range items(aliases) {
			m[slugOf(alias)] = word
		}
	}
	return m
})

// slugOf is the name in lower case with hyphens for whatever is not a letter or digit.
// + and # are part of names, and a dot in front is.
func slugOf(name string) string {
	name = fold(strings.TrimSpace(name))
	if rest, ok := strings.CutPrefix(name, "."); ok {
		name = "dot" + rest
	}
	name = signs.Replace(name)
	var b strings.Builder
	gap := false
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('-')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

var signs = strings.NewReplacer("c++", "c-plus-plus", "c#", "c-sharp", "f#", "f-sharp", "&", "-and-", "'", "", "’", "", "®", "", "™", "", "©", "")

// version is what follows a name: -3-5-1, -v2, -2-x, -8.
var version = regexp.MustCompile(`(?:-v?\d{1,3}(?:-(?:\d{1,4}|x))+|-v\d{1,3}|-\d{1,2})$`)

func cutVersion(slug string) string {
	if i := version.FindStringIndex(slug); i != nil {
		return slug[:i[0]]
	}
	return slug
}
