package firmographics

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
)

func (c *comparison) headcount() {
	was, is, ok := c.change(account.Employees)
	if !ok {
		return
	}
	old, now := was.Value.Number(), is.Value.Number()
	if old <= 0 || now <= 0 { // nobody has none: not known
		return
	}
	const rounding = 1e-9 // 10 of 50 must be 20 %
	if math.Abs(now-old)/old+rounding < cmp.Or(c.Rules.Headcount, 0.2) {
		return
	}
	word, entity := "grew", "up:"
	if now < old {
		word, entity = "shrank", "down:"
	}
	c.tell(is, "head count", signals.Event{
		Kind: signals.HeadcountChange, Entity: entity + is.Value.String(),
		Summary: fmt.Sprintf("%s from %s to %s employees (%+.0f %%)", word, was.Value, is.Value, 100*(now-old)/old),
	})
	c.baseline(account.Employees)
}

// place tells of a move. The state is left out: it goes with the city, and vendors
// write it in every way.
func (c *comparison) place() {
	oldCity, newCity, cityChanged := c.change(account.City)
	oldCountry, newCountry, countryChanged := c.change(account.Country)
	is, entity := newCity, newCity.Value
	switch {
	case !cityChanged && !countryChanged:
		return
	case !cityChanged: // to a town of the same name, or to one that is not known
		is, oldCity.Value = newCountry, newCity.Value
		if entity.IsZero() {
			entity = newCountry.Value
		}
	case !countryChanged:
		oldCountry.Value = newCountry.Value
	}
	c.tell(is, "place", signals.Event{
		Kind: signals.Expansion, Entity: "moved:" + fold(entity),
		Summary: "moved from " + place(oldCity.Value, oldCountry.Value) + " to " + place(newCity.Value, newCountry.Value),
	})
	if cityChanged {
		c.baseline(account.City)
	}
	if countryChanged {
		c.baseline(account.Country)
	}
}

func place(city, country account.Value) string {
	if city.IsZero() || country.IsZero() {
		return city.Text() + country.Text()
	}
	return city.Text() + ", " + country.Text()
}

// domain compares with what the record in the CRM says.
func (c *comparison) domain() {
	was, is := c.memory.Domain, c.Account.Domain
	if is == "" {
		return
	}
	c.memory.Domain = is
	if was == "" || was == is || account.SameDomain(was, is) {
		return
	}
	c.tell(account.Fact{ObservedAt: c.Now, Confidence: 0.9}, "domain of the account", signals.Event{
		Kind: signals.DomainChange, Entity: strings.ToLower(is), Summary: "changed its domain from " + was + " to " + is,
	})
}

// ends are the statuses that are a reason to stop working an account.
var ends = map[string]signals.Event{
	"closed":   {Kind: signals.CompanyClosed, Entity: "closed", Summary: "has closed", Stop: true},
	"acquired": {Kind: signals.CompanyAcquired, Entity: "acquired", Summary: "was acquired", Stop: true},
}

// status believes every provider, and needs no earlier word: few say of a company that
// it is active, and who calls one that is closed has wasted a day.
func (c *comparison) status() {
	is, was := c.Facts[account.CompanyStatus], c.memory.Facts[account.CompanyStatus]
	if is.Value.Kind() != account.TextKind || !was.At.IsZero() && !is.ObservedAt.After(was.At) {
		return
	}
	c.baseline(account.CompanyStatus)
	if end, ok := ends[fold(is.Value)]; ok && c.memory.Looked && fold(was.Value) != fold(is.Value) {
		c.tell(is, "status of the company", end)
	}
}

func (c *comparison) hiring() {
	was, is, ok := c.change(account.IsHiring)
	if !ok {
		return
	}
	c.baseline(account.IsHiring)
	if !was.Value.Bool() && is.Value.Bool() {
		c.tell(is, "openings", signals.Event{Kind: signals.Hiring, Entity: "hiring", Summary: "has begun to hire"})
	}
}
