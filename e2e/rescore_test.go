package e2e

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// planRow is a row of `icp plan --csv`, by its header.
type planRow map[string]string

// planned returns what `icp plan` says of each account, and its summary.
func (r *releasing) planned() ([]planRow, store.Difference) {
	r.t.Helper()
	file := filepath.Join(r.dir, "plan.csv")
	var summary struct{ Difference store.Difference }
	r.starter("icp", "plan", r.file, "--csv", file, "--json").ok().json(&summary)
	f, err := os.Open(file)
	require.NoError(r.t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(r.t, err)
	rows := make([]planRow, len(lines)-1)
	for i, line := range lines[1:] {
		rows[i] = planRow{}
		for at, name := range lines[0] {
			rows[i][name] = line[at]
		}
	}
	return rows, summary.Difference
}

func (p planRow) id() int64 {
	id, _ := strconv.ParseInt(p["account_id"], 10, 64)
	return id
}

// became is the same row by what is on record now.
func (r *releasing) became(p planRow) planRow {
	r.t.Helper()
	row, err := r.store.LatestScore(r.t.Context(), p.id())
	require.NoError(r.t, err)
	is := row.Counts()
	got := planRow{
		"model": row.ModelRef().String(), "score": strconv.Itoa(is.Value), "tier": is.Tier, "queue": row.Queue, "owner": row.OwnerID,
		"why": row.Why, "provisional": "no", "exploration": "no",
	}
	if is.Provisional {
		got["provisional"] = "yes"
	}
	if row.Exploration {
		got["exploration"] = "yes"
	}
	return got
}

// register puts a release of the file on record, without its workflow.
func (r *releasing) register() int64 {
	r.t.Helper()
	source, err := os.ReadFile(r.file)
	require.NoError(r.t, err)
	begun, err := r.store.BeginRelease(r.t.Context(), store.NewRelease{
		ModelRef: activities.ModelRef{Name: "revops", Version: 3}, Subject: "company", Source: source, Author: "dana", Comment: "revenue tells more",
	})
	require.NoError(r.t, err)
	return begun.ID
}

func version(n int) activities.Models {
	return activities.Models{Model: activities.ModelRef{Name: "revops", Version: n}}
}

func (r *releasing) run(id string, workflow, in any) client.WorkflowRun {
	r.t.Helper()
	run, err := r.temporal.ExecuteWorkflow(r.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflow, in)
	require.NoError(r.t, err)
	return run
}

// killed ends and replaces the worker each time that the CRM has got some more writes.
func (r *releasing) killed(times, every int) {
	r.t.Helper()
	for range times {
		n := len(r.sandbox.CRM.Ledger().Writes)
		r.eventuallyWithin(2*time.Minute, "the CRM gets more", func() bool { return len(r.sandbox.CRM.Ledger().Writes) >= n+every })
		r.worker.kill()
		r.worker = r.startWorker()
	}
}

// companies are the companies as the CRM has them, by their record ids.
func (r *releasing) companies() map[string]crmsandbox.Company {
	all := map[string]crmsandbox.Company{}
	for _, c := range r.sandbox.CRM.Snapshot().Companies {
		all[c.ID] = c
	}
	return all
}

// TestARescoreDoesWhatWasPlannedOnce kills the worker while scores are published and taken
// back, and loses one answer of the CRM in twenty.
func TestARescoreDoesWhatWasPlannedOnce(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, 150, "")
	r.eventually("nobody waits any more", func() bool { return r.countRuns(`ExecutionStatus = 'Running'`) == 0 })
	plan, want := r.planned()
	again, _ := r.planned()
	require.Equal(t, plan, again, "a plan changes nothing")
	require.Len(t, plan, 150)
	require.NotZero(t, want.Tasks)
	before, calls := r.companies(), r.calls()

	id := r.register()
	var shadow workflows.ShadowScoreResult
	in := workflows.ShadowScoreInput{ReleaseID: id, Models: version(3), At: time.Now()}
	require.NoError(t, r.run("shadow", workflows.ShadowScore, in).Get(t.Context(), &shadow))
	shadow.Difference.Largest = shadow.Difference.Largest[:len(want.Largest)] // icp plan lists fewer
	require.Equal(t, want, store.Difference(shadow.Difference))
	require.Equal(t, before, r.companies(), "a shadow writes nothing")

	r.sandbox.CRM.ResetLedger()
	require.NoError(t, r.sandbox.Faults.Set(crmsandbox.Service, fault.Fault{LostAnswerRate: 0.05, LatencyMS: 40}))
	publish := r.run("publish", workflows.BulkRescore, workflows.BulkRescoreInput{ReleaseID: id, Models: version(3), Share: 1})
	r.killed(3, 25)
	var got workflows.BulkRescoreResult
	require.NoError(t, publish.Get(t.Context(), &got))
	require.Equal(t, workflows.BulkRescoreResult{Accounts: 150, Published: 150, Written: 150, Tasks: want.Tasks}, got)
	r.requireOnce(want.Tasks)
	r.requireAsPlanned(plan)
	require.Equal(t, calls, r.calls(), "no provider was asked")

	r.sandbox.CRM.ResetLedger()
	back := r.run("back", workflows.BulkRescore, workflows.BulkRescoreInput{ReleaseID: id, Models: version(2), Share: 1, Back: true})
	r.killed(1, 25)
	require.NoError(t, back.Get(t.Context(), &got))
	require.Equal(t, workflows.BulkRescoreResult{Accounts: 150, Published: 150, Written: 150, Tasks: want.Tasks}, got)
	r.requireOnce(0)
	after := r.companies()
	for recordID, was := range before {
		is := after[recordID]
		require.Equal(t, was.OwnerID, is.OwnerID)
		for _, property := range []string{"icp_fit_score", "icp_tier", "sluice_queue", "icp_model", "icp_completeness"} {
			require.Equal(t, was.Properties[property], is.Properties[property], "%s of %s", property, was.Name)
		}
	}
	for _, p := range plan {
		require.Equal(t, p["score_before"], r.became(p)["score"])
		require.Equal(t, p["model_before"], r.became(p)["model"])
	}
	require.Equal(t, calls, r.calls(), "no provider was asked")
}

// requireAsPlanned compares the plan with the record and the CRM, row by row.
func (r *releasing) requireAsPlanned(plan []planRow) {
	r.t.Helper()
	records := r.companies()
	for _, p := range plan {
		is := r.became(p)
		for name, value := range is {
			require.Equal(r.t, p[name], value, "%s of %s", name, p["domain"])
		}
		record := records[filepath.Base(p["crm"])]
		require.Equal(r.t, []string{p["score"], p["tier"], p["queue"], p["model"], p["owner"]}, []string{
			record.Properties["icp_fit_score"], record.Properties["icp_tier"], record.Properties["sluice_queue"], record.Properties["icp_model"], is["owner"],
		}, p["domain"])
		tasks := 0
		for _, w := range r.sandbox.CRM.Ledger().Writes {
			if w.Method == "POST" && w.Object == "tasks" && w.CompanyID == record.ID {
				tasks++
			}
		}
		require.Equal(r.t, map[string]int{"yes": 1, "no": 0}[p["task"]], tasks, p["domain"])
	}
}

// requireOnce requires that no record was written twice, whatever was lost; but for the same
// text once more into a note whose first answer was lost, which changes nothing.
func (r *releasing) requireOnce(tasks int) {
	r.t.Helper()
	l := r.sandbox.CRM.Ledger()
	require.Empty(r.t, l.Duplicates())
	require.Equal(r.t, tasks, l.Created("tasks"))
	require.Zero(r.t, l.Created("notes"), "each account has its note")
	written := map[string]crmsandbox.Write{}
	for _, w := range l.Writes {
		what := w.Object + "/" + w.ID
		before, again := written[what]
		if again {
			require.Equal(r.t, "notes", w.Object, what)
			require.Equal(r.t, before.Properties, w.Properties, what)
		}
		written[what] = w
	}
}
