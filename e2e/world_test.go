// Package e2e proves the product from the front door to the CRM: the built
// programs, a real Temporal, a real Postgres and real HTTP to the sandbox. Run it
// with `make test`, which builds the programs and brings the stack.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

// world is one Sluice installation of a test's own: a Temporal namespace, a
// database, a sandbox, and the programs that the test starts.
type world struct {
	t        testing.TB
	sandbox  *sandbox.Server
	temporal client.Client
	store    *store.Store
	env      []string
	dir      string

	worker      *process // where a test needs to know it
	setupWrites int      // of the CRM's ledger: those of crm setup
}

// pipeline is sluice.yaml for tests: the shipped order, no pace to speak of, and
// waits of seconds where production waits for minutes.
const pipeline = `
model: revops
providers:
  - {name: apollo, rate: 500, breaker: {failures: 5, cool_down: 2s}, timeout: 2s}
  - {name: clearbit, rate: 500, breaker: {failures: 5, cool_down: 2s}, timeout: 2s}
  - {name: hunter, rate: 500, breaker: {failures: 5, cool_down: 2s}, timeout: 2s}
  - {name: pdl, rate: 500, breaker: {failures: 5, cool_down: 2s}, timeout: 2s}
  - {name: builtwith, rate: 500, breaker: {failures: 5, cool_down: 2s}, timeout: 2s}
  - {name: website, rate: 500, breaker: {failures: 5, cool_down: 2s}, timeout: 2s}
late_fill: {returns: 20, within: 1h, wait: 2s}
crm: {rate: 1000, search_rate: 100}
routes:
  sdr-outreach:
    keep_owner: true
    owners: [{id: "201"}, {id: "202"}, {id: "203"}]
`

const webhookSecret = "canary-webhook-secret"

func newWorld(t testing.TB, o sandbox.Options) *world {
	t.Helper()
	address := os.Getenv("TEMPORAL_ADDRESS")
	require.NotEmpty(t, address, "no Temporal: run `make test`, or `bin/stack -- go test ./e2e`")
	server, err := sandbox.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close(context.Background()) })
	w := &world{t: t, sandbox: server, dir: t.TempDir()}
	url := storetest.URL(t)
	namespace := newNamespace(t, address)
	w.env = append(os.Environ(), server.Env()...)
	w.env = append(w.env,
		"SLUICE_DATABASE_URL="+url, "TEMPORAL_NAMESPACE="+namespace, "SLUICE_CRM=hubspot",
		"SLUICE_CONFIG="+w.write("sluice.yaml", pipeline), "SLUICE_LOG_LEVEL=info",
		"SLUICE_HUBSPOT_CLIENT_SECRET="+webhookSecret,
	)
	w.store, err = store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	w.temporal, err = client.Dial(client.Options{
		HostPort: address, Namespace: namespace, Logger: quiet{},
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}}, // as the product has it
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		defer w.temporal.Close()
		if t.Failed() {
			w.tellWhatRuns()
		}
	})
	w.starter("crm", "setup").ok()
	w.setupWrites = len(server.CRM.Ledger().Writes)
	return w
}

// namespace is the world's own in Temporal.
func (w *world) namespace() string { return w.variable("TEMPORAL_NAMESPACE") }

// variable is what the programs have in their environment.
func (w *world) variable(name string) string {
	for _, entry := range slices.Backward(w.env) {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			return v
		}
	}
	return ""
}

// newNamespace keeps tests apart: ids, queues and attributes are a namespace's own.
func newNamespace(t testing.TB, address string) string {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: address, Logger: quiet{}})
	require.NoError(t, err)
	defer c.Close()
	name := "e2e-" + strings.ToLower(rand.Text()[:12])
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	own, err := client.NewLazyClient(client.Options{HostPort: address, Namespace: name, Logger: quiet{}})
	require.NoError(t, err)
	defer own.Close()
	require.Eventually(t, func() bool { // Temporal's services learn of it one after the other
		_, err := own.DescribeTaskQueue(t.Context(), "sluice", 1)
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
	return name
}

func (w *world) write(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// program returns the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "bin", name))
	require.NoError(t, err)
	require.FileExists(t, path, "run `make build` first, as `make test` does")
	return path
}

// process is a program under way.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
	log *syncBuffer
}

func (w *world) start(name string, env []string, args ...string) *process {
	w.t.Helper()
	return w.startAt(name, program(w.t, name), env, args...)
}

// startAt starts the program at path.
func (w *world) startAt(name, path string, env []string, args ...string) *process {
	w.t.Helper()
	p := &process{t: w.t, cmd: exec.Command(path, args...), log: &syncBuffer{}}
	p.cmd.Env = append(append([]string{}, w.env...), env...)
	p.cmd.Stderr, p.cmd.Stdout = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(w.t, p.cmd.Start())
	w.t.Cleanup(func() {
		p.kill()
		if w.t.Failed() {
			w.t.Logf("%s printed:\n%s", name, tail(p.log.String(), 4000))
		}
	})
	return p
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// stop ends the process as an upgrade does: it finishes what it is doing.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(p.t, p.cmd.Wait(), tail(p.log.String(), 2000))
}

// startWorker returns a worker that is polling.
func (w *world) startWorker(env ...string) *process {
	w.t.Helper()
	return w.polls(w.start("worker", env))
}

// polls waits until the worker does.
func (w *world) polls(worker *process) *process {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return strings.Contains(worker.log.String(), "Worker is ready") },
		30*time.Second, 20*time.Millisecond, "the worker does not come up")
	return worker
}

// serve starts the front door and returns its URL. HubSpot's webhooks go there.
func (w *world) serve(env ...string) (string, *process) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	address := l.Addr().String()
	require.NoError(w.t, l.Close())
	return w.serveAt(address, env...)
}

func (w *world) serveAt(address string, env ...string) (string, *process) {
	w.t.Helper()
	url := "http://" + address
	p := w.start("starter", append([]string{"SLUICE_HTTP_ADDR=" + address, "SLUICE_PUBLIC_URL=" + url}, env...), "serve")
	require.Eventually(w.t, func() bool {
		res, err := http.Get(url + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusNoContent
	}, 30*time.Second, 20*time.Millisecond, "the front door does not open")
	return url, p
}

// result is what a command came to.
type result struct {
	t              testing.TB
	args           []string
	status         int
	stdout, stderr string
}

// starter runs one starter command to its end.
func (w *world) starter(args ...string) result {
	w.t.Helper()
	return w.starterWith(nil, args...)
}

func (w *world) starterWith(env []string, args ...string) result {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 45*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(w.t, "starter"), args...)
	cmd.Env = append(append([]string{}, w.env...), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the status says it
	return result{t: w.t, args: args, status: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

func (r result) ok() result {
	r.t.Helper()
	require.Zero(r.t, r.status, "starter %v: %s%s", r.args, r.stdout, r.stderr)
	return r
}

func (r result) json(v any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal([]byte(r.stdout), v), "starter %v printed: %s%s", r.args, r.stdout, r.stderr)
}

// imported is the summary that `company import --json` prints.
type imported struct {
	Rows, Started, Existing, Completed int
	Failed                             []struct{ Reason string }
	Refused                            []struct {
		Line          int
		Field, Reason string
	}
	Tiers         map[string]int
	Tasks         int
	ProviderCalls map[string]int `json:"provider_calls"`
	Credits       float64
	WallMS        int64 `json:"wall_ms"`
}

// importAll imports the domains and waits until they are through, late fill included.
func (w *world) importAll(domains []string, args ...string) imported {
	w.t.Helper()
	file := w.write("import-"+rand.Text()[:6]+".csv", "domain\n"+strings.Join(domains, "\n")+"\n")
	var s imported
	w.starter(append([]string{"company", "import", file, "--wait", "--json"}, args...)...).ok().json(&s)
	w.eventuallyWithin(10*time.Minute, "nobody waits any more", func() bool { return w.countRuns(`ExecutionStatus = 'Running'`) == 0 })
	return s
}

// domains returns the domains of the sandbox's companies, at most n.
func (w *world) domains(n int) []string {
	var out []string
	for _, c := range w.sandbox.Table().Companies() {
		if c.Domain != "" && len(out) < n {
			out = append(out, c.Domain)
		}
	}
	return out
}

// outcome is what became of an account, for comparing runs.
type outcome struct {
	Value, Low, High int
	Tier, Queue      string
}

// outcomes returns what became of each domain.
func (w *world) outcomes(domains []string) map[string]outcome {
	w.t.Helper()
	out := make(map[string]outcome, len(domains))
	for _, d := range domains {
		accounts, err := w.store.AccountsByDomain(w.t.Context(), d)
		require.NoError(w.t, err)
		require.Len(w.t, accounts, 1, d)
		row, err := w.store.LatestScore(w.t.Context(), accounts[0].ID)
		require.NoError(w.t, err, d)
		out[d] = outcome{row.Score.Value, row.Score.Low, row.Score.High, row.Score.Tier, row.Queue}
	}
	return out
}

// tier counts the accounts of a tier.
func tier(outcomes map[string]outcome, name string) int {
	n := 0
	for _, o := range outcomes {
		if o.Tier == name {
			n++
		}
	}
	return n
}

// syncBuffer takes a process's output while it is being read.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// quiet is a Temporal client without a log.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
