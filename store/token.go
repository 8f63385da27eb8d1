package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Scope is what a caller of the API may do.
type Scope string

// The scopes; each includes those before it.
const (
	ReadScope  Scope = "read"  // look at companies
	WriteScope Scope = "write" // start runs, override scores
	AdminScope Scope = "admin" // erase companies
)

// Scopes are all scopes, the smallest first.
var Scopes = []Scope{ReadScope, WriteScope, AdminScope}

// Token is who may call the API, without what is shown to prove it.
type Token struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Scope     Scope     `json:"scope"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
	RevokedAt time.Time `json:"revoked_at,omitzero"` // zero: it is good
	UsedAt    time.Time `json:"used_at,omitzero"`    // to the hour; zero: never
}

const tokenColumns = `id, name, scope, created_at, expires_at, revoked_at, used_at`

// AddToken keeps a token by the SHA-256 of what its bearer shows. A zero time to expire
// is none.
func (s *Store) AddToken(ctx context.Context, name string, scope Scope, hash [32]byte, expires time.Time) (Token, error) {
	const q = `INSERT INTO tokens (name, scope, hash, expires_at) VALUES ($1, $2, $3, $4) RETURNING ` + tokenColumns
	rows, _ := s.db.Query(ctx, q, name, string(scope), hash[:], optional(expires))
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	return t, wrap(err, "add token %s", name)
}

// UseToken returns the token with the hash, and notes that it was used.
//
// Errors: [account.ErrNotFound] if there is none, or it is revoked or has expired.
func (s *Store) UseToken(ctx context.Context, hash [32]byte, at time.Time) (Token, error) {
	const q = `
		WITH used AS (
			UPDATE tokens SET used_at = date_trunc('hour', $2::timestamptz)
			WHERE hash = $1 AND used_at IS DISTINCT FROM date_trunc('hour', $2::timestamptz)
		)
		SELECT ` + tokenColumns + ` FROM tokens
		WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`
	rows, _ := s.db.Query(ctx, q, hash[:], at)
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	return t, wrap(err, "token")
}

// HasTokens reports whether any token is good.
func (s *Store) HasTokens(ctx context.Context) (some bool, err error) {
	const q = `SELECT EXISTS (SELECT FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()))`
	return some, wrap(s.db.QueryRow(ctx, q).Scan(&some), "tokens")
}

// Tokens returns all tokens, the latest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	const q = `SELECT ` + tokenColumns + ` FROM tokens ORDER BY id DESC`
	rows, _ := s.db.Query(ctx, q)
	all, err := pgx.CollectRows(rows, scanToken)
	return all, wrap(err, "tokens")
}

// RevokeToken makes a token good for nothing, for ever. Repeated it changes nothing.
//
// Errors: [account.ErrNotFound].
func (s *Store) RevokeToken(ctx context.Context, id int64, at time.Time) (Token, error) {
	const q = `UPDATE tokens SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING ` + tokenColumns
	rows, _ := s.db.Query(ctx, q, id, at)
	t, err := pgx.CollectExactlyOneRow(rows, scanToken)
	return t, wrap(err, "revoke token %d", id)
}

func scanToken(row pgx.CollectableRow) (Token, error) {
	var t Token
	var expires, revoked, used *time.Time
	err := row.Scan(&t.ID, &t.Name, &t.Scope, &t.CreatedAt, &expires, &revoked, &used)
	t.ExpiresAt, t.RevokedAt, t.UsedAt = value(expires), value(revoked), value(used)
	return t, err
}
