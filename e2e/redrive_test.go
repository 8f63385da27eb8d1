package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// listed is a run as `run list --json` prints it.
type listed struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
	Kind       string `json:"kind"`
	Status     string `json:"status"`
	Stage      string `json:"stage"`
	Waits      string `json:"waits"`
	Reason     string `json:"reason"`
	Cure       string `json:"cure"`
	Domain     string `json:"domain"`
	Details    string `json:"details"`
	Outcome    string `json:"outcome"`
}

func (w *world) listRuns(args ...string) []listed {
	w.t.Helper()
	var runs []listed
	w.starter(append([]string{"run", "list", "--json"}, args...)...).ok().json(&runs)
	return runs
}

func (w *world) redrive(args ...string) []listed {
	w.t.Helper()
	var runs []listed
	w.starter(append([]string{"run", "redrive", "--json"}, args...)...).ok().json(&runs)
	return runs
}

func (w *world) reconcile(args ...string) workflows.ReconcileStatus {
	w.t.Helper()
	var s workflows.ReconcileStatus
	w.starter(append([]string{"crm", "reconcile", "--json"}, args...)...).ok().json(&s)
	return s
}

// configure changes sluice.yaml for the programs that start from now on.
func (w *world) configure(old, with string) {
	w.t.Helper()
	require.Contains(w.t, pipeline, old)
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("other.yaml", strings.Replace(pipeline, old, with, 1)))
}

// soon is a section of sluice.yaml under which what was just made is compared, too.
const soon = "reconcile: {settle: 1s}\nlate_fill:"

func (w *world) key(id string) account.Key {
	return account.Key{CRM: "hubspot", Portal: w.sandbox.CRM.Portal(), ID: id}
}

// settle waits until what was made so far is old enough to be compared.
func (w *world) settle() {
	w.t.Helper()
	at := time.Now()
	w.eventually("it has settled", func() bool { return time.Since(at) > 1100*time.Millisecond })
}

// tiersInCRM sets the options of the property icp_tier, as an admin of the CRM would.
func (w *world) tiersInCRM(names ...string) {
	w.t.Helper()
	options := make([]map[string]any, len(names))
	for i, name := range names {
		options[i] = map[string]any{"label": name, "value": name}
	}
	body, err := json.Marshal(map[string]any{"options": options})
	require.NoError(w.t, err)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPatch,
		w.sandbox.URL+"/hubspot/crm/properties/2026-09/companies/"+crm.TierProperty, strings.NewReader(string(body)))
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "Bearer "+sandbox.Key)
	status, answer := do(w.t, req)
	require.Equal(w.t, http.StatusOK, status, answer)
}

// paid counts the calls of providers.
func (w *world) paid() map[string]int {
	calls := map[string]int{}
	for service, c := range w.sandbox.Faults.Counters() {
		if service != "hubspot" {
			calls[service] = c.Requests
		}
	}
	return calls
}

func TestCompaniesWhoseWebhookNeverCameAreStartedOnceAlsoAcrossAKill9(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.configure("late_fill:", soon)
	ids := make([]string, 0, 9)
	for _, d := range append(w.domains(8), "gmail.com") {
		ids = append(ids, w.sandbox.CRM.AddCompany("", d, nil))
	}
	worker := w.startWorker()
	for _, id := range ids[:2] { // whose webhook came
		_, err := ingress.Onboarder{Temporal: w.temporal}.Start(t.Context(), ingress.Company{Key: w.key(id), Priority: ingress.Arrived})
		require.NoError(t, err)
	}
	w.settle()
	w.eventually("these are through", func() bool { return w.completedRuns() == 2 })
	writes := len(w.sandbox.CRM.Ledger().Writes)

	dry := w.reconcile("--since", "1h", "--dry-run")
	require.Equal(t, []int{9, 7}, []int{dry.Companies.Seen, dry.Companies.Started})
	require.True(t, dry.DryRun)
	require.Equal(t, 2, w.runs(), "a dry run starts nothing")
	require.Len(t, w.sandbox.CRM.Ledger().Writes, writes, "and writes nothing")

	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LatencyMS: 150}))
	under := w.start("starter", nil, "crm", "reconcile", "--since", "1h", "--json")
	w.eventually("some are started", func() bool { return w.runs() > 3 })
	worker.kill()
	require.Equal(t, 1, w.countRuns(`WorkflowType = 'Reconcile' AND ExecutionStatus = 'Running'`), "killed half-way")
	require.NoError(t, w.sandbox.Faults.Clear("hubspot"))
	w.startWorker()
	require.NoError(t, under.cmd.Wait(), under.log.String())
	var s workflows.ReconcileStatus
	require.NoError(t, json.Unmarshal([]byte(under.log.String()), &s))
	require.Equal(t, []int{9, 7, 0}, []int{s.Companies.Seen, s.Companies.Started, s.Companies.UnderWay})
	lost := make([]account.Key, 7)
	for i := range lost {
		lost[i] = w.key(ids[2+i])
	}
	require.ElementsMatch(t, lost, s.Companies.Missed)
	w.eventually("all are through", func() bool {
		return w.countRuns(`WorkflowType = 'CompanyOnboarding' AND ExecutionStatus = 'Completed'`) == 9
	})
	require.Equal(t, 9, w.runs(), "each once")
	require.Equal(t, 8, w.scored())
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())

	again := w.reconcile("--since", "1h")
	require.Equal(t, []int{9, 0, 0}, []int{again.Companies.Seen, again.Companies.Started, again.Companies.UnderWay}, "the refused one neither")
	require.Equal(t, 9, w.runs())
}

func TestTheComparisonIsScheduledAndGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	require.Contains(t, w.starter("crm", "reconcile", "schedule").ok().stdout, "sluice-reconcile made: every 1h0m0s (new companies)")
	require.Contains(t, w.starter("crm", "reconcile", "schedule").ok().stdout, "brought up to date")
	schedule := w.temporal.ScheduleClient().GetHandle(t.Context(), "sluice-reconcile")
	ends := func() (all []workflows.ReconcileStatus) {
		desc, err := schedule.Describe(t.Context())
		require.NoError(t, err)
		for _, action := range desc.Info.RecentActions {
			var s workflows.ReconcileStatus
			started := action.StartWorkflowResult
			require.NoError(t, w.temporal.GetWorkflow(t.Context(), started.WorkflowID, started.FirstExecutionRunID).Get(t.Context(), &s))
			all = append(all, s)
		}
		return all
	}
	for n := 1; n <= 2; n++ {
		require.NoError(t, schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
		w.eventually("it has run", func() bool { return len(ends()) == n })
	}
	scheduled := ends()
	require.InDelta(t, 7*24, scheduled[0].To.Sub(scheduled[0].From).Hours(), 0.1, "the first goes a week back")
	require.Equal(t, scheduled[0].To.Add(-time.Hour), scheduled[1].From, "the next goes on from there")
	require.Nil(t, scheduled[1].Effects)
}

func TestAFailedRunIsListedWithWhatCuresItAndRedrivenForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	first := w.tierOne()
	firstID := w.sandbox.CRM.AddCompany("", first, nil)
	w.starter("company", "add", "--crm-id", firstID, "--wait").ok()
	require.Len(t, w.tasks(), 1)
	second := w.tierTwo()

	// An admin takes the tiers out of the property; a person clears one, and wants it back.
	w.tiersInCRM("Gold")
	require.NoError(t, w.sandbox.CRM.SetProperties(firstID, map[string]string{crm.TierProperty: ""}))
	w.starter("crm", "refill", first, crm.TierProperty).ok()
	require.Equal(t, 1, w.starter("company", "refresh", first, "--wait").status)
	require.Equal(t, 1, w.starter("company", "add", "--crm-id", second.id, "--wait").status)

	failed := w.listRuns("--failed", "--since", "1h")
	require.Len(t, failed, 2)
	require.ElementsMatch(t, []string{first, second.domain}, []string{failed[0].Domain, failed[1].Domain})
	for _, r := range failed {
		require.Equal(t, []string{"CompanyOnboarding", "failed", "effects"}, []string{r.Kind, r.Status, r.Stage})
		require.Equal(t, "hubspot: bad_request (HTTP 400): VALIDATION_ERROR INVALID_OPTION in icp_tier", r.Reason)
		require.Contains(t, r.Cure, "starter crm setup")
	}
	require.Len(t, w.listRuns("--failed", "--stage", "crm"), 2)
	require.Empty(t, w.listRuns("--failed", "--stage", "enrich"))
	shown := w.starter("run", "show", second.domain).ok().stdout
	require.Contains(t, shown, "INVALID_OPTION in icp_tier")
	require.Contains(t, shown, "Effects that are not done")
	require.Contains(t, shown, "**Tier 2**", "its story, as the Temporal UI has it")

	// Redriven before it is mended, it fails again.
	require.Equal(t, "started", w.redrive(second.domain)[0].Outcome)
	w.eventually("it has failed again", func() bool { return w.countRuns(`ExecutionStatus = 'Failed'`) == 3 })
	require.Len(t, w.listRuns("--failed"), 2)

	paid, writes, runs := w.paid(), len(w.sandbox.CRM.Ledger().Writes), w.runs()
	w.starter("crm", "setup").ok()
	writes++ // the property
	dry := w.redrive("--failed", "--stage", "crm", "--since", "1d", "--dry-run")
	require.Equal(t, []string{"started", "started"}, []string{dry[0].Outcome, dry[1].Outcome})
	require.Equal(t, runs, w.runs(), "a dry run starts nothing")
	require.Len(t, w.sandbox.CRM.Ledger().Writes, writes)

	done := w.redrive("--failed", "--stage", "crm", "--since", "1d")
	require.Equal(t, []string{"started", "started"}, []string{done[0].Outcome, done[1].Outcome})
	w.eventually("both are through", func() bool { return w.countRuns(`ExecutionStatus = 'Running'`) == 0 && w.completedRuns() == 3 })
	require.Equal(t, paid, w.paid(), "nothing is bought again")
	require.Equal(t, "Tier 2", second.property(crm.TierProperty))
	l := w.sandbox.CRM.Ledger()
	require.Empty(t, l.Duplicates())
	require.Equal(t, []int{2, 1}, []int{l.Created("notes"), l.Created("tasks")}, "a note for each, the task of before")
	c, _ := w.sandbox.CRM.Company(firstID)
	require.Equal(t, "Tier 1", c.Properties[crm.TierProperty])

	require.Empty(t, w.listRuns("--failed"))
	require.Empty(t, w.redrive("--failed"))
	left := w.redrive(second.domain)
	require.Equal(t, "left", left[0].Outcome)
	require.Equal(t, runs+2, w.runs())
	require.Equal(t, 1, w.starter("run", "show", "unheard-of.example").status)
	require.Equal(t, 2, w.starter("run", "redrive").status)
	require.Equal(t, 2, w.starter("run", "redrive", "--failed", second.domain).status)
}

func TestReconcileMendsWhatIsOursAndLeavesWhatPeopleDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.configure("late_fill:", soon)
	w.startWorker()
	first := w.tierOne()
	domains := []string{first}
	for _, d := range w.domains(5) {
		if d != first && len(domains) < 5 {
			domains = append(domains, d)
		}
	}
	ids := make([]string, len(domains))
	for i, d := range domains {
		ids[i] = w.sandbox.CRM.AddCompany("", d, nil)
		_, err := ingress.Onboarder{Temporal: w.temporal}.Start(t.Context(), ingress.Company{Key: w.key(ids[i]), Priority: ingress.Arrived})
		require.NoError(t, err)
	}
	w.eventually("all are through", func() bool { return w.completedRuns() == len(ids) })
	w.settle()

	property := func(i int, name string) string {
		c, _ := w.sandbox.CRM.Company(ids[i])
		return c.Properties[name]
	}
	score := property(0, crm.ScoreProperty)
	require.True(t, w.sandbox.CRM.Overwrite(ids[0], "INTEGRATION", map[string]string{crm.ScoreProperty: "1", crm.QueueProperty: ""})) // a request of ours that was under way for long
	require.True(t, w.sandbox.CRM.RemoveTask(w.tasks()[0].ID))
	require.NoError(t, w.sandbox.CRM.SetProperties(ids[1], map[string]string{crm.TierProperty: "Tier 3", crm.ScoreProperty: ""}))
	require.True(t, w.sandbox.CRM.Overwrite(ids[1], "IMPORT", map[string]string{crm.QueueProperty: "low-touch"}))
	require.True(t, w.sandbox.CRM.RemoveCompany(ids[2]))
	w.forgetHow(crm.EffectKey(w.key(ids[3]), crm.NoteEffect, "fit"))    // its answer was lost, and its run
	w.forgetHow(crm.EffectKey(w.key(ids[4]), crm.PropertiesEffect, "")) // likewise
	require.True(t, w.sandbox.CRM.Overwrite(ids[4], "INTEGRATION", map[string]string{crm.TierProperty: ""}))

	writes := len(w.sandbox.CRM.Ledger().Writes)
	dry := w.reconcile("--since", "1h", "--dry-run").Effects
	kinds := map[activities.FindingKind]int{
		activities.ValueLost: 1, activities.ValueTheirs: 1, activities.TaskGone: 1, activities.CompanyGone: 1, activities.Stuck: 2,
	}
	require.Equal(t, kinds, dry.Kinds)
	require.Equal(t, []int{5, 2}, []int{dry.Checked, dry.Applied})
	require.Len(t, w.sandbox.CRM.Ledger().Writes, writes, "a dry run writes nothing")
	require.Equal(t, "1", property(0, crm.ScoreProperty))

	s := w.reconcile("--since", "1h").Effects
	require.Equal(t, kinds, s.Kinds, "and changed nothing on record either")
	require.Equal(t, []int{2, 0}, []int{s.Applied, s.Failed})
	for _, f := range s.Findings {
		want := map[activities.FindingKind]string{
			activities.ValueLost: "icp_fit_score, sluice_queue", activities.ValueTheirs: "icp_fit_score, icp_tier, sluice_queue",
		}[f.Kind]
		if want != "" {
			require.Equal(t, want, f.What)
		}
		require.Equal(t, f.Kind == activities.ValueLost || f.Kind == activities.Stuck, f.Repaired, f.Kind)
	}
	require.Equal(t, score, property(0, crm.ScoreProperty), "ours is written again")
	require.NotEmpty(t, property(0, crm.QueueProperty))
	require.Equal(t, []string{"Tier 3", "", "low-touch"}, []string{property(1, crm.TierProperty), property(1, crm.ScoreProperty), property(1, crm.QueueProperty)},
		"what people and others did stays, clearing included")
	require.NotEmpty(t, property(4, crm.TierProperty))
	require.Empty(t, w.tasks(), "a deleted task stays away")
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())

	w.settle()
	again := w.reconcile("--since", "1h").Effects
	require.Equal(t, map[activities.FindingKind]int{activities.ValueTheirs: 1, activities.TaskGone: 1, activities.CompanyGone: 1}, again.Kinds)
	require.Zero(t, again.Applied)
	out := w.starter("crm", "reconcile").ok().stdout
	require.Contains(t, out, "1 have values that somebody else wrote over ours: left as they are")
	require.Contains(t, out, "1 companies that somebody deleted")
}

// forgetHow makes an effect one whose attempt never ended, as far as the record knows.
func (w *world) forgetHow(key string) {
	w.t.Helper()
	var address string
	for _, kv := range w.env {
		if at, ok := strings.CutPrefix(kv, "SLUICE_DATABASE_URL="); ok {
			address = at
		}
	}
	conn, err := pgx.Connect(w.t.Context(), address)
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(w.t.Context()) }()
	const q = `UPDATE effects SET state = 'trying', tried = '{}', tried_at = now() - interval '20 minutes', crm_id = '', done_at = NULL WHERE key = $1`
	done, err := conn.Exec(w.t.Context(), q, key)
	require.NoError(w.t, err)
	require.EqualValues(w.t, 1, done.RowsAffected(), key)
}

func TestRunsThatWaitTryNowAndOthersThanCompaniesAreRedriven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.configure("wait: 2s", "wait: 30m")
	w.startWorker()
	s := w.tierTwo()
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	parked := s.add()
	require.Equal(t, workflows.Running, parked.Status)

	var waits []listed
	w.eventually("it is on the list", func() bool { waits = w.listRuns("--waiting"); return len(waits) == 1 })
	require.Equal(t, []string{"waiting", "apollo circuit", s.domain}, []string{waits[0].Status, waits[0].Waits, waits[0].Domain})
	require.Contains(t, waits[0].Cure, "run redrive")
	require.NoError(t, w.sandbox.Faults.Clear("apollo"))
	require.Empty(t, w.redrive("--waiting", "--stage", "pdl"))
	cooled := time.Now().Add(2500 * time.Millisecond)
	w.eventually("its breaker has cooled down", func() bool { return time.Now().After(cooled) })
	require.Equal(t, "nudged", w.redrive("--waiting", "--stage", "apollo")[0].Outcome)
	w.eventually("it is through", func() bool { return s.explain().Status == workflows.Completed })
	require.Equal(t, 1, w.runs(), "the same run")
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())

	// An override whose run somebody terminated.
	s.override("--tier", "Tier 1", "--reason", "A pilot", "--expires", "6s")
	id := workflows.AccountOverrideID(parked.AccountID)
	require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), id, "", "a mistake"))
	w.eventually("it is on the list", func() bool { return len(w.listRuns("--failed")) == 1 })
	require.Empty(t, w.redrive("--failed"), "what a person ended is not redriven in bulk")
	require.Equal(t, "started", w.redrive(id)[0].Outcome)
	w.eventually("the account is the model's again", func() bool { return s.property(crm.TierProperty) == "Tier 2" })

	require.Empty(t, w.listRuns("--failed"))

	// A response, likewise.
	_, err := w.store.SaveSights(t.Context(), "test", time.Now(), []store.NewSight{{AccountID: parked.AccountID, Events: []signals.Event{{
		Kind: signals.Hiring, Entity: "revops", OccurredAt: time.Now(), Summary: "hires", Confidence: 1,
		Evidence: []signals.Evidence{{Source: "test", At: time.Now()}},
	}}}})
	require.NoError(t, err)
	response := workflows.SignalResponseID(parked.AccountID)
	_, err = w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: response, TaskQueue: workflows.TaskQueue, StartDelay: time.Hour},
		workflows.SignalResponse, activities.ResponseInput{AccountID: parked.AccountID, Day: "2026-11-28"})
	require.NoError(t, err)
	require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), response, "", "a mistake"))
	var failed []listed
	w.eventually("it is on the list", func() bool { failed = w.listRuns("--failed"); return len(failed) == 1 })
	require.Equal(t, []string{response, "terminated", s.domain}, []string{failed[0].WorkflowID, failed[0].Status, failed[0].Domain})
	require.Contains(t, failed[0].Cure, "the next sweep answers the news")
	require.Equal(t, "started", w.redrive(response)[0].Outcome)
	w.eventually("its account is swept", func() bool {
		return w.countRuns(`WorkflowType = 'SignalSweep' AND ExecutionStatus = 'Completed'`) == 1
	})
	news, err := w.store.Signals(t.Context(), parked.AccountID)
	require.NoError(t, err)
	require.False(t, news[0].AnsweredAt.IsZero())
	require.Empty(t, w.listRuns("--failed"))
}
