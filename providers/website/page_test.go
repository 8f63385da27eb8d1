package website

import (
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

var (
	quiet = log.New(io.Discard, "", 0)
	now   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)

// read maps a page of https://www.acme.example/.
func read(t *testing.T, html string, header map[string][]string) (providers.Answer, account.Facts) {
	t.Helper()
	c, err := New(providers.Config{})
	require.NoError(t, err)
	body, err := visit{URL: "https://www.acme.example/", HTML: html, Header: header}.encode()
	require.NoError(t, err)
	got, err := c.Map(body, now)
	require.NoError(t, err)
	facts := account.Facts{}
	for _, f := range got.Facts {
		facts[f.Field] = f
	}
	return got, facts
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string // JSON-LD
		want       map[account.Field]string
	}{
		{
			name: "one object", give: `{"@type": "Organization", "name": "Acme", "foundingDate": "2011"}`,
			want: map[account.Field]string{account.Name: "Acme", account.FoundedYear: "2011"},
		},
		{
			name: "a list, several types, the vocabulary's address in front",
			give: `[{"@type": "BreadcrumbList"}, {"@type": ["http://schema.org/LocalBusiness", "Thing"], "name": "Acme", "address": {"addressCountry": "DE", "addressLocality": "Köln"}}]`,
			want: map[account.Field]string{account.Name: "Acme", account.Country: "DE", account.City: "Köln"},
		},
		{
			name: "the publisher of the site", give: `{"@type": "WebSite", "name": "Acme Blog", "publisher": {"@type": "Corporation", "name": "Acme", "tickerSymbol": "ACM"}}`,
			want: map[account.Field]string{account.Name: "Acme", account.CompanyType: "public"},
		},
		{
			name: "the one whose address is the page's, not the customer's",
			give: `[{"@type": "Organization", "name": "Globex", "url": "https://globex.example"}, {"@type": "Organization", "name": "Acme", "url": "https://acme.example/"}]`,
			want: map[account.Field]string{account.Name: "Acme"},
		},
		{
			name: "not the author of a review", give: `{"@type": "Product", "name": "Robot", "review": {"author": {"@type": "Organization", "name": "Globex"}}}`,
			want: map[account.Field]string{},
		},
		{
			name: "an exact number of employees", give: `{"@type": "Organization", "name": "Acme", "numberOfEmployees": {"@type": "QuantitativeValue", "value": 120}}`,
			want: map[account.Field]string{account.Name: "Acme", account.Employees: "120"},
		},
		{
			name: "as text", give: `{"@type": "Organization", "name": "Acme", "numberOfEmployees": {"value": "120"}}`,
			want: map[account.Field]string{account.Name: "Acme", account.Employees: "120"},
		},
		{
			name: "without the object", give: `{"@type": "Organization", "name": "Acme", "numberOfEmployees": 120}`,
			want: map[account.Field]string{account.Name: "Acme", account.Employees: "120"},
		},
		{
			name: "a band", give: `{"@type": "Organization", "name": "Acme", "numberOfEmployees": {"value": "51-200"}}`,
			want: map[account.Field]string{account.Name: "Acme", account.Employees: "126"},
		},
		{
			name: "a lower end", give: `{"@type": "Organization", "name": "Acme", "numberOfEmployees": {"minValue": 500}}`,
			want: map[account.Field]string{account.Name: "Acme", account.Employees: "500"},
		},
		{
			name: "nonsense", give: `{"@type": "Organization", "name": "Acme", "numberOfEmployees": -3, "foundingDate": "long ago", "address": "Mill Lane", "sameAs": 7}`,
			want: map[account.Field]string{account.Name: "Acme"},
		},
		{
			name: "a year in words", give: `{"@type": "Organization", "name": "Acme", "foundingDate": "May 2011"}`,
			want: map[account.Field]string{account.Name: "Acme", account.FoundedYear: "2011"},
		},
		{
			name: "a year to come", give: `{"@type": "Organization", "name": "Acme", "foundingDate": "2031"}`,
			want: map[account.Field]string{account.Name: "Acme"},
		},
		{
			name: "a charity", give: `{"@type": "NGO", "name": "Acme Aid"}`,
			want: map[account.Field]string{account.Name: "Acme Aid", account.CompanyType: "nonprofit"},
		},
		{
			name: "a name with a language, and only a legal one", give: `{"@type": "Organization", "legalName": {"@language": "en", "@value": "Acme Ltd"}}`,
			want: map[account.Field]string{account.Name: "Acme Ltd"},
		},
		{
			name: "in a comment, with line breaks in texts and commas to spare", give: "<!-- {\"@type\": \"Organization\",\n\"name\": \"Acme\nRobotics\",} -->",
			want: map[account.Field]string{account.Name: "Acme Robotics"},
		},
		{
			name: "in a CDATA section", give: "//<![CDATA[\n{\"@type\": \"Organization\", \"name\": \"Acme\"}\n//]]>",
			want: map[account.Field]string{account.Name: "Acme"},
		},
		{name: "no JSON", give: `{"@type": "Organization", "name`, want: map[account.Field]string{}},
		{
			name: "the LinkedIn page of the company, not of its founder",
			give: `{"@type": "Organization", "name": "Acme", "sameAs": ["https://linkedin.com/in/jo", "https://de.linkedin.com/company/Acme/"]}`,
			want: map[account.Field]string{account.Name: "Acme", account.LinkedInURL: "linkedin.com/company/acme"},
		},
		{name: "nested without end", give: strings.Repeat(`{"@graph": [`, 3000) + strings.Repeat(`]}`, 3000), want: map[account.Field]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, facts := read(t, `<script type="application/ld+json">`+tt.give+`</script>`, nil)
			got := map[account.Field]string{}
			for field, f := range facts {
				got[field] = f.Value.String()
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// TestOffices: with offices in several countries, the first is a guess.
func TestOffices(t *testing.T) {
	t.Parallel()
	const offices = `<script type="application/ld+json">{"@type": "Organization", "name": "Acme", "address": [{"addressCountry": "GB"}, {"addressCountry": "%"}]}</script>`
	_, one := read(t, strings.Replace(offices, "%", "GB", 1), nil)
	_, two := read(t, strings.Replace(offices, "%", "DE", 1), nil)
	require.InDelta(t, sureSchema, one[account.Country].Confidence, 0)
	require.InDelta(t, sureDoubtful, two[account.Country].Confidence, 0)
	require.Equal(t, "GB", two[account.Country].Value.Text())
}

func TestLinkedInLinks(t *testing.T) {
	t.Parallel()
	const acme, globex = `<a href="https://www.linkedin.com/company/acme?trk=x">in</a>`, `<a href="https://linkedin.com/company/globex">in</a>`
	_, facts := read(t, acme+acme+`<a href="https://linkedin.com/in/jo">Jo</a>`, nil)
	require.Equal(t, "linkedin.com/company/acme", facts[account.LinkedInURL].Value.Text())
	_, facts = read(t, acme+globex, nil)
	require.NotContains(t, facts, account.LinkedInURL, "one of them is a partner's")
}

func TestTechnologies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string
		header     map[string][]string
		want       []string
	}{
		{name: "by the script's address", give: `<script src="//js.hs-scripts.com/1.js"></script>`, want: []string{"hubspot"}},
		{name: "by a script that waits for consent", give: `<script type="text/plain" data-src="https://munchkin.marketo.net/munchkin.js"></script>`, want: []string{"marketo"}},
		{name: "by what is in the page", give: `<script>analytics.SNIPPET_VERSION="4.1"; u="https://cdn.segment.com/analytics.js/v1/"</script>`, want: []string{"segment"}},
		{name: "by a form", give: `<form action="https://webto.salesforce.com/servlet/servlet.WebToLead?encoding=UTF-8">`, want: []string{"salesforce"}},
		{name: "Pardot is not yet the CRM of its owner", give: `<script>piAId = '1';</script>`, want: []string{"pardot"}},
		{name: "by a header", give: `x`, header: map[string][]string{"Server": {"cloudflare"}}, want: []string{"cloudflare"}},
		{name: "by a cookie", give: `x`, header: map[string][]string{"Set-Cookie": {"laravel_session=abc; path=/"}}, want: []string{"laravel", "php"}},
		{name: "by the generator, with what it is built on", give: `<meta name="Generator" content="WordPress 6.6">`, want: []string{"mysql", "php", "wordpress"}},
		{name: "in any case", give: `<SCRIPT SRC="HTTPS://STATIC.HOTJAR.COM/c/hotjar.js"></SCRIPT>`, want: []string{"hotjar"}},
		{name: "by a hint of just enough weight", give: `x`, header: map[string][]string{"Set-Cookie": {"csrftoken=a"}}, want: []string{"django", "python"}},
		{name: "not by talking about it", give: `<p>We integrate with HubSpot, Salesforce and Marketo.</p>`},
		{name: "nor by linking to it", give: `<a href="https://www.hubspot.com/">HubSpot</a>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, facts := read(t, tt.give, tt.header)
			require.Equal(t, tt.want, facts[account.Technologies].Value.List())
		})
	}
}

func TestParked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string
		want       bool
	}{
		{name: "for sale", give: `<title>acme.example</title>This domain is FOR SALE`, want: true},
		{name: "a registrar's frame", give: `<title>acme.example</title><script src="https://d1.sedoparking.com/frmpark.js"></script>`, want: true},
		{name: "a new server", give: `<title>Welcome to nginx!</title>`, want: true},
		{name: "a bot check", give: `<title>Just a moment...</title>`, want: true},
		{name: "a company", give: `<title>Acme</title>We sell robots.`},
		{name: "a broker, who has more to say", give: `<title>Domains</title>This domain is for sale. ` + strings.Repeat("We broker names. ", 300)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, parsePage(tt.give).parked("acme.example"))
		})
	}
	require.True(t, parsePage("<p>Offers").parked("www.hugedomains.com"))
}

// TestEmbedded: every rule can be used, and means something in our vocabulary.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	r := Embedded()
	require.Zero(t, r.Skipped())
	require.Greater(t, r.Len(), 80)
	for name, tech := range r.technologies {
		_, ok := vocabulary.Technology(name)
		require.True(t, ok, "%s is noise", name)
		for _, i := range tech.implies {
			_, ok := vocabulary.Technology(i.name)
			require.True(t, ok, "%s implies noise", name)
		}
	}
}

func TestLoadRules(t *testing.T) {
	t.Parallel()
	const file = `{"$schema": "../x.json", "categories": {"1": {"name": "CMS"}}, "technologies": {
		"Anvil": {"cats": [1], "scriptSrc": ["anvil(?:-([\\d.]+))?\\.js\\;version:\\1", "(?!x)y"], "implies": ["Iron\\;confidence:40", "Forge"], "excludes": "Hammer"},
		"Forge": {"meta": {"generator": ["^Nothing", "^Forge"]}},
		"Hammer": {"html": "<hammer"},
		"Tongs": {"cookies": {"tongs": "\\;confidence:25"}, "headers": {"X-Tongs": "\\;confidence:25"}, "requires": "Forge"},
		"Shift": {"html": "<hammer", "requires": "Nowhere"},
		"Blink": {"js": {"blink": ""}},
		"HubSpot": {"html": "never"},
		"Broken": 7}}`
	path := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	r, err := LoadRules(path)
	require.NoError(t, err)
	require.Equal(t, 1, r.Skipped(), "the look-ahead")
	require.Equal(t, Embedded().Len()+5, r.Len(), "without what needs a browser, and HubSpot once")

	detect := func(html string, header map[string][]string) []string {
		return r.detect(visit{HTML: html, Header: header}, parsePage(html))
	}
	require.Equal(t, []string{"Anvil", "Forge"}, detect(`<script src="/anvil-1.2.js"></script><hammer>`, nil))
	require.Equal(t, []string{"Forge", "Tongs"}, detect(`<meta name=generator content=Forge>`, map[string][]string{"Set-Cookie": {"tongs=1"}, "X-Tongs": {"1"}}))
	require.Equal(t, []string{"Forge"}, detect(`<meta name=generator content=Forge>`, map[string][]string{"X-Tongs": {"1"}}), "25 % is not enough")
	require.Empty(t, detect(`<script src="//js.hs-scripts.com/1.js"></script>`, nil), "the file's rule is the one that counts")
}

func TestLoadRulesThatAreNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"empty.json": `{}`, "list.json": `[]`, "cut.json": `{"A": {"ht`, "browser.json": `{"A": {"js": {"a": ""}}}`} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := LoadRules(path)
		require.ErrorContains(t, err, name)
	}
	_, err := LoadRules(filepath.Join(dir, "missing.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestRequired: the text that is looked for first is in all that the expression matches.
func TestRequired(t *testing.T) {
	t.Parallel()
	for give, want := range map[string][]string{
		`js\.HS-scripts\.com`: {"js.hs-scripts.com"}, `(?:aa|bb)\.example`: {".example"}, `x?yz*`: {"y"}, `(abc)+d`: {"abc"}, `(?:ab){2}`: {"ab"},
		`abc|x\dabd`: {"abc", "abd"}, `abc|\d`: nil, `a{0,1}`: nil, `^$`: nil,
	} {
		p, err := newPattern(give)
		require.NoError(t, err)
		require.Equal(t, want, p.literals, give)
	}
}

// TestSavedPage: what a browser saved is read, too.
func TestSavedPage(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/found.html")
	require.NoError(t, err)
	c, err := New(providers.Config{})
	require.NoError(t, err)
	got, err := c.Map(body, now)
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
	require.Equal(t, "Acme Robotics", got.Name)
}

// TestRealPages reads pages as they are on the web.
func TestRealPages(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/data/web-pages-a/*.html")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("../shared/data/web-pages-a is not here")
	}
	c, err := New(providers.Config{})
	require.NoError(t, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		got, err := c.Map(body, now)
		require.NoError(t, err, file)
		require.Equal(t, outbound.Found, got.Outcome, file)
		for _, f := range got.Facts {
			t.Log(filepath.Base(file), f.Field, f.Value)
		}
	}
}

func FuzzRobots(f *testing.F) {
	f.Add([]byte("User-agent: *\nDisallow: /*?x$\nAllow: /"))
	f.Add([]byte("\xef\xbb\xbfDisallow: /\rUser-agent\nCrawl-delay: x"))
	f.Fuzz(func(_ *testing.T, body []byte) { file{status: 200, lines: robotLines(body)}.permits("/") })
}

func BenchmarkMap(b *testing.B) {
	body, err := os.ReadFile("testdata/found.html")
	require.NoError(b, err)
	c, err := New(providers.Config{})
	require.NoError(b, err)
	big := append(body, []byte(strings.Repeat("<div class=\"row\"><p>Robots that know where to go.</p></div>\n", 3000))...)
	b.SetBytes(int64(len(big)))
	for b.Loop() {
		_, err := c.Map(big, now)
		require.NoError(b, err)
	}
}
