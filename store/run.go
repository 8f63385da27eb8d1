package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// Run is what a run of a company's workflow came to. Temporal forgets it when its
// retention is over.
type Run struct {
	WorkflowID string
	RunID      string
	AccountID  int64                    // 0: refused before there was an account
	Status     string                   // running, completed, refused, failed
	Stop       map[account.Field]string // why the waterfall ended, per field
	StartedAt  time.Time                // zero: as it is on record, or now
	EndedAt    time.Time                // zero while it is running
	Reason     string
	Stage      string // where it was when it failed
}

// SaveRun brings the record of a run up to date. What r leaves empty stays as it
// is, and a run that has ended does not run again.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) SaveRun(ctx context.Context, r Run) error {
	var b pgx.Batch
	if err := queueRun(&b, r); err != nil {
		return err
	}
	return wrap(s.db.SendBatch(ctx, &b).Close(), "save run %s of %s", r.RunID, r.WorkflowID)
}

// BeginRun is [Store.SaveRun] for a run that begins, with [Store.TakeRecords] of what the
// CRM said of its account: both or neither. It returns how many other accounts with a record
// in the CRM have the domain.
func (s *Store) BeginRun(ctx context.Context, r Run, domain string, said ...Record) (others int, err error) {
	const same = `SELECT count(*)::int FROM accounts WHERE domain = $1 AND crm IS NOT NULL AND id <> $2`
	var b pgx.Batch
	if err := errors.Join(queueRecords(&b, said), queueRun(&b, r)); err != nil {
		return 0, err
	}
	b.Queue(same, domain, r.AccountID).QueryRow(func(row pgx.Row) error { return row.Scan(&others) })
	return others, wrap(s.db.SendBatch(ctx, &b).Close(), "begin run %s of %s", r.RunID, r.WorkflowID)
}

func queueRun(b *pgx.Batch, r Run) error {
	const q = `
		INSERT INTO runs (workflow_id, run_id, account_id, status, stop, started_at, ended_at, reason, stage)
		VALUES (@workflow, @run, nullif(@account, 0::bigint), @status, coalesce(@stop::json, '{}'),
			coalesce(@started, now()), @ended, @reason, @stage)
		ON CONFLICT ON CONSTRAINT run_once DO UPDATE SET
			account_id = coalesce(excluded.account_id, runs.account_id),
			status = excluded.status,
			stop = coalesce(@stop::json, runs.stop),
			started_at = coalesce(@started, runs.started_at),
			ended_at = coalesce(excluded.ended_at, runs.ended_at),
			reason = coalesce(nullif(excluded.reason, ''), runs.reason),
			stage = excluded.stage
		WHERE runs.status = 'running' OR excluded.status <> 'running'`
	var stop *string
	if r.Stop != nil {
		text, err := encode(r.Stop)
		if err != nil {
			return wrap(err, "save run %s of %s", r.RunID, r.WorkflowID)
		}
		stop = &text
	}
	b.Queue(q, named{
		"workflow": r.WorkflowID, "run": r.RunID, "account": r.AccountID, "status": r.Status, "stop": stop,
		"started": optional(r.StartedAt), "ended": optional(r.EndedAt), "reason": clean(r.Reason, 1000), "stage": clean(r.Stage, 100),
	})
	return nil
}

// RunKey names a run.
type RunKey struct{ WorkflowID, RunID string }

// SettledRun is a run that has ended, or has acted on what it knows and waits for more.
type SettledRun struct {
	RunKey
	Ended bool
}

// Settled returns those of the runs that are settled.
func (s *Store) Settled(ctx context.Context, runs []RunKey) ([]SettledRun, error) {
	const q = `
		SELECT workflow_id, run_id, status <> 'running' FROM runs JOIN unnest($1::text[], $2::text[]) AS w (workflow_id, run_id) USING (workflow_id, run_id)
		WHERE status <> 'running' OR reason <> ''`
	workflows, ids := make([]string, len(runs)), make([]string, len(runs))
	for i, r := range runs {
		workflows[i], ids[i] = r.WorkflowID, r.RunID
	}
	rows, _ := s.db.Query(ctx, q, workflows, ids)
	settled, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SettledRun])
	return settled, wrap(err, "look at %d runs", len(runs))
}

// LatestRun returns the run of the account that started last. Errors:
// [account.ErrNotFound].
func (s *Store) LatestRun(ctx context.Context, accountID int64) (Run, error) {
	const q = `
		SELECT workflow_id, run_id, account_id, status, stop, started_at, ended_at, reason FROM runs
		WHERE account_id = $1 ORDER BY started_at DESC LIMIT 1`
	rows, _ := s.db.Query(ctx, q, accountID)
	run, err := pgx.CollectExactlyOneRow(rows, scanRun)
	return run, wrap(err, "latest run of account %d", accountID)
}

func scanRun(row pgx.CollectableRow) (Run, error) {
	var r Run
	var stop []byte
	var ended *time.Time
	err := row.Scan(&r.WorkflowID, &r.RunID, &r.AccountID, &r.Status, &stop, &r.StartedAt, &ended, &r.Reason)
	if err != nil {
		return r, err
	}
	r.EndedAt = value(ended)
	return r, json.Unmarshal(stop, &r.Stop)
}
