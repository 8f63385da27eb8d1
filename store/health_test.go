package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func TestTheDatabaseTellsOfItself(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	server, err := s.Server(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), server.Now, time.Minute)
	require.GreaterOrEqual(t, server.Version, 130000)
	require.Contains(t, []string{"on", "off"}, server.Fsync)
	require.False(t, server.ReadOnly)
	require.Positive(t, server.MaxConnections)
	require.Positive(t, server.Connections)
	require.Positive(t, server.Bytes)
}

func TestCountersSayWhatIsLeftOfBudgets(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	r, err := s.Reserve(t.Context(), store.ReserveInput{
		AccountID: acc.ID, Provider: "atlas", Subject: "acme.example", Holder: "run/1", RunID: "run", Credits: 3,
		Limits: []store.Limit{{Scope: "day:2026-11-28", Credits: 100}},
	})
	require.NoError(t, err)
	counters, err := s.Counters(t.Context(), []string{"day:2026-11-27", "day:2026-11-28"})
	require.NoError(t, err)
	require.Equal(t, []store.Counter{{Scope: "day:2026-11-28", Spent: 3, Bound: 100}}, counters)

	outcomes, err := s.OutcomesSince(t.Context(), "atlas", time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Empty(t, outcomes, "the call is under way")
	require.NoError(t, s.Settle(t.Context(), r, outbound.ProviderError, 0, time.Second))
	outcomes, err = s.OutcomesSince(t.Context(), "atlas", time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"provider_error": 1}, outcomes)
	n, err := s.CountUnanswered(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestTheAddressBoundsTheConnections(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	s, err := store.Open(t.Context(), url+separator+"pool_max_conns=1")
	require.NoError(t, err)
	defer s.Close()
	for _, err := range concurrently(8, func(int) error { return s.Ping(t.Context()) }) {
		require.NoError(t, err)
	}
	server, err := s.Server(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, server.Connections)
}
