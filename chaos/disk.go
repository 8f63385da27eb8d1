package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// smallDisks begins the names of their directories.
const smallDisks = "small-"

// smallDisk bounds the file system that the plans' databases are on, in MiB.
const smallDisk = 96

// openDisk gives the databases of the lane a small file system of their own, as a
// tablespace, where we may mount one. Where we may not, a full disk is what managed
// Postgres makes of it: a database that can only be read.
func (l *lane) openDisk(ctx context.Context, admin *pgx.Conn) error {
	dir := filepath.Join(filepath.Dir(l.dataDir), smallDisks+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if mountSmall(dir, l.dataDir, smallDisk) != nil {
		return os.Remove(dir)
	}
	l.disk = dir
	_, err := admin.Exec(ctx, fmt.Sprintf("CREATE TABLESPACE chaos_%d LOCATION '%s'", os.Getpid(), dir))
	if err == nil {
		l.tablespace = fmt.Sprintf(" TABLESPACE chaos_%d", os.Getpid())
	}
	return err
}

// fillDisk leaves no room for the database: a file takes all there is.
func (w *world) fillDisk() {
	if w.disk == "" {
		w.readOnly(true)
		return
	}
	f, err := os.Create(filepath.Join(w.disk, "ballast"))
	if err != nil {
		w.problem("fill the disk: %v", err)
		return
	}
	defer f.Close()
	if _, err = io.Copy(f, endless{}); !errors.Is(err, syscall.ENOSPC) {
		w.problem("fill the disk: %v", err)
	}
}

// endless is a file of zeros.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) { return len(p), nil }

func (w *world) freeDisk() {
	if w.disk == "" {
		w.readOnly(false)
		return
	}
	if err := os.Remove(filepath.Join(w.disk, "ballast")); err != nil {
		w.problem("free the disk: %v", err)
	}
}

// readOnly lets the database be read only, or no longer. That holds for new sessions: ours
// are cut.
func (w *world) readOnly(on bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	admin, err := pgx.Connect(ctx, w.postgres)
	if err == nil {
		defer admin.Close(ctx)
		cfg, _ := pgx.ParseConfig(w.direct)
		_, err = admin.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = %t", cfg.Database, on))
	}
	if err != nil && on { // else it may be down; the lift tries again
		w.problem("make the database read-only: %v", err)
	}
	w.links["postgres"].setCut(true)
	w.links["postgres"].setCut(false)
}
