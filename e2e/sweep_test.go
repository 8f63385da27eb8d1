package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// nightly is sluice.yaml for tests of the sweep: everybody is a target, there is no
// pace to speak of, and what providers said is old after an hour.
const nightly = `
model: revops
providers:
  - {name: apollo, rate: 2000, ttl: 1h, timeout: 2s}
  - {name: clearbit, rate: 2000, ttl: 1h, timeout: 2s}
  - {name: hunter, rate: 2000, ttl: 1h, timeout: 2s}
  - {name: pdl, rate: 2000, ttl: 1h, timeout: 2s}
  - {name: builtwith, rate: 2000, ttl: 1h, timeout: 2s}
  - {name: website, rate: 2000, ttl: 1h, timeout: 2s}
late_fill: {returns: 20, within: 1h, wait: 2s}
crm: {rate: 1000, search_rate: 100}
routes:
  sdr-outreach:
    owners: [{id: "201"}, {id: "202"}, {id: "203"}]
  marketing-nurture:
    owners: [{id: "204"}]
signals:
  targets: {tiers: [Tier 1, Tier 2, Tier 3, Not a fit]}
  daily_cap: 2
  give_up: 3s
  sources:
    - {name: jobboards, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: edgar, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: people, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: funding, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
`

// newNightWorld is a world whose companies are through, and that a first night has seen.
func newNightWorld(t testing.TB, companies int) (w *world, domains []string, tonight time.Time) {
	t.Helper()
	table, _, err := sandbox.Load(strings.NewReader(promising(companies)))
	require.NoError(t, err)
	w = newWorld(t, sandbox.Options{Table: table, CRMCompanies: true})
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("nightly.yaml", nightly))
	w.worker = w.startWorker()
	domains = w.domains(companies)
	require.Equal(t, companies, w.importAll(domains).Completed)
	return w, domains, time.Now().UTC().Truncate(time.Second)
}

// promising writes a table in which half of the companies fit as well as can be.
func promising(n int) string {
	rows := strings.Split(invented(n), "\n")
	for i := range rows {
		cells := strings.Split(rows[i], ",")
		if i == 0 || len(cells) < 8 {
			continue
		}
		if i%2 == 1 {
			cells[2], cells[3], cells[4], cells[5], cells[6] = "saas", "120", "5000000", "US", "hubspot"
			cells[7] = "" // no round: 65 points, until something happens
		}
		cells[6] += ";wordpress" // of a list that becomes empty nobody can say what was dropped
		rows[i] = strings.Join(cells, ",")
	}
	return strings.Join(rows, "\n")
}

// sweep lets a night pass and returns what it came to.
func (w *world) sweep(at time.Time, args ...string) workflows.SweepStatus {
	w.t.Helper()
	s := w.sweepAnyhow(at, args...)
	for _, source := range s.Sources {
		require.Empty(w.t, source.Missed, source.Name)
		require.Zero(w.t, source.Failed, source.Name)
	}
	require.Zero(w.t, s.Failed+s.Pending)
	return s
}

// sweepAnyhow is sweep for nights in which something fails.
func (w *world) sweepAnyhow(at time.Time, args ...string) workflows.SweepStatus {
	w.t.Helper()
	w.sandbox.Clock.Set(at)
	w.letAnswersAge()
	out := w.starter(append([]string{"signals", "run", "--json", "--at", at.Format(time.RFC3339)}, args...)...).ok()
	var s workflows.SweepStatus
	require.NoError(w.t, json.Unmarshal([]byte(out.stdout), &s), out.stdout)
	return s
}

// letAnswersAge puts back when answers came, since by the real clock two nights are seconds
// apart: an answer of two seconds ago is not bought again, whoever asks.
func (w *world) letAnswersAge() {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.variable("SLUICE_DATABASE_URL"))
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) }()
	_, err = conn.Exec(w.t.Context(), `UPDATE answers SET kept_at = kept_at - interval '1 minute'`)
	require.NoError(w.t, err)
}

// found is what the record has: the kinds of signals of each company.
func (w *world) found(domains []string) map[string][]string {
	news := map[string][]string{}
	for _, domain := range domains {
		accounts, err := w.store.AccountsByDomain(w.t.Context(), domain)
		require.NoError(w.t, err)
		require.Len(w.t, accounts, 1)
		all, err := w.store.Signals(w.t.Context(), accounts[0].ID)
		require.NoError(w.t, err)
		for _, g := range all {
			if !slices.Contains(news[domain], g.Kind) {
				news[domain] = append(news[domain], g.Kind)
			}
			if strings.HasPrefix(g.Entity, "first:") || g.Entity == "burst" {
				continue // a second view of the same postings
			}
			require.Equal(w.t, 1, countKind(all, g), "%s: %s %s is told once", domain, g.Kind, g.Entity)
		}
		slices.Sort(news[domain])
	}
	return news
}

func TestASweepFindsAllThatHappenedAndNothingElse(t *testing.T) {
	w, domains, tonight := newNightWorld(t, size(150, 2000))
	first := w.sweep(tonight)
	require.Zero(t, first.Signals, "a first sight raises nothing old: %v", w.found(domains))

	tomorrow := tonight.Add(24 * time.Hour)
	news := sandbox.PlantNews(w.sandbox.Sandbox, 0.3, tomorrow, 1)
	notes := len(w.sandbox.CRM.Snapshot().Notes)
	second := w.sweep(tomorrow)
	want := sandbox.Telling(news)
	require.Equal(t, want, w.found(domains), "the sources: %+v", second.Sources)
	require.Equal(t, len(want), second.Accounts)
	require.Len(t, w.sandbox.CRM.Snapshot().Notes, notes+len(want), "one note for each account with news")
	w.everyNewsIsAnswered(want)
	require.Len(t, w.newsTasks(), second.Outcomes[store.TaskMade])
	require.NotZero(t, second.Outcomes[store.TaskMade])
	require.NotZero(t, second.Outcomes[store.InDigest], "more than the cap allows")
	t.Logf("%d signals at %d accounts of %d: %v, %d digests", second.Signals, second.Accounts, len(domains), second.Outcomes, second.Digests)
	tasks := len(w.tasks())

	again := w.sweep(tomorrow)
	require.Zero(t, again.Signals, "the second sweep of a night adds nothing")
	require.Zero(t, again.Accounts)
	overlapping := w.sweep(tomorrow.Add(time.Hour), "--since", "20d")
	require.Zero(t, overlapping.Signals, "nor does one that looks back over the same days")
	require.Len(t, w.sandbox.CRM.Snapshot().Notes, notes+len(want))
	require.Len(t, w.tasks(), tasks)
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	require.Contains(t, w.starter("signals", "list", news[0].Domain).ok().stdout, "DONE ABOUT IT")
}

// newsTasks are the tasks that news brought, digests apart.
func (w *world) newsTasks() (keys []string) {
	for _, task := range w.tasks() {
		if strings.Contains(task.Body, "/task/news/") {
			keys = append(keys, task.ID)
		}
	}
	return keys
}

// newsNotes are the notes that tell of news.
func (w *world) newsNotes() (ids []string) {
	for _, n := range w.sandbox.CRM.Snapshot().Notes {
		if strings.Contains(n.Body, "/note/news/") {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// everyNewsIsAnswered checks what was done about each account's news: its rep hears of
// it exactly if the account's fit is above 60 and the model counts the news.
func (w *world) everyNewsIsAnswered(news map[string][]string) {
	w.t.Helper()
	counts := []string{signals.Funding, signals.Hiring, signals.ProductLaunch, signals.ExecutiveChange}
	for domain, kinds := range news {
		accounts, err := w.store.AccountsByDomain(w.t.Context(), domain)
		require.NoError(w.t, err)
		responses, err := w.store.Responses(w.t.Context(), accounts[0].ID)
		require.NoError(w.t, err)
		require.Len(w.t, responses, 1, domain)
		score, err := w.store.LatestScore(w.t.Context(), accounts[0].ID)
		require.NoError(w.t, err)
		require.Equal(w.t, "signal", score.Cause)
		heard := slices.Contains([]string{store.TaskMade, store.TaskAppended, store.InDigest}, responses[0].Outcome)
		counted := slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(counts, k) })
		require.Equal(w.t, score.Score.Fit > 60 && counted, heard, "%s: fit %d, %v: %s", domain, score.Score.Fit, kinds, responses[0].Outcome)
	}
}

func countKind(all []store.Signal, like store.Signal) (n int) {
	for _, g := range all {
		if g.Kind == like.Kind && g.Entity == like.Entity {
			n++
		}
	}
	return n
}

func TestASourceThatIsDownAllNightCatchesUpTheNext(t *testing.T) {
	w, domains, tonight := newNightWorld(t, 60)
	w.sweep(tonight)
	tomorrow := tonight.Add(24 * time.Hour)
	news := sandbox.PlantNews(w.sandbox.Sandbox, 0.5, tomorrow, 2)
	require.NoError(t, w.sandbox.Faults.Set(sandbox.JobBoards, fault.Fault{Outage: true}))
	w.sandbox.Clock.Set(tomorrow)
	down := w.sweepAnyhow(tomorrow)
	for _, source := range down.Sources {
		if source.Name == sandbox.JobBoards {
			require.Contains(t, source.Missed, "the next sweep catches up")
			continue
		}
		require.Empty(t, source.Missed, source.Name)
		require.Zero(t, source.Failed, source.Name)
	}
	require.NotZero(t, down.Signals, "the others go on")
	require.NotEqual(t, sandbox.Telling(news), w.found(domains))

	require.NoError(t, w.sandbox.Faults.Clear(sandbox.JobBoards))
	time.Sleep(1500 * time.Millisecond) // a day later breakers have cooled down
	w.sweep(tomorrow.Add(24 * time.Hour))
	require.Equal(t, sandbox.Telling(news), w.found(domains))
}

func TestASweepIsTheSameUnderKill9(t *testing.T) {
	companies := size(120, 1000)
	w, domains, tonight := newNightWorld(t, companies)
	w.sweep(tonight)
	tomorrow := tonight.Add(24 * time.Hour)
	news := sandbox.PlantNews(w.sandbox.Sandbox, 0.4, tomorrow, 3)
	notes := len(w.sandbox.CRM.Snapshot().Notes)
	for _, service := range sandbox.Sources() { // slow enough to be killed on the way
		require.NoError(t, w.sandbox.Faults.Set(service, fault.Fault{LatencyMS: 150}))
	}
	w.sandbox.Faults.ResetCounters()
	w.sandbox.CRM.ResetLedger()
	w.sandbox.Clock.Set(tomorrow)
	done := make(chan workflows.SweepStatus, 1)
	go func() { done <- w.sweepAnyhow(tomorrow) }()
	for range 3 {
		time.Sleep(1500 * time.Millisecond)
		w.worker.kill()
		w.worker = w.startWorker()
	}
	got := <-done
	want := sandbox.Telling(news)
	require.Equal(t, want, w.found(domains))
	require.Equal(t, len(want), got.Accounts)
	require.Len(t, w.sandbox.CRM.Snapshot().Notes, notes+len(want))
	require.Len(t, w.newsTasks(), got.Outcomes[store.TaskMade])
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	t.Logf("%d accounts with news of %d; requests %d to Crunchbase", got.Accounts, companies, w.sandbox.Faults.Counters()[sandbox.Crunchbase].Requests)
}

func TestTheRateOfASourceHoldsWithTwoWorkers(t *testing.T) {
	w, _, tonight := newNightWorld(t, 100)
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("slow.yaml", strings.Replace(nightly, "{name: edgar, rate: 2000", "{name: edgar, rate: 10", 1)))
	w.worker.kill()
	w.startWorker()
	w.startWorker()
	w.sandbox.Faults.ResetCounters()
	w.sweep(tonight)
	calls := w.sandbox.Faults.Counters()[sandbox.EDGAR]
	require.Greater(t, calls.Requests, 30)
	require.LessOrEqual(t, calls.PeakPerSecond, 12)
	t.Logf("%d calls, %d in the busiest second", calls.Requests, calls.PeakPerSecond)
}
