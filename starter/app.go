package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/tracing"
	"github.com/sluicehq/sluice/workflows"
)

// app is what commands work with. A command opens only what it needs.
type app struct {
	cfg       config.Config
	pipeline  config.Pipeline
	log       *zap.Logger
	store     *store.Store
	temporal  client.Client
	namespace string                  // in Temporal
	payloads  converter.DataConverter // of what Temporal keeps
	crm       crm.CRM
	traces    tracing.Traces // of commands that talk to Temporal
	closers   []func()
}

func newApp() (*app, error) {
	cfg, err := config.Load()
	if err != nil {
		return nil, err
	}
	pipeline, err := config.LoadPipeline(cfg.Pipeline)
	if err != nil {
		return nil, err
	}
	log, err := config.NewLogger(cfg.LogLevel)
	if err != nil {
		return nil, err
	}
	return &app{cfg: cfg, pipeline: pipeline, log: log}, nil
}

func (a *app) close() {
	for _, c := range a.closers {
		c()
	}
}

func (a *app) withStore(ctx context.Context) error {
	st, err := store.Open(ctx, a.cfg.DatabaseURL.Reveal())
	if err != nil {
		return err
	}
	a.store = st
	a.closers = append(a.closers, st.Close)
	return st.CheckSchema(ctx)
}

func (a *app) withTemporal(ctx context.Context) error { return a.dial(ctx) }

// dial is withTemporal with further options.
func (a *app) dial(ctx context.Context, further ...func(*client.Options)) error {
	codec, err := a.codec(ctx)
	if err != nil {
		return err
	}
	if err := a.trace(ctx); err != nil {
		return err
	}
	a.payloads = converter.GetDefaultDataConverter()
	c, namespace, err := config.DialTemporal(codec, zap.NewNop(), append(further, a.traces.Temporal, func(o *client.Options) {
		if o.DataConverter != nil {
			a.payloads = o.DataConverter
		}
	})...)
	if err != nil {
		return err
	}
	a.temporal, a.namespace = c, namespace
	a.closers = append(a.closers, c.Close)
	return workflows.EnsureSearchAttributes(ctx, c.OperatorService(), namespace)
}

// codec is nil where nothing is sealed. Companies' own keys are on record.
func (a *app) codec(ctx context.Context) (*seal.Codec, error) {
	if a.cfg.PayloadKeys == "" {
		return nil, nil
	}
	if a.store == nil {
		if err := a.withStore(ctx); err != nil {
			return nil, err
		}
	}
	return a.cfg.Codec(a.store)
}

// trace begins to trace, if that is wanted. What a command starts is a trace of its own,
// so that an import is not one without end.
func (a *app) trace(ctx context.Context) (err error) {
	a.traces, err = tracing.Start(ctx, "sluice-starter", a.log)
	a.closers = append(a.closers, a.traces.Stop)
	return err
}

func (a *app) withCRM(ctx context.Context) error {
	built, err := config.BuildCRM(ctx, a.cfg, a.pipeline)
	a.crm = built
	return err
}

func (a *app) onboarder() ingress.Onboarder {
	o := ingress.Onboarder{Temporal: a.temporal, Namespace: a.namespace}
	if a.crm != nil {
		o.CRM = a.crm
	}
	return o
}

// open makes an app with the parts that a command needs.
func open(ctx context.Context, parts ...func(*app, context.Context) error) (*app, error) {
	a, err := newApp()
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if err := part(a, ctx); err != nil {
			a.close()
			return nil, err
		}
	}
	return a, nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

// worthRepeating says whether the same call may succeed soon, and when.
func worthRepeating(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return 0, false
	}
	switch e.Outcome {
	case outbound.Throttled, outbound.ProviderError, outbound.SkippedBreaker:
		return max(e.RetryAfter, time.Second), true
	default:
		return 0, false
	}
}
