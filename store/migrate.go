package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the schema as files: one for each step, in the order of
// their names, never edited after release.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// Migrate brings the schema of the database at url up to date, and returns the
// files that it applied. There is no way back. Several processes may call it at
// once: one does it, the others wait.
func Migrate(ctx context.Context, url string) (applied []string, err error) {
	db, err := connect(ctx, url, WithMaxConns(2))
	if err != nil {
		return nil, fmt.Errorf("migrate store: %w", err)
	}
	defer db.Close()
	p, err := migrator(db)
	if err != nil {
		return nil, fmt.Errorf("migrate store: %w", err)
	}
	defer p.Close()
	results, err := p.Up(ctx)
	for _, r := range results {
		applied = append(applied, path.Base(r.Source.Path))
	}
	if err != nil {
		return applied, fmt.Errorf("migrate store: %w", err)
	}
	return applied, nil
}

// CheckSchema returns an error that says what to do when the schema is behind
// this program. One that is ahead will do: migrations only add.
func (s *Store) CheckSchema(ctx context.Context) error {
	const q = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	var have int64
	err := s.db.QueryRow(ctx, q).Scan(&have)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == undefinedTable {
		have, err = 0, nil // never migrated
	}
	if err != nil {
		return fmt.Errorf("check schema: %w", err)
	}
	if want := newest(); have < want {
		return fmt.Errorf("check schema: the database has version %d and this program needs %d: run `starter migrate`", have, want)
	}
	return nil
}

// newest is the version of the last migration.
func newest() int64 {
	files, _ := fs.Glob(Migrations(), "*.sql") // fails on a bad pattern only
	version, _ := goose.NumericComponent(files[len(files)-1])
	return version
}

func migrator(db *pgxpool.Pool) (*goose.Provider, error) {
	// Who finds the lock taken tries again after this many seconds, this many times.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(db), Migrations(), goose.WithSessionLocker(locker))
}
