package e2e

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/deploy/monitoring"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
)

// freeAddress is one that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// get returns the status and the body of what is at url; 0 while nobody listens.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// samples are the lines of an exposition, by the name of their metric.
func samples(body string) map[string][]string {
	all := map[string][]string{}
	lines := bufio.NewScanner(strings.NewReader(body))
	for lines.Scan() {
		if name := regexp.MustCompile(`^[a-z_]+`).FindString(lines.Text()); name != "" {
			all[name] = append(all[name], lines.Text())
		}
	}
	return all
}

const monitored = pipeline + `
budgets: {company: 100, day: 10000}
signals: {targets: {tiers: [Tier 1, Tier 2, Tier 3, Not a fit]}}
`

func TestEveryMetricOfAlertsAndDashboardIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	address := freeAddress(t)
	w.env = append(w.env, "SLUICE_METRICS_ADDR="+address, "SLUICE_CONFIG="+w.write("monitored.yaml", monitored),
		"SLUICE_HUBSPOT_TOKEN=canary-token", "SLUICE_APOLLO_API_KEY=canary-key")
	w.startWorker()
	front, _ := w.serve()
	domains := w.domains(6)
	w.importAll(domains)
	w.starter("signals", "schedule").ok()
	// A sweep that fails tells of failures; one that waits for the CRM, of its progress.
	require.Equal(t, 1, w.starter("signals", "run", "--account", "nobody.example").status)
	res, err := http.Post(front+"/webhooks/hubspot", "application/json", strings.NewReader("[]"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{Outage: true}))
	require.NoError(t, w.temporal.ScheduleClient().GetHandle(t.Context(), "sluice-signals").Trigger(t.Context(), client.ScheduleTriggerOptions{}))

	w.eventually("the sweep is under way", func() bool { return w.countRuns(`WorkflowType = 'SourceSweep' AND ExecutionStatus = 'Running'`) > 0 })

	var told map[string][]string
	var all string
	missing := func() (names []string) {
		_, worker := get(t, "http://"+address+"/metrics")
		_, starter := get(t, front+"/metrics")
		all = worker + starter
		told = samples(all)
		for _, expr := range expressions(t) {
			used, err := monitoring.Metrics(expr)
			require.NoError(t, err)
			for _, name := range used {
				if told[name] == nil && !onlyWithTrouble[name] {
					names = append(names, name)
				}
			}
		}
		return names
	}
	require.Eventually(t, func() bool { return len(missing()) == 0 }, 40*time.Second, 500*time.Millisecond, "nobody tells %s", missing())

	require.Contains(t, all, `sluice_runs_total{stage="",status="completed"} 6`)
	require.Contains(t, all, `sluice_monitor_up{source="temporal_queues"} 1`)
	require.Contains(t, all, `sluice_sweep_accounts 6`)
	for _, domain := range domains {
		require.NotContains(t, all, domain, "a label names a company")
	}
	require.NotContains(t, all, "canary", "a metric holds a secret")
	documented, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	for name, lines := range told {
		if family := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, ""); strings.HasPrefix(name, "sluice_") {
			require.Contains(t, string(documented), "`"+family, "docs/operations.md says nothing of it")
		}
		if strings.HasPrefix(name, "sluice_") && !strings.HasSuffix(name, "_bucket") {
			require.Less(t, len(lines), 100, "%s has a label without a bound", name)
		}
	}
}

// onlyWithTrouble are metrics of Temporal's SDK that are there from the first trouble on.
var onlyWithTrouble = map[string]bool{"temporal_request_failure_total": true}

// expressions are those of all alerts and panels.
func expressions(t *testing.T) []string {
	t.Helper()
	rules, err := monitoring.Alerts()
	require.NoError(t, err)
	panels, err := monitoring.Dashboard()
	require.NoError(t, err)
	var all []string
	for _, r := range rules {
		all = append(all, r.Expr)
	}
	for _, p := range panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

func TestReadyMeansThatWorkCanBeDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	address := freeAddress(t)
	w.env = append(w.env, "SLUICE_METRICS_ADDR="+address)
	w.startWorker()
	front, _ := w.serve()
	for _, url := range []string{"http://" + address, front} {
		status, body := get(t, url+"/readyz")
		require.Equal(t, http.StatusNoContent, status, body)
		status, _ = get(t, url+"/healthz")
		require.Equal(t, http.StatusNoContent, status)
	}
	w.setSchemaBack()
	for _, url := range []string{"http://" + address, front} {
		status, body := get(t, url+"/readyz")
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "starter migrate")
		status, _ = get(t, url+"/healthz")
		require.Equal(t, http.StatusNoContent, status, "it is alive: to restart it would mend nothing")
	}
}

// setSchemaBack makes the database look like one that has missed the last migration.
func (w *world) setSchemaBack() {
	w.t.Helper()
	for _, entry := range slices.Backward(w.env) {
		url, ok := strings.CutPrefix(entry, "SLUICE_DATABASE_URL=")
		if !ok {
			continue
		}
		db, err := pgx.Connect(w.t.Context(), url)
		require.NoError(w.t, err)
		defer db.Close(context.Background())
		const q = `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`
		_, err = db.Exec(w.t.Context(), q)
		require.NoError(w.t, err)
		return
	}
}
