package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
	"github.com/sluicehq/sluice/workflows"
)

// requireTold holds what the registry tells under the names.
func requireTold(t *testing.T, r *prometheus.Registry, want string, names ...string) {
	t.Helper()
	require.NoError(t, testutil.GatherAndCompare(r, strings.NewReader(want), names...))
}

func TestCallsAreCountedByServiceAndOutcome(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	c := NewCalls(r)
	header := http.Header{}
	header.Set("X-HubSpot-RateLimit-Daily-Remaining", "17")
	c.Called(outbound.Call{Service: "hubspot", Outcome: outbound.Answered, Sent: true, Elapsed: time.Second, Header: header})
	c.Called(outbound.Call{Service: "pdl", Outcome: outbound.SkippedBreaker})
	requireTold(t, r, `
# HELP sluice_calls_total Calls to services, by how they ended; skipped ones were not sent.
# TYPE sluice_calls_total counter
sluice_calls_total{outcome="answered",service="hubspot"} 1
sluice_calls_total{outcome="skipped_breaker",service="pdl"} 1
# HELP sluice_crm_calls_left Calls that the CRM said are left, in its short window and in the day, within the last ten minutes.
# TYPE sluice_crm_calls_left gauge
sluice_crm_calls_left{window="day"} 17
`, "sluice_calls_total", "sluice_crm_calls_left")
	require.Equal(t, 1, testutil.CollectAndCount(c.seconds), "a call that was not sent took no time")
	c.left.now = func() time.Time { return time.Now().Add(remembered) }
	require.Zero(t, testutil.CollectAndCount(c.left), "what it said long ago is no longer so")
}

func TestBreakersAreCountedInTheStateThatTheyAreIn(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	c := NewCalls(r)
	c.Moved("hubspot", "", "closed") // one for searches
	c.Moved("hubspot", "", "closed")
	c.Moved("hubspot", "closed", "open")
	requireTold(t, r, `
# HELP sluice_breakers Circuit breakers of this process, by service and state.
# TYPE sluice_breakers gauge
sluice_breakers{service="hubspot",state="closed"} 1
sluice_breakers{service="hubspot",state="half-open"} 0
sluice_breakers{service="hubspot",state="open"} 1
`, "sluice_breakers")
}

func TestTheSDKMayTellOneMetricWithDifferentTags(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	h := NewSDK(r).Handler().WithTags(map[string]string{"namespace": "sales", "client_name": "temporal_go", "task_queue": "none"})
	h.Counter("temporal_request").Inc(2)
	h.WithTags(map[string]string{"operation": "Poll"}).Counter("temporal_request").Inc(1)
	h.WithTags(map[string]string{"operation": "Poll"}).Counter("temporal_request").Inc(1)
	h.Counter("temporal_local_activity_total").Inc(1)
	h.Gauge("temporal_num_pollers").Update(3)
	h.Timer("temporal_request_latency").Record(20 * time.Millisecond)
	const help = " As Temporal's SDK metrics reference has it.\n"
	requireTold(t, r, `
# HELP temporal_local_activity_total`+help+`# TYPE temporal_local_activity_total counter
temporal_local_activity_total{namespace="sales"} 1
# HELP temporal_num_pollers`+help+`# TYPE temporal_num_pollers gauge
temporal_num_pollers{namespace="sales"} 3
# HELP temporal_request_total`+help+`# TYPE temporal_request_total counter
temporal_request_total{namespace="sales"} 2
temporal_request_total{namespace="sales",operation="Poll"} 2
`, "temporal_local_activity_total", "temporal_num_pollers", "temporal_request_total")
	count, err := testutil.GatherAndCount(r, "temporal_request_latency_seconds")
	require.NoError(t, err)
	require.Equal(t, 1, count)
}

// done is an activity that came to something.
type done struct {
	interceptor.ActivityInboundInterceptorBase
	result any
	err    error
}

func (d done) ExecuteActivity(context.Context, *interceptor.ExecuteActivityInput) (any, error) {
	return d.result, d.err
}

func TestWorkIsCountedByWhatActivitiesCameTo(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	w := NewWork(r)
	run := func(in, result any, err error) {
		_, got := w.InterceptActivity(t.Context(), &done{result: result, err: err}).
			ExecuteActivity(t.Context(), &interceptor.ExecuteActivityInput{Args: []any{in}})
		require.Equal(t, err, got)
	}
	apollo := activities.AskInput{Provider: "apollo"}
	run(apollo, activities.AskResult{Outcome: outbound.Found, Credits: 1.5}, nil)
	run(apollo, activities.AskResult{}, temporal.NewNonRetryableApplicationError("open", activities.CircuitOpen, nil))
	run(apollo, activities.AskResult{}, temporal.NewApplicationError("slow", string(outbound.Throttled)))
	run(apollo, activities.AskResult{}, temporal.NewApplicationError("acme.example", "something of acme.example"))
	run(apollo, activities.AskResult{}, errors.New("no database"))
	run(activities.FinishInput{Status: "completed"}, nil, nil)
	run(activities.FinishInput{Status: "running"}, nil, nil)
	run(activities.FinishInput{Status: "failed", Stage: "effects"}, nil, errors.New("not on record"))
	run(activities.FinishInput{Status: "failed", Stage: "enrich"}, nil, nil)
	run(activities.FinishInput{Status: "failed", Stage: "waiting: pdl circuit"}, nil, nil)
	requireTold(t, r, `
# HELP sluice_answers_total What asking a provider for a company came to, skips and cached answers included.
# TYPE sluice_answers_total counter
sluice_answers_total{outcome="error",provider="apollo"} 2
sluice_answers_total{outcome="found",provider="apollo"} 1
sluice_answers_total{outcome="skipped_breaker",provider="apollo"} 1
sluice_answers_total{outcome="throttled",provider="apollo"} 1
# HELP sluice_credits_total Credits that answers cost, by provider.
# TYPE sluice_credits_total counter
sluice_credits_total{provider="apollo"} 1.5
# HELP sluice_runs_total Runs of companies that ended, by status, and failed ones by the stage in which they did.
# TYPE sluice_runs_total counter
sluice_runs_total{stage="",status="completed"} 1
sluice_runs_total{stage="",status="refused"} 0
sluice_runs_total{stage="contacts",status="failed"} 0
sluice_runs_total{stage="effects",status="failed"} 0
sluice_runs_total{stage="enrich",status="failed"} 1
sluice_runs_total{stage="identify",status="failed"} 0
sluice_runs_total{stage="other",status="failed"} 1
`, "sluice_answers_total", "sluice_credits_total", "sluice_runs_total")
}

// effectStore is a store in which an effect has been tried before.
type effectStore struct {
	activities.Store
	before store.Effect
	broken error
}

func (s effectStore) TryEffect(context.Context, store.Attempt) (store.Effect, error) {
	return s.before, s.broken
}

func (s effectStore) FinishEffect(context.Context, store.Done) error {
	return s.broken
}

func (s effectStore) TryEffects(_ context.Context, all []store.Attempt) (map[string]store.Effect, error) {
	begun := map[string]store.Effect{}
	for _, a := range all {
		begun[a.Key] = s.before
	}
	return begun, s.broken
}

func (s effectStore) FinishEffects(context.Context, []store.Done) error { return s.broken }

func (s effectStore) FailEffect(context.Context, string, string) error { return s.broken }

func TestEffectsAreCountedByKindAndEnd(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	w := NewWork(r)
	const note, properties = "sluice:hubspot/8100/512/note/Tier 1", "sluice:hubspot/8100/512/properties"
	try := func(before store.Effect, broken error, key string) activities.Store {
		s := w.Store(effectStore{before: before, broken: broken})
		_, err := s.TryEffect(t.Context(), store.Attempt{Key: key, Kind: crm.NoteEffect})
		require.Equal(t, broken, err)
		return s
	}
	require.NoError(t, try(store.Effect{}, nil, note).FinishEffect(t.Context(), store.Done{Key: note, CRMID: "1"}))
	require.NoError(t, try(store.Effect{Attempts: 1, State: "trying"}, nil, note).FailEffect(t.Context(), note, "no"))
	require.NoError(t, try(store.Effect{Attempts: 1, State: "done"}, nil, properties).FinishEffect(t.Context(), store.Done{Key: properties}))
	down := errors.New("no database")
	require.Equal(t, down, try(store.Effect{}, down, note).FinishEffect(t.Context(), store.Done{Key: note}))
	require.InDelta(t, 1, testutil.ToFloat64(w.effects.WithLabelValues("note", "done")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(w.effects.WithLabelValues("note", "failed")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(w.effects.WithLabelValues("properties", "done")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(w.retries.WithLabelValues("note")), 0)
	require.InDelta(t, 0, testutil.ToFloat64(w.retries.WithLabelValues("properties")), 0, "a new write, not another attempt")
	require.Equal(t, "other", kindOf("something else"))
}

func TestEffectsOfABulkRescoreAreCountedAsOthersAre(t *testing.T) {
	t.Parallel()
	w := NewWork(prometheus.NewRegistry())
	const one, two = "sluice:hubspot/8100/512/properties", "sluice:hubspot/8100/513/properties"
	s := w.Store(effectStore{before: store.Effect{Attempts: 1, State: "trying"}})
	_, err := s.TryEffects(t.Context(), []store.Attempt{{Key: one}, {Key: two}})
	require.NoError(t, err)
	require.NoError(t, s.FinishEffects(t.Context(), []store.Done{{Key: one}, {Key: two}}))
	require.Error(t, w.Store(effectStore{broken: errors.New("no database")}).FinishEffects(t.Context(), []store.Done{{Key: one}}))
	require.InDelta(t, 2, testutil.ToFloat64(w.retries.WithLabelValues("properties")), 0)
	require.InDelta(t, 2, testutil.ToFloat64(w.effects.WithLabelValues("properties", "done")), 0)
}

func TestWhatIsReadElsewhereIsReadOnceInAWhile(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	reads, broken := 0, error(nil)
	c := &cached{name: "postgres", keep: time.Hour, read: func(context.Context) ([]prometheus.Metric, error) {
		reads++
		return []prometheus.Metric{is(stuck, 3)}, broken
	}}
	r.MustRegister(c)
	for range 3 {
		requireTold(t, r, `
# HELP sluice_monitor_up Whether a source of metrics could be read: 1 or 0. What it tells is left out while it is 0.
# TYPE sluice_monitor_up gauge
sluice_monitor_up{source="postgres"} 1
# HELP sluice_runs_stuck Workflows under way whose workflow task keeps failing.
# TYPE sluice_runs_stuck gauge
sluice_runs_stuck 3
`)
	}
	require.Equal(t, 1, reads)
	c.at, broken = time.Time{}, errors.New("down")
	require.InDelta(t, 0, up(t, r), 0)
	count, err := testutil.GatherAndCount(r, "sluice_runs_stuck")
	require.NoError(t, err)
	require.Zero(t, count, "what is not known is not told")
}

func up(t *testing.T, r *prometheus.Registry) float64 {
	t.Helper()
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "sluice_monitor_up" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("sluice_monitor_up is not told")
	return 0
}

// record is a database with budgets.
type record struct{}

func (record) Counters(_ context.Context, scopes []string) ([]store.Counter, error) {
	var all []store.Counter
	for _, s := range scopes {
		if strings.HasPrefix(s, "provider:pdl:") {
			all = append(all, store.Counter{Scope: s, Spent: 30, Bound: 100})
		}
	}
	return all, nil
}

func (record) Closures(context.Context) ([]store.Closure, error) {
	return []store.Closure{{Provider: "pdl", Outcome: outbound.QuotaExhausted}}, nil
}

func (record) CountUnanswered(context.Context) (int, error) { return 2, nil }

func (record) Releases(context.Context, string, int) ([]store.Release, error) {
	return []store.Release{
		{State: store.Shadow, Stopped: "guard: 400 of 1000 accounts would change tier"},
		{State: store.AB, Stopped: "the CRM refuses it"},
		{State: store.Backtested},
		{State: store.Shadow, Paused: true},
		{State: store.Shadow},
		{State: store.Active, EndedAt: time.Now()},
		{State: store.RejectedRelease, Stopped: "guard: that was then", EndedAt: time.Now()},
	}, nil
}

func (record) Server(context.Context) (store.Server, error) {
	return store.Server{Bytes: 5, Connections: 3, MaxConnections: 10}, nil
}

func TestReleasesTellWhereTheyStandAndWhatTheyWaitFor(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	Record{Store: record{}}.Register(r)
	requireTold(t, r, `
# HELP sluice_releases Releases of models that are under way, by state.
# TYPE sluice_releases gauge
sluice_releases{state="ab"} 1
sluice_releases{state="active"} 0
sluice_releases{state="backtested"} 1
sluice_releases{state="draft"} 0
sluice_releases{state="rolled_back"} 0
sluice_releases{state="shadow"} 3
sluice_releases{state="signed_off"} 0
sluice_releases{state="validated"} 0
sluice_releases{state="withdrawn"} 0
# HELP sluice_releases_waiting Releases that wait for a person, by why: sign-off, paused, guard, or failure.
# TYPE sluice_releases_waiting gauge
sluice_releases_waiting{reason="failure"} 1
sluice_releases_waiting{reason="guard"} 1
sluice_releases_waiting{reason="paused"} 1
sluice_releases_waiting{reason="sign-off"} 1
`, "sluice_releases", "sluice_releases_waiting")
}

func TestBudgetsTellWhatIsLeftOfToday(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	Record{
		Store: record{}, Providers: []string{"apollo", "pdl"},
		Budgets: waterfall.Budgets{Company: 10, Day: 1000, Provider: map[string]float64{"pdl": 50}},
	}.Register(r)
	requireTold(t, r, `
# HELP sluice_budget_credits Credits that a budget of this day allows: day, or a provider's.
# TYPE sluice_budget_credits gauge
sluice_budget_credits{budget="day"} 1000
sluice_budget_credits{budget="provider:pdl"} 50
# HELP sluice_budget_left_credits Credits that are neither spent nor set aside in a budget of this day.
# TYPE sluice_budget_left_credits gauge
sluice_budget_left_credits{budget="day"} 1000
sluice_budget_left_credits{budget="provider:pdl"} 20
# HELP sluice_provider_closed Whether a provider is closed for everybody: its key was refused, or its credits are used up.
# TYPE sluice_provider_closed gauge
sluice_provider_closed{provider="apollo",reason="auth_failed"} 0
sluice_provider_closed{provider="apollo",reason="quota_exhausted"} 0
sluice_provider_closed{provider="pdl",reason="auth_failed"} 0
sluice_provider_closed{provider="pdl",reason="quota_exhausted"} 1
`, "sluice_budget_credits", "sluice_budget_left_credits", "sluice_provider_closed")
}

// database answers as a test says.
type database struct{ down, behind error }

func (d database) Ping(context.Context) error        { return d.down }
func (d database) CheckSchema(context.Context) error { return d.behind }

// engine is a Temporal that answers one question.
type engine struct {
	client.Client
	asked *service
}

func (e engine) WorkflowService() workflowservice.WorkflowServiceClient { return e.asked }

type service struct {
	workflowservice.WorkflowServiceClient
	err error
}

func (s *service) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest, ...grpc.CallOption) (*workflowservice.DescribeNamespaceResponse, error) {
	return nil, s.err
}

func TestReadySaysWhatIsMissingAndNothingElse(t *testing.T) {
	t.Parallel()
	canary := errors.New("canary")
	tests := []struct {
		name     string
		polling  bool
		database database
		temporal error
		want     string // "": ready
	}{
		{"all is there", true, database{}, nil, ""},
		{"a worker that stops", false, database{}, nil, "not ready: the worker does not poll: it is starting, or stops"},
		{"no Postgres", true, database{down: canary}, nil, "not ready: Postgres does not answer"},
		{"an old schema", true, database{behind: canary}, nil, "not ready: the database schema is behind this program: run `starter migrate`"},
		{"no Temporal", true, database{}, canary, "not ready: Temporal does not answer"},
		{"no namespace", true, database{}, serviceerror.NewNamespaceNotFound("sales"), "not ready: Temporal has no namespace sales"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var polling atomic.Bool
			polling.Store(tt.polling)
			ready := Ready{Store: tt.database, Temporal: engine{asked: &service{err: tt.temporal}}, Namespace: "sales", Polling: &polling}
			server := NewServer(ready, NewRegistry())
			w := httptest.NewRecorder()
			server.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if tt.want == "" {
				require.Equal(t, http.StatusNoContent, w.Code)
			} else {
				require.Equal(t, http.StatusServiceUnavailable, w.Code)
				require.JSONEq(t, `{"detail": "`+tt.want+`"}`, w.Body.String())
			}
			w = httptest.NewRecorder()
			server.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
			require.Equal(t, http.StatusNoContent, w.Code)
			w = httptest.NewRecorder()
			server.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			require.Contains(t, w.Body.String(), "go_goroutines")
		})
	}
}

// rescoring is a Temporal with a plan and two bulk re-scores under way, one of which nobody
// answers for.
type rescoring struct{ client.Client }

func (rescoring) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	var all workflowservice.ListWorkflowExecutionsResponse
	for _, kind := range []string{"ShadowScore", "BulkRescore", "BulkRescore"} {
		all.Executions = append(all.Executions, &workflowpb.WorkflowExecutionInfo{
			Type: &commonpb.WorkflowType{Name: kind}, Execution: &commonpb.WorkflowExecution{WorkflowId: fmt.Sprint(kind, len(all.Executions))},
		})
	}
	return &all, nil
}

func (rescoring) QueryWorkflow(_ context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
	statuses := map[string]any{
		"ShadowScore0": workflows.ShadowStatus{Total: 100, Planned: 60},
		"BulkRescore1": workflows.RescoreStatus{Stage: 2, Total: 80, Done: 7},
	}
	if statuses[id] == nil {
		return nil, errors.New("no worker")
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(statuses[id])
	return client.NewValue(payloads), err
}

func TestABulkRescoreTellsHowFarEachStepIs(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	e := Engine{Temporal: rescoring{}}
	register(r, "temporal_rescore", e.rescore)
	requireTold(t, r, `
# HELP sluice_rescore_accounts Accounts that a step of a bulk re-score under way goes through at most; 0 while none is.
# TYPE sluice_rescore_accounts gauge
sluice_rescore_accounts{step="effects"} 80
sluice_rescore_accounts{step="last pass"} 0
sluice_rescore_accounts{step="plan"} 100
sluice_rescore_accounts{step="publish"} 0
# HELP sluice_rescore_done Accounts that a step of a bulk re-score under way has gone through.
# TYPE sluice_rescore_done gauge
sluice_rescore_done{step="effects"} 7
sluice_rescore_done{step="last pass"} 0
sluice_rescore_done{step="plan"} 60
sluice_rescore_done{step="publish"} 0
`, "sluice_rescore_accounts", "sluice_rescore_done")
}
