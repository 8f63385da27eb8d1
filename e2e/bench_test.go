package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/sandbox"
)

// BenchmarkPipeline runs companies through the whole pipeline and, in the same
// process and minute, as many runs of nothing but as many activities through the
// bare engine. The ratio of the two is what the pipeline costs beside Temporal. Some go
// before, in both, so that connections are there and statements are planned.
func BenchmarkPipeline(b *testing.B) {
	const companies, before = 300, 40
	for b.Loop() {
		w := newWorld(b, sandbox.Options{CRMCompanies: true})
		domains := w.domains(before + companies)
		p := w.startWorker()
		through := func(n int) {
			w.eventuallyWithin(10*time.Minute, "all companies are through", func() bool { return w.completedRuns() >= n })
		}
		w.importOnly(domains[:before])
		through(before)
		cold := cpu(b, p)
		start := time.Now()
		w.importOnly(domains[before:])
		through(before + companies)
		pipeline := time.Since(start)
		spent := cpu(b, p) - cold
		memory := peakMemory(b, p)
		p.kill()
		remote, local := w.steps()
		remote, local = remote*companies/(before+companies), local*companies/(before+companies)
		w.bareEngine("warm", before, before*remote/companies, before*local/companies)
		bare := w.bareEngine("bare", companies, remote, local)
		b.ReportMetric(companies/pipeline.Seconds(), "companies/s")
		b.ReportMetric(companies/bare.Seconds(), "bare-runs/s")
		b.ReportMetric(bare.Seconds()/pipeline.Seconds(), "of-bare-engine")
		b.ReportMetric(float64(spent.Milliseconds())/companies, "worker-cpu-ms/company")
		b.ReportMetric(memory, "worker-peak-MiB")
		b.ReportMetric(float64(remote)/companies, "activities/company")
		b.ReportMetric(float64(local)/companies, "local/company")
	}
}

// importOnly imports the domains and does not wait for them.
func (w *world) importOnly(domains []string) {
	w.t.Helper()
	w.starter("company", "import", w.write("import-"+rand.Text()[:6]+".csv", "domain\n"+strings.Join(domains, "\n")+"\n")).ok()
}

// steps counts the remote and local activities of all runs, from their histories.
func (w *world) steps() (remote, local int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, id := range w.runIDs(ctx) {
		it := w.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			require.NoError(w.t, err)
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				remote++
			case enumspb.EVENT_TYPE_MARKER_RECORDED:
				local++
			}
		}
	}
	return remote, local
}

// shape is how many steps a bare run has.
type shape struct{ Remote, Local int }

func nothing(context.Context) error { return nil }

func bareRun(ctx workflow.Context, s shape) error {
	remote := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 5 * time.Second})
	for range s.Remote {
		if err := workflow.ExecuteActivity(remote, "nothing").Get(ctx, nil); err != nil {
			return err
		}
	}
	for range s.Local {
		if err := workflow.ExecuteLocalActivity(local, nothing).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// bareEngine times as many runs with, in sum, the same steps that do nothing.
func (w *world) bareEngine(name string, runs, remote, local int) time.Duration {
	w.t.Helper()
	core := worker.New(w.temporal, name, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	})
	core.RegisterWorkflow(bareRun)
	core.RegisterActivityWithOptions(nothing, activity.RegisterOptions{Name: "nothing"})
	require.NoError(w.t, core.Start())
	defer core.Stop()
	start := time.Now()
	var all []client.WorkflowRun
	for i := range runs {
		s := shape{Remote: remote*(i+1)/runs - remote*i/runs, Local: local*(i+1)/runs - local*i/runs}
		run, err := w.temporal.ExecuteWorkflow(context.Background(),
			client.StartWorkflowOptions{ID: fmt.Sprint(name, "-", i), TaskQueue: name}, bareRun, s)
		require.NoError(w.t, err)
		all = append(all, run)
	}
	for _, run := range all {
		require.NoError(w.t, run.Get(context.Background(), nil))
	}
	return time.Since(start)
}

// cpu returns the CPU time that a process has used, from Linux's /proc.
func cpu(t testing.TB, p *process) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("no /proc here")
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11]) // utime and stime, in hundredths of a second
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// peakMemory returns the most resident memory that a process has had, in MiB.
func peakMemory(t testing.TB, p *process) float64 {
	t.Helper()
	return memory(t, p, "VmHWM:")
}

// memory reads a figure of a process's memory from Linux's /proc, in MiB.
func memory(t testing.TB, p *process, figure string) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("no /proc here")
	}
	_, rest, _ := strings.Cut(string(status), figure)
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return float64(kb) / 1024
}
