package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox"
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
  sources:
    - {name: jobboards, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: edgar, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: people, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: funding, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
`

// newNightWorld is a world whose companies are through, and that a first night has seen.
func newNightWorld(t testing.TB, companies int) (w *world, domains []string, tonight time.Time) {
	t.Helper()
	table, _, err := sandbox.Load(strings.NewReader(invented(companies)))
	require.NoError(t, err)
	w = newWorld(t, sandbox.Options{Table: table, CRMCompanies: true})
	w.env = append(w.env, "SLUICE_CONFIG="+w.write("nightly.yaml", nightly))
	w.startWorker()
	domains = w.domains(companies)
	require.Equal(t, companies, w.importAll(domains).Completed)
	return w, domains, time.Now().UTC().Truncate(time.Second)
}

// sweep lets a night pass and returns what it came to.
func (w *world) sweep(at time.Time, args ...string) workflows.SweepStatus {
	w.t.Helper()
	w.sandbox.Clock.Set(at)
	out := w.starter(append([]string{"signals", "run", "--json", "--at", at.Format(time.RFC3339)}, args...)...).ok()
	var s workflows.SweepStatus
	require.NoError(w.t, json.Unmarshal([]byte(out.stdout), &s), out.stdout)
	for _, source := range s.Sources {
		require.Empty(w.t, source.Missed, source.Name)
		require.Zero(w.t, source.Failed, source.Name)
	}
	require.Zero(w.t, s.Failed+s.Pending)
	return s
}

// kindOf is the kind of signal that a happening is; "" for what no source is on for.
func kindOf(h sandbox.Happening) string {
	switch h.Kind {
	case sandbox.Posted:
		return signals.Hiring
	case sandbox.FormD, sandbox.Round:
		return signals.Funding
	case sandbox.Officer8K, sandbox.Executive:
		return signals.ExecutiveChange
	case sandbox.Technology:
		return signals.TechnologyChange
	case sandbox.Headcount:
		return signals.HeadcountChange
	case sandbox.Moved:
		return signals.Expansion
	case sandbox.Closed:
		return signals.CompanyClosed
	case sandbox.Acquired:
		return signals.CompanyAcquired
	case sandbox.Press:
	}
	return ""
}

// planted is what a night must find: the kinds of news of each company.
func planted(all []sandbox.Happening) map[string][]string {
	news := map[string][]string{}
	for _, h := range all {
		kind := kindOf(h)
		if h.Decoy || kind == "" || slices.Contains(news[h.Domain], kind) {
			continue
		}
		news[h.Domain] = append(news[h.Domain], kind)
		slices.Sort(news[h.Domain])
	}
	return news
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
	tasks := len(w.tasks())
	second := w.sweep(tomorrow)
	want := planted(news)
	require.Equal(t, want, w.found(domains))
	require.Equal(t, len(want), second.Accounts)
	require.Equal(t, notes+len(want), len(w.sandbox.CRM.Snapshot().Notes), "one note for each account with news")
	require.Equal(t, tasks+second.Outcomes["task"]+second.Digests, len(w.tasks()))
	require.NotZero(t, second.Outcomes["task"])
	t.Logf("%d signals at %d accounts of %d: %v", second.Signals, second.Accounts, len(domains), second.Outcomes)

	again := w.sweep(tomorrow)
	require.Zero(t, again.Signals, "the second sweep of a night adds nothing")
	require.Zero(t, again.Accounts)
	overlapping := w.sweep(tomorrow.Add(time.Hour), "--since", "20d")
	require.Zero(t, overlapping.Signals, "nor does one that looks back over the same days")
	require.Equal(t, notes+len(want), len(w.sandbox.CRM.Snapshot().Notes))
	require.Equal(t, tasks+second.Outcomes["task"]+second.Digests, len(w.tasks()))
	require.Empty(t, w.sandbox.CRM.Ledger().Duplicates())
	fmt.Println(w.starter("signals", "list", news[0].Domain).ok().stdout)
}

func countKind(all []store.Signal, like store.Signal) (n int) {
	for _, g := range all {
		if g.Kind == like.Kind && g.Entity == like.Entity {
			n++
		}
	}
	return n
}
