package account_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
)

func TestNormalizeDomainAccepts(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"a bare domain", "acme.com", "acme.com"},
		{"capitals", "ACME.Com", "acme.com"},
		{"spaces around", " \tacme.com \r\n", "acme.com"},
		{"no-break and zero-width spaces", "\u00a0acme.com\u200b\ufeff", "acme.com"},
		{"www", "www.acme.com", "acme.com"},
		{"a scheme", "http://acme.com", "acme.com"},
		{"a scheme in capitals", "HTTPS://WWW.ACME.COM/", "acme.com"},
		{"the scheme twice", "https://http://acme.com", "acme.com"},
		{"a mistyped scheme", "htp://www.acme.com", "acme.com"},
		{"a scheme with one slash", "http:/acme.com", "acme.com"},
		{"a scheme without slashes", "https:acme.com", "acme.com"},
		{"a scheme without its colon", "http//acme.com", "acme.com"},
		{"a scheme with a semicolon", "https;//acme.com", "acme.com"},
		{"backslashes", `https:\\www.acme.com\about`, "acme.com"},
		{"a space after the scheme", "https:// acme.com", "acme.com"},
		{"no scheme, two slashes", "//acme.com/x", "acme.com"},
		{"another scheme", "ftp://files.acme.com", "acme.com"},
		{"a host that begins like a scheme", "http.acme.com", "acme.com"},
		{"a company that begins like a scheme", "httpie.io", "httpie.io"},
		{"a path", "acme.com/about/team", "acme.com"},
		{"a path with spaces and commas", "https://acme.com/about us, and more", "acme.com"},
		{"an address within the query", "acme.com/redirect?to=https://other.com", "acme.com"},
		{"a query without a path", "https://acme.com?utm_source=x@y.org", "acme.com"},
		{"a fragment", "acme.com#pricing", "acme.com"},
		{"a port", "acme.com:8443", "acme.com"},
		{"an empty port", "acme.com:/x", "acme.com"},
		{"a user and a password", "https://user:p%40ss@acme.com:443/x", "acme.com"},
		{"a trailing dot", "acme.com.", "acme.com"},
		{"an e-mail address", "jo@acme.com", "acme.com"},
		{"an e-mail address with a tag", "Jo.Smith+crm@Mail.Acme.com", "acme.com"},
		{"a mailto link", "mailto:jo@acme.com?subject=Hi", "acme.com"},
		{"a name before the e-mail address", "Jo Smith <jo@acme.com>", "acme.com"},
		{"angle brackets", "<https://acme.com>", "acme.com"},
		{"quotes", `"acme.com"`, "acme.com"},
		{"a comma at the end", "acme.com,", "acme.com"},
		{"two addresses, the first counts", "acme.com, acme.de", "acme.com"},
		{"two URLs", "https://acme.io, https://acme.org", "acme.io"},
		{"two addresses with a word between", "acme.com and acme.de", "acme.com"},
		{"two addresses by line", "acme.com\nacme", "acme.com"},
		{"a remark in brackets", "acme.com (main site)", "acme.com"},
		{"deep sub-domains", "a.b.c.acme.com", "acme.com"},
		{"a second-level suffix", "shop.acme.co.uk", "acme.co.uk"},
		{"a Brazilian company", "https://www.acme.com.br/", "acme.com.br"},
		{"a Japanese prefecture", "www.acme.kyoto.jp", "acme.kyoto.jp"},
		{"a wildcard suffix", "www.acme.com.ck", "acme.com.ck"},
		{"an exception to a wildcard", "www.ck", "www.ck"},
		{"a private suffix is kept", "docs.acme.github.io", "acme.github.io"},
		{"a shop on a private suffix", "https://acme.myshopify.com/collections", "acme.myshopify.com"},
		{"an app on a private suffix", "foo.vercel.app", "foo.vercel.app"},
		{"a private second level", "acme.uk.com", "acme.uk.com"},
		{"a new top-level domain", "acme.technology", "acme.technology"},
		{"the sandbox", "www.acme.example", "acme.example"},
		{"the sandbox by e-mail", "jo@eu.acme.example", "acme.example"},
		{"digits", "37signals.com", "37signals.com"},
		{"digits only", "360.cn", "360.cn"},
		{"a hyphen", "coca-cola.com", "coca-cola.com"},
		{"two hyphens", "my--acme.com", "my--acme.com"},
		{"an underscore below the domain", "foo_bar.acme.com", "acme.com"},
		{"an IDN", "www.müller.de", "xn--mller-kva.de"},
		{"an IDN in capitals", "MÜLLER.DE", "xn--mller-kva.de"},
		{"an IDN decomposed", "mu\u0308ller.de", "xn--mller-kva.de"},
		{"an IDN in punycode", "XN--MLLER-KVA.de", "xn--mller-kva.de"},
		{"sharp s stays itself", "straße.de", "xn--strae-oqa.de"},
		{"an IDN top-level domain", "www.食狮.中国", "xn--85x722f.xn--fiqs8s"},
		{"an ideographic full stop", "食狮。中国", "xn--85x722f.xn--fiqs8s"},
		{"full-width letters", "ａｃｍｅ.com", "acme.com"},
		{"Arabic", "http://موقع.وزارة-الاتصالات.مصر/", "xn----ymcbaaajlc6dj7bxne2c.xn--wgbh1c"},
		{"a label of 63 characters", strings.Repeat("a", 63) + ".com", strings.Repeat("a", 63) + ".com"},
		{"the bare host of a network", "https://www.linkedin.com/", "linkedin.com"},
		{"the bare host of a network with a query", "x.com?lang=en", "x.com"},
		{"the bare host of a directory", "ycombinator.com", "ycombinator.com"},
		{"another page of a directory", "https://www.ycombinator.com/apply", "ycombinator.com"},
		{"a site builder itself", "www.squarespace.com/templates", "squarespace.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := account.NormalizeDomain(tt.give)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestNormalizeDomainRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"nothing", "", "empty"},
		{"spaces", " \u00a0\t", "empty"},
		{"a placeholder", "N/A", "stands for nothing"},
		{"a hyphen", " - ", "stands for nothing"},
		{"none", "none", "stands for nothing"},
		{"a scheme alone", "http://", "stands for nothing"},
		{"a scheme without colon", "http", "stands for nothing"},
		{"a scheme and www", "https://www.", "stands for nothing"},
		{"a placeholder after a scheme", "http://none", "stands for nothing"},
		{"a user without a host", "jo@", "no domain in it"},
		{"a path alone", "https:///about", "has no dot"},
		{"a company's name", "Acme", "has no dot"},
		{"a company's name in words", "Acme Inc. Berlin", "has spaces or commas"},
		{"a sentence", "see linkedin", "has spaces or commas"},
		{"a free-mail address", "jo@gmail.com", "free e-mail provider"},
		{"a free-mail site", "https://mail.yahoo.co.uk/inbox", "free e-mail provider"},
		{"a throw-away address", "jo@mailinator.com", "throw-away"},
		{"an IPv4 address", "http://192.168.1.1/admin", "IP address"},
		{"an IPv4 address with a port", "10.0.0.1:8080", "IP address"},
		{"an IPv6 address", "2001:db8::1", "IP address"},
		{"an IPv6 address in brackets", "http://[::1]:8080/", "IP address"},
		{"a decimal IPv4 address", "http://2130706433/", "IP address"},
		{"a hexadecimal IPv4 address", "0x7f.0.0.1", "IP address"},
		{"an octal IPv4 address", "017700000001", "IP address"},
		{"a short IPv4 address", "127.1", "IP address"},
		{"localhost", "http://localhost:3000", "internal name"},
		{"a name below localhost", "acme.localhost", "internal name"},
		{"a .local name", "printer.local", "internal name"},
		{"an .internal name", "crm.acme.internal", "internal name"},
		{"a .lan name", "nas.lan", "internal name"},
		{"a .corp name", "crm.acme.corp", "internal name"},
		{"a .test name", "acme.test", "internal name"},
		{"an .invalid name", "acme.invalid", "internal name"},
		{"an .onion name", "acme.onion", "internal name"},
		{"a home network", "nas.home.arpa", "internal name"},
		{"a reverse name", "1.0.0.127.in-addr.arpa", "plumbing"},
		{"a host without a dot", "intranet-2", "has no dot"},
		{"the sandbox's own name", "example", "has no dot"},
		{"a public suffix", "co.uk", "public suffix"},
		{"a private suffix", "https://github.io", "public suffix"},
		{"a private suffix with www", "www.github.io", "public suffix"},
		{"a suffix in its own script", "公司.cn", "public suffix"},
		{"a wildcard's suffix", "acme.ck", "public suffix"},
		{"an unknown top-level domain", "acme.notatld", "unknown top-level domain: .notatld"},
		{"a file's name", "report.docx", "unknown top-level domain"},
		{"a mistyped top-level domain", "acme.con", "unknown top-level domain"},
		{"a leading dot", ".acme.com", "a dot too many"},
		{"two dots", "acme..com", "a dot too many"},
		{"a wildcard", "*.acme.com", "characters"},
		{"a percent sign", "%61cme.com", "characters"},
		{"an exclamation mark", "acme!.com", "characters"},
		{"an underscore in the domain", "my_acme.com", "characters"},
		{"broken UTF-8", "acme\xff.com", "characters"},
		{"broken punycode", "xn--a.com", "characters"},
		{"mixed directions", "0à.\u05d0.com", "characters"},
		{"a hyphen in front", "-acme.com", "begins or ends with a hyphen"},
		{"a hyphen at the end", "acme-.com", "begins or ends with a hyphen"},
		{"a label of 64 characters", strings.Repeat("a", 64) + ".com", "more than 63"},
		{"a name of more than 253 characters", strings.Repeat("a.", 130) + "com", "at most 253"},
		{"a very long name", strings.Repeat("é", 100_000) + ".com", "at most 253"},
		{"a bad port", "acme.com:http", "is not a port"},
		{"a port out of range", "acme.com:65536", "is not a port"},
		{"a LinkedIn page", "https://www.linkedin.com/company/acme/", "a profile on linkedin.com, not the company's own site"},
		{"a LinkedIn page of a country", "uk.linkedin.com/company/acme", "a profile on linkedin.com"},
		{"a Facebook page", "facebook.com/acme", "a profile on facebook.com"},
		{"a Twitter profile", "https://twitter.com/acme", "a profile on twitter.com"},
		{"an X profile", "x.com/acme?s=20", "a profile on x.com"},
		{"an Instagram profile", "instagram.com/acme", "a profile on instagram.com"},
		{"a Crunchbase page", "https://www.crunchbase.com/organization/acme", "a profile on crunchbase.com"},
		{"an AngelList page", "https://angel.co/company/acme", "a profile on angel.co"},
		{"a page of a directory", "https://www.ycombinator.com/companies/acme", "a profile on ycombinator.com"},
		{"a repository", "github.com/acme/app", "a profile on github.com"},
		{"an app shop", "https://apps.apple.com/us/app/acme/id1", "a profile on apple.com"},
		{"a map", "https://www.google.com/maps/place/Acme", "a page on google.com"},
		{"a shortened link", "https://bit.ly/3acme", "a page on bit.ly"},
		{"a blog on a platform", "acme.wordpress.com", "a page on wordpress.com"},
		{"a customer's space", "https://acme.atlassian.net/wiki", "a page on atlassian.net"},
		{"a shared drive", "https://drive.google.com/file/d/1", "a page on google.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := account.NormalizeDomain(tt.give)
			require.ErrorIs(t, err, account.ErrInvalid)
			invalid, ok := errors.AsType[*account.InvalidError](err)
			require.True(t, ok)
			require.Equal(t, "domain", invalid.Field)
			require.Contains(t, invalid.Reason, tt.want)
			require.Less(t, len(invalid.Reason), 400, "what is refused can be long, the reason not")
		})
	}
}

// A person reads the reason in a log: it may name the domain, never who works there.
func TestNormalizeDomainKeepsPersonsOutOfReasons(t *testing.T) {
	t.Parallel()
	for _, give := range []string{
		"jane.roe@gmail.com", "jane.roe@acme.notatld", "Jane Roe <jane.roe@localhost>", "https://jane.roe:secret@192.168.0.1/",
		"Jane Roe", "jane", "jane roe, head of sales", "jane_roe@", "acme.com:secret",
	} {
		_, err := account.NormalizeDomain(give)
		require.Error(t, err)
		require.NotContains(t, strings.ToLower(err.Error()), "jane")
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestSameDomain(t *testing.T) {
	t.Parallel()
	require.True(t, account.SameDomain("https://www.Acme.com/about", "jo@acme.com"))
	require.True(t, account.SameDomain("müller.de", "xn--mller-kva.de"))
	require.False(t, account.SameDomain("acme.com", "acme.de"))
	require.False(t, account.SameDomain("acme.github.io", "globex.github.io"))
	require.False(t, account.SameDomain("", ""), "nothing is the same as nothing")
	require.False(t, account.SameDomain("gmail.com", "gmail.com"), "what is refused is nobody's")
}

// Every free-mail or throw-away domain of the list is refused for what it is: an
// entry that is not a registrable domain would never match.
func TestSharedDomainsAreRegistrable(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("shared_domains.txt")
	require.NoError(t, err)
	_, lists, _ := strings.Cut(string(b), "[free-mail]")
	lists, _, _ = strings.Cut(lists, "[profile]")
	n := 0
	for line := range strings.Lines(strings.Replace(lists, "[disposable]", "", 1)) {
		line, _, _ = strings.Cut(line, "#")
		for domain := range strings.FieldsSeq(line) {
			n++
			_, err := account.NormalizeDomain("jo@" + domain)
			require.ErrorContains(t, err, domain+" is a ", "%s", domain)
		}
	}
	require.Greater(t, n, 400)
}

// FuzzNormalizeDomain: whatever is given, it does not panic; what it accepts is a name
// of the DNS in lower-case ASCII, which it accepts again unchanged.
func FuzzNormalizeDomain(f *testing.F) {
	for _, seed := range []string{
		"acme.com", "HTTPS://user:pw@www.Acme.co.uk:443/x?y#z", "jo@acme.example", "müller.de", "食狮。中国", "xn--mller-kva.de",
		"http://[::1]:80", "0x7f.1", "co.uk", "n/a", "a.b, c.d", "acme.github.io", "\u00ad.com", "faß.de", "☕.us", "a\u200db.com", "ⅷ.com", "www.www.ck",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		got, err := account.NormalizeDomain(input)
		if err != nil {
			require.ErrorIs(t, err, account.ErrInvalid)
			require.Empty(t, got)
			return
		}
		require.LessOrEqual(t, len(got), 253)
		require.Regexp(t, domainForm, got)
		again, err := account.NormalizeDomain(got)
		require.NoError(t, err, "%q", got)
		require.Equal(t, got, again)
		require.True(t, account.SameDomain(input, got))
	})
}

var domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

func BenchmarkNormalizeDomain(b *testing.B) {
	for name, input := range map[string]string{"bare": "acme.com", "url": "https://www.shop.acme.co.uk:443/about?x=1", "email": "jo@acme.example", "idn": "www.müller.de", "refused": "jo@gmail.com"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = account.NormalizeDomain(input)
			}
		})
	}
}

// sharedData returns a file of the reference data that may lie beside the checkout,
// and skips the test where it does not.
func sharedData(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{"..", "..", "shared", "data"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return file
}

func readCSV(t *testing.T, comma rune, file string) []map[string]string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	rows, err := r.ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, value := range row[:min(len(row), len(rows[0]))] {
			m[rows[0][i]] = value
		}
		out = append(out, m)
	}
	return out
}

// TestPublicSuffixVectors runs the public suffix list's own vectors.
func TestPublicSuffixVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(sharedData(t, "domains", "test_psl.txt"))
	require.NoError(t, err)
	vector := regexp.MustCompile(`(?m)^checkPublicSuffix\('([^']*)', (?:'([^']*)'|null)\);`)
	all := vector.FindAllStringSubmatch(string(b), -1)
	require.Greater(t, len(all), 70)
	for _, v := range all {
		got, err := account.NormalizeDomain(v[1])
		if v[2] == "" {
			require.Error(t, err, "%s", v[1])
			continue
		}
		require.NoError(t, err, "%s", v[1])
		want, err := account.NormalizeDomain(v[2])
		require.NoError(t, err)
		require.Equal(t, want, got, "%s", v[1])
	}
}

// TestIDNAVectors runs Unicode's IDNA vectors, as labels of an .example domain: what the
// standard refuses is refused, and what it accepts becomes the ASCII that it gives.
func TestIDNAVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(sharedData(t, "domains", "idna_test_vectors.txt"))
	require.NoError(t, err)
	accepted, differ := 0, []string{}
	for line := range strings.Lines(string(b)) {
		give, want, ok := idnaVector(line)
		if !ok {
			continue
		}
		got, err := account.NormalizeDomain(give + ".example")
		if err != nil {
			continue
		}
		accepted++
		if got != want[strings.LastIndexByte(want, '.')+1:]+".example" {
			differ = append(differ, fmt.Sprintf("%q: %q, not %q", give, got, want))
		}
	}
	t.Logf("accepted %d, other than the vectors %d", accepted, len(differ))
	require.Greater(t, accepted, 100)
	require.Empty(t, differ)
}

// idnaVector returns the source and the ASCII of a line without errors; the ASCII
// defaults to the Unicode form, and that to the source.
func idnaVector(line string) (give, want string, ok bool) {
	line, _, _ = strings.Cut(line, "#")
	columns := strings.Split(line, ";")
	if len(columns) < 5 {
		return "", "", false
	}
	for i := range columns {
		columns[i] = strings.TrimSpace(columns[i])
	}
	give, err := strconv.Unquote(`"` + strings.ReplaceAll(columns[0], `"`, `\"`) + `"`)
	if err != nil || columns[2] != "" || columns[4] != "" && columns[4] != "[]" {
		return "", "", false
	}
	if want = columns[3]; want == "" {
		want = columns[1]
	}
	if want == "" {
		want = give
	}
	return give, want, !strings.Contains(want, `\u`) && isASCII(want)
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 127 }) < 0 }

// TestRealWebsites: what people typed into a directory either becomes the domain that
// a plain reading of the host gives, or is refused with a reason.
func TestRealWebsites(t *testing.T) {
	t.Parallel()
	for _, set := range []struct {
		dir, column string
		most        int // refusals
	}{
		{"companies-yc-a", "website", 40},
		{"companies-remote-a", "website", 12},
		{"companies-fortune1000", "Website", 5},
	} {
		refused := map[string]int{}
		rows := readCSV(t, ',', sharedData(t, set.dir, "companies.csv"))
		for _, row := range rows {
			website := row[set.column]
			got, err := account.NormalizeDomain(website)
			if err != nil {
				refused[website+": "+err.Error()]++
				continue
			}
			require.Contains(t, strings.ToLower(website), got)
		}
		t.Logf("%s: %d of %d refused", set.dir, len(refused), len(rows))
		for reason, n := range refused {
			t.Log(n, reason)
		}
		require.LessOrEqual(t, len(refused), set.most)
	}
}
