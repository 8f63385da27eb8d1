package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/providers/registry"
)

func TestAll(t *testing.T) {
	t.Parallel()
	var names []string
	envs := map[string]bool{}
	for _, s := range registry.All() {
		names = append(names, s.Name)
		require.False(t, envs[s.Env], "%s is there twice", s.Env)
		envs[s.Env] = true
		require.NotNil(t, s.New)
	}
	require.Equal(t, []string{"apollo", "clearbit", "hunter", "pdl", "builtwith", "theirstack", "website"}, names)
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
