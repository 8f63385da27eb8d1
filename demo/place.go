package main

import (
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/sandbox/hubspot"
)

// place is where the demo's files are.
type place struct {
	bin    string // the programs
	dir    string // .sluice/demo
	env    string // the variables that point at the demo, for another terminal
	config string
	csv    string
	report string
}

// findPlace finds the programs beside our own, and makes room for the files.
func findPlace() (place, error) {
	self, err := os.Executable()
	if err != nil {
		return place{}, err
	}
	root, err := os.Getwd()
	if err != nil {
		return place{}, err
	}
	p := place{bin: filepath.Dir(self), dir: filepath.Join(root, ".sluice", "demo"), env: filepath.Join(root, ".sluice", "demo.env")}
	p.config, p.csv, p.report = p.file("sluice.yaml"), p.file("companies.csv"), p.file("report.json")
	for _, name := range []string{"worker", "starter"} {
		if _, err := os.Stat(filepath.Join(p.bin, name)); err != nil {
			return place{}, fmt.Errorf("%w: run `make demo`, which builds it", err)
		}
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return place{}, err
	}
	if err := os.Remove(p.report); err != nil && !errors.Is(err, os.ErrNotExist) {
		return place{}, err // an older demo's figures must not pass for ours
	}
	return p, nil
}

func (p place) file(name string) string { return filepath.Join(p.dir, name) }

// stackEnv is where Temporal and Postgres are.
type stackEnv struct {
	database  string // the demo makes its own beside it
	temporal  string
	namespace string
	ui        string
}

func readStack(getenv func(string) string) (stackEnv, error) {
	s := stackEnv{
		database: getenv("SLUICE_DATABASE_URL"), temporal: getenv("TEMPORAL_ADDRESS"),
		namespace: getenv("TEMPORAL_NAMESPACE"), ui: getenv("SLUICE_TEMPORAL_UI"),
	}
	if s.database == "" || s.temporal == "" {
		return s, errors.New("no Temporal and no Postgres here: run `make demo`, which brings both")
	}
	if s.namespace == "" {
		s.namespace = "default"
	}
	return s, nil
}

// databaseName is made anew by each demo.
const databaseName = "sluice_demo"

// ownDatabase is the address of the demo's database, on the server of another one.
func ownDatabase(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", errors.New("SLUICE_DATABASE_URL: want the form postgres://USER:PASSWORD@HOST:5432/DATABASE")
	}
	u.Path = "/" + databaseName
	return u.String(), nil
}

// makeDatabase gives the demo an empty database, whatever an earlier one left.
func (d *demo) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, d.stack.database)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, q := range []string{"DROP DATABASE IF EXISTS " + databaseName + " WITH (FORCE)", "CREATE DATABASE " + databaseName} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("make the demo's database: %w", err)
		}
	}
	return nil
}

const (
	sandboxAddr = "127.0.0.1:9100" // where they are free
	serveAddr   = "127.0.0.1:8080"

	latency = 25 * time.Millisecond // of every vendor and of the CRM
)

// openSandbox opens vendors and CRM, one vendor being down.
func (d *demo) openSandbox(ctx context.Context) error {
	portal, err := d.portal(ctx)
	if err != nil {
		return err
	}
	o := sandbox.Options{Addr: sandboxAddr, Latency: latency, CRMCompanies: true, CRM: hubspot.Options{Portal: portal}}
	server, err := sandbox.Start(o)
	if errors.Is(err, syscall.EADDRINUSE) {
		o.Addr = "127.0.0.1:0"
		server, err = sandbox.Start(o)
	}
	if err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}
	d.sandbox = server
	return server.Faults.Set(string(down), fault.Fault{Outage: true, LatencyMS: int(latency.Milliseconds())})
}

// portal is the number of the sandbox's CRM account, which is part of a run's id. On
// a Temporal that remembers an earlier demo it is another one, or the runs of then
// would be taken for those of now.
func (d *demo) portal(ctx context.Context) (string, error) {
	const usual = "8100"
	temporal, err := d.dialTemporal()
	if err != nil {
		return "", err
	}
	defer temporal.Close()
	earlier, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: `WorkflowId STARTS_WITH "company/hubspot/` + usual + `/"`,
	})
	if err != nil {
		return "", fmt.Errorf("ask Temporal for earlier demos: %w", err)
	}
	if earlier.GetCount() > 0 {
		return strconv.FormatInt(time.Now().Unix(), 10), nil
	}
	return usual, nil
}

//go:embed sluice.yaml
var pipeline []byte

// writeSettings writes what the programs read, and the same for another terminal.
func (d *demo) writeSettings(context.Context) error {
	address, err := freeAddress(serveAddr)
	if err != nil {
		return err
	}
	d.served = "http://" + address
	database, err := ownDatabase(d.stack.database)
	if err != nil {
		return err
	}
	d.stack.database = database
	own := append(d.sandbox.Env(),
		"SLUICE_DATABASE_URL="+database, "SLUICE_CONFIG="+d.place.config,
		"SLUICE_HTTP_ADDR="+address, "SLUICE_PUBLIC_URL="+d.served,
		"TEMPORAL_ADDRESS="+d.stack.temporal, "TEMPORAL_NAMESPACE="+d.stack.namespace, "TEMPORAL_CONFIG_FILE="+os.DevNull,
	)
	d.crew.env = environment(os.Environ(), own)
	rows, err := csvOf(d.samples[1:])
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(d.place.config, pipeline, 0o644),
		os.WriteFile(d.place.csv, rows, 0o644),
		os.WriteFile(d.place.env, envFile(own), 0o600),
	)
}

// environment is base with the demo's own variables and no others of Sluice's: a key
// of a real vendor has no business here.
func environment(base, own []string) []string {
	var kept []string
	for _, entry := range base {
		if !strings.HasPrefix(entry, "SLUICE_") && !strings.HasPrefix(entry, "TEMPORAL_") {
			kept = append(kept, entry)
		}
	}
	return append(kept, own...)
}

// envFile is the text of demo.env, for `set -a; . demo.env`.
func envFile(env []string) []byte {
	var b strings.Builder
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		b.WriteString(name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n")
	}
	return []byte(b.String())
}

// csvOf is the import file. Its first company is in line 2.
func csvOf(samples []sandbox.Sample) ([]byte, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"domain", "name"}) // Flush keeps the error
	for _, s := range samples {
		_ = w.Write([]string{s.Domain, s.Name})
	}
	w.Flush()
	return []byte(b.String()), w.Error()
}

// freeAddress is the preferred address, or another one where that is taken.
func freeAddress(preferred string) (string, error) {
	l, err := net.Listen("tcp", preferred)
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", fmt.Errorf("find an address for the starter: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
