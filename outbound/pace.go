package outbound

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	longestWait = 3 * time.Second  // what waits longer goes back to its task queue
	slowDown    = 0.8              // of what the service took in the second before it complained
	slowest     = 0.5              // calls per second, if nothing is known of what it takes
	speedUp     = 1.25             // per calm spell, up to the configured rate
	calm        = 30 * time.Second // without a complaint

	// What is left of a service's limit when calls in bulk, and when all, give it time.
	lowForBulk = 0.3
	low        = 0.1
	breath     = time.Second
)

// pace spaces this process's calls. When a service says "too fast", it pauses for
// as long as the service asks and goes on below the rate that the service had
// just been taking, then slowly back up: a limit that is set wrongly, or shared
// with somebody else, costs one burst and not one burst a second.
type pace struct {
	configured rate.Limit

	mu       sync.Mutex
	limiter  *rate.Limiter
	resumeAt time.Time
	bulkAt   time.Time   // when calls in bulk may go on
	slowedAt time.Time   // or sped up
	taken    []time.Time // calls that the service took in the last second
}

func newPace(perSecond float64) *pace {
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	return &pace{configured: limit, limiter: rate.NewLimiter(limit, 1)}
}

// wait lets the call go when its turn comes, or says how long that would take when
// it is too long to hold a worker's slot for. A call in bulk takes no turn ahead of
// time: it goes when there is one that nobody else waits for.
func (p *pace) wait(ctx context.Context) (time.Duration, bool) {
	inBulk := isInBulk(ctx)
	for patience := longestWait; ; {
		turn, delay := p.reserve(time.Now(), inBulk)
		if delay > patience {
			turn.Cancel()
			return delay, false
		}
		if !sleep(ctx, delay) {
			turn.Cancel()
			return 0, false
		}
		if turn.OK() && !p.paused(time.Now()) {
			return 0, true
		}
		patience -= delay // no turn was left, or the service complained while this call was waiting
	}
}

// reserve takes the next turn, counted from the end of the pause if there is one:
// what waits for the service must not go out all at once when it is over. In bulk it
// takes a turn only if there is one now, and says when there may be.
func (p *pace) reserve(now time.Time, inBulk bool) (*rate.Reservation, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recover(now)
	from := now
	if p.resumeAt.After(now) {
		from = p.resumeAt
	}
	if inBulk {
		if p.bulkAt.After(from) {
			from = p.bulkAt
		}
		if wait := p.untilFree(from, now); wait > 0 {
			return new(rate.Reservation), wait // which is not OK
		}
	}
	turn := p.limiter.ReserveN(from, 1)
	return turn, turn.DelayFrom(now)
}

// untilFree is how long no turn is left that has not been taken. It needs the lock.
func (p *pace) untilFree(from, now time.Time) time.Duration {
	wait := from.Sub(now)
	if missing := 1 - p.limiter.TokensAt(from); missing > 0 {
		wait += time.Duration(missing / float64(p.limiter.Limit()) * float64(time.Second))
	}
	return wait
}

func (p *pace) paused(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.resumeAt.After(now)
}

// sleep returns false if the caller gave up first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// saw learns from how a call ended.
func (p *pace) saw(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.forget(now)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Outcome != Throttled {
		p.taken = append(p.taken, now)
		return
	}
	pause := e.RetryAfter
	if pause == 0 {
		pause = time.Second
	}
	if resume := now.Add(pause); resume.After(p.resumeAt) {
		p.resumeAt = resume
	}
	if now.Sub(p.slowedAt) < time.Second { // the rest of the same burst
		return
	}
	p.slowedAt = now
	p.limiter.SetLimit(p.slower())
}

// left learns how much of the limit is left.
func (p *pace) left(share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := time.Now().Add(breath)
	if share < lowForBulk {
		p.bulkAt = until
	}
	if share < low && until.After(p.resumeAt) {
		p.resumeAt = until
	}
}

// slower is below what the service took, but no less than half of what it was
// offered: a second complaint right after a pause finds nothing taken at all.
func (p *pace) slower() rate.Limit {
	now := p.limiter.Limit()
	next := max(rate.Limit(slowDown*float64(len(p.taken))), slowest)
	if now != rate.Inf {
		next = max(next, now/2)
	}
	return min(now, next)
}

func (p *pace) recover(now time.Time) {
	if p.limiter.Limit() >= p.configured || now.Sub(p.slowedAt) < calm {
		return
	}
	p.slowedAt = now
	p.limiter.SetLimit(min(p.configured, p.limiter.Limit()*speedUp))
}

func (p *pace) forget(now time.Time) {
	i := 0
	for i < len(p.taken) && now.Sub(p.taken[i]) > time.Second {
		i++
	}
	p.taken = p.taken[i:]
}
