// Package store is the record: it keeps accounts, facts, answers, spending,
// scores and effects in Postgres. There is one file for each aggregate, with the
// SQL beside the method that runs it. It decides nothing and knows nothing of
// Temporal.
package store

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sluicehq/sluice/account"
)

// Store keeps the record in Postgres. Its methods may be called concurrently.
//
// A method that finds nothing returns [account.ErrNotFound]; so does one that
// writes about an account which is not there (any more). What a constraint of the
// schema refuses is [account.ErrInvalid]. Both are matched with errors.Is.
type Store struct {
	db *pgxpool.Pool
}

// Option changes one default of [Open].
type Option func(*pgxpool.Config)

// WithMaxConns sets how many connections may be open at once. Default 16, or what the
// address has as pool_max_conns.
func WithMaxConns(n int) Option {
	return func(c *pgxpool.Config) { c.MaxConns = int32(n) }
}

// Open connects to the Postgres at url. Its error says what to do and never
// holds the password.
func Open(ctx context.Context, url string, opts ...Option) (*Store, error) {
	db, err := connect(ctx, url, opts...)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{db: db}, nil
}

// Close ends all connections, and waits for those in use.
func (s *Store) Close() { s.db.Close() }

// Ping reports whether Postgres answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.Ping(ctx); err != nil {
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

func connect(ctx context.Context, url string, opts ...Option) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil { // not wrapped: it quotes the address, and an address that cannot be read may show its password
		return nil, errors.New("SLUICE_DATABASE_URL is not a Postgres address: want postgres://USER:PASSWORD@HOST:5432/DATABASE; make stack prints one")
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = 16
	}
	cfg.AfterConnect = prepare
	if _, ok := cfg.ConnConfig.RuntimeParams["application_name"]; !ok {
		cfg.ConnConfig.RuntimeParams["application_name"] = "sluice"
	}
	for _, opt := range opts {
		opt(cfg)
	}
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := db.Ping(ctx); err != nil {
		db.Close()
		c := cfg.ConnConfig
		return nil, fmt.Errorf("no Postgres at %s:%d for SLUICE_DATABASE_URL: %s: %w", c.Host, c.Port, cureOfConnecting(err), err)
	}
	return db, nil
}

// cureOfConnecting says what mends a connection.
func cureOfConnecting(err error) string {
	_, stranger := errors.AsType[x509.UnknownAuthorityError](err)
	_, misnamed := errors.AsType[x509.HostnameError](err)
	switch {
	case stranger:
		return "let sslrootcert name the certificate of the authority that signed the server's"
	case misnamed:
		return "let the address have a name that the server's certificate is for, which sslmode=verify-full wants"
	case strings.Contains(err.Error(), "remote error: tls:"): // an alert, which has no type of its own in the end
		return "it refuses our certificate: let sslcert and sslkey name one that it trusts"
	default:
		return "start it (make stack brings one), or mend the address"
	}
}

// prepare makes times come back as they were given, whatever the zone of the machine. And
// it has each statement planned once a connection, for whatever arguments: every query here
// goes by an index. A plan may be made while a table is small, to go on when an import has made
// it large, so that reading all of it is no plan; a statement about given rows names them to
// each table, since in a join an index would be read from end to end, too.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	const q = `SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan`
	_, err := conn.Exec(ctx, q)
	return err
}

// Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	invalidText         = "22021" // a NUL, or not UTF-8
	foreignKeyViolation = "23503"
	checkViolation      = "23514"
	undefinedTable      = "42P01"
)

// wrap puts operation and subject before err, and says in the words of package
// account what was not there and what can never be accepted.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	cause := err
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		cause = account.ErrNotFound
	case ok && pg.Code == foreignKeyViolation:
		cause = account.ErrNotFound
	case ok && pg.Code == invalidText:
		cause = account.Invalid("text", pg.Message)
	case ok && pg.Code == checkViolation:
		cause = account.Invalid(pg.TableName, "the schema refuses it: "+pg.ConstraintName)
	}
	return fmt.Errorf(format+": %w", append(args, cause)...)
}

// violates reports whether err is what the named constraint refused.
func violates(err error, constraint string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.ConstraintName == constraint
}

// takeTurn waits until no other transaction does what $1 names, and until its own end
// lets no other do it.
const takeTurn = `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`

// inTurn lets one transaction at a time do what is named. The statements after it
// see what was committed while it waited, which one statement would not.
func inTurn(b *pgx.Batch, what string) {
	b.Queue(takeTurn, what)
}

// affected makes a statement that found no row to change an ErrNoRows.
func affected(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return pgx.ErrNoRows
	}
	return err
}

// clean returns s as a text column takes it, and no longer than limit characters:
// what comes from outside may hold NUL bytes and broken UTF-8.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) <= limit {
		return s
	}
	if r := []rune(s); len(r) > limit {
		return string(r[:limit])
	}
	return s
}

// encode returns v as JSON that Postgres takes: jsonb has no way to say NUL.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	const nul = `\u0000`
	if !strings.Contains(string(b), nul) {
		return string(b), nil
	}
	var out strings.Builder
	for s := string(b); s != ""; {
		n := 1
		if s[0] == '\\' {
			n = 2 // an escaped backslash before u0000 is not an escape of NUL
		}
		if strings.HasPrefix(s, nul) {
			s = s[len(nul):]
			continue
		}
		out.WriteString(s[:n])
		s = s[n:]
	}
	return out.String(), nil
}

// optional is t for a column that is null when there is no time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
