package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// standing is what the CRM shows of a company at one moment.
type standing struct{ Score, Tier, Queue string }

// standings returns what the CRM showed, moment after moment, by its own ledger.
func (w *world) standings(companyID string) []standing {
	var all []standing
	var now standing
	for _, write := range w.sandbox.CRM.Ledger().Writes {
		if write.Object != "companies" || write.ID != companyID {
			continue
		}
		for name, into := range map[string]*string{"icp_fit_score": &now.Score, "icp_tier": &now.Tier, "sluice_queue": &now.Queue} {
			if v, ok := write.Properties[name]; ok {
				*into = v
			}
		}
		if len(all) == 0 || all[len(all)-1] != now {
			all = append(all, now)
		}
	}
	return all
}

// subject is an account with a CRM record that the model puts into Tier 2.
type subject struct {
	w      *world
	domain string
	id     string // of the CRM record
}

func (w *world) tierTwo() subject {
	w.t.Helper()
	oracle := w.adapters()
	for _, d := range w.domains(400) {
		if oracle.follow(w.t, d).score.Tier == "Tier 2" {
			w.sandbox.Faults.ResetCounters()
			return subject{w: w, domain: d, id: w.sandbox.CRM.AddCompany("", d, nil)}
		}
	}
	w.t.Fatal("nobody in the table is Tier 2")
	return subject{}
}

func (s subject) property(name string) string {
	c, _ := s.w.sandbox.CRM.Company(s.id)
	return c.Properties[name]
}

func (s subject) add() explain.Company {
	s.w.t.Helper()
	var c explain.Company
	s.w.starter("company", "add", "--crm-id", s.id, "--wait", "--json").ok().json(&c)
	return c
}

func (s subject) override(args ...string) ingress.Overridden {
	s.w.t.Helper()
	var done ingress.Overridden
	s.w.starter(append([]string{"company", "override", s.domain, "--by", "dana@ours.example", "--json"}, args...)...).ok().json(&done)
	return done
}

func (s subject) explain() explain.Company {
	s.w.t.Helper()
	var c explain.Company
	s.w.starter("company", "explain", s.domain, "--json").ok().json(&c)
	return c
}

// refresh has the company looked at again, and waits until that is through.
func (s subject) refresh(event string) {
	s.w.t.Helper()
	before := len(s.explain().History)
	_, err := ingress.Onboarder{Temporal: s.w.temporal}.Refresh(s.w.t.Context(), s.company(), event)
	require.NoError(s.w.t, err)
	s.w.eventually("it was looked at again", func() bool {
		c := s.explain()
		return len(c.History) > before && c.Status == workflows.Completed
	})
}

func (s subject) company() ingress.Company {
	key := account.Key{CRM: "hubspot", Portal: s.w.sandbox.CRM.Portal(), ID: s.id}
	return ingress.Company{Key: key, Domain: s.domain, Priority: ingress.AskedFor}
}

func causes(c explain.Company) []string {
	var out []string
	for _, p := range c.History {
		out = append(out, p.Cause)
	}
	return out
}

func TestAnOverrideOfAFinishedCompanyHoldsThroughAReScoreAndAKill9UntilItExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	worker := w.startWorker()
	s := w.tierTwo()
	machine := s.add()
	require.Equal(t, "Tier 2", machine.Tier)
	require.Empty(t, w.tasks())
	was := standing{fmt.Sprint(machine.Score.Value), "Tier 2", "marketing-nurture"}
	require.Equal(t, []standing{was}, w.standings(s.id))

	done := s.override("--tier", "Tier 1", "--code", "strategic", "--reason", "The board wants a pilot", "--expires", "20s")
	require.True(t, done.Done)
	require.Equal(t, store.ActiveOverride, done.State)
	require.Equal(t, []any{"Tier 1", 70, "sdr-outreach"}, []any{done.Tier, done.Value, done.Queue})
	require.Equal(t, &ingress.Machine{Value: machine.Score.Value, Tier: "Tier 2"}, done.Machine)
	require.True(t, strings.HasPrefix(done.WorkflowID, "override/"), done.WorkflowID)
	require.Len(t, w.tasks(), 1)
	require.Equal(t, done.TaskID, w.tasks()[0].ID)
	now := standing{"70", "Tier 1", "sdr-outreach"}
	require.Equal(t, []standing{was, now}, w.standings(s.id))
	require.Contains(t, s.property("icp_reason"), "The board wants a pilot")
	require.NotContains(t, s.property("icp_reason"), "dana", "persons stay in Sluice")

	s.refresh("in-between")
	require.Equal(t, []standing{was, now}, w.standings(s.id), "a re-score keeps the person's decision")
	worker.kill()
	expires := s.explain().Overrides[0].ExpiresAt
	w.eventually("the time is up with nobody at work", func() bool { return time.Now().After(expires) })
	require.Equal(t, "Tier 1", s.property("icp_tier"))
	w.startWorker()
	w.eventually("the account is the model's again", func() bool { return s.property("icp_tier") == "Tier 2" })
	w.eventually("and nobody waits any more", func() bool { return w.countRuns(`ExecutionStatus = 'Running'`) == 0 })
	require.Equal(t, []standing{was, now, was}, w.standings(s.id))
	require.Len(t, w.tasks(), 1, "no second task")
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())

	c := s.explain()
	require.Equal(t, []string{"first", "override", "data", "override"}, causes(c))
	require.Nil(t, c.Machine)
	for i, p := range c.History {
		held := i == 1 || i == 2
		require.Equal(t, held, p.Override == done.ID, "row %d", i)
		require.Equal(t, held, p.Machine != nil, "row %d", i)
		if held {
			require.Equal(t, "Tier 2", p.Machine.Tier)
			require.Equal(t, machine.Score.Value, p.Machine.Value)
		}
	}
	require.Contains(t, c.History[1].Why, "override 1 to Tier 1 (strategic, until")
	require.Contains(t, c.History[1].Why, "Tier 2 → Tier 1")
	require.Contains(t, c.History[3].Why, "override 1 to Tier 1 has ended: expired")
	require.Len(t, c.Overrides, 1)
	o := c.Overrides[0]
	require.Equal(t, []string{"Tier 1", "strategic", "The board wants a pilot", "dana@ours.example", "ended", "expired"},
		[]string{o.Tier, o.Code, o.Reason, o.By, o.State, o.Ended})
	require.Contains(t, w.starter("company", "explain", s.domain).ok().stdout, "has ended: expired")
	s.noHistoryHas("dana", "The board wants")
}

// noHistoryHas requires that the histories of the account hold none of the words.
func (s subject) noHistoryHas(words ...string) {
	s.w.t.Helper()
	c := s.explain()
	for _, id := range []string{c.WorkflowID, workflows.AccountOverrideID(c.AccountID)} {
		history := s.w.history(s.w.t.Context(), id)
		require.Contains(s.w.t, history, "Tier 1", "the decision itself is there to be seen in %s", id)
		for _, word := range words {
			require.NotContains(s.w.t, history, word, id)
		}
	}
}

func TestAnOverrideOfARunUnderWaySurvivesItsLateFillAndIsReplacedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	worker := w.startWorker()
	s := w.tierTwo()
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	parked := s.add()
	require.Equal(t, workflows.Running, parked.Status, "it waits for apollo")
	machine := standing{fmt.Sprint(parked.Score.Value), parked.Tier, parked.Queue}

	done := s.override("--tier", "Tier 1", "--code", "relationship", "--reason", "They know us", "--expires", "1h")
	require.Equal(t, "company/hubspot/8100/"+s.id, done.WorkflowID, "the run itself takes it")
	require.Len(t, w.tasks(), 1)
	w.eventually("the expiry is looked after", func() bool {
		return w.countRuns(`WorkflowType = 'AccountOverride' AND ExecutionStatus = 'Running'`) == 1
	})

	worker.kill() // and both runs go on with another one
	w.startWorker()
	require.NoError(t, w.sandbox.Faults.Clear("apollo"))
	w.eventually("late fill is through", func() bool { return s.explain().Status == workflows.Completed })
	first := standing{"70", "Tier 1", "sdr-outreach"}
	require.Equal(t, []standing{machine, first}, w.standings(s.id))

	next := s.override("--score", "90", "--code", "strategic", "--reason", "Bigger than we thought", "--expires", "2h")
	require.Equal(t, []any{90, "Tier 1"}, []any{next.Value, next.Tier})
	require.Len(t, w.tasks(), 1, "Tier 1 has its task already")
	cleared := s.override("--clear", "--reason", "The pilot is over")
	require.Equal(t, []any{store.EndedOverride, store.Cleared, "Tier 2"}, []any{cleared.State, cleared.Ended, cleared.Tier})
	w.eventually("nobody waits any more", func() bool { return w.countRuns(`ExecutionStatus = 'Running'`) == 0 })

	all := w.standings(s.id)
	require.Equal(t, []standing{machine, first, {"90", "Tier 1", "sdr-outreach"}}, all[:3])
	require.Len(t, all, 4)
	require.Equal(t, "Tier 2", all[3].Tier)
	require.Len(t, w.tasks(), 1)
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	c := s.explain()
	require.Equal(t, []string{"replaced", "cleared"}, []string{c.Overrides[0].Ended, c.Overrides[1].Ended})
	require.Equal(t, "The pilot is over", c.Overrides[1].EndedReason)

	var e struct {
		Overrides []struct{ Ended string }
		Share     struct{ Scored, Overridden int }
	}
	w.starter("company", "overrides", "--since", "1d", "--json").ok().json(&e)
	require.Len(t, e.Overrides, 2)
	require.Equal(t, 1, e.Share.Scored)
	require.Zero(t, e.Share.Overridden)
	s.noHistoryHas("dana", "They know us", "Bigger than", "pilot is over")
}

func TestOverridesThatMakeNoSenseAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	url, _ := w.serve()
	s := w.tierTwo()
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	parked := s.add()
	before := w.standings(s.id)
	run := parked.WorkflowID

	for name, tt := range map[string]struct {
		give workflows.Override
		says string
	}{
		"no id":           {workflows.Override{Override: icp.Override{Tier: "Tier 1", Code: "other"}}, "id: want the id"},
		"neither":         {workflows.Override{ID: 9, Override: icp.Override{Code: "other"}}, "score: give a score or a tier"},
		"both":            {workflows.Override{ID: 9, Override: icp.Override{Score: new(80), Tier: "Tier 1", Code: "other"}}, "tier: give a score or a tier, not both"},
		"another code":    {workflows.Override{ID: 9, Override: icp.Override{Tier: "Tier 1", Code: "mood"}}, "code: want one of strategic"},
		"not on record":   {workflows.Override{ID: 9, Override: icp.Override{Tier: "Tier 1", Code: "other"}}, "id: the account has no override 9"},
		"without its run": {workflows.Override{ID: 9, Override: icp.Override{Tier: "Tier 1", Code: "other"}}, "id: "},
	} {
		handle, err := w.temporal.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
			WorkflowID: run, UpdateName: workflows.OverrideUpdate, Args: []any{tt.give}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err == nil {
			err = handle.Get(t.Context(), nil)
		}
		var refused *temporal.ApplicationError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, "Invalid", refused.Type(), name)
		require.Contains(t, refused.Message(), tt.says, name)
	}

	send := func(method, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url+"/v1/companies/"+s.domain+"/override", strings.NewReader(body))
		require.NoError(t, err)
		return do(t, req)
	}
	for name, tt := range map[string]struct {
		method, body string
		status       int
		says         string
	}{
		"no reason":        {"POST", `{"tier": "Tier 1", "by": "dana"}`, 422, `"field":"reason"`},
		"nobody":           {"POST", `{"tier": "Tier 1", "reason": "why not"}`, 422, `"field":"by"`},
		"another tier":     {"POST", `{"tier": "Gold", "reason": "why not", "by": "dana"}`, 422, `"field":"tier"`},
		"another expiry":   {"POST", `{"tier": "Tier 1", "reason": "why not", "by": "dana", "expires_at": "soon"}`, 422, `"field":"expires_at"`},
		"an unknown key":   {"POST", `{"level": "Tier 1"}`, 400, `"field":"level"`},
		"nothing to clear": {"DELETE", `{"reason": "why not", "by": "dana"}`, 404, "no override holds"},
	} {
		status, answer := send(tt.method, tt.body)
		require.Equal(t, tt.status, status, "%s: %s", name, answer)
		require.Contains(t, answer, tt.says, name)
	}
	require.Equal(t, 2, w.starter("company", "override", s.domain, "--tier", "Tier 1", "--score", "80", "--reason", "x", "--by", "y").status)
	require.Equal(t, 2, w.starter("company", "override", s.domain, "--tier", "Tier 1", "--reason", "x").status)
	unknown := w.starter("company", "override", "unheard-of.example", "--tier", "Tier 1", "--reason", "x", "--by", "y")
	require.Equal(t, 1, unknown.status)
	require.Contains(t, unknown.stderr, "is not known")

	require.Equal(t, before, w.standings(s.id))
	require.Empty(t, s.explain().Overrides)
	status, answer := send("POST", `{"tier": "Tier 1", "code": "strategic", "reason": "a pilot", "by": "dana", "expires_at": "30d"}`)
	require.Equal(t, 200, status, answer)
	require.Equal(t, "Tier 1", s.property("icp_tier"))
	status, answer = send("DELETE", `{"reason": "over", "by": "dana"}`)
	require.Equal(t, 200, status, answer)
	require.Equal(t, "Tier 2", s.property("icp_tier"))
}

// Overrides, their ends and new looks that meet on one account, with two workers and one
// of them killed, never bring the CRM back to an earlier decision.
func TestDecisionsThatMeetLeaveTheLastOneInTheCRM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	worker := w.startWorker()
	w.startWorker()
	s := w.tierTwo()
	s.add()
	acc, err := w.store.AccountsByDomain(t.Context(), s.domain)
	require.NoError(t, err)
	onboard := ingress.Onboarder{Temporal: w.temporal}
	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LatencyMS: 20, JitterMS: 300})) // so that they overtake each other
	// A worker that dies with a workflow task holds it up for 10 s, and no override may end in that.
	const long = 20 * time.Second
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			if i%3 == 2 {
				_, err := onboard.Refresh(t.Context(), s.company(), fmt.Sprint("look-", i))
				require.NoError(t, err)
				return
			}
			score := 70 + i
			_, err := onboard.Override(t.Context(), w.store, acc[0], store.Override{
				Override: icp.Override{Score: &score, Code: "other", ExpiresAt: time.Now().Add(long + time.Duration(i%3)*time.Second)},
				Reason:   "try", Author: "dana",
			})
			if err != nil { // a later one was faster
				require.ErrorIs(t, err, account.ErrInvalid)
			}
		})
		if i == 6 {
			worker.kill()
			worker = w.startWorker()
		}
	}
	wg.Wait()
	w.eventually("nobody waits any more", func() bool { return w.countRuns(`ExecutionStatus = 'Running'`) == 0 })

	rows, err := w.store.Scores(t.Context(), acc[0].ID)
	require.NoError(t, err)
	var decided []standing
	for _, r := range rows {
		counts := r.Counts()
		decided = append(decided, standing{fmt.Sprint(counts.Value), counts.Tier, r.Queue})
	}
	at := 0
	for _, shown := range w.standings(s.id) {
		next := slices.Index(decided[at:], shown)
		require.GreaterOrEqual(t, next, 0, "%v is not in the CRM in the order of the decisions %v", shown, decided)
		at += next
	}
	last := decided[len(decided)-1]
	require.Equal(t, standing{s.property("icp_fit_score"), s.property("icp_tier"), s.property("sluice_queue")}, last)
	require.Equal(t, "Tier 2", last.Tier, "all have expired")
	given, err := w.store.Overrides(t.Context(), acc[0].ID)
	require.NoError(t, err)
	for _, o := range given {
		require.Equal(t, store.EndedOverride, o.State, "override %d", o.ID)
	}
	require.Len(t, w.tasks(), 1)
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	t.Logf("%d decisions, %d of them seen in the CRM", len(rows), len(w.standings(s.id)))
}

func TestPointsThatTimeTookAreTakenAtNight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	s := w.tierTwo()
	fit := s.add()
	leaves := time.Now().Add(12 * time.Second) // its window of 90 days
	_, err := w.store.SaveSights(t.Context(), "test", time.Now(), []store.NewSight{{AccountID: fit.AccountID, Events: []signals.Event{{
		Kind: signals.Hiring, Entity: "revops", OccurredAt: leaves.AddDate(0, 0, -90), Summary: "hires", Confidence: 1,
		Evidence: []signals.Evidence{{Source: "test", At: time.Now()}},
	}}}})
	require.NoError(t, err)
	found, err := w.store.Signals(t.Context(), fit.AccountID)
	require.NoError(t, err)
	require.NoError(t, w.store.Answer(t.Context(), []int64{found[0].ID}, time.Now())) // no news any more
	s.refresh("a signal")
	require.Equal(t, fmt.Sprint(fit.Score.Value+15), s.property("icp_fit_score"))
	w.eventually("it is 90 days old", func() bool { return time.Now().After(leaves.Add(2 * time.Second)) })
	require.Equal(t, fmt.Sprint(fit.Score.Value+15), s.property("icp_fit_score"), "until the night")

	var night workflows.SweepStatus
	w.starter("signals", "run", "--json").ok().json(&night)
	require.Equal(t, map[string]int{"decay": 1}, night.Outcomes)
	require.Equal(t, fmt.Sprint(fit.Score.Value), s.property("icp_fit_score"))
	c := s.explain()
	require.Equal(t, []string{"first", "data", "decay"}, causes(c))
	require.Contains(t, c.Why, "decay: hiring: 90 days ago, more than 90 days (test) -15")
	night = workflows.SweepStatus{}
	w.starter("signals", "run", "--json").ok().json(&night)
	require.Empty(t, night.Outcomes, "once")
}
