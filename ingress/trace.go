package ingress

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
)

// traced begins the span of a request; ended tells its status. The span names the route
// and not the path, in which companies and even secrets stand. It begins a trace of its
// own: a sender's trace, which anybody can make up, is linked to.
func (h *Handler) traced(r *http.Request) (ctx context.Context, ended func(status int)) {
	if h.tracer == nil {
		return r.Context(), func(int) {}
	}
	sender := trace.LinkFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header)))
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.route", r.Pattern), attribute.String("http.request.method", r.Method)),
	}
	if sender.SpanContext.IsValid() {
		options = append(options, trace.WithLinks(sender))
	}
	ctx, span := h.tracer.Start(r.Context(), r.Pattern, options...)
	return ctx, func(status int) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// logOf is the log, with the trace that ctx belongs to.
func (h *Handler) logOf(ctx context.Context) *zap.Logger {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		return h.log.With(zap.String("trace_id", span.TraceID().String()))
	}
	return h.log
}
