package tracing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// interceptors trace starts, runs and activities. Temporal's own does the tracing; around
// it a run is told once, however often it is replayed, and errors are told by their type.
func interceptors(t trace.Tracer) []interceptor.ClientInterceptor {
	return []interceptor.ClientInterceptor{interceptor.NewTracingInterceptor(newTracer(t)), &told{}}
}

// tracer is Temporal's, but for the spans that it starts.
type tracer struct {
	interceptor.Tracer
	options opentelemetry.TracerOptions
}

func newTracer(t trace.Tracer) tracer {
	inner := tracer{options: opentelemetry.TracerOptions{
		Tracer: t,
		// Metrics and the Temporal UI query all the time.
		DisableQueryTracing: true,
		// Baggage is anybody's text; it would be kept in histories.
		DisableBaggage: true, TextMapPropagator: propagation.TraceContext{},
		// A header that cannot be read must not stop a run.
		AllowInvalidParentSpans: true,
	}}
	inner.Tracer, _ = opentelemetry.NewTracer(inner.options) // which fails for nothing
	return inner
}

// StartSpan implements interceptor.Tracer.
func (t tracer) StartSpan(o *interceptor.TracerStartSpanOptions) (interceptor.TracerSpan, error) {
	options := t.options
	options.SpanStarter = func(ctx context.Context, t trace.Tracer, name string, further ...trace.SpanStartOption) trace.Span {
		_, span := t.Start(withKey(ctx, keyOf(o)), name, further...)
		return &discreet{Span: span}
	}
	one, err := opentelemetry.NewTracer(options)
	if err != nil {
		return nil, err
	}
	return one.StartSpan(o)
}

// keyOf names what is started again whenever a run is replayed, the same every time; ""
// for what is not. The SDK's own key counts, and counts signals only where they are new.
func keyOf(o *interceptor.TracerStartSpanOptions) string {
	switch o.Operation {
	case "RunWorkflow":
		return o.Operation + "/" + o.Tags["temporalRunID"]
	case "HandleUpdate":
		return o.Operation + "/" + o.Tags["temporalRunID"] + "/" + o.Tags["temporalUpdateID"]
	default:
		return ""
	}
}

type spanKey struct{}

func withKey(ctx context.Context, key string) context.Context {
	if key == "" {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, key)
}

// ids are random, but for spans with a key: a worker that takes over a run goes on under
// the span that the steps before it have for their parent.
type ids struct{}

var _ sdktrace.IDGenerator = ids{}

// NewIDs implements sdktrace.IDGenerator.
func (ids) NewIDs(ctx context.Context) (t trace.TraceID, s trace.SpanID) {
	if key, ok := ctx.Value(spanKey{}).(string); ok {
		sum := sha256.Sum256([]byte("trace/" + key))
		copy(t[:], sum[:])
	}
	for !t.IsValid() {
		binary.NativeEndian.PutUint64(t[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(t[8:], rand.Uint64())
	}
	return t, ids{}.NewSpanID(ctx, t)
}

// NewSpanID implements sdktrace.IDGenerator.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) (s trace.SpanID) {
	if key, ok := ctx.Value(spanKey{}).(string); ok {
		sum := sha256.Sum256([]byte("span/" + key))
		copy(s[:], sum[:])
	}
	for !s.IsValid() {
		binary.NativeEndian.PutUint64(s[:], rand.Uint64())
	}
	return s
}

// discreet is a span that tells errors by their type: their text may be what histories
// keep sealed.
type discreet struct {
	trace.Span
	untold bool // until it comes to its end for the first time
	fine   bool // the error that ended it is no failure
}

// RecordError implements trace.Span.
func (d *discreet) RecordError(err error, _ ...trace.EventOption) {
	if err == nil {
		return
	}
	if d.fine = workflow.IsContinueAsNewError(err); !d.fine {
		d.SetAttributes(attribute.String("error.type", typeOf(err)))
	}
}

// SetStatus implements trace.Span.
func (d *discreet) SetStatus(code codes.Code, _ string) {
	if !d.fine {
		d.Span.SetStatus(code, "")
	}
}

// End implements trace.Span.
func (d *discreet) End(o ...trace.SpanEndOption) {
	if !d.untold {
		d.Span.End(o...)
	}
}

// typeOf is the type that code gave the error, which is one of few words.
func typeOf(err error) string {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok && e.Type() != "" {
		return e.Type()
	}
	return fmt.Sprintf("%T", err)
}

// told has spans of workflows told once, and of activities what they came to.
type told struct{ interceptor.InterceptorBase }

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (*told) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &run{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

// run is a workflow, within its span.
type run struct {
	interceptor.WorkflowInboundInterceptorBase
}

// ExecuteWorkflow implements interceptor.WorkflowInboundInterceptor.
func (r *run) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	return once(ctx, func() (any, error) { return r.Next.ExecuteWorkflow(ctx, in) })
}

// ExecuteUpdate implements interceptor.WorkflowInboundInterceptor.
func (r *run) ExecuteUpdate(ctx workflow.Context, in *interceptor.UpdateInput) (any, error) {
	return once(ctx, func() (any, error) { return r.Next.ExecuteUpdate(ctx, in) })
}

// once has the span told by who comes to the end of what it is about. It is not told by a
// worker that forgets the run while it waits, which ends its code without a return, nor
// by one that only looks back.
func once(ctx workflow.Context, do func() (any, error)) (any, error) {
	span, _ := opentelemetry.SpanFromWorkflowContext(ctx)
	d, ok := span.(*discreet)
	if !ok {
		return do()
	}
	d.untold = true
	result, err := do()
	d.untold = workflow.IsReplaying(ctx)
	return result, err
}
