package hubspot

import (
	"net/http"
	"strconv"
)

// Left reads how many calls HubSpot says are left, of the short window and of the day.
// Searches have a limit of their own and say nothing, nor do apps of the marketplace of
// the day.
func Left(h http.Header) map[string]float64 {
	left := map[string]float64{}
	for window, name := range map[string]string{"short": "X-HubSpot-RateLimit-Remaining", "day": "X-HubSpot-RateLimit-Daily-Remaining"} {
		if n, err := strconv.ParseUint(h.Get(name), 10, 32); err == nil {
			left[window] = float64(n)
		}
	}
	return left
}

// share reads what part of the short window's calls is left to the app, all of its
// workers together.
func share(h http.Header) (float64, bool) {
	most, err := strconv.ParseUint(h.Get("X-HubSpot-RateLimit-Max"), 10, 32)
	left, ok := Left(h)["short"]
	return left / float64(most), ok && err == nil && most > 0
}
