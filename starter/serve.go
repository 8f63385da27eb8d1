package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/monitor"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve webhooks and the API",
		Long: `Serve webhooks and the API on SLUICE_HTTP_ADDR until told to stop.

  POST /webhooks/hubspot         signed by HubSpot (SLUICE_HUBSPOT_CLIENT_SECRET, SLUICE_PUBLIC_URL)
  POST /v1/companies             {"domain": "acme.example"} → 202 {workflow_id, run_id}
  GET  /v1/companies/{domain}    everything known of the company, and why
  DELETE /v1/companies/{domain}  erase it
  POST, DELETE /v1/companies/{domain}/override
                                 put a person's score or tier in the place of the model's; take it back
  POST /codec/decode             opens payloads for the Temporal UI (SLUICE_PAYLOAD_KEYS, SLUICE_CODEC_SECRET)
  GET  /reviews/{quarter}/{key}  the report of a quarter's review
  GET  /healthz /readyz /metrics`,
		Example: `  SLUICE_HTTP_ADDR=127.0.0.1:8080 starter serve
  curl -d '{"domain": "acme.example"}' http://127.0.0.1:8080/v1/companies`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context()) },
	}
}

func serve(ctx context.Context) error {
	registry := monitor.NewRegistry()
	sdk, calls := monitor.NewSDK(registry), monitor.NewCalls(registry)
	a, err := open(ctx, (*app).checkServing, (*app).withStore, func(a *app, ctx context.Context) error {
		return a.dial(ctx, func(o *client.Options) { o.MetricsHandler = sdk.Handler() })
	}, func(a *app, ctx context.Context) (err error) {
		a.crm, err = config.BuildCRM(ctx, a.cfg, a.pipeline, outbound.WithObserver(calls), a.traces.Calls())
		return err
	})
	if err != nil {
		return err
	}
	defer a.close()
	verifier, err := webhookVerifier(a.cfg)
	if err != nil {
		return err
	}
	models, err := config.LoadModels(a.cfg.ModelDir)
	if err != nil {
		return err
	}
	codec, err := a.payloadCodec(ctx)
	if err != nil {
		return err
	}
	handler := ingress.New(ingress.Config{
		Onboarder: a.onboarder(), Store: a.store, Token: a.cfg.APIToken.Reveal(), Verifier: verifier,
		VisitsSecret: a.cfg.VisitsSecret.Reveal(), Asked: askedOf(models), Codec: codec, Log: a.log, Tracer: a.traces.Tracer(),
		Ready: monitor.Ready{Store: a.store, Temporal: a.temporal, Namespace: a.namespace}.Check, Registry: registry,
	})
	if err := a.watch(registry); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", a.cfg.HTTPAddr)
	if err != nil {
		return fmt.Errorf("listen on SLUICE_HTTP_ADDR: %w", err)
	}
	a.log.Info("Starter serves", zap.String("addr", listener.Addr().String()), zap.Bool("webhooks", verifier != nil), zap.Bool("codec", codec != nil))
	return serveUntil(ctx, listener, handler)
}

// askedOf names the CRM properties that the models score, each once.
func askedOf(models map[string]*icp.Model) []string {
	var all []string
	for _, m := range models {
		for _, f := range m.Asked() {
			all = append(all, f.Property)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// checkServing comes before anything is opened: its mistakes are quick to find.
func (a *app) checkServing(context.Context) error { return a.cfg.CheckServing() }

// webhookVerifier is nil where HubSpot's webhooks are not set up.
func webhookVerifier(cfg config.Config) (*hubspot.Verifier, error) {
	if cfg.HubSpot.ClientSecret == "" {
		return nil, nil
	}
	return hubspot.NewVerifier(cfg.HubSpot.ClientSecret.Reveal(), strings.TrimRight(cfg.PublicURL, "/")+"/webhooks/hubspot")
}

func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop serving: %w", err)
	}
	return nil
}

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "migrate",
		Short:   "Bring the database schema up to date",
		Long:    "Bring the database schema up to date. Safe to repeat, and to run from several processes at once.",
		Example: "  starter migrate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load()
			if err != nil {
				return err
			}
			applied, err := store.Migrate(cmd.Context(), cfg.DatabaseURL.Reveal())
			if err != nil {
				return err
			}
			for _, name := range applied {
				fmt.Fprintln(cmd.OutOrStdout(), "applied", name)
			}
			if len(applied) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "the schema is up to date")
			}
			return nil
		},
	}
}
