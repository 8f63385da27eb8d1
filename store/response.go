package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// What can be done about news.
const (
	TaskMade     = "task"      // the rep got a task
	TaskAppended = "appended"  // a task of ours was open: it got the news
	InDigest     = "digest"    // the rep had enough tasks that day
	Cooling      = "cooldown"  // there was a task for this kind of news lately
	NotDue       = "not_due"   // the model's condition does not hold
	Stopped      = "stopped"   // the news is a reason to stop
	NoRecord     = "no_record" // nowhere to write to
)

// Response is what was done about an account's news, and why.
type Response struct {
	RunID     string
	AccountID int64
	Signals   []int64
	Kinds     []string // that the task is about
	Outcome   string
	Reason    string
	OwnerID   string
	TaskID    string // the open task that was appended to
	Day       string // YYYY-MM-DD, in the zone of the schedule
	Value     int
	Fit       int
	DecidedAt time.Time
}

const responseColumns = `run_id, account_id, signals, kinds, outcome, reason, owner_id, task_id, to_char(day, 'YYYY-MM-DD'), value, fit, decided_at`

// SaveResponse keeps a decision and returns it. Where the outcome is a task and the
// owner has had as many as the daily cap allows, it is kept as digest; 0 is no cap.
// Repeated for the same run it returns the decision that is there.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) SaveResponse(ctx context.Context, r Response, dailyCap int) (Response, error) {
	const q = `
		INSERT INTO responses (run_id, account_id, signals, kinds, outcome, reason, owner_id, task_id, day, value, fit)
		SELECT @run, @account, @signals, @kinds, CASE WHEN full_day THEN 'digest' ELSE @outcome END,
			CASE WHEN full_day THEN @over ELSE @reason END, @owner, @task, @day::text::date, @value, @fit
		FROM (SELECT @outcome::text = 'task' AND @cap::int > 0 AND @owner::text <> '' AND (
			SELECT count(*) FROM responses WHERE day = @day::text::date AND owner_id = @owner AND outcome = 'task' AND run_id <> @run
		) >= @cap::int AS full_day) AS c
		ON CONFLICT ON CONSTRAINT response_once DO UPDATE SET run_id = excluded.run_id
		RETURNING ` + responseColumns
	var kept Response
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, takeTurn, "cap/"+r.Day+"/"+r.OwnerID); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, q, named{
			"run": r.RunID, "account": r.AccountID, "signals": append([]int64{}, r.Signals...), "kinds": append([]string{}, r.Kinds...),
			"outcome": r.Outcome, "reason": clean(r.Reason, 1000), "owner": r.OwnerID, "task": r.TaskID, "day": r.Day, "value": r.Value, "fit": r.Fit,
			"cap": dailyCap, "over": "the owner has had the tasks that one day allows",
		})
		var err error
		kept, err = pgx.CollectExactlyOneRow(rows, scanResponse)
		return err
	})
	return kept, wrap(err, "save response of account %d", r.AccountID)
}

// CooledKinds returns those of the kinds that a task or digest was about since the
// given time, in other runs than the given one.
func (s *Store) CooledKinds(ctx context.Context, accountID int64, runID string, kinds []string, since time.Time) ([]string, error) {
	const q = `
		SELECT DISTINCT k FROM responses, unnest(kinds) AS k
		WHERE account_id = $1 AND run_id <> $2 AND k = ANY ($3) AND decided_at > $4 AND outcome IN ('task', 'appended', 'digest')
		ORDER BY k`
	rows, _ := s.db.Query(ctx, q, accountID, runID, kinds, since)
	cooled, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return cooled, wrap(err, "cool-down of account %d", accountID)
}

// Responses returns what was done about the account's news, the oldest first.
func (s *Store) Responses(ctx context.Context, accountID int64) ([]Response, error) {
	const q = `SELECT ` + responseColumns + ` FROM responses WHERE account_id = $1 ORDER BY decided_at, run_id`
	rows, _ := s.db.Query(ctx, q, accountID)
	all, err := pgx.CollectRows(rows, scanResponse)
	return all, wrap(err, "responses of account %d", accountID)
}

// DigestOwners returns the owners who have news of that day to read in a digest.
func (s *Store) DigestOwners(ctx context.Context, day string) ([]string, error) {
	const q = `SELECT DISTINCT owner_id FROM responses WHERE day = $1::text::date AND outcome = 'digest' ORDER BY owner_id`
	rows, _ := s.db.Query(ctx, q, day)
	owners, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return owners, wrap(err, "digests of %s", day)
}

// Digest returns the owner's news of that day that got no task of their own, the best
// account first.
func (s *Store) Digest(ctx context.Context, day, owner string) ([]Response, error) {
	const q = `
		SELECT ` + responseColumns + ` FROM responses
		WHERE day = $1::text::date AND owner_id = $2 AND outcome = 'digest' ORDER BY value DESC, fit DESC, account_id`
	rows, _ := s.db.Query(ctx, q, day, owner)
	lines, err := pgx.CollectRows(rows, scanResponse)
	return lines, wrap(err, "digest of %s", day)
}

func scanResponse(row pgx.CollectableRow) (Response, error) {
	var r Response
	err := row.Scan(&r.RunID, &r.AccountID, &r.Signals, &r.Kinds, &r.Outcome, &r.Reason, &r.OwnerID, &r.TaskID, &r.Day, &r.Value, &r.Fit, &r.DecidedAt)
	return r, err
}
