package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// StagedState is what became of a value that waits for a person's approval.
type StagedState string

// The states. A property has at most one value that waits or is approved.
const (
	StagedWaiting  StagedState = "waiting"
	StagedApproved StagedState = "approved" // and not written yet
	StagedRejected StagedState = "rejected"
	StagedWritten  StagedState = "written"
	StagedReplaced StagedState = "replaced" // by a newer decision
	StagedKept     StagedState = "kept"     // somebody wrote a value meanwhile, which stays
)

// Staged is a value that waits, or waited, for a person's approval.
type Staged struct {
	ID        int64           `json:"id"`
	Account   account.Account `json:"-"`
	EffectKey string          `json:"effect_key"`
	Property  string          `json:"property"`
	Before    string          `json:"before"` // in the CRM when it was staged
	Value     string          `json:"value"`
	State     StagedState     `json:"state"`
	RunID     string          `json:"run_id"`
	StagedAt  time.Time       `json:"staged_at"`
	Author    string          `json:"by,omitempty"`
	DecidedAt time.Time       `json:"decided_at,omitzero"`
}

// queueAnswers reads the last value of each property that a person was asked about.
func queueAnswers(b *pgx.Batch, keys []string, answer func(key string, last map[string]Staged)) {
	const q = `
		SELECT DISTINCT ON (effect_key, property) effect_key, property, id, value, state FROM staged
		WHERE effect_key = ANY ($1) ORDER BY effect_key, property, id DESC`
	b.Queue(q, keys).Query(func(rows pgx.Rows) error {
		of := map[string]map[string]Staged{}
		var v Staged
		_, err := pgx.ForEachRow(rows, []any{&v.EffectKey, &v.Property, &v.ID, &v.Value, &v.State}, func() error {
			if of[v.EffectKey] == nil {
				of[v.EffectKey] = map[string]Staged{}
			}
			of[v.EffectKey][v.Property] = v
			return nil
		})
		for key, last := range of {
			answer(key, last)
		}
		return err
	})
}

// LastStaged returns the last value of each property that a person was asked about, by the
// keys of effects.
func (s *Store) LastStaged(ctx context.Context, keys []string) (map[string]map[string]Staged, error) {
	all := map[string]map[string]Staged{}
	var b pgx.Batch
	queueAnswers(&b, keys, func(key string, last map[string]Staged) { all[key] = last })
	err := s.db.SendBatch(ctx, &b).Close()
	return all, wrap(err, "values that people were asked about")
}

// queueStaged keeps the values of effects that are to wait, and ends those that waited.
func queueStaged(b *pgx.Batch, done []Done) error {
	type row struct {
		Key      string `json:"key"`
		Property string `json:"property"`
		Before   string `json:"before"`
		Value    string `json:"value"`
		State    string `json:"state"`
	}
	var ended, added []row
	for _, d := range done {
		for property, state := range d.Settle {
			ended = append(ended, row{Key: d.Key, Property: property, State: string(state)})
		}
		for property, v := range d.Stage {
			ended = append(ended, row{Key: d.Key, Property: property, State: string(StagedReplaced)})
			added = append(added, row{Key: d.Key, Property: property, Before: v.Before, Value: v.Value})
		}
	}
	const end = `
		UPDATE staged s SET state = n.state, ended_at = now() FROM jsonb_to_recordset($1::jsonb) AS n (key text, property text, state text)
		WHERE s.effect_key = n.key AND s.property = n.property AND s.state IN ('waiting', 'approved')`
	const add = `
		INSERT INTO staged (account_id, effect_key, property, before, value, run_id)
		SELECT e.account_id, n.key, n.property, n.before, n.value, e.run_id
		FROM jsonb_to_recordset($1::jsonb) AS n (key text, property text, before text, value text) JOIN effects e ON e.key = n.key
		ORDER BY n.key, n.property`
	for _, q := range []struct {
		sql  string
		rows []row
	}{{end, ended}, {add, added}} {
		if len(q.rows) == 0 {
			continue
		}
		text, err := encode(q.rows)
		if err != nil {
			return err
		}
		b.Queue(q.sql, text)
	}
	return nil
}

const stagedColumns = `s.id, s.effect_key, s.property, s.before, s.value, s.state, s.run_id, s.staged_at, s.author, s.decided_at,
	a.id, a.crm, a.portal, a.crm_id, a.domain, a.name`

func scanStaged(row pgx.CollectableRow) (Staged, error) {
	var v Staged
	var decided *time.Time
	acc, err := scanAccount(first{row, []any{
		&v.ID, &v.EffectKey, &v.Property, &v.Before, &v.Value, &v.State, &v.RunID, &v.StagedAt, &v.Author, &decided,
	}})
	v.Account, v.DecidedAt = acc, value(decided)
	return v, err
}

// first scans further columns before those that a scanning function knows of.
type first struct {
	pgx.CollectableRow
	more []any
}

// Scan implements pgx.CollectableRow.
func (f first) Scan(dest ...any) error { return f.CollectableRow.Scan(append(f.more, dest...)...) }

// StagedValues returns the values that wait, or are approved and not written yet, the
// oldest first; those of one account if its id is not 0.
func (s *Store) StagedValues(ctx context.Context, accountID int64) ([]Staged, error) {
	const q = `
		SELECT ` + stagedColumns + ` FROM staged s JOIN accounts a ON a.id = s.account_id
		WHERE s.state IN ('waiting', 'approved') AND ($1 = 0 OR s.account_id = $1) ORDER BY s.id`
	rows, _ := s.db.Query(ctx, q, accountID)
	all, err := pgx.CollectRows(rows, scanStaged)
	return all, wrap(err, "values that wait for approval")
}

// AnswerStaged records what a person says to values that wait: yes, or no. It returns the
// values as they are then. One that is approved already may be approved again; it takes
// them all or none.
//
// Errors: [account.ErrInvalid] for one that does not wait (any more).
func (s *Store) AnswerStaged(ctx context.Context, ids []int64, yes bool, author string) ([]Staged, error) {
	const update = `
		UPDATE staged SET state = CASE WHEN $2 THEN 'approved' ELSE 'rejected' END, author = $3, decided_at = now(),
			ended_at = CASE WHEN $2 THEN NULL ELSE now() END
		WHERE id = ANY ($1) AND state = 'waiting'`
	const read = `SELECT ` + stagedColumns + ` FROM staged s JOIN accounts a ON a.id = s.account_id WHERE s.id = ANY ($1) ORDER BY s.id`
	want := StagedRejected
	if yes {
		want = StagedApproved
	}
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return nil, wrap(err, "answer %d values", len(ids))
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // which has ended, if all went well
	if _, err := tx.Exec(ctx, update, ids, yes, clean(author, 200)); err != nil {
		return nil, wrap(err, "answer %d values", len(ids))
	}
	rows, _ := tx.Query(ctx, read, ids)
	all, err := pgx.CollectRows(rows, scanStaged)
	if err != nil {
		return nil, wrap(err, "answer %d values", len(ids))
	}
	known := map[int64]bool{}
	for _, v := range all {
		known[v.ID] = true
		if v.State != want {
			return nil, account.Invalid("id", fmt.Sprintf("value %d does not wait for approval any more: it was %s", v.ID, v.State))
		}
	}
	for _, id := range ids {
		if !known[id] {
			return nil, account.Invalid("id", fmt.Sprintf("no value %d waits for approval; see starter crm staged list", id))
		}
	}
	return all, wrap(tx.Commit(ctx), "answer %d values", len(ids))
}
