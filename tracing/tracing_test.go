package tracing

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/workflows"
)

// kept keeps the spans that end.
func kept() (Traces, *tracetest.InMemoryExporter) {
	out := tracetest.NewInMemoryExporter()
	return newTraces(sdktrace.WithSyncer(out)), out
}

func TestRunsRecordedWithoutTracesReplayWithThemAndTellNothing(t *testing.T) {
	t.Parallel()
	histories, err := filepath.Glob("../workflows/testdata/replay/v4-*.json")
	require.NoError(t, err)
	require.NotEmpty(t, histories)
	for _, h := range histories {
		t.Run(filepath.Base(h), func(t *testing.T) {
			t.Parallel()
			traces, out := kept()
			var options worker.WorkflowReplayerOptions
			for _, i := range interceptors(traces.Tracer()) {
				options.Interceptors = append(options.Interceptors, i.(interceptor.WorkerInterceptor))
			}
			r, err := worker.NewWorkflowReplayerWithOptions(options)
			require.NoError(t, err)
			workflows.Register(r)
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h))
			require.Empty(t, out.GetSpans(), "what is only replayed was told when it happened")
		})
	}
}

func TestASpanTellsErrorsByTheirType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string // error.type; "" for no failure
	}{
		{"ours", errors.New("canary@acme.example is in the way"), "*errors.errorString"},
		{"of an activity", temporal.NewApplicationError("canary", "provider_error"), "provider_error"},
		{"the next part of a long run", &workflow.ContinueAsNewError{}, ""},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			traces, out := kept()
			span, err := newTracer(traces.Tracer()).StartSpan(&interceptor.TracerStartSpanOptions{Operation: "RunActivity", Name: "Ask"})
			require.NoError(t, err)
			span.Finish(&interceptor.TracerFinishSpanOptions{Error: tt.err})
			got := out.GetSpans()[0]
			require.Empty(t, got.Events, "an event would have the error's text")
			require.Empty(t, got.Status.Description)
			if tt.want == "" {
				require.Equal(t, codes.Unset, got.Status.Code)
				require.Empty(t, got.Attributes)
				return
			}
			require.Equal(t, codes.Error, got.Status.Code)
			require.Equal(t, tt.want, got.Attributes[0].Value.AsString())
		})
	}
}

func TestARunKeepsItsSpanWhoeverGoesOnWithIt(t *testing.T) {
	t.Parallel()
	start := func(operation, runID string) trace.SpanContext {
		traces, out := kept() // a worker of its own
		span, err := newTracer(traces.Tracer()).StartSpan(&interceptor.TracerStartSpanOptions{
			Operation: operation, Name: "X", Tags: map[string]string{"temporalRunID": runID},
		})
		require.NoError(t, err)
		span.Finish(&interceptor.TracerFinishSpanOptions{})
		return out.GetSpans()[0].SpanContext
	}
	first, again, another := start("RunWorkflow", "1"), start("RunWorkflow", "1"), start("RunWorkflow", "2")
	require.Equal(t, first, again)
	require.NotEqual(t, first.SpanID(), another.SpanID())
	require.NotEqual(t, first.TraceID(), another.TraceID())
	attempt, next := start("RunActivity", "1"), start("RunActivity", "1")
	require.NotEqual(t, attempt.SpanID(), next.SpanID(), "each attempt is another one")
}

func TestTracesAreOffUnlessTheEnvironmentNamesACollector(t *testing.T) {
	tests := []struct {
		name        string
		environment map[string]string
		on          bool
		want        string // in the error
	}{
		{name: "nothing"},
		{name: "a collector", environment: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, on: true},
		{name: "one for traces", environment: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, on: true},
		{name: "the default one", environment: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, on: true},
		{name: "by gRPC", environment: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, on: true},
		{name: "no traces to it", environment: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}},
		{name: "switched off", environment: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}},
		{name: "another exporter", environment: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, want: "OTEL_TRACES_EXPORTER"},
		{name: "another protocol", environment: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, want: "grpc"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SDK_DISABLED"} {
				t.Setenv(name, tt.environment[name])
			}
			traces, err := Start(t.Context(), "sluice-test", zap.NewNop())
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			defer traces.Stop()
			require.Equal(t, tt.on, traces.Tracer() != nil)
			var o client.Options
			traces.Temporal(&o)
			require.Equal(t, tt.on, len(o.Interceptors) > 0, "without traces nothing is in the way")
		})
	}
}
