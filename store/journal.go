package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// The objects whose records the journal tells of.
const (
	CompanyRecord = "company"
	ContactRecord = "contact"
	NoteRecord    = "note"
	TaskRecord    = "task"
)

// WriteState is what became of one write.
type WriteState string

// What may become of a write. What nobody saw the end of is settled by the next attempt,
// by what it finds in the CRM.
const (
	WriteTrying WriteState = "trying"
	Written     WriteState = "written"
	WriteKept   WriteState = "kept"   // not written: somebody else's value stays
	WriteHeld   WriteState = "held"   // not written, as the property's policy says
	WriteStaged WriteState = "staged" // not written: it waits for a person
	WriteFailed WriteState = "failed" // the CRM refused it
	WriteLost   WriteState = "lost"   // it never came into the CRM
	WriteUnsure WriteState = "unsure" // somebody else has written since, so that nobody knows
)

// Change is one change that an attempt at an effect may make.
type Change struct {
	Property string `json:"property"` // "": the record itself
	Before   string `json:"before"`   // what the CRM has
	After    string `json:"after"`
	// Renews says of a record that it is changed where it is there and has another text,
	// whose digest After is. Without it a record that is there stays as it is.
	Renews bool  `json:"renews,omitempty"`
	Undoes int64 `json:"undoes,omitempty"` // the entry that is taken back
}

// Entry is one write, as the journal has it.
type Entry struct {
	ID         int64      `json:"id"`
	AccountID  int64      `json:"account_id"`
	RunID      string     `json:"run_id"`
	WorkflowID string     `json:"workflow_id"`
	EffectKey  string     `json:"effect_key"`
	Object     string     `json:"object"` // company, contact, note, task
	RecordID   string     `json:"record_id"`
	Property   string     `json:"property,omitempty"` // "": the record itself
	Before     string     `json:"before"`             // of a note or task a digest of its text; "" if it was not there
	After      string     `json:"after"`              // "" if it is not there any more
	State      WriteState `json:"state"`
	Reason     string     `json:"reason,omitempty"`
	Undoes     int64      `json:"undoes,omitempty"` // the entry that it takes back
	TriedAt    time.Time  `json:"tried_at"`
	EndedAt    time.Time  `json:"ended_at,omitzero"`
}

// journaled is what happens in the journal when effects are begun: earlier attempts, of which
// nobody saw the end, are settled by what the CRM has now, and the changes of this one come on
// record. A record that is to be made is on record once, however often that is tried.
const journaled = `
	open AS MATERIALIZED (
		SELECT w.id, b.have FROM begun b CROSS JOIN LATERAL (
			SELECT id FROM journal WHERE account_id = b.account_id AND effect_key = b.key AND state = 'trying' AND jsonb_exists(b.have, property) OFFSET 0
		) AS w
	), settled AS (
		UPDATE journal j SET state = CASE open.have ->> j.property WHEN j.after THEN 'written' WHEN j.before THEN 'lost' ELSE 'unsure' END, ended_at = now()
		FROM open WHERE j.id = ANY (ARRAY(SELECT id FROM open)) AND j.id = open.id
	), added AS (
		INSERT INTO journal (account_id, run_id, workflow_id, effect_key, attempt, object, record_id, property, before, after, undoes)
		SELECT b.account_id, b.run, b.workflow, b.key, b.attempts + 1, b.object, coalesce(nullif(b.record, ''), b.crm_id), c.property,
			CASE WHEN c.renews THEN coalesce(b.written ->> 'text', '') ELSE c.before END, c.after, nullif(c.undoes, 0)
		FROM begun b CROSS JOIN jsonb_to_recordset(b.changes) AS c (property text, before text, after text, renews boolean, undoes bigint)
		WHERE c.property <> '' OR (c.undoes > 0 OR b.crm_id = '' OR c.renews AND b.written ->> 'text' IS DISTINCT FROM c.after)
			AND NOT EXISTS (SELECT FROM journal j WHERE j.account_id = b.account_id AND j.effect_key = b.key AND j.property = '' AND j.state = 'trying')
		ORDER BY b.key, c.property
	)`

// journal is what an attempt tells the journal, as JSON.
func (a Attempt) journal() (changes, have string, err error) {
	changes = "[]"
	if len(a.Changes) > 0 {
		if changes, err = encode(a.Changes); err != nil {
			return "", "", err
		}
	}
	have, err = encodeValues(a.Have)
	return changes, have, err
}

const entryColumns = `id, account_id, run_id, workflow_id, effect_key, object, record_id, property, before, after, state, reason,
	coalesce(undoes, 0), tried_at, ended_at`

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var e Entry
	var ended *time.Time
	err := row.Scan(&e.ID, &e.AccountID, &e.RunID, &e.WorkflowID, &e.EffectKey, &e.Object, &e.RecordID, &e.Property, &e.Before, &e.After,
		&e.State, &e.Reason, &e.Undoes, &e.TriedAt, &ended)
	e.EndedAt = value(ended)
	return e, err
}

// Journal returns the writes of an account since a time, the oldest first; of one run, if
// one is given.
func (s *Store) Journal(ctx context.Context, accountID int64, runID string, since time.Time) ([]Entry, error) {
	const q = `
		SELECT ` + entryColumns + ` FROM journal
		WHERE account_id = @account AND (@run = '' OR run_id = @run) AND tried_at >= @since ORDER BY id`
	rows, _ := s.db.Query(ctx, q, named{"account": accountID, "run": runID, "since": since})
	all, err := pgx.CollectRows(rows, scanEntry)
	return all, wrap(err, "journal of account %d", accountID)
}

// WroteIn returns the accounts that a run wrote to, by id.
func (s *Store) WroteIn(ctx context.Context, runID string) ([]int64, error) {
	const q = `SELECT DISTINCT account_id FROM journal WHERE run_id = $1 ORDER BY account_id`
	rows, _ := s.db.Query(ctx, q, runID)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "accounts that run %s wrote to", runID)
}

// prunedTogether is how many of the oldest rows are looked at in one statement.
const prunedTogether = 10_000

// PruneJournal takes away what was written before a time, the oldest first, with what
// waited for approval and was settled before. It returns how much it was.
func (s *Store) PruneJournal(ctx context.Context, before time.Time) (pruned int64, err error) {
	// The oldest have the lowest ids, so that it never looks at much more than it takes.
	const journal = `
		DELETE FROM journal WHERE id IN (
			SELECT id FROM (SELECT id, tried_at FROM journal ORDER BY id LIMIT $2) AS oldest WHERE tried_at < $1)`
	const staged = `DELETE FROM staged WHERE ended_at < $1`
	for {
		tag, err := s.db.Exec(ctx, journal, before, prunedTogether)
		pruned += tag.RowsAffected()
		if err != nil {
			return pruned, wrap(err, "prune the journal")
		}
		if tag.RowsAffected() < prunedTogether {
			break
		}
	}
	_, err = s.db.Exec(ctx, staged, before)
	return pruned, wrap(err, "prune settled values")
}

// ForgetEffect ends an attempt that took the record of an effect away: it is as if the
// effect had never been.
func (s *Store) ForgetEffect(ctx context.Context, key string) error {
	const q = `
		WITH gone AS (DELETE FROM effects WHERE key = $1 RETURNING account_id)
		UPDATE journal j SET state = 'written', ended_at = now() FROM gone
		WHERE j.account_id = gone.account_id AND j.effect_key = $1 AND j.state = 'trying'`
	_, err := s.db.Exec(ctx, q, key)
	return wrap(err, "forget effect %s", key)
}

// contactKey names what is written to a contact, as the journal has it.
func contactKey(k account.Key) string { return "sluice:" + k.String() + "/contact" }
