package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// BenchmarkReview reviews a quarter for the first time, from the CRM's deals to the task,
// and then again: what has not changed is not read twice.
func BenchmarkReview(b *testing.B) {
	sizes := []int{2_000, 20_000}
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				reviewDeals(b, n)
			}
		})
	}
}

// dealsEach is how many deals a company has.
const dealsEach = 20

func reviewDeals(b *testing.B, n int) {
	w := newQuarterWorld(b)
	p := w.startWorker()
	for i := range n / dealsEach {
		acc := w.company(fmt.Sprint("Company", i))
		w.score(acc, w.day(-380), i%2 == 0)
		w.dealsOf(acc, i)
	}
	began := peakMemory(b, p)
	start := time.Now()
	w.starter("icp", "review", "--quarter", w.span.Name).ok()
	w.eventuallyWithin(10*time.Minute, "the deals are on record", func() bool { return w.status().Stage != workflows.ReviewReads })
	read, reading := time.Since(start), peakMemory(b, p)
	w.starter("icp", "review", "--quarter", w.span.Name, "--wait").ok()
	first := time.Since(start)
	s := w.status()
	require.Equal(b, n, s.Changed)
	require.Len(b, w.reviewTasks(), 1)
	deals, err := w.store.DealsHeld(b.Context(), store.DealsWanted{Until: time.Now()}, 0, 1)
	require.NoError(b, err)
	require.NotNil(b, deals[0].Score)

	start = time.Now()
	w.starter("icp", "review", "--quarter", w.span.Name, "--anew", "--wait").ok()
	again := w.status()
	require.Zero(b, again.Changed)
	require.Equal(b, n, again.Checked, "all are looked for")
	b.ReportMetric(float64(n)/first.Seconds(), "first-deals/s")
	b.ReportMetric(float64(n)/time.Since(start).Seconds(), "again-deals/s")
	b.ReportMetric(float64(n)/read.Seconds(), "read-deals/s")
	b.ReportMetric(reading, "reading-peak-MiB")
	b.ReportMetric(peakMemory(b, p), "worker-peak-MiB")
	b.ReportMetric(began, "worker-idle-MiB")
	b.ReportMetric(float64(w.historyLength(workflows.ReviewID(w.span.Name))), "history-events")
}

// dealsOf gives a company deals over the five quarters.
func (w *quarterWorld) dealsOf(acc account.Account, i int) {
	for k := range dealsEach {
		w.deal(acc, w.day(-370+20*k+i%19), 20+(i+k)%40, (i*7+k*3)%5 < 2-i%2, float64(1000+100*k))
	}
}

func (w *quarterWorld) historyLength(id string) int64 {
	w.t.Helper()
	run, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), id, "")
	require.NoError(w.t, err)
	return run.WorkflowExecutionInfo.HistoryLength
}
