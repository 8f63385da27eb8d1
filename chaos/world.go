package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
)

// world is one installation of Sluice of a plan's own: a namespace, a database, a sandbox,
// the programs, and the network between them.
type world struct {
	*lane
	plan    Plan
	steps   *steps
	sandbox *sandbox.Sandbox
	store   *store.Store // around the links
	direct  string       // address of the database, likewise
	peace   *httptest.Server
	client  client.Client
	dir     string
	env     []string
	front   string // URL of the front door

	links   map[string]*link
	workers []*program
	starter *program
	closers []func()

	mu       sync.Mutex
	commands map[*exec.Cmd]bool // of the starter that are under way
	injected map[Action]int
	problems []string // that are the suite's own
	lasting  sync.WaitGroup
	ended    context.Context // when the faults are lifted
	lift     context.CancelFunc

	owed     owed
	expected map[string]expected

	tonight     time.Time           // of the first sweep
	planted     map[string][]string // kinds of news by domain
	version     int                 // of the model, that all accounts come to; 0: whatever it is
	overridden  map[int64]string    // tiers that people decided on, by account
	was         map[string]standing // of each record before the release
	quarter     review.Span         // that is reviewed
	reviewed    bool                // and decided on
	overwritten map[string]bool     // records whose values the CRM has lost
}

const (
	webhookSecret = "chaos-webhook-secret"
	apiToken      = "chaos-api-token"
)

func (l *lane) newWorld(ctx context.Context, p Plan) (*world, error) {
	w := &world{
		lane: l, plan: p, steps: &steps{}, links: map[string]*link{}, commands: map[*exec.Cmd]bool{},
		injected: map[Action]int{}, expected: map[string]expected{}, overwritten: map[string]bool{}, was: map[string]standing{}, overridden: map[int64]string{},
	}
	w.ended, w.lift = context.WithCancel(ctx)
	for _, step := range []func(context.Context) error{w.openSandbox, w.openServices, w.openPrograms} {
		if err := step(ctx); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *world) later(f func()) { w.closers = append(w.closers, f) }

func (w *world) close() {
	w.lift()
	for _, f := range slices.Backward(w.closers) {
		f()
	}
}

func (w *world) openSandbox(context.Context) error {
	var err error
	if w.dir, err = os.MkdirTemp("", "sluice-chaos-"); err != nil {
		return err
	}
	w.later(func() { _ = os.RemoveAll(w.dir) })
	w.sandbox, err = sandbox.New(w.sandboxOptions())
	if err != nil {
		return err
	}
	gate, err := openSandbox(w.sandbox, w.steps)
	if err != nil {
		return err
	}
	w.later(gate.close)
	for _, name := range []string{"crm", "vendors"} {
		if err := w.link(name, gate.address); err != nil {
			return err
		}
	}
	return nil
}

// sandboxOptions are those of the plan's sandbox: the same plan has the same vendors.
func (w *world) sandboxOptions() sandbox.Options {
	o := sandbox.Options{Coverage: sandbox.Realistic, Seed: 1 + w.plan.Seed}
	if table := works[w.plan.Work].table; table != nil {
		o.Table, o.Coverage = table(w.plan), sandbox.Full
	}
	return o
}

func (w *world) link(name, target string) error {
	k, err := openLink(name, target)
	if err != nil {
		return err
	}
	w.links[name] = k
	w.later(k.close)
	return nil
}

// openServices makes the namespace and the database, and the ways there.
func (w *world) openServices(ctx context.Context) error {
	direct, err := w.newDatabase(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	w.direct = direct
	w.later(func() { w.dropDatabase(direct) })
	namespace, err := w.newNamespace(ctx)
	if err != nil {
		return fmt.Errorf("namespace: %w", err)
	}
	if w.store, err = store.Open(ctx, direct, store.WithMaxConns(4)); err != nil {
		return err
	}
	w.later(w.store.Close)
	if w.client, err = client.Dial(client.Options{HostPort: w.temporal, Namespace: namespace, Logger: quiet{}}); err != nil {
		return err
	}
	w.later(w.client.Close)
	u, err := url.Parse(direct)
	if err != nil {
		return err
	}
	pg, err := openPostgres(u.Host, w.steps)
	if err != nil {
		return err
	}
	w.later(pg.close)
	tg, err := openTemporal(w.temporal, w.steps)
	if err != nil {
		return err
	}
	w.later(tg.close)
	if err := errors.Join(w.link("postgres", pg.address()), w.link("temporal", tg.address)); err != nil {
		return err
	}
	u.Host = w.links["postgres"].address()
	front, err := freeAddress()
	if err != nil {
		return err
	}
	w.front = "http://" + front
	config := filepath.Join(w.dir, "sluice.yaml")
	if err := os.WriteFile(config, []byte(pipeline), 0o600); err != nil {
		return err
	}
	served := &sandbox.Server{Sandbox: w.sandbox, URL: "http://" + w.links["vendors"].address()}
	w.env = append(os.Environ(), served.Env()...)
	w.env = append(w.env,
		"SLUICE_HUBSPOT_BASE_URL=http://"+w.links["crm"].address()+"/hubspot", "SLUICE_HUBSPOT_CLIENT_SECRET="+webhookSecret,
		"SLUICE_DATABASE_URL="+u.String(), "TEMPORAL_ADDRESS="+w.links["temporal"].address(), "TEMPORAL_NAMESPACE="+namespace,
		"SLUICE_CONFIG="+config, "SLUICE_LOG_LEVEL=info", "SLUICE_API_TOKEN="+apiToken,
		"SLUICE_HTTP_ADDR="+front, "SLUICE_PUBLIC_URL="+w.front, "SLUICE_METRICS_ADDR=",
	)
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: w.front + "/webhooks/hubspot", Secret: webhookSecret})
	return nil
}

// freeAddress is where nobody listens and no outgoing connection begins: the front door
// finds it free when it comes back.
func freeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10000+mathrand.IntN(5000))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no port is free")
}

// openPrograms sets the CRM up and starts the worker and the front door.
func (w *world) openPrograms(ctx context.Context) error {
	if out, err := w.command(ctx, "crm", "setup"); err != nil {
		return fmt.Errorf("crm setup: %w: %s", err, out)
	}
	for i := range w.plan.Workers {
		p := keepRunning(fmt.Sprintf("worker %d", i+1), func() *exec.Cmd { return w.exec("worker") })
		w.later(p.close)
		w.workers = append(w.workers, p)
	}
	w.starter = keepRunning("starter", func() *exec.Cmd { return w.exec("starter", "serve") })
	w.later(w.starter.close)
	return w.awaitPrograms(ctx)
}

// awaitPrograms returns when all programs are ready.
func (w *world) awaitPrograms(ctx context.Context) error {
	ready := func() bool {
		for _, p := range w.workers {
			if strings.Count(p.log.String(), "Worker is ready") < 1 {
				return false
			}
		}
		res, err := http.Get(w.front + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusNoContent
	}
	if !eventually(ctx, time.Minute, ready) {
		return fmt.Errorf("the programs do not come up:\n%s\n%s", tail(w.workers[0].log.String(), 1500), tail(w.starter.log.String(), 1500))
	}
	return nil
}

func (w *world) exec(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(w.bin, name), args...)
	cmd.Env = w.env
	cmd.Dir = w.dir
	return cmd
}

// command runs a command of the starter to its end, unless it is killed with the starter.
func (w *world) command(ctx context.Context, args ...string) (string, error) {
	cmd := w.exec("starter", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = dieWithUs()
	w.mu.Lock()
	err := cmd.Start()
	if err == nil {
		w.commands[cmd] = true
	}
	w.mu.Unlock()
	if err != nil {
		return "", err
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.commands, cmd)
	}()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return stdout.String(), fmt.Errorf("starter %s: %w: %s", strings.Join(args, " "), err, tail(stderr.String(), 600))
	}
	return stdout.String(), nil
}

// insist runs a command until it ends well, as a person would who was interrupted.
func (w *world) insist(ctx context.Context, out any, args ...string) error {
	for {
		text, err := w.command(ctx, args...)
		if err == nil && out != nil {
			err = json.Unmarshal([]byte(text), out)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// weather switches on what goes wrong all the time.
func (w *world) weather(on bool) {
	for _, name := range w.sandbox.Faults.Services() {
		var f fault.Fault
		if on {
			f = fault.Fault{LatencyMS: w.plan.Weather.LatencyMS, ErrorRate: w.plan.Weather.Errors}
			if name == crmsandbox.Service {
				f.ErrorRate, f.LostAnswerRate = 0, w.plan.Weather.LostAnswers
			}
		}
		_ = w.sandbox.Faults.Set(name, f)
	}
}

// eventually reports whether it holds within the time.
func eventually(ctx context.Context, d time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(d); ; {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// lane is the Temporal and the Postgres that plans take turns with.
type lane struct {
	bin      string
	temporal string // address
	postgres string // URL
	dataDir  string // of Postgres
	template string // database with the schema

	disk       string // where the plans' databases are, if that could be mounted
	tablespace string // likewise, as CREATE DATABASE has it
}

func openLane(ctx context.Context, db string) (*lane, error) {
	l := &lane{temporal: os.Getenv("TEMPORAL_ADDRESS"), postgres: os.Getenv("SLUICE_DATABASE_URL")}
	if l.temporal == "" || l.postgres == "" {
		return nil, errors.New("no Temporal and Postgres: run `make chaos`")
	}
	worker, err := built("worker")
	if err != nil {
		return nil, err
	}
	l.bin = filepath.Dir(worker)
	admin, err := pgx.Connect(ctx, l.postgres)
	if err != nil {
		return nil, err
	}
	defer admin.Close(ctx)
	if err := admin.QueryRow(ctx, "SHOW data_directory").Scan(&l.dataDir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(clusterOf(db), []byte(filepath.Dir(l.dataDir)), 0o600); err != nil {
		return nil, err
	}
	if err := l.openDisk(ctx, admin); err != nil {
		return nil, err
	}
	l.template = "chaos_template"
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+l.template); err != nil {
		return nil, err
	}
	_, err = store.Migrate(ctx, l.database(l.template))
	return l, err
}

func (l *lane) database(name string) string {
	u, err := url.Parse(l.postgres)
	if err != nil {
		return ""
	}
	u.Path = "/" + name
	return u.String()
}

func (l *lane) newDatabase(ctx context.Context) (string, error) {
	admin, err := pgx.Connect(ctx, l.postgres)
	if err != nil {
		return "", err
	}
	defer admin.Close(ctx)
	name := "chaos_" + strings.ToLower(rand.Text()[:12])
	_, err = admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+l.template+l.tablespace)
	return l.database(name), err
}

func (l *lane) dropDatabase(address string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	admin, err := pgx.Connect(ctx, l.postgres)
	if err != nil {
		return
	}
	defer admin.Close(ctx)
	if u, err := url.Parse(address); err == nil {
		_, _ = admin.Exec(ctx, "DROP DATABASE IF EXISTS "+strings.TrimPrefix(u.Path, "/")+" WITH (FORCE)")
	}
}

func (l *lane) newNamespace(ctx context.Context) (string, error) {
	c, err := client.Dial(client.Options{HostPort: l.temporal, Logger: quiet{}})
	if err != nil {
		return "", err
	}
	defer c.Close()
	name := "chaos-" + strings.ToLower(rand.Text()[:12])
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return "", err
	}
	own, err := client.NewLazyClient(client.Options{HostPort: l.temporal, Namespace: name, Logger: quiet{}})
	if err != nil {
		return "", err
	}
	defer own.Close()
	if !eventually(ctx, 30*time.Second, func() bool {
		_, err := own.DescribeTaskQueue(ctx, "sluice", 1)
		return err == nil
	}) {
		return "", errors.New("it cannot be used")
	}
	return name, nil
}

// quiet is a Temporal client without a log.
type quiet struct{}

// Debug, Info, Warn and Error implement Temporal's log.Logger.
func (quiet) Debug(string, ...any) {}

// Info is described at Debug.
func (quiet) Info(string, ...any) {}

// Warn is described at Debug.
func (quiet) Warn(string, ...any) {}

// Error is described at Debug.
func (quiet) Error(string, ...any) {}
