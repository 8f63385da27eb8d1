package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cached is a collector of what is read somewhere else: at most once in a while, however
// many scrape it, and for no longer than a scrape waits.
type cached struct {
	name string
	read func(context.Context) ([]prometheus.Metric, error)
	keep time.Duration

	mu      sync.Mutex
	at      time.Time
	metrics []prometheus.Metric
}

const (
	keepFor = 20 * time.Second
	readFor = 5 * time.Second
)

// register has read's metrics served.
func register(r prometheus.Registerer, name string, read func(context.Context) ([]prometheus.Metric, error)) {
	r.MustRegister(&cached{name: name, read: read, keep: keepFor})
}

var readable = prometheus.NewDesc("sluice_monitor_up", "Whether a source of metrics could be read: 1 or 0. What it tells is left out while it is 0.", []string{"source"}, nil)

// Describe implements prometheus.Collector: what there will be depends on what is read.
func (c *cached) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *cached) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) > c.keep {
		ctx, cancel := context.WithTimeout(context.Background(), readFor)
		defer cancel()
		up := 1.0
		metrics, err := c.read(ctx)
		if err != nil {
			up, metrics = 0, nil
		}
		c.metrics = append(metrics, prometheus.MustNewConstMetric(readable, prometheus.GaugeValue, up, c.name))
		c.at = time.Now()
	}
	for _, m := range c.metrics {
		ch <- m
	}
}

// describe describes a gauge that is read.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

func is(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
