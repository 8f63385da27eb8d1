package hubspot

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/sandbox/fault"
)

const (
	perWindow = 190 // calls, of a Professional account
	perDay    = 650_000
	window    = 10 * time.Second
)

// limit is the short window of calls that HubSpot grants an app.
type limit struct {
	perWindow int // 0: any number

	mu     sync.Mutex
	recent []time.Time // calls of the last window, the oldest first
}

// take admits a call, or says how long until one would be.
func (l *limit) take(now time.Time) (left int, wait time.Duration) {
	if l.perWindow == 0 {
		return perWindow - 1, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent = slices.DeleteFunc(l.recent, func(at time.Time) bool { return now.Sub(at) >= window })
	if len(l.recent) >= l.perWindow {
		return 0, window - now.Sub(l.recent[0])
	}
	l.recent = append(l.recent, now)
	return l.perWindow - len(l.recent), 0
}

// limited refuses calls beyond the limit, and says how many are left as HubSpot does
// beside every answer but those of searches, which have a limit of their own.
func (c *CRM) limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/search") {
			h.ServeHTTP(w, r)
			return
		}
		left, wait := c.limit.take(c.now())
		for name, n := range map[string]int64{
			"Max": int64(max(c.limit.perWindow, left+1)), "Remaining": int64(left), "Interval-Milliseconds": window.Milliseconds(),
			"Daily": perDay, "Daily-Remaining": max(perDay-c.asked.Add(1), 0),
		} {
			w.Header().Set("X-HubSpot-RateLimit-"+name, strconv.FormatInt(n, 10))
		}
		if wait > 0 {
			c.refuse(w, r, fault.Throttled, wait)
			return
		}
		h.ServeHTTP(w, r)
	})
}
