package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/workflows"
)

// Deployment is the versions of the software that workers have, as Temporal knows them.
type Deployment struct {
	Name        string    `json:"deployment"`
	Current     string    `json:"current,omitempty"` // build id; without one, work goes to workers without a version
	Ramping     string    `json:"ramping,omitempty"` // gets a share of new work
	Percent     float32   `json:"ramp_percent,omitempty"`
	Unversioned int       `json:"unversioned_workers"` // that polled lately
	Settled     bool      `json:"settled"`             // every task queue goes by it
	Versions    []Version `json:"versions"`            // the newest first

	Token []byte `json:"-"` // of this state, for who wants to change it and no other
}

// Version is one of a deployment's.
type Version struct {
	Build       string       `json:"build"`
	State       VersionState `json:"state"`
	CreatedAt   time.Time    `json:"created_at,omitzero"`
	LastCurrent time.Time    `json:"last_current_at,omitzero"`
	Workers     int          `json:"workers"`     // that polled lately
	Pinned      int          `json:"pinned_runs"` // that are under way, and end on this version
}

// VersionState is where a version is in its life.
type VersionState string

// The states, in Temporal's words. A version drains while runs are pinned to it that it no
// longer gets; Temporal counts them every few minutes.
const (
	VersionInactive VersionState = "inactive" // never got work
	VersionCurrent  VersionState = "current"
	VersionRamping  VersionState = "ramping"
	VersionDraining VersionState = "draining"
	VersionDrained  VersionState = "drained"
)

// Idle reports whether nothing is lost when the version's workers stop.
func (v Version) Idle() bool {
	return v.Pinned == 0 && (v.State == VersionDrained || v.State == VersionInactive)
}

// Gets reports whether new runs go to the version.
func (v Version) Gets() bool { return v.State == VersionCurrent || v.State == VersionRamping }

// Unserved reports whether the version has work and no worker.
func (v Version) Unserved() bool { return v.Workers == 0 && (v.Gets() || v.Pinned > 0) }

// Halted reports whether all workers have a version and none has been promoted, so that
// nothing runs.
func (d Deployment) Halted() bool {
	return d.Current == "" && d.Unversioned == 0 && slices.ContainsFunc(d.Versions, func(v Version) bool { return v.Workers > 0 })
}

// lately is how old the last poll of a worker under way may be: polls take a minute.
const lately = 90 * time.Second

// LookDeployment returns the deployment as it stands. One that no worker has named has no
// versions.
func LookDeployment(ctx context.Context, temporal client.Client, namespace, name string) (Deployment, error) {
	d := Deployment{Name: name, Versions: []Version{}, Settled: true}
	workers, err := countWorkers(ctx, temporal, namespace, name)
	if err != nil {
		return d, err
	}
	d.Unversioned = workers[""]
	got, err := temporal.WorkflowService().DescribeWorkerDeployment(ctx, &workflowservice.DescribeWorkerDeploymentRequest{Namespace: namespace, DeploymentName: name})
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		return d, nil
	}
	if err != nil {
		return d, fmt.Errorf("describe deployment %s: %w", name, err)
	}
	info, routing := got.GetWorkerDeploymentInfo(), got.GetWorkerDeploymentInfo().GetRoutingConfig()
	d.Token = got.GetConflictToken()
	d.Settled = info.GetRoutingConfigUpdateState() != enumspb.ROUTING_CONFIG_UPDATE_STATE_IN_PROGRESS
	d.Current = routing.GetCurrentDeploymentVersion().GetBuildId()
	d.Ramping, d.Percent = routing.GetRampingDeploymentVersion().GetBuildId(), routing.GetRampingVersionPercentage()
	for _, s := range info.GetVersionSummaries() {
		v := newVersion(s)
		v.Workers = workers[v.Build]
		if v.Pinned, err = countPinned(ctx, temporal, namespace, name, v.Build); err != nil {
			return d, err
		}
		d.Versions = append(d.Versions, v)
	}
	slices.SortFunc(d.Versions, func(a, b Version) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return d, nil
}

func newVersion(s *deploymentpb.WorkerDeploymentInfo_WorkerDeploymentVersionSummary) Version {
	v := Version{Build: s.GetDeploymentVersion().GetBuildId(), State: VersionInactive}
	if s.GetCreateTime() != nil {
		v.CreatedAt = s.GetCreateTime().AsTime()
	}
	if s.GetLastCurrentTime() != nil {
		v.LastCurrent = s.GetLastCurrentTime().AsTime()
	}
	switch s.GetStatus() {
	case enumspb.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT:
		v.State = VersionCurrent
	case enumspb.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING:
		v.State = VersionRamping
	case enumspb.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING:
		v.State = VersionDraining
	case enumspb.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED:
		v.State = VersionDrained
	}
	return v
}

// Version returns the version of that build id.
func (d Deployment) Version(build string) (Version, bool) {
	i := slices.IndexFunc(d.Versions, func(v Version) bool { return v.Build == build })
	if i < 0 {
		return Version{}, false
	}
	return d.Versions[i], true
}

// countWorkers counts the processes that poll for workflow tasks by their build id, those
// without a version under the empty one.
func countWorkers(ctx context.Context, temporal client.Client, namespace, name string) (map[string]int, error) {
	got, err := temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		TaskQueue: &taskqueuepb.TaskQueue{Name: workflows.TaskQueue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
	})
	if err != nil {
		return nil, fmt.Errorf("describe task queue %s: %w", workflows.TaskQueue, err)
	}
	n := map[string]int{}
	for _, p := range got.GetPollers() {
		o := p.GetDeploymentOptions()
		versioned := o.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_VERSIONED
		switch {
		case time.Since(p.GetLastAccessTime().AsTime()) > lately:
		case !versioned:
			n[""]++
		case o.GetDeploymentName() == name:
			n[o.GetBuildId()]++
		}
	}
	return n, nil
}

// countPinned counts as Temporal itself does to see whether a version has drained.
func countPinned(ctx context.Context, temporal client.Client, namespace, name, build string) (int, error) {
	got, err := temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace,
		Query: fmt.Sprintf("TemporalWorkerDeploymentVersion = '%s:%s' AND TemporalWorkflowVersioningBehavior = 'Pinned' AND ExecutionStatus = 'Running'",
			name, build),
	})
	if err != nil {
		return 0, fmt.Errorf("count runs of version %s: %w", build, err)
	}
	return int(got.GetCount()), nil
}
