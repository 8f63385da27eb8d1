// Package storetest gives each test a database of its own with the current schema.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
)

// New returns a store on a new, empty database, which is dropped when the test
// ends. It fails the test when there is no Postgres.
func New(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), URL(t), store.WithMaxConns(8))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// URL returns the address of a new database with the current schema. It is
// dropped when the test ends, also from under connections that are still open.
func URL(t testing.TB) string {
	t.Helper()
	admin := connect(t)
	defer closing(admin)
	return create(t, admin, "TEMPLATE "+pgx.Identifier{template(t, admin)}.Sanitize())
}

// Empty returns the address of a new database without any schema, dropped when
// the test ends.
func Empty(t testing.TB) string {
	t.Helper()
	admin := connect(t)
	defer closing(admin)
	return create(t, admin, "")
}

func create(t testing.TB, admin *pgx.Conn, options string) string {
	t.Helper()
	name := "sluice_test_" + strings.ToLower(rand.Text()[:16])
	quoted := pgx.Identifier{name}.Sanitize()
	_, err := admin.Exec(t.Context(), "CREATE DATABASE "+quoted+" "+options)
	require.NoError(t, err)
	address, ctx := server(t), context.WithoutCancel(t.Context()) // the test's own ends before its cleanup
	t.Cleanup(func() {
		admin, err := pgx.Connect(ctx, address)
		require.NoError(t, err)
		defer closing(admin)
		_, err = admin.Exec(ctx, "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)")
		require.NoError(t, err)
	})
	return database(t, name)
}

// template returns the name of a database with the current schema, and makes it
// if this server has none yet. The name says which migrations it has.
func template(t testing.TB, admin *pgx.Conn) string {
	t.Helper()
	name := "sluice_template_" + digest(t)
	_, err := admin.Exec(t.Context(), "SELECT pg_advisory_lock(hashtext($1))", name) // of several test programs one makes it
	require.NoError(t, err)
	var there bool
	err = admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	require.NoError(t, err)
	if !there {
		build(t, admin, name)
	}
	_, err = admin.Exec(t.Context(), "SELECT pg_advisory_unlock(hashtext($1))", name)
	require.NoError(t, err)
	return name
}

// build gives the template its name last: one that was left half-made is not
// found.
func build(t testing.TB, admin *pgx.Conn, name string) {
	t.Helper()
	draft := pgx.Identifier{name + "_draft"}.Sanitize()
	for _, q := range []string{"DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)", "CREATE DATABASE " + draft} {
		_, err := admin.Exec(t.Context(), q)
		require.NoError(t, err)
	}
	_, err := store.Migrate(t.Context(), database(t, name+"_draft"))
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "ALTER DATABASE "+draft+" RENAME TO "+pgx.Identifier{name}.Sanitize())
	require.NoError(t, err)
}

func digest(t testing.TB) string {
	t.Helper()
	h := sha256.New()
	files, err := fs.Glob(store.Migrations(), "*.sql")
	require.NoError(t, err)
	for _, file := range files {
		b, err := fs.ReadFile(store.Migrations(), file)
		require.NoError(t, err)
		h.Write([]byte(file))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func server(t testing.TB) string {
	t.Helper()
	address := os.Getenv("SLUICE_DATABASE_URL")
	require.NotEmpty(t, address, "SLUICE_DATABASE_URL is not set and this test needs a Postgres: "+
		"run `bin/stack -- go test ./...` (make build brings bin/stack), or keep `make stack` running and load .sluice/stack.env")
	return address
}

// database returns the address of another database on the same server.
func database(t testing.TB, name string) string {
	t.Helper()
	const want = "SLUICE_DATABASE_URL: tests need the form postgres://USER:PASSWORD@HOST:5432/DATABASE"
	u, err := url.Parse(server(t))
	require.NoError(t, err, want)
	require.NotEmpty(t, u.Scheme, want)
	u.Path = "/" + name
	return u.String()
}

func connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server(t))
	require.NoError(t, err, "is the Postgres of SLUICE_DATABASE_URL running? make stack brings one")
	return conn
}

func closing(conn *pgx.Conn) {
	_ = conn.Close(context.Background()) // the server notices anyway
}

// Dump returns all rows of all tables as text, for tests that look for what must not be
// there.
func Dump(t testing.TB, address string) string {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	defer closing(conn)
	rows, _ := conn.Query(ctx, `SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	var b strings.Builder
	for _, table := range tables {
		var text string
		require.NoError(t, conn.QueryRow(ctx, `SELECT coalesce(string_agg(t::text, E'\n'), '') FROM `+table+` t`).Scan(&text))
		b.WriteString(table + "\n" + text + "\n")
	}
	return b.String()
}
