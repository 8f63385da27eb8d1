// Package tracing follows one piece of work through all of Sluice: the request that came
// in, the workflow that it started, each of its steps, each call that these made. Spans go
// to whichever collector the standard OTEL_* variables name; without one there are none,
// and nothing is in the way.
//
// A span says how long something took and what it came to, in words that Sluice has
// itself: names of services, providers, tiers, outcomes, and the ids of runs. What was
// sent, received or said about it by an error stays out: no URL, no body, no message.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/outbound"
)

// Traces is where the spans of a process go; the zero value drops them.
type Traces struct{ provider *sdktrace.TracerProvider }

// Start begins to trace, where the environment says to where. Service is what the
// process is called there, unless OTEL_SERVICE_NAME says otherwise. What cannot be
// exported is said in the log, and lost.
func Start(ctx context.Context, service string, log *zap.Logger) (Traces, error) {
	wanted, err := wanted()
	if err != nil || !wanted {
		return Traces{}, err
	}
	exporter, err := newExporter(ctx)
	if err != nil {
		return Traces{}, fmt.Errorf("OTEL_EXPORTER_OTLP_*: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", service), attribute.String("service.version", version())), resource.WithFromEnv())
	if err != nil {
		return Traces{}, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&complaints{log: log})
	return newTraces(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about)), nil
}

// newTraces sends spans where the options say.
func newTraces(options ...sdktrace.TracerProviderOption) Traces {
	return Traces{provider: sdktrace.NewTracerProvider(append(options, sdktrace.WithIDGenerator(ids{}))...)}
}

// wanted reports whether the environment asks for traces.
func wanted() (bool, error) {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return false, nil
	}
	switch os.Getenv("OTEL_TRACES_EXPORTER") {
	case "none":
		return false, nil
	case "otlp":
		return true, nil
	case "":
		return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "", nil
	default:
		return false, errors.New("OTEL_TRACES_EXPORTER: want otlp or none")
	}
}

// newExporter returns the exporter of the protocol that is asked for, which reads the
// rest of the environment itself.
func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	protocol := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, errors.New("want http/protobuf or grpc as the protocol")
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// complaints logs what the exporter has to say, once in a while: a collector that is
// away is away for every batch.
type complaints struct {
	log *zap.Logger

	mu   sync.Mutex
	last time.Time
}

const quietFor = time.Minute

// Handle implements otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.last) > quietFor {
		c.last = now
		c.log.Warn("Traces do not get through and are lost", zap.Error(err), zap.String("next", "see OTEL_EXPORTER_OTLP_ENDPOINT"))
	}
}

// patience is for how long a process that ends waits for its last spans to leave.
const patience = 5 * time.Second

// Stop sends what has not been sent yet.
func (t Traces) Stop() {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// Tracer makes the spans of Sluice's own code; nil where there are none.
func (t Traces) Tracer() trace.Tracer {
	if t.provider == nil {
		return nil
	}
	return t.provider.Tracer("github.com/sluicehq/sluice")
}

// Calls has a client of a service trace its calls. The services are not told: a trace is
// nobody else's business.
func (t Traces) Calls() outbound.Option { return outbound.WithTracer(t.Tracer()) }

// Temporal has a client trace what it starts, and the workers on it what they run.
func (t Traces) Temporal(o *client.Options) {
	if t.provider == nil {
		return
	}
	o.Interceptors = append(o.Interceptors, interceptors(t.Tracer())...)
}
