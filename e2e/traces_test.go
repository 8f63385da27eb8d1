package e2e

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/workflows"
)

// collector takes the spans that programs export, as a tracing backend does.
type collector struct {
	URL string

	mu       sync.Mutex
	spans    []*tracepb.Span
	services map[string]string // by span
	text     strings.Builder   // all that came, as text
}

func newCollector(t testing.TB) *collector {
	t.Helper()
	c := &collector{services: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var got collectorpb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &got)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.take(&got)
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *collector) take(got *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.WriteString(got.String())
	for _, of := range got.ResourceSpans {
		service := ""
		for _, a := range of.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, s)
				c.services[string(s.SpanId)] = service
			}
		}
	}
}

// all returns the spans that have come.
func (c *collector) all() []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// named returns the spans of a name.
func (c *collector) named(name string) []*tracepb.Span {
	return slices.DeleteFunc(c.all(), func(s *tracepb.Span) bool { return s.Name != name })
}

// service is what exported the span.
func (c *collector) service(s *tracepb.Span) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.services[string(s.SpanId)]
}

// said is all that has come, as text.
func (c *collector) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// path names the span and those above it, from the root on.
func (c *collector) path(s *tracepb.Span) string {
	byID := map[string]*tracepb.Span{}
	for _, each := range c.all() {
		byID[string(each.SpanId)] = each
	}
	var names []string
	for at := s; at != nil; at = byID[string(at.ParentSpanId)] {
		names = append([]string{at.Name}, names...)
		if len(at.ParentSpanId) > 0 && byID[string(at.ParentSpanId)] == nil {
			names = append([]string{"?"}, names...)
		}
	}
	return strings.Join(names, " > ")
}

// attribute returns one of a span's, as text.
func attribute(s *tracepb.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// listener stands before the sandbox, and remembers the headers of every call.
func (w *world) listener() (received func() []http.Header) {
	w.t.Helper()
	target, err := url.Parse(w.sandbox.URL)
	require.NoError(w.t, err)
	var mu sync.Mutex
	var all []http.Header
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		all = append(all, r.Header.Clone())
		mu.Unlock()
		proxy.ServeHTTP(rw, r)
	}))
	w.t.Cleanup(server.Close)
	for _, entry := range w.env {
		if name, _, _ := strings.Cut(entry, "="); strings.HasSuffix(name, "_BASE_URL") {
			w.env = append(w.env, strings.Replace(entry, w.sandbox.URL, server.URL, 1))
		}
	}
	return func() []http.Header {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func TestOneTraceReachesFromTheWebhookToTheCallsOfVendorsAndCRM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	c := newCollector(t)
	received := w.listener()
	w.env = append(w.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_BSP_SCHEDULE_DELAY=100", "SLUICE_HUBSPOT_PORTAL=8100")
	w.worker = w.startWorker()
	front, _ := w.serve()
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: front + "/webhooks/hubspot", Secret: webhookSecret})
	id := w.sandbox.CRM.AddCompany("", w.tierOne(), nil)
	status, err := w.sandbox.CRM.Deliver(t.Context(), w.sandbox.CRM.Created(id)...)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	const (
		request = "POST /webhooks/hubspot"
		run     = request + " > StartWorkflow:CompanyOnboarding > RunWorkflow:CompanyOnboarding"
	)
	w.eventually("the run is traced to its end", func() bool {
		return len(c.named("RunWorkflow:CompanyOnboarding")) == 1 && len(c.named(request)) == 1
	})
	require.Len(t, w.tasks(), 1)

	root := c.named(request)
	require.Len(t, root, 1)
	paths := map[string]int{}
	for _, s := range c.all() {
		require.Equal(t, root[0].TraceId, s.TraceId, "%s is in another trace", s.Name)
		paths[c.path(s)]++
	}
	require.Equal(t, 1, paths[run])
	ask := run + " > StartActivity:Ask > RunActivity:Ask"
	require.NotZero(t, paths[ask+" > GET apollo"], paths)
	require.NotZero(t, paths[run+" > StartActivity:Score > RunActivity:Score"], paths)
	require.Equal(t, 1, paths[run+" > StartActivity:Apply > RunActivity:Apply > POST hubspot tasks"], paths)
	for path := range paths {
		require.NotContains(t, path, "?", "a span whose parent is not there")
	}
	require.Equal(t, "Tier 1", attribute(c.named("RunActivity:Score")[0], "sluice.tier"))
	require.Equal(t, "completed", attribute(c.named("RunActivity:Finish")[0], "sluice.status"))
	asked := map[string]string{}
	for _, s := range c.named("RunActivity:Ask") {
		asked[attribute(s, "sluice.provider")] = attribute(s, "sluice.outcome")
	}
	require.Equal(t, "found", asked["apollo"])
	require.Equal(t, "sluice-starter", c.service(root[0]))
	require.Equal(t, "sluice-worker", c.service(c.named("RunWorkflow:CompanyOnboarding")[0]))

	require.NotEmpty(t, received())
	for _, header := range received() {
		for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
			require.Empty(t, header.Get(name), "a service is told of the trace")
		}
	}

	// A worker that looks back on the run tells nothing of it again, and one without
	// traces can take it over.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	workflowID := "company/hubspot/8100/" + id
	w.worker.kill()
	w.startWorker()
	_, err = w.temporal.QueryWorkflow(ctx, workflowID, "", workflows.StatusQuery)
	require.NoError(t, err)
	h := &historypb.History{Events: slices.Collect(w.events(ctx, workflowID))}
	require.NotEmpty(t, h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetHeader().GetFields()["_tracer-data"])
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	require.NoError(t, replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h))
	time.Sleep(300 * time.Millisecond) // three times as long as spans wait
	require.Len(t, c.named("RunWorkflow:CompanyOnboarding"), 1)
}

func TestATraceIsWholeWhenAnotherWorkerEndsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	c := newCollector(t)
	w.env = append(w.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_BSP_SCHEDULE_DELAY=60000", "SLUICE_HUBSPOT_PORTAL=8100")
	w.configure("apollo, rate: 500, breaker: {failures: 5, cool_down: 2s}", "apollo, rate: 500, breaker: {failures: 1, cool_down: 1s}")
	domain := w.tierOne()
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	first := w.startWorker()
	w.starter("company", "add", "--domain", domain).ok()
	w.eventually("the run waits", func() bool { return w.countRuns(`SluiceStage STARTS_WITH "waiting:"`) == 1 })
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, first.cmd.Wait(), "it sends its spans before it ends")
	require.NoError(t, w.sandbox.Faults.Clear("apollo"))
	second := w.startWorker()
	w.eventually("the run is done", func() bool { return w.completedRuns() == 1 })
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, second.cmd.Wait())

	const run = "StartWorkflow:CompanyOnboarding > RunWorkflow:CompanyOnboarding"
	paths := map[string]int{}
	for _, s := range c.all() {
		paths[c.path(s)]++
	}
	require.Equal(t, 1, paths[run], paths)
	require.GreaterOrEqual(t, paths[run+" > StartActivity:Score > RunActivity:Score"], 2, "before and after")
	for path := range paths {
		require.True(t, strings.HasPrefix(path, "StartWorkflow:"), "%s is not in the trace of the command", path)
	}
	require.Equal(t, "sluice-starter", c.service(c.named("StartWorkflow:CompanyOnboarding")[0]), "a command sends its spans before it ends")
}

func TestTheLogOfARequestNamesItsTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	c := newCollector(t)
	front, starter := w.serve("OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front+"/webhooks/hubspot", strings.NewReader("[]"))
	require.NoError(t, err)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	w.eventually("the request is traced", func() bool { return len(c.named("POST /webhooks/hubspot")) == 1 })
	span := c.named("POST /webhooks/hubspot")[0]
	require.Contains(t, starter.log.String(), `"trace_id":"`+hex.EncodeToString(span.TraceId)+`"`)
	require.Empty(t, span.ParentSpanId, "anybody can make up a trace")
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", hex.EncodeToString(span.Links[0].TraceId))
}
