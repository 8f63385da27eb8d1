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

// BenchmarkPipeline runs companies through the whole pipeline and, in turns with them, as
// many runs of nothing but as many activities through the bare engine. The ratio of the two
// is what the pipeline costs beside Temporal. The bare engine hands all its activities to the
// worker that asks for them; it cannot with those of a queue whose rate it holds, as a
// provider's is: of-bare-with-queues compares with a bare engine that has such a queue. Some
// go before, in all three, so that connections are there and statements are planned.
func BenchmarkPipeline(b *testing.B) {
	const turns, companies, before = 3, 320, 40
	for b.Loop() {
		w := newWorld(b, sandbox.Options{Table: sandbox.Invent(1000, 5), Coverage: sandbox.Realistic, CRMCompanies: true})
		domains := w.domains(before + turns*companies)
		require.Len(b, domains, before+turns*companies)
		p := w.startWorker()
		w.pipeline(domains[:before])
		w.bareEngine(before, shape{Remote: 5 * before, Local: 2 * before})
		var pipeline, bare, queues, spent time.Duration
		var remote, local int
		for rest := domains[before:]; len(rest) > 0; rest = rest[companies:] {
			idle := cpu(b, p)
			took, s := w.pipeline(rest[:companies])
			pipeline, spent = pipeline+took, spent+cpu(b, p)-idle
			remote, local = remote+s.Remote+s.Asked, local+s.Local
			queues += w.bareEngine(companies, s)
			bare += w.bareEngine(companies, shape{Remote: s.Remote + s.Asked, Local: s.Local})
		}
		memory := peakMemory(b, p)
		p.kill()
		b.ReportMetric(turns*companies/pipeline.Seconds(), "companies/s")
		b.ReportMetric(turns*companies/bare.Seconds(), "bare-runs/s")
		b.ReportMetric(bare.Seconds()/pipeline.Seconds(), "of-bare-engine")
		b.ReportMetric(queues.Seconds()/pipeline.Seconds(), "of-bare-with-queues")
		b.ReportMetric(float64(spent.Milliseconds())/turns/companies, "worker-cpu-ms/company")
		b.ReportMetric(memory, "worker-peak-MiB")
		b.ReportMetric(float64(remote)/turns/companies, "activities/company")
		b.ReportMetric(float64(local)/turns/companies, "local/company")
	}
}

// pipeline takes the companies through, and returns the time from the start of the first to
// the end of the last, and the steps of all their runs.
func (w *world) pipeline(domains []string) (took time.Duration, all shape) {
	w.t.Helper()
	const runs = `WorkflowType = 'CompanyOnboarding'`
	since := time.Now()
	known := w.countRuns(runs)
	w.importOnly(domains)
	require.Eventually(w.t, func() bool {
		return w.countRuns(runs+` AND ExecutionStatus = 'Completed'`) >= known+len(domains)
	}, 5*time.Minute, 3*time.Second, "all companies are through") // looking costs the engine, too: 10 ms a look
	query := runs + ` AND StartTime >= '` + since.Format(time.RFC3339Nano) + `'`
	return w.span(query), w.steps(query)
}

// span is the time from the start of the first to the end of the last of the runs.
func (w *world) span(query string) time.Duration {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var first, last time.Time
	for run := range w.listed(ctx, query) {
		if at := run.GetStartTime().AsTime(); first.IsZero() || at.Before(first) {
			first = at
		}
		if at := run.GetCloseTime().AsTime(); at.After(last) {
			last = at
		}
	}
	return last.Sub(first)
}

// importOnly imports the domains and does not wait for them.
func (w *world) importOnly(domains []string) {
	w.t.Helper()
	w.starter("company", "import", w.write("import-"+rand.Text()[:6]+".csv", "domain\n"+strings.Join(domains, "\n")+"\n")).ok()
}

// steps counts the remote and local activities of the runs, from their histories.
func (w *world) steps(query string) (all shape) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, id := range w.idsOf(ctx, query) {
		for e := range w.events(ctx, id) {
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				if e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == "Ask" {
					all.Asked++
				} else {
					all.Remote++
				}
			case enumspb.EVENT_TYPE_MARKER_RECORDED:
				all.Local++
			}
		}
	}
	return all
}

// shape is how many steps runs have.
type shape struct {
	Remote, Local int
	Asked         int // remote as well, on a queue of their own with a rate
}

func nothing(context.Context) error { return nil }

// rated names the queue with a rate that belongs to another.
func rated(queue string) string { return queue + "-rated" }

// of is the share that one of n runs has in all of them.
func (s shape) of(i, n int) shape {
	share := func(all int) int { return all*(i+1)/n - all*i/n }
	return shape{Remote: share(s.Remote), Local: share(s.Local), Asked: share(s.Asked)}
}

func bareRun(ctx workflow.Context, s shape) error {
	remote := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: 5 * time.Second})
	asked := workflow.WithTaskQueue(remote, rated(workflow.GetInfo(ctx).TaskQueueName))
	for i := range s.Remote + s.Asked {
		call := remote
		if i >= s.Remote {
			call = asked
		}
		if err := workflow.ExecuteActivity(call, "nothing").Get(ctx, nil); err != nil {
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
func (w *world) bareEngine(runs int, all shape) time.Duration {
	w.t.Helper()
	queue := "bare-" + rand.Text()[:6]
	core := worker.New(w.temporal, queue, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	})
	core.RegisterWorkflow(bareRun)
	core.RegisterActivityWithOptions(nothing, activity.RegisterOptions{Name: "nothing"})
	provider := worker.New(w.temporal, rated(queue), worker.Options{DisableWorkflowWorker: true, TaskQueueActivitiesPerSecond: 500})
	provider.RegisterActivityWithOptions(nothing, activity.RegisterOptions{Name: "nothing"})
	for _, each := range []worker.Worker{core, provider} {
		require.NoError(w.t, each.Start())
		defer each.Stop()
	}
	started := make([]client.WorkflowRun, runs)
	for i := range started {
		s := all.of(i, runs)
		run, err := w.temporal.ExecuteWorkflow(context.Background(),
			client.StartWorkflowOptions{ID: fmt.Sprint(queue, "-", i), TaskQueue: queue}, bareRun, s)
		require.NoError(w.t, err)
		started[i] = run
	}
	for _, run := range started {
		require.NoError(w.t, run.Get(context.Background(), nil))
	}
	query := `WorkflowType = 'bareRun' AND WorkflowId STARTS_WITH '` + queue + `'`
	w.eventually("the list has all runs", func() bool { return w.countRuns(query+` AND ExecutionStatus = 'Completed'`) == runs })
	return w.span(query)
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
