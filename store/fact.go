package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// Facts returns what every provider says of the account, field by field: the
// waterfall decides whom to believe. None is not an error.
func (s *Store) Facts(ctx context.Context, accountID int64) ([]account.Fact, error) {
	rows, _ := s.db.Query(ctx, factsOfAccount, accountID)
	facts, err := pgx.CollectRows(rows, scanFact)
	return facts, wrap(err, "facts of account %d", accountID)
}

const factsOfAccount = `
	SELECT field, value, provider, confidence, observed_at, derived FROM facts
	WHERE account_id = $1 ORDER BY field, provider`

// readFacts is [Store.Facts] as part of a batch.
func readFacts(b *pgx.Batch, accountID int64, into *[]account.Fact) {
	b.Queue(factsOfAccount, accountID).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, scanFact)
		return err
	})
}

// takeFacts gives the account what the provider's newest answer about the subject
// says, in place of what the provider said before. An observation that is on
// record and newer stays. With shared, other accounts of the same domain that have the
// provider's word for something get it too.
func takeFacts(b *pgx.Batch, accountID int64, provider, subject string, shared bool) {
	const q = `
		WITH whose AS (
			SELECT @account::bigint AS id
			UNION
			SELECT a.id FROM accounts a
			WHERE @shared AND a.domain = @subject AND EXISTS (SELECT FROM facts WHERE account_id = a.id AND provider = @provider)
		), answer AS (
			SELECT facts, answered_at FROM answers
			WHERE provider = @provider AND subject = @subject AND outcome = 'found'
			ORDER BY answered_at DESC, id DESC LIMIT 1
		), said AS (
			SELECT DISTINCT ON (f.field) f.*
			FROM answer, json_to_recordset(answer.facts)
				AS f (field text, value jsonb, confidence float8, observed_at timestamptz, derived boolean)
			ORDER BY f.field, f.confidence DESC
		), dropped AS (
			DELETE FROM facts USING answer, whose
			WHERE facts.account_id = whose.id AND facts.provider = @provider AND facts.observed_at <= answer.answered_at
				AND NOT EXISTS (SELECT FROM said WHERE said.field = facts.field)
		)
		INSERT INTO facts (account_id, field, provider, value, confidence, observed_at, derived)
		SELECT whose.id, field, @provider, value, confidence, observed_at, coalesce(derived, false) FROM said, whose
		ORDER BY whose.id, field -- one order of locks
		ON CONFLICT ON CONSTRAINT fact_once DO UPDATE SET
			value = excluded.value, confidence = excluded.confidence,
			observed_at = excluded.observed_at, derived = excluded.derived
		WHERE facts.observed_at <= excluded.observed_at`
	b.Queue(q, named{"account": accountID, "provider": provider, "subject": subject, "shared": shared})
}

func scanFact(row pgx.CollectableRow) (account.Fact, error) {
	var f account.Fact
	err := row.Scan(&f.Field, &f.Value, &f.Provider, &f.Confidence, &f.ObservedAt, &f.Derived)
	return typed(f), err
}

// typed gives a value back the kind that JSON does not keep: a date is a text
// there.
func typed(f account.Fact) account.Fact {
	if kind, ok := f.Field.Kind(); ok {
		if v, err := f.Value.As(kind); err == nil {
			f.Value = v
		}
	}
	return f
}
