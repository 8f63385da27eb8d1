package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/outbound"
)

// Closure keeps everybody from asking a provider.
type Closure struct {
	Provider string
	Outcome  outbound.Outcome // auth_failed or quota_exhausted
	Until    time.Time        // zero: until a person acts
	Reason   string
	ClosedAt time.Time
}

// CloseProvider keeps everybody from asking the provider until the given time, or
// until [Store.ReopenProvider] if that is zero. A later closure replaces it.
func (s *Store) CloseProvider(ctx context.Context, provider string, outcome outbound.Outcome, until time.Time, reason string) error {
	const q = `
		INSERT INTO closures (provider, outcome, until, reason) VALUES (@provider, @outcome, @until, @reason)
		ON CONFLICT ON CONSTRAINT closures_pkey DO UPDATE SET
			outcome = excluded.outcome, until = excluded.until, reason = excluded.reason, closed_at = excluded.closed_at`
	_, err := s.db.Exec(ctx, q, named{
		"provider": provider, "outcome": string(outcome), "until": optional(until), "reason": clean(reason, 1000),
	})
	return wrap(err, "close provider %s", provider)
}

// ReopenProvider lets the provider be asked again. One that is open stays so.
func (s *Store) ReopenProvider(ctx context.Context, provider string) error {
	const q = `DELETE FROM closures WHERE provider = $1`
	_, err := s.db.Exec(ctx, q, provider)
	return wrap(err, "reopen provider %s", provider)
}

// Closures returns the closures in force, by provider. None is not an error.
func (s *Store) Closures(ctx context.Context) ([]Closure, error) {
	const q = `
		SELECT provider, outcome, until, reason, closed_at FROM closures
		WHERE until IS NULL OR until > now() ORDER BY provider`
	rows, _ := s.db.Query(ctx, q)
	closures, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Closure, error) {
		var c Closure
		var until *time.Time
		err := row.Scan(&c.Provider, &c.Outcome, &until, &c.Reason, &c.ClosedAt)
		c.Until = value(until)
		return c, err
	})
	return closures, wrap(err, "closures")
}
