package review

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// contract is a purchase that came up for renewal: a customer's first with the year's
// other purchases, and what was bought again around a year later.
type contract struct {
	deal      *QuarterDeal // that began it
	first     float64      // bought in the year
	again     float64      // bought again within renewalDelay of the year's end
	left      bool
	undecided bool // a renewal is still open
}

// contracts are those whose time for renewal ended in the last four quarters. They are
// taken to run for a year; renewals that come late or early by renewalDelay count.
type contracts []contract

// renewing finds the contracts. A purchase begins one if it is the first of its account
// in the time looked at and either new business or known to be a renewal: of an expansion
// nobody knows when its contract ends.
func (r *reviewing) renewing() contracts {
	byAccount := map[string][]*QuarterDeal{}
	for _, d := range r.deals {
		byAccount[d.Account] = append(byAccount[d.Account], d)
	}
	left := map[string][]time.Time{}
	for _, l := range r.in.Left {
		left[l.Account] = append(left[l.Account], l.At)
	}
	var all contracts
	from, to := r.in.To.AddDate(-2, 0, 0).Add(-renewalDelay), r.in.To.AddDate(-1, 0, 0).Add(-renewalDelay)
	seen := map[string]bool{}
	for _, d := range r.deals {
		if d.Account != "" && !seen[d.Account] {
			seen[d.Account] = true
			if c, ok := newContract(byAccount[d.Account], from, to, left[d.Account]); ok {
				all = append(all, c)
			}
		}
	}
	return all
}

func newContract(deals []*QuarterDeal, from, to time.Time, left []time.Time) (contract, bool) {
	var c contract
	for _, d := range deals {
		begins := d.isNew() || d.Kind == Renewal
		if d.Won && begins && d.worth() > 0 && d.closedIn(from, to) && (c.deal == nil || d.ClosedAt.Before(c.deal.ClosedAt)) {
			c.deal = d
		}
	}
	if c.deal == nil {
		return c, false
	}
	start := c.deal.ClosedAt
	due, last := start.AddDate(1, 0, 0).Add(-renewalDelay), start.AddDate(1, 0, 0).Add(renewalDelay)
	bought := false
	for _, d := range deals {
		switch {
		case !d.closed() && !d.isNew() && d.OpenedAt.Before(last):
			c.undecided = true
		case !d.Won || d.ClosedAt.Before(start) || d.ClosedAt.After(last):
		case d.ClosedAt.Before(due):
			c.first += d.worth()
		default:
			c.again += d.worth()
			bought = true
		}
	}
	gone := slices.ContainsFunc(left, func(t time.Time) bool { return t.After(start) && !t.After(last) })
	c.left = gone || !bought
	c.undecided = c.undecided && c.left && !gone
	return c, true
}

// retention says what became of the customers whose contract came up for renewal.
func (r *reviewing) retention() {
	k := &r.out.Retention
	k.Churn, k.NRR = noEstimate(0), noEstimate(0)
	if !r.renews() {
		k.Note = "No deal with a customer that bought before is on record, so renewals are not in the CRM's deals, and neither churn nor net revenue retention can be told."
		return
	}
	r.kept = r.renewing()
	k.Due = len(r.kept)
	for _, c := range r.kept {
		if c.undecided {
			k.Undecided++
		}
	}
	k.Churn, k.NRR = r.kept.churn(), r.kept.nrr()
	k.Note = "Contracts are taken to run for a year. Counted are those whose time for renewal, a year after the purchase and " +
		strconv.Itoa(int(renewalDelay.Hours()/24)) + " days around it, ended in the last four quarters. Who bought nothing in that time has left."
}

// renews reports whether the CRM has deals with customers that bought before.
func (r *reviewing) renews() bool {
	return len(r.in.Left) > 0 || slices.ContainsFunc(r.deals, func(d *QuarterDeal) bool { return !d.isNew() && d.Won })
}

func (r *reviewing) keep(is func(*QuarterDeal) bool) contracts {
	var out contracts
	for _, c := range r.kept {
		if is(c.deal) {
			out = append(out, c)
		}
	}
	return out
}

func (c contracts) churn() Estimate {
	var t tally
	for _, one := range c {
		if !one.undecided {
			t.add(one.left)
		}
	}
	return t.share()
}

// resamples is how many samples the bootstrap draws.
const resamples = 2000

// nrr is what customers bought again over what they had bought, with the interval of the
// percentile bootstrap over customers (Efron and Tibshirani, "An Introduction to the
// Bootstrap", 1993, chapter 13), which knows of no distribution. The random numbers come
// from the figures themselves, so that the same deals give the same interval. Fewer than
// ten customers have none: their interval would be too narrow.
func (c contracts) nrr() Estimate {
	decided := slices.DeleteFunc(slices.Clone(c), func(one contract) bool { return one.undecided })
	first, again := 0.0, 0.0
	seed := fnv.New64a()
	for _, one := range decided {
		first, again = first+one.first, again+one.again
		_, _ = seed.Write([]byte(one.deal.Account + strconv.FormatFloat(one.first, 'g', -1, 64) + "/" + strconv.FormatFloat(one.again, 'g', -1, 64) + "\n"))
	}
	e := noEstimate(len(decided))
	if first <= 0 {
		return e
	}
	e.Value = Figure(again / first)
	if len(decided) < 10 {
		return e
	}
	random := rand.New(rand.NewPCG(seed.Sum64(), 5))
	ratios := make([]float64, resamples)
	for b := range ratios {
		f, a := 0.0, 0.0
		for range decided {
			one := &decided[random.IntN(len(decided))]
			f, a = f+one.first, a+one.again
		}
		ratios[b] = a / math.Max(f, 1e-9)
	}
	slices.Sort(ratios)
	e.Low, e.High = Figure(quantile(ratios, 0.025)), Figure(quantile(ratios, 0.975))
	return e
}
