package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// Erased is what is on record of a company, or was until it was erased.
type Erased struct {
	Accounts  []account.Account
	Rows      map[string]int64 // by table; those that have none are left out
	Providers []Saw
}

// Saw is a provider that was asked about a company, and so knows of our interest in it.
type Saw struct {
	Provider string    `json:"provider"`
	Calls    int       `json:"calls"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// errForgotten refuses to put on record again what was erased.
var errForgotten = account.Invalid("company", "it was erased on request and is not followed any more; starter company forget DOMAIN --lift lets it be followed again")

// digests are what stays of a company that was erased.
func digests(key account.Key, domain string) [][]byte {
	var all [][]byte
	if domain != "" {
		sum := sha256.Sum256([]byte("domain " + domain))
		all = append(all, sum[:])
	}
	if !key.IsZero() {
		sum := sha256.Sum256([]byte("record " + key.String()))
		all = append(all, sum[:])
	}
	return all
}

// notForgotten is the condition that none of @digests was erased.
const notForgotten = `NOT EXISTS (SELECT FROM forgotten WHERE digest = ANY (@digests))`

// Bar keeps a company from being put on record again, also one that is not on record.
// Repeated it changes nothing.
func (s *Store) Bar(ctx context.Context, domain, author, reason string) error {
	accounts, err := s.AccountsByDomain(ctx, domain)
	if err != nil {
		return err
	}
	all := digests(account.Key{}, domain)
	for _, acc := range accounts {
		all = append(all, digests(acc.Key, "")...)
	}
	const q = `
		INSERT INTO forgotten (digest, domain, author, reason) SELECT unnest($1::bytea[]), $2, $3, $4
		ON CONFLICT ON CONSTRAINT forgotten_once DO NOTHING`
	_, err = s.db.Exec(ctx, q, all, all[0], clean(author, 200), clean(reason, 2000))
	return wrap(err, "bar a company")
}

// Lift lets a company that was barred be put on record again.
//
// Errors: [account.ErrNotFound] when the domain is not barred.
func (s *Store) Lift(ctx context.Context, domain string) error {
	const q = `DELETE FROM forgotten WHERE domain = $1`
	return wrap(affected(s.db.Exec(ctx, q, digests(account.Key{}, domain)[0])), "lift the bar on %s", domain)
}

// WhatIsKnown returns what Erase would take away.
func (s *Store) WhatIsKnown(ctx context.Context, domain string, subjects ...string) (Erased, error) {
	return s.erase(ctx, domain, subjects, pgx.Tx.Rollback)
}

// Erase takes everything that is on record of a domain away: its accounts and all that
// hangs on them, what providers answered about it, and the secrets that open what Temporal
// keeps of its runs, those of further subjects too. What it cost stays in the budgets.
func (s *Store) Erase(ctx context.Context, domain string, subjects ...string) (Erased, error) {
	return s.erase(ctx, domain, subjects, pgx.Tx.Commit)
}

func (s *Store) erase(ctx context.Context, domain string, subjects []string, end func(pgx.Tx, context.Context) error) (Erased, error) {
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return Erased{}, wrap(err, "erase a company")
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // which has ended, if all went well
	out, err := eraseIn(ctx, tx, domain, subjects)
	if err == nil {
		err = end(tx, ctx)
	}
	return out, wrap(err, "erase a company")
}

// eraseIn goes table by table, through each that refers to accounts, so that one which
// comes with a later migration is not left out.
func eraseIn(ctx context.Context, tx pgx.Tx, domain string, subjects []string) (Erased, error) {
	out := Erased{Rows: map[string]int64{}}
	var err error
	if out.Accounts, err = lockAccounts(ctx, tx, domain); err != nil {
		return out, err
	}
	ids := make([]int64, len(out.Accounts))
	for i, acc := range out.Accounts {
		ids[i] = acc.ID
	}
	if out.Providers, err = saw(ctx, tx, domain, ids); err != nil {
		return out, err
	}
	sealed, err := subjectsOf(ctx, tx, subjects, ids) // before its runs go
	if err != nil {
		return out, err
	}
	tables, err := hangingOnAccounts(ctx, tx)
	if err != nil {
		return out, err
	}
	drop := func(table, where string, arg any) error {
		tag, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE "+where, arg)
		if n := tag.RowsAffected(); n > 0 {
			out.Rows[table] = n
		}
		return err
	}
	for _, t := range tables {
		if err := drop(t.table, t.column+" = ANY ($1)", ids); err != nil {
			return out, err
		}
	}
	keys, names := make([]string, len(out.Accounts)), []string{domain}
	for i, acc := range out.Accounts {
		keys[i] = acc.Key.String()
		names = append(names, keys[i], fmt.Sprintf("account/%d", acc.ID)) // as reviews call one that has no key
	}
	if err := drop("subject_keys", "subject = ANY ($1)", sealed); err != nil {
		return out, err
	}
	if err := drop("answers", "subject = $1", domain); err != nil {
		return out, err
	}
	if err := drop("deals", "crm || '/' || portal || '/' || company_id = ANY ($1)", keys); err != nil {
		return out, err
	}
	if err := unmention(ctx, tx, names, out.Rows); err != nil {
		return out, err
	}
	return out, drop("accounts", "id = ANY ($1)", ids)
}

// unmention takes the company out of the lists of reviews, whose figures it stays in.
func unmention(ctx context.Context, tx pgx.Tx, names []string, rows map[string]int64) error {
	const q = `
		UPDATE reviews SET report = jsonb_set(report::jsonb, '{stalled,list}', coalesce((
			SELECT jsonb_agg(one ORDER BY place) FROM jsonb_array_elements(report::jsonb #> '{stalled,list}') WITH ORDINALITY AS l (one, place)
			WHERE one ->> 'account' <> ALL ($1)
		), '[]'))::json
		WHERE EXISTS (SELECT FROM jsonb_array_elements(report::jsonb #> '{stalled,list}') AS one WHERE one ->> 'account' = ANY ($1))`
	tag, err := tx.Exec(ctx, q, names)
	if n := tag.RowsAffected(); n > 0 {
		rows["reviews"] = n
	}
	return err
}

func lockAccounts(ctx context.Context, tx pgx.Tx, domain string) ([]account.Account, error) {
	const q = `SELECT id, crm, portal, crm_id, domain, name FROM accounts WHERE domain = $1 ORDER BY crm IS NULL, id FOR UPDATE`
	rows, _ := tx.Query(ctx, q, domain)
	return pgx.CollectRows(rows, scanAccount)
}

// reference is a column that refers to accounts.
type reference struct{ table, column string }

func hangingOnAccounts(ctx context.Context, tx pgx.Tx) ([]reference, error) {
	const q = `
		SELECT quote_ident(t.relname), quote_ident(a.attname)
		FROM pg_constraint c
		JOIN pg_class t ON t.oid = c.conrelid
		JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
		WHERE c.contype = 'f' AND c.confrelid = 'accounts'::regclass AND c.confdeltype = 'c'
		ORDER BY t.relname`
	rows, _ := tx.Query(ctx, q)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r reference, err error) {
		return r, row.Scan(&r.table, &r.column)
	})
}

// saw lists who was asked about the domain: calls that were made, for whichever account.
func saw(ctx context.Context, tx pgx.Tx, domain string, ids []int64) ([]Saw, error) {
	const q = `
		SELECT provider, count(*), min(made_at), max(made_at) FROM ledger
		WHERE reserved AND (subject = $1 OR account_id = ANY ($2))
		GROUP BY provider ORDER BY provider`
	rows, _ := tx.Query(ctx, q, domain, ids)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Saw])
}
