package review_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
)

// world invents the five quarters of a review, in which criteria pay about what their
// points say, tiers differ, triggers pay alike, fields are correlated and often unknown.
// What else is so is planted.
type world struct {
	deals int // with new customers, closed in the five quarters
	seed  uint64
	again bool // one deal in eight is another of an account, and accounts differ beside their fields

	base    float64            // log-odds more in the quarter
	dead    string             // a criterion, not that of signals, that pays nothing in the quarter
	never   string             // likewise one that pays nothing at all
	trigger map[string]float64 // kinds of signals that pay so many times as much
	larger  map[string]float64 // kinds of signals whose deals are so many times as large
	drifted bool               // the population moved
	stuck   string             // a country whose Tier 1 accounts stall
	strong  map[string]float64 // log-odds that a criterion is worth

	worth map[string]float64
}

var (
	from    = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	to      = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	kinds   = []string{"executive_change", "funding", "hiring", "product_launch"}
	pays    = map[string]float64{"industry": 0.9, "employees": 0.6, "tech_stack": 0.8, "revenue": 0.5, "trigger": 0.7, "no_budget_authority": -0.6, "procurement": -0.9, "churned": -1.2}
	revopsM = shippedModel("revops")
	fields  = account.Fields()
)

func shippedModel(name string) *icp.Model {
	m, err := icp.Load(name)
	if err != nil {
		panic(err)
	}
	return m
}

func (w world) input() review.QuarterInput {
	r := rand.New(rand.NewPCG(w.seed, 23))
	in := review.QuarterInput{Quarter: "2026Q3", From: from, To: to, At: to.AddDate(0, 0, 3), Model: revopsM}
	w.worth = map[string]float64{}
	for _, c := range revopsM.Criteria { // points are a rule of thumb
		w.worth[c.Name] = pays[c.Name] * (0.85 + 0.3*r.Float64())
	}
	maps.Copy(w.worth, w.strong)
	in.Deals = w.newBusiness(r)
	in.Start, in.End = w.cohorts(r)
	in.Prime = w.prime(r, &in)
	in.Share = review.ExceptionShare{Scored: 2000, Overridden: 60, Explored: 190, Together: 250}
	return in
}

// acc draws an account: what is so, and what is known of it.
func acc(r *rand.Rand) (all, known account.Facts) {
	fit := r.NormFloat64() // what makes the fields go together
	pick := func(words []string, shift float64) string {
		at := int(float64(len(words)) / (1 + math.Exp(1.2*fit+shift+r.NormFloat64())))
		return words[min(at, len(words)-1)]
	}
	all = account.Facts{}
	set := func(f account.Field, v account.Value) {
		all[f] = account.Fact{Field: f, Value: v, Provider: "apollo", Confidence: 0.9}
	}
	set(account.Industry, account.TextValue(pick([]string{"saas", "it-services", "retail", "mining", "banking", "media"}, 0)))
	set(account.Employees, account.NumberValue(math.Round(math.Exp(4.6+0.4*fit+1.2*r.NormFloat64()))))
	set(account.Technologies, account.ListValue(pick([]string{"hubspot", "salesforce", "sap", "jira", "oracle"}, 0.2), pick([]string{"segment", "aws", "azure"}, 0)))
	set(account.RevenueUSD, account.NumberValue(math.Round(math.Exp(15.2+0.3*fit+1.3*r.NormFloat64()))))
	set(account.Country, account.TextValue([]string{"US", "DE", "GB", "FR"}[r.IntN(4)]))
	set(account.ChampionHasBudget, account.BoolValue(r.Float64() > 0.3))
	set(account.ProcurementComplex, account.BoolValue(r.Float64() < 0.25))
	set(account.PreviouslyChurned, account.BoolValue(r.Float64() < 0.12))
	missing := map[account.Field]float64{
		account.Industry: 0.05, account.Employees: 0.1, account.Technologies: 0.2, account.RevenueUSD: 0.4,
		account.ChampionHasBudget: 0.3, account.ProcurementComplex: 0.5, account.PreviouslyChurned: 0.1,
	}
	known = account.Facts{}
	for _, f := range fields {
		fact, ok := all[f]
		if ok && r.Float64() >= missing[f] {
			known[f] = fact
		}
	}
	return all, known
}

func signalsBefore(r *rand.Rand, at time.Time) []account.Signal {
	var all []account.Signal
	for _, k := range kinds {
		if r.Float64() < 0.18 {
			all = append(all, account.Signal{Kind: k, OccurredAt: at.AddDate(0, 0, -r.IntN(85)), Source: "news"})
		}
	}
	if r.Float64() < 0.1 {
		all = append(all, account.Signal{Kind: "website_visit", OccurredAt: at.AddDate(0, 0, -r.IntN(85)), Source: "news"})
	}
	return all
}

// odds are the log-odds of winning by what is so.
func (w world) odds(all account.Facts, signals []account.Signal, at time.Time, late bool) float64 {
	o := -1.9
	if late {
		o += w.base
	}
	for _, c := range icp.Rate(revopsM, all, nil, at).Criteria {
		if c.Name == w.never || late && c.Name == w.dead {
			continue
		}
		if c.Max != 0 {
			o += w.worth[c.Name] * float64(c.Points) / float64(c.Max)
		}
	}
	best := 0.0
	for _, s := range signals {
		if s.Kind != "website_visit" {
			best = max(best, w.worth["trigger"]*max(1, w.trigger[s.Kind]))
		}
	}
	return o + best
}

func (w world) newBusiness(r *rand.Rand) []review.QuarterDeal {
	type firm struct {
		name       string
		all, known account.Facts
		own        float64
	}
	var deals []review.QuarterDeal
	var firms []firm
	year := to.Sub(from.AddDate(-1, 0, 0))
	for i := range w.deals {
		closed := from.AddDate(-1, 0, 0).Add(time.Duration(r.Float64() * float64(year)))
		days := math.Exp(3.6 + 0.5*r.NormFloat64())
		opened := closed.Add(-time.Duration(days * 24 * float64(time.Hour)))
		f := firm{name: fmt.Sprint("a", i)}
		if w.again && i > 10 && r.IntN(8) == 0 {
			f = firms[r.IntN(len(firms))]
		} else {
			f.all, f.known = acc(r)
			if w.again {
				f.own = 0.8 * r.NormFloat64()
			}
			firms = append(firms, f)
		}
		signals := signalsBefore(r, opened)
		late := !closed.Before(from)
		d := review.QuarterDeal{ID: fmt.Sprint("d", i), Account: f.name, OpenedAt: opened, ClosedAt: closed, Kind: review.NewBusiness}
		d.Won = r.Float64() < 1/(1+math.Exp(-f.own-w.odds(f.all, signals, opened, late)))
		d.Amount = math.Round(math.Exp(9.2 + 0.7*r.NormFloat64()))
		times := 1.0
		for _, s := range signals {
			times = max(times, w.larger[s.Kind])
		}
		d.Amount *= times
		if r.Float64() < 0.95 {
			d.Held = held(f.known, signals, opened, 1+i%2)
		}
		deals = append(deals, d)
	}
	return deals
}

func held(known account.Facts, signals []account.Signal, at time.Time, version int) *review.Held {
	s := icp.Rate(revopsM, known, signals, at)
	return &review.Held{Model: "revops", Version: version, Tier: s.Tier, Value: s.Value, Score: s.Criteria, Facts: known, Signals: signals}
}

func (w world) cohorts(r *rand.Rand) (start, end *review.Cohort) {
	start, end = &review.Cohort{}, &review.Cohort{}
	add := func(c *review.Cohort, known account.Facts) {
		s := icp.Rate(revopsM, known, nil, from)
		c.Add(s.Tier, s.Value, known)
	}
	for i := range 600 {
		_, known := acc(r)
		add(start, known)
		if i%5 == 0 || w.drifted && i%2 == 0 { // others come
			_, known = acc(r)
			if w.drifted && i%2 == 0 {
				known[account.Industry] = account.Fact{Field: account.Industry, Value: account.TextValue("retail"), Provider: "pdl", Confidence: 0.9}
			}
		}
		add(end, known)
	}
	return start, end
}

// prime are accounts of the highest tier, of which half get deals.
func (w world) prime(r *rand.Rand, in *review.QuarterInput) []review.PrimeAccount {
	var all []review.PrimeAccount
	for i := range 200 {
		_, known := acc(r)
		p := review.PrimeAccount{Account: fmt.Sprint("p", i), Name: fmt.Sprintf("Prime %d Ltd", i), Facts: known, Owner: fmt.Sprint(700 + i%3)}
		p.Since = to.AddDate(0, 0, -100-r.IntN(100))
		p.Score = icp.Rate(revopsM, known, nil, p.Since).Criteria
		chance := 0.5
		if w.stuck != "" {
			chance = 0.7
			if known[account.Country].Value.Text() == w.stuck {
				chance = 0.15
			}
		}
		if r.Float64() < chance {
			in.Deals = append(in.Deals, review.QuarterDeal{ID: "o" + p.Account, Account: p.Account, OpenedAt: to.AddDate(0, 0, -5-r.IntN(40))})
		}
		all = append(all, p)
	}
	return all
}

// whole is an input in which every part of a review has something to say.
func (w world) whole() review.QuarterInput {
	in := w.input()
	r := rand.New(rand.NewPCG(w.seed, 29))
	in.Deals = append(in.Deals, renewals(r)...)
	for _, p := range []struct {
		name       string
		hit, price float64
	}{{"apollo", 0.72, 1}, {"clearbit", 0.55, 2}, {"website", 0.8, 0}} {
		u := &review.ProviderUse{Provider: p.name}
		for range 400 {
			switch x := r.Float64(); {
			case x < p.hit:
				u.Add("found", p.price, 6, r.IntN(5))
			case x < 0.96:
				u.Add("not_found", p.price/2, 0, 0)
			default:
				u.Add("provider_error", 0, 0, 0)
			}
		}
		in.Providers = append(in.Providers, u)
	}
	groups := []string{"raised: strategic account", "lowered: bad fit", "explored"}
	for i, d := range in.Deals[:w.deals] {
		if i%9 == 0 {
			in.Decisions = append(in.Decisions, review.Decision{Account: d.Account, Group: groups[i/9%3], At: d.OpenedAt})
		}
		in.Closed = append(in.Closed, review.Closed{Account: d.Account, Won: d.Won, At: d.ClosedAt})
	}
	return in
}

// renewals are customers of two years before, of which one in five leaves and the others
// buy 20 % more.
func renewals(r *rand.Rand) []review.QuarterDeal {
	var all []review.QuarterDeal
	for i := range 160 {
		bought := to.AddDate(-2, 0, r.IntN(270))
		first := review.QuarterDeal{
			ID: fmt.Sprint("c", i), Account: fmt.Sprint("c", i), OpenedAt: bought.AddDate(0, 0, -40), ClosedAt: bought,
			Won: true, Amount: 1000 * float64(5+r.IntN(40)), Kind: review.NewBusiness,
		}
		_, known := acc(r)
		first.Held = held(known, nil, first.OpenedAt, 1)
		again := bought.AddDate(1, 0, r.IntN(60)-20)
		second := review.QuarterDeal{
			ID: fmt.Sprint("r", i), Account: first.Account, OpenedAt: again.AddDate(0, 0, -30), ClosedAt: again,
			Won: r.Float64() < 0.8, Amount: 1.2 * first.Amount, Kind: review.Existing, Held: first.Held,
		}
		all = append(all, first, second)
	}
	return all
}
