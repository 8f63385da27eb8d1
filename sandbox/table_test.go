package sandbox

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
)

// fit is the revops model's score of a company, worked out here in a few lines so
// that the sandbox does not depend on the code that it tests.
func fit(c Company, at time.Time) int {
	points := 0
	if slices.Contains([]string{"saas", "digital-marketing", "it-services"}, c.Industry) {
		points += 20
	}
	switch e := c.Employees; {
	case e >= 50 && e <= 500:
		points += 15
	case e >= 20 && e <= 1000:
		points += 7
	}
	if slices.Contains(c.Technologies, "hubspot") || slices.Contains(c.Technologies, "salesforce") {
		points += 20
	}
	if c.RevenueUSD >= 1e6 && c.RevenueUSD <= 1e7 {
		points += 10
	}
	if !c.LastFundingAt.IsZero() && at.Sub(c.LastFundingAt) <= 90*24*time.Hour {
		points += 15
	}
	return points
}

func tierOf(points int) string {
	switch {
	case points >= 70:
		return "Tier 1"
	case points >= 40:
		return "Tier 2"
	case points >= 20:
		return "Tier 3"
	}
	return "Not a fit"
}

var required = []account.Field{account.Industry, account.Employees, account.Country, account.Technologies}

// seen is what asking the vendors in order brings together, first word wins.
func seen(c *Coverage, domain string) (merged Company, asked []Vendor) {
	asked = c.Least(domain, Question{Required: required})
	for _, v := range asked {
		says, _ := c.Says(v, domain)
		for _, f := range c.Knows(v, domain) {
			if !merged.Has(f) {
				merged.take(f, &says)
			}
		}
	}
	return merged, asked
}

func TestDefaultIsSound(t *testing.T) {
	t.Parallel()
	table := Default()
	require.GreaterOrEqual(t, len(table.companies), 320)
	for _, c := range table.companies {
		require.True(t, strings.HasSuffix(c.Domain, ".example"), c.Domain)
		require.NotZero(t, industryByWord[c.Industry], c.Domain)
		require.NotZero(t, countries[c.Country], c.Domain)
		require.Positive(t, c.Employees, c.Domain)
		require.NotEmpty(t, c.Name, c.Domain)
		for _, word := range slices.Concat(c.Technologies, c.FormerTechnologies) {
			require.NotZero(t, techBySpelling[fold(word)], c.Domain)
		}
		if !c.LastFundingAt.IsZero() {
			require.GreaterOrEqual(t, c.LastFundingAt.Year(), c.FoundedYear, c.Domain)
		}
	}
}

func TestTiersOfTheShippedTable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	table := DefaultAt(now)
	c := Cover(table, Realistic, 1)
	share := map[string]float64{}
	var nobody float64
	for _, truth := range table.companies {
		merged, asked := seen(c, truth.Domain)
		share[tierOf(fit(merged, now))] += 1 / float64(len(table.companies))
		if len(asked) == len(Vendors()) && merged.Domain == "" {
			nobody++
		}
	}
	require.InDelta(t, 0.10, share["Tier 1"], 0.02)
	require.InDelta(t, 0.30, share["Tier 2"], 0.05)
	require.InDelta(t, 0.30, share["Tier 3"], 0.05)
	require.InDelta(t, 0.30, share["Not a fit"], 0.05)
	require.InDelta(t, 0.02, nobody/float64(len(table.companies)), 0.01)
}

func TestSamples(t *testing.T) {
	t.Parallel()
	samples := Samples()
	require.InDelta(t, 40, len(samples), 3)
	c := Cover(Default(), Realistic, 1)
	found := map[string]int{}
	for _, s := range samples {
		merged, _ := seen(c, s.Domain)
		switch {
		case s.Domain == "gmail.com":
			found["refused"]++
		case merged.Domain == "":
			found["nobody"]++
		default:
			found[tierOf(fit(merged, time.Now()))]++
		}
	}
	require.Equal(t, 1, found["refused"])
	require.Equal(t, 1, found["nobody"], "one that no vendor knows")
	for _, tier := range []string{"Tier 1", "Tier 2", "Tier 3", "Not a fit"} {
		require.Greater(t, found[tier], 3, tier)
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	want := map[Vendor]float64{Apollo: 0.70, Clearbit: 0.45, Hunter: 0.55, PDL: 0.75, BuiltWith: 0.60, Website: 0.80}
	c := Cover(Default(), Realistic, 1)
	for v, share := range want {
		var knows, others, wrong, employees float64
		for i, truth := range c.table.companies {
			a := c.says(v, i)
			if a.kind == unknown {
				continue
			}
			knows++
			if a.kind == other {
				others++
				require.NotEqual(t, truth.Domain, a.company.Domain)
				require.Empty(t, c.Knows(v, truth.Domain))
			} else if e := a.company.Employees; e > 0 {
				employees++
				if e != truth.Employees {
					wrong++
				}
			}
		}
		require.InDelta(t, share, knows/float64(len(c.table.companies)), 0.06, v)
		require.Less(t, others/knows, 0.06, v)
		if employees > 50 {
			require.InDelta(t, wrongALittle, wrong/employees, 0.12, "%s is wrong about the head count", v)
		}
	}
	require.NotContains(t, Supplies(PDL), account.Technologies)
	require.False(t, Exact(Hunter, account.Employees), "a band")
	require.True(t, Exact(Apollo, account.Employees))
}

func TestCoverageIsDeterministic(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for _, mode := range []Mode{Full, Partial, Realistic} {
		first, second := Cover(DefaultAt(at), mode, 3), Cover(DefaultAt(at), mode, 3)
		require.Equal(t, everything(first), everything(second), mode)
	}
	require.NotEqual(t, everything(Cover(DefaultAt(at), Partial, 3)), everything(Cover(DefaultAt(at), Partial, 4)))
}

// everything is what all vendors say about all companies.
func everything(c *Coverage) map[Vendor][]answer {
	says := map[Vendor][]answer{}
	for _, v := range Vendors() {
		for i := range c.table.companies {
			says[v] = append(says[v], c.says(v, i))
		}
	}
	return says
}

// TestPartialIsTrueAndComplete: every field is known to somebody, and nothing is false.
func TestPartialIsTrueAndComplete(t *testing.T) {
	t.Parallel()
	c := Cover(Default(), Partial, 1)
	for i, truth := range c.table.companies {
		if c.table.knownTo[i] != nil {
			continue
		}
		for _, f := range fields {
			if truth.Has(f) && f != account.BusinessModel { // told by Clearbit alone, in its tags
				require.True(t, slices.ContainsFunc(Vendors(), func(v Vendor) bool {
					return slices.Contains(c.Knows(v, truth.Domain), f)
				}), "%s of %s", f, truth.Domain)
			}
		}
		for _, v := range Vendors() {
			says, ok := c.Says(v, truth.Domain)
			if !ok {
				continue
			}
			for _, f := range []account.Field{account.Employees, account.Industry, account.Country, account.RevenueUSD} {
				if says.Has(f) {
					var want Company
					want.take(f, &truth)
					var have Company
					have.take(f, &says)
					require.Equal(t, want, have, "%s says %s of %s", v, f, truth.Domain)
				}
			}
		}
	}
}

func TestLeast(t *testing.T) {
	t.Parallel()
	csv := "domain,industry,employees,country,technologies,known_to\n" +
		"all.example,saas,100,US,hubspot,\n" +
		"hunter.example,saas,100,US,hubspot,hunter;pdl\n" +
		"nobody.example,saas,100,US,hubspot,nobody\n"
	table, _, err := Load(strings.NewReader(csv))
	require.NoError(t, err)
	c := Cover(table, Full, 1)
	tests := []struct {
		name, domain string
		give         Question
		want         []Vendor
	}{
		{"the first knows all", "all.example", Question{Required: required}, []Vendor{Apollo}},
		{"another order", "all.example", Question{Order: []Vendor{BuiltWith, PDL, Apollo}, Required: required}, []Vendor{BuiltWith, PDL}},
		{"a band is not enough", "hunter.example", Question{Required: required}, []Vendor{Apollo, Clearbit, Hunter, PDL}},
		{"a band is enough if so said", "hunter.example", Question{Required: required, Met: func(account.Field, []Told) bool { return true }}, []Vendor{Apollo, Clearbit, Hunter}},
		{"who is expected to know nothing is not asked", "hunter.example", Question{
			Required: []account.Field{account.Technologies},
			Supplies: func(v Vendor, _ account.Field) bool { return v == Hunter || v == Website },
		}, []Vendor{Hunter}},
		{"nobody knows", "nobody.example", Question{Required: required}, Vendors()},
		{"not in the table", "unlisted.example", Question{Required: []account.Field{account.Technologies}}, []Vendor{Apollo, Clearbit, Hunter, BuiltWith, Website}},
		{"nothing required", "all.example", Question{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, c.Least(tt.domain, tt.give))
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	csv := "\ufeffCompany Name,Website,Team_Size,Sector,Sub-Industry,HQ,Annual Revenue,Tech Stack,Keywords\n" +
		"Acme,https://www.acme.example/about,\"1,200\",Software,SaaS,\"Leeds, England, UK\",$5M,HubSpot; Frobnicator,b2b|robots\n" +
		"Again,acme.example,1,,,,,,\n" +
		",,5,,,,,,\n" +
		"Band,band.example,51-200,Unspecified,,Remote,,,\n" +
		"\"broken,x\n"
	table, report, err := Load(strings.NewReader(csv))
	require.NoError(t, err)
	require.Equal(t, 5, report.Rows)
	require.Equal(t, 2, report.Companies)
	require.Equal(t, 1, report.Duplicates)
	require.Equal(t, []int{3, 4, 6}, []int{report.Skipped[0].Line, report.Skipped[1].Line, report.Skipped[2].Line})
	acme, ok := table.Find("http://www.acme.example")
	require.True(t, ok)
	require.Equal(t, Company{
		Domain: "acme.example", Name: "Acme", Industry: "SaaS", Employees: 1200, RevenueUSD: 5_000_000,
		Country: "GB", State: "England", City: "Leeds", Technologies: []string{"hubspot", "Frobnicator"}, Tags: []string{"b2b", "robots"},
	}, acme)
	band, _ := table.Find("band.example")
	require.Equal(t, Company{Domain: "band.example", Name: "Band", Employees: 126}, band)
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, give := range map[string]string{"nothing": "", "no domain": "name,employees\nAcme,5\n"} {
		_, _, err := Load(strings.NewReader(give))
		require.Error(t, err, name)
	}
}

// TestYC loads a real file, dirt and all. It is not part of the repository.
func TestYC(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../shared/data/companies-yc-a/companies.csv")
	if err != nil {
		t.Skipf("no real companies here: %v", err)
	}
	defer func() { require.NoError(t, file.Close()) }()
	table, report, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, 2823, report.Rows)
	require.Equal(t, report.Rows, report.Companies+len(report.Skipped))
	require.Less(t, len(report.Skipped), 30)

	c, ok := table.Find("sendhub.com")
	require.True(t, ok)
	require.Equal(t, "B2B -> Productivity", c.Industry)
	require.Equal(t, []any{51, "US", "CA", "Pleasanton"}, []any{c.Employees, c.Country, c.State, c.City})

	s, err := New(Options{Table: table})
	require.NoError(t, err)
	require.Equal(t, Full, s.mode, "a loaded table is known to all")
	require.Contains(t, s.ask(t, lookup(Apollo, "sendhub.com", Key)).body, `"industry":"b2b -\u003e productivity"`)
	require.Contains(t, s.ask(t, lookup(Clearbit, "sendhub.com", Key)).body, `"subIndustry":"B2B -\u003e Productivity"`)
	for _, c := range table.companies {
		if c.Domain == "" {
			require.Equal(t, about, s.named(Apollo, c.Name).kind, "%s is known by its name", c.Name)
			continue
		}
		for _, f := range []account.Field{account.Industry, account.Employees, account.Country} {
			require.Equal(t, c.Has(f), slices.Contains(s.Knows(Apollo, c.Domain), f), "%s of %s", f, c.Domain)
		}
		require.Empty(t, c.Technologies)
	}
	require.Equal(t, Partial, Cover(table, Realistic, 1).mode, "nothing false about real companies")
}
