package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// NewEvents returns the keys that [Store.KeepEvents] has not kept, in the order
// given and each once.
func (s *Store) NewEvents(ctx context.Context, keys []string) (unseen []string, err error) {
	const q = `SELECT key FROM events WHERE key = ANY ($1)`
	rows, _ := s.db.Query(ctx, q, keys)
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, wrap(err, "look up %d events", len(keys))
	}
	seen := make(map[string]bool, len(keys))
	for _, key := range kept {
		seen[key] = true
	}
	for _, key := range keys {
		if !seen[key] {
			unseen, seen[key] = append(unseen, key), true
		}
	}
	return unseen, nil
}

// KeepEvents remembers the keys for good. Keys that are there already are fine.
func (s *Store) KeepEvents(ctx context.Context, keys []string) error {
	// In order, so that two batches with the same keys cannot lock each other out.
	const q = `
		INSERT INTO events (key) SELECT key FROM unnest($1::text[]) AS k (key) ORDER BY key
		ON CONFLICT ON CONSTRAINT event_once DO NOTHING`
	_, err := s.db.Exec(ctx, q, keys)
	return wrap(err, "keep %d events", len(keys))
}
