package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox"
)

// shipped is sluice.yaml as it ships: the paces of providers, sources and the CRM are the
// ones that an installation has.
const shipped = `
model: revops
providers: [{name: apollo}, {name: clearbit}, {name: hunter}, {name: pdl}, {name: builtwith}, {name: website}]
routes:
  sdr-outreach:
    owners: [{id: "201"}, {id: "202"}, {id: "203"}]
signals:
  targets: {tiers: [Tier 1, Tier 2, Tier 3, Not a fit]}
  give_up: 3s
`

// BenchmarkFresh times a company that somebody asks for, from the request to the last
// effect: on an idle installation, and in the midst of a nightly sweep full of news and a
// large import. The ratio of the two p95 is what the night costs the company.
func BenchmarkFresh(b *testing.B) {
	for name, config := range map[string]string{"shipped": shipped, "unpaced": nightly} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				freshUnderLoad(b, config)
			}
		})
	}
}

func freshUnderLoad(b *testing.B, config string) {
	const listed, imported, fresh = 2_000, 2_000, 40
	w := newWorld(b, sandbox.Options{Table: sandbox.Invent(listed+imported+2*fresh, 5), Coverage: sandbox.Full, CRMCompanies: true})
	domains := w.domains(listed + imported + 2*fresh)
	targets, rest := domains[:listed], domains[listed:]
	w.follow(targets)
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("fresh.yaml", config))
	url, _ := w.serve()
	w.startWorker()

	idle := w.times(url, rest[:fresh])
	tonight := time.Now().UTC().Truncate(time.Second).Add(2 * time.Hour)
	w.sandbox.Clock.Set(tonight)
	sandbox.PlantNews(w.sandbox.Sandbox, 0.2, tonight, 9)
	w.letAnswersAge()
	night := w.start("starter", nil, "signals", "run", "--at", tonight.Format(time.RFC3339))
	bulk := w.start("starter", nil, "company", "import", w.write("bulk.csv", "domain\n"+strings.Join(rest[2*fresh:], "\n")+"\n"))
	w.eventuallyWithin(time.Minute, "the night is under way", func() bool {
		return w.countRuns(`ExecutionStatus = 'Running'`) > 100
	})
	var busy []time.Duration
	running := 0
	for i := range fresh { // for as long as there is load
		took := w.times(url, rest[fresh+i:fresh+i+1])
		if running = w.countRuns(`ExecutionStatus = 'Running'`); running < 50 {
			break
		}
		busy = append(busy, took...)
	}
	require.GreaterOrEqual(b, len(busy), fresh/4, "the night was over too soon")
	slices.Sort(busy)
	night.kill()
	bulk.kill()

	b.ReportMetric(at(idle, 0.5).Seconds()*1000, "idle-p50-ms")
	b.ReportMetric(at(idle, 0.95).Seconds()*1000, "idle-p95-ms")
	b.ReportMetric(at(busy, 0.5).Seconds()*1000, "busy-p50-ms")
	b.ReportMetric(at(busy, 0.95).Seconds()*1000, "busy-p95-ms")
	b.ReportMetric(at(busy, 0.95).Seconds()/at(idle, 0.95).Seconds(), "busy/idle-p95")
	b.ReportMetric(float64(running), "runs-in-flight")
}

// times runs the companies one after the other, from the request until nothing is left to
// do for them, and returns how long each took, the quickest first.
func (w *world) times(url string, domains []string) []time.Duration {
	w.t.Helper()
	all := make([]time.Duration, 0, len(domains))
	for i, id := range w.companyIDs(domains) {
		body, err := json.Marshal(map[string]string{"domain": domains[i], "crm": "hubspot", "crm_id": id})
		require.NoError(w.t, err)
		start := time.Now()
		res, err := http.Post(url+"/v1/companies", "application/json", bytes.NewReader(body))
		require.NoError(w.t, err)
		var run struct {
			WorkflowID string `json:"workflow_id"`
			RunID      string `json:"run_id"`
		}
		require.NoError(w.t, json.NewDecoder(res.Body).Decode(&run))
		require.NoError(w.t, res.Body.Close())
		require.Equal(w.t, http.StatusAccepted, res.StatusCode)
		require.NoError(w.t, w.temporal.GetWorkflow(w.t.Context(), run.WorkflowID, run.RunID).Get(w.t.Context(), nil))
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all
}

// at is the quantile of sorted times.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
