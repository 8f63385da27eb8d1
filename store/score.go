package store

import (
	"context"
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
	Pass         int // of the run, from 1
	Model        string
	ModelVersion int
	Score        icp.Score
	Facts        map[account.Field]waterfall.Merged // that were taken to be so, with who agreed and who did not
	Cause        string                             // first, data, model, signal, override, decay
	Queue        string
	OwnerID      string
	RouteReason  string
	Exploration  bool
	ScoredAt     time.Time
}

const scoreColumns = `id, account_id, run_id, pass, model, model_version, breakdown, facts, cause, queue, owner_id, route_reason, exploration, scored_at`

// SaveScore keeps a score and returns it with its id. Repeated for the same
// account, run and pass it returns the score that is there, whatever it is given.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) SaveScore(ctx context.Context, row ScoreRow) (ScoreRow, error) {
	// The update changes nothing: it makes RETURNING give the row that is there.
	const q = `
		INSERT INTO scores (account_id, run_id, pass, model, model_version, value, tier, breakdown, facts, cause,
			queue, owner_id, route_reason, exploration, scored_at)
		VALUES (@account, @run, @pass, @model, @version, @value, @tier, @breakdown, @facts, @cause,
			@queue, @owner, @reason, @exploration, @at)
		ON CONFLICT ON CONSTRAINT score_once DO UPDATE SET pass = excluded.pass
		RETURNING ` + scoreColumns
	breakdown, err := encode(row.Score)
	if err != nil {
		return ScoreRow{}, wrap(err, "save score of account %d", row.AccountID)
	}
	if row.Facts == nil {
		row.Facts = map[account.Field]waterfall.Merged{}
	}
	facts, err := encode(row.Facts)
	if err != nil {
		return ScoreRow{}, wrap(err, "save score of account %d", row.AccountID)
	}
	rows, _ := s.db.Query(ctx, q, pgx.StrictNamedArgs{
		"account": row.AccountID, "run": row.RunID, "pass": row.Pass, "model": row.Model, "version": row.ModelVersion,
		"value": row.Score.Value, "tier": row.Score.Tier, "breakdown": breakdown, "facts": facts, "cause": row.Cause,
		"queue": row.Queue, "owner": row.OwnerID, "reason": row.RouteReason, "exploration": row.Exploration, "at": row.ScoredAt,
	})
	kept, err := pgx.CollectExactlyOneRow(rows, scanScore)
	return kept, wrap(err, "save score of account %d", row.AccountID)
}

// LatestScore returns the account's last score. Errors: [account.ErrNotFound].
func (s *Store) LatestScore(ctx context.Context, accountID int64) (ScoreRow, error) {
	const q = `SELECT ` + scoreColumns + ` FROM scores WHERE account_id = $1 ORDER BY scored_at DESC, id DESC LIMIT 1`
	rows, _ := s.db.Query(ctx, q, accountID)
	row, err := pgx.CollectExactlyOneRow(rows, scanScore)
	return row, wrap(err, "latest score of account %d", accountID)
}

// Scores returns all scores of the account, the oldest first. None is not an error.
func (s *Store) Scores(ctx context.Context, accountID int64) ([]ScoreRow, error) {
	const q = `SELECT ` + scoreColumns + ` FROM scores WHERE account_id = $1 ORDER BY scored_at, id`
	rows, _ := s.db.Query(ctx, q, accountID)
	scores, err := pgx.CollectRows(rows, scanScore)
	return scores, wrap(err, "scores of account %d", accountID)
}

func scanScore(row pgx.CollectableRow) (ScoreRow, error) {
	var r ScoreRow
	err := row.Scan(&r.ID, &r.AccountID, &r.RunID, &r.Pass, &r.Model, &r.ModelVersion, &r.Score, &r.Facts, &r.Cause,
		&r.Queue, &r.OwnerID, &r.RouteReason, &r.Exploration, &r.ScoredAt)
	for field, m := range r.Facts {
		m.Fact = typed(m.Fact)
		for i, c := range m.Conflicts {
			m.Conflicts[i] = typed(c)
		}
		r.Facts[field] = m
	}
	return r, err
}
