package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Candidate is an owner who takes part in a round robin.
type Candidate struct {
	OwnerID  string
	Capacity int // accounts a day; 0 = no limit
}

// AssignOwner returns the owner that the account has in the queue already, or
// gives it to the next in turn: the candidate who got one longest ago and has
// capacity left on the day. It returns "" when nobody has. However often and
// concurrently it is asked, an account has one owner in a queue.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) AssignOwner(ctx context.Context, accountID int64, queue string, candidates []Candidate, day time.Time) (ownerID string, err error) {
	const assign = `
		WITH held AS (
			SELECT owner_id FROM assignments WHERE account_id = @account AND queue = @queue
		), next AS (
			SELECT c.owner_id
			FROM unnest(@owners::text[], @capacities::integer[]) WITH ORDINALITY AS c (owner_id, capacity, place)
			LEFT JOIN turns t ON t.queue = @queue AND t.owner_id = c.owner_id
			WHERE NOT EXISTS (SELECT FROM held)
				AND (c.capacity = 0 OR c.capacity > CASE WHEN t.day >= @day THEN t.taken ELSE 0 END)
			ORDER BY t.taken_at NULLS FIRST, c.place LIMIT 1
		), assigned AS (
			INSERT INTO assignments (account_id, queue, owner_id) SELECT @account, @queue, owner_id FROM next
		), moved AS (
			INSERT INTO turns (queue, owner_id, taken_at, day, taken)
			SELECT @queue, owner_id, clock_timestamp(), @day, 1 FROM next
			ON CONFLICT ON CONSTRAINT turn_once DO UPDATE SET
				taken_at = excluded.taken_at,
				day = greatest(turns.day, excluded.day),
				taken = CASE WHEN turns.day >= excluded.day THEN turns.taken + 1 ELSE 1 END
		)
		SELECT owner_id FROM held UNION ALL SELECT owner_id FROM next`
	owners, capacities := make([]string, len(candidates)), make([]int, len(candidates))
	for i, c := range candidates {
		owners[i], capacities[i] = c.OwnerID, c.Capacity
	}
	var b pgx.Batch
	inTurn(&b, "assign in "+queue) // the choice depends on the one before
	b.Queue(assign, named{
		"account": accountID, "queue": queue, "owners": owners, "capacities": capacities, "day": day.UTC(),
	}).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if len(found) > 0 {
			ownerID = found[0]
		}
		return err
	})
	err = s.db.SendBatch(ctx, &b).Close()
	return ownerID, wrap(err, "assign owner of account %d in %s", accountID, queue)
}
