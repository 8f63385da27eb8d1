package store

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// Record is what the CRM's record of an account says beside its name and domain.
type Record struct {
	AccountID  int64
	CRM        string            // the provider of its facts
	Target     bool              // the CRM's own mark: an account that we go after
	Properties map[string]string // that sources of signals go by
	Facts      []account.Fact    // that people have filled in
}

// TakeRecords keeps what the CRM says now in place of what it said before, all of it or
// nothing: a property that was emptied is no fact any more.
//
// Errors: [account.ErrNotFound] when an account is gone.
func (s *Store) TakeRecords(ctx context.Context, records ...Record) error {
	var b pgx.Batch
	if err := queueRecords(&b, records); err != nil {
		return err
	}
	return wrap(s.db.SendBatch(ctx, &b).Close(), "take %d records", len(records))
}

func queueRecords(b *pgx.Batch, records []Record) error {
	const mark = `
		UPDATE accounts SET target = @target, properties = @properties
		WHERE id = @account AND (target, properties) IS DISTINCT FROM (@target, @properties::jsonb)`
	const drop = `DELETE FROM facts WHERE account_id = @account AND provider = @crm AND field <> ALL (@fields)`
	const keep = `
		INSERT INTO facts (account_id, field, provider, value, confidence, observed_at, derived)
		SELECT @account, field, @crm, value, confidence, observed_at, false
		FROM json_to_recordset(@facts) AS f (field text, value jsonb, confidence float8, observed_at timestamptz)
		ON CONFLICT ON CONSTRAINT fact_once DO UPDATE SET
			value = excluded.value, confidence = excluded.confidence, observed_at = excluded.observed_at`
	inOrder := slices.SortedFunc(slices.Values(records), func(a, b Record) int { return int(a.AccountID - b.AccountID) }) // of locks
	for _, r := range inOrder {
		facts, err := encodeFacts(r.Facts)
		if err != nil {
			return wrap(err, "take record of account %d", r.AccountID)
		}
		properties := map[string]string{}
		maps.Copy(properties, r.Properties)
		for name, v := range properties {
			properties[name] = clean(v, 2000)
		}
		b.Queue(mark, named{"account": r.AccountID, "target": r.Target, "properties": properties})
		b.Queue(drop, named{"account": r.AccountID, "crm": r.CRM, "fields": fieldsOf(r.Facts)})
		if len(r.Facts) > 0 {
			b.Queue(keep, named{"account": r.AccountID, "crm": r.CRM, "facts": facts})
		}
	}
	return nil
}

// PropertiesOf returns what the CRM said of several accounts, by account.
func (s *Store) PropertiesOf(ctx context.Context, accountIDs []int64) (map[int64]map[string]string, error) {
	const q = `SELECT id, properties FROM accounts WHERE id = ANY ($1) AND properties <> '{}'`
	rows, _ := s.db.Query(ctx, q, accountIDs)
	of := map[int64]map[string]string{}
	var id int64
	var properties map[string]string
	_, err := pgx.ForEachRow(rows, []any{&id, &properties}, func() error {
		of[id], properties = properties, nil
		return nil
	})
	return of, wrap(err, "properties of %d accounts", len(accountIDs))
}
