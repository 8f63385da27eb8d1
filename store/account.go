package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// UpsertAccount returns the account of a CRM record, or of a domain or name where
// there is no record, and puts it on record first if it is new. An account that
// came without a record gets the key of the first record with its domain. Two
// records with one domain are two accounts. Domain and name are brought up to
// date; an empty one is not known and changes nothing.
//
// Errors: [account.ErrInvalid] for one that has neither key, domain nor name, or was
// erased on request.
func (s *Store) UpsertAccount(ctx context.Context, key account.Key, domain, name string) (account.Account, error) {
	name = clean(name, 500)
	if key.IsZero() {
		return s.upsertUnkeyed(ctx, domain, name)
	}
	const q = `
		WITH adopted AS (
			UPDATE accounts SET crm = @crm, portal = @portal, crm_id = @id, name = coalesce(nullif(@name, ''), name), updated_at = now()
			WHERE unkeyed = @domain AND ` + notForgotten + `
				AND NOT EXISTS (SELECT FROM accounts WHERE crm = @crm AND portal = @portal AND crm_id = @id)
			RETURNING *
		), kept AS (
			INSERT INTO accounts (crm, portal, crm_id, domain, name)
			SELECT @crm, @portal, @id, nullif(@domain, ''), @name WHERE NOT EXISTS (SELECT FROM adopted) AND ` + notForgotten + `
			ON CONFLICT ON CONSTRAINT account_key_once DO UPDATE SET
				domain = coalesce(excluded.domain, accounts.domain),
				name = coalesce(nullif(excluded.name, ''), accounts.name),
				updated_at = now()
			RETURNING *
		)
		SELECT id, crm, portal, crm_id, domain, name FROM adopted
		UNION ALL SELECT id, crm, portal, crm_id, domain, name FROM kept`
	rows, _ := s.db.Query(ctx, q, named{ // CollectOneRow reports Query's error
		"crm": key.CRM, "portal": key.Portal, "id": key.ID, "domain": domain, "name": name,
		"digests": digests(key, domain),
	})
	acc, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return acc, errForgotten
	}
	return acc, wrap(err, "upsert account %s", key)
}

func (s *Store) upsertUnkeyed(ctx context.Context, domain, name string) (account.Account, error) {
	if domain == "" && name == "" {
		return account.Account{}, account.Invalid("account", "neither a CRM record, nor a domain, nor a name")
	}
	const q = `
		INSERT INTO accounts (domain, name) SELECT nullif(@domain, ''), @name WHERE ` + notForgotten + `
		ON CONFLICT ON CONSTRAINT account_unkeyed_once DO UPDATE SET
			name = coalesce(nullif(excluded.name, ''), accounts.name), updated_at = now()
		RETURNING id, crm, portal, crm_id, domain, name`
	rows, _ := s.db.Query(ctx, q, named{"domain": domain, "name": name, "digests": digests(account.Key{}, domain)})
	acc, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return acc, errForgotten
	}
	return acc, wrap(err, "upsert account %q", domain+name)
}

// Account returns an account by its own id. Errors: [account.ErrNotFound].
func (s *Store) Account(ctx context.Context, id int64) (account.Account, error) {
	rows, _ := s.db.Query(ctx, accountByID, id)
	acc, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	return acc, wrap(err, "account %d", id)
}

const accountByID = `SELECT id, crm, portal, crm_id, domain, name FROM accounts WHERE id = $1`

// AccountsByDomain returns the accounts of a registrable domain: those with a CRM
// record first, the oldest first. None is not an error.
func (s *Store) AccountsByDomain(ctx context.Context, domain string) ([]account.Account, error) {
	const q = `
		SELECT id, crm, portal, crm_id, domain, name FROM accounts
		WHERE domain = $1 ORDER BY crm IS NULL, id`
	rows, _ := s.db.Query(ctx, q, domain)
	accs, err := pgx.CollectRows(rows, scanAccount)
	return accs, wrap(err, "accounts of %s", domain)
}

func scanAccount(row pgx.CollectableRow) (account.Account, error) {
	var acc account.Account
	var crm, portal, id, domain *string
	err := row.Scan(&acc.ID, &crm, &portal, &id, &domain, &acc.Name)
	acc.Key = account.Key{CRM: value(crm), Portal: value(portal), ID: value(id)}
	acc.Domain = value(domain)
	return acc, err
}
