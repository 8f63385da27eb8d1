package sandbox

import (
	"math"
	"slices"
	"time"

	"github.com/sluicehq/sluice/account"
)

// scene is what the services of the nightly sweep look at: the companies as they are
// by the sandbox's clock.
type scene struct {
	*Coverage
	news  *News
	clock *Clock
}

// happened returns what has happened to a company of the table so far.
func (s *scene) happened(domain string) []Happening { return s.news.of(domain, s.clock.Now()) }

// company returns the truth about company i as it is now.
func (s *scene) company(i int) Company {
	c := s.table.companies[i]
	for _, h := range s.happened(c.Domain) {
		c.undergo(&h)
	}
	return c
}

// movedTo returns the company that is at a domain now that is not in the table.
func (s *scene) movedTo(domain string) (i int, ok bool) { return s.news.movedTo(domain, s.clock.Now()) }

// domain is where company i is now.
func (s *scene) domain(i int) string {
	domain := s.table.companies[i].Domain
	for _, h := range s.happened(domain) {
		if h.Kind == NewDomain {
			domain = h.To
		}
	}
	return domain
}

// background is a moment before the table was made, the same whatever the clock says.
func (s *scene) background(daysAgo int) time.Time {
	return s.table.at.UTC().Truncate(24*time.Hour).AddDate(0, 0, -daysAgo).Add(9 * time.Hour)
}

// between draws a number from low up to high that belongs to the key.
func between(low, high int, salt uint64, key string) int {
	return low + int(number64(salt, key)%uint64(high-low+1))
}

// undergo changes what is true of c. Its domain stays: it is what a company is known by
// in the sandbox, see [scene.domain].
func (c *Company) undergo(h *Happening) {
	switch h.Kind {
	case Technology:
		c.swap(h.Added, h.Dropped)
	case Headcount:
		c.Employees = h.Employees
	case Moved:
		c.City, c.State = h.City, h.State
		if h.Country != "" {
			c.Country = h.Country
		}
	case Round:
		c.FundingStage, c.LastFundingAt = h.Stage, h.At
		c.FundingTotalUSD += h.AmountUSD
	default:
	}
}

// swap takes a technology into use and gives another one up.
func (c *Company) swap(added, dropped string) {
	c.Technologies, c.FormerTechnologies = slices.Clone(c.Technologies), slices.Clone(c.FormerTechnologies)
	if added != "" {
		word := techOf(added).word
		c.FormerTechnologies = slices.DeleteFunc(c.FormerTechnologies, func(w string) bool { return w == word })
		if !slices.Contains(c.Technologies, word) {
			c.Technologies = append(c.Technologies, word)
		}
	}
	if word := techOf(dropped).word; dropped != "" && slices.Contains(c.Technologies, word) {
		c.Technologies = slices.DeleteFunc(c.Technologies, func(w string) bool { return w == word })
		c.FormerTechnologies = append(c.FormerTechnologies, word)
	}
}

// upToDate brings a vendor's answer about company i to the present, as far as its API
// can tell.
func (c *Coverage) upToDate(v Vendor, i int, a answer) answer {
	if c.happened == nil || a.kind != about {
		return a
	}
	domain := c.table.companies[i].Domain
	for _, h := range c.happened(domain) {
		a = c.learn(v, i, a, &h)
		a.learned = h.At
		if h.Kind == NewDomain {
			domain = h.To
			a.domains = append(slices.Clone(a.domains), domain)
		}
	}
	if a.kind == about { // at last: until here it was what the vendor's knowledge goes by
		a.domains = slices.DeleteFunc(append([]string{a.company.Domain}, a.domains...), func(d string) bool { return d == domain })
		a.company.Domain = domain
	}
	return a
}

// learn is how one happening shows at a vendor. It learns of changes at once, and of
// rounds never: those are for the sources of news.
func (c *Coverage) learn(v Vendor, i int, a answer, h *Happening) answer {
	switch h.Kind {
	case Technology:
		if c.tells(v, &a.company, account.Technologies) {
			a.company.swap(h.Added, h.Dropped)
			c.onlyVisible(v, &a.company)
			a.swapped = append(slices.Clone(a.swapped), *h)
		}
	case Headcount:
		if c.tells(v, &a.company, account.Employees) {
			a.company.Employees = scaled(c.baseline(v, i).company.Employees, h.Employees, c.table.companies[i].Employees)
		}
	case Moved:
		after := a.company
		after.undergo(h)
		for _, f := range []account.Field{account.City, account.State, account.Country} {
			if c.tells(v, &a.company, f) {
				a.company.take(f, &after)
			}
		}
	case Closed:
		if v == Website {
			return answer{} // the site is gone with it
		}
	case Acquired:
		a.owner = h.By
	default:
	}
	return a
}

// tells reports whether the vendor has a word on f of the company.
func (c *Coverage) tells(v Vendor, told *Company, f account.Field) bool {
	_, carries := supplies[v][f]
	return carries && (told.Has(f) || c.knowsField(v, told.Domain, f))
}

// indexed is when a vendor looked at the company: some time before the table was made,
// or when it learned of something.
func (a *answer) indexed(tableAt time.Time, salt uint64) time.Time {
	if !a.learned.IsZero() {
		return a.learned
	}
	return tableAt.AddDate(0, 0, -int(number64(salt, a.company.Domain)%200))
}

// scaled is a vendor's new head count: as wrong as its old one was, and right where
// there was none to be wrong about.
func scaled(told, now, before int) int {
	if before == 0 {
		return now
	}
	if told == 0 {
		return 0
	}
	return max(1, int(math.Round(float64(now)*float64(told)/float64(before))))
}
