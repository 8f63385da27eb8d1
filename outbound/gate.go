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
	trip     int
	patience time.Duration // with a service that answers nobody; 0: without end

	mu       sync.Mutex
	movedAt  time.Time     // when a call last entered an empty gate, went out or came back
	usual    time.Duration // how long the last answer took
	closed   bool          // the breaker's state, as it was last told
	inFlight int
	failures int
	probeAt  time.Time
	changed  chan struct{} // closed and replaced whenever a waiting call may go on
}

func newGate(trip int, patience time.Duration) *gate {
	return &gate{trip: trip, patience: patience, closed: true, changed: make(chan struct{})}
}

// stuckError says for how long nothing has come back.
type stuckError time.Duration

func (e stuckError) Error() string {
	return "no answer to any call for " + time.Duration(e).Round(time.Millisecond).String()
}

// enter waits for room, and gives up with a stuckError where that takes more
// patience than there is. A breaker that is not closed decides by itself who may
// pass. Calls in bulk leave room for others, but fail as often: the breaker has to open
// for them, too.
func (g *gate) enter(ctx context.Context) error {
	atOnce := g.trip
	if isInBulk(ctx) {
		atOnce -= atOnce / 3
	}
	for {
		g.mu.Lock()
		if !g.closed || g.inFlight+g.failures < g.trip && g.inFlight < atOnce {
			if g.inFlight++; g.inFlight == 1 {
				g.movedAt = time.Now()
			}
			g.mu.Unlock()
			return nil
		}
		changed, patience, stuck := g.changed, g.patience, time.Since(g.movedAt)
		if patience > 0 {
			patience = max(patience, 3*g.usual)
		}
		g.mu.Unlock()
		var enough <-chan time.Time // never, without an end to the patience
		if patience > 0 {
			if stuck >= patience {
				return stuckError(stuck)
			}
			enough = time.After(patience - stuck)
		}
		select {
		case <-changed:
		case <-enough:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sent is told when a call leaves, which may be some time after it entered.
func (g *gate) sent() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.movedAt = time.Now()
}

// answered is told how long an answer took.
func (g *gate) answered(took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.usual = took
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	g.movedAt = time.Now()
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
