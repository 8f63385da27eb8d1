package e2e

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/publicsuffix"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/sandbox"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/jobboards"
)

// TestRealChangesRaiseOneSignalEach replays what became of real companies at 16 dates,
// one sweep a date, 60 days apart from tonight on: providers' answers are dated by the
// real clock, and old by then. Each change must raise one signal in the sweep after it,
// and nothing else any. How a change gets to Sluice:
//
//   - Head count: the vendors' answers change.
//   - Domain: somebody changes it in the CRM, whose webhook has the company run again.
//   - Hiring switched on or off: no provider's documented answer has such a flag, so a
//     posting for a watched role goes up and down on the company's job board. Somebody
//     has filled in the CRM's property for the board where Sluice could not tell that it is
//     the company's, which is a matter of package jobboards: on Lever and Ashby, which do
//     not say whose they are, where it is not called like the domain, and of companies that
//     share their name.
//   - Closed and acquired: Crunchbase's status changes.
func TestRealChangesRaiseOneSignalEach(t *testing.T) {
	r := newReplay(t)
	tally := map[string]*agreement{}
	for i := range r.dates {
		r.live(i)
		status := r.sweep(r.nights[i])
		want, got := r.expected(i), r.told(i)
		if i == 0 {
			require.Empty(t, want)
			require.Empty(t, got, "a first sight raises nothing")
		}
		for what := range maps.Keys(union(want, got)) {
			kind := strings.Fields(what)[1]
			if tally[kind] == nil {
				tally[kind] = &agreement{}
			}
			tally[kind].add(want[what], got[what])
			if want[what] != got[what] {
				t.Errorf("%s: %q: %d changes, %d signals", r.dates[i], what, want[what], got[what])
			}
		}
		t.Logf("%s: %d accounts, %d changes, %d signals", r.dates[i], status.Plan.Total, len(want), status.Signals)
		r.letAge()
	}
	again := r.sweep(r.nights[len(r.nights)-1])
	require.Zero(t, again.Signals, "the second sweep of a night adds nothing")
	require.Empty(t, r.sandbox.CRM.Ledger().Duplicates())
	for _, kind := range []string{signals.Hiring, signals.HeadcountChange, signals.DomainChange, signals.CompanyClosed, signals.CompanyAcquired} {
		require.NotNil(t, tally[kind], "no %s in the sample", kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(tally)) {
		a := tally[kind]
		t.Logf("%-17s %4d changes, %4d signals: precision %.3f, recall %.3f", kind, a.changes, a.signals, a.precision(), a.recall())
	}
}

// agreement is how many changes of a kind there were, how many signals, and how many of
// these were right.
type agreement struct{ changes, signals, right int }

func (a *agreement) add(want, got int) {
	a.changes, a.signals, a.right = a.changes+want, a.signals+got, a.right+min(want, got)
}

func (a *agreement) precision() float64 { return float64(a.right) / float64(max(a.signals, 1)) }
func (a *agreement) recall() float64    { return float64(a.right) / float64(max(a.changes, 1)) }

func union(a, b map[string]int) map[string]int {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// snapshot is a company at one date. What is not known is as it was before.
type snapshot struct {
	employees int
	status    string // Active, Inactive, Acquired, Public
	hiring    bool
	domain    string
}

// company is a real one over the dates of the replay.
type company struct {
	id, name, industry, place string

	first int // date at which it is seen for the first time
	at    []snapshot

	account int64
	record  string // in the CRM
}

// change is one that must raise a signal.
type change struct {
	date         int
	kind, entity string
}

// changes are worked out from the file alone.
func (c *company) changes() []change {
	var all []change
	told := c.at[c.first].employees
	for i := c.first + 1; i < len(c.at); i++ {
		was, is := c.at[i-1], c.at[i]
		if is.hiring && !was.hiring {
			all = append(all, change{i, signals.Hiring, "revops"})
		}
		switch grown := is.employees - told; {
		case told == 0:
			told = is.employees
		case 5*grown >= told:
			all = append(all, change{i, signals.HeadcountChange, fmt.Sprint("up:", is.employees)})
			told = is.employees
		case -5*grown >= told:
			all = append(all, change{i, signals.HeadcountChange, fmt.Sprint("down:", is.employees)})
			told = is.employees
		}
		if is.domain != was.domain {
			all = append(all, change{i, signals.DomainChange, is.domain})
		}
		if kind, ended := endings[is.status]; ended && is.status != was.status {
			all = append(all, change{i, kind, statuses[is.status]})
		}
	}
	return all
}

var (
	endings  = map[string]string{"Inactive": signals.CompanyClosed, "Acquired": signals.CompanyAcquired}
	statuses = map[string]string{"Active": "active", "Public": "active", "Inactive": "closed", "Acquired": "acquired"}
)

// replay is a world that real companies live in.
type replay struct {
	*world
	dates     []string
	nights    []time.Time
	companies []*company
	db        *pgx.Conn
}

func newReplay(t *testing.T) *replay {
	t.Helper()
	dates, companies := readSnapshots(t)
	if !*full {
		dates, companies = sampled(dates, companies)
	}
	var b strings.Builder
	out := csv.NewWriter(&b)
	require.NoError(t, out.Write([]string{"domain", "name", "employees", "industry", "locations"}))
	for _, c := range companies {
		first := c.at[c.first]
		require.NoError(t, out.Write([]string{first.domain, c.name, strconv.Itoa(first.employees), c.industry, c.place}))
	}
	out.Flush()
	table, report, err := sandbox.Load(strings.NewReader(b.String()))
	require.NoError(t, err)
	require.Empty(t, report.Skipped)

	r := &replay{world: newWorld(t, sandbox.Options{Table: table, CRMCompanies: true}), dates: dates, companies: companies}
	settings, _, _ := strings.Cut(nightly, "  sources:")
	r.env = append(r.env, "SLUICE_CONFIG="+r.write("replay.yaml", settings+`  sources:
    - {name: jobboards, rate: 10000, timeout: 2s}
    - {name: edgar, on: false}
    - {name: people, on: false}
    - {name: funding, rate: 10000, timeout: 2s}
`))
	for _, kv := range r.env {
		if address, ok := strings.CutPrefix(kv, "SLUICE_DATABASE_URL="); ok {
			r.db, err = pgx.Connect(t.Context(), address)
			require.NoError(t, err)
		}
	}
	t.Cleanup(func() { _ = r.db.Close(context.Background()) })
	r.startWorker()
	front, _ := r.serve()
	r.sandbox.CRM.SetTarget(crmsandbox.Target{URL: front + "/webhooks/hubspot", Secret: webhookSecret})
	domains := make([]string, len(companies))
	for i, c := range companies {
		domains[i] = c.at[c.first].domain
	}
	for i, id := range r.companyIDs(domains) {
		companies[i].record = id
	}
	tonight := time.Now().UTC().Truncate(time.Second)
	for i := range dates {
		r.nights = append(r.nights, tonight.AddDate(0, 0, 60*i))
	}
	r.plant()
	return r
}

// days before a sweep on which all of its changes happened.
const daysBefore = 3

// plant lets everything happen, each thing a few days before the night of its date.
func (r *replay) plant() {
	r.t.Helper()
	var all []sandbox.Happening
	for _, c := range r.companies {
		domain, first := c.at[c.first].domain, c.at[c.first]
		long := r.nights[c.first].AddDate(0, 0, -200) // too long ago to be news
		if _, ok := r.sandbox.Board(domain); !ok {
			all = append(all, sandbox.Happening{Domain: domain, At: r.nights[0].AddDate(0, 0, -300), Kind: sandbox.Posted, Title: "Office Manager", System: sandbox.Greenhouse})
		}
		if first.hiring {
			all = append(all, c.posted(long, c.first, r.nights))
		}
		for i := c.first + 1; i < len(c.at); i++ {
			was, is, at := c.at[i-1], c.at[i], r.nights[i].AddDate(0, 0, -daysBefore)
			if is.hiring && !was.hiring {
				all = append(all, c.posted(at, i, r.nights))
			}
			if is.employees != was.employees {
				all = append(all, sandbox.Happening{Domain: domain, At: at, Kind: sandbox.Headcount, Employees: is.employees})
			}
			if is.domain != was.domain {
				all = append(all, sandbox.Happening{Domain: domain, At: at, Kind: sandbox.NewDomain, To: is.domain})
			}
			kind := map[string]sandbox.HappeningKind{"Inactive": sandbox.Closed, "Acquired": sandbox.Acquired}[is.status]
			if kind == "" && endings[was.status] != "" {
				kind = sandbox.Reopened
			}
			if kind != "" && is.status != was.status {
				all = append(all, sandbox.Happening{Domain: domain, At: at, Kind: kind})
			}
		}
	}
	r.sandbox.Clock.Set(r.nights[0])
	var boards, postings []sandbox.Happening
	for _, h := range all {
		if h.System != "" {
			boards = append(boards, h)
		} else {
			postings = append(postings, h)
		}
	}
	require.NoError(r.t, r.sandbox.News.Plant(boards...))
	r.fillInBoards()
	require.NoError(r.t, r.sandbox.News.Plant(postings...))
}

// fillInBoards puts the boards into the CRM that cannot be told to be the companies' own.
func (r *replay) fillInBoards() {
	r.t.Helper()
	named := map[string]int{}
	for _, c := range r.companies {
		named[account.NormalizeName(c.name)]++
	}
	r.sandbox.CRM.AddCompany("Property", "property.example", map[string]string{jobboards.Field: ""})
	filled := 0
	for _, c := range r.companies {
		label, _, _ := strings.Cut(c.at[c.first].domain, ".")
		board, ok := r.sandbox.Board(c.at[c.first].domain)
		require.True(r.t, ok)
		if board.System != sandbox.Lever && board.System != sandbox.Ashby && board.Token == label && len(label) > 1 &&
			named[account.NormalizeName(c.name)] == 1 {
			continue
		}
		filled++
		require.NoError(r.t, r.sandbox.CRM.SetProperties(c.record, map[string]string{jobboards.Field: board.URL()}))
	}
	r.t.Logf("%d companies; the CRM names the board of %d", len(r.companies), filled)
}

// posted is a posting that is there for as long as the flag of the date is on.
func (c *company) posted(at time.Time, date int, nights []time.Time) sandbox.Happening {
	h := sandbox.Happening{Domain: c.at[c.first].domain, At: at, Kind: sandbox.Posted, Title: "RevOps Manager"}
	for i := date + 1; i < len(c.at) && h.ClosedAt.IsZero(); i++ {
		if !c.at[i].hiring {
			h.ClosedAt = nights[i].AddDate(0, 0, -daysBefore)
		}
	}
	return h
}

// live brings what is not the sandbox's to tell up to a date: who is seen for the first
// time is imported, who has another domain gets it in the CRM, and statuses are put on
// record.
func (r *replay) live(date int) {
	r.t.Helper()
	r.sandbox.Clock.Set(r.nights[date])
	var domains []string
	for _, c := range r.companies {
		if c.first == date {
			domains = append(domains, c.at[date].domain)
		}
	}
	if len(domains) > 0 {
		require.Equal(r.t, len(domains), r.importAll(domains).Completed)
	}
	var events []crmsandbox.Event
	for _, c := range r.companies {
		if c.first == date {
			same, err := r.store.AccountsByDomain(r.t.Context(), c.at[date].domain)
			require.NoError(r.t, err)
			require.Len(r.t, same, 1, c.at[date].domain)
			c.account = same[0].ID
		}
		if c.first >= date {
			continue
		}
		if was, is := c.at[date-1], c.at[date]; was.domain != is.domain {
			require.NoError(r.t, r.sandbox.CRM.SetProperties(c.record, map[string]string{"domain": is.domain}))
			events = append(events, r.sandbox.CRM.Changed(c.record, "domain", is.domain))
		}
	}
	for batch := range slices.Chunk(events, 20) {
		status, err := r.sandbox.CRM.Deliver(r.t.Context(), batch...)
		require.NoError(r.t, err)
		require.Equal(r.t, http.StatusNoContent, status)
	}
	r.eventuallyWithin(5*time.Minute, "all accounts have their new domains", func() bool { return r.moved(date) })
	r.eventuallyWithin(5*time.Minute, "nobody runs any more", func() bool { return r.countRuns(`ExecutionStatus = 'Running'`) == 0 })
}

func (r *replay) moved(date int) bool {
	for _, c := range r.companies {
		if c.first >= date || c.at[date-1].domain == c.at[date].domain {
			continue
		}
		if acc, err := r.store.Account(r.t.Context(), c.account); err != nil || acc.Domain != c.at[date].domain {
			return false
		}
	}
	return true
}

// expected counts what the sweep of a date must tell: "<company> <kind> <entity>".
func (r *replay) expected(date int) map[string]int {
	want := map[string]int{}
	for _, c := range r.companies {
		for _, g := range c.changes() {
			if g.date == date {
				want[fmt.Sprint(c.id, " ", g.kind, " ", g.entity)]++
			}
		}
	}
	return want
}

// told counts what the sweep of a date has told.
func (r *replay) told(date int) map[string]int {
	r.t.Helper()
	byAccount := map[int64]string{}
	for _, c := range r.companies {
		byAccount[c.account] = c.id
	}
	rows, _ := r.db.Query(r.t.Context(), `SELECT account_id, kind, entity FROM signals WHERE found_at = $1`, r.nights[date])
	got := map[string]int{}
	var id int64
	var kind, entity string
	_, err := pgx.ForEachRow(rows, []any{&id, &kind, &entity}, func() error {
		got[fmt.Sprint(byAccount[id], " ", kind, " ", entity)]++
		return nil
	})
	require.NoError(r.t, err)
	return got
}

// letAge puts back what was dated by the real clock, which stands still between the
// nights: an answer that has just come is not asked for again, and a head count that
// returns to what it was would be the same event a moment later.
func (r *replay) letAge() {
	r.t.Helper()
	for _, q := range []string{
		`UPDATE answers SET answered_at = answered_at - interval '60 days', kept_at = kept_at - interval '60 days'`,
		`UPDATE signals SET occurred_at = occurred_at - interval '60 days' WHERE kind = 'headcount_change'`,
	} {
		_, err := r.db.Exec(r.t.Context(), q)
		require.NoError(r.t, err)
	}
}

// readSnapshots reads the dates and all companies that can be told from each other: by
// name, and by a domain of their own at first sight. The last date is that of the list
// of companies, which differs from the last snapshot in nothing that is looked at here.
func readSnapshots(t *testing.T) (dates []string, companies []*company) {
	t.Helper()
	const lastDate = "2026-03-13"
	list, rows := readRows(t, "companies.csv"), readRows(t, "snapshots.csv")
	for _, row := range list {
		row["snapshot"] = lastDate
	}
	all := slices.Concat(rows, list)
	byDate := map[string]map[string]map[string]string{} // by date and company
	users := map[string][]string{}                      // companies that ever had the domain
	for _, row := range all {
		date, id := row["snapshot"], row["company_id"]
		if byDate[date] == nil {
			byDate[date] = map[string]map[string]string{}
		}
		byDate[date][id] = row
		if d := ownDomain(row["website"]); d != "" && !slices.Contains(users[d], id) {
			users[d] = append(users[d], id)
		}
	}
	dates = slices.Sorted(maps.Keys(byDate))
	for _, row := range list {
		c := &company{id: row["company_id"], name: row["name"], industry: row["industry"], place: row["all_locations"], first: -1}
		var is snapshot
		for i, date := range dates {
			if row, ok := byDate[date][c.id]; ok && row["status"] != "(gone)" {
				is.take(row, users)
				if c.first < 0 {
					c.first = i
				}
			}
			c.at = append(c.at, is)
		}
		if c.first >= 0 && c.at[c.first].domain != "" {
			companies = append(companies, c)
		}
	}
	t.Logf("%d of %d companies have a domain of their own at first sight", len(companies), len(list))
	return dates, companies
}

// take brings a state up to a row. A domain that two companies have had is neither's.
func (s *snapshot) take(row map[string]string, users map[string][]string) {
	if n, err := strconv.Atoi(row["team_size"]); err == nil && n > 0 {
		s.employees = n
	}
	if d := ownDomain(row["website"]); len(users[d]) == 1 {
		s.domain = d
	}
	s.status, s.hiring = row["status"], row["is_hiring"] == "1"
}

// ownDomain is the registrable domain of a website; "" for a profile or a page on
// somebody else's site, and for what is no address.
func ownDomain(website string) string {
	if _, err := account.NormalizeDomain(website); err != nil {
		return ""
	}
	if !strings.Contains(website, "://") {
		website = "https://" + website
	}
	u, err := url.Parse(strings.TrimSpace(website))
	if err != nil {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(u.Hostname()))
	if err != nil {
		return ""
	}
	return domain
}

func readRows(t *testing.T, name string) []map[string]string {
	t.Helper()
	file := filepath.Join("..", "..", "shared", "data", "companies-yc-a", name)
	in, err := os.Open(file)
	if err != nil {
		t.Skip("the public data set is not here:", file)
	}
	defer in.Close()
	lines, err := csv.NewReader(in).ReadAll()
	require.NoError(t, err)
	rows := make([]map[string]string, 0, len(lines))
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// sampled keeps the first date and the four with most changes, and 120 companies: for
// each kind the first that have such changes, and some that are seen late.
func sampled(dates []string, companies []*company) ([]string, []*company) {
	const nights, size = 4, 120
	busy := make([]int, len(dates))
	for _, c := range companies {
		for _, g := range c.changes() {
			busy[g.date]++
		}
	}
	byChanges := make([]int, 0, len(dates))
	for i := 1; i < len(dates); i++ {
		byChanges = append(byChanges, i)
	}
	slices.SortStableFunc(byChanges, func(a, b int) int { return cmp.Compare(busy[b], busy[a]) })
	keep := append([]int{0}, byChanges[:nights]...)
	slices.Sort(keep)
	quota := map[string]int{
		signals.Hiring: 30, signals.HeadcountChange: 30, signals.DomainChange: 20,
		signals.CompanyClosed: 15, signals.CompanyAcquired: 15, "late": 10,
	}
	var kept []string
	for _, i := range keep {
		kept = append(kept, dates[i])
	}
	var sample []*company
	for _, c := range companies {
		if c = c.on(keep); c == nil {
			continue
		}
		fits := ""
		if c.first > 0 && quota["late"] > 0 {
			fits = "late"
		}
		for _, g := range c.changes() {
			if quota[g.kind] > 0 {
				fits = g.kind
			}
		}
		if fits != "" && len(sample) < size {
			quota[fits]--
			sample = append(sample, c)
		}
	}
	return kept, sample
}

// on is the company at some of the dates only; nil if it is not there by the last.
func (c *company) on(dates []int) *company {
	less := *c
	less.at, less.first = nil, -1
	for i, date := range dates {
		less.at = append(less.at, c.at[date])
		if less.first < 0 && c.first <= date {
			less.first = i
		}
	}
	if less.first < 0 {
		return nil
	}
	return &less
}
