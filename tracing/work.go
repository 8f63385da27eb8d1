package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/sluicehq/sluice/activities"
)

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*told) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &step{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

// step is an activity, within its span.
type step struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (s *step) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := s.Next.ExecuteActivity(ctx, in)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.Int("sluice.attempt", int(activity.GetInfo(ctx).Attempt)))
		for _, given := range in.Args {
			span.SetAttributes(about(given)...)
		}
		if err == nil {
			span.SetAttributes(about(result)...)
		}
	}
	return result, err
}

// about says in few words what an activity was given, or came to.
func about(v any) []attribute.KeyValue {
	switch v := v.(type) {
	case activities.AskInput:
		return []attribute.KeyValue{attribute.String("sluice.provider", v.Provider)}
	case activities.AskResult:
		return []attribute.KeyValue{attribute.String("sluice.outcome", string(v.Outcome)), attribute.Float64("sluice.credits", v.Credits)}
	case activities.ScoreResult:
		return []attribute.KeyValue{
			attribute.String("sluice.tier", v.Tier), attribute.Int("sluice.score", v.Value), attribute.Bool("sluice.provisional", v.Provisional),
			attribute.String("sluice.queue", v.Queue), attribute.String("sluice.model", v.Model.String()),
		}
	case activities.ApplyResult:
		return []attribute.KeyValue{attribute.Int("sluice.effects", len(v.Effects))}
	case activities.FinishInput:
		return []attribute.KeyValue{attribute.String("sluice.status", v.Status), attribute.String("sluice.stage", v.Stage)}
	case activities.LookInput:
		return []attribute.KeyValue{attribute.String("sluice.source", v.Source)}
	case activities.LookResult:
		return []attribute.KeyValue{attribute.Int("sluice.checked", v.Checked), attribute.Int("sluice.signals", v.Found), attribute.Int("sluice.failed", v.Failed)}
	case activities.RescoreInput:
		return []attribute.KeyValue{attribute.String("sluice.stage", v.Stage)}
	default:
		return nil
	}
}
