package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/waterfall"
)

// Answer is what a provider said about a subject: a registrable domain, or
// "name:" and a normalised name. Accounts with one subject share it.
type Answer struct {
	ID         int64
	Provider   string
	Subject    string
	Outcome    outbound.Outcome // found, not_found or mismatch
	Facts      []account.Fact   // of a found one
	Credits    float64          // charged when it was bought
	RecordID   string           // the provider's own id
	AnsweredAt time.Time
}

// FreshAnswer returns the newest answer that is not older than maxAge.
//
// Errors: [account.ErrNotFound] when it has to be bought.
func (s *Store) FreshAnswer(ctx context.Context, provider, subject string, maxAge time.Duration) (Answer, error) {
	const q = `
		SELECT ` + answerColumns + ` FROM answers
		WHERE provider = $1 AND subject = $2 AND answered_at >= now() - $3::interval
		ORDER BY answered_at DESC, id DESC LIMIT 1`
	rows, _ := s.db.Query(ctx, q, provider, subject, maxAge)
	a, err := pgx.CollectExactlyOneRow(rows, scanAnswer)
	return a, wrap(err, "fresh answer of %s about %s", provider, subject)
}

const answerColumns = `id, provider, subject, outcome, facts, credits::float8, record_id, answered_at`

// OnRecord returns the account, and the provider's newest answer about it that is not
// older than maxAge; one with the id 0 if it has to be bought.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) OnRecord(ctx context.Context, accountID int64, provider string, maxAge time.Duration) (account.Account, Answer, error) {
	const aboutDomain = `
		SELECT ` + answerColumns + ` FROM answers
		WHERE provider = $1 AND subject = (SELECT domain FROM accounts WHERE id = $2) AND answered_at >= now() - $3::interval
		ORDER BY answered_at DESC, id DESC LIMIT 1`
	var acc account.Account
	var found []Answer
	var b pgx.Batch
	b.Queue(accountByID, accountID).Query(func(rows pgx.Rows) (err error) {
		acc, err = pgx.CollectExactlyOneRow(rows, scanAccount)
		return err
	})
	b.Queue(aboutDomain, provider, accountID, maxAge).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.CollectRows(rows, scanAnswer)
		return err
	})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return acc, Answer{}, wrap(err, "account %d, and what %s said of it", accountID, provider)
	}
	if len(found) > 0 {
		return acc, found[0], nil
	}
	if acc.Domain != "" {
		return acc, Answer{}, nil
	}
	a, err := s.FreshAnswer(ctx, provider, waterfall.Subject(acc), maxAge)
	if errors.Is(err, account.ErrNotFound) {
		err = nil
	}
	return acc, a, err
}

// StaleAnswers returns those of the subjects whose last answer with facts is older than
// the given time. One that was never answered, or not known, is not among them.
func (s *Store) StaleAnswers(ctx context.Context, provider string, subjects []string, before time.Time) (map[string]bool, error) {
	const q = `
		SELECT subject FROM (
			SELECT DISTINCT ON (subject) subject, answered_at, outcome FROM answers
			WHERE provider = $1 AND subject = ANY ($2) ORDER BY subject, answered_at DESC, id DESC) AS last
		WHERE answered_at < $3 AND outcome = 'found'`
	rows, _ := s.db.Query(ctx, q, provider, subjects, before)
	old, err := pgx.CollectRows(rows, pgx.RowTo[string])
	stale := make(map[string]bool, len(old))
	for _, subject := range old {
		stale[subject] = true
	}
	return stale, wrap(err, "old answers of %s", provider)
}

// AdoptAnswer copies the facts of an answer that is on record to the account, and
// puts a call that cost nothing into the ledger. Repeated by the same holder it
// changes nothing.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) AdoptAnswer(ctx context.Context, accountID int64, holder string, a Answer) error {
	const note = `
		INSERT INTO ledger (account_id, provider, subject, holder, run_id, reserved, outcome, credits, fields, settled_at)
		VALUES (@account, @provider, @subject, @holder, @run, false, 'cached', 0, @fields, now())
		ON CONFLICT (holder, provider, outcome) WHERE NOT reserved DO NOTHING`
	var b pgx.Batch
	b.Queue(note, named{
		"account": accountID, "provider": a.Provider, "subject": a.Subject,
		"holder": holder, "run": runOf(holder), "fields": fieldsOf(a.Facts),
	})
	if a.Outcome == outbound.Found {
		takeFacts(&b, accountID, a.Provider, a.Subject, false)
	}
	return wrap(s.db.SendBatch(ctx, &b).Close(), "adopt answer %d for account %d", a.ID, accountID)
}

func scanAnswer(row pgx.CollectableRow) (Answer, error) {
	var a Answer
	var facts []byte
	err := row.Scan(&a.ID, &a.Provider, &a.Subject, &a.Outcome, &facts, &a.Credits, &a.RecordID, &a.AnsweredAt)
	if err != nil {
		return a, err
	}
	err = json.Unmarshal(facts, &a.Facts)
	for i, f := range a.Facts {
		a.Facts[i] = typed(f)
	}
	return a, err
}

// fieldsOf names the fields of facts, each once and sorted.
func fieldsOf(facts []account.Fact) []string {
	fields := make([]string, len(facts))
	for i, f := range facts {
		fields[i] = string(f.Field)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}
