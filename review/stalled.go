package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

const (
	// defaultPatience and defaultSlow are how many days an account of the highest tier may
	// go without a deal, and a deal may be open, where the deals do not say.
	defaultPatience = 60
	defaultSlow     = 120
	// fewMoves is how many accounts, or deals, are needed to say what is usual.
	fewMoves = 20
	// listed is how many stalled accounts are named.
	listed = 50
	// shownTraits is how many attributes are shown, the surest first.
	shownTraits = 12
)

// stalled tells the accounts of the highest tier that nothing comes of, and what they
// share.
func (r *reviewing) stalled() {
	s := &r.out.Stalled
	s.List, s.Shared, s.Accounts = []StalledAccount{}, []Shared{}, len(r.in.Prime)
	if len(r.in.Model.Tiers) > 0 {
		s.Tier = r.in.Model.Tiers[0].Name
	}
	byAccount := map[string][]*QuarterDeal{}
	for _, d := range r.deals {
		if d.OpenedAt.Before(r.in.To) {
			byAccount[d.Account] = append(byAccount[d.Account], d)
		}
	}
	s.Slow = r.slow()
	s.Patience = r.patience(byAccount)
	s.Note = fmt.Sprintf("Stalled is an account, not yet a customer, that has been in %s for more than %d days without a deal since, or has a deal open for more than %d days (longer than nine in ten of the won ones took, where %d are on record).", s.Tier, s.Patience, s.Slow, fewMoves)
	var stuck, moves []*PrimeAccount
	for _, p := range r.sortedPrime() {
		switch why, days := r.standing(p, byAccount[p.Account]); why {
		case hasMoved:
			s.Moved++
			moves = append(moves, p)
		case isFresh:
			s.Fresh++
		case isCustomer:
			s.Customers++
		default:
			if why == isWaiting {
				s.Waiting++
			} else {
				s.Dragging++
			}
			stuck = append(stuck, p)
			s.List = append(s.List, StalledAccount{Account: p.Account, Name: p.Name, Why: why, Days: days, Since: p.Since, Active: p.Active, Owner: p.Owner})
		}
	}
	slices.SortStableFunc(s.List, func(a, b StalledAccount) int { return cmp.Compare(b.Days, a.Days) })
	s.List = s.List[:min(len(s.List), listed)]
	r.share(stuck, moves)
}

func (r *reviewing) sortedPrime() []*PrimeAccount {
	all := make([]*PrimeAccount, len(r.in.Prime))
	for i := range r.in.Prime {
		all[i] = &r.in.Prime[i]
	}
	slices.SortFunc(all, func(a, b *PrimeAccount) int { return cmp.Compare(a.Account, b.Account) })
	return all
}

// How an account of the highest tier stands.
const (
	hasMoved   = "moved"
	isFresh    = "fresh"
	isCustomer = "customer"
	isWaiting  = "waiting"
	isDragging = "dragging"
)

// standing says how an account stands, and for how many days. Deals from before it came to
// the tier count while they are open, and for a quarter after they were won; after that
// the account is a customer, of whom nothing has to come soon.
func (r *reviewing) standing(p *PrimeAccount, deals []*QuarterDeal) (string, int) {
	oldest := 0.0
	open, done, customer := false, false, false
	for _, d := range deals {
		switch {
		case !d.closed() || !d.ClosedAt.Before(r.in.To):
			open = true
			oldest = max(oldest, r.in.To.Sub(d.OpenedAt).Hours()/24)
		case d.Won && !d.ClosedAt.Before(r.in.From), !d.OpenedAt.Before(p.Since):
			done = true
		case d.Won:
			customer = customer || !r.leftSince(p.Account, d.ClosedAt)
		}
	}
	waited := r.in.To.Sub(p.Since).Hours() / 24
	switch {
	case open && oldest > float64(r.out.Stalled.Slow):
		return isDragging, int(oldest)
	case open || done:
		return hasMoved, 0
	case customer:
		return isCustomer, 0
	case waited > float64(r.out.Stalled.Patience):
		return isWaiting, int(waited)
	}
	return isFresh, 0
}

func (r *reviewing) leftSince(account string, bought time.Time) bool {
	return slices.ContainsFunc(r.in.Left, func(l Left) bool { return l.Account == account && l.At.After(bought) })
}

// slow is how many days nine in ten won deals took at most.
func (r *reviewing) slow() int {
	var days []float64
	for _, d := range r.deals {
		if d.Won && d.isNew() && d.closedIn(r.in.From.AddDate(-1, 0, 0), r.in.To) {
			days = append(days, d.days())
		}
	}
	if len(days) < fewMoves {
		return defaultSlow
	}
	slices.Sort(days)
	return max(14, int(math.Ceil(quantile(days, 0.9))))
}

// patience is within how many days three in four accounts of the tier had a deal, of those
// that had one, between 30 and 180.
func (r *reviewing) patience(deals map[string][]*QuarterDeal) int {
	var days []float64
	for i := range r.in.Prime {
		p := &r.in.Prime[i]
		for _, d := range deals[p.Account] { // in the order in which they opened
			if !d.OpenedAt.Before(p.Since) {
				days = append(days, d.OpenedAt.Sub(p.Since).Hours()/24)
				break
			}
		}
	}
	if len(days) < fewMoves {
		return defaultPatience
	}
	slices.Sort(days)
	return int(min(max(math.Ceil(quantile(days, 0.75)), 30), 180))
}

// share compares the stalled accounts with those that moved, attribute by attribute.
func (r *reviewing) share(stuck, moves []*PrimeAccount) {
	s := &r.out.Stalled
	if min(len(stuck), len(moves)) < minEvents {
		s.Note += fmt.Sprintf(" What they share is not told: %d stalled and %d moved, where %d of each are the least.", len(stuck), len(moves), minEvents)
		return
	}
	a, b := traits(stuck), traits(moves)
	for _, m := range medians(slices.Concat(stuck, moves)) {
		m.count(stuck, a)
		m.count(moves, b)
	}
	names := map[string]bool{}
	for n := range a {
		names[n] = true
	}
	for n := range b {
		names[n] = true
	}
	total := len(stuck) + len(moves)
	for _, name := range sortedKeys(names) {
		x, y := tally{n: len(stuck), won: a[name]}, tally{n: len(moves), won: b[name]}
		if have := x.won + y.won; have*10 < total || have*10 > 9*total {
			continue // what few have, or few have not, is nothing that they share
		}
		one := &Shared{Attribute: name, Stalled: x.share(), Moved: y.share(), Lift: riskRatio(x, y).estimate(total), P: fisher(x, y), Q: 1}
		h := r.looked.test(ofStalled, one.P, func() Claim {
			often := "more often"
			if one.Lift.Value < 1 {
				often = "less often"
			}
			return Claim{
				Kind: "stalled", Subject: name, Now: one.Stalled, Before: one.Moved, Effect: one.Lift,
				Sentence: fmt.Sprintf("Stalled accounts of %s have %s %s than those that moved: %.0f %% against %.0f %%.", s.Tier, name, often, 100*one.Stalled.Value, 100*one.Moved.Value),
				Action:   "Look at a few of them: do they fit, does nobody work them, or is it too early?",
			}
		})
		r.shared = append(r.shared, sharedTest{one, h})
	}
}

type sharedTest struct {
	shared *Shared
	test   *hypothesis
}

// settled takes over what the correction made of the tests.
func (r *reviewing) settled() {
	s := &r.out.Stalled
	for _, t := range r.shared {
		t.shared.Q = t.test.q
		s.Shared = append(s.Shared, *t.shared)
	}
	slices.SortStableFunc(s.Shared, func(a, b Shared) int { return cmp.Compare(a.P, b.P) })
	s.Shared = s.Shared[:min(len(s.Shared), shownTraits)]
	for _, k := range r.kinds {
		k.settled()
	}
	for i := range r.out.Criteria {
		c := &r.out.Criteria[i]
		if c.Says == "" {
			c.Says = "nothing to change"
		}
		for _, claim := range r.out.Claims {
			switch {
			case claim.Kind != "criterion" || claim.Subject != c.Name:
			case claim.Before.N > 0:
				c.Says = c.changed()
			default:
				c.Says = "does not pay its points"
			}
		}
	}
}

func (h *hypothesis) holds() bool { return h != nil && h.q <= errorRate }

func (k *triggered) settled() {
	k.out.PaysMore = k.wins.holds() || k.larger.holds()
	switch {
	case k.wins.holds() && k.larger.holds():
		k.out.Says = "wins more, and larger deals"
	case k.wins.holds():
		k.out.Says = "wins more than its points say"
	case k.larger.holds():
		k.out.Says = "brings larger deals"
	case k.out.Says != "":
	case k.wins == nil:
		k.out.Says = "too few deals"
	default:
		k.out.Says = "nothing that chance would not do"
	}
}

// riskRatio is x's share over y's with its interval on the logarithmic scale (Katz et al.,
// Biometrics 34, 1978), half an account being added so that none is empty.
func riskRatio(x, y tally) Interval {
	a, n := float64(x.won)+0.5, float64(x.n)+0.5
	b, m := float64(y.won)+0.5, float64(y.n)+0.5
	return ratio(math.Log(a/n/(b/m)), math.Sqrt(max(0, 1/a-1/n+1/b-1/m)))
}

func sortedKeys(of map[string]bool) []string {
	out := make([]string, 0, len(of))
	for k := range of {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// traits counts what accounts have: values of texts, items of lists, yes and no, what is
// not known, and who owns them. What tells accounts apart is none.
func traits(accounts []*PrimeAccount) map[string]int {
	have := map[string]int{}
	for _, p := range accounts {
		mine := map[string]bool{}
		for f, fact := range p.Facts {
			if slices.Contains(identities, f) {
				continue
			}
			switch v := fact.Value; v.Kind() {
			case account.ListKind:
				for _, w := range v.List() {
					mine[trait(string(f), w)] = true
				}
			case account.TextKind, account.BoolKind:
				mine[trait(string(f), v.String())] = true
			case account.NumberKind, account.DateKind, account.NoKind: // see medians
			}
		}
		for i := range p.Score {
			if !p.Score[i].Known() && p.Score[i].Max > 0 {
				mine[trait(p.Score[i].Name, "unknown")] = true
			}
		}
		if p.Owner != "" {
			mine[trait("owner", p.Owner)] = true
		}
		for t := range mine {
			have[t]++
		}
	}
	return have
}

func trait(what, value string) string { return spaced(what) + ": " + strings.TrimSpace(value) }

// cut tells the larger half of a number from the smaller.
type cut struct {
	field account.Field
	at    float64
}

func medians(accounts []*PrimeAccount) []cut {
	values := map[account.Field][]float64{}
	for _, p := range accounts {
		for f, fact := range p.Facts {
			if fact.Value.Kind() == account.NumberKind {
				values[f] = append(values[f], fact.Value.Number())
			}
		}
	}
	var cuts []cut
	for f, v := range values {
		slices.Sort(v)
		cuts = append(cuts, cut{f, twoDigits(v[len(v)/2])})
	}
	return cuts
}

func (c cut) count(accounts []*PrimeAccount, have map[string]int) {
	for _, p := range accounts {
		if v := p.Facts[c.field].Value; v.Kind() == account.NumberKind && v.Number() >= c.at {
			have[trait(string(c.field), "at least "+number(c.at))]++
		}
	}
}
