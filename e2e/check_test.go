package e2e

import (
	"context"
	"io"
	"iter"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/waterfall"
)

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	w.eventuallyWithin(time.Minute, what, holds)
}

func (w *world) eventuallyWithin(d time.Duration, what string, holds func() bool) {
	w.t.Helper()
	require.Eventually(w.t, holds, d, 100*time.Millisecond, what)
}

func (w *world) tasks() []crmsandbox.Task { return w.sandbox.CRM.Snapshot().Tasks }

// runs counts the runs that there are, completedRuns those that ended well.
func (w *world) runs() int          { return w.countRuns(`WorkflowType = 'CompanyOnboarding'`) }
func (w *world) completedRuns() int { return w.countRuns(`ExecutionStatus = 'Completed'`) }

// runIDs returns the ids of all runs.
func (w *world) runIDs(ctx context.Context) []string {
	w.t.Helper()
	return w.idsOf(ctx, `WorkflowType = 'CompanyOnboarding'`)
}

func (w *world) idsOf(ctx context.Context, query string) []string {
	w.t.Helper()
	var ids []string
	for e := range w.listed(ctx, query) {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	return ids
}

// listed goes through the runs that the list has for a query.
func (w *world) listed(ctx context.Context, query string) iter.Seq[*workflowpb.WorkflowExecutionInfo] {
	return func(yield func(*workflowpb.WorkflowExecutionInfo) bool) {
		var next []byte
		for {
			res, err := w.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
				Query: query, PageSize: 500, NextPageToken: next,
			})
			require.NoError(w.t, err)
			for _, e := range res.GetExecutions() {
				if !yield(e) {
					return
				}
			}
			if next = res.GetNextPageToken(); len(next) == 0 {
				return
			}
		}
	}
}

// events goes through the history of a run.
func (w *world) events(ctx context.Context, id string) iter.Seq[*historypb.HistoryEvent] {
	return func(yield func(*historypb.HistoryEvent) bool) {
		it := w.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			require.NoError(w.t, err, id)
			if !yield(e) {
				return
			}
		}
	}
}

// tellWhatRuns prints the runs that have not ended, a few of them, and what each waits for.
func (w *world) tellWhatRuns() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	told := 0
	for e := range w.listed(ctx, `ExecutionStatus = 'Running'`) {
		if told++; told > 5 {
			break
		}
		id := e.GetExecution().GetWorkflowId()
		run, err := w.temporal.DescribeWorkflowExecution(ctx, id, "")
		require.NoError(w.t, err)
		w.t.Logf("%s runs, task %v, activities %v", id, run.GetPendingWorkflowTask(), run.GetPendingActivities())
		for event := range w.events(ctx, id) {
			w.t.Logf("%d %s %s", event.GetEventId(), event.GetEventTime().AsTime().Format(time.StampMilli), event.GetEventType())
		}
	}
}

func (w *world) countRuns(query string) int {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	res, err := w.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	require.NoError(w.t, err)
	return int(res.GetCount())
}

// scored counts the companies that have a tier in the CRM.
func (w *world) scored() int {
	n := 0
	for _, c := range w.sandbox.CRM.Snapshot().Companies {
		if c.Properties["icp_tier"] != "" {
			n++
		}
	}
	return n
}

// companyIDs returns the CRM's ids of the domains.
func (w *world) companyIDs(domains []string) []string {
	byDomain := map[string]string{}
	for _, c := range w.sandbox.CRM.Snapshot().Companies {
		byDomain[c.Properties["domain"]] = c.ID
	}
	ids := make([]string, len(domains))
	for i, d := range domains {
		ids[i] = byDomain[d]
		require.NotEmpty(w.t, ids[i], d)
	}
	return ids
}

// tierOne returns a company of the table that comes out as Tier 1.
func (w *world) tierOne() string {
	w.t.Helper()
	oracle := w.adapters()
	for _, d := range w.domains(400) {
		if oracle.follow(w.t, d).score.Tier == "Tier 1" {
			w.sandbox.Faults.ResetCounters()
			return d
		}
	}
	w.t.Fatal("nobody in the table is Tier 1")
	return ""
}

// expected is what following the waterfall by hand comes to.
type expected struct {
	calls map[string]int
	tiers map[string]int
}

// direct follows the waterfall for each domain by hand, one call after the other,
// against the same sandbox.
func (w *world) direct(domains []string) expected {
	w.t.Helper()
	oracle := w.adapters()
	want := expected{calls: map[string]int{}, tiers: map[string]int{}}
	for _, d := range domains {
		got := oracle.follow(w.t, d)
		want.tiers[got.score.Tier]++
		for _, p := range got.asked {
			want.calls[p]++
		}
	}
	return want
}

// oracle is the adapters without Temporal, Postgres or CRM.
type oracle struct {
	model *icp.Model
	plan  waterfall.Plan
	ask   map[string]providers.Provider
}

func (w *world) adapters() oracle {
	w.t.Helper()
	m, err := icp.Load("revops")
	require.NoError(w.t, err)
	p, err := config.ParsePipeline("sluice.yaml", []byte(pipeline))
	require.NoError(w.t, err)
	o := oracle{model: m, ask: map[string]providers.Provider{}}
	o.plan.Need = waterfall.Need{Fields: m.Required, Confidence: m.Confidence}
	for _, step := range p.Providers {
		spec, ok := registry.Get(step.Name)
		require.True(w.t, ok)
		o.ask[step.Name], err = spec.New(providers.Config{BaseURL: w.sandbox.URL + "/" + step.Name, Key: "sandbox"})
		require.NoError(w.t, err)
		o.plan.Sources = append(o.plan.Sources, waterfall.Source{Provider: step.Name, Supplies: spec.Supplies})
	}
	return o
}

type followed struct {
	asked []string
	score icp.Score
}

func (o oracle) follow(t testing.TB, domain string) followed {
	t.Helper()
	acc := account.Account{Domain: domain}
	var out followed
	var facts []account.Fact
	for _, s := range o.plan.Sources {
		if !s.CanFill(o.plan.Resolve(facts).Missing) {
			continue
		}
		answer, err := o.ask[s.Provider].Ask(t.Context(), acc)
		require.NoError(t, err, "%s about %s", s.Provider, domain)
		out.asked = append(out.asked, s.Provider)
		same := waterfall.SameCompany(acc, waterfall.Identity{Name: answer.Name, Domain: answer.Domain, Aliases: answer.Aliases})
		if answer.Outcome == outbound.Found && same {
			facts = append(facts, answer.Facts...)
		}
	}
	resolved := o.plan.Resolve(facts).Facts()
	out.score = icp.Rate(o.model, resolved, resolved.Signals(), time.Now())
	return out
}

// everyBreakdownAddsUp checks that each score is the sum of its criteria.
func (w *world) everyBreakdownAddsUp(domains []string) {
	w.t.Helper()
	for _, d := range domains {
		accounts, err := w.store.AccountsByDomain(w.t.Context(), d)
		require.NoError(w.t, err)
		row, err := w.store.LatestScore(w.t.Context(), accounts[0].ID)
		require.NoError(w.t, err)
		sum := 0
		for _, c := range row.Score.Criteria {
			sum += c.Points
		}
		require.Equal(w.t, row.Score.Value, min(max(sum, 0), 100), d)
		require.True(w.t, slices.ContainsFunc(row.Score.Criteria, func(c icp.Result) bool { return c.Reason != "" }), d)
	}
}

func do(t testing.TB, req *http.Request) (status int, body string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b)
}
