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
	addr     string
	registry *prometheus.Registry
	sdk      *monitor.SDK
	calls    *monitor.Calls
	work     *monitor.Work
	polling  atomic.Bool
}

func newMeters(addr string) *meters {
	r := monitor.NewRegistry()
	return &meters{addr: addr, registry: r, sdk: monitor.NewSDK(r), calls: monitor.NewCalls(r), work: monitor.NewWork(r)}
}

// client has all activities counted, and Temporal's SDK where somebody looks.
func (m *meters) client(o *client.Options) {
	o.Interceptors = append(o.Interceptors, m.work)
	if m.addr == "" {
		return
	}
	o.MetricsHandler = m.sdk.Handler()
}

// serve shows health and metrics until it is told to stop, if there is an address for it.
func (m *meters) serve(ready monitor.Ready, log *zap.Logger) (stop func(), err error) {
	if m.addr == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", m.addr)
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
