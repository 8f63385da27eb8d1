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

// due leaves the accounts of which the answer is too old. Accounts of one domain share
// it: one of them asks.
func (r refresh) due(ctx context.Context, accounts []account.Account, at time.Time) ([]account.Account, error) {
	subjects := make([]string, len(accounts))
	for i, acc := range accounts {
		subjects[i] = waterfall.Subject(acc)
	}
	old, err := r.a.Store.StaleAnswers(ctx, r.provider, subjects, at.Add(-r.source.TTL))
	var due []account.Account
	for i, acc := range accounts {
		if old[subjects[i]] {
			due = append(due, acc)
			delete(old, subjects[i])
		}
	}
	return due, err
}

func (r refresh) look(ctx context.Context, p *page, accounts []account.Account) ([]signals.Sight, []error, error) {
	errs := make([]error, len(accounts))
	p.each(ctx, len(accounts), func(i int) { errs[i] = r.ask(ctx, accounts[i]) })
	return make([]signals.Sight, len(accounts)), errs, nil
}

func (r refresh) ask(ctx context.Context, acc account.Account) error {
	run := fmt.Sprintf("%s/%d", activity.GetInfo(ctx).WorkflowExecution.RunID, acc.ID)
	c := call{
		a: r.a, source: r.source, in: AskInput{AccountID: acc.ID, Provider: r.provider},
		acc: acc, holder: run + "/" + r.provider, runID: run,
	}
	got, err := c.ask(ctx)
	switch {
	case errors.Is(err, store.ErrInFlight): // somebody else brings it up to date
		return nil
	case err != nil:
		return err
	case got.Outcome == outbound.SkippedBudget, got.Outcome == outbound.SkippedClosed:
		return &outbound.Error{Service: r.provider, Outcome: outbound.QuotaExhausted, Reason: string(got.Outcome)}
	}
	return nil
}
