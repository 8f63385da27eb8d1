package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/waterfall"
)

// circuits remembers which providers this worker knows to be out of reach. Every
// result of Identify and Ask says so to its run, which then passes them by without
// an Ask of its own that could only hear the same.
type circuits struct {
	mu    sync.Mutex
	until map[string]time.Time // by provider: when its breaker lets somebody try
}

// heard takes in how a call ended.
func (c *circuits) heard(provider string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok || e.Outcome != outbound.SkippedBreaker {
		delete(c.until, provider)
		return
	}
	if c.until == nil {
		c.until = map[string]time.Time{}
	}
	c.until[provider] = time.Now().Add(e.RetryAfter)
}

// open returns the providers that are out of reach, and for how long.
func (c *circuits) open(now time.Time) map[string]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out map[string]time.Duration
	for provider, until := range c.until {
		if until.After(now) {
			if out == nil {
				out = map[string]time.Duration{}
			}
			out[provider] = until.Sub(now)
		}
	}
	return out
}

// outOfReach returns the providers that it makes no sense to ask about the account
// now, and for how long. An answer on record needs no call.
func (a *Activities) outOfReach(ctx context.Context, acc account.Account) (map[string]time.Duration, error) {
	open := a.circuits.open(time.Now())
	for provider := range open {
		_, err := a.Store.FreshAnswer(ctx, provider, waterfall.Subject(acc), a.Providers[provider].TTL)
		if err == nil {
			delete(open, provider)
		} else if !errors.Is(err, account.ErrNotFound) {
			return nil, err
		}
	}
	return open, nil
}
