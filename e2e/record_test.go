package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/workflows"
)

// record names the release whose histories are to be kept.
var record = flag.String("record", "", "keep histories of this release for the replay tests, such as v1")

// TestRecordHistories keeps one history of each path through the workflow, for the
// replay tests of later releases. It runs at a release only:
//
//	bin/stack -- go test ./e2e -run TestRecordHistories -record v1
func TestRecordHistories(t *testing.T) {
	if *record == "" {
		t.Skip("histories are recorded at a release: -record NAME")
	}
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	w.startWorker()
	domains := w.domains(30)
	keys := w.companyIDs(domains)
	done := make(chan imported, 1)
	go func() { done <- w.importAll(domains) }()
	w.eventually("all companies are scored once", func() bool { return w.scored() >= len(domains) })
	require.NoError(t, w.sandbox.Faults.Clear("apollo"))
	require.Equal(t, len(domains), (<-done).Completed)
	late := "company/hubspot/8100/" + keys[0]
	require.NoError(t, w.temporal.GetWorkflow(t.Context(), late, "").Get(t.Context(), nil))
	w.save("late-fill", late)

	fresh := w.sandbox.CRM.AddCompany("", w.tierOne(), nil)
	w.starter("company", "add", "--crm-id", fresh, "--wait").ok()
	w.save("tier-1", "company/hubspot/8100/"+fresh)
	w.saveOverride(fresh)
	w.starter("company", "add", "--name", "Nobody Knows Them Ltd", "--wait").ok()
	w.save("no-record", "company/name/nobody knows them")
	gone := w.sandbox.CRM.AddCompany("Free mail", "gmail.com", nil)
	require.NotZero(t, w.starter("company", "add", "--crm-id", gone, "--wait").status)
	w.save("refused", "company/hubspot/8100/"+gone)
	w.saveNight()
	w.saveReview()
	w.saveRelease()
	w.sandbox.CRM.AddCompany("", w.tierOne(), nil) // whose webhook never comes
	w.starter("crm", "reconcile", "--since", "1d").ok()
	w.save("reconcile", workflows.ReconcileID("hubspot"))
}

// TestRecordHistoriesOfWrites does so for what people ask for about single writes.
func TestRecordHistoriesOfWrites(t *testing.T) {
	if *record == "" {
		t.Skip("histories are recorded at a release: -record NAME")
	}
	w := newWorld(t, sandbox.Options{})
	w.configure("crm: {rate: 1000, search_rate: 100}\n", withPolicies)
	w.startWorker()
	domain := w.tierOne()
	w.starter("company", "add", "--crm-id", w.sandbox.CRM.AddCompany("", domain, nil), "--wait").ok()
	var c explain.Company
	w.starter("company", "explain", domain, "--json").ok().json(&c)
	w.starter("crm", "staged", "approve", "--all", "--by", "ops", "--wait").ok()
	w.save("approved", workflows.ApprovedID(c.AccountID, c.Staged[0].ID))
	w.starter("run", "undo", c.RunID).ok()
	w.save("undo", workflows.UndoID(c.RunID))
}

// saveReview keeps the review of a quarter, and what the schedule starts.
func (w *world) saveReview() {
	w.t.Helper()
	w.starter("icp", "review", "schedule").ok()
	handle := w.temporal.ScheduleClient().GetHandle(w.t.Context(), "sluice-review")
	require.NoError(w.t, handle.Trigger(w.t.Context(), client.ScheduleTriggerOptions{}))
	w.eventually("the report is made", func() bool {
		return w.countRuns(`WorkflowType = 'ScheduledReview' AND ExecutionStatus = 'Completed'`) == 1
	})
	quarter := review.LastSpan(time.Now(), time.UTC).Name
	w.starter("icp", "review", "decide", quarter, "--keep", "--by", "ops", "--reason", "too few deals").ok()
	id := workflows.ReviewID(quarter)
	require.NoError(w.t, w.temporal.GetWorkflow(w.t.Context(), id, "").Get(w.t.Context(), nil))
	w.save("review", id)
	desc, err := handle.Describe(w.t.Context())
	require.NoError(w.t, err)
	w.save("scheduled-review", desc.Info.RecentActions[0].StartWorkflowResult.WorkflowID)
}

// saveRelease keeps a release that people sign off and hurry, and its way back.
func (w *world) saveRelease() {
	w.t.Helper()
	w.starter("icp", "release", w.write("revops3.yaml", revops3(w.t)), "--by", "ops").ok()
	for _, role := range []string{"sales", "marketing", "customer-success"} {
		w.starter("icp", "approve", "revops@3", "--role", role, "--by", "ops").ok()
	}
	w.starter("icp", "pause", "revops@3", "--by", "ops", "--reason", "quarter end").ok()
	w.starter("icp", "resume", "revops@3", "--by", "ops", "--reason", "quarter is over").ok()
	stopped := w.starter("icp", "activate", "revops@3", "--by", "ops", "--wait")
	require.Contains(w.t, stopped.stdout, "Stopped: guard: ")
	w.starter("icp", "activate", "revops@3", "--by", "ops", "--reason", "we know", "--despite-guard", "--wait").ok()
	w.starter("icp", "activate", "revops@3", "--by", "ops", "--wait").ok()
	const id = "release/revops@3"
	w.save("release", id)
	w.save("shadow-score", workflows.ShadowScoreID(id))
	w.save("rescore", workflows.BulkRescoreID(id))
	w.starter("icp", "rollback", "revops@3", "--by", "ops", "--reason", "meetings dropped", "--wait").ok()
	w.save("rollback", id)
	w.save("rescore-back", workflows.BulkRescoreID(id))
}

// saveOverride keeps one that has run out.
func (w *world) saveOverride(record string) {
	w.t.Helper()
	company, _ := w.sandbox.CRM.Company(record)
	domain := company.Properties["domain"]
	w.starter("company", "override", domain, "--tier", "Tier 2", "--reason", "a partner works them", "--by", "ops", "--expires", "5s").ok()
	accounts, err := w.store.AccountsByDomain(w.t.Context(), domain)
	require.NoError(w.t, err)
	id := workflows.AccountOverrideID(accounts[0].ID)
	require.NoError(w.t, w.temporal.GetWorkflow(w.t.Context(), id, "").Get(w.t.Context(), nil))
	w.save("override", id)
}

// saveNight keeps a sweep that finds something, one source's part in it, and a response.
func (w *world) saveNight() {
	w.t.Helper()
	tonight := time.Now().UTC().Truncate(time.Second)
	w.sweepAnyhow(tonight)
	tomorrow := tonight.Add(24 * time.Hour)
	news := sandbox.Telling(sandbox.PlantNews(w.sandbox.Sandbox, 0.5, tomorrow, 1))
	require.NotZero(w.t, w.sweepAnyhow(tomorrow).Accounts)
	w.save("sweep", workflows.SweepID+"/asked")
	w.save("source", workflows.SourceSweepID("jobboards"))
	for domain := range news {
		accounts, err := w.store.AccountsByDomain(w.t.Context(), domain)
		require.NoError(w.t, err)
		for _, acc := range accounts {
			if answered, err := w.store.Responses(w.t.Context(), acc.ID); err == nil && len(answered) > 0 {
				w.save("response", workflows.SignalResponseID(acc.ID))
				return
			}
		}
	}
	w.t.Fatal("no account with a response")
}

func (w *world) save(name, id string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	h := &historypb.History{Events: slices.Collect(w.events(ctx, id))}
	b, err := protojson.MarshalOptions{Indent: " "}.Marshal(h)
	require.NoError(w.t, err)
	dir := filepath.Join("..", "workflows", "testdata", "replay")
	require.NoError(w.t, os.MkdirAll(dir, 0o750))
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, *record+"-"+name+".json"), append(b, '\n'), 0o600))
}
