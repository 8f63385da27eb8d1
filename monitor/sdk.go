package monitor

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// SDK takes the metrics of Temporal's SDK, under the names that Temporal's own
// dashboards use: counters end in _total, timers in _seconds. Its tags are names of
// types and queues that this process has.
//
// The SDK tells one metric with different tags at different places, for which a vector
// has no room: so there is one for each set of tags, and SDK itself is the collector.
type SDK struct {
	mu   sync.Mutex
	vecs map[string]prometheus.Collector // by name and label names
}

var _ prometheus.Collector = (*SDK)(nil)

// NewSDK registers the SDK's metrics with r.
func NewSDK(r prometheus.Registerer) *SDK {
	s := &SDK{vecs: map[string]prometheus.Collector{}}
	r.MustRegister(s)
	return s
}

// Handler is what the SDK is given.
func (s *SDK) Handler() client.MetricsHandler { return tagged{sdk: s} }

// Describe implements prometheus.Collector: what there will be is not known before.
func (s *SDK) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *SDK) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	vecs := slices.Collect(maps.Values(s.vecs))
	s.mu.Unlock()
	for _, v := range vecs {
		v.Collect(ch)
	}
}

// vec returns the vector of a name and its labels, and makes it where it is new.
func vec[V prometheus.Collector](s *SDK, name string, labels []string, build func(name string, labels []string) V) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := name + "|" + strings.Join(labels, "|")
	if v, ok := s.vecs[key].(V); ok {
		return v
	}
	v := build(name, labels)
	s.vecs[key] = v
	return v
}

// tagged is a client.MetricsHandler with tags.
type tagged struct {
	sdk            *SDK
	labels, values []string // sorted by label
}

// unset is what the SDK writes for a tag that does not apply.
const unset = "none"

// WithTags implements client.MetricsHandler. A tag that does not apply is left out.
func (t tagged) WithTags(tags map[string]string) client.MetricsHandler {
	all := make(map[string]string, len(t.labels)+len(tags))
	for i, label := range t.labels {
		all[label] = t.values[i]
	}
	for label, value := range tags {
		if label == "client_name" || value == unset || value == "" { // temporal_go, always
			delete(all, label)
			continue
		}
		all[label] = value
	}
	out := tagged{sdk: t.sdk, labels: slices.Sorted(maps.Keys(all))}
	for _, label := range out.labels {
		out.values = append(out.values, all[label])
	}
	return out
}

const fromSDK = "As Temporal's SDK metrics reference has it."

// Counter implements client.MetricsHandler.
func (t tagged) Counter(name string) client.MetricsCounter {
	v := vec(t.sdk, strings.TrimSuffix(name, "_total")+"_total", t.labels, func(name string, labels []string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: fromSDK}, labels)
	})
	return count{v.WithLabelValues(t.values...)}
}

// Gauge implements client.MetricsHandler.
func (t tagged) Gauge(name string) client.MetricsGauge {
	v := vec(t.sdk, name, t.labels, func(name string, labels []string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: fromSDK}, labels)
	})
	return level{v.WithLabelValues(t.values...)}
}

// Timer implements client.MetricsHandler.
func (t tagged) Timer(name string) client.MetricsTimer {
	v := vec(t.sdk, name+"_seconds", t.labels, func(name string, labels []string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: fromSDK, Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 10, 30, 60, 300},
		}, labels)
	})
	return timer{v.WithLabelValues(t.values...)}
}

type count struct{ prometheus.Counter }

// Inc implements client.MetricsCounter.
func (c count) Inc(n int64) { c.Add(float64(n)) }

type level struct{ prometheus.Gauge }

// Update implements client.MetricsGauge.
func (l level) Update(v float64) { l.Set(v) }

type timer struct{ prometheus.Observer }

// Record implements client.MetricsTimer.
func (t timer) Record(d time.Duration) { t.Observe(d.Seconds()) }
