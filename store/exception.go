package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// Exception is a person's decision beside the machine's: what the review compares with
// what became of the account.
type Exception struct {
	Override
	Account account.Account
	// What the model made of the account when the override began, and of it now; empty
	// where it had no score.
	MachineValue, NowValue int
	MachineTier, NowTier   string
	Counted                int    // the score that counted by the override
	Model                  string // that made the score then
	ModelVersion           int
}

// Exceptions returns the overrides that held at some time since the given one, the
// latest first; those that hold now if only is set.
func (s *Store) Exceptions(ctx context.Context, since, at time.Time, only bool) ([]Exception, error) {
	const q = `
		SELECT o.id, o.account_id, o.score, o.tier, o.reason_code, o.expires_at, o.reason, o.author, o.state, o.created_at, o.began_at,
			o.score_id, o.ended_at, o.ended, o.ended_by, o.ended_reason,
			a.id, a.crm, a.portal, a.crm_id, a.domain, a.name,
			coalesce(was.value, 0), coalesce(was.tier, ''), coalesce(was.model, ''), coalesce(was.model_version, 0),
			coalesce(now.value, 0), coalesce(now.tier, ''),
			coalesce((SELECT override_value FROM scores WHERE override_id = o.id ORDER BY id LIMIT 1), was.value, 0)
		FROM overrides o
		JOIN accounts a ON a.id = o.account_id
		LEFT JOIN scores was ON was.id = o.score_id
		LEFT JOIN LATERAL (SELECT value, tier FROM scores WHERE account_id = o.account_id ORDER BY id DESC LIMIT 1) now ON true
		WHERE o.began_at IS NOT NULL
			AND CASE WHEN @only THEN o.state = 'active' AND (o.expires_at IS NULL OR o.expires_at > @at)
				ELSE o.state = 'active' OR o.ended_at >= @since END
		ORDER BY o.began_at DESC, o.id DESC`
	rows, _ := s.db.Query(ctx, q, named{"only": only, "at": at, "since": since})
	all, err := pgx.CollectRows(rows, scanException)
	return all, wrap(err, "exceptions")
}

func scanException(row pgx.CollectableRow) (Exception, error) {
	var e Exception
	var tier, crm, portal, id, domain *string
	var expires, began, ended *time.Time
	var score *int64
	err := row.Scan(&e.ID, &e.AccountID, &e.Score, &tier, &e.Code, &expires, &e.Reason, &e.Author, &e.State, &e.CreatedAt, &began,
		&score, &ended, &e.Ended, &e.EndedBy, &e.EndReason,
		&e.Account.ID, &crm, &portal, &id, &domain, &e.Account.Name,
		&e.MachineValue, &e.MachineTier, &e.Model, &e.ModelVersion, &e.NowValue, &e.NowTier, &e.Counted)
	e.Tier, e.ScoreID = value(tier), value(score)
	e.ExpiresAt, e.BeganAt, e.EndedAt = value(expires), value(began), value(ended)
	e.Account.Key, e.Account.Domain = account.Key{CRM: value(crm), Portal: value(portal), ID: value(id)}, value(domain)
	return e, err
}

// Explored is an account that the model drew for exploration.
type Explored struct {
	Account account.Account
	Since   time.Time // when it was drawn first
}

// Explored returns the accounts that were ever drawn for exploration. None is not an
// error.
func (s *Store) Explored(ctx context.Context) ([]Explored, error) {
	const q = `
		SELECT a.id, a.crm, a.portal, a.crm_id, a.domain, a.name, drawn.since
		FROM (SELECT account_id, min(scored_at) AS since FROM scores WHERE exploration GROUP BY account_id) AS drawn
		JOIN accounts a ON a.id = drawn.account_id ORDER BY a.id`
	rows, _ := s.db.Query(ctx, q)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Explored, error) {
		var e Explored
		var crm, portal, id, domain *string
		err := row.Scan(&e.Account.ID, &crm, &portal, &id, &domain, &e.Account.Name, &e.Since)
		e.Account.Key, e.Account.Domain = account.Key{CRM: value(crm), Portal: value(portal), ID: value(id)}, value(domain)
		return e, err
	})
	return all, wrap(err, "explored accounts")
}

// Share is how many accounts are worked otherwise than the model says.
type Share struct {
	Scored      int `json:"scored"`      // accounts that have a score
	Overridden  int `json:"overridden"`  // of them by a person's decision
	Exploration int `json:"exploration"` // of them to explore: drawn by the model, or by a person
	Together    int `json:"together"`    // one or the other
}

// Of returns a number as a share of the scored accounts, 0 to 1.
func (s Share) Of(n int) float64 {
	if s.Scored == 0 {
		return 0
	}
	return float64(n) / float64(s.Scored)
}

// ExceptionShare counts the accounts that are worked otherwise than the model says.
func (s *Store) ExceptionShare(ctx context.Context, at time.Time) (Share, error) {
	const q = `
		WITH last AS (
			SELECT DISTINCT ON (account_id) account_id, exploration FROM scores ORDER BY account_id, id DESC
		), standing AS (
			SELECT last.exploration OR coalesce(o.reason_code = 'exploration', false) AS explored, o.id IS NOT NULL AS overridden
			FROM last LEFT JOIN overrides o ON o.account_id = last.account_id AND o.state = 'active'
				AND (o.expires_at IS NULL OR o.expires_at > $1)
		)
		SELECT count(*), count(*) FILTER (WHERE overridden), count(*) FILTER (WHERE explored), count(*) FILTER (WHERE overridden OR explored)
		FROM standing`
	var share Share
	err := s.db.QueryRow(ctx, q, at).Scan(&share.Scored, &share.Overridden, &share.Exploration, &share.Together)
	return share, wrap(err, "share of exceptions")
}
