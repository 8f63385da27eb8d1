package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Ready looks whether a process can do its work.
type Ready struct {
	Store     Store
	Temporal  client.Client
	Namespace string
	Polling   *atomic.Bool // of a worker: nil for others
}

// Store is the record, as far as Ready looks at it.
type Store interface {
	Ping(ctx context.Context) error
	CheckSchema(ctx context.Context) error
}

// Check returns nil, or an error that says what is missing. It is for everybody who can
// reach the port: no address, no user, no cause.
func (r Ready) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if r.Polling != nil && !r.Polling.Load() {
		return errors.New("not ready: the worker does not poll: it is starting, or stops")
	}
	if r.Store.Ping(ctx) != nil {
		return errors.New("not ready: Postgres does not answer")
	}
	if r.Store.CheckSchema(ctx) != nil {
		return errors.New("not ready: the database schema is behind this program: run `starter migrate`")
	}
	if _, err := r.Temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: r.Namespace}); err != nil {
		if _, missing := errors.AsType[*serviceerror.NamespaceNotFound](err); missing {
			return fmt.Errorf("not ready: Temporal has no namespace %s", r.Namespace)
		}
		return errors.New("not ready: Temporal does not answer")
	}
	return nil
}

// NewServer returns the server of a worker's health and metrics.
func NewServer(ready Ready, registry *prometheus.Registry) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready.Check(r.Context()); err != nil {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("GET /metrics", Handler(registry))
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
}
