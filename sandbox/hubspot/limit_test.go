package hubspot_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/sandbox/hubspot"
)

func TestTheTenSecondLimitRollsAndSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	now := time.Now()
	crm := hubspot.New(hubspot.Options{PerTenSeconds: 2, Now: func() time.Time { return now }})
	h := crm.Behind(fault.New(1))
	ask := func(method, path string) (status int, left, retryAfter string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		r.Header.Set("Authorization", "Bearer any")
		h.ServeHTTP(w, r)
		return w.Code, w.Header().Get("X-HubSpot-RateLimit-Remaining"), w.Header().Get("Retry-After")
	}
	steps := []struct {
		later      time.Duration
		status     int
		left       string
		retryAfter string
	}{
		{0, 200, "1", ""},
		{4 * time.Second, 200, "0", ""},
		{0, 429, "0", "6"}, // and it does not count
		{6 * time.Second, 200, "0", ""},
		{0, 429, "0", "4"},
	}
	for i, step := range steps {
		now = now.Add(step.later)
		status, left, retryAfter := ask(http.MethodGet, "/crm/owners/2026-09")
		require.Equal(t, []any{step.status, step.left, step.retryAfter}, []any{status, left, retryAfter}, "step %d", i)
	}
	_, left, _ := ask(http.MethodPost, "/crm/objects/2026-09/companies/search")
	require.Empty(t, left, "searches have a limit of their own, and say nothing")
}
