package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluicehq/sluice/sandbox"
)

// BenchmarkWorkers runs the same import with one worker and with two. Vendors and CRM take
// half a second to answer, as they do in life, so that slots for calls are what there is
// too little of, and not this machine's processors, which Temporal and Postgres share.
func BenchmarkWorkers(b *testing.B) {
	const companies = 60
	for b.Loop() {
		var took [3]time.Duration
		for workers := 1; workers <= 2; workers++ {
			w := newWorld(b, sandbox.Options{CRMCompanies: true, Latency: 500 * time.Millisecond})
			for range workers {
				w.worker = w.startWorker()
			}
			if workers == 1 {
				time.Sleep(10 * time.Second)
				b.ReportMetric(memory(b, w.worker, "VmRSS:"), "idle-MiB")
			}
			start := time.Now()
			w.importOnly(w.domains(companies))
			w.eventuallyWithin(10*time.Minute, "all companies are through", func() bool { return w.completedRuns() >= companies })
			took[workers] = time.Since(start)
			b.ReportMetric(companies/took[workers].Seconds(), fmt.Sprintf("companies/s-%d", workers))
		}
		b.ReportMetric(took[1].Seconds()/took[2].Seconds(), "of-one-worker")
	}
}
