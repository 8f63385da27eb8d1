package monitor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Work counts what a worker gets done: answers of the waterfall, credits, runs, effects.
// It is an interceptor for the client's options: all workers of the client take it over.
type Work struct {
	interceptor.InterceptorBase

	answers *prometheus.CounterVec
	credits *prometheus.CounterVec
	runs    *prometheus.CounterVec
	effects *prometheus.CounterVec
	retries *prometheus.CounterVec
}

// NewWork registers the metrics of work with r.
func NewWork(r prometheus.Registerer) *Work {
	w := &Work{
		answers: counter(r, "sluice_answers_total", "What asking a provider for a company came to, skips and cached answers included.", "provider", "outcome"),
		credits: counter(r, "sluice_credits_total", "Credits that answers cost, by provider.", "provider"),
		runs:    counter(r, "sluice_runs_total", "Runs of companies that ended, by status, and failed ones by the stage in which they did.", "status", "stage"),
		effects: counter(r, "sluice_effects_total", "Effects in the CRM, by kind and by what became of them.", "kind", "state"),
		retries: counter(r, "sluice_effect_retries_total", "Attempts at effects whose attempt before had not come to an end, by kind.", "kind"),
	}
	for _, status := range []string{workflows.Completed, workflows.Refused} {
		w.runs.WithLabelValues(status, "")
	}
	for _, stage := range stages {
		w.runs.WithLabelValues(workflows.Failed, stage)
	}
	for _, kind := range effectKinds {
		w.retries.WithLabelValues(string(kind))
		for _, state := range []string{"done", "failed"} {
			w.effects.WithLabelValues(string(kind), state)
		}
	}
	return w
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (w *Work) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &counted{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, w: w}
}

// counted looks at what activities were given and came to.
type counted struct {
	interceptor.ActivityInboundInterceptorBase
	w *Work
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (c *counted) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := c.Next.ExecuteActivity(ctx, in)
	if len(in.Args) == 0 {
		return result, err
	}
	switch given := in.Args[0].(type) {
	case activities.AskInput:
		c.w.asked(given.Provider, result, err)
	case activities.FinishInput:
		if err == nil && given.Status != "running" {
			c.w.runs.WithLabelValues(given.Status, stageOf(given)).Inc()
		}
	}
	return result, err
}

// stages are those of a company's run.
var stages = []string{"identify", "enrich", "effects", "contacts"}

// stageOf is the stage in which a run failed, "" if it did not.
func stageOf(in activities.FinishInput) string {
	switch {
	case in.Status != workflows.Failed:
		return ""
	case slices.Contains(stages, in.Stage):
		return in.Stage
	default:
		return "other"
	}
}

func (w *Work) asked(provider string, result any, err error) {
	if err != nil {
		w.answers.WithLabelValues(provider, outcome(err)).Inc()
		return
	}
	if answer, ok := result.(activities.AskResult); ok {
		w.answers.WithLabelValues(provider, string(answer.Outcome)).Inc()
		w.credits.WithLabelValues(provider).Add(answer.Credits)
	}
}

// outcomes that the errors of Ask have for their type.
var outcomes = map[string]outbound.Outcome{activities.CircuitOpen: outbound.SkippedBreaker}

func init() {
	for _, o := range []outbound.Outcome{outbound.Throttled, outbound.ProviderError, outbound.QuotaExhausted, outbound.AuthFailed, outbound.BadRequest} {
		outcomes[string(o)] = o
	}
}

// outcome is what an error of Ask says, in a bounded number of words.
func outcome(err error) string {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		if o, known := outcomes[e.Type()]; known {
			return string(o)
		}
	}
	return "error" // ours, such as a database that does not answer
}

var effectKinds = []crm.EffectKind{crm.PropertiesEffect, crm.NoteEffect, crm.TaskEffect, crm.CompanyEffect}

// Store counts the effects that go through st.
func (w *Work) Store(st activities.Store) activities.Store { return effects{Store: st, w: w} }

type effects struct {
	activities.Store
	w *Work
}

// TryEffect implements activities.Store.
func (e effects) TryEffect(ctx context.Context, a store.Attempt) (store.Effect, error) {
	before, err := e.Store.TryEffect(ctx, a)
	if err == nil && before.Attempts > 0 && before.State == "trying" {
		e.w.retries.WithLabelValues(kindOf(a.Key)).Inc()
	}
	return before, err
}

// FinishEffect implements activities.Store.
func (e effects) FinishEffect(ctx context.Context, d store.Done) error {
	return e.ended(d.Key, "done", e.Store.FinishEffect(ctx, d))
}

// FailEffect implements activities.Store.
func (e effects) FailEffect(ctx context.Context, key, reason string) error {
	return e.ended(key, "failed", e.Store.FailEffect(ctx, key, reason))
}

// TryEffects implements activities.Store.
func (e effects) TryEffects(ctx context.Context, all []store.Attempt) (map[string]store.Effect, error) {
	before, err := e.Store.TryEffects(ctx, all)
	for key, had := range before {
		if err == nil && had.Attempts > 0 && had.State == "trying" {
			e.w.retries.WithLabelValues(kindOf(key)).Inc()
		}
	}
	return before, err
}

// FinishEffects implements activities.Store.
func (e effects) FinishEffects(ctx context.Context, done []store.Done) error {
	err := e.Store.FinishEffects(ctx, done)
	for _, d := range done {
		_ = e.ended(d.Key, "done", err)
	}
	return err
}

func (e effects) ended(key, state string, err error) error {
	if err == nil {
		e.w.effects.WithLabelValues(kindOf(key), state).Inc()
	}
	return err
}

// kindOf reads the kind off an effect's key.
func kindOf(key string) string {
	for _, kind := range effectKinds {
		if strings.HasSuffix(key, "/"+string(kind)) || strings.Contains(key, "/"+string(kind)+"/") {
			return string(kind)
		}
	}
	return "other"
}
