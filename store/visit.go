package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/signals"
)

// AddVisits keeps visits of an account; one whose id is there already changes nothing.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) AddVisits(ctx context.Context, accountID int64, visits []signals.Visit) error {
	const q = `
		INSERT INTO visits (account_id, id, kind, page, visitor, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT ON CONSTRAINT visit_once DO NOTHING`
	var b pgx.Batch
	for _, v := range visits {
		b.Queue(q, accountID, v.ID, v.Kind, clean(v.Page, 500), clean(v.Visitor, 200), v.At)
	}
	return wrap(s.db.SendBatch(ctx, &b).Close(), "add %d visits of account %d", len(visits), accountID)
}

// VisitsOf returns the visits of several accounts since a time, by account, the oldest
// first.
func (s *Store) VisitsOf(ctx context.Context, accountIDs []int64, since time.Time) (map[int64][]signals.Visit, error) {
	const q = `
		SELECT account_id, id, kind, page, visitor, at FROM visits
		WHERE account_id = ANY ($1) AND at >= $2 ORDER BY account_id, at, id`
	rows, _ := s.db.Query(ctx, q, accountIDs, since)
	of := map[int64][]signals.Visit{}
	var id int64
	var v signals.Visit
	_, err := pgx.ForEachRow(rows, []any{&id, &v.ID, &v.Kind, &v.Page, &v.Visitor, &v.At}, func() error {
		of[id] = append(of[id], v)
		return nil
	})
	return of, wrap(err, "visits of %d accounts", len(accountIDs))
}
