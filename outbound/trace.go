package outbound

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// WithTracer has t trace the calls that are sent. A span names the service and what came
// of the call, and nothing of what was asked: paths hold domains and ids, queries hold
// keys. The service is not told of the trace. Default and nil: nobody traces.
func WithTracer(t trace.Tracer) Option { return func(c *Client) { c.tracer = t } }

// traced sends a request within a span of its own.
func (c *Client) traced(ctx context.Context, req Request, read func(Response) error) error {
	if c.tracer == nil {
		return c.send(ctx, req, read)
	}
	method := req.method()
	name := strings.TrimSpace(method + " " + c.service + " " + req.Name)
	ctx, span := c.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("sluice.service", c.service), attribute.String("http.request.method", method)))
	defer span.End()
	err := c.send(ctx, req, func(r Response) error {
		span.SetAttributes(attribute.Int("http.response.status_code", r.Status))
		return read(r)
	})
	outcome := Answered
	if err != nil {
		outcome = OutcomeOf(err)
		span.SetStatus(codes.Error, "")
	}
	if outcome == "" {
		outcome = "given_up" // by the caller
	}
	span.SetAttributes(attribute.String("sluice.outcome", string(outcome)))
	return err
}

// method is the request's, or the default.
func (r Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Body != nil:
		return http.MethodPost
	default:
		return http.MethodGet
	}
}
