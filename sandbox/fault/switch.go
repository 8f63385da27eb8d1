package fault

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Switch holds the faults and the counters of several services. The zero value is
// not usable; make one with [New].
type Switch struct {
	seed   uint64
	now    func() time.Time
	closed chan struct{}
	close  sync.Once

	mu       sync.Mutex
	services map[string]*service
}

// New returns a switch with every service healthy. Random faults are drawn from the
// seed, the service and the number of the call, so that two runs with the same calls
// in the same order fail alike.
func New(seed uint64) *Switch { return NewAt(seed, time.Now) }

// NewAt is [New] with another clock, by which throttling counts its seconds.
func NewAt(seed uint64, now func() time.Time) *Switch {
	return &Switch{seed: seed, now: now, closed: make(chan struct{}), services: map[string]*service{}}
}

// Close ends the calls that hang, and lets none hang from now on.
func (s *Switch) Close() { s.close.Do(func() { close(s.closed) }) }

// Speak tells how a service words its refusals. The default is plain HTTP.
func (s *Switch) Speak(service string, d Dialect) {
	svc := s.service(service)
	svc.mu.Lock()
	defer svc.mu.Unlock()
	svc.dialect = d
}

// Set makes a service fail from the next call on. It replaces the fault that was on.
func (s *Switch) Set(service string, f Fault) error {
	svc, ok := s.known(service)
	if !ok {
		return fmt.Errorf("no service %q; there are %s", service, strings.Join(s.Services(), ", "))
	}
	if err := f.Validate(); err != nil {
		return err
	}
	svc.mu.Lock()
	defer svc.mu.Unlock()
	svc.fault = f
	return nil
}

// Clear makes a service healthy again.
func (s *Switch) Clear(service string) error { return s.Set(service, Fault{}) }

// Get returns the fault that is on.
func (s *Switch) Get(service string) (Fault, bool) {
	svc, ok := s.known(service)
	if !ok {
		return Fault{}, false
	}
	svc.mu.Lock()
	defer svc.mu.Unlock()
	return svc.fault, true
}

// Services returns the names of all services, sorted.
func (s *Switch) Services() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.services))
}

// Counters returns what reached each service since the start or the last reset.
func (s *Switch) Counters() map[string]Counters {
	all := map[string]Counters{}
	for _, name := range s.Services() {
		all[name] = s.service(name).counters()
	}
	return all
}

// ResetCounters starts the counting anew, billing periods included.
func (s *Switch) ResetCounters() {
	for _, name := range s.Services() {
		s.service(name).reset()
	}
}

func (s *Switch) known(name string) (*service, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc, ok := s.services[name]
	return svc, ok
}

func (s *Switch) service(name string) *service {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc, ok := s.services[name]
	if !ok {
		svc = newService(name)
		s.services[name] = svc
	}
	return svc
}

// Wrap returns h behind the faults and counters of the service.
func (s *Switch) Wrap(service string, h http.Handler) http.Handler {
	svc := s.service(service)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := svc.begin(r, s.now())
		seen := &statusWriter{ResponseWriter: w, count: svc.end}
		defer seen.end()
		if !s.refused(seen, r, c) {
			s.serve(seen, r.WithContext(context.WithValue(r.Context(), callKey{}, c)), c, h)
		}
	})
}

// refused answers, or deliberately does not, a call that must not reach the service.
func (s *Switch) refused(w *statusWriter, r *http.Request, c *call) bool {
	if c.throttled {
		s.refuse(w, r, c, Throttled, c.fault.retryAfter())
		return true
	}
	if !s.wait(r, s.latency(c)) {
		w.abort(false)
		return true
	}
	if c.fault.Hang {
		c.service.met("hang")
		s.hang(r)
		w.abort(false)
		return true
	}
	if c.fault.Reset {
		c.service.met("reset")
		w.abort(true)
		return true
	}
	if why := s.refusal(c); why != "" {
		s.refuse(w, r, c, why, 0)
		return true
	}
	return false
}

// refusal is the answer that the fault gives instead of the service's, "" for none.
func (s *Switch) refusal(c *call) Reason {
	switch f := c.fault; {
	case f.Outage:
		return Outage
	case f.BadKey:
		return BadKey
	case f.NoCredits:
		return NoCredits
	case f.ErrorRate == 0:
		return ""
	default:
		return randomError(s.draw(c, "error") / f.ErrorRate)
	}
}

// randomError halves the unlucky calls between the two statuses.
func randomError(draw float64) Reason {
	switch {
	case draw < 0.5:
		return Broken
	case draw < 1:
		return Unavailable
	default:
		return ""
	}
}

func (s *Switch) refuse(w http.ResponseWriter, r *http.Request, c *call, why Reason, retryAfter time.Duration) {
	c.service.met(string(why))
	c.dialect.refuse(w, r, why, retryAfter)
}

// serve lets the call through and changes the answer as the fault says.
func (s *Switch) serve(w *statusWriter, r *http.Request, c *call, h http.Handler) {
	f := c.fault
	if f.WrongCompany {
		c.service.met("wrong_company")
	}
	if f.Pending {
		c.service.met("pending")
	}
	if !f.changesBody() {
		h.ServeHTTP(w, r)
		return
	}
	held := &heldAnswer{header: w.Header(), status: http.StatusOK}
	h.ServeHTTP(held, r)
	if held.status < 300 && s.draw(c, "lost") < f.LostAnswerRate && c.dialect.isWrite(r) {
		c.service.lostWrite()
		w.abort(false)
		return
	}
	if f.Truncate {
		c.service.met("truncated")
		held.body = held.body[:len(held.body)/2]
	}
	if f.SlowBodyMS > 0 {
		c.service.met("slow_body")
	}
	s.send(w, r, held, time.Duration(f.SlowBodyMS)*time.Millisecond)
}

func (s *Switch) latency(c *call) time.Duration {
	ms := float64(c.fault.LatencyMS)
	if c.fault.JitterMS > 0 {
		ms += s.draw(c, "jitter") * float64(c.fault.JitterMS)
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// draw returns a number between 0 and 1 that belongs to the call and the purpose.
func (s *Switch) draw(c *call, purpose string) float64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, c.service.name+"/"+purpose)
	return float64(rand.NewPCG(s.seed^h.Sum64(), uint64(c.sequence)).Uint64()>>11) / (1 << 53)
}
