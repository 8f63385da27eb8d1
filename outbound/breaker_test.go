package outbound_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
)

func TestBreakerOpensAfterTripFailuresInARow(t *testing.T) {
	asked := func(ctx context.Context) context.Context { return ctx }
	t.Run("of calls that somebody waits for", func(t *testing.T) { breakerOpens(t, asked) })
	t.Run("of calls in bulk", func(t *testing.T) { breakerOpens(t, outbound.InBulk) })
}

func breakerOpens(t *testing.T, as func(context.Context) context.Context) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(always(503), outbound.WithTrip(3), outbound.WithCoolDown(coolDown))
		for range 3 {
			require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(call(as(t.Context()), c)))
		}
		time.Sleep(10 * time.Second)
		e := asError(t, call(as(t.Context()), c))
		require.Equal(t, outbound.SkippedBreaker, e.Outcome)
		require.Equal(t, coolDown-10*time.Second, e.RetryAfter)
		require.False(t, e.Sent)
		require.False(t, e.Repeatable())
		require.EqualValues(t, 3, s.calls.Load())
		state, probeIn := c.State()
		require.Equal(t, "open", state)
		require.Equal(t, 20*time.Second, probeIn)
	})
}

func TestBreakerStaysClosed(t *testing.T) {
	tests := []struct {
		name string
		give int
		want outbound.Outcome
	}{
		{name: "on misses", give: 404, want: ""},
		{name: "on a refused key", give: 401, want: outbound.AuthFailed},
		{name: "on a used-up quota", give: 402, want: outbound.QuotaExhausted},
		{name: "on our own mistakes", give: 400, want: outbound.BadRequest},
		{name: "on throttling", give: 429, want: outbound.Throttled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c, s := newService(always(tt.give), outbound.WithTrip(1))
				for range 10 {
					require.Equal(t, tt.want, outbound.OutcomeOf(call(t.Context(), c)))
				}
				require.EqualValues(t, 10, s.calls.Load())
			})
		})
	}
}

func TestOneSuccessForgivesEarlierFailures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var now switched
		c, s := newService(now.answer, outbound.WithTrip(3))
		for range 20 {
			now.to(always(500))
			require.Error(t, call(t.Context(), c))
			require.Error(t, call(t.Context(), c))
			now.to(always(200))
			require.NoError(t, call(t.Context(), c))
		}
		require.EqualValues(t, 60, s.calls.Load())
	})
}

func TestOneProbeAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var now switched
		now.to(always(503))
		c, s := newService(now.answer, outbound.WithTrip(2), outbound.WithCoolDown(coolDown))
		together(t.Context(), c, 2)
		time.Sleep(coolDown + time.Second)

		now.to(func(*http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return respond(200, "{}")
		})
		require.Equal(t, map[outbound.Outcome]int{"": 1, outbound.SkippedBreaker: 19}, together(t.Context(), c, 20))
		require.EqualValues(t, 3, s.calls.Load(), "two that tripped it and one probe")
		require.Equal(t, map[outbound.Outcome]int{"": 20}, together(t.Context(), c, 20), "the probe has closed it")
	})
}

func TestFailedProbeOpensAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(always(503), outbound.WithTrip(2), outbound.WithCoolDown(coolDown))
		together(t.Context(), c, 10)
		for probe := range 5 {
			time.Sleep(coolDown + time.Second)
			together(t.Context(), c, 10)
			require.EqualValues(t, 3+probe, s.calls.Load())
			require.Equal(t, coolDown, asError(t, call(t.Context(), c)).RetryAfter)
		}
	})
}

// A probe that says nothing of the service's health leaves room for another one.
func TestProbeWithoutResultIsRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var now switched
		now.to(always(503))
		c, _ := newService(now.answer, outbound.WithTrip(1), outbound.WithCoolDown(coolDown))
		require.Error(t, call(t.Context(), c))
		time.Sleep(coolDown + time.Second)

		now.to(hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, call(ctx, c), context.DeadlineExceeded)
		now.to(always(429))
		require.Equal(t, outbound.Throttled, outbound.OutcomeOf(call(t.Context(), c)))
		now.to(always(200))
		require.NoError(t, call(t.Context(), c))
	})
}

func TestCancellationIsNeutral(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, _ := newService(hang, outbound.WithTrip(2))
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- call(ctx, c) }()
			synctest.Wait()
			cancel()
			require.ErrorIs(t, <-done, context.Canceled)
		}
		state, _ := c.State()
		require.Equal(t, "closed", state)
	})
}

// Between failures, neither a call that we gave up nor one that was throttled makes
// room for more: the breaker does not forgive because of them, either.
func TestNeutralCallsForgiveNothing(t *testing.T) {
	tests := []struct {
		name    string
		neutral func(*testing.T, *switched, *outbound.Client)
	}{
		{name: "given up", neutral: func(t *testing.T, now *switched, c *outbound.Client) {
			now.to(hang)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.Error(t, call(ctx, c))
		}},
		{name: "throttled", neutral: func(t *testing.T, now *switched, c *outbound.Client) {
			now.to(always(429))
			require.Error(t, call(t.Context(), c))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var now switched
				c, s := newService(now.answer, outbound.WithTrip(5))
				now.to(always(503))
				for range 4 {
					require.Error(t, call(t.Context(), c))
				}
				tt.neutral(t, &now, c)
				now.to(hang)
				together(t.Context(), c, 50)
				require.EqualValues(t, 4+1+1, s.calls.Load(), "one more failure had to open it")
			})
		})
	}
}

// The promise that the gate is there for: a service that hangs is not asked once by
// every caller before the first time-out.
func TestHangingServiceIsAskedNoMoreThanTheBreakerForgives(t *testing.T) {
	for _, trip := range []int{1, 2, 5, 20} {
		t.Run("", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				c, s := newService(hang, outbound.WithTrip(trip), outbound.WithCoolDown(coolDown), outbound.WithTimeout(8*time.Second))
				start := time.Now()
				got := together(t.Context(), c, 50)
				require.EqualValues(t, trip, s.calls.Load())
				require.Equal(t, map[outbound.Outcome]int{outbound.ProviderError: trip, outbound.SkippedBreaker: 50 - trip}, got)
				require.Equal(t, 8*time.Second, time.Since(start), "all wait for one time-out, not one after another")

				for probe := range 3 {
					time.Sleep(coolDown + time.Second)
					together(t.Context(), c, 50)
					require.EqualValues(t, trip+probe+1, s.calls.Load(), "after that, probes only")
				}
			})
		})
	}
}

// The others need not sit out the time-out: that nothing comes back is enough to
// know, and their waiting helps nobody.
func TestCallersPassByAServiceThatAnswersNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(hang, outbound.WithPatience(2*time.Second), outbound.WithTimeout(8*time.Second), outbound.WithCoolDown(coolDown))
		first := make(chan map[outbound.Outcome]int, 1)
		go func() { first <- together(t.Context(), c, 5) }()
		synctest.Wait()
		start := time.Now()
		require.Equal(t, map[outbound.Outcome]int{outbound.SkippedBreaker: 45}, together(t.Context(), c, 45))
		require.Equal(t, 2*time.Second, time.Since(start))

		err := call(t.Context(), c)
		require.Equal(t, 2*time.Second, time.Since(start), "who comes later does not wait at all")
		e, ok := errors.AsType[*outbound.Error](err)
		require.True(t, ok)
		require.Equal(t, 6*time.Second+coolDown, e.RetryAfter, "until the breaker, open by then, lets somebody try")
		require.EqualValues(t, 5, s.calls.Load())
		require.Equal(t, map[outbound.Outcome]int{outbound.ProviderError: 5}, <-first)
	})
}

// A service that is slow, and answers, is waited for.
func TestPatienceGrowsWithTheTimeThatAnswersTake(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, _ := newService(func(*http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return respond(200, "{}")
		}, outbound.WithPatience(2*time.Second))
		require.NoError(t, call(t.Context(), c))
		require.Equal(t, map[outbound.Outcome]int{"": 50}, together(t.Context(), c, 50))
	})
}

func TestHangingServiceRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var now switched
		now.to(hang)
		c, _ := newService(now.answer, outbound.WithCoolDown(coolDown))
		together(t.Context(), c, 50)
		now.to(always(200))
		time.Sleep(coolDown + time.Second)
		require.NoError(t, call(t.Context(), c))
		require.Equal(t, map[outbound.Outcome]int{"": 50}, together(t.Context(), c, 50))
	})
}

// A hang that ends before the time-out costs nobody an answer.
func TestShortHangLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, _ := newService(func(*http.Request) (*http.Response, error) {
			time.Sleep(700 * time.Millisecond)
			return respond(200, "{}")
		})
		require.Equal(t, map[outbound.Outcome]int{"": 50}, together(t.Context(), c, 50))
	})
}

func TestWaitingAtTheGateEndsWithTheContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(hang, outbound.WithTrip(1))
		first := make(chan error, 1)
		go func() { first <- call(t.Context(), c) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, call(ctx, c), context.DeadlineExceeded)
		require.EqualValues(t, 1, s.calls.Load())
		require.Error(t, <-first)
	})
}

// Whatever happens in whatever order, the gate never ends up closed for good: in a
// bubble, that would be a deadlock.
func TestGateNeverLocksUp(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 1))
			statuses := []int{200, 404, 429, 500, 503, 0}
			draw := func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				return random.IntN(n)
			}
			c, _ := newService(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Duration(draw(3)) * time.Second)
				if status := statuses[draw(len(statuses))]; status != 0 {
					return respond(status, "{}", "Retry-After", "1")
				}
				return hang(r)
			}, outbound.WithTrip(3), outbound.WithCoolDown(5*time.Second), outbound.WithTimeout(2*time.Second),
				outbound.WithPatience(time.Duration(seed%3)*time.Second))
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for range 10 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+draw(10))*time.Second)
						if draw(2) == 0 {
							ctx = outbound.InBulk(ctx)
						}
						_ = call(ctx, c)
						cancel()
					}
				})
			}
			wg.Wait()
			for range 5 {
				_ = call(outbound.InBulk(t.Context()), c) // without a deadline: it has to come back by itself
			}
		})
	}
}
