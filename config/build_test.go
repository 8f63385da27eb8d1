package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/providers/registry"
)

func TestBuildProviderWithoutAKeyIsSkipped(t *testing.T) {
	environment(t, nil)
	for _, spec := range registry.All() {
		source, err := config.BuildProvider(config.Provider{Name: spec.Name})
		require.NoError(t, err)
		if spec.NeedsKey {
			require.Nil(t, source, spec.Name)
		} else {
			require.NotNil(t, source, spec.Name)
		}
	}
}

func TestBuildProvider(t *testing.T) {
	environment(t, map[string]string{"SLUICE_APOLLO_API_KEY": "k"})
	spec, ok := registry.Get("apollo")
	require.True(t, ok)
	step := config.Provider{Name: "apollo"}
	source, err := config.BuildProvider(step)
	require.NoError(t, err)
	require.Equal(t, "apollo", source.Spec.Name)
	require.InDelta(t, 1, source.Trust, 0)
	require.InDelta(t, spec.HitCredits, source.Price, 0)
	require.Equal(t, spec.TTL, source.TTL)
	require.InDelta(t, spec.Rate, step.PerSecond(spec), 0)
	require.Equal(t, 5, step.InFlight())

	step = config.Provider{
		Name: "apollo", Trust: 0.5, Credits: 3, TTL: time.Hour, Rate: 0.5, Timeout: time.Second, Failures: 2, CoolDown: time.Minute,
	}
	source, err = config.BuildProvider(step)
	require.NoError(t, err)
	require.InDelta(t, 0.5, source.Trust, 0)
	require.InDelta(t, 3, source.Price, 0)
	require.Equal(t, time.Hour, source.TTL)
	require.InDelta(t, 0.5, step.PerSecond(spec), 0)
	require.Equal(t, 2, step.InFlight())
}

func TestBuildUnknownProvider(t *testing.T) {
	t.Parallel()
	_, err := config.BuildProvider(config.Provider{Name: "zoominfo"})
	require.EqualError(t, err, `no provider is called "zoominfo"`)
}

func TestBuildCRM(t *testing.T) {
	t.Parallel()
	none, err := config.BuildCRM(t.Context(), config.Config{}, config.Pipeline{})
	require.NoError(t, err)
	require.Nil(t, none)
	c := config.Config{CRM: "hubspot", HubSpot: config.HubSpot{Token: "b", Portal: "8100"}}
	built, err := config.BuildCRM(t.Context(), c, config.Pipeline{})
	require.NoError(t, err)
	require.Equal(t, "8100", built.Key("512").Portal)
}

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"debug", "info", "warn", "error"} {
		_, err := config.NewLogger(level)
		require.NoError(t, err)
	}
	_, err := config.NewLogger(canary)
	require.EqualError(t, err, "SLUICE_LOG_LEVEL: want debug, info, warn or error")
}

// directory returns a directory with these files.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

func revops(t *testing.T, old, with string) string {
	t.Helper()
	m, err := icp.Load("revops")
	require.NoError(t, err)
	require.Contains(t, m.Source, old)
	return strings.Replace(m.Source, old, with, 1)
}

func TestLoadModels(t *testing.T) {
	t.Parallel()
	models, err := config.LoadModels("")
	require.NoError(t, err)
	require.Len(t, models, len(icp.Shipped()))

	dir := directory(t, map[string]string{
		"mine.yaml": revops(t, "name: revops", "name: mine"), "revops.yml": revops(t, "version: 2", "version: 3"),
		"notes.txt": "no model", ".hidden": "no model",
	})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "old.yaml"), 0o700))
	models, err = config.LoadModels(dir)
	require.NoError(t, err)
	require.Equal(t, "mine@2", models["mine"].ID())
	require.Equal(t, "revops@3", models["revops"].ID(), "a file takes the shipped model's place")
}

// TestLoadModelsReportsEveryBadFile holds that a bad file stops the load, whichever
// model is active, and that one reading names all of them.
func TestLoadModelsReportsEveryBadFile(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{
		"a.yaml": revops(t, "version: 2", "version: one"), "b.yaml": revops(t, "name: revops", "name: mine"), "c.yaml": "",
	})
	_, err := config.LoadModels(dir)
	require.ErrorContains(t, err, filepath.Join(dir, "a.yaml")+":")
	require.ErrorContains(t, err, `version: want a whole number, have the text "one"`)
	require.ErrorContains(t, err, filepath.Join(dir, "c.yaml")+":1:1: the file is empty; docs/models.md shows a model")
	require.NotContains(t, err.Error(), "b.yaml")
}

func TestLoadModelsRefusesTwoOfOneName(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{"a.yaml": revops(t, "name: revops", "name: mine"), "b.yaml": revops(t, "name: revops", "name: mine")})
	_, err := config.LoadModels(dir)
	require.EqualError(t, err, filepath.Join(dir, "b.yaml")+`: the model "mine" is in `+filepath.Join(dir, "a.yaml")+" already; give it another name, or remove one")
}

func TestLoadModelsRefusesADirectoryThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := config.LoadModels(filepath.Join(t.TempDir(), "nowhere"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "SLUICE_MODEL_DIR: ")
}
