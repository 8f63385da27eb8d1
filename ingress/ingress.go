// Package ingress is Sluice's front door: webhooks and the API come in, workflow
// starts go out. It decides nothing about companies.
package ingress

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/signals"
)

// maxBody bounds what anybody may send, in bytes: HubSpot's hundred events are a
// tenth of it.
const maxBody = 1 << 20

// Handler serves webhooks, the API, health and metrics.
type Handler struct {
	onboard      Onboarder
	store        Store
	token        string            // of /v1; "" serves loopback only
	verifier     *hubspot.Verifier // nil refuses HubSpot's webhooks
	visitsSecret string            // "" refuses visits
	watched      []string          // company properties whose change is a reason to look again
	log          *zap.Logger
	metrics      metrics
	registry     *prometheus.Registry
}

// Store is the record, as the front door uses it.
type Store interface {
	explain.Store
	OverrideStore
	ReviewStore
	Ping(ctx context.Context) error
	NewEvents(ctx context.Context, keys []string) (unseen []string, err error)
	KeepEvents(ctx context.Context, keys []string) error
	AddVisits(ctx context.Context, accountID int64, visits []signals.Visit) error
}

// Config is what a Handler is made from.
type Config struct {
	Onboarder    Onboarder
	Store        Store
	Token        string            // bearer token of /v1; "" refuses everybody but loopback
	Verifier     *hubspot.Verifier // of webhook signatures; nil refuses webhooks
	VisitsSecret string            // signs visits; "" refuses them
	Asked        []string          // company properties that a model scores: a change is a reason to look again
	Log          *zap.Logger
}

// New returns the handler of all routes.
func New(c Config) http.Handler {
	registry := prometheus.NewRegistry()
	h := &Handler{
		onboard: c.Onboarder, store: c.Store, token: c.Token, verifier: c.Verifier, visitsSecret: c.VisitsSecret,
		watched: slices.Concat(naming, c.Asked), log: c.Log, registry: registry, metrics: newMetrics(registry),
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/hubspot", h.measured("webhook", h.hubspot))
	mux.Handle("POST /webhooks/visits", h.measured("visits", h.visits))
	mux.Handle("POST /v1/companies", h.measured("add", h.authorized(h.addCompany)))
	mux.Handle("GET /v1/companies/{domain}", h.measured("explain", h.authorized(h.explainCompany)))
	mux.Handle("POST /v1/companies/{domain}/override", h.measured("override", h.authorized(h.override)))
	mux.Handle("DELETE /v1/companies/{domain}/override", h.measured("override", h.authorized(h.clearOverride)))
	mux.Handle("GET /reviews/{quarter}/{key}", h.measured("review", h.review))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, newProblem(http.StatusNotFound, "docs/api.md lists the routes"))
	})
	return http.MaxBytesHandler(mux, maxBody)
}

// ready says whether work can be accepted: Temporal takes it and Postgres knows of it.
func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.store.Ping(ctx); err != nil {
		writeProblem(w, newProblem(http.StatusServiceUnavailable, "Postgres does not answer"))
		return
	}
	if _, err := h.onboard.Temporal.CheckHealth(ctx, nil); err != nil {
		writeProblem(w, newProblem(http.StatusServiceUnavailable, "Temporal does not answer"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
