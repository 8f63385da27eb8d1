package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/monitor"
)

// meters is what a worker counts of its own work, and shows on SLUICE_METRICS_ADDR.
type meters struct {
	registry *prometheus.Registry
	sdk      *monitor.SDK
	calls    *monitor.Calls
	work     *monitor.Work
	polling  atomic.Bool
}

func newMeters() *meters {
	r := monitor.NewRegistry()
	return &meters{registry: r, sdk: monitor.NewSDK(r), calls: monitor.NewCalls(r), work: monitor.NewWork(r)}
}

// client has Temporal's SDK and all activities counted.
func (m *meters) client(o *client.Options) {
	o.MetricsHandler = m.sdk.Handler()
	o.Interceptors = append(o.Interceptors, m.work)
}

// serve shows health and metrics on addr until it is told to stop; on none if addr is
// empty.
func (m *meters) serve(addr string, ready monitor.Ready, log *zap.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on SLUICE_METRICS_ADDR: %w", err)
	}
	server := monitor.NewServer(ready, m.registry)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("Health and metrics are no longer served", zap.Error(err))
		}
	}()
	log.Info("Worker shows health and metrics", zap.String("addr", l.Addr().String()))
	return func() { _ = server.Close() }, nil
}
