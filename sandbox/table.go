package sandbox

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Table is the truth about a number of companies. It does not change.
type Table struct {
	companies []Company
	knownTo   [][]Vendor // nil: whoever the coverage picks
	samples   []Sample
	byDomain  map[string]int
	byName    map[string]int // lower case
	invented  bool           // by us, so that vendors may be wrong about it
	at        time.Time      // when it was true
}

// Sample is a company of the demo.
type Sample struct{ Domain, Name string }

//go:embed companies.csv
var shipped []byte

// Default returns the table that Sluice ships: 340 invented companies under
// .example domains. Their funding dates are relative to today.
func Default() *Table { return DefaultAt(time.Now()) }

// DefaultAt returns the shipped table as it stands at the given time.
func DefaultAt(now time.Time) *Table {
	t, _, err := loadAt(bytes.NewReader(shipped), now)
	if err != nil {
		panic(fmt.Sprintf("sandbox: companies.csv: %v", err)) // embedded: a test loads it
	}
	t.invented = true
	return t
}

// Samples returns the companies that the demo takes through Sluice: every tier, one
// that no vendor knows, and a free-mail domain that Sluice must refuse.
func Samples() []Sample {
	return append(Default().samples, Sample{Domain: "gmail.com", Name: "Pat's Hobby Shop"})
}

// Companies returns every company, in the order of the file. The caller must not
// change it.
func (t *Table) Companies() []Company { return t.companies }

// Find returns the company at a domain, however that is written.
func (t *Table) Find(domain string) (Company, bool) {
	i, ok := t.index(domain)
	if !ok {
		return Company{}, false
	}
	return t.companies[i], true
}

func (t *Table) index(domain string) (int, bool) {
	if i, ok := t.byDomain[domain]; ok { // the common case: asked as stored
		return i, true
	}
	host, ok := registrable(domain)
	if !ok {
		return 0, false
	}
	i, ok := t.byDomain[host]
	return i, ok
}

// add takes a company into the table; false when its domain is there already, or its
// name if it has no domain.
func (t *Table) add(c Company, knownTo []Vendor) bool {
	_, taken := t.byDomain[c.Domain]
	if c.Domain == "" {
		_, taken = t.byName[strings.ToLower(c.Name)]
	}
	if taken {
		return false
	}
	if c.Domain != "" {
		t.byDomain[c.Domain] = len(t.companies)
	}
	if name := strings.ToLower(c.Name); name != "" {
		if _, taken := t.byName[name]; !taken {
			t.byName[name] = len(t.companies)
		}
	}
	t.companies = append(t.companies, c)
	t.knownTo = append(t.knownTo, knownTo)
	return true
}

// registrable brings a domain, a host or a URL to the domain that a company
// registers; false for what is none.
func registrable(s string) (string, bool) {
	s = strings.ToLower(strings.Trim(s, " \t.,;/"))
	if strings.Contains(s, "//") {
		u, err := url.Parse(s)
		if err != nil {
			return "", false
		}
		s = u.Hostname()
	}
	s, _, _ = strings.Cut(s, "/")
	s, _, _ = strings.Cut(s, ":")
	host, err := idna.Lookup.ToASCII(strings.Trim(s, "."))
	if err != nil || !strings.Contains(host, ".") {
		return "", false
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	return domain, err == nil
}
