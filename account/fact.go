package account

import "time"

// Signals returns the dated events that facts alone tell of: a funding round is
// one, whoever reported it.
func (f Facts) Signals() []Signal {
	fact, ok := f[LastFundingAt]
	if !ok || fact.Value.Date().IsZero() {
		return nil
	}
	s := Signal{Kind: "funding", OccurredAt: fact.Value.Date(), Source: fact.Provider, Summary: "raised a round"}
	if stage := f[FundingStage].Value.Text(); stage != "" {
		s.Summary = "raised a round (" + stage + ")"
	}
	return []Signal{s}
}

// Age is how long ago the fact was observed, never negative.
func (f Fact) Age(at time.Time) time.Duration { return max(at.Sub(f.ObservedAt), 0) }
