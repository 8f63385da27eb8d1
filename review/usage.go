package review

import (
	"cmp"
	"math"
	"slices"
)

// providers says what each provider brought for its credits.
func (r *reviewing) providers() {
	for _, u := range r.in.Providers {
		r.out.Providers = append(r.out.Providers, u.figures())
	}
	slices.SortStableFunc(r.out.Providers, func(a, b ProviderFigures) int { return cmp.Compare(a.Provider, b.Provider) })
}

// answered are the outcomes of calls that a provider answered, and unanswered those of
// calls that it failed; the ledger's other outcomes are no calls, or not at their end.
var (
	answered   = []string{"found", "not_found", "mismatch"}
	unanswered = []string{"throttled", "provider_error", "quota_exhausted", "auth_failed", "bad_request", "lost"}
)

func (u *ProviderUse) figures() ProviderFigures {
	f := ProviderFigures{
		Provider: u.Provider, Outcomes: u.Outcomes, Credits: Figure(u.credits), Supplied: int(u.supplied), Accepted: int(u.accepted), PerField: u.perField(),
	}
	var hits, fails tally
	for outcome, n := range u.Outcomes {
		switch {
		case slices.Contains(answered, outcome):
			hits.n += n
			fails.n += n
			if outcome == "found" {
				hits.won += n
			}
		case slices.Contains(unanswered, outcome):
			fails.n += n
			fails.won += n
		}
	}
	f.Calls, f.HitRate, f.Failed = fails.n, hits.share(), fails.share()
	return f
}

// perField is what an accepted field cost: the ratio of two sums over calls, with the
// interval of the delta method on the logarithmic scale (Cochran, "Sampling Techniques",
// 1977, section 6.4). Fewer than ten accepted fields have none.
func (u *ProviderUse) perField() Estimate {
	e := noEstimate(int(u.accepted))
	if u.accepted == 0 {
		return e
	}
	n, ratio := float64(u.calls), u.credits/u.accepted
	e.Value = Figure(ratio)
	if u.accepted < minEvents || n < 2 || ratio == 0 {
		return e
	}
	residual := max(0, u.creditsSq-2*ratio*u.crossed+ratio*ratio*u.acceptedSq)
	sd := math.Sqrt(n/(n-1)*residual) / u.credits
	e.Low, e.High = Figure(ratio*math.Exp(-z95*sd)), Figure(ratio*math.Exp(z95*sd))
	return e
}

// The share of accounts that published practice keeps for decisions beside the model.
const (
	budgetLow  = 0.10
	budgetHigh = 0.15
)

// decisions says what became of the accounts that were worked otherwise than the model
// said, and whether they are as many as they should be.
func (r *reviewing) decisions() {
	d := &r.out.Decisions
	d.Share, d.BudgetLow, d.BudgetHigh = r.in.Share, budgetLow, budgetHigh
	d.Outcomes = append([]Became{}, Outcomes(r.in.Decisions, r.in.Closed)...)
	t := tally{n: r.in.Share.Scored, won: r.in.Share.Together}
	d.Together = t.share()
	switch {
	case t.n == 0:
		d.Says = "no account is scored"
	case t.rate() > budgetHigh:
		d.Says = "above the budget: the model is wrong, or it is not followed"
	case t.rate() < budgetLow:
		d.Says = "below the budget: a wrong model would hardly be found out"
	default:
		d.Says = "within the budget"
	}
}
