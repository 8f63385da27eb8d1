package sandbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sluicehq/sluice/account"
)

// PlantNews lets one or two things happen to a share of the companies within the 24
// hours before night, and returns them. Which companies and what is the same for the
// same seed; only what a service of the sandbox can tell of is planted. One in ten is
// a decoy. A night that is planted twice with the same seed is planted once.
func PlantNews(s *Sandbox, share float64, night time.Time, seed uint64) []Happening {
	var planted []Happening
	for i := range s.table.companies {
		domain := s.table.companies[i].Domain
		if domain == "" || draw(seed, "news/"+domain) >= share {
			continue
		}
		g := gardener{
			Sandbox: s, rand: rand.New(rand.NewPCG(seed, number64(101, domain))), i: i, night: night.UTC(),
			prefix: fmt.Sprintf("%s/%d/%s", night.UTC().Format("20060102T1504"), seed, domain),
		}
		planted = append(planted, g.plants()...)
	}
	planted = inOrder(planted)
	if err := s.News.Plant(s.News.unknown(planted)...); err != nil {
		panic(fmt.Sprintf("sandbox: a night that cannot be: %v", err)) // of our own making: a test plants many
	}
	return planted
}

// unknown returns those that are not planted yet.
func (n *News) unknown(all []Happening) []Happening {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(all), func(h Happening) bool { return n.ids[h.ID] })
}

// Tellers returns the services that tell of a happening once it is there, sorted:
// those that news is for, and the vendors whose answer about the company changes. A
// head count may change within the band that a vendor gives.
func (s *Sandbox) Tellers(h Happening) []string {
	switch h.Kind {
	case Posted:
		return []string{JobBoards}
	case FormD, Officer8K:
		return []string{EDGAR}
	case Round:
		return []string{Crunchbase}
	case Press:
		return []string{GDELT}
	case Executive:
		return s.vendorsThat(h.Domain, Apollo)
	case Technology:
		return s.vendorsThat(h.Domain, s.telling(h)...)
	case Headcount:
		return s.vendorsThat(h.Domain, s.carrying(h.Domain, account.Employees)...)
	case Moved:
		return s.vendorsThat(h.Domain, s.carrying(h.Domain, account.City, account.State, account.Country)...)
	case NewDomain:
		return s.vendorsThat(h.Domain, Vendors()...)
	case Closed:
		return append([]string{Crunchbase}, s.vendorsThat(h.Domain, Website)...)
	case Reopened:
		return []string{Crunchbase}
	case Acquired:
		tellers := append(s.vendorsThat(h.Domain, Apollo, Clearbit), Crunchbase)
		slices.Sort(tellers)
		return tellers
	}
	return nil
}

// vendorsThat are those of the vendors that know the company of the table.
func (s *Sandbox) vendorsThat(domain string, vendors ...Vendor) []string {
	i, _ := s.table.index(domain)
	var names []string
	for _, v := range vendors {
		if s.baseline(v, i).kind == about {
			names = append(names, string(v))
		}
	}
	slices.Sort(names)
	return names
}

func (s *Sandbox) carrying(domain string, fields ...account.Field) []Vendor {
	i, _ := s.table.index(domain)
	return slices.DeleteFunc(Vendors(), func(v Vendor) bool {
		a := s.baseline(v, i)
		return !slices.ContainsFunc(fields, func(f account.Field) bool { return s.tells(v, &a.company, f) })
	})
}

// telling are the vendors whose list of technologies a change changes: some never
// heard of what is dropped, or had what is added all along.
func (s *Sandbox) telling(h Happening) []Vendor {
	i, _ := s.table.index(h.Domain)
	added, dropped := techOf(h.Added).word, techOf(h.Dropped).word
	return slices.DeleteFunc(s.carrying(h.Domain, account.Technologies), func(v Vendor) bool {
		had := s.before(v, i, h).company.Technologies
		adds := h.Added != "" && !slices.Contains(had, added) && (v != Website || techOf(added).snippet != "")
		drops := h.Dropped != "" && slices.Contains(had, dropped)
		return !adds && !drops
	})
}

// before is what the vendor says of company i just before the happening.
func (s *Sandbox) before(v Vendor, i int, h Happening) answer {
	a := s.baseline(v, i)
	for _, past := range s.News.of(h.Domain, h.At) {
		if past.At.Before(h.At) && a.kind == about {
			a = s.learn(v, i, a, &past)
		}
	}
	return a
}

// gardener makes up what happens to one company in a night.
type gardener struct {
	*Sandbox
	rand  *rand.Rand
	i     int
	night time.Time

	prefix string // of ids
}

// yesterday is the company as it was the night before: what is planted for this one
// must not depend on what is there already.
func (g *gardener) yesterday() Company {
	c := g.table.companies[g.i]
	for _, h := range g.News.of(c.Domain, g.night.Add(-24*time.Hour)) {
		c.undergo(&h)
	}
	return c
}

// event is one thing that may happen, in one or more happenings; nil where nobody
// could tell of it.
type event func(*gardener) []Happening

var events = []event{(*gardener).posting, (*gardener).round, (*gardener).executive, (*gardener).officer, (*gardener).technology, (*gardener).headcount}

// plants returns the happenings of one or two different events, complete.
func (g *gardener) plants() []Happening {
	var planted []Happening
	if g.rand.IntN(10) == 0 {
		planted = g.decoy()
	}
	want := 1 + g.rand.IntN(4)/3
	for _, n := range g.rand.Perm(len(events)) {
		if planted != nil && planted[0].Decoy || want == 0 {
			break
		}
		if made := events[n](g); made != nil {
			planted = append(planted, made...)
			want--
		}
	}
	domain := g.table.companies[g.i].Domain
	for n := range planted {
		h := &planted[n]
		h.Domain, h.ID = domain, fmt.Sprintf("%s/%d", g.prefix, n+1)
		if h.At.IsZero() {
			h.At = g.moment()
		}
	}
	return planted
}

// moment is within the 24 hours before the night.
func (g *gardener) moment() time.Time {
	return g.night.Add(-time.Duration(1+g.rand.IntN(24*60-1)) * time.Minute)
}

func pick[T any](g *gardener, from []T) T { return from[g.rand.IntN(len(from))] }

// What is planted is news by the rules of the shipped model, decoys apart.
var (
	newJobs = []posting{
		{title: "RevOps Manager", department: "Revenue Operations"},
		{title: "VP Sales", department: "Sales"},
		{title: "Data Analyst", department: "Data"},
		{title: "Senior Account Executive", department: "Sales"},
		{title: "Sales Operations Manager", department: "Sales"},
		{title: "Director of Revenue Operations", department: "Revenue Operations"},
	}
	otherJobs = []posting{
		{title: "Warehouse Associate", department: "Operations"},
		{title: "Sales Engineer", department: "Engineering"},
		{title: "Data Analyst Intern", department: "Data"},
	}
	newRoles = []string{"Chief Executive Officer", "Chief Revenue Officer", "VP Sales", "Chief Marketing Officer", "Chief Technology Officer", "Chief Financial Officer"}
	newTools = []string{"hubspot", "salesforce", "segment"}
	oldTools = []string{"marketo", "pardot"}
)

func (g *gardener) posting() []Happening { return g.job(newJobs) }

func (g *gardener) job(jobs []posting) []Happening {
	system := g.jobBoards.system(g.i)
	if system == "" {
		return nil
	}
	job := pick(g, jobs)
	return []Happening{{Kind: Posted, Title: job.title, Department: job.department, System: system}}
}

// round is told by Crunchbase, by a Form D, or by both.
func (g *gardener) round() []Happening {
	amount := int64(20+g.rand.IntN(300)) * 100_000
	seen := g.moment()
	announced := Happening{Kind: Round, At: seen, Stage: pick(g, []string{"seed", "series_a", "series_b"}), AmountUSD: amount}
	filed := Happening{Kind: FormD, At: seen, AmountSold: amount, AmountOffered: amount, IndustryGroup: "Other Technology"}
	if g.table.cik(g.i) == 0 {
		return []Happening{announced}
	}
	switch g.rand.IntN(3) {
	case 0:
		return []Happening{announced}
	case 1:
		return []Happening{filed}
	}
	announced.Event = g.prefix + "/round"
	filed.Event = announced.Event
	return []Happening{filed, announced}
}

// newcomer has a name that nobody in the company has.
func (g *gardener) newcomer() string {
	return pick(g, firstNames) + " " + pick(g, lastNames) + "-" + pick(g, lastNames)
}

func (g *gardener) executive() []Happening {
	if g.baseline(Apollo, g.i).kind != about {
		return nil
	}
	held := slices.DeleteFunc(slices.Clone(newRoles), func(role string) bool {
		at := slices.IndexFunc(officers, func(o officer) bool { return o.role == role })
		return officers[at].above > g.table.companies[g.i].Employees
	})
	return []Happening{{Kind: Executive, Role: pick(g, held), Person: g.newcomer()}}
}

// officer is an appointment that a public company files.
func (g *gardener) officer() []Happening {
	if g.table.cik(g.i) == 0 || g.table.companies[g.i].CompanyType != "public" {
		return nil
	}
	return []Happening{{Kind: Officer8K, Role: pick(g, newRoles), Person: g.newcomer()}}
}

// technology is one that the home page shows, taken into use or given up.
func (g *gardener) technology() []Happening {
	if g.baseline(Website, g.i).kind != about {
		return nil
	}
	current := g.yesterday().Technologies
	used := slices.DeleteFunc(slices.Clone(oldTools), func(tool string) bool { return !slices.Contains(current, tool) })
	unused := slices.DeleteFunc(slices.Clone(newTools), func(tool string) bool { return slices.Contains(current, tool) })
	if len(used) > 0 && g.rand.IntN(2) == 0 {
		return []Happening{{Kind: Technology, Dropped: pick(g, used)}}
	}
	if len(unused) == 0 {
		return nil
	}
	return []Happening{{Kind: Technology, Added: pick(g, unused)}}
}

// headcount grows by two fifths.
func (g *gardener) headcount() []Happening {
	before := g.yesterday().Employees
	tells := func(v Vendor) bool {
		return slices.Contains(g.Knows(v, g.table.companies[g.i].Domain), account.Employees)
	}
	if before < 10 || !tells(Apollo) && !tells(PDL) {
		return nil
	}
	return []Happening{{Kind: Headcount, Employees: before * 14 / 10}}
}

// decoy looks like a round, a change of executive or a job that matters, and is none.
func (g *gardener) decoy() []Happening {
	if g.table.cik(g.i) == 0 {
		jobs := g.job(otherJobs)
		for n := range jobs {
			jobs[n].Decoy = true
		}
		return jobs
	}
	if g.table.companies[g.i].CompanyType == "public" && g.rand.IntN(2) == 0 {
		return []Happening{{Kind: Officer8K, PayPlanOnly: true, Decoy: true}}
	}
	return []Happening{{Kind: FormD, AmountSold: int64(1+g.rand.IntN(50)) * 100_000, IndustryGroup: "Pooled Investment Fund", Pooled: true, Decoy: true}}
}
