package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
	"github.com/sluicehq/sluice/workflows"
)

// quarterWorld is a world whose accounts have a past.
type quarterWorld struct {
	*world
	model *icp.Model
	span  review.Span // the last whole quarter
	url   string      // where reports are read
}

func newQuarterWorld(t testing.TB) *quarterWorld {
	t.Helper()
	w := newWorld(t, sandbox.Options{})
	m, err := icp.Load("revops")
	require.NoError(t, err)
	w.sandbox.CRM.AddOwner("900", strings.ToUpper(m.Owner), "Robin", "Ops")
	url, _ := w.serve()
	w.env = append(w.env, "SLUICE_PUBLIC_URL="+url)
	return &quarterWorld{world: w, model: m, span: review.LastSpan(time.Now(), time.UTC), url: url}
}

// day is a moment of the quarter, or before it.
func (w *quarterWorld) day(n int) time.Time { return w.span.From.AddDate(0, 0, n) }

// company is one of the CRM that is an account.
func (w *quarterWorld) company(name string) account.Account {
	w.t.Helper()
	domain := strings.ToLower(name) + ".example"
	key := account.Key{CRM: "hubspot", Portal: w.sandbox.CRM.Portal(), ID: w.sandbox.CRM.AddCompany(name, domain, nil)}
	acc, err := w.store.UpsertAccount(w.t.Context(), key, domain, name)
	require.NoError(w.t, err)
	return acc
}

// score gives an account a score of the past: Tier 1 with a trigger, else Tier 2.
func (w *quarterWorld) score(acc account.Account, at time.Time, trigger bool) {
	w.t.Helper()
	facts := account.Facts{}
	for field, v := range map[account.Field]account.Value{
		account.Industry: account.TextValue("saas"), account.Employees: account.NumberValue(120), account.RevenueUSD: account.NumberValue(5e6),
		account.Technologies: account.ListValue("hubspot"), account.Country: account.TextValue("US"),
	} {
		facts[field] = account.Fact{Field: field, Value: v, Provider: "apollo", Confidence: 0.9, ObservedAt: at}
	}
	sub := icp.Subject{Facts: facts}
	if trigger {
		sub.Signals = []account.Signal{{Kind: "funding", OccurredAt: at.AddDate(0, 0, -1)}}
	}
	row := store.ScoreRow{
		AccountID: acc.ID, RunID: at.Format(time.RFC3339Nano), Pass: 1, Model: w.model.Name, ModelVersion: w.model.Version,
		Score: w.model.Rate(sub, at), Facts: map[account.Field]waterfall.Merged{}, Cause: "first", Queue: "sdr-outreach", ScoredAt: at,
	}
	for field, f := range facts {
		row.Facts[field] = waterfall.Merged{Fact: f}
	}
	if last, err := w.store.LatestScore(w.t.Context(), acc.ID); err == nil {
		row.Before, row.Cause = last.ID, "signal"
	}
	_, err := w.store.SaveScore(w.t.Context(), row)
	require.NoError(w.t, err)
}

// deal adds a deal to the CRM; closed after days, 0 for an open one.
func (w *quarterWorld) deal(acc account.Account, opened time.Time, days int, won bool, amount float64) string {
	w.t.Helper()
	d := crmsandbox.Deal{Name: "Deal with Jane Doe", Type: "newbusiness", OpenedAt: opened, Won: won, Amount: amount, Changed: opened}
	if days > 0 {
		d.ClosedAt = opened.AddDate(0, 0, days)
		d.Changed = d.ClosedAt
	}
	id, err := w.sandbox.CRM.AddDeal(acc.Key.ID, d)
	require.NoError(w.t, err)
	return id
}

func (w *quarterWorld) status() workflows.QuarterlyReviewStatus {
	w.t.Helper()
	var s workflows.QuarterlyReviewStatus
	answer, err := w.temporal.QueryWorkflow(w.t.Context(), workflows.ReviewID(w.span.Name), "", workflows.StatusQuery)
	if err == nil {
		err = answer.Get(&s)
	}
	require.NoError(w.t, err)
	return s
}

// reviewTasks are the tasks in the CRM that tell of reviews.
func (w *quarterWorld) reviewTasks() (found []crmsandbox.Task) {
	for _, task := range w.tasks() {
		if strings.HasPrefix(task.Key, "sluice:review/") {
			found = append(found, task)
		}
	}
	return found
}

// link is the address of the report in a task.
var link = regexp.MustCompile(`http://[0-9.:]+/reviews/[0-9Q]+/[A-Z0-9]+`)

func tierOf(q review.QuarterReview, name string) review.TierFigures {
	for _, tier := range q.Tiers {
		if tier.Tier == name {
			return tier
		}
	}
	return review.TierFigures{}
}

// TestADealCountsForTheTierThatItsAccountHadWhenItWasOpened goes from the CRM's deals to a
// decision. All accounts are Tier 1 now.
func TestADealCountsForTheTierThatItsAccountHadWhenItWasOpened(t *testing.T) {
	t.Parallel()
	w := newQuarterWorld(t)
	w.startWorker()
	one, two := w.company("One"), w.company("Two")
	for _, acc := range []account.Account{one, two} {
		w.score(acc, w.day(10), false)
		w.score(acc, w.day(40), true)
	}
	w.deal(one, w.day(5), 30, true, 1000)  // before the first score
	w.deal(one, w.day(20), 30, true, 2000) // while it was Tier 2
	w.deal(two, w.day(20), 40, false, 0)   // likewise
	w.deal(two, w.day(50), 20, true, 4000) // Tier 1
	gone := w.deal(two, w.day(50), 0, false, 0)
	w.deal(one, w.day(60), 0, false, 0)
	w.decided(two, w.day(45))

	var q review.QuarterReview
	html := filepath.Join(t.TempDir(), "report.html")
	made := w.starter("icp", "review", "--quarter", w.span.Name, "--json", "--out", html).ok()
	made.json(&q)
	got := map[string][3]int{}
	for _, tier := range q.Tiers {
		if tier.Opened > 0 {
			got[tier.Tier] = [3]int{tier.Opened, tier.Closed, tier.Won}
		}
	}
	require.Equal(t, map[string][3]int{"unscored": {1, 1, 1}, "Tier 2": {2, 2, 1}, "Tier 1": {3, 1, 1}}, got)
	require.InDelta(t, 2000, float64(tierOf(q, "Tier 2").Revenue), 0.1)
	require.Equal(t, []any{w.span.Name, w.model.ID()}, []any{q.Quarter, q.Model})
	overridden := q.Decisions.Outcomes[0]
	require.Equal(t, []any{"confirmed: strategic", 1, 2, 1}, []any{overridden.Group, overridden.Accounts, overridden.Deals, overridden.Won},
		"what became of the account that a person decided on")

	page, err := os.ReadFile(html)
	require.NoError(t, err)
	w.reportIsServed(page)
	w.everybodyIsToldAndDecides(&q)

	require.True(t, w.sandbox.CRM.DeleteDeal(gone))
	require.NoError(t, w.sandbox.CRM.ChangeDeal(w.deal(one, w.day(70), 0, false, 0), crmsandbox.Deal{OpenedAt: w.day(70), ClosedAt: w.day(80), Won: true}))
	again := w.starter("icp", "review", "--quarter", w.span.Name, "--json").ok()
	require.Equal(t, made.stdout, again.stdout, "what was decided stays")
	require.Len(t, w.reviewTasks(), 1)
	s := w.status()
	require.Equal(t, []any{1, workflows.ReviewDone, "kept"}, []any{s.Gone, s.Stage, s.Decision}, "it was read all the same")
	for _, word := range []string{"dana", "Too few", "Jane", "Robin", w.model.Owner} {
		require.NotContains(t, w.history(t.Context(), workflows.ReviewID(w.span.Name)), word)
	}
}

// decided puts on record that a person decided on an account.
func (w *quarterWorld) decided(acc account.Account, at time.Time) {
	w.t.Helper()
	score := 90
	o, err := w.store.SaveOverride(w.t.Context(), store.Override{
		AccountID: acc.ID, Override: icp.Override{Score: &score, Code: "strategic"}, Reason: "They asked", Author: "dana",
	})
	require.NoError(w.t, err)
	_, err = w.store.BeginOverride(w.t.Context(), acc.ID, o.ID, at)
	require.NoError(w.t, err)
}

// reportIsServed requires that the task leads to the report, and nothing else does.
func (w *quarterWorld) reportIsServed(page []byte) {
	w.t.Helper()
	tasks := w.reviewTasks()
	require.Len(w.t, tasks, 1)
	require.Equal(w.t, "900", tasks[0].OwnerID, "the model's owner")
	require.Contains(w.t, tasks[0].Body, "6 deals were opened and 4 closed, 3 of them won")
	at := link.FindString(tasks[0].Body)
	require.True(w.t, strings.HasPrefix(at, w.url+"/reviews/"+w.span.Name+"/"), tasks[0].Body)
	res, err := http.Get(at)
	require.NoError(w.t, err)
	defer res.Body.Close()
	require.Equal(w.t, 200, res.StatusCode)
	require.Equal(w.t, []string{"no-referrer", "no-store", "nosniff", "text/html; charset=utf-8"}, []string{
		res.Header.Get("Referrer-Policy"), res.Header.Get("Cache-Control"), res.Header.Get("X-Content-Type-Options"), res.Header.Get("Content-Type"),
	})
	require.Contains(w.t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, at, nil)
	require.NoError(w.t, err)
	_, body := do(w.t, req)
	require.Equal(w.t, string(page), body)
	key := at[strings.LastIndex(at, "/")+1:]
	for _, wrong := range []string{
		"/reviews/" + w.span.Name + "/" + key[1:], "/reviews/" + w.span.Name + "/" + key + "A", "/reviews/1999Q1/" + key,
		"/reviews/" + w.span.Name + "/" + strings.Repeat("A", len(key)), "/reviews/%27/" + key, "/reviews/" + w.span.Name + "/%00",
	} {
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+wrong, nil)
		require.NoError(w.t, err)
		status, body := do(w.t, req)
		require.Equal(w.t, 404, status, wrong)
		require.Contains(w.t, body, `"title":"Not Found"`)
		require.NotContains(w.t, body, key)
	}
}

// everybodyIsToldAndDecides decides, and reads it back.
func (w *quarterWorld) everybodyIsToldAndDecides(*review.QuarterReview) {
	w.t.Helper()
	require.Equal(w.t, workflows.ReviewDecision, w.status().Stage)
	shown := w.starter("icp", "review", "--quarter", w.span.Name, "--wait").ok().stdout
	require.Contains(w.t, shown, "Nobody has decided")
	require.Contains(w.t, shown, w.url+"/reviews/")
	nothing := w.starter("icp", "review", "decide", w.span.Name, "--accept", "--by", "eve", "--reason", "no")
	require.Equal(w.t, 1, nothing.status)
	require.Contains(w.t, nothing.stderr, "proposes nothing that could be accepted")
	done := w.starter("icp", "review", "decide", w.span.Name, "--keep", "--by", "dana", "--reason", "Too few deals").ok()
	require.Contains(w.t, done.stdout, "Decided: kept by dana")
	w.eventually("the review is through", func() bool {
		return w.countRuns(`WorkflowType = 'QuarterlyReview' AND ExecutionStatus = 'Running'`) == 0
	})
	twice := w.starter("icp", "review", "decide", w.span.Name, "--accept", "--by", "eve", "--reason", "no")
	require.Equal(w.t, 1, twice.status)
	require.Contains(w.t, twice.stderr, "was decided already: kept by dana")
	var listed []struct{ Quarter, Model, State, By, Reason, URL string }
	w.starter("icp", "review", "list", "--json").ok().json(&listed)
	require.Len(w.t, listed, 1)
	require.Equal(w.t, []string{w.span.Name, w.model.ID(), "kept", "dana", "Too few deals"},
		[]string{listed[0].Quarter, listed[0].Model, listed[0].State, listed[0].By, listed[0].Reason})
	require.Contains(w.t, w.starter("icp", "review", "list").ok().stdout, "Too few deals")
}

// TestAReviewSurvivesKill9 kills the worker while deals are read, while the task's answer is
// lost, and while it waits; the figures are those of a review in peace.
func TestAReviewSurvivesKill9(t *testing.T) {
	t.Parallel()
	w := newQuarterWorld(t)
	worker := w.startWorker()
	for i := range 40 {
		acc := w.company(fmt.Sprint("Company", i))
		w.score(acc, w.day(-200+5*i), i%2 == 0)
		for n := range 60 {
			w.deal(acc, w.day(-260+n*5+i%5), 15+n%20, (i+n)%3 == 0, float64(100*n))
		}
	}
	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LatencyMS: 150}))
	w.starter("icp", "review", "--quarter", w.span.Name).ok()
	w.eventually("some deals are on record", func() bool { return w.dealsOnRecord() > 300 })
	worker.kill()
	require.Less(t, w.dealsOnRecord(), 2400)

	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LostAnswerRate: 1})) // what is written is done and not answered
	worker = w.startWorker()
	w.eventuallyWithin(2*time.Minute, "the task is there, and nobody knows", func() bool { return len(w.reviewTasks()) == 1 })
	worker.kill()
	require.NoError(t, w.sandbox.Faults.Clear("hubspot"))
	require.Equal(t, 2400, w.dealsOnRecord())
	worker = w.startWorker()
	w.eventuallyWithin(2*time.Minute, "it waits", func() bool {
		all, err := w.store.Reviews(t.Context(), w.span.Name)
		return err == nil && len(all) == 1 && all[0].TaskID != ""
	})
	worker.kill()
	w.startWorker()
	first := w.reports()
	require.Len(t, w.reviewTasks(), 1)
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())

	w.starter("icp", "review", "--quarter", w.span.Name, "--anew", "--wait").ok()
	require.Equal(t, first, w.reports(), "byte for byte, but for when it was made")
	require.Len(t, w.reviewTasks(), 1)
	require.Contains(t, w.starter("icp", "review", "decide", w.span.Name, "--adjust", "--by", "dana", "--reason", "go").ok().stdout, "adjusted by dana")
}

func (w *quarterWorld) dealsOnRecord() int {
	w.t.Helper()
	n := 0
	for after := int64(0); ; {
		page, err := w.store.DealsHeld(w.t.Context(), store.DealsWanted{Until: time.Now()}, after, 1000)
		require.NoError(w.t, err)
		if n += len(page); len(page) == 0 {
			return n
		}
		after = page[len(page)-1].ID
	}
}

// reports are the review as JSON and as a page, but for the moment that it was made as of.
func (w *quarterWorld) reports() string {
	w.t.Helper()
	all, err := w.store.Reviews(w.t.Context(), w.span.Name)
	require.NoError(w.t, err)
	require.Len(w.t, all, 1)
	report, err := w.store.ReviewReport(w.t.Context(), all[0].ID)
	require.NoError(w.t, err)
	q, err := review.ReadQuarter(report)
	require.NoError(w.t, err)
	var page strings.Builder
	require.NoError(w.t, q.WriteHTML(&page))
	out := string(report) + page.String()
	for _, layout := range []string{time.RFC3339Nano, time.RFC3339, "2006-01-02 15:04", "15:04"} {
		out = strings.ReplaceAll(out, q.At.UTC().Format(layout), "AT")
	}
	return out
}

func TestReviewsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := newQuarterWorld(t)
	now := review.SpanOf(time.Now(), time.UTC).Name
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--quarter", "Q3 2026"}, 2, `quarter: want one such as 2026Q3, have "Q3 2026"`},
		{[]string{"--quarter", now}, 2, "quarter: " + now + " has not ended"},
		{[]string{"now"}, 2, `unknown command "now"`},
		{[]string{"decide", w.span.Name, "--by", "dana", "--reason", "r"}, 2, "give one of --accept, --adjust and --keep"},
		{[]string{"decide", w.span.Name, "--accept", "--keep", "--by", "dana", "--reason", "r"}, 2, "give one of"},
		{[]string{"decide", w.span.Name, "--accept", "--reason", "r"}, 2, "--by: say who"},
		{[]string{"decide", w.span.Name, "--accept", "--by", "dana"}, 2, "--reason: say why"},
		{[]string{"decide", now, "--accept", "--by", "dana", "--reason", "r"}, 2, "has not ended"},
		{[]string{"decide", w.span.Name, "--accept", "--by", "dana", "--reason", "r"}, 1, "was not reviewed: starter icp review --quarter"},
	} {
		got := w.starter(append([]string{"icp", "review"}, tt.args...)...)
		require.Equal(t, tt.status, got.status, "%v: %s", tt.args, got.stderr)
		require.Contains(t, got.stderr, tt.says, "%v", tt.args)
	}
	require.Contains(t, w.starterWith([]string{"SLUICE_CRM="}, "icp", "review").stderr, "set SLUICE_CRM")
	require.Zero(t, w.countRuns(`WorkflowType = 'QuarterlyReview'`))
	require.Contains(t, w.starter("icp", "review", "list").ok().stdout, "No quarter was reviewed yet")

	w.startWorker()
	w.sandbox.CRM.DenyDeals(true)
	denied := w.starter("icp", "review", "--wait")
	require.Equal(t, 1, denied.status)
	require.Contains(t, denied.stderr, "grant it the scope crm.objects.deals.read")
}

// TestTheScheduleStartsAReviewThatOutlivesItsRun and passes over the one before, which
// nobody has decided on.
func TestTheScheduleStartsAReviewThatOutlivesItsRun(t *testing.T) {
	t.Parallel()
	w := newQuarterWorld(t)
	w.startWorker()
	acc := w.company("One")
	w.score(acc, w.day(-200), true)
	w.deal(acc, w.day(-150), 20, true, 100)
	before := review.LastSpan(w.span.From.Add(time.Hour), time.UTC).Name
	require.Contains(t, w.starter("icp", "review", "--quarter", before, "--wait").ok().stdout, "Nobody has decided: starter icp review decide "+before+" --keep")

	require.Contains(t, w.starter("icp", "review", "schedule").ok().stdout, "schedule sluice-review made: 5 days after each quarter's end, at 07:00 (UTC)")
	handle := w.temporal.ScheduleClient().GetHandle(t.Context(), "sluice-review")
	for n := range 2 {
		require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
		w.eventually("the schedule's run is through", func() bool {
			return w.countRuns(`WorkflowType = 'ScheduledReview' AND ExecutionStatus = 'Completed'`) == n+1
		})
		require.Equal(t, workflows.ReviewDecision, w.status().Stage, "the report is there, and nobody has decided")
	}
	w.eventually("the earlier one is over", func() bool {
		return w.countRuns(`WorkflowType = 'QuarterlyReview' AND ExecutionStatus = 'Running'`) == 1
	})
	var listed []struct{ Quarter, State string }
	w.starter("icp", "review", "list", "--json").ok().json(&listed)
	require.Equal(t, []struct{ Quarter, State string }{{w.span.Name, "undecided"}, {before, "passed over"}}, listed)
	late := w.starter("icp", "review", "decide", before, "--keep", "--by", "dana", "--reason", "late")
	require.Equal(t, 1, late.status)
	require.Contains(t, late.stderr, "nobody waits for a decision on this review any more")
	require.Len(t, w.reviewTasks(), 2, "one for each quarter")
	require.Contains(t, w.starter("icp", "review", "schedule").ok().stdout, "brought up to date")
}
