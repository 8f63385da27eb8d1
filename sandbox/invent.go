package sandbox

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Invent returns a table of n made-up companies under .example domains, the same for
// the same seed, all of it true today. It shares what it can, so that 50 000 companies
// take some twenty megabytes.
func Invent(n int, seed uint64) *Table { return InventAt(n, seed, time.Now()) }

// InventAt is [Invent] for a table that was true at the given time: what is old on
// job boards and in filings is old from there.
func InventAt(n int, seed uint64, now time.Time) *Table {
	t := &Table{
		companies: make([]Company, 0, n), knownTo: make([][]Vendor, 0, n), byDomain: make(map[string]int, n), byName: make(map[string]int, n),
		invented: true, at: now.UTC(),
	}
	r := rand.New(rand.NewPCG(seed, 97)) //nolint:gosec // companies are no secret
	for i := range n {
		c := inventOne(r, t.at)
		stem := inventedStems[r.IntN(len(inventedStems))]
		kind := inventedKinds[r.IntN(len(inventedKinds))]
		c.Name = fmt.Sprintf("%s %s %d", stem.name, kind.name, i+1)
		c.Domain = fmt.Sprintf("%s%s%d.example", stem.slug, kind.slug, i+1)
		c.LinkedIn = c.Domain[:len(c.Domain)-len(".example")]
		t.add(c, nil)
	}
	return t
}

type inventedWord struct{ name, slug string }

var (
	inventedStems = []inventedWord{
		{"Alder", "alder"},
		{"Birchwood", "birchwood"},
		{"Copperline", "copperline"},
		{"Dunmore", "dunmore"},
		{"Eastgate", "eastgate"},
		{"Fernhill", "fernhill"},
		{"Granite", "granite"},
		{"Hollow", "hollow"},
		{"Ironbridge", "ironbridge"},
		{"Juniper", "juniper"},
		{"Kestrel", "kestrel"},
		{"Larkspur", "larkspur"},
		{"Millrace", "millrace"},
		{"Northway", "northway"},
		{"Orchard", "orchard"},
		{"Pinecrest", "pinecrest"},
		{"Quarry", "quarry"},
		{"Ridgeway", "ridgeway"},
		{"Saltmarsh", "saltmarsh"},
		{"Tidewater", "tidewater"},
	}
	inventedKinds = []inventedWord{{"Systems", "systems"}, {"Labs", "labs"}, {"Works", "works"}, {"Group", "group"}, {"Software", "software"}, {"Partners", "partners"}}

	inventedIndustries = []string{"saas", "it-services", "digital-marketing", "fintech", "healthcare", "machinery", "e-commerce", "logistics"}
	inventedPlaces     = []struct{ country, state, city string }{
		{"US", "Texas", "Austin"},
		{"US", "California", "San Francisco"},
		{"US", "New York", "New York"},
		{"US", "Colorado", "Denver"},
		{"GB", "England", "London"},
		{"DE", "", "Berlin"},
		{"FR", "Ile-de-France", "Paris"},
		{"CA", "Ontario", "Toronto"},
	}
	// Each is shared by all companies that have it.
	inventedStacks = [][]string{
		{"hubspot", "google-analytics", "google-tag-manager", "wordpress"},
		{"salesforce", "pardot", "google-tag-manager", "webflow"},
		{"salesforce", "marketo", "segment", "intercom"},
		{"hubspot", "hotjar", "webflow", "linkedin-insight-tag"},
		{"shopify", "klaviyo", "facebook-pixel"},
		{"wordpress", "mailchimp", "google-analytics"},
		{"pipedrive", "wordpress", "zendesk"},
		{"wordpress"},
	}
	inventedTags = map[string][]string{
		"saas": {"saas", "b2b", "software"}, "it-services": {"b2b", "consulting"}, "digital-marketing": {"b2b", "marketing"}, "e-commerce": {"b2c", "e-commerce"},
	}
	inventedStages = []string{"seed", "series_a", "series_b"}
)

// inventOne makes up everything but the names.
func inventOne(r *rand.Rand, now time.Time) Company {
	place := inventedPlaces[r.IntN(len(inventedPlaces))]
	c := Company{
		Industry: inventedIndustries[r.IntN(len(inventedIndustries))], Employees: 5 + r.IntN(1200), RevenueUSD: int64(3+r.IntN(200)) * 100_000,
		Country: place.country, State: place.state, City: place.city, Technologies: inventedStacks[r.IntN(len(inventedStacks))],
		FoundedYear: 1990 + r.IntN(33), CompanyType: "private",
	}
	c.Tags = inventedTags[c.Industry]
	if r.IntN(12) == 0 {
		c.CompanyType = "public"
	}
	if r.IntN(3) == 0 { // none of it news
		c.FundingStage = inventedStages[r.IntN(len(inventedStages))]
		c.FundingTotalUSD = int64(5+r.IntN(300)) * 100_000
		c.LastFundingAt = now.AddDate(0, 0, -(120 + r.IntN(900))).Truncate(24 * time.Hour)
	}
	return c
}
