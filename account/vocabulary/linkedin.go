package vocabulary

import (
	"net/url"
	"regexp"
	"strings"
)

// LinkedIn returns linkedin.com/company/slug for a company's LinkedIn page in any
// vendor's form: a URL (Apollo), an address without scheme (People Data Labs), a
// handle company/slug (Clearbit, Hunter), or the bare slug. Schools and showcase
// pages share the slugs of companies. It returns "" for everything else, such as the
// profile of a person.
func LinkedIn(s string) string {
	s = strings.TrimSpace(s)
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '/' })
	slug, ok := linkedInSlug(parts)
	if !ok {
		return ""
	}
	if unescaped, err := url.PathUnescape(slug); err == nil {
		slug = unescaped
	}
	slug = strings.ToLower(strings.TrimSpace(slug))
	if !slugForm.MatchString(slug) {
		return ""
	}
	return "linkedin.com/company/" + slug
}

var (
	slugForm  = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}\p{M}._&'’-]{0,99}$`)
	onLinked  = regexp.MustCompile(`(?i)^([a-z]+\.)?linkedin\.com$`)
	pageKinds = map[string]bool{"company": true, "company-beta": true, "school": true, "showcase": true, "edu": true, "organization": true, "companies": true}
)

// linkedInSlug finds the slug: what follows the kind of page, or the only part.
func linkedInSlug(parts []string) (string, bool) {
	if len(parts) > 1 && strings.HasSuffix(parts[0], ":") { // https:
		parts = parts[1:]
	}
	site := len(parts) > 0 && onLinked.MatchString(parts[0])
	if site {
		parts = parts[1:]
	}
	for i, part := range parts[:max(0, len(parts)-1)] {
		if pageKinds[strings.ToLower(part)] && (site || i == 0) {
			return parts[i+1], true
		}
	}
	if site || len(parts) != 1 || strings.ContainsAny(parts[0], ".@ :") || noHandle[strings.ToLower(parts[0])] {
		return "", false
	}
	return parts[0], true
}

// noHandle are bare words that stand for nothing or for a part of the address.
var noHandle = map[string]bool{"company": true, "school": true, "in": true, "na": true, "none": true, "null": true, "unknown": true, "linkedin": true, "-": true}
