package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// Vendor names one of the data vendors that the sandbox speaks for.
type Vendor string

// The vendors. Their names are those of Sluice's providers.
const (
	Apollo    Vendor = "apollo"
	Clearbit  Vendor = "clearbit"
	Hunter    Vendor = "hunter"
	PDL       Vendor = "pdl"
	BuiltWith Vendor = "builtwith"
	Website   Vendor = "website"
)

// Vendors returns all vendors, in the order in which Sluice asks them by default.
func Vendors() []Vendor {
	return []Vendor{Apollo, Clearbit, Hunter, PDL, BuiltWith, Website}
}

// supplies is what each vendor's API can carry. true: as an exact value; false: as a
// band, a coarse label or an estimate.
var supplies = map[Vendor]map[account.Field]bool{
	Apollo: {
		account.Name: true, account.Domain: true, account.LinkedInURL: true, account.Industry: true, account.Employees: true,
		account.RevenueUSD: true, account.Country: true, account.State: true, account.City: true, account.Technologies: true,
		account.FoundedYear: true, account.FundingStage: true, account.FundingTotalUSD: true, account.LastFundingAt: true, account.Tags: true,
	},
	Clearbit: {
		account.Name: true, account.Domain: true, account.LinkedInURL: true, account.Description: true, account.Industry: true,
		account.Employees: true, account.RevenueUSD: false, account.Country: true, account.State: true, account.City: true,
		account.Technologies: true, account.FoundedYear: true, account.FundingTotalUSD: true, account.CompanyType: true,
		account.BusinessModel: true, account.Tags: true,
	},
	Hunter: {
		account.Name: true, account.Domain: true, account.LinkedInURL: true, account.Description: true, account.Industry: true,
		account.Employees: false, account.Country: true, account.State: true, account.City: true, account.Technologies: true,
		account.FoundedYear: true, account.CompanyType: true, account.Tags: true,
	},
	PDL: {
		account.Name: true, account.Domain: true, account.LinkedInURL: true, account.Description: true, account.Industry: true,
		account.Employees: true, account.RevenueUSD: false, account.Country: true, account.State: true, account.City: true,
		account.FoundedYear: true, account.FundingStage: true, account.FundingTotalUSD: true, account.LastFundingAt: true,
		account.CompanyType: true, account.Tags: true,
	},
	BuiltWith: {
		account.Name: true, account.Domain: true, account.Industry: false, account.Employees: false, account.Country: true,
		account.State: true, account.City: true, account.Technologies: true,
	},
	Website: {
		account.Name: true, account.Domain: true, account.LinkedInURL: true, account.Description: true, account.Employees: true,
		account.Country: true, account.State: true, account.City: true, account.Technologies: true, account.FoundedYear: true,
	},
}

// Supplies returns the fields that the vendor's API can carry, sorted.
func Supplies(v Vendor) []account.Field {
	var out []account.Field
	for f := range supplies[v] {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

// Exact reports whether the vendor gives the field's value itself. If not, it is a
// band (Hunter's employees, Clearbit's and People Data Labs' revenue) or too coarse
// to tell industries apart (BuiltWith's vertical).
func Exact(v Vendor, f account.Field) bool { return supplies[v][f] }

// vendorsIn reads a list of vendors; nil for an empty one, and none for "nobody".
func vendorsIn(s string) ([]Vendor, error) {
	if s == "" {
		return nil, nil
	}
	known := []Vendor{}
	if s == "nobody" {
		return known, nil
	}
	for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ';' || r == ' ' }) {
		if !slices.Contains(Vendors(), Vendor(name)) {
			return nil, fmt.Errorf("known_to: no vendor %q", name)
		}
		known = append(known, Vendor(name))
	}
	return known, nil
}
