package sandbox

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Mode says how much of the table the vendors know.
type Mode string

// The modes.
const (
	// Full: every vendor knows every company, and every field that its API carries.
	Full Mode = "full"
	// Partial: each vendor knows some companies and some of their fields, all of it
	// true; each field is known to at least one vendor as an exact value.
	Partial Mode = "partial"
	// Realistic: as Partial without its guarantee, and vendors are wrong, mostly by a
	// little, sometimes by a lot or about whom. A loaded table is about real
	// companies, so that nothing false is said about them: there it is Partial.
	Realistic Mode = "realistic"
)

// ParseMode reads the name of a mode.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Full, Partial, Realistic:
		return m, nil
	}
	return "", fmt.Errorf("coverage %q: want full, partial or realistic", s)
}

// Coverage is a table and what each vendor says about it: the same table, mode and
// seed give the same answers, until something happens to a company. Answers are
// worked out when they are asked for, so that a big table takes no more than itself.
type Coverage struct {
	table *Table
	mode  Mode
	seed  uint64

	happened func(domain string) []Happening         // nil: nothing does
	movedTo  func(domain string) (i int, known bool) // nil: nobody
}

// answer is what a vendor says about one company.
type answer struct {
	kind    kind
	company Company     // who and what it tells
	swapped []Happening // the changes of technology in it
	owner   string      // the domain of who bought it
	domains []string    // that it was at before
	learned time.Time   // when the last of it happened; zero: it is all of the table
}

type kind uint8

const (
	unknown kind = iota
	about        // the company that it is asked about
	other        // another one: a subsidiary
)

// Cover returns what each vendor knows of the table.
func Cover(t *Table, mode Mode, seed uint64) *Coverage {
	if mode == Realistic && !t.invented {
		mode = Partial
	}
	return &Coverage{table: t, mode: mode, seed: seed}
}

// says is what v tells about company i today.
func (c *Coverage) says(v Vendor, i int) answer { return c.upToDate(v, i, c.baseline(v, i)) }

// baseline is what v tells about company i as the table has it.
func (c *Coverage) baseline(v Vendor, i int) answer {
	if c.mode == Partial {
		return c.completed(i)[v]
	}
	return c.decide(v, i)
}

// Table returns the truth behind the coverage.
func (c *Coverage) Table() *Table { return c.table }

// Knows returns the fields that the vendor tells about the company at the domain,
// sorted; none where it does not know it, or answers about another company. Whether
// they are true is another matter; whether they are bands, see [Exact].
func (c *Coverage) Knows(v Vendor, domain string) []account.Field {
	a := c.answer(v, domain)
	if a.kind != about {
		return nil
	}
	var known []account.Field
	for _, f := range fields {
		if _, carries := supplies[v][f]; carries && a.company.Has(f) {
			known = append(known, f)
		}
	}
	slices.Sort(known)
	return known
}

// Says returns what the vendor tells about the company at the domain; false where it
// knows none. The domain of what it tells is another one where it is mistaken.
func (c *Coverage) Says(v Vendor, domain string) (Company, bool) {
	a := c.answer(v, domain)
	return a.company, a.kind != unknown
}

func (c *Coverage) answer(v Vendor, domain string) answer {
	i, ok := c.index(domain)
	if !ok {
		return answer{}
	}
	return c.says(v, i)
}

// index finds a company by a domain that it has or had.
func (c *Coverage) index(domain string) (i int, known bool) {
	i, known = c.table.index(domain)
	if !known && c.movedTo != nil {
		return c.movedTo(domain)
	}
	return i, known
}

// named is answer for a vendor that is asked by name.
func (c *Coverage) named(v Vendor, name string) answer {
	i, ok := c.table.byName[strings.ToLower(strings.TrimSpace(name))]
	if !ok {
		return answer{}
	}
	return c.says(v, i)
}

// somebodyElse is the vendor's answer about the next company that it knows after
// the one asked about: what the wrong-company fault gives.
func (c *Coverage) somebodyElse(v Vendor, domain string) answer {
	all := len(c.table.companies)
	start, ok := c.index(domain)
	if !ok {
		start = -1
	}
	for n := range all {
		if a := c.says(v, (start+1+n+all)%all); a.kind == about && a.company.Domain != domain {
			return a
		}
	}
	return answer{}
}

// share is how much a vendor knows: of the companies, and of a known company's fields.
type share struct {
	companies float64
	fields    map[account.Field]float64
	others    float64 // fields that are not named
}

// shares are invented, in the proportions that buyers of such data report: wide and
// shallow, or narrow and deep.
var shares = map[Vendor]share{
	Apollo: {companies: 0.70, others: 0.85, fields: map[account.Field]float64{
		account.Industry: 0.95, account.Employees: 0.95, account.RevenueUSD: 0.8, account.Country: 0.97, account.Technologies: 0.92, account.FundingStage: 0.95,
	}},
	Clearbit: {companies: 0.45, others: 0.85, fields: map[account.Field]float64{
		account.Industry: 0.92, account.Employees: 0.9, account.RevenueUSD: 0.85, account.Country: 0.95, account.Technologies: 0.9,
	}},
	Hunter: {companies: 0.55, others: 0.75, fields: map[account.Field]float64{
		account.Industry: 0.8, account.Employees: 0.9, account.Country: 0.95, account.Technologies: 0.7,
	}},
	PDL: {companies: 0.75, others: 0.9, fields: map[account.Field]float64{
		account.Industry: 0.97, account.Employees: 0.95, account.RevenueUSD: 0.5, account.Country: 0.98, account.FundingStage: 0.9,
	}},
	BuiltWith: {companies: 0.60, others: 0.3, fields: map[account.Field]float64{
		account.Technologies: 1, account.Country: 0.4, account.Employees: 0.1,
	}},
	Website: {companies: 0.80, others: 0.5, fields: map[account.Field]float64{
		account.Name: 0.9, account.Technologies: 1, account.Description: 0.85, account.FoundedYear: 0.3, account.Employees: 0.1,
	}},
}

// decide makes up what v says about company i.
func (c *Coverage) decide(v Vendor, i int) answer {
	truth := &c.table.companies[i]
	if !c.knowsCompany(v, i) {
		return answer{}
	}
	a := answer{kind: about, company: Company{Name: truth.Name, Domain: truth.Domain}}
	for _, f := range fields {
		if _, carries := supplies[v][f]; carries && c.knowsField(v, truth.Domain, f) {
			a.company.take(f, truth)
		}
	}
	c.onlyVisible(v, &a.company)
	c.dropGivenAway(v, truth.Domain, &a.company)
	if c.mode == Realistic {
		c.spoil(v, &a)
	}
	return a
}

func (c *Coverage) knowsCompany(v Vendor, i int) bool {
	if known := c.table.knownTo[i]; known != nil {
		return slices.Contains(known, v)
	}
	domain := c.table.companies[i].Domain
	if v == Website && c.mode == Realistic && c.chance(v, domain, "closed") < sitesClosed {
		return false // for those who obey its robots.txt
	}
	return c.mode == Full || c.chance(v, domain, "known") < shares[v].companies
}

func (c *Coverage) knowsField(v Vendor, domain string, f account.Field) bool {
	switch f {
	case account.Domain:
		return true
	case account.Name: // only these two have records without a name
		if v != BuiltWith && v != Website {
			return true
		}
	case account.FundingTotalUSD, account.LastFundingAt: // a round is known as a whole, or not
		if v != Clearbit {
			f = account.FundingStage
		}
	case account.BusinessModel:
		f = account.Tags
	}
	if c.mode == Full {
		return true
	}
	part, named := shares[v].fields[f]
	if !named {
		part = shares[v].others
	}
	return c.chance(v, domain, string(f)) < part
}

// onlyVisible takes away the technologies that a home page does not show.
func (c *Coverage) onlyVisible(v Vendor, told *Company) {
	if v != Website {
		return
	}
	told.FormerTechnologies = nil
	told.Technologies = slices.DeleteFunc(slices.Clone(told.Technologies), func(word string) bool {
		return techOf(word).snippet == ""
	})
}

// dropGivenAway takes the tags away where the industry is not known, since they name
// it, and Hunter's markers, which its tags do not have.
func (c *Coverage) dropGivenAway(v Vendor, domain string, told *Company) {
	if told.Industry == "" && c.table.companies[c.table.byDomain[domain]].Industry != "" {
		told.Tags = nil
	}
	if v == Hunter {
		told.Tags = slices.DeleteFunc(slices.Clone(told.Tags), func(tag string) bool {
			return clearbitMarkers[fold(tag)] != ""
		})
	}
}

// completed returns what each vendor says about company i once every field that none
// of them knows was given to one that can tell it.
func (c *Coverage) completed(i int) map[Vendor]answer {
	says := map[Vendor]answer{}
	for _, v := range Vendors() {
		says[v] = c.decide(v, i)
	}
	if c.table.knownTo[i] != nil {
		return says
	}
	truth := &c.table.companies[i]
	for _, f := range fields {
		if f == account.BusinessModel { // it comes with the tags
			continue
		}
		if truth.Has(f) && !anybodyKnows(says, f) {
			teach(says, f, truth)
		}
	}
	return says
}

// anybodyKnows reports whether some vendor tells f. A band will do for revenue, which
// one vendor alone has to the dollar, but not for the head count.
func anybodyKnows(says map[Vendor]answer, f account.Field) bool {
	return slices.ContainsFunc(Vendors(), func(v Vendor) bool {
		a := says[v]
		return a.kind == about && a.company.Has(f) && (Exact(v, f) || f == account.RevenueUSD)
	})
}

// teach tells f to the first vendor that carries it as it is, rather to one that
// knows the company than to one that does not.
func teach(says map[Vendor]answer, f account.Field, truth *Company) {
	able := slices.DeleteFunc(Vendors(), func(v Vendor) bool {
		return !Exact(v, f) || v == Website && f == account.Technologies // a page may not show them
	})
	v := able[0]
	if at := slices.IndexFunc(able, func(v Vendor) bool { return says[v].kind == about }); at >= 0 {
		v = able[at]
	}
	a := says[v]
	if a.kind == unknown {
		a = answer{kind: about, company: Company{Name: truth.Name, Domain: truth.Domain}}
	}
	a.company.take(f, truth)
	says[v] = a
}

// chance returns a number between 0 and 1 that belongs to the vendor, the domain and
// the purpose.
func (c *Coverage) chance(v Vendor, domain, purpose string) float64 {
	return draw(c.seed, string(v)+"/"+domain+"/"+purpose)
}

func draw(seed uint64, key string) float64 {
	return float64(number64(seed, key)>>11) / (1 << 53)
}

func number64(seed uint64, key string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, key)
	return rand.NewPCG(seed, h.Sum64()).Uint64()
}

// How often a vendor is wrong about a company that it knows.
const (
	aboutOther   = 0.02 // answers about a subsidiary
	wrongALot    = 0.03 // head count three times too high or low
	wrongALittle = 0.28 // head count up to a tenth off, those above included
	wrongRevenue = 0.20 // up to a fifth off
	wrongLabel   = 0.02 // another industry
	missesTech   = 0.06 // each technology
	keepsTech    = 0.10 // a former technology is still reported
)

// spoil makes the answer wrong, as those of real vendors are.
func (c *Coverage) spoil(v Vendor, a *answer) {
	domain := a.company.Domain
	u := func(purpose string) float64 { return c.chance(v, domain, "wrong "+purpose) }
	if e, p := a.company.Employees, u("employees"); e > 0 {
		a.company.Employees = misjudged(e, p, u("employees by"))
	}
	if u("revenue") < wrongRevenue {
		by := 0.8 + 0.4*u("revenue by")
		a.company.RevenueUSD = int64(math.Round(float64(a.company.RevenueUSD)*by/1e4) * 1e4)
	}
	if a.company.Industry != "" && u("industry") < wrongLabel {
		a.company.Industry = anotherIndustry(a.company.Industry, u("industry by"))
	}
	c.spoilTechnologies(v, &a.company)
	if u("company") < aboutOther && v != Website { // a home page is the company's own
		a.kind = other
		a.company = subsidiary(a.company)
	}
}

func misjudged(employees int, p, by float64) int {
	n := float64(employees)
	switch {
	case p < wrongALot/2:
		n *= 3
	case p < wrongALot:
		n /= 3
	case p < wrongALittle:
		n *= 0.9 + 0.2*by
	}
	return max(1, int(math.Round(n)))
}

// spoilTechnologies lets a vendor miss some and be late for others. BuiltWith keeps
// its own history, and a home page shows what it shows.
func (c *Coverage) spoilTechnologies(v Vendor, told *Company) {
	if v == BuiltWith || v == Website {
		return
	}
	current := slices.DeleteFunc(slices.Clone(told.Technologies), func(word string) bool {
		return c.chance(v, told.Domain, "misses "+word) < missesTech
	})
	for _, word := range told.FormerTechnologies {
		if c.chance(v, told.Domain, "keeps "+word) < keepsTech {
			current = append(current, word)
		}
	}
	told.Technologies = current
}

// subsidiary is another company that a lookup of c wrongly finds.
func subsidiary(c Company) Company {
	stem, rest, _ := strings.Cut(c.Domain, ".")
	c.Domain = stem + "-labs." + rest
	c.Name += " Labs"
	c.Employees = max(1, c.Employees/6)
	c.RevenueUSD /= 6
	if c.LinkedIn != "" {
		c.LinkedIn += "-labs"
	}
	return c
}
