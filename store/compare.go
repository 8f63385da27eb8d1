package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// LastRuns returns how the last run of each company stands: by the id of its workflow, or
// of whichever run its account had. Companies that never had one are left out. All keys
// are of one CRM account.
func (s *Store) LastRuns(ctx context.Context, keys []account.Key, workflowIDs []string) (map[account.Key]string, error) {
	const q = `
		SELECT k.id, last.status FROM unnest(@ids::text[], @workflows::text[]) AS k (id, workflow)
		LEFT JOIN accounts a ON a.crm = @crm AND a.portal = @portal AND a.crm_id = k.id
		CROSS JOIN LATERAL (
			SELECT status FROM (
				SELECT status, started_at FROM runs WHERE workflow_id = k.workflow
				UNION ALL SELECT status, started_at FROM runs WHERE account_id = a.id
			) both_ways ORDER BY started_at DESC LIMIT 1
		) last`
	if len(keys) == 0 {
		return nil, nil
	}
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.ID
	}
	rows, _ := s.db.Query(ctx, q, named{"ids": ids, "workflows": workflowIDs, "crm": keys[0].CRM, "portal": keys[0].Portal})
	last := make(map[account.Key]string, len(keys))
	var id, status string
	_, err := pgx.ForEachRow(rows, []any{&id, &status}, func() error {
		last[account.Key{CRM: keys[0].CRM, Portal: keys[0].Portal, ID: id}] = status
		return nil
	})
	return last, wrap(err, "last runs of %d companies", len(keys))
}

// isWritten is the condition that the account has a record, and that something was
// decided on it or tried to be written since $1.
const isWritten = `a.crm IS NOT NULL AND (
	EXISTS (SELECT FROM effects e WHERE e.account_id = a.id AND e.tried_at >= $1)
	OR EXISTS (SELECT FROM scores s WHERE s.account_id = a.id AND s.scored_at >= $1))`

// lookedAt is how many accounts one call of [Store.Written] goes through at most, so that
// it takes no longer where few of very many were written.
const lookedAt = 10_000

// Written returns the next accounts after one, by their ids, that have a record in the
// CRM and something to compare with it since the given time: at most limit of them, and
// fewer, or none, where those after that are too many to go through at once. Next is the
// account to go on after; 0 when there are no more.
func (s *Store) Written(ctx context.Context, since time.Time, after int64, limit int) (accs []account.Account, next int64, err error) {
	const end = `SELECT coalesce(max(id), 0) FROM (SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2) AS page`
	if err := s.db.QueryRow(ctx, end, after, lookedAt).Scan(&next); err != nil || next == 0 {
		return nil, 0, wrap(err, "accounts after %d", after)
	}
	const q = `
		SELECT a.id, a.crm, a.portal, a.crm_id, a.domain, a.name FROM accounts a
		WHERE a.id > $2 AND a.id <= $3 AND ` + isWritten + ` ORDER BY a.id LIMIT $4`
	rows, _ := s.db.Query(ctx, q, since, after, next, limit)
	accs, err = pgx.CollectRows(rows, scanAccount)
	if len(accs) == limit {
		next = accs[limit-1].ID
	}
	return accs, next, wrap(err, "accounts written since %s", since.Format(time.RFC3339))
}

// LastAccount returns the greatest id of an account; 0 if there is none.
func (s *Store) LastAccount(ctx context.Context) (id int64, err error) {
	err = s.db.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM accounts`).Scan(&id)
	return id, wrap(err, "last account")
}

// EffectsOf returns the effects of several accounts, each in the order in which they were
// first tried.
func (s *Store) EffectsOf(ctx context.Context, accountIDs []int64) (map[int64][]Effect, error) {
	const q = `SELECT ` + effectColumns + ` FROM effects WHERE account_id = ANY ($1) ORDER BY account_id, created_at, key`
	rows, _ := s.db.Query(ctx, q, accountIDs)
	all, err := pgx.CollectRows(rows, scanEffect)
	of := make(map[int64][]Effect, len(accountIDs))
	for _, e := range all {
		of[e.AccountID] = append(of[e.AccountID], e)
	}
	return of, wrap(err, "effects of %d accounts", len(accountIDs))
}

// ScoredAt returns when the last score of each account was made; accounts without a score
// are left out, and so are those whose last one is of a model's release of late: a release
// brings its scores into the CRM itself, in bulk.
func (s *Store) ScoredAt(ctx context.Context, accountIDs []int64) (map[int64]time.Time, error) {
	const q = `
		SELECT a.id, last.scored_at FROM unnest($1::bigint[]) AS a (id)
		CROSS JOIN LATERAL (SELECT scored_at, run_id FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1) last
		WHERE last.run_id NOT LIKE 'release/%' OR last.scored_at < now() - interval '1 day'`
	rows, _ := s.db.Query(ctx, q, accountIDs)
	of := make(map[int64]time.Time, len(accountIDs))
	var id int64
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error {
		of[id] = at
		return nil
	})
	return of, wrap(err, "last scores of %d accounts", len(accountIDs))
}

// OwnValues puts on record that the CRM's present values of an effect that is done are
// ours after all, and so may be written over.
//
// Errors: [account.ErrNotFound] for an effect that is not done, or tried again.
func (s *Store) OwnValues(ctx context.Context, key string, values map[string]string) error {
	const q = `UPDATE effects SET written = written || $2::jsonb WHERE key = $1 AND state = 'done'`
	text, err := encodeValues(values)
	if err != nil {
		return wrap(err, "own values of %s", key)
	}
	return wrap(affected(s.db.Exec(ctx, q, key, text)), "own values of %s", key)
}
