package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// AccountRun is a run with the account that it was about, as far as there is one.
type AccountRun struct {
	Run
	Account account.Account
}

const accountRun = `
	SELECT r.workflow_id, r.run_id, r.status, r.stop, r.started_at, r.ended_at, r.reason, r.stage,
		a.id, a.crm, a.portal, a.crm_id, a.domain, a.name
	FROM runs r LEFT JOIN accounts a ON a.id = r.account_id`

// FailedRuns returns the runs that failed since the given time and that no later run of
// the same company made up for, or is about to: the latest first, at most limit of them.
func (s *Store) FailedRuns(ctx context.Context, since time.Time, limit int) ([]AccountRun, error) {
	const q = accountRun + `
		WHERE r.status = 'failed' AND coalesce(r.ended_at, r.started_at) >= $1
			AND NOT EXISTS (SELECT FROM runs later WHERE later.workflow_id = r.workflow_id AND later.started_at > r.started_at)
			AND NOT EXISTS (SELECT FROM runs later WHERE later.account_id = r.account_id AND later.started_at > r.started_at)
		ORDER BY coalesce(r.ended_at, r.started_at) DESC LIMIT $2`
	rows, _ := s.db.Query(ctx, q, since, limit)
	runs, err := pgx.CollectRows(rows, scanAccountRun)
	return runs, wrap(err, "failed runs since %s", since.Format(time.RFC3339))
}

// RunsNamed returns the runs with this workflow id or run id, the latest first. None is
// not an error.
func (s *Store) RunsNamed(ctx context.Context, id string) ([]AccountRun, error) {
	const q = accountRun + ` WHERE r.workflow_id = $1
		UNION ALL ` + accountRun + ` WHERE r.run_id = $1 AND r.workflow_id <> $1
		ORDER BY started_at DESC`
	return s.accountRuns(ctx, q, id)
}

// RunsOf returns the runs of an account, the latest first. None is not an error.
func (s *Store) RunsOf(ctx context.Context, accountID int64) ([]AccountRun, error) {
	return s.accountRuns(ctx, accountRun+` WHERE r.account_id = $1 ORDER BY r.started_at DESC`, accountID)
}

func (s *Store) accountRuns(ctx context.Context, q string, of any) ([]AccountRun, error) {
	rows, _ := s.db.Query(ctx, q, of)
	runs, err := pgx.CollectRows(rows, scanAccountRun)
	return runs, wrap(err, "runs of %v", of)
}

func scanAccountRun(row pgx.CollectableRow) (AccountRun, error) {
	var r AccountRun
	var stop []byte
	var ended *time.Time
	var id *int64
	var crm, portal, crmID, domain, name *string
	err := row.Scan(&r.WorkflowID, &r.RunID, &r.Status, &stop, &r.StartedAt, &ended, &r.Reason, &r.Stage, &id, &crm, &portal, &crmID, &domain, &name)
	if err != nil {
		return r, err
	}
	r.EndedAt, r.AccountID = value(ended), value(id)
	r.Account = account.Account{
		ID: r.AccountID, Key: account.Key{CRM: value(crm), Portal: value(portal), ID: value(crmID)}, Domain: value(domain), Name: value(name),
	}
	return r, json.Unmarshal(stop, &r.Stop)
}
