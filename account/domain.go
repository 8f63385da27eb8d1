package account

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// NormalizeDomain turns whatever a person or a CRM puts into a website or e-mail
// field into the registrable domain by the public suffix list: lower-case ASCII
// (IDN as punycode), without scheme, user, www, sub-domain, port or path. Of
// several addresses it takes the first, since people write their main one first.
//
// It refuses with an [InvalidError] that says why: nothing or a placeholder, a
// free-mail or throw-away provider, an IP address, an internal name, a public
// suffix, an unknown top-level domain, a profile or hosted page on somebody
// else's site, or what cannot be a name in the DNS. Top-level domains are those of
// golang.org/x/net/publicsuffix, and .example, under which the sandbox lives. A
// company on a private suffix keeps it: acme.github.io.
//
// What it returns it also accepts, unchanged.
func NormalizeDomain(input string) (string, error) {
	domain, reason := normalizeDomain(input)
	if reason != "" {
		return "", Invalid(string(Domain), reason)
	}
	return domain, nil
}

// SameDomain reports whether a and b stand for the same registrable domain. What
// [NormalizeDomain] refuses is the same as nothing.
func SameDomain(a, b string) bool {
	x, reason := normalizeDomain(a)
	if reason != "" {
		return false
	}
	y, reason := normalizeDomain(b)
	return reason == "" && x == y
}

func normalizeDomain(input string) (domain, reason string) {
	s := strings.TrimFunc(input, isPadding)
	if s == "" {
		return "", "empty"
	}
	if placeholders[strings.ToLower(s)] {
		return "", fmt.Sprintf("%q stands for nothing, it is not a domain", s)
	}
	host, path, reason := splitAddress(s)
	if reason != "" {
		return "", reason
	}
	host, reason = asciiHost(host)
	if reason != "" {
		return "", reason
	}
	if reason = refuseNonPublic(host); reason != "" {
		return "", reason
	}
	return ownDomain(host, path)
}

// isPadding reports what may surround an address without being part of it, as
// after copying from a text or a spreadsheet.
func isPadding(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("\"'`<>(){},;“”‘’«»", r)
}

// placeholders are what forms and exports hold where there is no website.
var placeholders = map[string]bool{
	"-": true, "--": true, "---": true, "–": true, "—": true, ".": true, "..": true, "...": true, "?": true, "/": true, "_": true, "*": true,
	"http": true, "https": true, "http:": true, "https:": true, "http:/": true, "https:/": true, "http://": true, "https://": true,
	"www": true, "www.": true, "http://www": true, "https://www": true, "http://www.": true, "https://www.": true,
	"n/a": true, "na": true, "n.a": true, "n.a.": true, "#n/a": true, "n\\a": true, "nan": true, "none": true, "null": true, "nil": true, "<null>": true,
	"undefined": true, "unknown": true, "tbd": true, "tba": true, "todo": true, "no": true, "nope": true, "nothing": true, "empty": true,
	"no website": true, "no site": true, "no domain": true, "not available": true, "not applicable": true, "not found": true,
	"none.com": true, "na.com": true, "n/a.com": true, "0": true, "x": true, "xx": true, "xxx": true,
}

// splitAddress takes scheme, user, port and further addresses away from s, and
// returns what is left of the first address: its host and its path with query.
func splitAddress(s string) (host, path, reason string) {
	rest := cutScheme(s)
	if i := strings.LastIndexByte(rest, '<'); i >= 0 { // Jo Smith <jo@acme.com>
		rest = rest[i+1:]
	}
	host, path = rest, ""
	if i := strings.IndexAny(rest, `/?#\`); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	host, reason = firstOf(strings.TrimFunc(host, isPadding))
	if reason != "" {
		return "", "", reason
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if strings.Count(host, ":") > 1 || strings.ContainsAny(host, "[]") {
		return "", "", reasonIP
	}
	host, port, found := strings.Cut(host, ":")
	if _, err := strconv.ParseUint(port, 10, 16); found && port != "" && err != nil {
		return "", "", fmt.Sprintf("%s is not a port", quote(port))
	}
	if host == "" {
		return "", "", "no domain in it"
	}
	return host, path, ""
}

const reasonIP = "an IP address or a number, not a domain"

// cutScheme takes the scheme away, also where it is mistyped or there twice.
func cutScheme(s string) string {
	for range 3 {
		before := s
		if i := strings.Index(s, "://"); i >= 0 && i <= 12 && !strings.ContainsAny(s[:i], "/.?#@ ") {
			s = s[i+3:]
		}
		for _, scheme := range []string{"https", "http", "mailto"} {
			if rest, ok := cutPrefixFold(s, scheme); ok && rest != "" && strings.IndexByte(":;/\\", rest[0]) >= 0 {
				s = strings.TrimLeft(rest, ":;")
				break
			}
		}
		s = strings.TrimFunc(strings.TrimLeft(s, `/\`), isPadding)
		if s == before {
			break
		}
	}
	return s
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// firstOf returns the first of several hosts or e-mail addresses. Words that are
// merely separated by spaces are a name, not a list of addresses: guessing a
// domain out of them would enrich the wrong company.
func firstOf(s string) (host, reason string) {
	i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;|(", r) })
	if i < 0 {
		return s, ""
	}
	first, next := s[:i], strings.TrimLeftFunc(s[i:], unicode.IsSpace)
	if !strings.Contains(first, ".") {
		return "", fmt.Sprintf("%s is not a domain: it has spaces or commas in it", quote(s))
	}
	if strings.IndexByte(",;|(", next[0]) >= 0 || strings.ContainsAny(s[i:], "\r\n") {
		return first, ""
	}
	for word := range strings.FieldsSeq(next) {
		if !strings.Contains(strings.Trim(word, ".,;"), ".") && word != "and" && word != "or" && word != "&" {
			return "", fmt.Sprintf("%s is not a domain: it has spaces or commas in it", quote(s))
		}
	}
	return first, ""
}

// asciiHost brings host to lower-case ASCII and checks its form.
func asciiHost(host string) (ascii, reason string) {
	host = strings.TrimSuffix(host, ".")
	if len(host) > maxInput {
		return "", "too long: a domain has at most 253 characters"
	}
	if !utf8.ValidString(host) {
		return "", fmt.Sprintf("%s has characters that a domain cannot have", quote(host))
	}
	ascii = strings.ToLower(host)
	if !isASCII(host) || strings.Contains(ascii, "xn--") {
		var err error
		if ascii, err = idna.Lookup.ToASCII(host); err != nil {
			return "", fmt.Sprintf("%s has characters that a domain cannot have", quote(host))
		}
		ascii = strings.TrimSuffix(ascii, ".") // from a full-width dot
	}
	if len(ascii) > 253 {
		return "", "too long: a domain has at most 253 characters"
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if reason := checkLabel(label); reason != "" {
			return "", fmt.Sprintf("%s %s", quote(host), reason)
		}
	}
	return ascii, ""
}

// maxInput bounds what is given to idna: four bytes for each of 253 characters.
const maxInput = 4 * 253

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func checkLabel(label string) (reason string) {
	switch {
	case label == "":
		return "has an empty part: a dot too many"
	case len(label) > 63:
		return "has a part of more than 63 characters"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "has a part that begins or ends with a hyphen"
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return "has characters that a domain cannot have"
		}
	}
	return ""
}

// refuseNonPublic says why a well-formed host is not a name in the public DNS.
func refuseNonPublic(host string) (reason string) {
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case isNumber(last) && allNumbers(host):
		return reasonIP
	case !strings.Contains(host, ".") && placeholders[host]:
		return fmt.Sprintf("%q stands for nothing, it is not a domain", host)
	case internal[last] || host == "home.arpa" || strings.HasSuffix(host, ".home.arpa"):
		if host == last { // one of these words, and nobody's
			return fmt.Sprintf("%q is an internal name: nobody outside can resolve it", host)
		}
		return fmt.Sprintf("%s is an internal name: nobody outside can resolve it", quote(host))
	case !strings.Contains(host, "."):
		return fmt.Sprintf("%s has no dot: a company's name or an internal host, not a domain", quote(host))
	case last == "arpa":
		return fmt.Sprintf("%s is part of the Internet's plumbing, not a company's domain", quote(host))
	}
	return ""
}

// internal are top-level names that RFC 2606, 6761, 6762, 7686, 9476 or ICANN keep
// out of the public DNS, or that networks use as if they were kept out. "example"
// is not one of them: the sandbox's companies live there.
var internal = map[string]bool{
	"localhost": true, "localdomain": true, "local": true, "internal": true, "intranet": true, "intern": true, "intra": true,
	"lan": true, "corp": true, "home": true, "private": true, "test": true, "invalid": true, "onion": true, "alt": true,
	"localnet": true, "workgroup": true, "router": true, "dhcp": true, "belkin": true, "fritz": true,
}

// isNumber accepts what inet_aton accepts as part of an IPv4 address: 127, 0x7f, 0177.
func isNumber(s string) bool {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func allNumbers(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if !isNumber(label) {
			return false
		}
	}
	return true
}

// ownDomain reduces host to the registrable domain, unless it is a site on which
// others than its owner have pages, mail boxes or sub-domains.
func ownDomain(host, path string) (domain, reason string) {
	suffix, icann := publicsuffix.PublicSuffix(host)
	if !icann && !strings.Contains(suffix, ".") && suffix != "example" {
		return "", fmt.Sprintf("%s has an unknown top-level domain: .%s", quote(host), suffix)
	}
	if suffix == host || !icann && host == "www."+suffix {
		return "", fmt.Sprintf("%s is a public suffix: others register names under it", suffix)
	}
	domain = host[strings.LastIndexByte(host[:len(host)-len(suffix)-1], '.')+1:]
	if strings.Contains(domain, "_") {
		return "", fmt.Sprintf("%s has characters that a domain cannot have", quote(host))
	}
	return domain, refuseShared(host, domain, path)
}

// refuseShared says why domain is not the company's own.
func refuseShared(host, domain, path string) (reason string) {
	switch s := shared(); {
	case s.freemail[domain]:
		return domain + " is a free e-mail provider, not a company's own domain"
	case s.disposable[domain]:
		return domain + " is a provider of throw-away addresses, not a company's own domain"
	case s.isPage(s.profiles, host, domain, path):
		return "a profile on " + domain + ", not the company's own site"
	case s.isPage(s.pages, host, domain, path) || s.isTenant(host):
		return "a page on " + domain + ", not the company's own site"
	}
	return ""
}

//go:embed shared_domains.txt
var sharedDomains string

// sharedSites are the sites of shared_domains.txt, by the section they are in.
type sharedSites struct {
	freemail, disposable, tenants map[string]bool
	profiles, pages               map[string][]string // host to paths; "/" is any
}

var shared = sync.OnceValue(func() sharedSites {
	s := sharedSites{
		freemail: map[string]bool{}, disposable: map[string]bool{}, tenants: map[string]bool{},
		profiles: map[string][]string{}, pages: map[string][]string{},
	}
	var add func(string)
	for line := range strings.Lines(sharedDomains) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "[") {
				add = s.section(strings.Trim(word, "[]"))
				continue
			}
			add(word)
		}
	}
	return s
})

func (s sharedSites) section(name string) func(string) {
	set := func(m map[string]bool) func(string) { return func(d string) { m[d] = true } }
	paths := func(m map[string][]string) func(string) {
		return func(site string) {
			host, path, _ := strings.Cut(site, "/")
			m[host] = append(m[host], "/"+path)
		}
	}
	switch name {
	case "free-mail":
		return set(s.freemail)
	case "disposable":
		return set(s.disposable)
	case "tenant":
		return set(s.tenants)
	case "profile":
		return paths(s.profiles)
	case "page":
		return paths(s.pages)
	}
	panic("shared_domains.txt: unknown section " + name)
}

// isPage reports whether path on host is one of the sites' pages. A bare host is
// the site's own address.
func (s sharedSites) isPage(sites map[string][]string, host, domain, path string) bool {
	path, _, _ = strings.Cut(path, "#")
	path, _, _ = strings.Cut(path, "?")
	if path = strings.Trim(path, `/\`); path == "" {
		return false
	}
	prefixes := sites[strings.TrimPrefix(host, "www.")]
	if prefixes == nil {
		prefixes = sites[domain]
	}
	for _, prefix := range prefixes {
		if strings.HasPrefix(strings.ToLower("/"+path+"/"), prefix) {
			return true
		}
	}
	return false
}

// isTenant reports whether host is a customer's sub-domain of a site that gives
// them out without being on the public suffix list.
func (s sharedSites) isTenant(host string) bool {
	label, parent, found := strings.Cut(host, ".")
	for ; found; label, parent, found = strings.Cut(parent, ".") {
		if s.tenants[parent] {
			return label != "www"
		}
	}
	return false
}

// quote shows s in a reason where it looks like a host, shortened: what is refused can be
// of any length. Anything else may be somebody's name, address or secret, and reasons end
// up in workflow histories and logs.
func quote(s string) string {
	const most = 60
	if !strings.Contains(s, ".") || !utf8.ValidString(s) || strings.ContainsFunc(s, notHostRune) {
		return "what was given"
	}
	if r := []rune(s[:min(len(s), 4*most)]); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

func notHostRune(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '-' && r != '_'
}
