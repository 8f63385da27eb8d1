package e2e

import (
	"cmp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// withPolicies has one property under each policy.
const withPolicies = `crm:
  rate: 1000
  search_rate: 100
  write: {icp_tier: approve, icp_fit_score: fill, icp_reason: {refresh: 1h}, sluice_queue: keep_person}
`

func TestEveryWriteIsInTheJournalWaitsWhereItShouldAndCanBeTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.configure("crm: {rate: 1000, search_rate: 100}\n", withPolicies)
	worker := w.startWorker()
	s := subject{w: w, domain: w.tierOne()}
	s.id = w.sandbox.CRM.AddCompany("", s.domain, nil)
	require.NoError(t, w.sandbox.CRM.SetProperties(s.id, map[string]string{crm.CompletenessProperty: "1"}))
	before, _ := w.sandbox.CRM.Company(s.id)
	w.starter("company", "add", "--crm-id", s.id, "--wait").ok()
	var first explain.Company
	w.starter("company", "explain", s.domain, "--json").ok().json(&first)
	run := first.RunID
	require.Empty(t, s.property(crm.TierProperty))
	require.NotEmpty(t, s.property(crm.ScoreProperty))
	require.Equal(t, "1", s.property(crm.CompletenessProperty), "a person's")
	w.journalIsTheLedger(s.domain)

	// A person says yes, by the id that explain shows.
	require.Len(t, first.Staged, 1)
	require.Contains(t, w.starter("company", "explain", s.domain).ok().stdout, "Waits for approval")
	id := strconv.FormatInt(first.Staged[0].ID, 10)
	w.starter("crm", "staged", "approve", id, "--by", "dana", "--wait").ok()
	require.Equal(t, "Tier 1", s.property(crm.TierProperty))
	require.Equal(t, "[]\n", w.starter("crm", "staged", "list", "--json").ok().stdout)
	require.Equal(t, 1, w.starter("crm", "staged", "reject", id, "--by", "dana").status, "it is written")

	// A second decision: the score is filled, the reason young, the tier to be asked for.
	w.starter("company", "override", s.domain, "--tier", "Tier 2", "--reason", "a partner works them", "--by", "ops").ok()
	require.Equal(t, "Tier 1", s.property(crm.TierProperty))
	require.Equal(t, "marketing-nurture", s.property(crm.QueueProperty))
	states := map[string]store.WriteState{}
	for _, e := range w.journal(s.domain) {
		states[e.Property] = e.State
	}
	require.Equal(t, []store.WriteState{store.WriteHeld, store.WriteHeld, store.WriteStaged, store.WriteKept, store.Written}, []store.WriteState{
		states[crm.ScoreProperty], states[crm.ReasonProperty], states[crm.TierProperty], states[crm.CompletenessProperty], states[crm.QueueProperty],
	})
	w.starter("crm", "staged", "reject", "--all", "--by", "dana").ok()
	w.journalIsTheLedger(s.domain)

	// The first run is taken back, but for what was touched since. Answers get lost meanwhile
	// and the worker is killed.
	require.NoError(t, w.sandbox.CRM.SetProperties(s.id, map[string]string{crm.ModelProperty: "mine"}))
	var would, did workflows.UndoStatus
	w.starter("run", "undo", run, "--dry-run", "--json").ok().json(&would)
	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LostAnswerRate: 1}))
	done := make(chan result, 1)
	writes := len(w.sandbox.CRM.Ledger().Writes)
	go func() { done <- w.starter("run", "undo", run, "--json") }()
	w.eventually("the undo has written", func() bool { return len(w.sandbox.CRM.Ledger().Writes) > writes })
	w.eventually("its attempt has ended", func() bool { return w.attemptsOf(workflows.UndoID(run)) > 1 })
	worker.kill()
	require.NoError(t, w.sandbox.Faults.Clear("hubspot"))
	w.startWorker()
	r := <-done
	r.ok().json(&did)
	require.Equal(t, would.Writes, did.Writes, "as the dry run said")
	why := map[string]string{}
	for _, u := range did.Writes {
		if u.Object != "contact" && u.Outcome == "left" {
			why[u.Object+" "+u.Property] = u.Why
		}
	}
	require.Contains(t, why["company "+crm.ModelProperty], "somebody has changed it since")
	require.Contains(t, why["company "+crm.QueueProperty], "has written since")
	require.Contains(t, why["note "], "has written since")
	require.Equal(t, []string{"", "", "mine", "marketing-nurture", "Tier 1", "1"}, []string{
		s.property(crm.ScoreProperty), s.property(crm.ReasonProperty), s.property(crm.ModelProperty), s.property(crm.QueueProperty),
		s.property(crm.TierProperty), s.property(crm.CompletenessProperty),
	})
	after, _ := w.sandbox.CRM.Company(s.id)
	require.Equal(t, before.OwnerID, after.OwnerID)
	require.Empty(t, w.tasks(), "the task that it made is archived")
	w.journalIsTheLedger(s.domain)
	l := w.sandbox.CRM.Ledger()
	require.Empty(t, l.Duplicates())
	require.Equal(t, 1, l.Counts()["DELETE tasks"])
	for _, p := range []string{crm.ScoreProperty, crm.ReasonProperty} {
		cleared := slices.DeleteFunc(slices.Clone(l.Writes), func(x crmsandbox.Write) bool {
			v, written := x.Properties[p]
			return !written || v != ""
		})
		require.Len(t, cleared, 1, "%s is cleared once", p)
	}
}

// cellWrite is one value, or record, as it was written.
type cellWrite struct{ object, record, property, before, after string }

// journalIsTheLedger holds that the journal has every write that the CRM took for the
// company, in their order and with the value before, and none that it did not.
func (w *world) journalIsTheLedger(domain string) {
	w.t.Helper()
	var want, have []cellWrite
	is := map[cellWrite]string{} // what a cell has
	for _, l := range w.sandbox.CRM.Ledger().Writes[w.setupWrites:] {
		object := map[string]string{"companies": "company", "contacts": "contact", "notes": "note", "tasks": "task"}[l.Object]
		if object == "note" || object == "task" {
			want = append(want, cellWrite{object, l.ID, "", "", l.Method})
			continue
		}
		for name, value := range l.Properties {
			if name == "hubspot_owner_id" {
				name = crm.OwnerProperty
			}
			cell := cellWrite{object: object, record: l.ID, property: name}
			want = append(want, cellWrite{object, l.ID, name, is[cell], value})
			is[cell] = value
		}
	}
	for _, e := range w.journal(domain) {
		if e.State != store.Written {
			require.NotEqual(w.t, store.WriteTrying, e.State, "%+v", e)
			continue
		}
		c := cellWrite{e.Object, e.RecordID, e.Property, e.Before, e.After}
		if c.property == "" { // of a text the digest is kept
			c.after = map[[2]bool]string{{true, false}: "POST", {false, false}: "PATCH", {false, true}: "DELETE"}[[2]bool{e.Before == "", e.After == ""}]
			c.before = ""
		}
		have = append(have, c)
	}
	byCell := func(a, b cellWrite) int {
		return cmp.Or(cmp.Compare(a.object, b.object), cmp.Compare(a.record, b.record), cmp.Compare(a.property, b.property))
	}
	slices.SortStableFunc(want, byCell)
	slices.SortStableFunc(have, byCell)
	require.NotEmpty(w.t, want)
	require.Equal(w.t, want, have)
}

func (w *world) journal(domain string) []store.Entry {
	w.t.Helper()
	var all []store.Entry
	w.starter("crm", "journal", domain, "--json").ok().json(&all)
	return all
}

// attemptsOf is how often the activity that a run waits for was tried.
func (w *world) attemptsOf(workflowID string) int {
	d, err := w.temporal.DescribeWorkflowExecution(w.t.Context(), workflowID, "")
	if err != nil || len(d.GetPendingActivities()) == 0 {
		return 0
	}
	return int(d.GetPendingActivities()[0].GetAttempt())
}
