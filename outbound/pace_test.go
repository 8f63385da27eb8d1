package outbound_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
)

// limited takes so many calls in any second and answers 429 to the others.
type limited struct {
	perSecond int
	latency   time.Duration

	mu           sync.Mutex
	recent       []time.Time // taken in the last second
	took         int
	refused      int
	firstRefusal time.Time
	refusedLater int // after the first burst
	grace        time.Duration
}

func (l *limited) answer(*http.Request) (*http.Response, error) {
	time.Sleep(l.latency)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.recent = slices.DeleteFunc(l.recent, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(l.recent) >= l.perSecond {
		l.refuse(now)
		return respond(429, "{}", "Retry-After", "1")
	}
	l.recent, l.took = append(l.recent, now), l.took+1
	return respond(200, "{}")
}

func (l *limited) refuse(now time.Time) {
	if l.firstRefusal.IsZero() {
		l.firstRefusal = now
	}
	l.refused++
	if now.Sub(l.firstRefusal) > l.grace {
		l.refusedLater++
	}
}

// keepCalling makes calls from many callers until the time is over. One that was
// told to come back does so when it was told.
func keepCalling(ctx context.Context, c *outbound.Client, callers int, d time.Duration) {
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for time.Now().Before(end) {
				err := call(ctx, c)
				if e, ok := errors.AsType[*outbound.Error](err); ok {
					time.Sleep(max(e.RetryAfter, 10*time.Millisecond))
				}
			}
		})
	}
	wg.Wait()
}

func TestThrottlingWastesNoMoreThanTheFirstBurst(t *testing.T) {
	for _, trip := range []int{5, 50} { // as many calls in the air, and all callers
		t.Run("", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				l := &limited{perSecond: 10, latency: 40 * time.Millisecond, grace: 100 * time.Millisecond}
				c, _ := newService(l.answer, outbound.WithTrip(trip))
				keepCalling(t.Context(), c, 40, 4*time.Second)
				require.LessOrEqual(t, l.refused, min(trip, 40))
				require.Zero(t, l.refusedLater, "wasted after the first burst")
				require.GreaterOrEqual(t, l.took, 26, "of the 40 that it would have taken")
			})
		})
	}
}

func TestPaceRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := &limited{perSecond: 10, latency: 20 * time.Millisecond}
		c, _ := newService(l.answer, outbound.WithRate(100))
		keepCalling(t.Context(), c, 20, 10*time.Second)
		l.mu.Lock()
		l.perSecond, l.refused = 1000, 0
		l.mu.Unlock()
		keepCalling(t.Context(), c, 20, 7*time.Minute)
		require.Zero(t, l.refused)
		l.took = 0
		keepCalling(t.Context(), c, 20, 10*time.Second)
		require.Greater(t, l.took, 900, "back at the configured 100 a second")
	})
}

// A complaint right after a pause finds that nothing was taken in the last second.
// That is no reason to all but stop.
func TestTwoComplaintsInARowDoNotStopUs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var now switched
		now.to(always(200))
		c, _ := newService(now.answer, outbound.WithRate(100))
		keepCalling(t.Context(), c, 20, 2*time.Second)
		now.to(always(429, "Retry-After", "2"))
		require.Error(t, call(t.Context(), c))
		require.Error(t, call(t.Context(), c))
		var ok limited
		ok.perSecond = 1000
		now.to(ok.answer)
		keepCalling(t.Context(), c, 20, 4*time.Second)
		require.Greater(t, ok.took, 60)
	})
}

// A call that already has its turn waits all the same if the service complains
// before the turn has come.
func TestComplaintHoldsBackWhoIsWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		start := time.Now()
		var now switched
		now.to(func(*http.Request) (*http.Response, error) {
			time.Sleep(500 * time.Millisecond)
			return respond(429, "{}", "Retry-After", "2")
		})
		c, s := newService(now.answer, outbound.WithRate(1))
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- call(t.Context(), c) }()
		synctest.Wait()
		go func() { second <- call(t.Context(), c) }() // its turn comes after a second
		require.Error(t, <-first)
		now.to(always(200))
		time.Sleep(1900 * time.Millisecond)
		require.EqualValues(t, 1, s.calls.Load(), "sent during the pause")
		if err := <-second; err != nil {
			require.Equal(t, outbound.Throttled, outbound.OutcomeOf(err), "or it is back in its queue")
		}
		require.GreaterOrEqual(t, time.Since(start), 2*time.Second)
	})
}

func TestLongPauseGoesBackToTheQueue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(always(429, "Retry-After", "60"))
		require.Equal(t, time.Minute, asError(t, call(t.Context(), c)).RetryAfter)
		time.Sleep(10 * time.Second)
		e := asError(t, call(t.Context(), c))
		require.Equal(t, outbound.Throttled, e.Outcome)
		require.InDelta(t, 50, e.RetryAfter.Seconds(), 3)
		require.False(t, e.Sent, "nothing was sent")
		require.EqualValues(t, 1, s.calls.Load())
	})
}

func TestConfiguredRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(always(200), outbound.WithRate(10))
		keepCalling(t.Context(), c, 5, 10*time.Second)
		require.InDelta(t, 100, s.calls.Load(), 6)
	})
}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(always(200), outbound.WithRate(0.5))
		require.NoError(t, call(t.Context(), c))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, call(ctx, c), context.DeadlineExceeded)
		require.EqualValues(t, 1, s.calls.Load())
	})
}

// Calls that nobody waits for take what others leave, however many there are of them.
func TestACallIsNotDelayedByThoseInBulk(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := &limited{perSecond: 1000, latency: 20 * time.Millisecond}
		c, _ := newService(l.answer, outbound.WithRate(10))
		began := time.Now()
		var bulk sync.WaitGroup
		bulk.Go(func() { keepCalling(outbound.InBulk(t.Context()), c, 40, 20*time.Second) })
		time.Sleep(5 * time.Second)
		for range 20 {
			start := time.Now()
			require.NoError(t, call(t.Context(), c))
			require.LessOrEqual(t, time.Since(start), 120*time.Millisecond, "its turn comes within a tenth of a second")
			time.Sleep(150 * time.Millisecond)
		}
		bulk.Wait()
		require.InDelta(t, 10*time.Since(began).Seconds(), l.took, 5, "and nothing of the pace is lost")
	})
}

// Two workers know nothing of each other but what the service says is left.
func TestWorkersShareALimitByWhatIsLeftOfIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		window := &rolling{limit: 190, span: 10 * time.Second}
		var all sync.WaitGroup
		for range 3 {
			c, _ := newService(window.answer, outbound.WithRate(15), outbound.WithAllowance(shareLeft))
			all.Go(func() { keepCalling(outbound.InBulk(t.Context()), c, 6, time.Minute) })
			all.Go(func() {
				for range 40 {
					require.NoError(t, call(t.Context(), c), "what somebody waits for is never refused")
					time.Sleep(time.Second)
				}
			})
		}
		all.Wait()
		require.Zero(t, window.refused)
		require.Greater(t, window.took, 700, "of the 1140 that it would have taken")
	})
}

// rolling takes so many calls in any span, and says how many are left.
type rolling struct {
	limit int
	span  time.Duration

	mu            sync.Mutex
	recent        []time.Time
	took, refused int
}

func (r *rolling) answer(*http.Request) (*http.Response, error) {
	time.Sleep(100 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.recent = slices.DeleteFunc(r.recent, func(at time.Time) bool { return now.Sub(at) >= r.span })
	if len(r.recent) >= r.limit {
		r.refused++
		return respond(429, "{}", "Retry-After", "1")
	}
	r.recent, r.took = append(r.recent, now), r.took+1
	return respond(200, "{}", "Left", fmt.Sprint(float64(r.limit-len(r.recent))/float64(r.limit)))
}

func shareLeft(h http.Header) (float64, bool) {
	share, err := strconv.ParseFloat(h.Get("Left"), 64)
	return share, err == nil
}
