package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
)

// TargetList says which accounts a sweep watches: those whose latest score is in one
// of the tiers, those that the CRM marks, and those in one of the segments. Only, if it
// is not 0, is the one account that is looked at, whatever it is.
type TargetList struct {
	Tiers    []string  `json:"tiers,omitempty"`
	Marked   bool      `json:"marked,omitempty"`
	Segments []Segment `json:"segments,omitempty"`
	Only     int64     `json:"only,omitempty"`
}

// Segment is what the latest score of an account was made from: every field has one of
// the words, whatever the case.
type Segment map[account.Field][]string

// targeted is the condition that an account a is on the list.
const targeted = `
	CASE WHEN @only::bigint <> 0 THEN a.id = @only ELSE
		@marked AND a.target OR EXISTS (
			SELECT FROM (SELECT coalesce(override_tier, tier) AS tier, facts FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1) AS last
			WHERE tier = ANY (@tiers) OR EXISTS (
				SELECT FROM jsonb_array_elements(@segments::jsonb) AS s (segment)
				WHERE NOT EXISTS (
					SELECT FROM jsonb_each(segment) AS m (field, words)
					WHERE NOT coalesce(lower((facts -> field -> 'value')::text)::jsonb ?| ARRAY(SELECT lower(jsonb_array_elements_text(words))), false)
				)
			)
		)
	END`

// Targets returns the next accounts of the list after the given id, by id.
func (s *Store) Targets(ctx context.Context, l TargetList, after int64, limit int) ([]account.Account, error) {
	const q = `
		SELECT id, crm, portal, crm_id, domain, name FROM accounts a
		WHERE id > @after AND ` + targeted + ` ORDER BY id LIMIT @limit`
	args := l.args()
	args["after"], args["limit"] = after, limit
	rows, _ := s.db.Query(ctx, q, args)
	accs, err := pgx.CollectRows(rows, scanAccount)
	return accs, wrap(err, "targets after %d", after)
}

// CountTargets returns how many accounts are on the list.
func (s *Store) CountTargets(ctx context.Context, l TargetList) (n int, err error) {
	const q = `SELECT count(*) FROM accounts a WHERE ` + targeted
	err = s.db.QueryRow(ctx, q, l.args()).Scan(&n)
	return n, wrap(err, "count targets")
}

func (l TargetList) args() named {
	return named{
		"tiers": append([]string{}, l.Tiers...), "marked": l.Marked, "segments": append([]Segment{}, l.Segments...), "only": l.Only,
	}
}

// FactsOf returns what is known of several accounts, by account.
func (s *Store) FactsOf(ctx context.Context, accountIDs []int64) (map[int64][]account.Fact, error) {
	const q = `
		SELECT account_id, field, value, provider, confidence, observed_at, derived FROM facts
		WHERE account_id = ANY ($1) ORDER BY account_id, field, provider`
	rows, _ := s.db.Query(ctx, q, accountIDs)
	of := map[int64][]account.Fact{}
	var id int64
	var f account.Fact
	_, err := pgx.ForEachRow(rows, []any{&id, &f.Field, &f.Value, &f.Provider, &f.Confidence, &f.ObservedAt, &f.Derived}, func() error {
		of[id] = append(of[id], typed(f))
		f = account.Fact{}
		return nil
	})
	return of, wrap(err, "facts of %d accounts", len(accountIDs))
}

// Sight is when a source looked at an account, and what it wants to be reminded of.
type Sight struct {
	Remember json.RawMessage
	LookedAt time.Time
}

// Sights returns the source's last look at each of the accounts that it has seen.
func (s *Store) Sights(ctx context.Context, source string, accountIDs []int64) (map[int64]Sight, error) {
	const q = `SELECT account_id, remember, looked_at FROM sights WHERE account_id = ANY ($1) AND source = $2`
	rows, _ := s.db.Query(ctx, q, accountIDs, source)
	of := map[int64]Sight{}
	var id int64
	var remember []byte
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&id, &remember, &at}, func() error {
		of[id] = Sight{Remember: slices.Clone(remember), LookedAt: at}
		return nil
	})
	return of, wrap(err, "sights of %s", source)
}

// NewSight is one look that succeeded.
type NewSight struct {
	AccountID int64
	Remember  json.RawMessage // nil keeps what is there
	Events    []signals.Event
}

// SaveSights keeps what a source saw at one time, all of it or nothing, and returns
// how many signals are new. An event that is on record already, whoever told of it,
// gets further evidence.
//
// Errors: [account.ErrNotFound] when an account is gone.
func (s *Store) SaveSights(ctx context.Context, source string, at time.Time, sights []NewSight) (found int, err error) {
	slices.SortFunc(sights, func(a, b NewSight) int { return int(a.AccountID - b.AccountID) }) // one order of locks
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		found = 0
		for _, sight := range sights {
			for _, e := range sight.Events {
				added, err := keepEvent(ctx, tx, sight.AccountID, e, at)
				if err != nil {
					return err
				}
				found += added
			}
		}
		return keepSights(ctx, tx, source, at, sights)
	})
	return found, wrap(err, "save %d sights of %s", len(sights), source)
}

func keepSights(ctx context.Context, tx pgx.Tx, source string, at time.Time, sights []NewSight) error {
	const q = `
		INSERT INTO sights (account_id, source, remember, first_at, looked_at)
		SELECT id, @source, coalesce(remember, '{}'), @at, @at FROM unnest(@ids::bigint[], @remember::jsonb[]) AS n (id, remember)
		ON CONFLICT ON CONSTRAINT sight_once DO UPDATE SET
			remember = CASE WHEN excluded.remember = '{}' THEN sights.remember ELSE excluded.remember END,
			looked_at = greatest(sights.looked_at, excluded.looked_at)`
	ids, remember := make([]int64, len(sights)), make([]*string, len(sights))
	for i, n := range sights {
		ids[i] = n.AccountID
		if n.Remember != nil {
			text := string(n.Remember)
			remember[i] = &text
		}
	}
	_, err := tx.Exec(ctx, q, named{"source": source, "at": at, "ids": ids, "remember": remember})
	return err
}

// keepEvent returns 1 for an event that is new. The lock makes two sources that tell
// of the same event at the same time one after the other.
func keepEvent(ctx context.Context, tx pgx.Tx, accountID int64, e signals.Event, at time.Time) (added int, err error) {
	if _, err := tx.Exec(ctx, takeTurn, fmt.Sprintf("signals/%d", accountID)); err != nil {
		return 0, err
	}
	const q = `
		WITH near AS (
			SELECT id FROM signals
			WHERE account_id = @account AND kind = @kind AND entity = @entity AND occurred_at BETWEEN @from AND @until
			ORDER BY abs(extract(epoch FROM occurred_at - @at)) LIMIT 1
		), more AS (
			SELECT near.id, jsonb_agg(e) AS evidence, bool_or(NOT s.evidence @> jsonb_build_array(jsonb_build_object('source', e -> 'source'))) AS other
			FROM near JOIN signals s USING (id), jsonb_array_elements(@evidence::jsonb) AS e
			WHERE NOT s.evidence @> jsonb_build_array(e - 'at')
			GROUP BY near.id
		), merged AS (
			UPDATE signals s SET
				evidence = s.evidence || more.evidence,
				confidence = CASE WHEN more.other THEN least(0.99, 1 - (1 - s.confidence) * (1 - @confidence::real)) ELSE s.confidence END
			FROM more WHERE s.id = more.id AND jsonb_array_length(s.evidence) < 50
		)
		INSERT INTO signals (account_id, kind, entity, occurred_at, summary, concerns, confidence, stop, evidence, found_at)
		SELECT @account, @kind, @entity, @at, @summary, @concerns, @confidence, @stop, @evidence, @found
		WHERE NOT EXISTS (SELECT FROM near)
		ON CONFLICT ON CONSTRAINT signal_once DO NOTHING`
	evidence, err := encode(e.Evidence)
	if err != nil {
		return 0, err
	}
	tolerance := signals.Tolerance(e.Kind)
	tag, err := tx.Exec(ctx, q, named{
		"account": accountID, "kind": e.Kind, "entity": clean(e.Entity, 200), "at": e.OccurredAt,
		"from": e.OccurredAt.Add(-tolerance), "until": e.OccurredAt.Add(tolerance),
		"summary": clean(e.Summary, 500), "concerns": clean(e.Concerns, 500), "confidence": e.Confidence, "stop": e.Stop,
		"evidence": evidence, "found": at,
	})
	return int(tag.RowsAffected()), err
}

// Signal is an event on record.
type Signal struct {
	ID        int64
	AccountID int64
	signals.Event
	FoundAt    time.Time
	AnsweredAt time.Time // zero until a response took it in
}

const signalColumns = `id, account_id, kind, entity, occurred_at, summary, concerns, confidence, stop, evidence, found_at, answered_at`

// Signals returns what happened to the account, the oldest first. None is not an error.
func (s *Store) Signals(ctx context.Context, accountID int64) ([]Signal, error) {
	const q = `SELECT ` + signalColumns + ` FROM signals WHERE account_id = $1 ORDER BY occurred_at, id`
	rows, _ := s.db.Query(ctx, q, accountID)
	all, err := pgx.CollectRows(rows, scanSignal)
	return all, wrap(err, "signals of account %d", accountID)
}

func scanSignal(row pgx.CollectableRow) (Signal, error) {
	var g Signal
	var answered *time.Time
	err := row.Scan(&g.ID, &g.AccountID, &g.Kind, &g.Entity, &g.OccurredAt, &g.Summary, &g.Concerns, &g.Confidence,
		&g.Stop, &g.Evidence, &g.FoundAt, &answered)
	g.AnsweredAt = value(answered)
	return g, err
}

// NewsOf is an account with signals that nobody has answered.
type NewsOf struct {
	AccountID int64 `json:"account_id"`
	Value     int   `json:"value"` // its latest score, -1 if it has none
}

// WithNews returns accounts with unanswered signals, the best score first, after the
// given one; from the beginning after the zero NewsOf. Only, if it is not 0, is the
// one account to look at.
func (s *Store) WithNews(ctx context.Context, after NewsOf, only int64, limit int) ([]NewsOf, error) {
	const q = `
		WITH news AS (SELECT DISTINCT account_id FROM signals WHERE answered_at IS NULL AND (@only::bigint = 0 OR account_id = @only))
		SELECT account_id, value FROM (
			SELECT account_id, coalesce((
				SELECT coalesce(override_value, value) FROM scores WHERE account_id = news.account_id ORDER BY id DESC LIMIT 1), -1) AS value
			FROM news) AS scored
		WHERE @id::bigint = 0 OR (-value, account_id) > (-@value::int, @id)
		ORDER BY value DESC, account_id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{"only": only, "id": after.AccountID, "value": after.Value, "limit": limit})
	news, err := pgx.CollectRows(rows, pgx.RowToStructByPos[NewsOf])
	return news, wrap(err, "accounts with news")
}

// Answer marks signals as taken in by a response.
func (s *Store) Answer(ctx context.Context, signalIDs []int64, at time.Time) error {
	const q = `UPDATE signals SET answered_at = $2 WHERE id = ANY ($1) AND answered_at IS NULL`
	_, err := s.db.Exec(ctx, q, signalIDs, at)
	return wrap(err, "answer %d signals", len(signalIDs))
}
