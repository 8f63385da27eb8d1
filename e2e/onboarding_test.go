package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

func TestASignedWebhookBecomesAScoredRoutedAndTaskedCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	url, _ := w.serve()
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: url + "/webhooks/hubspot", Secret: webhookSecret})
	domain := w.tierOne()
	id := w.sandbox.CRM.AddCompany("", domain, nil)

	status, err := w.sandbox.CRM.Deliver(t.Context(), w.sandbox.CRM.Created(id)...)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)

	w.eventually("the task is in the CRM", func() bool { return len(w.tasks()) == 1 })
	w.eventually("the run is done", func() bool { return w.completedRuns() == 1 }) // contacts come after the task
	company, _ := w.sandbox.CRM.Company(id)
	require.Equal(t, "Tier 1", company.Properties["icp_tier"])
	require.Equal(t, "sdr-outreach", company.Properties["sluice_queue"])
	require.Contains(t, []string{"201", "202", "203"}, company.Properties["hubspot_owner_id"])
	require.NotEmpty(t, company.Properties["icp_reason"])

	var c explain.Company
	w.starter("company", "explain", domain, "--json").ok().json(&c)
	require.Equal(t, "company/hubspot/8100/"+id, c.WorkflowID)
	require.Equal(t, "Tier 1", c.Tier)
	require.NotEmpty(t, c.TaskID)
	require.Equal(t, "met", c.Stop[account.Industry])
}

func TestWhatAPersonFillsInIsScoredAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	w.starter("crm", "setup").ok()
	url, _ := w.serve()
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: url + "/webhooks/hubspot", Secret: webhookSecret})
	id := w.sandbox.CRM.AddCompany("", w.tierOne(), nil)
	deliver := func(e ...crmsandbox.Event) {
		status, err := w.sandbox.CRM.Deliver(t.Context(), e...)
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, status)
	}
	score := func() (points int) {
		company, _ := w.sandbox.CRM.Company(id)
		points, _ = strconv.Atoi(company.Properties["icp_fit_score"])
		return points
	}
	deliver(w.sandbox.CRM.Created(id)...)
	w.eventually("the task is in the CRM", func() bool { return len(w.tasks()) == 1 && w.completedRuns() == 1 })
	before, calls := score(), w.providerCalls()
	require.NoError(t, w.sandbox.CRM.SetProperties(id, map[string]string{"previously_churned": "true"}))
	deliver(w.sandbox.CRM.Changed(id, "previously_churned", "true"))
	w.eventually("the score is 30 points lower", func() bool { return score() == before-30 })
	w.eventually("the second run is done", func() bool { return w.completedRuns() == 2 })
	company, _ := w.sandbox.CRM.Company(id)
	require.Contains(t, company.Properties["icp_reason"], "-30 previously churned: yes")
	require.Equal(t, calls, w.providerCalls(), "what is on record is not asked for again")
	require.Len(t, w.tasks(), 1)

	require.NoError(t, w.sandbox.CRM.SetProperties(id, map[string]string{"previously_churned": ""}))
	var again explain.Company
	w.starter("company", "refresh", company.Properties["domain"], "--wait", "--json").ok().json(&again)
	require.Equal(t, before, again.Score.Value)
	require.Equal(t, calls, w.providerCalls(), "nor when somebody asks")
	require.Equal(t, 3, w.completedRuns())
}

// providerCalls are the calls that reached anybody but the CRM.
func (w *world) providerCalls() (n int) {
	for service, c := range w.sandbox.Faults.Counters() {
		if service != hubspot.Name {
			n += c.Requests
		}
	}
	return n
}

func TestOneWebhookDeliveredTenTimesAtOnceIsOneRunAndOneTask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	url, _ := w.serve()
	target := crmsandbox.Target{URL: url + "/webhooks/hubspot", Secret: webhookSecret}
	w.sandbox.CRM.SetTarget(target)
	ids := []string{w.sandbox.CRM.AddCompany("", w.tierOne(), nil), w.sandbox.CRM.AddCompany("", w.domains(9)[8], nil)}
	events := w.sandbox.CRM.Created(ids...)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			order := slices.Clone(events)
			if i%2 == 1 {
				slices.Reverse(order)
			}
			status, err := w.sandbox.CRM.Deliver(t.Context(), order...)
			require.NoError(t, err)
			require.Equal(t, http.StatusNoContent, status)
		})
	}
	wg.Wait()
	w.eventually("both runs are done", func() bool { return w.completedRuns() == 2 })
	status, err := w.sandbox.CRM.Deliver(t.Context(), events...) // and once more, when all is done
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	require.Len(t, w.tasks(), 1)
	require.Equal(t, 2, w.runs())
}

func TestRunsComeOutTheSameWhateverProvidersDo(t *testing.T) {
	companies := size(60, 300)
	healthy := newWorld(t, sandbox.Options{CRMCompanies: true})
	healthy.startWorker()
	domains := healthy.domains(companies)
	well := healthy.importAll(domains)
	require.Equal(t, companies, well.Completed)
	want := healthy.outcomes(domains)
	require.NotZero(t, tier(want, "Tier 1"))
	require.Len(t, healthy.tasks(), tier(want, "Tier 1"), "one task for each Tier 1 account")
	healthyTime := time.Duration(well.WallMS) * time.Millisecond

	same := func(w *world, got imported) {
		w.t.Helper()
		require.Equal(w.t, companies, got.Completed)
		require.Empty(w.t, got.Failed)
		require.Equal(w.t, want, w.outcomes(domains), "late fill leaves nobody with another score or tier")
		require.Len(w.t, w.tasks(), tier(want, "Tier 1"), "a Tier 1 found late gets its one task")
		require.Empty(w.t, w.sandbox.CRM.Ledger().Duplicates())
	}
	for name, f := range map[string]fault.Fault{
		"503":   {Outage: true},
		"reset": {Reset: true},
		"hang":  {Hang: true},
	} {
		t.Run("one is down: "+name, func(t *testing.T) {
			w := newWorld(t, sandbox.Options{CRMCompanies: true})
			w.startWorker()
			require.NoError(t, w.sandbox.Faults.Set("apollo", f))
			done := make(chan imported, 1)
			began := time.Now()
			go func() { done <- w.importAll(domains) }()
			// Every company has been through the waterfall once without it.
			w.eventuallyWithin(10*time.Minute, "all companies are scored", func() bool { return w.scored() >= companies })
			scored := time.Since(began)
			down := w.sandbox.Faults.Counters()["apollo"].Requests
			require.NoError(t, w.sandbox.Faults.Clear("apollo"))
			same(w, <-done)
			require.LessOrEqual(t, down, 5+probes(scored), "breaker threshold and half-open probes")
			t.Logf("healthy %.1f s; everybody scored without apollo after %.1f s, with %d calls to it",
				healthyTime.Seconds(), scored.Seconds(), down)
		})
	}
	t.Run("a fifth of all calls fail", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{CRMCompanies: true})
		w.startWorker()
		for _, v := range sandbox.Vendors() {
			require.NoError(t, w.sandbox.Faults.Set(string(v), fault.Fault{ErrorRate: 0.2}))
		}
		same(w, w.importAll(domains))
	})
	t.Run("one answers 429 above ten calls a second", func(t *testing.T) {
		w := newWorld(t, sandbox.Options{CRMCompanies: true})
		w.startWorker()
		require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{MaxPerSecond: 10, RetryAfterS: 1}))
		same(w, w.importAll(domains))
		c := w.sandbox.Faults.Counters()["apollo"]
		require.LessOrEqual(t, c.ByStatus["429"], 10, "no call is wasted beyond the first burst")
	})
}

// size is how many companies a test runs: fewer where it should be quick.
func size(quick, thorough int) int {
	if *full {
		return thorough
	}
	return quick
}

// probes is how many half-open probes there may have been: one for each cool-down
// of two seconds.
func probes(d time.Duration) int { return int(d/(2*time.Second)) + 1 }

func TestNothingIsLostOrDoneTwiceUnderKill9(t *testing.T) {
	companies := size(150, 300)
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	require.NoError(t, w.sandbox.Faults.Set("hubspot", fault.Fault{LostAnswerRate: 0.05}))
	domains := w.domains(companies)
	url, front := w.serve()
	address := strings.TrimPrefix(url, "http://")
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: url + "/webhooks/hubspot", Secret: webhookSecret})
	worker := w.startWorker()
	events := w.sandbox.CRM.Created(w.companyIDs(domains)...)

	// HubSpot repeats a delivery until it is taken; the starter dies in the middle.
	batches := slices.Collect(slices.Chunk(events, 20))
	for i, batch := range batches {
		if i == len(batches)/2 {
			front.kill()
			_, err := w.sandbox.CRM.Deliver(t.Context(), batch...)
			require.Error(t, err, "nobody is there")
			_, front = w.serveAt(address)
		}
		status, err := w.sandbox.CRM.Deliver(t.Context(), batch...)
		require.NoError(t, err)
		require.Equal(t, http.StatusNoContent, status)
	}
	for i := range 3 {
		part := companies * (i + 1) / 5
		w.eventuallyWithin(5*time.Minute, "some companies are through", func() bool { return w.scored() >= part })
		worker.kill()
		worker = w.startWorker()
	}
	w.eventuallyWithin(10*time.Minute, "all runs are done", func() bool { return w.completedRuns() == companies })

	outcomes := w.outcomes(domains)
	require.Len(t, w.tasks(), tier(outcomes, "Tier 1"), "0 lost, 0 duplicate tasks")
	ledger := w.sandbox.CRM.Ledger()
	require.Empty(t, ledger.Duplicates(), "tasks and notes")
	require.Equal(t, companies, ledger.Created("notes"))
	for company, owners := range ledger.OwnerChanges() {
		require.Len(t, owners, 1, "company %s changed hands", company)
	}
	require.NotZero(t, ledger.Lost(), "the fault was on")
}

func TestAWebhookIsAcknowledgedQuicklyWhileCompaniesAreInFlight(t *testing.T) {
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	for _, v := range sandbox.Vendors() { // keeps the companies in flight
		require.NoError(t, w.sandbox.Faults.Set(string(v), fault.Fault{LatencyMS: 300}))
	}
	w.startWorker()
	url, _ := w.serve()
	w.sandbox.CRM.SetTarget(crmsandbox.Target{URL: url + "/webhooks/hubspot", Secret: webhookSecret})
	domains := w.domains(400)
	ids := w.companyIDs(domains)
	for batch := range slices.Chunk(w.sandbox.CRM.Created(ids[:300]...), 100) {
		_, err := w.sandbox.CRM.Deliver(t.Context(), batch...)
		require.NoError(t, err)
	}
	var took []time.Duration
	for _, e := range w.sandbox.CRM.Created(ids[300:]...) {
		start := time.Now()
		_, err := w.sandbox.CRM.Deliver(t.Context(), e)
		require.NoError(t, err)
		took = append(took, time.Since(start))
	}
	require.Less(t, w.completedRuns(), 300, "they were in flight")
	slices.Sort(took)
	t.Logf("acknowledged: p50 %s, p95 %s of %d", took[len(took)/2], took[len(took)*95/100], len(took))
}

func TestManyCompaniesTakeTheFewestCalls(t *testing.T) {
	companies := size(150, 1000)
	table, _, err := sandbox.Load(strings.NewReader(invented(companies)))
	require.NoError(t, err)
	w := newWorld(t, sandbox.Options{Table: table, Coverage: sandbox.Realistic, CRMCompanies: true})
	w.startWorker()
	domains := w.domains(companies)
	want := w.direct(domains)
	w.sandbox.Faults.ResetCounters()

	got := w.importAll(domains)
	require.Equal(t, companies, got.Completed)
	for _, v := range sandbox.Vendors() {
		require.Equal(t, want.calls[string(v)], got.ProviderCalls[string(v)], "calls to %s", v)
		require.Equal(t, want.calls[string(v)], w.sandbox.Faults.Counters()[string(v)].UniqueLookups, "lookups at %s", v)
	}
	require.Equal(t, want.tiers, got.Tiers)
	require.Len(t, w.tasks(), got.Tiers["Tier 1"])
	w.everyBreakdownAddsUp(domains)
	t.Logf("%d companies in %.1f s, tiers %v, calls %v", companies, float64(got.WallMS)/1000, got.Tiers, got.ProviderCalls)
}

// invented writes a table of companies, the same each time.
func invented(n int) string {
	r := rand.New(rand.NewPCG(7, 7))
	industries := []string{"saas", "it-services", "digital-marketing", "healthcare", "manufacturing", "retail"}
	techs := []string{"hubspot", "salesforce", "shopify", "wordpress", "marketo", "segment"}
	countries := []string{"US", "GB", "DE", "FR", "IN", "CA"}
	var b strings.Builder
	b.WriteString("domain,name,industry,employees,revenue_usd,country,technologies,last_funding_days_ago\n")
	for i := range n {
		funded := ""
		if r.IntN(4) == 0 {
			funded = fmt.Sprint(1 + r.IntN(200))
		}
		fmt.Fprintf(&b, "company%04d.example,Company %d,%s,%d,%d,%s,%s,%s\n", i, i, industries[r.IntN(len(industries))],
			1+r.IntN(1200), 100_000+r.IntN(20_000_000), countries[r.IntN(len(countries))], techs[r.IntN(len(techs))], funded)
	}
	return b.String()
}

func TestBadInputIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	url, _ := w.serve("SLUICE_API_TOKEN=canary-api-token")
	post := func(body, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/companies", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		return do(t, req)
	}
	for _, tt := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"no JSON", `domain=acme.example`, 400, "not JSON"},
		{"unknown key", `{"domian": "acme.example"}`, 400, "no such key"},
		{"wrong type", `{"domain": 7}`, 400, "domain: want a string"},
		{"two objects", `{"domain": "acme.example"} {}`, 400, "nothing after it"},
		{"nothing to look up", `{}`, 422, "give a domain"},
		{"free mail", `{"domain": "gmail.com"}`, 422, "domain"},
		{"an address", `{"domain": "10.0.0.1"}`, 422, "domain"},
		{"an internal name", `{"domain": "crm.internal"}`, 422, "domain"},
		{"a record of another CRM", `{"crm": "salesforce", "crm_id": "512"}`, 422, "hubspot"},
		{"a CRM without its record", `{"crm": "hubspot", "domain": "acme.example"}`, 422, "crm_id"},
		{"a record id that is a path", `{"crm": "hubspot", "crm_id": "../1"}`, 422, "crm_id"},
		{"a huge body", `{"name": "` + strings.Repeat("x", 2<<20) + `"}`, 413, "larger than"},
	} {
		status, answer := post(tt.body, "canary-api-token")
		require.Equal(t, tt.status, status, "%s: %s", tt.name, answer)
		require.Contains(t, answer, tt.says, tt.name)
	}
	status, _ := post(`{"domain": "acme.example"}`, "wrong")
	require.Equal(t, http.StatusUnauthorized, status)
	require.Zero(t, w.runs(), "nothing was started")
}

func TestAnImportReportsBadRowsAndResumes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	d := w.domains(3)
	file := w.write("accounts.csv", "\uFEFFCompany name;Website URL\nOne;https://www."+d[0]+"/about\n;gmail.com\nTwo;"+
		d[1]+"\nTwo again;"+d[1]+"\nshort\nThree;"+d[2]+"\n")
	require.NotZero(t, w.starter("company", "import", file, "--strict").status)
	require.Zero(t, w.runs(), "--strict starts nothing")
	w.starter("company", "import", file).ok() // no worker yet: the runs wait
	w.startWorker()
	var s imported
	w.starter("company", "import", file, "--wait", "--json").ok().json(&s)
	require.Equal(t, 3, s.Existing, "resumed, not run again")
	require.Equal(t, 3, s.Completed)
	lines := []int{}
	for _, r := range s.Refused {
		lines = append(lines, r.Line)
		require.NotEmpty(t, r.Reason)
	}
	require.Equal(t, []int{3, 5, 6}, lines)
	require.Equal(t, 3, w.runs())
}

func TestACompanyWithoutARecordStaysInSluice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.startWorker()
	var c explain.Company
	w.starter("company", "add", "--domain", w.domains(12)[11], "--wait", "--json").ok().json(&c)
	require.Equal(t, "completed", c.Status)
	require.NotEmpty(t, c.Tier)
	require.Empty(t, c.Effects)
	require.Empty(t, w.sandbox.CRM.Ledger().Writes[w.setupWrites:])
	require.True(t, strings.HasPrefix(c.WorkflowID, "company/domain/"))
}
