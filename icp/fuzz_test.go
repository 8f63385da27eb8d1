package icp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/strictyaml"
)

// FuzzParse holds that no file makes Parse panic, that every mistake has a place in
// the file, and that every model it accepts rates any account within its scale. Run it with
// -fuzzminimizetime 20x: the default spends a minute on each new input.
func FuzzParse(f *testing.F) {
	for _, name := range icp.Shipped() {
		m, err := icp.Load(name)
		require.NoError(f, err)
		f.Add(m.Source, uint64(1))
	}
	for _, seed := range []string{good, good + signalsFile, everything, contactFit, weights, square, committees, declaring, conditional(`employees > 5`), "a: [", "a: &b\n- *b", "\t", "--- 1\n--- 2", "%YAML 1.1\n---\n"} {
		f.Add(seed, uint64(2))
	}
	f.Fuzz(func(t *testing.T, source string, seed uint64) {
		m, err := icp.Parse("m", []byte(source))
		if err != nil {
			requirePlaces(t, err)
			return
		}
		w := newWorld(seed)
		for range 20 {
			s := m.Rate(w.subject(m), now)
			require.True(t, m.Scale.Min <= s.Low && s.Low <= s.Value && s.Value <= s.High && s.High <= m.Scale.Max, "%s", s)
			require.True(t, m.Scale.Min <= s.Fit && s.Fit <= m.Scale.Max)
			m.Settle(s, icp.Held{Tier: s.Floor, Since: now}, now)
			require.True(t, 0 <= s.Completeness && s.Completeness <= 1)
			require.LessOrEqual(t, len([]rune(icp.Reason(m, s))), 1000)
			m.TriggerTask.Due(s, true)
			for _, tier := range m.Tiers {
				if tier.Task != nil {
					_, err := tier.Task.Render(icp.TaskData{Name: "A", Domain: "b", Tier: s.Tier, Score: s.Value})
					require.NoError(t, err)
				}
			}
		}
	})
}

func requirePlaces(t *testing.T, err error) {
	t.Helper()
	parseError := new(strictyaml.Error)
	require.ErrorAs(t, err, &parseError)
	require.NotEmpty(t, parseError.Mistakes)
	for _, m := range parseError.Mistakes {
		require.Positive(t, m.Line)
		require.Positive(t, m.Column)
		require.NotEmpty(t, m.Message)
	}
}
