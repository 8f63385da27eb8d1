package outbound_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
)

// observed is an observer that remembers.
type observed struct {
	mu    sync.Mutex
	calls []outbound.Call
	moves []string
}

func (o *observed) Called(c outbound.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, c)
}

func (o *observed) Moved(service, from, to string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moves = append(o.moves, service+": "+from+" > "+to)
}

func TestAnObserverIsToldHowCallsEndAndWhereTheBreakerIs(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Left", "7")
		w.WriteHeader(status)
	}))
	defer server.Close()
	var o observed
	c := outbound.New("atlas", server.URL, outbound.WithTrip(2), outbound.WithCoolDown(time.Hour), outbound.WithObserver(&o))
	read := func(r outbound.Response) error {
		if r.Status != http.StatusOK {
			return r.FailStatus()
		}
		return nil
	}
	require.NoError(t, c.Do(t.Context(), outbound.Request{}, read))
	status = http.StatusBadGateway
	for range 3 {
		require.Error(t, c.Do(t.Context(), outbound.Request{}, read))
	}

	require.Equal(t, []string{"atlas:  > closed", "atlas: closed > open"}, o.moves)
	var outcomes []outbound.Outcome
	for _, call := range o.calls {
		require.Equal(t, "atlas", call.Service)
		outcomes = append(outcomes, call.Outcome)
	}
	require.Equal(t, []outbound.Outcome{outbound.Answered, outbound.ProviderError, outbound.ProviderError, outbound.SkippedBreaker}, outcomes)
	require.Equal(t, "7", o.calls[0].Header.Get("X-Left"))
	require.Positive(t, o.calls[0].Elapsed)
	require.True(t, o.calls[2].Sent)
	require.False(t, o.calls[3].Sent, "the breaker kept it back")
	require.Nil(t, o.calls[3].Header)
}
