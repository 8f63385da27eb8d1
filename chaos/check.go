package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// executions lists the namespace's runs.
func (w *world) executions(ctx context.Context) ([]*workflow.WorkflowExecutionInfo, error) {
	var all []*workflow.WorkflowExecutionInfo
	var next []byte
	for {
		res, err := w.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 500, NextPageToken: next})
		if err != nil {
			return nil, err
		}
		all = append(all, res.GetExecutions()...)
		if next = res.GetNextPageToken(); len(next) == 0 {
			return all, nil
		}
	}
}

// mayRun says of a run that is under way whether it may be: it waits for a time that is
// far off.
func (w *world) mayRun(ctx context.Context, e *workflow.WorkflowExecutionInfo) bool {
	switch e.GetType().GetName() {
	case "AccountOverride":
		return true
	case "QuarterlyReview":
		return !w.reviewed && w.reviewMade(ctx)
	default:
		return false
	}
}

// stillRunning names the runs that are under way and should not be for long; "" for none.
func (w *world) stillRunning(ctx context.Context) string {
	all, err := w.executions(ctx)
	if err != nil {
		return err.Error()
	}
	var out []string
	seen := map[string]bool{}
	for _, e := range all {
		seen[e.GetExecution().GetWorkflowId()] = true
		if e.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && !w.mayRun(ctx, e) {
			out = append(out, e.GetExecution().GetWorkflowId())
		}
	}
	for _, c := range w.owed.companies { // Temporal's list is a moment behind
		if c.Accepted && !seen[w.workflowID(c)] {
			out = append(out, w.workflowID(c)+" (not listed)")
		}
	}
	return strings.Join(out, ", ")
}

func (w *world) key(c *company) account.Key {
	return account.Key{CRM: "hubspot", Portal: w.sandbox.CRM.Portal(), ID: c.ID}
}

func (w *world) workflowID(c *company) string { return activities.CompanyRunID(w.key(c)) }

// check holds what is there against what is promised, and returns what is broken.
func (w *world) check(ctx context.Context, res *Result) []string {
	var v violations
	for _, one := range []func(context.Context, *violations) error{
		w.checkRuns, w.checkCompanies, w.checkContacts, w.checkWrites, w.checkSpending, w.checkNews, w.checkRelease, w.checkReview, w.checkLogs,
	} {
		if err := one(ctx, &v); err != nil {
			v.add("cannot be checked: %v", err)
		}
	}
	for _, c := range w.owed.companies {
		if c.Accepted {
			res.Companies++
		}
	}
	res.Effects = len(w.sandbox.CRM.Ledger().Writes)
	if len(v) > 0 {
		for _, p := range append(w.workers, w.starter) {
			v = append(v, fmt.Sprintf("log of %s, warnings and errors:\n%s", p.name, tail(loud(p.log.String()), 3000)))
		}
	}
	return v
}

type violations []string

func (v *violations) add(format string, args ...any) { *v = append(*v, fmt.Sprintf(format, args...)) }

// checkRuns: no run failed, timed out or was ended.
func (w *world) checkRuns(ctx context.Context, v *violations) error {
	all, err := w.executions(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		switch e.GetStatus() {
		case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		default:
			id := e.GetExecution()
			why := w.client.GetWorkflow(ctx, id.GetWorkflowId(), id.GetRunId()).Get(ctx, nil)
			v.add("run %s %s: %s: %v", e.GetType().GetName(), id.GetWorkflowId(), e.GetStatus(), why)
		}
	}
	return nil
}

// checkCompanies: whatever was accepted has a completed run and a score, and the CRM has
// the values of its last decision, which is that of a world in peace.
func (w *world) checkCompanies(ctx context.Context, v *violations) error {
	for _, c := range w.owed.companies {
		if !c.Accepted {
			continue
		}
		accounts, err := w.store.AccountsByDomain(ctx, c.Domain)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(accounts, func(a account.Account) bool { return a.Key == w.key(c) })
		if at < 0 {
			v.add("%s by %s: accepted and lost: no account", c.Domain, c.How)
			continue
		}
		run, err := w.store.LatestRun(ctx, accounts[at].ID)
		if err != nil || run.Status != "completed" {
			v.add("%s by %s: its last run is %q on record (%v)", c.Domain, c.How, run.Status, err)
		}
		rows, err := w.store.Scores(ctx, accounts[at].ID)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			v.add("%s by %s: accepted and never scored", c.Domain, c.How)
			continue
		}
		slices.SortFunc(rows, func(a, b store.ScoreRow) int { return int(a.ID - b.ID) })
		if err := w.checkCompany(ctx, c, rows, v); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) checkCompany(ctx context.Context, c *company, rows []store.ScoreRow, v *violations) error {
	last := rows[len(rows)-1]
	record, ok := w.sandbox.CRM.Company(c.ID)
	if !ok {
		return fmt.Errorf("no record %s", c.ID)
	}
	is := standingOf(record.Properties)
	if want := decided(last); !is.follows(want) {
		v.add("%s: the CRM has %v, the last decision is %v", c.Domain, is, want)
	}
	if c.Churned && !strings.Contains(record.Properties["icp_reason"], "previously churned: yes") {
		v.add("%s: the change that was accepted is lost: %s", c.Domain, record.Properties["icp_reason"])
	}
	if tier := w.overridden[last.AccountID]; tier != "" && last.Counts().Tier != tier {
		all, err := w.store.Overrides(ctx, last.AccountID)
		if err != nil {
			return err
		}
		v.add("%s: the override that was accepted is lost: %s; %s", c.Domain, last.Counts().Tier, story(rows, all))
	}
	if works[w.plan.Work].settled && !c.Churned {
		peace, err := w.inPeace(ctx, c.Domain)
		if err != nil {
			return err
		}
		if last.Score.Value != peace.Value || last.Score.Tier != peace.Tier {
			v.add("%s: scored %d %s, in peace it is %d %s", c.Domain, last.Score.Value, last.Score.Tier, peace.Value, peace.Tier)
		}
	}
	w.checkOrder(c, rows, v)
	return nil
}

// standing is what a company stands at.
type standing struct{ Score, Tier, Queue, Owner string }

func standingOf(properties map[string]string) standing {
	return standing{properties["icp_fit_score"], properties["icp_tier"], properties["sluice_queue"], properties["hubspot_owner_id"]}
}

// follows reports whether a company that stands so follows the decision. One that names no
// owner leaves who is there, or takes off whom a release has put there.
func (s standing) follows(decision standing) bool {
	if decision.Owner == "" {
		s.Owner = ""
	}
	return s == decision
}

func decided(row store.ScoreRow) standing {
	s := row.Counts()
	return standing{strconv.Itoa(s.Value), s.Tier, row.Queue, row.OwnerID}
}

// checkOrder: what the CRM stood at, write after write, are decisions in the order in which
// they were taken, each once; notes and tasks are there once.
func (w *world) checkOrder(c *company, rows []store.ScoreRow, v *violations) {
	var decisions []standing
	for _, row := range rows {
		decisions = append(decisions, decided(row))
	}
	decisions = slices.Compact(decisions)
	properties := map[string]string{}
	at := 0
	notes, tasks := 0, 0
	for _, write := range w.sandbox.CRM.Ledger().Writes {
		if write.Object == "companies" && write.ID == c.ID {
			maps.Copy(properties, write.Properties)
			now := standingOf(properties)
			found := slices.IndexFunc(decisions[at:], now.follows)
			if found < 0 {
				v.add("%s: the CRM stood at %v out of turn; decisions: %v", c.Domain, now, decisions)
				return
			}
			at += found
		}
		if write.Method == "POST" && write.CompanyID == c.ID {
			switch {
			case write.Object == "notes" && strings.HasSuffix(write.Key, "/note/fit"):
				notes++
			case write.Object == "tasks" && strings.HasSuffix(write.Key, "/task/tier-1"):
				tasks++
			}
		}
	}
	if notes != 1 {
		v.add("%s: %d notes that explain the score", c.Domain, notes)
	}
	earned := slices.ContainsFunc(rows, func(r store.ScoreRow) bool { return r.Counts().Tier == "Tier 1" && !r.Exploration })
	last := rows[len(rows)-1].Counts()
	// A response to news, and a release, decide on tasks by themselves.
	missing := tasks == 0 && last.Tier == "Tier 1" && !last.Provisional && earned && works[w.plan.Work].settled
	if tasks > 1 || tasks == 1 && !earned || missing {
		v.add("%s: %d tasks for Tier 1; it stands at %s", c.Domain, tasks, last.Tier)
	}
}

// checkContacts: the people of the accounts have the score in the CRM that is on record.
func (w *world) checkContacts(ctx context.Context, v *violations) error {
	inCRM := map[string]map[string]string{}
	for _, c := range w.owed.companies {
		for _, contact := range w.sandbox.CRM.Contacts(c.ID) {
			inCRM[contact.ID] = contact.Properties
		}
	}
	return w.sql(ctx, func(db *pgx.Conn) error {
		rows, err := db.Query(ctx, `SELECT crm_id, value::text, level, state FROM contacts WHERE listed AND value IS NOT NULL`)
		if err != nil {
			return err
		}
		var id, value, level, state string
		_, err = pgx.ForEachRow(rows, []any{&id, &value, &level, &state}, func() error {
			is := inCRM[id]
			if is[crm.ContactScoreProperty] != value || is[crm.ContactLevelProperty] != level || state != "done" {
				v.add("contact %s has %s %s in the CRM, and on record %s %s, %s", id, is[crm.ContactScoreProperty], is[crm.ContactLevelProperty], value, level, state)
			}
			return nil
		})
		return err
	})
}

// checkWrites: nothing was made twice, and no value was written where it already was.
func (w *world) checkWrites(_ context.Context, v *violations) error {
	ledger := w.sandbox.CRM.Ledger()
	for key, n := range ledger.Duplicates() {
		v.add("%s was created %d times", key, n)
	}
	type place struct{ object, id, property string }
	have := map[place]string{}
	for _, write := range ledger.Writes {
		if write.Object != "companies" && write.Object != "contacts" {
			continue
		}
		repeated, changed := []string{}, 0
		for name, value := range write.Properties {
			p := place{write.Object, write.ID, name}
			if before, ok := have[p]; ok && before == value {
				repeated = append(repeated, name)
			} else {
				changed++
			}
			have[p] = value
		}
		if len(repeated) > 0 && changed == 0 && !w.overwritten[write.ID] {
			slices.Sort(repeated)
			v.add("%s %s of %s was written twice with the same values: %v", write.Object, write.ID, write.At.Format(time.TimeOnly), repeated)
		}
	}
	return nil
}

// spent is what one provider's calls came to.
type spent struct{ rows, answered, lost, errors, credits, lostCredits float64 }

// checkSpending: every call that a vendor saw was reserved before, no answer was bought
// twice, and our ledger says what the vendor charged, but for calls whose end nobody knows:
// those stay counted.
func (w *world) checkSpending(ctx context.Context, v *violations) error {
	db, err := pgx.Connect(ctx, w.direct)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	rows, err := db.Query(ctx, `SELECT provider, subject, count(*)::float8,
			count(*) FILTER (WHERE outcome IN ('found', 'not_found', 'mismatch'))::float8,
			count(*) FILTER (WHERE outcome = 'lost' OR outcome IS NULL)::float8,
			count(*) FILTER (WHERE outcome IN ('provider_error', 'throttled'))::float8,
			coalesce(sum(credits), 0)::float8,
			coalesce(sum(credits) FILTER (WHERE outcome IN ('lost', 'provider_error') OR outcome IS NULL OR outcome = 'not_found' AND provider = 'builtwith'), 0)::float8
		FROM ledger WHERE reserved GROUP BY 1, 2`)
	if err != nil {
		return err
	}
	total := map[string]spent{}
	bought := map[string]map[string]spent{}
	var provider, subject string
	var s spent
	_, err = pgx.ForEachRow(rows, []any{&provider, &subject, &s.rows, &s.answered, &s.lost, &s.errors, &s.credits, &s.lostCredits}, func() error {
		if bought[provider] == nil {
			bought[provider] = map[string]spent{}
		}
		bought[provider][subject] = s
		t := total[provider]
		t.rows += s.rows
		t.credits += s.credits
		t.lostCredits += s.lostCredits
		total[provider] = t
		return nil
	})
	if err != nil {
		return err
	}
	counters := w.sandbox.Faults.Counters()
	for _, vendor := range sandbox.Vendors() {
		name := string(vendor)
		seen := counters[name]
		charged := seen.Credits
		t := total[name]
		if over := charged - t.credits; over > 0.001 {
			v.add("%s charged %g credits, the ledger says %g: %g were spent off the books", name, charged, t.credits, over)
		}
		if under := t.credits - charged; under > t.lostCredits+0.001 {
			v.add("%s charged %g credits, the ledger says %g, of which %g may have been lost", name, charged, t.credits, t.lostCredits)
		}
		asksPeople := works[w.plan.Work].buysAgain && vendor == sandbox.Apollo           // of which no price is kept
		if float64(seen.Requests) > t.rows && !asksPeople && vendor != sandbox.Website { // it reads several pages for one answer
			v.add("%s saw %d calls, and %g were reserved", name, seen.Requests, t.rows)
		}
		for subject, s := range bought[name] {
			if s.answered > 1 && !works[w.plan.Work].buysAgain {
				v.add("%s: %g answers about %s were bought", name, s.answered, subject)
			}
		}
	}
	return nil
}

// checkLogs: no program met what must never happen.
func (w *world) checkLogs(_ context.Context, v *violations) error {
	for _, p := range append(w.workers, w.starter) {
		for line := range strings.Lines(p.log.String()) {
			for _, word := range []string{"TMPRL1100", "ondeterminis", "panic", "fatal error", "DATA RACE"} {
				if strings.Contains(line, word) {
					v.add("%s says: %s", p.name, strings.TrimSpace(line))
				}
			}
		}
	}
	return nil
}

// expected is what a company comes to in peace.
type expected struct {
	Value int
	Tier  string
}

// inPeace follows the waterfall by hand, on a sandbox like the plan's without faults.
func (w *world) inPeace(ctx context.Context, domain string) (expected, error) {
	if e, ok := w.expected[domain]; ok {
		return e, nil
	}
	if w.peace == nil {
		s, err := sandbox.New(w.sandboxOptions())
		if err != nil {
			return expected{}, err
		}
		w.peace = httptest.NewServer(s)
		w.later(w.peace.Close)
	}
	m, err := icp.Load("revops")
	if err != nil {
		return expected{}, err
	}
	p, err := config.ParsePipeline("sluice.yaml", []byte(pipeline))
	if err != nil {
		return expected{}, err
	}
	plan := waterfall.Plan{Need: waterfall.Need{Fields: m.Required, Confidence: m.Confidence}}
	for _, step := range p.Providers {
		spec, _ := registry.Get(step.Name)
		plan.Sources = append(plan.Sources, waterfall.Source{Provider: step.Name, Supplies: spec.Supplies})
	}
	acc := account.Account{Domain: domain}
	var facts []account.Fact
	for i, step := range p.Providers {
		spec, _ := registry.Get(step.Name)
		source := plan.Sources[i]
		if !source.CanFill(plan.Resolve(facts).Missing) {
			continue
		}
		adapter, err := spec.New(providers.Config{BaseURL: w.peace.URL + "/" + step.Name, Key: sandbox.Key})
		if err != nil {
			return expected{}, err
		}
		answer, err := adapter.Ask(ctx, acc)
		if err != nil {
			return expected{}, errors.Join(err, fmt.Errorf("ask %s about %s in peace", step.Name, domain))
		}
		same := waterfall.SameCompany(acc, waterfall.Identity{Name: answer.Name, Domain: answer.Domain, Aliases: answer.Aliases})
		if answer.Outcome == outbound.Found && same {
			facts = append(facts, answer.Facts...)
		}
	}
	resolved := plan.Resolve(facts).Facts()
	score := icp.Rate(m, resolved, resolved.Signals(), time.Now())
	e := expected{score.Value, score.Tier}
	w.expected[domain] = e
	return e, nil
}

// loud returns the lines that are warnings or errors, without their stack traces.
func loud(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"info"`) || strings.Contains(line, `"level":"debug"`) {
			continue
		}
		line, _, _ = strings.Cut(strings.TrimSpace(line), `,"stacktrace"`)
		b.WriteString(line[:min(len(line), 500)] + "\n")
	}
	return b.String()
}

// story tells how scores and overrides of an account came about.
func story(rows []store.ScoreRow, overrides []store.Override) string {
	var b strings.Builder
	for _, o := range overrides {
		fmt.Fprintf(&b, "override %d %s %s from %s; ", o.ID, o.State, o.Ended, o.BeganAt.Format(time.StampMilli))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "score %d of run %s pass %d %s at %s under override %d; ", r.ID, r.RunID, r.Pass, r.Cause, r.ScoredAt.Format(time.StampMilli), r.OverrideID())
	}
	return b.String()
}
