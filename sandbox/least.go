package sandbox

import (
	"slices"

	"github.com/sluicehq/sluice/account"
)

// Question is what [Coverage.Least] is asked.
type Question struct {
	Order    []Vendor        // who is asked, in this order
	Required []account.Field // what has to be found

	// Supplies reports whether the asking side expects the field from the vendor:
	// it asks nobody from whom it expects nothing. Default: what the vendor's API
	// carries ([Supplies]).
	Supplies func(v Vendor, f account.Field) bool

	// Met reports whether what the vendors asked so far tell about the field is
	// enough; told has at least one element. Default: any of them is [Exact].
	Met func(f account.Field, told []Told) bool
}

// Told is a vendor's word on a field of a company.
type Told struct {
	Vendor  Vendor
	Company Company // the field is in it
	Exact   bool    // not a band
}

// Least returns the vendors that have to be asked about the company at the domain,
// in order: each that may tell a field still missing when its turn comes. Nobody can
// do with fewer who does not know the answers beforehand.
func (c *Coverage) Least(domain string, q Question) []Vendor {
	q = q.withDefaults()
	missing := slices.Clone(q.Required)
	told := map[account.Field][]Told{}
	var asked []Vendor
	for _, v := range q.Order {
		if !slices.ContainsFunc(missing, func(f account.Field) bool { return q.Supplies(v, f) }) {
			continue
		}
		asked = append(asked, v)
		says, _ := c.Says(v, domain)
		for _, f := range c.Knows(v, domain) {
			told[f] = append(told[f], Told{Vendor: v, Company: says, Exact: Exact(v, f)})
		}
		missing = slices.DeleteFunc(missing, func(f account.Field) bool {
			return len(told[f]) > 0 && q.Met(f, told[f])
		})
	}
	return asked
}

func (q Question) withDefaults() Question {
	if q.Order == nil {
		q.Order = Vendors()
	}
	if q.Supplies == nil {
		q.Supplies = func(v Vendor, f account.Field) bool {
			_, carries := supplies[v][f]
			return carries
		}
	}
	if q.Met == nil {
		q.Met = func(_ account.Field, told []Told) bool {
			return slices.ContainsFunc(told, func(t Told) bool { return t.Exact })
		}
	}
	return q
}
