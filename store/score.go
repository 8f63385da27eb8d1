package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/waterfall"
)

// ScoreRow is one score of an account with its breakdown, its cause and the route
// that was decided on it. It is never updated.
type ScoreRow struct {
	ID           int64
	AccountID    int64
	RunID        string
	Pass         int   // of the run, from 1
	Before       int64 // the row that it follows and was compared with; 0 for the first
	Model        string
	ModelVersion int
	Score        icp.Score                          // the machine's
	RunnerUp     *RunnerUp                          // nil unless several models are for the account
	Override     *Standing                          // what a person made of it; nil if no override held, or the model has no such tier
	Holding      int64                              // the override that held; 0: Override's, if there is one. Not read back
	TierSince    time.Time                          // when the machine came to its tier; zero: longer than anybody knows
	TierReason   string                             // what kept the account in a tier that its score left
	Why          string                             // the cause and the difference to the row before, for people
	Changes      []icp.Change                       // the same for programs
	Facts        map[account.Field]waterfall.Merged // that were taken to be so, with who agreed and who did not
	Cause        string                             // first, data, model, signal, override, decay
	Queue        string
	OwnerID      string
	RouteReason  string
	Exploration  bool
	ScoredAt     time.Time
	RescoreAt    time.Time // when time alone may change it; zero: never. Not read back
}

// ModelRef names the model that made the score.
func (r ScoreRow) ModelRef() ModelRef { return ModelRef{Name: r.Model, Version: r.ModelVersion} }

// RunnerUp is what the second-best model made of the account.
type RunnerUp struct {
	ModelRef
	Value  int    `json:"value"`
	Tier   string `json:"tier"`
	Margin int    `json:"margin"` // how much further up its scale the best score is, in per cent of the scale
}

// Standing is what a person made of a score.
type Standing struct {
	ID    int64 // of the override
	Value int
	Tier  string
	Fit   int
}

// Counts returns the score that counts: the person's while an override holds, else the
// machine's. Criteria and completeness are the machine's either way.
func (r ScoreRow) Counts() icp.Score {
	s := r.Score
	if o := r.Override; o != nil {
		s.Value, s.Tier, s.Fit = o.Value, o.Tier, o.Fit
		s.Low, s.High, s.Provisional, s.Floor = o.Value, o.Value, false, ""
	}
	return s
}

// OverrideID names the override that the row was scored under; 0 for none.
func (r ScoreRow) OverrideID() int64 {
	if r.Override == nil {
		return 0
	}
	return r.Override.ID
}

// holding names the override that held when the row was worked out; nil if none did.
func (r ScoreRow) holding() *int64 {
	if id := cmp.Or(r.Holding, r.OverrideID()); id != 0 {
		return &id
	}
	return nil
}

// ErrMoved means that since a score was worked out the account got another one, or an
// override began or ended: it is to be worked out again.
var ErrMoved = errors.New("the account was scored or overridden meanwhile")

// An account's scores are kept, and its overrides begin and end, one after the other.
func scoring(accountID int64) string { return fmt.Sprintf("scores/%d", accountID) }

const scoreColumns = `id, account_id, run_id, pass, model, model_version, breakdown, facts, cause, queue, owner_id, route_reason, exploration, scored_at,
	override_id, override_value, override_tier, override_fit, tier_since, tier_reason, why, changes, runner_up`

// SaveScore keeps a score and returns it with its id. Repeated for the same
// account, run and pass it returns the score that is there, whatever it is given.
//
// Errors: [ErrMoved] when another row than Before is the last, or another override than
// the row's holds; [account.ErrNotFound] when the account is gone.
func (s *Store) SaveScore(ctx context.Context, row ScoreRow) (ScoreRow, error) {
	// The update changes nothing: it makes RETURNING give the id of the row that is there,
	// whose xmax is not 0 then.
	const q = `
		INSERT INTO scores (account_id, run_id, pass, model, model_version, value, tier, breakdown, facts, cause,
			queue, owner_id, route_reason, exploration, scored_at,
			override_id, override_value, override_tier, override_fit, tier_since, tier_reason, why, changes, runner_up)
		SELECT @account, @run, @pass, @model, @version, @value, @tier, @breakdown, @facts, @cause,
			@queue, @owner, @reason, @exploration, @at,
			@override_id, @override_value, @override_tier, @override_fit, @tier_since, @tier_reason, @why, @changes, @runner_up
		WHERE EXISTS (SELECT FROM scores WHERE account_id = @account AND run_id = @run AND pass = @pass)
			OR @before::bigint = coalesce((SELECT id FROM scores WHERE account_id = @account ORDER BY id DESC LIMIT 1), 0)
			AND @holding::bigint IS NOT DISTINCT FROM (SELECT id FROM overrides WHERE account_id = @account AND ` + holds + `)
		ON CONFLICT ON CONSTRAINT score_once DO UPDATE SET pass = excluded.pass
		RETURNING id, xmax <> 0`
	const due = `
		UPDATE accounts SET rescore_at = @due WHERE id = @account AND rescore_at IS DISTINCT FROM @due::timestamptz
			AND EXISTS (SELECT FROM scores WHERE account_id = @account AND run_id = @run AND pass = @pass AND scored_at = @at::timestamptz)`
	args, err := row.args()
	if err != nil {
		return ScoreRow{}, wrap(err, "save score of account %d", row.AccountID)
	}
	var was bool // there before
	var b pgx.Batch
	inTurn(&b, scoring(row.AccountID))
	b.Queue(q, args).QueryRow(func(is pgx.Row) error { return is.Scan(&row.ID, &was) })
	b.Queue(due, named{
		"account": row.AccountID, "run": row.RunID, "pass": row.Pass, "at": row.ScoredAt, "due": optional(row.RescoreAt),
	})
	err = s.db.SendBatch(ctx, &b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrMoved
	}
	if err != nil {
		return ScoreRow{}, wrap(err, "save score of account %d", row.AccountID)
	}
	if was {
		return s.scoreRow(ctx, row.ID)
	}
	row.ScoredAt, row.TierSince = row.ScoredAt.UTC().Truncate(time.Microsecond), row.TierSince.UTC().Truncate(time.Microsecond) // as Postgres keeps them
	row.Before, row.Holding, row.RescoreAt = 0, 0, time.Time{}                                                                  // as they are read
	return row, nil
}

func (s *Store) scoreRow(ctx context.Context, id int64) (ScoreRow, error) {
	rows, _ := s.db.Query(ctx, `SELECT `+scoreColumns+` FROM scores WHERE id = $1`, id)
	row, err := pgx.CollectExactlyOneRow(rows, scanScore)
	return row, wrap(err, "score %d", id)
}

func (r ScoreRow) args() (named, error) {
	breakdown, err := encode(r.Score)
	if err != nil {
		return nil, err
	}
	if r.Facts == nil {
		r.Facts = map[account.Field]waterfall.Merged{}
	}
	facts, err := encode(r.Facts)
	if err != nil {
		return nil, err
	}
	changes, err := encode(append([]icp.Change{}, r.Changes...))
	if err != nil {
		return nil, err
	}
	args := named{
		"account": r.AccountID, "run": r.RunID, "pass": r.Pass, "before": r.Before, "model": r.Model, "version": r.ModelVersion,
		"value": r.Score.Value, "tier": r.Score.Tier, "breakdown": breakdown, "facts": facts, "cause": r.Cause,
		"queue": r.Queue, "owner": r.OwnerID, "reason": r.RouteReason, "exploration": r.Exploration, "at": r.ScoredAt,
		"holding": r.holding(), "override_id": nil, "override_value": nil, "override_tier": nil, "override_fit": nil,
		"tier_since": optional(r.TierSince), "tier_reason": r.TierReason, "why": clean(r.Why, 2000), "changes": changes, "runner_up": r.RunnerUp,
	}
	if o := r.Override; o != nil {
		args["override_id"], args["override_value"], args["override_tier"], args["override_fit"] = o.ID, o.Value, o.Tier, o.Fit
	}
	return args, nil
}

// LatestScore returns the account's last score. Errors: [account.ErrNotFound].
func (s *Store) LatestScore(ctx context.Context, accountID int64) (ScoreRow, error) {
	const q = `SELECT ` + scoreColumns + ` FROM scores WHERE account_id = $1 ORDER BY id DESC LIMIT 1`
	rows, _ := s.db.Query(ctx, q, accountID)
	row, err := pgx.CollectExactlyOneRow(rows, scanScore)
	return row, wrap(err, "latest score of account %d", accountID)
}

// LatestScores returns the last scores of accounts, by account, without their facts.
func (s *Store) LatestScores(ctx context.Context, accountIDs []int64) (map[int64]ScoreRow, error) {
	rows, _ := s.db.Query(ctx, `SELECT `+briefColumns+` FROM (`+lastScores+`) AS last`, accountIDs)
	last, err := pgx.CollectRows(rows, scanScore)
	of := make(map[int64]ScoreRow, len(last))
	for _, row := range last {
		of[row.AccountID] = row
	}
	return of, wrap(err, "latest scores of %d accounts", len(accountIDs))
}

// Scores returns all scores of the account, the oldest first. None is not an error.
func (s *Store) Scores(ctx context.Context, accountID int64) ([]ScoreRow, error) {
	const q = `SELECT ` + scoreColumns + ` FROM scores WHERE account_id = $1 ORDER BY id`
	rows, _ := s.db.Query(ctx, q, accountID)
	scores, err := pgx.CollectRows(rows, scanScore)
	return scores, wrap(err, "scores of account %d", accountID)
}

func scanScore(row pgx.CollectableRow) (ScoreRow, error) {
	var r ScoreRow
	var override *int64
	var points, fit *int
	var tier *string
	var since *time.Time
	err := row.Scan(&r.ID, &r.AccountID, &r.RunID, &r.Pass, &r.Model, &r.ModelVersion, &r.Score, &r.Facts, &r.Cause,
		&r.Queue, &r.OwnerID, &r.RouteReason, &r.Exploration, &r.ScoredAt,
		&override, &points, &tier, &fit, &since, &r.TierReason, &r.Why, &r.Changes, &r.RunnerUp)
	if err == nil && override != nil {
		r.Override = &Standing{ID: *override, Value: *points, Tier: *tier, Fit: *fit}
	}
	r.TierSince = value(since)
	if len(r.Changes) == 0 {
		r.Changes = nil
	}
	for field, m := range r.Facts {
		m.Fact = typed(m.Fact)
		for i, c := range m.Conflicts {
			m.Conflicts[i] = typed(c)
		}
		r.Facts[field] = m
	}
	return r, err
}

// DueForRescore returns the next accounts after the given id whose score time alone may
// have changed by then.
func (s *Store) DueForRescore(ctx context.Context, after int64, at time.Time, limit int) ([]int64, error) {
	const q = `SELECT id FROM accounts WHERE rescore_at <= $1 AND id > $2 ORDER BY id LIMIT $3`
	rows, _ := s.db.Query(ctx, q, at, after, limit)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "accounts that are due")
}
