package monitor

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/outbound"
)

// Calls counts what goes out to services: providers, sources of signals, the CRM.
type Calls struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	breakers *prometheus.GaugeVec
	left     *left
}

var _ outbound.Observer = (*Calls)(nil)

// NewCalls registers the metrics of calls with r.
func NewCalls(r prometheus.Registerer) *Calls {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sluice_call_seconds", Help: "Time that calls took which went out, by service.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 16},
	}, []string{"service"})
	r.MustRegister(seconds)
	l := &left{said: map[string]said{}, now: time.Now}
	r.MustRegister(l)
	return &Calls{
		calls:    counter(r, "sluice_calls_total", "Calls to services, by how they ended; skipped ones were not sent.", "service", "outcome"),
		seconds:  seconds,
		breakers: gauge(r, "sluice_breakers", "Circuit breakers of this process, by service and state.", "service", "state"),
		left:     l,
	}
}

// Called implements outbound.Observer.
func (c *Calls) Called(call outbound.Call) {
	c.calls.WithLabelValues(call.Service, string(call.Outcome)).Inc()
	if call.Sent {
		c.seconds.WithLabelValues(call.Service).Observe(call.Elapsed.Seconds())
	}
	if call.Service == hubspot.Name {
		c.left.take(hubspot.Left(call.Header))
	}
}

// left is what the CRM said is left of its limits. It is forgotten after a while: who
// has not called since yesterday knows nothing of today.
type left struct {
	now func() time.Time

	mu   sync.Mutex
	said map[string]said // by window
}

type said struct {
	calls float64
	at    time.Time
}

const remembered = 10 * time.Minute

var callsLeft = describe("sluice_crm_calls_left", "Calls that the CRM said are left, in its short window and in the day, within the last ten minutes.", "window")

func (l *left) take(calls map[string]float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for window, n := range calls {
		l.said[window] = said{n, l.now()}
	}
}

// Describe implements prometheus.Collector.
func (l *left) Describe(ch chan<- *prometheus.Desc) { ch <- callsLeft }

// Collect implements prometheus.Collector.
func (l *left) Collect(ch chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for window, s := range l.said {
		if l.now().Sub(s.at) < remembered {
			ch <- is(callsLeft, s.calls, window)
		}
	}
}

// Moved implements outbound.Observer.
func (c *Calls) Moved(service, from, to string) {
	if from == "" { // all states are there from the start, so that an alert sees the change
		for _, state := range []string{"closed", "half-open", "open"} {
			c.breakers.WithLabelValues(service, state).Add(0)
		}
	} else {
		c.breakers.WithLabelValues(service, from).Dec()
	}
	c.breakers.WithLabelValues(service, to).Inc()
}
