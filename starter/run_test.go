package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
)

func TestEachTroubleHasItsCureAndWhatRedrivingWouldDo(t *testing.T) {
	t.Parallel()
	const id = "company/hubspot/8100/512"
	for _, tt := range []struct {
		name         string
		give         shownRun
		cure         string // begins so
		outcome, why string
	}{
		{
			"an option that is missing",
			shownRun{Kind: companyRun, Status: "failed", Reason: "hubspot: bad_request (HTTP 400): VALIDATION_ERROR INVALID_OPTION in icp_tier"},
			"make what is missing in the CRM with: starter crm setup, then: starter run redrive " + id, startedAgain, "",
		},
		{
			"a property that is missing",
			shownRun{Kind: companyRun, Status: "failed", Reason: "hubspot: bad_request (HTTP 400): PROPERTY_DOESNT_EXIST in icp_reason"},
			"make what is missing in the CRM with: starter crm setup", startedAgain, "",
		},
		{
			"a rule of the CRM's admin",
			shownRun{Kind: companyRun, Status: "failed", Reason: "hubspot: bad_request (HTTP 400): VALIDATION_ERROR in industry"},
			"the CRM refuses what Sluice writes", startedAgain, "",
		},
		{"no model", shownRun{Kind: companyRun, Status: "failed", Reason: "not found: no model for companies is active"}, "start a worker that has the models", startedAgain, ""},
		{"a panic", shownRun{Kind: companyRun, Status: "failed", Reason: "nil pointer"}, "see the run's failure in the Temporal UI", startedAgain, ""},
		{"ended by hand", shownRun{Kind: companyRun, Status: terminated}, "somebody ended it; if that was a mistake: starter run redrive " + id, startedAgain, ""},
		{"a provider that is down", shownRun{Kind: companyRun, Status: waiting, Waits: "apollo circuit"}, "goes on by itself when the provider is back; to try now: starter run redrive " + id, nudged, ""},
		{"a CRM that is away", shownRun{Kind: companyRun, Status: waiting, Waits: "crm"}, "goes on by itself when the CRM answers", leftAlone, ""},
		{"the CRM's key", shownRun{Kind: companyRun, Status: waiting, Waits: "crm credentials"}, "mend SLUICE_HUBSPOT_TOKEN", leftAlone, "mend SLUICE_HUBSPOT_TOKEN"},
		{"an override that waits", shownRun{Kind: overrideRun, Status: waiting, Waits: "crm credentials"}, "mend SLUICE_HUBSPOT_TOKEN", leftAlone, "mend SLUICE_HUBSPOT_TOKEN"},
		{"a response", shownRun{Kind: responseRun, Status: "failed"}, "the next sweep answers the news", startedAgain, "a sweep of the account"},
		{"an override", shownRun{Kind: overrideRun, Status: "failed"}, "mend the cause, then: starter run redrive", startedAgain, ""},
		{"a sweep", shownRun{Kind: "SignalSweep", Status: "failed"}, "mend the cause, then: starter signals run", leftAlone, "mend the cause"},
		{"a comparison", shownRun{Kind: "Reconcile", Status: "failed"}, "mend the cause; the schedule's next one catches up", leftAlone, "mend the cause"},
		{"one of another kind", shownRun{Kind: "ModelRelease", Status: "failed"}, "see it in the Temporal UI", leftAlone, "see it in the Temporal UI"},
		{"a worker that cannot go on", shownRun{Kind: companyRun, Status: stuck}, "a defect of ours", leftAlone, "a defect of ours"},
		{"a run under way", shownRun{Kind: companyRun, Status: "running"}, "", leftAlone, "it is under way"},
		{"a completed run", shownRun{Kind: companyRun, Status: "completed"}, "", leftAlone, "it did not fail; to have the company looked at again: starter company refresh"},
		{"a refused one", shownRun{Kind: companyRun, Status: "refused"}, "", leftAlone, "it did not fail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.give.WorkflowID = id
			require.True(t, strings.HasPrefix(tt.give.cure(), tt.cure), tt.give.cure())
			outcome, why := tt.give.redrivable()
			require.Equal(t, tt.outcome, outcome)
			require.True(t, strings.HasPrefix(why, tt.why), why)
		})
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	effects, enrich := shownRun{Stage: "effects"}, shownRun{Stage: "enrich"}
	old := shownRun{Reason: "hubspot: bad_request (HTTP 400)"} // of before stages were kept
	away := shownRun{Stage: "waiting: crm", Waits: "crm"}
	key, apollo := shownRun{Stage: "waiting: crm credentials", Waits: "crm credentials"}, shownRun{Stage: "waiting: apollo circuit", Waits: "apollo circuit"}
	for _, tt := range []struct {
		stage string
		want  []bool
	}{
		{"", []bool{true, true, true, true, true, true}},
		{"crm", []bool{true, false, true, true, true, false}},
		{"effects", []bool{true, false, false, false, false, false}},
		{"apollo", []bool{false, false, false, false, false, true}},
		{"apol", []bool{false, false, false, false, false, false}},
	} {
		var got []bool
		for _, r := range []shownRun{effects, enrich, old, away, key, apollo} {
			got = append(got, r.at(tt.stage))
		}
		require.Equal(t, tt.want, got, tt.stage)
	}
}

func TestAWorkflowIDNamesItsCompany(t *testing.T) {
	t.Parallel()
	c, ok := companyIn("company/hubspot/8100/512")
	require.True(t, ok)
	require.Equal(t, account.Key{CRM: "hubspot", Portal: "8100", ID: "512"}, c.Key)
	c, ok = companyIn("company/domain/acme.example")
	require.True(t, ok)
	require.Equal(t, "acme.example", c.Domain)
	for _, id := range []string{"company/name/acme", "signals/response/7", "company/hubspot/8100/5 1", "company"} {
		_, ok := companyIn(id)
		require.False(t, ok, id)
	}
}

func TestRunCommandsRefuseWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"run", "run redrive", "run redrive acme.example --failed", "run list --since soon", "run list acme.example",
		"run show", "crm reconcile --since yesterday", "crm reconcile now", "crm reconcile schedule hourly",
	} {
		require.Equal(t, usage, execute(t.Context(), newRoot(), strings.Fields(args)), args)
	}
}

func TestTheComparisonIsSkippedWhileOneRuns(t *testing.T) {
	t.Parallel()
	o := hourly("hubspot", config.Reconcile{Every: 3600e9, Since: 7 * 86400e9, Settle: 60e9, Effects: true})
	require.Equal(t, "Skip", o.Overlap.String())
	require.False(t, o.PauseOnFailure, "the next one catches up")
	require.Equal(t, "every 1h0m0s (new companies, and what was written)", o.Note)
}
