package sandbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox/fault"
)

// night is when the sweeps of these tests look.
var night = time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)

// theatre is a sandbox with invented companies that were true at noon before the night.
func theatre(t testing.TB, companies int) *Sandbox {
	t.Helper()
	s, err := New(Options{Table: InventAt(companies, 1, night.Add(-14*time.Hour-30*time.Minute)), Coverage: Full})
	require.NoError(t, err)
	s.Clock.Set(night)
	return s
}

// with finds a company of the table.
func (s *Sandbox) with(t testing.TB, fits func(i int) bool) (i int, domain string) {
	t.Helper()
	for i := range s.table.companies {
		if fits(i) {
			return i, s.table.companies[i].Domain
		}
	}
	t.Fatal("no such company")
	return 0, ""
}

func (s *Sandbox) on(system string) func(int) bool {
	return func(i int) bool { return s.jobBoards.system(i) == system }
}

func (s *Sandbox) inUS(i int) bool { return s.table.cik(i) != 0 }

// send makes a call with a body.
func (s *Sandbox) send(t testing.TB, method, path, body string, header map[string]string) response {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return response{w.Code, w.Header(), w.Body.String()}
}

func TestClock(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), s.Clock.Now(), time.Minute)
	s.Clock.Set(night)
	s.Clock.Advance(24 * time.Hour)
	require.WithinDuration(t, night.Add(24*time.Hour), s.Clock.Now(), time.Minute)

	var told struct{ Now time.Time }
	for body, want := range map[string]time.Time{`{"now":"2026-11-23T02:30:00Z"}`: night, `{"now":"2027-01-01T00:00:00+01:00"}`: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)} {
		got := s.send(t, http.MethodPut, "/_clock", body, nil)
		require.Equal(t, http.StatusOK, got.status)
		got = s.ask(t, request{path: "/_clock"})
		require.NoError(t, json.Unmarshal([]byte(got.body), &told))
		require.WithinDuration(t, want, told.Now, time.Minute)
	}
	s.Clock.Set(night)
	got := s.send(t, http.MethodPut, "/_clock", `{"advance":"24h"}`, nil)
	require.NoError(t, json.Unmarshal([]byte(got.body), &told))
	require.WithinDuration(t, night.Add(24*time.Hour), told.Now, time.Minute)
	for _, wrong := range []string{`{}`, `{"now":"2026-11-23T02:30:00Z","advance":"1h"}`, `{"advance":"a day"}`, `{"time":"x"}`, ``} {
		require.Equal(t, http.StatusBadRequest, s.send(t, http.MethodPut, "/_clock", wrong, nil).status, wrong)
	}
}

func TestLedgerOfNews(t *testing.T) {
	t.Parallel()
	s := theatre(t, 200)
	_, american := s.with(t, s.inUS)
	_, foreign := s.with(t, func(i int) bool { return !s.inUS(i) })
	_, boardless := s.with(t, s.on(""))
	_, onLever := s.with(t, s.on(Lever))
	later, sooner := night.Add(time.Hour), night.Add(-time.Hour)
	require.NoError(t, s.News.Plant(
		Happening{Domain: "www." + american, At: later, Kind: Closed},
		Happening{ID: "mine", Domain: american, At: sooner, Kind: Press, Headline: "News"},
	))
	require.Equal(t, []string{"mine", "h000001"}, ids(s.News.All()))
	require.Equal(t, []string{"mine"}, ids(s.News.Until(night)))
	require.Equal(t, []string{"mine"}, ids(s.News.Until(sooner)), "at its own moment")
	require.Empty(t, s.News.Until(sooner.Add(-1)))
	require.Equal(t, american, s.News.All()[1].Domain)

	for name, wrong := range map[string]Happening{
		"no such company":    {Domain: "nobody.example", At: night, Kind: Closed},
		"at is missing":      {Domain: american, Kind: Closed},
		"the id is taken":    {ID: "mine", Domain: american, At: night, Kind: Closed},
		"a kind that":        {Domain: american, At: night, Kind: "rumour"},
		"title is missing":   {Domain: onLever, At: night, Kind: Posted},
		"amount_sold is":     {Domain: american, At: night, Kind: FormD},
		"person is missing":  {Domain: american, At: night, Kind: Officer8K, Role: "CFO"},
		"stage is missing":   {Domain: american, At: night, Kind: Round},
		"role is missing":    {Domain: american, At: night, Kind: Executive},
		"added or dropped":   {Domain: american, At: night, Kind: Technology},
		"employees is":       {Domain: american, At: night, Kind: Headcount},
		"city, state":        {Domain: american, At: night, Kind: Moved},
		"headline is":        {Domain: american, At: night, Kind: Press},
		"companies of the U": {Domain: foreign, At: night, Kind: FormD, AmountSold: 1},
		"has no job board":   {Domain: boardless, At: night, Kind: Posted, Title: "x"},
		"is on lever":        {Domain: onLever, At: night, Kind: Posted, Title: "x", System: Ashby},
		"no system":          {Domain: onLever, At: night, Kind: Posted, Title: "x", System: "paper"},
	} {
		require.ErrorContains(t, s.News.Plant(Happening{Domain: american, At: night, Kind: Acquired}, wrong), name)
	}
	require.Len(t, s.News.All(), 2, "all or nothing")
}

func ids(all []Happening) []string {
	var l []string
	for _, h := range all {
		l = append(l, h.ID)
	}
	return l
}

func TestNewsByHTTP(t *testing.T) {
	t.Parallel()
	s := theatre(t, 300)
	_, domain := s.with(t, s.inUS)
	require.JSONEq(t, `[]`, s.ask(t, request{path: "/_news"}).body)
	got := s.send(t, http.MethodPost, "/_news", `[{"id":"a","domain":"`+domain+`","at":"2026-11-22T20:00:00Z","kind":"form_d","amount_sold":5000000}]`, nil)
	require.Equal(t, http.StatusCreated, got.status, got.body)
	require.JSONEq(t, `[{"id":"a","domain":"`+domain+`","at":"2026-11-22T20:00:00Z","kind":"form_d","amount_sold":5000000}]`, s.ask(t, request{path: "/_news"}).body)
	require.JSONEq(t, `[]`, s.ask(t, request{path: "/_news?until=2026-11-22T19:00:00Z"}).body)
	for path, body := range map[string]string{"/_news": `[{"domain":"x"}]`, "/_news/night": `{"share":2}`, "/_news/": ``} {
		require.GreaterOrEqual(t, s.send(t, http.MethodPost, path, body, nil).status, 400, path)
	}
	require.Equal(t, http.StatusBadRequest, s.ask(t, request{path: "/_news?until=today"}).status)
	got = s.send(t, http.MethodPost, "/_news/night", `{"share":0.1,"night":"2026-11-23T02:30:00Z","seed":7}`, nil)
	require.Equal(t, http.StatusCreated, got.status)
	require.Greater(t, len(s.News.All()), 15)
	require.Equal(t, http.StatusNoContent, s.send(t, http.MethodDelete, "/_news", "", nil).status)
	require.Empty(t, s.News.All())
}

func TestPlantNews(t *testing.T) {
	t.Parallel()
	s, again := theatre(t, 3000), theatre(t, 3000)
	planted := PlantNews(s, 0.1, night, 5)
	require.Equal(t, planted, PlantNews(again, 0.1, night, 5), "the same each time")
	require.Equal(t, planted, s.News.All())
	require.NotEqual(t, planted, PlantNews(again, 0.1, night, 6))

	kinds, companies, events := map[HappeningKind]int{}, map[string]int{}, map[string]int{}
	decoys := 0
	for _, h := range planted {
		require.False(t, h.At.After(night), h.ID)
		require.True(t, h.At.After(night.Add(-24*time.Hour)), h.ID)
		require.NotEmpty(t, s.Tellers(h), h.ID)
		kinds[h.Kind]++
		companies[h.Domain]++
		if h.Event != "" {
			events[h.Event]++
		}
		if h.Decoy {
			decoys++
			require.True(t, h.Pooled || h.PayPlanOnly || h.Kind == Posted)
		}
	}
	require.InDelta(t, 300, len(companies), 60)
	require.ElementsMatch(t, []HappeningKind{Posted, FormD, Officer8K, Round, Executive, Technology, Headcount}, slices.Collect(maps.Keys(kinds)))
	require.Positive(t, decoys)
	require.NotEmpty(t, events)
	for event, n := range events {
		require.Equal(t, 2, n, "%s: one round, seen twice", event)
	}
	PlantNews(s, 0.1, night, 5)
	require.Len(t, s.News.All(), len(planted), "a night is planted once")
	for n := 1; n < 20; n++ { // one night follows another
		PlantNews(s, 0.2, night.AddDate(0, 0, n), uint64(n))
	}
}

func TestVendorsLearnOfHappenings(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Coverage: Full})
	require.NoError(t, err)
	s.Clock.Set(night)
	c := known(t)
	added := slices.DeleteFunc([]string{"segment", "intercom", "drift"}, func(w string) bool { return slices.Contains(c.Technologies, w) })[0]
	require.NoError(t, s.News.Plant(
		Happening{Domain: c.Domain, At: night.Add(time.Hour), Kind: Technology, Added: added, Dropped: "HubSpot"},
		Happening{Domain: c.Domain, At: night.Add(time.Hour), Kind: Headcount, Employees: c.Employees * 2},
		Happening{Domain: c.Domain, At: night.Add(time.Hour), Kind: Moved, City: "Porto", Country: "PT"},
		Happening{Domain: c.Domain, At: night.Add(time.Hour), Kind: Acquired, By: "buyer.example"},
		Happening{Domain: c.Domain, At: night.Add(48 * time.Hour), Kind: Closed},
	))
	ask := func(v Vendor) string { return s.ask(t, lookup(v, c.Domain, Key)).body }
	name := techOf(added).name
	before := ask(Apollo)
	require.Contains(t, before, `"HubSpot"`)
	require.NotContains(t, before, `"`+name+`"`)
	require.Contains(t, ask(Website), "js.hs-scripts.com")

	s.Clock.Advance(2 * time.Hour)
	after := ask(Apollo)
	require.NotContains(t, after, `"HubSpot"`)
	require.Contains(t, after, `"`+name+`"`)
	require.Contains(t, after, `"Porto"`)
	require.Contains(t, after, `"country":"Portugal"`)
	require.Contains(t, after, `"state":null`)
	require.Contains(t, after, `"owned_by_organization_id":"`+apolloID("buyer.example"))
	require.Contains(t, ask(Clearbit), `"parent":{"domain":"buyer.example"}`)
	require.NotContains(t, ask(Website), "js.hs-scripts.com")
	for _, v := range []Vendor{Apollo, Clearbit, PDL, Website} {
		says, _ := s.Says(v, c.Domain)
		require.Equal(t, c.Employees*2, says.Employees, v)
	}
	var builtwith builtWithAnswer
	require.NoError(t, json.Unmarshal([]byte(ask(BuiltWith)), &builtwith))
	path := builtwith.Results[0].Result.Paths[0]
	current := map[string]bool{}
	for _, tech := range path.Technologies {
		current[first(tech.Parent, tech.Name)] = path.LastIndexed-tech.LastDetected < 30*24*time.Hour.Milliseconds()
	}
	require.True(t, current[name])
	require.False(t, current["HubSpot"])

	s.Clock.Advance(48 * time.Hour)
	require.Equal(t, http.StatusNotFound, s.ask(t, lookup(Website, c.Domain, "")).status)
	s.Clock.Set(night)
	require.Equal(t, before, ask(Apollo), "and back")
}

func TestNewsScalesWhatIsWrong(t *testing.T) {
	t.Parallel()
	require.Equal(t, 140, scaled(100, 140, 100))
	require.Equal(t, 420, scaled(300, 140, 100), "as wrong as before")
	require.Zero(t, scaled(0, 140, 100), "not known")
}

func TestJobBoardShapes(t *testing.T) {
	t.Parallel()
	s := theatre(t, 400)
	shapes := map[string]struct{ path, query, example, more, unknown string }{
		Greenhouse: {
			"/jobboards/greenhouse/v1/boards/%/jobs", "?content=true",
			`{"jobs":[{"id":810001,"internal_job_id":920001,"title":"x","updated_at":"x","first_published":"x","requisition_id":"77","location":{"name":"x"},"absolute_url":"x","language":"en","company_name":"x","metadata":[]}],"meta":{"total":1}}`,
			"jobs[].data_compliance jobs[].content jobs[].departments jobs[].offices", "404",
		},
		Lever: {
			"/jobboards/lever/v0/postings/%", "?mode=json",
			`[{"id":"x","text":"x","country":"GB","workplaceType":"hybrid","categories":{"commitment":"x","department":"x","location":"x","team":"x","allLocations":["x"]},"createdAt":1794700800000,"hostedUrl":"x","applyUrl":"x"}]`,
			"[].description [].descriptionPlain [].lists [].additional", "404",
		},
		Ashby: {
			"/jobboards/ashby/posting-api/job-board/%", "?includeCompensation=true",
			`{"jobs":[{"id":"x","title":"x","department":"x","team":"x","employmentType":"x","location":"x","secondaryLocations":[],"publishedAt":"x","isListed":true,"isRemote":true,"address":{"postalAddress":{"addressCountry":"x"}},"jobUrl":"x","applyUrl":"x"}]}`,
			"apiVersion jobs[].address.postalAddress jobs[].descriptionHtml jobs[].descriptionPlain jobs[].shouldDisplayCompensationOnJobPostings", "404",
		},
		SmartRecruiters: {
			"/jobboards/smartrecruiters/v1/companies/%/postings", "?limit=100&offset=0",
			`{"offset":0,"limit":100,"totalFound":1,"content":[{"id":"x","uuid":"x","name":"x","refNumber":"x","releasedDate":"x","location":{"city":"x","region":"x","country":"x","remote":false,"fullLocation":"x"},"department":{"id":"x","label":"x"},"typeOfEmployment":{"id":"x","label":"x"},"company":{"identifier":"x","name":"x"}}]}`,
			"content[].function content[].industry content[].experienceLevel", "200",
		},
		Workable: {
			"/jobboards/workable/api/v1/widget/accounts/%", "?details=true",
			`{"name":"x","description":null,"jobs":[{"title":"x","shortcode":"x","code":"x","department":"x","url":"x","shortlink":"x","application_url":"x","published_on":"x","created_at":"x","country":"x","city":"x","state":"x","experience":"x","telecommuting":false}]}`,
			"jobs[].description", "404",
		},
	}
	for system, tt := range shapes {
		_, domain := s.with(t, s.on(system))
		board, ok := s.Board(domain)
		require.True(t, ok)
		require.Equal(t, system, board.System)
		require.Contains(t, s.ask(t, request{path: "/website/" + domain + "/careers"}).body, board.URL())
		path := strings.ReplaceAll(tt.path, "%", board.Token)
		old := s.ask(t, request{path: path + tt.query})
		require.Equal(t, http.StatusOK, old.status, system)
		require.NotContains(t, old.body, "RevOps Manager")

		require.NoError(t, s.News.Plant(
			Happening{Domain: domain, At: night.Add(-time.Hour), Kind: Posted, Title: "RevOps Manager", Department: "Sales", ClosedAt: night.Add(time.Hour)},
			Happening{Domain: domain, At: night.Add(time.Hour), Kind: Posted, Title: "VP Sales", Department: "Sales"},
		))
		got := s.ask(t, request{path: path + tt.query})
		require.Contains(t, got.body, "RevOps Manager", system)
		require.NotEqual(t, old.body, got.body)
		want, have := shapeOf(t, tt.example), shapeOf(t, got.body)
		for p, kind := range want {
			require.Contains(t, have, p, system)
			requireSameKind(t, p, kind, have[p])
		}
		for p := range have {
			require.True(t, want[p] != "" || slices.ContainsFunc(strings.Fields(tt.more), func(m string) bool { return strings.HasPrefix(p, m) }), "%s: %s is not documented", system, p)
		}

		stranger := s.ask(t, request{path: strings.ReplaceAll(tt.path, "%", "no-such-company")})
		require.Equal(t, tt.unknown, strconv.Itoa(stranger.status), system)
		c := s.Faults.Counters()[JobBoards]
		require.Equal(t, 2, c.Lookups[system+"/"+board.Token])
	}
	s.Clock.Advance(2 * time.Hour)
	_, domain := s.with(t, s.on(Lever))
	board, _ := s.Board(domain)
	got := s.ask(t, request{path: "/jobboards/lever/v0/postings/" + board.Token + "?department=Sales&limit=50"})
	require.NotContains(t, got.body, "RevOps Manager", "closed")
	require.Contains(t, got.body, "VP Sales")
}

func TestBoards(t *testing.T) {
	t.Parallel()
	s := theatre(t, 2000)
	with, systems := 0, map[string]int{}
	for i := range s.table.companies {
		if system := s.jobBoards.system(i); system != "" {
			with++
			systems[system]++
			for _, p := range s.jobBoards.jobs(i) {
				require.True(t, p.published.Before(night.AddDate(0, 0, -45)), "old, so that a first sight has something to ignore")
			}
		}
	}
	require.InDelta(t, withBoard, float64(with)/2000, 0.05)
	require.Len(t, systems, len(boardSystems))

	_, boardless := s.with(t, s.on(""))
	require.NoError(t, s.News.Plant(Happening{Domain: boardless, At: night.Add(time.Hour), Kind: Posted, Title: "VP Sales", System: Ashby}))
	_, ok := s.Board(boardless)
	require.False(t, ok)
	s.Clock.Advance(2 * time.Hour)
	board, ok := s.Board(boardless)
	require.True(t, ok)
	require.Contains(t, s.ask(t, request{path: "/jobboards/ashby/posting-api/job-board/" + board.Token}).body, "VP Sales")
}

func TestTokensAreTheFirstLabel(t *testing.T) {
	t.Parallel()
	table, _, err := Load(strings.NewReader("domain,name\nacme.example,Acme\nacme.com,Acme Two\n"))
	require.NoError(t, err)
	b := newBoards(table)
	require.Equal(t, "acme", b.token(0))
	require.Equal(t, "acme-com", b.token(1))
}

func TestFaultsOfTheSources(t *testing.T) {
	t.Parallel()
	for service, tt := range map[string]struct {
		path, throttled string
		status          int
	}{
		JobBoards:  {"/jobboards/greenhouse/v1/boards/acme/jobs", "Too Many", 429},
		EDGAR:      {"/edgar/efts/LATEST/search-index?q=acme", "Request Rate Threshold Exceeded", 403},
		Crunchbase: {"/crunchbase/entities/organizations/acme", `[{"status":429`, 429},
		GDELT:      {"/gdelt/api/v2/doc/doc?query=%22acme%22", "one every 5 seconds", 429},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			s := theatre(t, 10)
			q := request{tt.path, map[string]string{"User-Agent": "Sluice/1.0 ops@acme.example", "X-cb-user-key": Key}}
			require.NoError(t, s.Faults.Set(service, fault.Fault{Outage: true}))
			require.Equal(t, http.StatusServiceUnavailable, s.ask(t, q).status)
			require.NoError(t, s.Faults.Set(service, fault.Fault{MaxPerSecond: 1, RetryAfterS: 2}))
			var got response
			require.Eventually(t, func() bool {
				got = s.ask(t, q)
				return strings.Contains(got.body, tt.throttled)
			}, 5*time.Second, time.Millisecond)
			require.Equal(t, tt.status, got.status)
			require.Positive(t, s.Faults.Counters()[service].ByFault["throttled"])
			for other, c := range s.Faults.Counters() {
				require.True(t, other == service || c.Requests == 0, other)
			}
		})
	}
}

func TestInvent(t *testing.T) {
	t.Parallel()
	a, b := InventAt(500, 3, night), InventAt(500, 3, night)
	require.Equal(t, a.companies, b.companies)
	require.NotEqual(t, a.companies, InventAt(500, 4, night).companies)
	require.Len(t, a.byDomain, 500)
	require.Len(t, a.byName, 500)
	for _, c := range a.companies {
		require.NotZero(t, industryByWord[c.Industry], c.Industry)
		require.NotEmpty(t, countries[c.Country].name)
		for _, word := range c.Technologies {
			require.NotZero(t, techBySpelling[fold(word)], word)
		}
	}
}

func BenchmarkInvent(b *testing.B) {
	for b.Loop() {
		s, err := New(Options{Table: Invent(50_000, 1)})
		require.NoError(b, err)
		require.NotEmpty(b, PlantNews(s, 0.01, night, 1))
	}
	b.ReportAllocs()
}
