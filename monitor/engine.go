package monitor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// Engine is what Temporal knows of the whole installation.
type Engine struct {
	Temporal  client.Client
	Namespace string
	Queues    []Queue
	Versions  string // name of the deployment that the workers' versions belong to
}

// Queue is a task queue, and how it stands.
type Queue struct {
	Name     string
	Workflow bool // of workflow tasks; of activities otherwise

	Backlog int
	Age     time.Duration // of the oldest task
	Pollers int
}

// Type is the queue's type in words.
func (q Queue) Type() string {
	if q.Workflow {
		return "workflow"
	}
	return "activity"
}

// Look returns the queue as it stands.
func (q Queue) Look(ctx context.Context, temporal client.Client, namespace string) (Queue, error) {
	kind := enumspb.TASK_QUEUE_TYPE_ACTIVITY
	if q.Workflow {
		kind = enumspb.TASK_QUEUE_TYPE_WORKFLOW
	}
	got, err := temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueueType: kind, ReportStats: true,
		TaskQueue: &taskqueuepb.TaskQueue{Name: q.Name, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
	})
	if err != nil {
		return q, fmt.Errorf("describe task queue %s: %w", q.Name, err)
	}
	q.Backlog, q.Pollers = int(got.GetStats().GetApproximateBacklogCount()), len(got.GetPollers())
	q.Age = got.GetStats().GetApproximateBacklogAge().AsDuration()
	return q, nil
}

// waits are the stages whose runs are counted: what somebody has to mend first.
var waits = []string{"crm credentials", workflows.CRMAway}

// workflowTypes are those that workers register.
func workflowTypes() []string {
	var r registered
	workflows.Register(&r)
	return r
}

type registered []string

// RegisterWorkflowWithOptions implements workflows.Registry.
func (r *registered) RegisterWorkflowWithOptions(_ any, o workflow.RegisterOptions) {
	*r = append(*r, o.Name)
}

var (
	backlog    = describe("sluice_queue_backlog", "Tasks that wait in a task queue, as Temporal estimates.", "queue", "type")
	backlogAge = describe("sluice_queue_backlog_age_seconds", "How long the oldest task of a task queue has been waiting.", "queue", "type")
	pollers    = describe("sluice_queue_pollers", "Pollers that a task queue had lately.", "queue", "type")
	open       = describe("sluice_runs_open", "Workflows that are under way, by type.", "workflow")
	waiting    = describe("sluice_runs_waiting", "Workflows that wait, by what for.", "reason")
	atStage    = describe("sluice_runs_at_stage", "Runs of companies that are under way, by the stage that the list of runs has: accepted, or waiting.", "stage")
	stuck      = describe("sluice_runs_stuck", "Workflows under way whose workflow task keeps failing.")
	paused     = describe("sluice_schedule_paused", "Whether a schedule is paused.", "schedule")
	lastStart  = describe("sluice_schedule_last_start_seconds", "When a schedule last started its workflow, in seconds since 1970.", "schedule")
	checked    = describe("sluice_sweep_checked", "Accounts that a source of the sweep under way has looked at.", "source")
	unserved   = describe("sluice_versions_unserved", "Versions of the worker that have work and no worker; 1 also while workers wait for the first one to be promoted.")
	toCheck    = describe("sluice_sweep_accounts", "Accounts on the target list of the sweep under way; 0 while none is.")
	rescored   = describe("sluice_rescore_done", "Accounts that a step of a bulk re-score under way has gone through.", "step")
	toRescore  = describe("sluice_rescore_accounts", "Accounts that a step of a bulk re-score under way goes through at most; 0 while none is.", "step")
)

// Register registers what is read of Temporal with r.
func (e Engine) Register(r prometheus.Registerer) {
	register(r, "temporal_queues", e.queues)
	register(r, "temporal_runs", e.runs)
	register(r, "temporal_schedules", e.schedules)
	register(r, "temporal_sweep", e.sweep)
	register(r, "temporal_rescore", e.rescore)
	register(r, "temporal_versions", e.versions)
}

func (e Engine) versions(ctx context.Context) ([]prometheus.Metric, error) {
	d, err := LookDeployment(ctx, e.Temporal, e.Namespace, e.Versions)
	if err != nil {
		return nil, err
	}
	n := number(d.Halted())
	for _, v := range d.Versions {
		n += number(v.Unserved())
	}
	return []prometheus.Metric{is(unserved, n)}, nil
}

func (e Engine) queues(ctx context.Context) ([]prometheus.Metric, error) {
	looked := make([]Queue, len(e.Queues))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, q := range e.Queues {
		g.Go(func() (err error) {
			looked[i], err = q.Look(ctx, e.Temporal, e.Namespace)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var all []prometheus.Metric
	for _, q := range looked {
		all = append(all,
			is(backlog, float64(q.Backlog), q.Name, q.Type()), is(backlogAge, q.Age.Seconds(), q.Name, q.Type()),
			is(pollers, float64(q.Pollers), q.Name, q.Type()))
	}
	return all, nil
}

func (e Engine) count(ctx context.Context, query string) (float64, error) {
	n, err := e.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: e.Namespace, Query: "ExecutionStatus = 'Running' AND " + query,
	})
	return float64(n.GetCount()), err
}

func (e Engine) runs(ctx context.Context) ([]prometheus.Metric, error) {
	var all []prometheus.Metric
	var err error
	add := func(d *prometheus.Desc, query string, labels ...string) {
		n, failed := e.count(ctx, query)
		if err == nil && failed != nil {
			err = failed
			return
		}
		all = append(all, is(d, n, labels...))
	}
	for _, t := range workflowTypes() {
		add(open, "WorkflowType = '"+t+"'", t)
	}
	for _, w := range waits {
		add(waiting, workflows.StageAttribute.GetName()+" = '"+workflows.Waiting+w+"'", w)
	}
	add(waiting, workflows.StageAttribute.GetName()+" STARTS_WITH '"+workflows.Waiting+"'", "anything")
	const companies = "WorkflowType = 'CompanyOnboarding' AND "
	add(atStage, companies+workflows.StageAttribute.GetName()+" = 'accepted'", "accepted")
	add(atStage, companies+workflows.StageAttribute.GetName()+" STARTS_WITH '"+workflows.Waiting+"'", "waiting")
	add(stuck, "TemporalReportedProblems IS NOT NULL")
	if err != nil {
		return nil, err
	}
	return all, nil
}

// schedules are those that Sluice made.
func (e Engine) schedules(ctx context.Context) ([]prometheus.Metric, error) {
	list, err := e.Temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, err
	}
	var all []prometheus.Metric
	for list.HasNext() {
		s, err := list.Next()
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(s.ID, "sluice-") {
			continue
		}
		all = append(all, is(paused, number(s.Paused), s.ID))
		var last time.Time
		for _, action := range s.RecentActions {
			last = maxTime(last, action.ActualTime)
		}
		if !last.IsZero() {
			all = append(all, is(lastStart, float64(last.Unix()), s.ID))
		}
	}
	return all, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sweep asks the sweep under way, if there is one, and its sources. A source that does not
// answer, since no worker is there, is left out.
func (e Engine) sweep(ctx context.Context) ([]prometheus.Metric, error) {
	list, err := e.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: e.Namespace, PageSize: 1, Query: "WorkflowType = 'SignalSweep' AND ExecutionStatus = 'Running'",
	})
	if err != nil {
		return nil, err
	}
	if len(list.Executions) == 0 {
		return []prometheus.Metric{is(toCheck, 0)}, nil
	}
	var night workflows.SweepStatus
	if err := e.ask(ctx, list.Executions[0].Execution.WorkflowId, &night); err != nil {
		return nil, err
	}
	all := []prometheus.Metric{is(toCheck, float64(night.Plan.Total))}
	for _, source := range slices.Concat(night.Plan.Sources, night.Plan.Refresh, night.Plan.Compare) {
		var s workflows.SourceStatus
		if e.ask(ctx, workflows.SourceSweepID(source), &s) == nil {
			all = append(all, is(checked, float64(s.Checked+s.Failed), source))
		}
	}
	return all, nil
}

// planStep is the step of a release in which scores are worked out beside those that count.
const planStep = "plan"

// rescore asks the plans and bulk re-scores under way, of which each release has one. One
// that does not answer, since no worker is there, is left out.
func (e Engine) rescore(ctx context.Context) ([]prometheus.Metric, error) {
	list, err := e.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: e.Namespace, PageSize: 10, Query: "WorkflowType IN ('ShadowScore', 'BulkRescore') AND ExecutionStatus = 'Running'",
	})
	if err != nil {
		return nil, err
	}
	done, total := map[string]int{}, map[string]int{}
	for _, x := range list.Executions {
		id := x.Execution.WorkflowId
		if x.Type.Name == "ShadowScore" {
			var s workflows.ShadowStatus
			if e.ask(ctx, id, &s) == nil {
				done[planStep] += s.Planned
				total[planStep] += s.Total
			}
			continue
		}
		var s workflows.RescoreStatus
		if e.ask(ctx, id, &s) == nil {
			done[s.Step()] += s.Done
			total[s.Step()] += s.Total
		}
	}
	var all []prometheus.Metric
	for _, step := range []string{planStep, activities.PublishStage, activities.LastPass, activities.EffectsStage} {
		all = append(all, is(rescored, float64(done[step]), step), is(toRescore, float64(total[step]), step))
	}
	return all, nil
}

func (e Engine) ask(ctx context.Context, id string, status any) error {
	answer, err := e.Temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err != nil {
		return err
	}
	return answer.Get(status)
}
