package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	postgresPort     = 5432
	databaseUser     = "sluice"
	databasePassword = "sluice" // on loopback, for invented data
	databaseName     = "sluice"
)

// postgres is a running Postgres: the helper that supervises it and the way in.
type postgres struct {
	dir  string
	port int
	life io.Closer
	gone chan struct{} // closed when the helper has ended
}

// postgresOrder is what the helper is asked to run, one line of JSON on its input.
type postgresOrder struct {
	Dir      string // everything of this cluster
	Binaries string // has bin/postgres, or receives the download
	Version  string // as embedded-postgres wants it
	Port     int
	Keep     bool // never throw the data away
	Locks    int  // number of inherited files, from descriptor 3 on
}

// startPostgres starts a cluster for the place and leaves an empty database in it,
// or the database of the last time if the place keeps its data.
func startPostgres(ctx context.Context, home checkout, p place, stderr io.Writer) (*postgres, error) {
	as, err := postgresUser()
	if err != nil {
		return nil, err
	}
	root, err := dataRoot(home, as)
	if err != nil {
		return nil, err
	}
	order := postgresOrder{Keep: p.db != "", Locks: len(p.locks)}
	order.Binaries, order.Version = findPostgres(ctx)
	if order.Binaries == "" {
		order.Binaries, order.Version = filepath.Join(root, "download-"+downloadVersion), downloadVersion
		fmt.Fprintln(stderr, "stack: no Postgres 14 or newer on this machine: using a download")
	}
	major, _, _ := strings.Cut(order.Version, ".")
	order.Dir = filepath.Join(root, major+"-"+p.cluster)

	for attempt := 1; ; attempt++ {
		if order.Port, err = p.port(postgresPort); err != nil {
			return nil, err
		}
		pg, err := launchPostgres(ctx, order, as, p.locks)
		if err == nil {
			if err = pg.prepare(ctx, order.Keep); err == nil {
				return pg, nil
			}
			pg.stop()
		}
		if ctx.Err() != nil || attempt == startAttempts || portFree(order.Port) { // only a lost race for the port is worth another try
			return nil, fmt.Errorf("postgres did not start: %w", err)
		}
	}
}

// launchPostgres starts the helper and waits for its word. The helper inherits the
// locks: the place stays taken until Postgres is down, even if we are killed.
func launchPostgres(ctx context.Context, order postgresOrder, as *owner, locks []*os.File) (*postgres, error) {
	var said io.ReadCloser
	cmd, life, err := startHelper(postgresName, func(cmd *exec.Cmd) {
		as.apply(cmd)
		cmd.Dir = "/" // ours may be closed to that user
		cmd.Env = postgresEnv(order.Dir)
		cmd.ExtraFiles = locks
		said, _ = cmd.StdoutPipe()
	})
	if err != nil {
		return nil, fmt.Errorf("%w: run as an ordinary user instead of root", err)
	}
	pg := &postgres{dir: order.Dir, port: order.Port, life: life, gone: make(chan struct{})}
	if err := json.NewEncoder(life).Encode(order); err != nil {
		return nil, err
	}
	word := make(chan string, 1)
	go func() {
		defer close(pg.gone)
		line, _ := bufio.NewReader(said).ReadString('\n')
		word <- line
		_, _ = io.Copy(io.Discard, said)
		_ = cmd.Wait()
	}()
	select {
	case line := <-word:
		if strings.TrimSpace(line) == "ready" {
			return pg, nil
		}
		pg.stop()
		var text string
		if json.Unmarshal([]byte(line), &text) != nil {
			text = "its supervisor ended without a word"
		}
		return nil, errors.New(text)
	case <-ctx.Done():
		pg.stop()
		return nil, ctx.Err()
	}
}

// postgresEnv keeps PG* variables and the locale of the caller out, which Postgres'
// own programs would obey.
func postgresEnv(home string) []string {
	vars := []string{"HOME=" + home, "TMPDIR=" + home, "LC_ALL=C"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			vars = append(vars, name+"="+value)
		}
	}
	return vars
}

// prepare makes sure of the database. Without keep it drops all others first: what
// Temporal has forgotten, Postgres must not remember.
func (pg *postgres) prepare(ctx context.Context, keep bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, pg.urlOf("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	const q = `SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'
		UNION ALL SELECT datname FROM pg_database WHERE datistemplate AND datname NOT IN ('template0', 'template1')`
	rows, _ := conn.Query(ctx, q) // CollectRows reports Query's error
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	exists := false
	for _, name := range names {
		if keep {
			exists = exists || name == databaseName
			continue
		}
		if err := dropDatabase(ctx, conn, name); err != nil {
			return err
		}
	}
	if exists {
		return nil
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
	return err
}

func dropDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	quoted := pgx.Identifier{name}.Sanitize()
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+quoted+" IS_TEMPLATE false"); err != nil { // a template cannot be dropped
		return err
	}
	_, err := conn.Exec(ctx, "DROP DATABASE "+quoted+" WITH (FORCE)")
	return err
}

// stop ends Postgres. A nil postgres has not been started.
func (pg *postgres) stop() {
	if pg == nil {
		return
	}
	_ = pg.life.Close()
	<-pg.gone
}

func (pg *postgres) address() string { return hostPort(pg.port) }
func (pg *postgres) url() string     { return pg.urlOf(databaseName) }
func (pg *postgres) log() string     { return filepath.Join(pg.dir, "postgres.log") }

func (pg *postgres) urlOf(database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", databaseUser, databasePassword, pg.address(), database)
}
