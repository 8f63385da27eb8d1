package outbound_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sluicehq/sluice/outbound"
)

func TestASpanSaysWhatCameOfACallAndNothingOfWhatWasAsked(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	var received http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received = r.Header
		w.WriteHeader(status)
		fmt.Fprint(w, "canary-body")
	}))
	out := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(out)).Tracer("test")
	c := outbound.New("atlas", server.URL, outbound.WithTracer(tracer), outbound.WithHeader("X-Key", "canary-key"))
	call := func(body any) (attributes map[string]string) {
		out.Reset()
		_ = c.Do(t.Context(), outbound.Request{Path: "/canary-path", Query: url.Values{"key": {"canary-key"}}, Body: body}, func(r outbound.Response) error {
			if r.Status != http.StatusOK {
				return r.FailStatus()
			}
			return nil
		})
		require.Len(t, out.GetSpans(), 1)
		span := out.GetSpans()[0]
		require.NotContains(t, fmt.Sprintf("%+v", span), "canary")
		require.Empty(t, span.Events)
		attributes = map[string]string{"name": span.Name, "status": span.Status.Code.String()}
		for _, a := range span.Attributes {
			attributes[string(a.Key)] = a.Value.String()
		}
		return attributes
	}
	require.Equal(t, map[string]string{
		"name": "GET atlas", "status": "Unset", "sluice.service": "atlas", "sluice.outcome": "answered",
		"http.request.method": "GET", "http.response.status_code": "200",
	}, call(nil))
	require.Equal(t, "canary-key", received.Get("X-Key"), "the call is the same")
	require.Empty(t, received.Get("Traceparent"), "a service learns nothing of the trace")
	status = http.StatusTooManyRequests
	require.Equal(t, map[string]string{
		"name": "POST atlas", "status": "Error", "sluice.service": "atlas", "sluice.outcome": "throttled",
		"http.request.method": "POST", "http.response.status_code": "429",
	}, call("canary"))
	server.Close()
	require.Equal(t, map[string]string{
		"name": "GET atlas", "status": "Error", "sluice.service": "atlas", "sluice.outcome": "provider_error", "http.request.method": "GET",
	}, call(nil))
}
