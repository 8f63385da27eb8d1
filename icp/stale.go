package icp

import (
	"math"
	"time"

	"github.com/sluicehq/sluice/account"
)

// staleHorizon is how far ahead [Model.Stale] looks where it has to look day by day.
const staleHorizon = 400 * day

// Stale returns when time alone next changes the points of a score that m made of sub
// at the given time: a signal or a date leaves its window, or decays by a point; zero
// for never. An expression over dates is looked at day by day, for 400 days. What is
// dated ahead by more than a day, and is not counted yet, is not foreseen.
func (m *Model) Stale(sub Subject, s Score, at time.Time) time.Time {
	var first time.Time
	for i := range min(len(m.Criteria), len(s.Criteria)) {
		next := m.Criteria[i].stale(sub, &s.Criteria[i], at)
		if first.IsZero() || !next.IsZero() && next.Before(first) {
			first = next
		}
	}
	return first
}

func (c *Criterion) stale(sub Subject, r *Result, at time.Time) time.Time {
	switch {
	case !r.Known() || c.Of == BuyingCommittee:
		return time.Time{}
	case c.When != nil:
		return c.staleByDay(sub, r, at)
	case !c.dated():
		return time.Time{}
	}
	since := r.ObservedAt
	if c.kind == account.DateKind {
		since = r.Input.Date()
	}
	return c.staleByAge(r, since, at)
}

// staleByAge returns when the points of what happened then change next.
func (c *Criterion) staleByAge(r *Result, since, at time.Time) time.Time {
	var first time.Time
	consider := func(age time.Duration) {
		when := since.Add(age)
		if when.After(at) && (first.IsZero() || when.Before(first)) && c.worthAt(r, age) != r.Points {
			first = when
		}
	}
	for _, credit := range c.Credits {
		if window, ok := credit.Match.(*recency); ok {
			consider(window.limit + time.Second) // the limit is within
		}
	}
	if c.HalfLife > 0 && r.Points != 0 {
		consider(c.decays(r, at.Sub(since)))
	}
	return first
}

// worthAt is what c gives for r's input when it is that old.
func (c *Criterion) worthAt(r *Result, age time.Duration) int {
	i, _ := c.credit(input{value: r.Input, age: age})
	if i < 0 {
		return 0
	}
	if c.HalfLife > 0 {
		return decayed(c.Credits[i].Points, age, c.HalfLife)
	}
	return c.Credits[i].Points
}

// decays returns the age at which r has lost its next point: where what is left of the
// full points p falls below half a point above the next whole one,
// p·2^(−age/h) < |r| − 1/2.
func (c *Criterion) decays(r *Result, age time.Duration) time.Duration {
	i, _ := c.credit(input{value: r.Input, age: age})
	if i < 0 {
		return 0
	}
	full, left := float64(abs(c.Credits[i].Points)), float64(abs(r.Points))
	return time.Duration(float64(c.HalfLife)*math.Log2(full/(left-0.5))) + time.Second
}

// staleByDay looks for the first day on which an expression over dates gives other
// points.
func (c *Criterion) staleByDay(sub Subject, r *Result, at time.Time) time.Time {
	dates := false
	for _, f := range c.When.fields {
		dates = dates || sub.Facts[f].Value.Kind() == account.DateKind
	}
	if !dates {
		return time.Time{}
	}
	for ahead := day; ahead <= staleHorizon; ahead += day {
		run, then := rating{Subject: sub, at: at.Add(ahead)}, Result{}
		if run.rate(c, &then); then.Points != r.Points {
			return at.Add(ahead)
		}
	}
	return time.Time{}
}
