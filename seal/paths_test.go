package seal_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/store/storetest"
)

// TestEveryPathKnowsItsCompany holds that Temporal's SDK says on each path to whom payloads
// belong, and that each is sealed so. The workflow goes all the ways that ours do.
func TestEveryPathKnowsItsCompany(t *testing.T) {
	t.Parallel()
	record, master := storetest.New(t), key(t, "a")
	queue := work(t, process(t, record, master))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := dial(t, process(t, record, master))
	unique := "company/domain/" + queue + time.Now().Format("150405.000000") + ".example"
	for _, id := range []string{unique, "release/" + queue + time.Now().Format("150405.000000")} {
		about := strings.HasPrefix(id, "company/")
		opts := client.StartWorkflowOptions{
			ID: id, TaskQueue: queue, StaticSummary: "a canary", StaticDetails: "a canary", Memo: map[string]any{"note": "a canary"},
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		}
		run, err := c.SignalWithStartWorkflow(ctx, id, "changed", "a canary", opts, parent, "a canary")
		require.NoError(t, err)
		require.NoError(t, c.SignalWorkflow(ctx, id, "", "changed", "a canary"))
		update, err := c.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: c.NewWithStartWorkflowOperation(opts, parent, "a canary"),
			UpdateOptions:          client.UpdateWorkflowOptions{WorkflowID: id, UpdateName: "decide", Args: []any{"a canary"}, WaitForStage: client.WorkflowUpdateStageCompleted},
		})
		require.NoError(t, err)
		var answer string
		require.NoError(t, update.Get(ctx, &answer))
		require.Equal(t, "a canary", answer)
		asked, err := c.QueryWorkflow(ctx, id, "", "status", "a canary")
		require.NoError(t, err)
		require.NoError(t, asked.Get(&answer))
		require.ErrorContains(t, run.Get(ctx, nil), "a canary of a result")

		for _, history := range []struct {
			id  string
			own bool
		}{{id, about}, {"override/" + strings.ReplaceAll(id, "/", "-"), true}} {
			kinds := map[enumspb.EventType]bool{}
			for _, runID := range runsOf(ctx, t, c, history.id) {
				it := c.GetWorkflowHistory(ctx, history.id, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
				for it.HasNext() {
					e, err := it.Next()
					require.NoError(t, err)
					require.NotContains(t, e.String(), "canary")
					kinds[e.EventType] = true
					checkPayloads(ctx, t, e, history.own)
				}
			}
			require.Greater(t, len(kinds), 4)
		}
	}
}

// TestARunOutlivesARecordThatIsAwayOrSlow: a workflow task that cannot have the company's
// key is tried again, and one that waits for it is not taken for one that hangs.
func TestARunOutlivesARecordThatIsAwayOrSlow(t *testing.T) {
	t.Parallel()
	master := key(t, "a")
	record := &counted{SubjectStore: storetest.New(t)}
	here := process(t, record.SubjectStore, master)
	queue := work(t, process(t, record, master))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := dial(t, here)
	start := func(name string, task time.Duration) client.WorkflowRun {
		id := "company/domain/" + queue + name + time.Now().Format("150405.000000") + ".example"
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue, WorkflowTaskTimeout: task}, child, "again")
		require.NoError(t, err)
		return run
	}
	failures := func(run client.WorkflowRun) (n int) {
		it := c.GetWorkflowHistory(ctx, run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			require.NoError(t, err)
			if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED {
				n++
			}
		}
		return n
	}

	record.away.Store(true)
	run := start("away", time.Second)
	require.Eventually(t, func() bool { return failures(run) > 0 }, 10*time.Second, 50*time.Millisecond)
	record.away.Store(false)
	require.NoError(t, run.Get(ctx, nil))

	record.slow.Store(true)
	run = start("slow", 10*time.Second)
	require.NoError(t, run.Get(ctx, nil))
	require.Zero(t, failures(run))
}

func dial(t *testing.T, c seal.Codec) client.Client {
	t.Helper()
	address := os.Getenv("TEMPORAL_ADDRESS")
	require.NotEmpty(t, address, "no Temporal: run `make test`, or `bin/stack -- go test ./seal`")
	o := client.Options{HostPort: address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))}
	seal.Client(&o, c)
	dialled, err := client.Dial(o)
	require.NoError(t, err)
	t.Cleanup(dialled.Close)
	return dialled
}

// work runs a worker until the test ends, and returns its queue.
func work(t *testing.T, c seal.Codec) (queue string) {
	t.Helper()
	queue = strings.ToLower(t.Name())
	w := worker.New(dial(t, c.InWorker()), queue, worker.Options{})
	w.RegisterWorkflow(parent)
	w.RegisterWorkflow(child)
	w.RegisterActivity(remote)
	w.RegisterActivity(local)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return queue
}

// checkPayloads holds that an event has payloads sealed with a company's key, or with the
// master key alone. What is told to or by a child is the child's.
func checkPayloads(ctx context.Context, t *testing.T, e *historypb.HistoryEvent, own bool) {
	t.Helper()
	ofChild := strings.Contains(e.EventType.String(), "Child") || e.EventType == enumspb.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED
	err := proxy.VisitPayloads(ctx, e, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, all []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range all {
				require.Equal(t, "binary/encrypted", string(p.Metadata["encoding"]), e)
				if own {
					require.Contains(t, p.Metadata, "subject-key-id", e)
				} else if !ofChild {
					require.NotContains(t, p.Metadata, "subject-key-id", e)
				}
			}
			return all, nil
		},
	})
	require.NoError(t, err)
}

// runsOf lists the runs of a workflow, which goes on as a new one once.
func runsOf(ctx context.Context, t *testing.T, c client.Client, id string) []string {
	t.Helper()
	described, err := c.DescribeWorkflowExecution(ctx, id, "")
	require.NoError(t, err)
	runs := []string{described.GetWorkflowExecutionInfo().GetExecution().GetRunId()}
	if first := described.GetWorkflowExecutionInfo().GetFirstRunId(); first != runs[0] {
		runs = append(runs, first)
	}
	return runs
}

func parent(ctx workflow.Context, in string) (string, error) {
	if err := workflow.SetQueryHandler(ctx, "status", func(string) (string, error) { return in, nil }); err != nil {
		return "", err
	}
	asked := false
	if err := workflow.SetUpdateHandler(ctx, "decide", func(ctx workflow.Context, in string) (string, error) {
		defer func() { asked = true }()
		return in, workflow.ExecuteActivity(remotely(ctx), remote, in).Get(ctx, nil)
	}); err != nil {
		return "", err
	}
	var said string
	changed := workflow.GetSignalChannel(ctx, "changed")
	changed.Receive(ctx, &said)
	changed.Receive(ctx, &said)
	_ = workflow.GetVersion(ctx, "a-change", workflow.DefaultVersion, 1)
	if err := workflow.SideEffect(ctx, func(workflow.Context) any { return in }).Get(&said); err != nil {
		return "", err
	}
	if err := workflow.UpsertMemo(ctx, map[string]any{"note": said}); err != nil {
		return "", err
	}
	locally := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Second, Summary: in})
	if err := workflow.ExecuteLocalActivity(locally, local, in).Get(ctx, &said); err != nil {
		return "", err
	}
	failed := workflow.ExecuteActivity(remotely(ctx), remote, "fail").Get(ctx, nil)
	var e *temporal.ApplicationError
	if !errors.As(failed, &e) || !strings.Contains(e.Message(), "a canary of an error") {
		return "", errors.New("the error did not come back")
	}
	id := "override/" + strings.ReplaceAll(workflow.GetInfo(ctx).WorkflowExecution.ID, "/", "-")
	began := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id}), child, in)
	if err := began.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return "", err
	}
	if err := workflow.SignalExternalWorkflow(ctx, id, "", "changed", in).Get(ctx, nil); err != nil {
		return "", err
	}
	if err := began.Get(ctx, &said); err != nil {
		return "", err
	}
	timer := workflow.NewTimerWithOptions(ctx, time.Millisecond, workflow.TimerOptions{Summary: in})
	if err := timer.Get(ctx, nil); err != nil {
		return "", err
	}
	if err := workflow.Await(ctx, func() bool { return asked }); err != nil {
		return "", err
	}
	return "", temporal.NewApplicationError("a canary of a result", "Refused", in)
}

// child goes on as a new run once.
func child(ctx workflow.Context, in string) (string, error) {
	if in == "again" {
		return in, nil
	}
	var said string
	workflow.GetSignalChannel(ctx, "changed").Receive(ctx, &said)
	return "", workflow.NewContinueAsNewError(ctx, child, "again")
}

func remotely(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 5 * time.Second, Summary: "a canary", RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
}

func remote(ctx context.Context, in string) (string, error) {
	activity.RecordHeartbeat(ctx, in)
	if in == "fail" {
		return "", temporal.NewApplicationError("a canary of an error", "Refused", "a canary of a detail")
	}
	return in, nil
}

func local(_ context.Context, in string) (string, error) { return in, nil }
