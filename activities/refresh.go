package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// refresh asks a provider again about accounts of which its answer is older than it
// stays good, so that changes are seen at all. To a sweep it is a source without news
// of its own: the sources that compare facts come after it.
type refresh struct {
	a        *Activities
	provider string
	source   Source
}

// stale leaves the accounts whose answer is too old at the given time.
func (r refresh) stale(ctx context.Context, accounts []account.Account, at time.Time) (map[int64]bool, error) {
	subjects := make([]string, len(accounts))
	for i, acc := range accounts {
		subjects[i] = waterfall.Subject(acc)
	}
	old, err := r.a.Store.StaleAnswers(ctx, r.provider, subjects, at.Add(-r.source.TTL))
	due, taken := map[int64]bool{}, map[string]bool{}
	for i, acc := range accounts {
		if subject := subjects[i]; old[subject] && !taken[subject] { // two accounts share one answer
			due[acc.ID], taken[subject] = true, true
		}
	}
	return due, err
}

// Look implements [signals.Source].
func (r refresh) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	run := fmt.Sprintf("%s/%d", activity.GetInfo(ctx).WorkflowExecution.RunID, at.Account.ID)
	c := call{
		a: r.a, source: r.source, in: AskInput{AccountID: at.Account.ID, Provider: r.provider},
		acc: at.Account, holder: run + "/" + r.provider, runID: run,
	}
	got, err := c.ask(ctx)
	switch {
	case errors.Is(err, store.ErrInFlight): // somebody else brings it up to date
		return signals.Sight{}, nil
	case err != nil:
		return signals.Sight{}, err
	case got.Outcome == outbound.SkippedBudget, got.Outcome == outbound.SkippedClosed:
		return signals.Sight{}, &outbound.Error{Service: r.provider, Outcome: outbound.QuotaExhausted, Reason: string(got.Outcome)}
	}
	return signals.Sight{}, nil
}
