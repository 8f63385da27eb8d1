package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/workflows"
)

// nightly is the part of sluice.yaml that a sweep needs in tests: everybody is a
// target, and no pace to speak of.
const nightly = `
signals:
  targets: {tiers: [Tier 1, Tier 2, Tier 3, Not a fit]}
  daily_cap: 3
  sources:
    - {name: jobboards, rate: 2000, timeout: 2s, breaker: {failures: 5, cool_down: 2s}}
    - {name: edgar, rate: 2000, timeout: 2s, breaker: {failures: 5, cool_down: 2s}}
`

// sweep lets a night pass and returns what it came to.
func (w *world) sweep(at time.Time, args ...string) workflows.SweepStatus {
	w.t.Helper()
	w.sandbox.Clock.Set(at)
	out := w.starter(append([]string{"signals", "run", "--json", "--at", at.Format(time.RFC3339)}, args...)...).ok()
	var s workflows.SweepStatus
	require.NoError(w.t, json.Unmarshal([]byte(out.stdout), &s), out.stdout)
	return s
}

func newNightWorld(t testing.TB, companies int) (*world, []string) {
	t.Helper()
	table, _, err := sandbox.Load(strings.NewReader(invented(companies)))
	require.NoError(t, err)
	w := newWorld(t, sandbox.Options{Table: table, CRMCompanies: true})
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("nightly.yaml", pipeline+nightly))
	return w, w.domains(companies)
}

func TestASweepFindsWhatHappenedOnce(t *testing.T) {
	w, domains := newNightWorld(t, 100)
	w.startWorker()
	w.importAll(domains)
	tonight := time.Now().UTC().Truncate(time.Second)
	first := w.sweep(tonight)
	t.Logf("first: %+v", first)

	tomorrow := tonight.Add(24 * time.Hour)
	planted := sandbox.PlantNews(w.sandbox.Sandbox, 0.3, tomorrow, 1)
	second := w.sweep(tomorrow)
	t.Logf("second: %+v", second.Outcomes)
	for _, h := range planted {
		accs, err := w.store.AccountsByDomain(t.Context(), h.Domain)
		require.NoError(t, err)
		for _, acc := range accs {
			found, err := w.store.Signals(t.Context(), acc.ID)
			require.NoError(t, err)
			line := ""
			for _, g := range found {
				line += g.Kind + "/" + g.Entity + " (" + g.Summary + "); "
			}
			t.Logf("planted %s %s %s decoy=%v tellers=%v: %s", h.Domain, h.Kind, h.Title, h.Decoy, w.sandbox.Tellers(h), line)
		}
	}
}
