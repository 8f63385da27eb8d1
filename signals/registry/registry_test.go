package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/registry"
)

func TestAll(t *testing.T) {
	t.Parallel()
	var names, off []string
	envs := map[string]bool{}
	for _, s := range registry.All() {
		names = append(names, s.Name)
		if s.Off {
			off = append(off, s.Name)
		}
		require.False(t, envs[s.Env], "%s is there twice", s.Env)
		envs[s.Env] = true
		require.NotNil(t, s.New)
		require.Contains(t, []string{"", "key", "contact"}, s.Needs)
	}
	require.Equal(t, []string{"jobboards", "edgar", "funding", "people", "technology", "firmographics", "engagement", "news"}, names)
	require.Equal(t, []string{"news"}, off)
}

// TestNothingToGoBy holds that every source can be built, and that an account of which
// nothing is known is no news to any, with a shipped model's rules.
func TestNothingToGoBy(t *testing.T) {
	t.Parallel()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	for _, spec := range registry.All() {
		source, err := spec.New(signals.Config{BaseURL: "http://127.0.0.1:9", Key: "k", Contact: "ops@acme.example"})
		require.NoError(t, err, spec.Name)
		got, err := source.Look(t.Context(), signals.Look{Account: account.Account{ID: 1}, Rules: &m.Signals})
		require.NoError(t, err, spec.Name)
		require.Empty(t, got.Events, spec.Name)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	for _, want := range registry.All() {
		got, ok := registry.Get(want.Name)
		require.True(t, ok)
		require.Equal(t, want.Name, got.Name)
	}
	_, ok := registry.Get("nobody")
	require.False(t, ok)
}
