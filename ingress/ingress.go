// Package ingress is Sluice's front door: webhooks and the API come in, workflow
// starts go out. It decides nothing about companies.
package ingress

import (
	"context"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/monitor"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
)

// maxBody bounds what anybody may send, in bytes: HubSpot's hundred events are a
// tenth of it.
const maxBody = 1 << 20

// Handler serves webhooks, the API, health and metrics.
type Handler struct {
	onboard      Onboarder
	store        Store
	token        string            // of /v1, the operator's; see caller
	verifier     *hubspot.Verifier // nil refuses HubSpot's webhooks
	visitsSecret string            // "" refuses visits
	watched      []string          // company properties whose change is a reason to look again
	log          *zap.Logger
	tracer       trace.Tracer // nil where nobody traces
	paces        paces
	metrics      metrics
	ready        func(context.Context) error
}

// Store is the record, as the front door uses it.
type Store interface {
	explain.Store
	OverrideStore
	ReviewStore
	EraseStore
	TokenStore
	NewEvents(ctx context.Context, keys []string) (unseen []string, err error)
	KeepEvents(ctx context.Context, keys []string) error
	AddVisits(ctx context.Context, accountID int64, visits []signals.Visit) error
}

// Config is what a Handler is made from.
type Config struct {
	Onboarder    Onboarder
	Store        Store
	Token        string            // the operator's bearer token of /v1; others are in the store
	Verifier     *hubspot.Verifier // of webhook signatures; nil refuses webhooks
	VisitsSecret string            // signs visits; "" refuses them
	Asked        []string          // company properties that a model scores: a change is a reason to look again
	Codec        *Codec            // opens sealed payloads for Temporal's tools; nil for none
	Log          *zap.Logger
	Tracer       trace.Tracer // makes a span of each request; nil for none

	Ready    func(context.Context) error // whether work can be accepted; its error is for everybody to see
	Registry *prometheus.Registry        // takes the front door's metrics, and is served; nil makes one
}

// New returns the handler of all routes.
func New(c Config) http.Handler {
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	h := &Handler{
		onboard: c.Onboarder, store: c.Store, token: c.Token, verifier: c.Verifier, visitsSecret: c.VisitsSecret,
		watched: slices.Concat(naming, c.Asked), log: c.Log, tracer: c.Tracer, ready: c.Ready, metrics: newMetrics(c.Registry),
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/hubspot", h.measured("webhook", h.hubspot))
	mux.Handle("POST /webhooks/visits", h.measured("visits", h.visits))
	mux.Handle("POST /v1/companies", h.measured("add", h.authorized(store.WriteScope, h.addCompany)))
	mux.Handle("GET /v1/companies/{domain}", h.measured("explain", h.authorized(store.ReadScope, h.explainCompany)))
	mux.Handle("DELETE /v1/companies/{domain}", h.measured("forget", h.authorized(store.AdminScope, h.forgetCompany)))
	mux.Handle("POST /v1/companies/{domain}/override", h.measured("override", h.authorized(store.WriteScope, h.override)))
	mux.Handle("DELETE /v1/companies/{domain}/override", h.measured("override", h.authorized(store.WriteScope, h.clearOverride)))
	mux.Handle("GET /reviews/{quarter}/{key}", h.measured("review", h.review))
	if c.Codec != nil {
		c.Codec.routes(mux, h.measured)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", h.answerReady)
	mux.Handle("GET /metrics", monitor.Handler(c.Registry))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, newProblem(http.StatusNotFound, "docs/api.md lists the routes"))
	})
	return http.MaxBytesHandler(mux, maxBody)
}

// answerReady says whether work can be accepted: Temporal takes it and Postgres knows
// of it.
func (h *Handler) answerReady(w http.ResponseWriter, r *http.Request) {
	if err := h.ready(r.Context()); err != nil {
		writeProblem(w, newProblem(http.StatusServiceUnavailable, err.Error()))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
