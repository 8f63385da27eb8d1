package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/monitor"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// well is what the doctor finds of a database server that is well.
var well = store.Server{
	Version: 170006, Fsync: "on", FullPageWrites: "on", Commit: "on", Checksums: "on", MaxConnections: 100, Connections: 10,
	Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC),
}

func TestDoctorSeesWhatIsWrongWithPostgres(t *testing.T) {
	t.Parallel()
	require.Empty(t, serverFindings(well, well.Now))
	tests := []struct {
		name          string
		spoil         func(*store.Server)
		check, status string
		want          string
	}{
		{"a clock that is off", func(s *store.Server) { s.Now = s.Now.Add(time.Minute) }, "postgres clock", warning, "1m0s"},
		{"a standby", func(s *store.Server) { s.ReadOnly = true }, "postgres role", broken, "standby"},
		{"an old version", func(s *store.Server) { s.Version = 120022 }, "postgres version", warning, "12"},
		{"no fsync", func(s *store.Server) { s.Fsync = "off" }, "postgres disk", warning, "fsync"},
		{"torn pages", func(s *store.Server) { s.FullPageWrites = "off" }, "postgres disk", warning, "full_page_writes"},
		{"commits that are forgotten", func(s *store.Server) { s.Commit = "off" }, "postgres disk", warning, "synchronous_commit"},
		{"few connections left", func(s *store.Server) { s.Connections = 81 }, "postgres connections", warning, "81 of 100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := well
			tt.spoil(&s)
			got := serverFindings(s, well.Now)
			require.Len(t, got, 1)
			require.Equal(t, [2]string{tt.check, tt.status}, [2]string{got[0].Check, got[0].Status})
			require.Contains(t, got[0].Detail, tt.want)
			require.NotEmpty(t, got[0].Fix)
		})
	}
}

func TestDoctorSeesQueuesThatNobodyPolls(t *testing.T) {
	t.Parallel()
	core := monitor.Queue{Name: workflows.TaskQueue, Workflow: true, Pollers: 2}
	pdl := monitor.Queue{Name: "provider-pdl"}
	configured := map[string]bool{workflows.TaskQueue: true, "provider-pdl": true}
	tests := []struct {
		name   string
		queues []monitor.Queue
		want   []finding
	}{
		{"all are served", []monitor.Queue{core}, []finding{{"task queues", fine, "1 are polled", ""}}},
		{"no worker", []monitor.Queue{{Name: workflows.TaskQueue}, pdl}, []finding{
			{"queue sluice", broken, "no worker polls it for activity tasks", "start a worker; its log says why it does not come up"},
		}},
		{"a worker without a key", []monitor.Queue{core, pdl}, []finding{
			{"task queues", warning, "no worker polls provider-pdl", "give the workers the environment that this command has, and restart them"},
			{"task queues", fine, "1 are polled", ""},
		}},
		{"a provider that is not configured here", []monitor.Queue{core, {Name: "provider-hunter"}}, []finding{{"task queues", fine, "1 are polled", ""}}},
		{"a backlog", []monitor.Queue{{Name: workflows.TaskQueue, Pollers: 1, Backlog: 7, Age: time.Hour}}, []finding{
			{"queue sluice", warning, "7 tasks wait, the oldest for 1h0m0s", "docs/runbooks.md#sluicequeueslow"},
			{"task queues", fine, "1 are polled", ""},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, queueFindings(tt.queues, configured))
		})
	}
}

// said is what `starter doctor --json` prints.
type said struct {
	Status   string
	Findings []finding
}

// of returns the findings of a check.
func (s said) of(check string) (all []finding) {
	for _, f := range s.Findings {
		if f.Check == check {
			all = append(all, f)
		}
	}
	return all
}

func TestDoctorReportsEachVariableAndShowsNoValue(t *testing.T) {
	for name, value := range map[string]string{
		"SLUICE_DATABASE_URL": "canary", "SLUICE_HTTP_ADDR": "canary", "SLUICE_METRICS_ADDR": "canary", "SLUICE_CONFIG": "/nowhere/sluice.yaml",
		"TEMPORAL_ADDRESS": "127.0.0.1:1",
	} {
		t.Setenv(name, value)
	}
	status, stdout, _ := callHere(t, "doctor", "--json")
	require.Equal(t, failed, status)
	require.NotContains(t, stdout, "canary")
	var s said
	require.NoError(t, json.Unmarshal([]byte(stdout), &s))
	require.Equal(t, broken, s.Status)
	require.Len(t, s.of("environment"), 3)
	require.Equal(t, broken, s.of("pipeline")[0].Status)
	require.Contains(t, s.of("temporal")[0].Detail, "no Temporal at 127.0.0.1:1")
	status, stdout, _ = callHere(t, "doctor")
	require.Equal(t, failed, status)
	require.Contains(t, stdout, "docs/operations.md")
}

// patient is a doctor with a sandbox and no Postgres or Temporal.
func patient(t *testing.T, o sandbox.Options) (*doctor, *sandbox.Server) {
	t.Helper()
	server, err := sandbox.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close(t.Context()) })
	for _, entry := range server.Env() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	t.Setenv("SLUICE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
	t.Setenv("SLUICE_CONFIG", filepath.Join("..", "sluice.yaml"))
	d := &doctor{app: &app{}}
	require.True(t, d.checkEnvironment())
	d.findings = nil
	return d, server
}

func TestDoctorSeesWhatIsWrongWithTheCRM(t *testing.T) {
	d, server := patient(t, sandbox.Options{})
	d.checkCRM(t.Context())
	s := said{Findings: d.findings}
	require.Equal(t, fine, s.of("crm key")[0].Status)
	require.Len(t, s.of("crm scope"), 3)
	require.Equal(t, broken, s.of("crm properties")[0].Status)
	require.Contains(t, s.of("crm properties")[0].Detail, "icp_fit_score missing")
	require.Equal(t, "`starter crm setup`", s.of("crm properties")[0].Fix)

	active, err := d.pipeline.ActiveModels(d.models)
	require.NoError(t, err)
	contacts, err := d.pipeline.ActiveContactModel(d.models)
	require.NoError(t, err)
	_, err = d.ensureProperties(t.Context(), d.models, active[0], contacts)
	require.NoError(t, err)
	writes := len(server.CRM.Ledger().Writes)
	d.findings = nil
	d.checkCRM(t.Context())
	s = said{Findings: d.findings}
	require.Equal(t, fine, s.of("crm properties")[0].Status, s.Findings)
	require.Len(t, server.CRM.Ledger().Writes, writes, "the doctor changes nothing")

	d.cfg.HubSpot.Portal, d.findings = "99", nil
	d.checkCRM(t.Context())
	require.Contains(t, d.findings[0].Detail, "SLUICE_HUBSPOT_PORTAL says 99")
	d.cfg.HubSpot.Portal = ""

	require.NoError(t, server.Faults.Set(crmsandbox.Service, fault.Fault{BadKey: true}))
	d.findings = nil
	d.checkCRM(t.Context())
	require.Len(t, d.findings, 1)
	require.Equal(t, broken, d.findings[0].Status)
	require.Contains(t, d.findings[0].Fix, "SLUICE_HUBSPOT_TOKEN")

	d.cfg.CRM, d.findings = "", nil
	d.checkCRM(t.Context())
	require.Equal(t, warning, d.findings[0].Status)
}

func TestDoctorSeesWhatIsWrongWithProviders(t *testing.T) {
	d, server := patient(t, sandbox.Options{})
	require.NoError(t, server.Faults.Set("apollo", fault.Fault{BadKey: true}))
	t.Setenv("SLUICE_CLEARBIT_API_KEY", "")
	t.Setenv("SLUICE_PDL_BASE_URL", "not a URL")
	want := map[string]string{"apollo": broken, "clearbit": warning, "hunter": fine, "pdl": broken, "builtwith": fine, "website": fine}
	for name, status := range want {
		d.findings = nil
		d.checkProvider(t.Context(), config.Provider{Name: name})
		require.Len(t, d.findings, 1, name)
		require.Equal(t, status, d.findings[0].Status, d.findings[0])
		require.Equal(t, status != fine, d.findings[0].Fix != "", name)
	}
}

func TestDoctorSeesWebhooksThatCannotWork(t *testing.T) {
	d, _ := patient(t, sandbox.Options{})
	look := func() said {
		d.findings = nil
		d.checkWebhooks(t.Context())
		return said{Findings: d.findings}
	}
	d.cfg.PublicURL = ""
	require.Contains(t, look().of("front door")[0].Detail, "SLUICE_PUBLIC_URL")
	d.cfg.PublicURL = "http://127.0.0.1:1"
	s := look()
	require.Len(t, s.of("webhooks"), 2, "neither https nor answered")
	d.cfg.HubSpot.ClientSecret = ""
	require.Contains(t, look().of("webhooks")[0].Fix, "SLUICE_HUBSPOT_CLIENT_SECRET")
	d.cfg.HTTPAddr = "0.0.0.0:8080"
	require.Contains(t, look().of("front door")[0].Detail, "SLUICE_API_TOKEN")
}

func TestDoctorSeesModelsThatCannotBeUsed(t *testing.T) {
	d, _ := patient(t, sandbox.Options{})
	d.checkModels(t.Context())
	require.Empty(t, d.findings, "without Postgres nobody knows which are active")
	file := filepath.Join(t.TempDir(), "sluice.yaml")
	require.NoError(t, os.WriteFile(file, []byte("model: revobs\nproviders: [{name: website}]\n"), 0o600))
	var err error
	d.pipeline, err = config.LoadPipeline(file)
	require.NoError(t, err)
	d.checkModels(t.Context())
	require.Equal(t, broken, d.findings[0].Status)
	require.Contains(t, d.findings[0].Detail, "revops", "it says what was meant")
}
