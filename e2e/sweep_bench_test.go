package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/store"
)

// BenchmarkSweep lets two nights pass over target lists of different size, the second
// with news at two in a hundred accounts. It fails if any news is missed, invented or
// told twice. With -full it goes up to 50 000 accounts.
func BenchmarkSweep(b *testing.B) {
	sizes := []int{1_000}
	if *full {
		sizes = append(sizes, 10_000, 50_000)
	}
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				sweepList(b, n)
			}
		})
	}
}

func sweepList(b *testing.B, n int) {
	w := newWorld(b, sandbox.Options{Table: sandbox.Invent(n, 5), Coverage: sandbox.Full, CRMCompanies: true})
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("nightly.yaml", nightly))
	p := w.startWorker()
	domains := w.domains(n)
	w.follow(domains)
	tonight := time.Now().UTC().Truncate(time.Second).Add(2 * time.Hour) // what was seeded is old by then

	start := time.Now()
	require.Zero(b, w.sweep(tonight).Signals, "a first sight raises nothing old")
	first := time.Since(start)
	tomorrow := tonight.Add(24 * time.Hour)
	news := sandbox.Telling(sandbox.PlantNews(w.sandbox.Sandbox, 0.02, tomorrow, 9))
	w.sandbox.Faults.ResetCounters()
	start = time.Now()
	got := w.sweep(tomorrow)
	second := time.Since(start)
	calls := w.providerCalls()
	require.Equal(b, news, w.found(domains))
	require.Len(b, w.newsNotes(), len(news))
	require.Len(b, w.newsTasks(), got.Outcomes[store.TaskMade])
	w.everyNewsIsAnswered(news)

	b.ReportMetric(float64(n)/first.Seconds(), "first-accounts/s")
	b.ReportMetric(float64(n)/second.Seconds(), "accounts/s")
	b.ReportMetric(float64(calls)/second.Seconds(), "calls/s")
	b.ReportMetric(peakMemory(b, p), "worker-peak-MiB")
	b.ReportMetric(float64(w.longestHistory()), "longest-history")
	b.ReportMetric(float64(len(news)), "accounts-with-news")
}

// follow puts the companies on the target list without running each: with a record in
// the CRM, what Apollo may have said an hour ago, and a score.
func (w *world) follow(domains []string) {
	w.t.Helper()
	ids := w.companyIDs(domains)
	var g errgroup.Group
	g.SetLimit(8)
	for i, domain := range domains {
		g.Go(func() error {
			ctx := w.t.Context()
			company, _ := w.sandbox.Table().Find(domain)
			key := account.Key{CRM: hubspot.Name, Portal: w.sandbox.CRM.Portal(), ID: ids[i]}
			acc, err := w.store.UpsertAccount(ctx, key, domain, company.Name)
			if err != nil {
				return err
			}
			r, err := w.store.Reserve(ctx, store.ReserveInput{AccountID: acc.ID, Provider: "apollo", Subject: domain, Holder: domain, RunID: domain})
			if err != nil {
				return err
			}
			at := time.Now().Add(-time.Hour)
			fact := account.Fact{Field: account.Name, Value: account.TextValue(company.Name), Provider: "apollo", Confidence: 0.9, ObservedAt: at}
			err = w.store.SaveAnswer(ctx, r, store.SaveAnswerInput{Outcome: outbound.Found, Facts: []account.Fact{fact}, At: at})
			if err != nil {
				return err
			}
			_, err = w.store.SaveScore(ctx, store.ScoreRow{
				AccountID: acc.ID, RunID: "seed", Pass: 1, Model: "revops", ModelVersion: 2, Score: icp.Score{Tier: "Tier 2", Value: 50},
				Cause: "first", ScoredAt: at,
			})
			return err
		})
	}
	require.NoError(w.t, g.Wait())
	time.Sleep(3 * time.Second) // an answer of a moment ago is not asked for again
}

// longestHistory is the most events that a run of this world has.
func (w *world) longestHistory() int64 {
	w.t.Helper()
	var longest int64
	var token []byte
	for {
		page, err := w.temporal.ListWorkflow(w.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: `ExecutionStatus = 'Completed' OR ExecutionStatus = 'ContinuedAsNew'`, NextPageToken: token})
		require.NoError(w.t, err)
		for _, e := range page.Executions {
			longest = max(longest, e.HistoryLength)
		}
		if token = page.NextPageToken; len(token) == 0 {
			return longest
		}
	}
}
