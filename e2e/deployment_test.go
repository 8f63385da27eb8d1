package e2e

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/workflows"
)

// deployed is what `starter deployment … --json` prints.
type deployed struct {
	Current  string
	Ramping  string
	Percent  float32 `json:"ramp_percent"`
	Versions []struct {
		Build, State string
		Workers      int
		Pinned       int  `json:"pinned_runs"`
		SafeToStop   bool `json:"safe_to_stop"`
	}
}

// state is that of a version, and how many runs are pinned to it.
func (d deployed) state(build string) (state string, pinned int, safe bool) {
	for _, v := range d.Versions {
		if v.Build == build {
			return v.State, v.Pinned, v.SafeToStop
		}
	}
	return "", 0, false
}

func (w *world) deployment(args ...string) deployed {
	w.t.Helper()
	var d deployed
	w.starter(append(append([]string{"deployment"}, args...), "--json")...).ok().json(&d)
	return d
}

// version is the build that a run's last step was done by, and its behavior.
func (w *world) version(id string) (string, enumspb.VersioningBehavior) {
	w.t.Helper()
	d, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), id, "")
	require.NoError(w.t, err, id)
	info := d.GetWorkflowExecutionInfo().GetVersioningInfo()
	return info.GetDeploymentVersion().GetBuildId(), info.GetBehavior()
}

// requirePinned requires that the domains' runs were all worked by one version.
func (w *world) requirePinned(build string, domains []string) {
	w.t.Helper()
	for _, id := range w.companyIDs(domains) {
		got, behavior := w.version("company/hubspot/8100/" + id)
		require.Equal(w.t, build, got, id)
		require.Equal(w.t, enumspb.VERSIONING_BEHAVIOR_PINNED, behavior, id)
	}
}

// bring imports companies and waits for nobody.
func (w *world) bring(domains []string) {
	w.t.Helper()
	w.starter("company", "import", w.write(rand.Text()[:6]+".csv", "domain\n"+strings.Join(domains, "\n")+"\n")).ok()
}

// through waits until so many companies are.
func (w *world) through(n int) {
	w.t.Helper()
	w.eventuallyWithin(2*time.Minute, "companies are through", func() bool {
		return w.countRuns(`WorkflowType = 'CompanyOnboarding' AND ExecutionStatus = 'Completed'`) == n
	})
}

// requireUpgraded requires that a run moved to a version, or began on it as the current one.
func (w *world) requireUpgraded(build, id string) {
	w.t.Helper()
	got, behavior := w.version(id)
	require.Equal(w.t, build, got, id)
	require.Equal(w.t, enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE, behavior, id)
}

// TestTwoVersionsOfTheWorkerSideBySide looks at who gets which run: both versions are the
// same program.
func TestTwoVersionsOfTheWorkerSideBySide(t *testing.T) {
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	w.write("sluice.yaml", strings.NewReplacer("{name: apollo, rate: 500", "{name: apollo, rate: 10", "wait: 2s", "wait: 1s").Replace(pipeline))
	domains := w.domains(53)
	one, moved, old, fresh, both, back := domains[:1], domains[1:2], domains[2:7], domains[7:10], domains[10:50], domains[50:53]

	// Nothing runs on a version before it is promoted, and everybody who looks is told.
	a := w.startWorker("TEMPORAL_WORKER_BUILD_ID=a")
	w.eventually("Temporal knows version a", func() bool { state, _, _ := w.deployment("show").state("a"); return state == "inactive" })
	w.bring(one)
	require.Contains(t, w.doctor(1).not("ok")["worker versions"], "no version is current")
	require.Contains(t, w.starter("deployment", "show").ok().stdout, "NOTHING RUNS. starter deployment promote a")

	// Workers without a version go on until the first one is promoted, which takes over what
	// they began.
	none := w.startWorker()
	w.through(1)
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	w.bring(moved)
	w.eventually("it waits for apollo", func() bool { return w.scored() == 2 })
	require.Contains(t, w.doctor(1).not("ok")["worker versions"], "those without a version do the work")
	require.Equal(t, "a", w.deployment("promote", "a").Current)
	require.NotContains(t, w.doctor(1).not("ok"), "worker versions") // what fails is that there is no front door
	none.stop()

	// Runs that wait for a provider, and an override that holds, while another version
	// takes over.
	w.starter("company", "override", one[0], "--tier", "Tier 2", "--reason", "a partner works them", "--by", "ops", "--expires", "1d").ok()
	w.bring(old)
	w.eventually("they wait for apollo", func() bool { return w.scored() == 2+len(old) })
	b := w.startWorker("TEMPORAL_WORKER_BUILD_ID=b")
	require.Equal(t, "b", w.deployment("promote", "b").Current)
	require.NotZero(t, w.starter("deployment", "promote", "c").status, "nobody polls for it")
	state, pinned, safe := w.deployment("show").state("a")
	require.Equal(t, "draining", state)
	require.GreaterOrEqual(t, pinned, len(old), "and the one that was begun without a version, once it did a step")
	require.False(t, safe)
	require.NoError(t, w.sandbox.Faults.Clear("apollo"))
	w.bring(fresh)
	w.starter("run", "redrive", "--waiting").ok() // not to wait for their time to come
	w.through(2 + len(old) + len(fresh))
	w.requirePinned("a", old)
	w.requirePinned("b", fresh)

	// What lives long moves on; schedules begin on the current version.
	accounts, err := w.store.AccountsByDomain(t.Context(), one[0])
	require.NoError(t, err)
	w.starter("company", "override", one[0], "--clear", "--by", "ops", "--reason", "no more").ok()
	override := workflows.AccountOverrideID(accounts[0].ID)
	require.NoError(t, w.temporal.GetWorkflow(t.Context(), override, "").Get(t.Context(), nil))
	w.requireUpgraded("b", override)
	w.starter("crm", "reconcile", "schedule").ok()
	schedule := w.temporal.ScheduleClient().GetHandle(t.Context(), "sluice-reconcile")
	require.NoError(t, schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	w.eventually("the schedule's run is through", func() bool {
		return w.countRuns(`WorkflowType = 'Reconcile' AND ExecutionStatus = 'Completed'`) == 1
	})
	described, err := schedule.Describe(t.Context())
	require.NoError(t, err)
	w.requireUpgraded("b", described.Info.RecentActions[0].StartWorkflowResult.WorkflowID)
	w.eventuallyWithin(20*time.Second, "a has drained", func() bool {
		state, pinned, safe = w.deployment("show").state("a")
		return state == "drained" && pinned == 0 && safe
	})

	// Both versions call apollo at once, and the server holds the rate over both.
	ramp := w.deployment("promote", "a", "--ramp", "50%")
	require.Equal(t, []any{"b", "a", float32(50)}, []any{ramp.Current, ramp.Ramping, ramp.Percent})
	w.sandbox.Faults.ResetCounters()
	began := time.Now()
	w.bring(both)
	w.through(len(domains) - len(back))
	took := time.Since(began)
	calls := w.sandbox.Faults.Counters()["apollo"]
	require.Equal(t, len(both), calls.Requests)
	// Ten at once and ten a second, of both together: a rate for each would take a third of that.
	require.LessOrEqual(t, calls.PeakPerSecond, 20)
	require.GreaterOrEqual(t, took, time.Duration(len(both)-10)*100*time.Millisecond)
	shares := map[string]int{}
	for _, id := range w.companyIDs(both) {
		build, _ := w.version("company/hubspot/8100/" + id)
		shares[build]++
	}
	require.Len(t, shares, 2, "a share for each: %v", shares)
	require.Empty(t, w.deployment("rollback").Ramping, "the ramp is ended first")

	require.Equal(t, "a", w.deployment("rollback").Current)
	w.bring(back)
	w.through(len(domains))
	w.requirePinned("a", back)

	require.Zero(t, w.countRuns(`ExecutionStatus != 'Completed'`))
	for _, p := range []*process{a, b} {
		require.NotContains(t, p.log.String(), "TMPRL1100", "a history that does not fit the code")
	}
	require.Len(t, w.tasks(), tier(w.outcomes(domains), "Tier 1"))
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	t.Logf("%d calls of both versions (%v) to apollo, %d in the busiest second, %s in all", calls.Requests, shares, calls.PeakPerSecond, took)
}
