package outbound

import (
	"context"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// gate keeps the calls in the air, plus the failures since the last success,
// within what the breaker forgives. Without it, a service that hangs would be
// asked once by every caller before the first timeout could open the breaker.
type gate struct {
	trip int

	mu       sync.Mutex
	closed   bool // the breaker's state, as it was last told
	inFlight int
	failures int
	probeAt  time.Time
	changed  chan struct{} // closed and replaced whenever a waiting call may go on
}

func newGate(trip int) *gate {
	return &gate{trip: trip, closed: true, changed: make(chan struct{})}
}

// enter waits for room. A breaker that is not closed decides by itself who may pass.
func (g *gate) enter(ctx context.Context) error {
	for {
		g.mu.Lock()
		if !g.closed || g.inFlight+g.failures < g.trip {
			g.inFlight++
			g.mu.Unlock()
			return nil
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	g.wake()
}

// saw counts what the breaker counts. It runs under the breaker's lock, before the
// call leaves, so that the count is never behind the room.
func (g *gate) saw(healthy bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if healthy {
		g.failures = 0
		return
	}
	g.failures++
}

// stateChanged runs under the breaker's lock: it calls nothing of the breaker's.
func (g *gate) stateChanged(to gobreaker.State, coolDown time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = to == gobreaker.StateClosed
	g.failures = 0
	if to == gobreaker.StateOpen {
		g.probeAt = time.Now().Add(coolDown)
	}
	g.wake()
}

// untilProbe is how long the open breaker lets nobody pass. While a probe is under
// way that is not known: a second is soon enough to look again.
func (g *gate) untilProbe() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(time.Until(g.probeAt), time.Second)
}

func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}
