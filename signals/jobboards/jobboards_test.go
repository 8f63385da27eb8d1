package jobboards_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/jobboards"
	"github.com/sluicehq/sluice/signals/signalstest"
)

const (
	day = 24 * time.Hour

	ghPath     = "/greenhouse/v1/boards/acme/jobs"
	leverPath  = "/lever/v0/postings/acmerobotics"
	ashbyPath  = "/ashby/posting-api/job-board/acmerobotics"
	smartPath  = "/smartrecruiters/v1/companies/acme/postings"
	workPath   = "/workable/api/v1/widget/accounts/acme"
	emptyBoard = `{"jobs": []}`
)

// TestConformance: each system, with a board that the CRM names.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, board string }{
		{"greenhouse", ghPath, "https://boards.greenhouse.io/acme"},
		{"lever", leverPath, "https://jobs.lever.co/acmerobotics"},
		{"lever-eu", leverPath, "jobs.eu.lever.co/acmerobotics/"},
		{"ashby", ashbyPath, "ashby:acmerobotics"},
		{"smartrecruiters", smartPath, "https://careers.smartrecruiters.com/acme"},
		{"workable", workPath, "https://apply.workable.com/acme/j/ABCDEF0001/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := strings.TrimSuffix(tt.name, "-eu")
			signalstest.Run(t, signalstest.Case{
				Spec:      jobboards.Spec,
				Look:      signals.Look{Fields: map[string]string{jobboards.Field: tt.board}},
				First:     signalstest.Routes{tt.path: {File: files + "_first.json"}},
				Want:      []string{"hiring revops"},
				Later:     signalstest.Routes{tt.path: {File: files + "_later.json"}},
				WantLater: []string{"hiring vp-sales", "hiring burst"},
				Many:      manyPostings(files),
				Skip:      map[string]string{"other company": "what a person names is trusted; TestConformanceOfTheGuess has this"},
			})
		})
	}
}

func TestConformanceOfTheGuess(t *testing.T) {
	t.Parallel()
	signalstest.Run(t, signalstest.Case{
		Spec:      jobboards.Spec,
		First:     signalstest.Routes{ghPath: {File: "greenhouse_first.json"}},
		Want:      []string{"hiring revops"},
		Later:     signalstest.Routes{ghPath: {File: "greenhouse_later.json"}},
		WantLater: []string{"hiring vp-sales", "hiring burst"},
		Other:     signalstest.Routes{ghPath: {File: "greenhouse_other.json"}},
		Many: func(n int) http.Handler {
			return signalstest.Routes{ghPath: {Body: body(boardOf(n))}}
		},
		Skip: map[string]string{"truncated body": "the other systems have answered; TestGuessIsNotMisledByAFailure has this"},
	})
}

// manyPostings answers every path with n postings in a system's own form.
func manyPostings(system string) func(int) http.Handler {
	return func(n int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b := boardOf(n)
			offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
			if r.URL.Query().Get("limit") != "" {
				b = b[min(offset, n):min(offset+100, n)]
			}
			fmt.Fprint(w, inFormOf(system, n, b))
		})
	}
}

func inFormOf(system string, total int, b []job) string {
	var list any
	var jobs []map[string]any
	for _, j := range b {
		uuid := "00000000-0000-4000-8000-" + fmt.Sprintf("%012d", j.ID)
		jobs = append(jobs, map[string]any{
			"id": uuid, "shortcode": uuid, "title": j.Title, "text": j.Title, "name": j.Title,
			"publishedAt": j.Published, "releasedDate": j.Published, "published_on": j.Published, "createdAt": 1795000000000,
			"first_published": j.Published,
		})
	}
	switch list = map[string]any{"jobs": jobs}; system {
	case "lever":
		list = jobs
	case "smartrecruiters":
		list = map[string]any{"totalFound": total, "content": jobs}
	}
	out, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// job is a Greenhouse posting.
type job struct {
	ID          int    `json:"id"`
	Title       string `json:"title"`
	Published   string `json:"first_published,omitempty"`
	Company     string `json:"company_name,omitempty"`
	URL         string `json:"absolute_url,omitempty"`
	Departments []dept `json:"departments,omitempty"`
}

type dept struct {
	Name string `json:"name"`
}

func body(jobs []job) string {
	b, err := json.Marshal(map[string]any{"jobs": jobs})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func boardOf(n int) []job {
	var jobs []job
	for i := range n {
		jobs = append(jobs, job{ID: i, Title: "RevOps Manager", Company: "Acme Robotics", Published: "2026-11-20T08:00:00Z"})
	}
	return jobs
}

// ago is a job of our own board, published some days before the first look.
func ago(id, days int, title, department string) job {
	j := job{ID: id, Title: title, Company: "Acme Robotics", Published: signalstest.Now.Add(-time.Duration(days) * day).Format(time.RFC3339)}
	if department != "" {
		j.Departments = []dept{{department}}
	}
	return j
}

// undated takes the date away.
func undated(j job) job {
	j.Published = ""
	return j
}

// bench is a source over a service that a test may change, and what the account is
// remembered by.
type bench struct {
	source  signals.Source
	look    signals.Look
	mu      sync.Mutex
	service http.Handler
	asked   []string
}

func newBench(t *testing.T, opts ...outbound.Option) *bench {
	t.Helper()
	b := &bench{service: signalstest.Routes{}, look: signals.Look{
		Account: account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"},
		Rules:   signalstest.Rules(), Now: signalstest.Now, Since: signalstest.Now.Add(-30 * day),
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.asked = append(b.asked, r.URL.Path)
		service := b.service
		b.mu.Unlock()
		service.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	var err error
	b.source, err = jobboards.New(signals.Config{BaseURL: server.URL, Options: opts})
	require.NoError(t, err)
	return b
}

// see looks at what the service says now, and moves on by a day.
func (b *bench) see(t *testing.T, service http.Handler) []signals.Event {
	t.Helper()
	b.mu.Lock()
	b.service, b.asked = service, nil
	b.mu.Unlock()
	got, err := b.source.Look(t.Context(), b.look)
	require.NoError(t, err)
	signalstest.CheckSight(t, jobboards.Spec, b.look, got)
	if got.Remember != nil {
		b.look.Before = got.Remember
	}
	b.pass(day)
	return got.Events
}

func (b *bench) pass(d time.Duration) {
	b.look.Now, b.look.Since = b.look.Now.Add(d), b.look.Since.Add(d)
}

func board(jobs ...job) signalstest.Routes {
	if jobs == nil {
		return signalstest.Routes{ghPath: {Body: emptyBoard}}
	}
	return signalstest.Routes{ghPath: {Body: body(jobs)}}
}

func entities(events []signals.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Entity)
	}
	return out
}

func TestHiringEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Fields = map[string]string{jobboards.Field: "greenhouse:acme"}
	first, second := ago(1, 3, "RevOps Manager", "Sales"), ago(2, 1, "Head of Revenue Operations", "Sales")
	first.URL = "https://job-boards.greenhouse.io/acme/jobs/1"
	got := b.see(t, board(first, second, ago(3, 1, "RevOps Intern", "Sales"), ago(4, 31, "Head of Sales", "Sales")))
	require.Equal(t, []signals.Event{{
		Kind: signals.Hiring, Entity: "revops", OccurredAt: signalstest.Now.Add(-day), Confidence: 0.95,
		Summary: "hires 2 for revops: Head of Revenue Operations, RevOps Manager",
		Evidence: []signals.Evidence{
			{Source: "jobboards", Title: "Head of Revenue Operations", At: signalstest.Now.Add(-day)},
			{Source: "jobboards", Title: "RevOps Manager", URL: "https://job-boards.greenhouse.io/acme/jobs/1", At: signalstest.Now.Add(-3 * day)},
		},
	}}, got)
}

func TestManyPostingsAreOneEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Rules.Burst = icp.Burst{}
	var jobs []job
	for i := range 8 {
		jobs = append(jobs, ago(i, 2, fmt.Sprintf("RevOps Manager %d", i), ""))
	}
	got := b.see(t, board(jobs...))
	require.Len(t, got, 1)
	require.Len(t, got[0].Evidence, 5)
	require.Equal(t, "hires 8 for revops: RevOps Manager 0, RevOps Manager 1, RevOps Manager 2, RevOps Manager 3, RevOps Manager 4 and 3 more", got[0].Summary)
}

// TestBurst: told once, and again only after it fell and rose.
func TestBurst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	two := []job{ago(1, 10, "RevOps Manager", ""), ago(2, 10, "RevOps Lead", "")}
	three := append(two[:2:2], ago(3, -1, "RevOps Analyst", ""))
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(two...))))
	require.Equal(t, []string{"revops", "burst"}, entities(b.see(t, board(three...))), "rises")
	require.Empty(t, b.see(t, board(three...)), "stays")
	b.pass(10 * day)
	require.Empty(t, b.see(t, board(three...)), "falls")
	more := append(three[:3:3], ago(4, -13, "RevOps Analyst", ""), ago(5, -13, "RevOps Manager", ""))
	got := b.see(t, board(more...))
	require.Equal(t, []string{"revops", "burst"}, entities(got), "rises again")
	require.Equal(t, "posted 3 relevant jobs within 14 days: RevOps Analyst, RevOps Manager", got[1].Summary)
}

func TestBurstOfLongAgoIsNoNews(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Rules.Burst.Within = 60 * day
	old := []job{ago(1, 40, "RevOps Manager", ""), ago(2, 41, "RevOps Lead", ""), ago(3, 42, "RevOps Analyst", "")}
	require.Empty(t, b.see(t, board(old...)))
	require.Empty(t, b.see(t, board(old...)))
}

// TestFirstPostingOfADepartment: news from the second look on, and not where a
// department was only renamed.
func TestFirstPostingOfADepartment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Rules.Functions = []string{"trust & security", "Legal"}
	engineer := ago(1, 5, "Robotics Engineer", "Engineering")
	require.Empty(t, b.see(t, board(engineer)), "first sight")
	got := b.see(t, board(engineer, ago(2, 0, "Security Lead", "Trust &amp; Security"), ago(3, 0, "Another Engineer", " engineering")))
	require.Equal(t, []string{"first:trust-security"}, entities(got))
	require.Equal(t, "first posting in Trust & Security: Security Lead", got[0].Summary)
	engineer.Departments[0].Name = "R&D"
	require.Empty(t, b.see(t, board(engineer)), "renamed")
	require.Empty(t, b.see(t, board(engineer, ago(4, -2, "Researcher", "R&D"), ago(5, -2, "Auditor", "Trust & Security"))), "known by now")
	require.Empty(t, b.see(t, board(ago(6, 60, "Lawyer", "Legal"))), "published long ago")
	require.Empty(t, b.see(t, board(ago(7, -4, "Lawyer", "No Department"))))
}

// TestUndated: where the board gives no date, the look that first sees a posting
// dates it, but the first of all knows nothing.
func TestUndated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := []job{undated(ago(1, 0, "RevOps Manager", "")), undated(ago(2, 0, "RevOps Lead", ""))}
	require.Empty(t, b.see(t, board(old...)), "first sight")
	fresh := undated(ago(3, 0, "RevOps Analyst", ""))
	now := b.look.Now
	got := b.see(t, board(append(old, fresh)...))
	require.Equal(t, []string{"revops"}, entities(got), "no burst: two of the three are of old")
	require.Equal(t, now, got[0].OccurredAt)
	require.Empty(t, b.see(t, board(append(old, fresh)...)))
	require.Empty(t, b.see(t, board(old...)))
	require.Empty(t, b.see(t, board(append(old, fresh)...)), "closed and opened again")
	got = b.see(t, board(append(old, fresh, undated(ago(4, 0, "RevOps Lead", "")), undated(ago(5, 0, "RevOps Lead", "")))...))
	require.Equal(t, []string{"revops", "burst"}, entities(got), "the third was first seen within the time")
}

// TestSeenWhenNobodyCared: what was there before the model asked for it is not new.
func TestSeenWhenNobodyCared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rules := b.look.Rules
	b.look.Rules = &icp.SignalRules{}
	require.Empty(t, b.see(t, board(ago(1, 40, "RevOps Manager", ""))))
	b.look.Rules = rules
	require.Empty(t, b.see(t, board(ago(1, 40, "RevOps Manager", ""))))
}

// TestFutureDates: clocks differ, and typing slips.
func TestFutureDates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.see(t, board(ago(1, -1, "RevOps Manager", ""), ago(2, -4000, "Head of Sales", "")))
	require.Equal(t, []string{"revops"}, entities(got))
	require.Equal(t, signalstest.Now, got[0].OccurredAt)
}

func TestSmartRecruitersIsReadToTheEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Fields = map[string]string{jobboards.Field: "smartrecruiters:acme"}
	got := b.see(t, manyPostings("smartrecruiters")(250))
	require.Equal(t, []string{"revops", "burst"}, entities(got))
	require.Contains(t, got[0].Summary, "hires 250 for revops")
	require.Len(t, b.asked, 3)
}

// TestEndlessPages: a service that ignores offset has no end.
func TestEndlessPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Fields = map[string]string{jobboards.Field: "smartrecruiters:acme"}
	got := b.see(t, signalstest.Reply{Body: inFormOf("smartrecruiters", 1e6, boardOf(100))})
	require.Contains(t, got[0].Summary, "hires 100 for revops")
	require.Len(t, b.asked, 20)
}

// TestGuess: what a board must say to be taken for the account's own.
func TestGuess(t *testing.T) {
	t.Parallel()
	acme := account.Account{Domain: "acme.example", Name: "Acme Robotics, Inc."}
	robotics := account.Account{Domain: "acmerobotics.example", Name: "Acme Robotics"}
	job := func(name, url string) string {
		j := ago(1, 1, "RevOps Manager", "")
		j.Company, j.URL = name, url
		return body([]job{j})
	}
	lever := func(url string) string {
		return `[{"id": "1", "text": "RevOps Manager", "createdAt": 1795000000000, "hostedUrl": "` + url + `"}]`
	}
	ashby := func(url string) string {
		return `{"jobs": [{"id": "1", "title": "RevOps Manager", "publishedAt": "2026-11-19T10:00:00.000+00:00", "jobUrl": "` + url + `"}]}`
	}
	tests := []struct {
		name  string
		give  account.Account
		path  string
		board string
		want  float64 // confidence; 0 for no board
	}{
		{name: "the board gives the name", give: acme, path: ghPath, board: job("Acme Robotics", ""), want: 0.85},
		{name: "under the name in one word", give: acme, path: "/greenhouse/v1/boards/acmerobotics/jobs", board: job("ACME Robotics", ""), want: 0.85},
		{name: "under the name with a hyphen", give: acme, path: "/greenhouse/v1/boards/acme-robotics/jobs", board: job("Acme Robotics", ""), want: 0.85},
		{name: "another company's name", give: acme, path: ghPath, board: job("Acme Bakery", "")},
		{name: "a part of the name", give: acme, path: ghPath, board: job("Acme", "")},
		{name: "another name, but on the account's site", give: acme, path: ghPath, board: job("AR Labs", "https://careers.acme.example/jobs?gh_jid=1"), want: 0.9},
		{name: "nobody's name", give: acme, path: ghPath, board: job("", "https://boards.greenhouse.io/acme/jobs/1")},
		{name: "nobody's name, under a long domain", give: robotics, path: "/greenhouse/v1/boards/acmerobotics/jobs", board: job("", "https://boards.greenhouse.io/acmerobotics/jobs/1"), want: 0.6},
		{name: "without postings there is no name", give: acme, path: ghPath, board: emptyBoard},
		{name: "lever under the domain", give: robotics, path: leverPath, board: lever("https://jobs.lever.co/acmerobotics/1"), want: 0.6},
		{name: "lever under a short domain", give: acme, path: "/lever/v0/postings/acme", board: lever("https://jobs.lever.co/acme/1")},
		{name: "lever under the name only", give: acme, path: leverPath, board: lever("https://jobs.lever.co/acmerobotics/1")},
		{name: "lever without addresses", give: robotics, path: leverPath, board: lever("")},
		{name: "lever without postings", give: robotics, path: leverPath, board: `[]`},
		{name: "lever that leads elsewhere", give: robotics, path: leverPath, board: lever("https://jobs.lever.co/acmerobots/1")},
		{name: "ashby under the domain", give: robotics, path: ashbyPath, board: ashby("https://jobs.ashbyhq.com/AcmeRobotics/1"), want: 0.6},
		{name: "smartrecruiters gives the name", give: acme, path: smartPath, board: `{"totalFound": 1, "content": [{"id": "1", "name": "RevOps Manager", "releasedDate": "2026-11-19T10:00:00.000Z", "company": {"name": "Acme Robotics Inc"}}]}`, want: 0.85},
		{name: "smartrecruiters knows everybody", give: acme, path: smartPath, board: `{"totalFound": 0, "content": []}`},
		{name: "workable gives the name", give: acme, path: workPath, board: `{"name": "Acme Robotics", "jobs": [{"shortcode": "1", "title": "RevOps Manager", "published_on": "2026-11-19"}]}`, want: 0.85},
		{name: "workable gives another", give: acme, path: workPath, board: `{"name": "Acme Ltd", "jobs": [{"shortcode": "1", "title": "RevOps Manager", "published_on": "2026-11-19"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.look.Account = tt.give
			got := b.see(t, signalstest.Routes{tt.path: {Body: tt.board}})
			require.InDelta(t, tt.want, confidence(got), 1e-9)
		})
	}
}

func confidence(events []signals.Event) float64 {
	for _, e := range events {
		return e.Confidence
	}
	return 0
}

// TestNameFromFacts: an account may have no name but the one that a provider gave.
func TestNameFromFacts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Account.Name = ""
	require.Empty(t, b.see(t, board(ago(1, 1, "RevOps Manager", ""))))
	b.look.Before = nil
	b.look.Facts = account.Facts{account.Name: {Field: account.Name, Value: account.TextValue("Acme Robotics")}}
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(ago(1, 1, "RevOps Manager", "")))))
}

// TestNoBoardCostsNothing: each system is left alone for 30 days.
func TestNoBoardCostsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Empty(t, b.see(t, signalstest.Routes{}))
	require.Len(t, b.asked, 9, "three names at three systems; the others would not say whose it is")
	for range 29 {
		require.Empty(t, b.see(t, signalstest.Routes{}))
		require.Empty(t, b.asked)
	}
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(ago(1, -29, "RevOps Manager", "")))))
	require.Empty(t, b.see(t, board(ago(1, -29, "RevOps Manager", ""))))
	require.Equal(t, []string{ghPath}, b.asked, "found is remembered")
}

// TestEmptyBoardMayStillBeOurs: a board without a posting does not say whose it is, and
// its first posting is the news.
func TestEmptyBoardMayStillBeOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Account.Domain = "acmerobotics.example"
	leverAt := signalstest.Routes{leverPath: {Body: "[]"}}
	require.Empty(t, b.see(t, leverAt))
	require.Empty(t, b.see(t, leverAt))
	require.Equal(t, []string{leverPath, leverPath}, b.asked, "on both of its hosts; systems without a board of the name are left alone")
	leverAt[leverPath] = signalstest.Reply{Body: fmt.Sprintf(`[{"id": "1", "text": "RevOps Manager", "createdAt": %d,
		"hostedUrl": "https://jobs.lever.co/acmerobotics/1", "categories": {}}]`, b.look.Now.UnixMilli())}
	require.Equal(t, []string{"revops"}, entities(b.see(t, leverAt)))
}

// TestGuessIsNotMisledByAFailure: a system that fails has not said that there is no
// board, and does not keep the others from saying that there is one.
func TestGuessIsNotMisledByAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	broken := signalstest.Routes{ghPath: {Body: `{"jobs": [`}}
	require.Empty(t, b.see(t, broken))
	_, err := b.source.Look(t.Context(), b.look)
	require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err), "nobody else is left to ask")
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(ago(1, 1, "RevOps Manager", "")))))

	b = newBench(t)
	broken[workPath] = signalstest.Reply{Body: `{"name": "Acme Robotics", "jobs": [{"shortcode": "1", "title": "RevOps Manager", "published_on": "2026-11-19"}]}`}
	require.Equal(t, []string{"revops"}, entities(b.see(t, broken)))
}

// TestSystemsBreakAlone: one that is down leaves the others their breakers.
func TestSystemsBreakAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, outbound.WithTrip(1))
	b.look.Fields = map[string]string{jobboards.Field: "workable:acme"}
	b.service = signalstest.Reply{Status: http.StatusServiceUnavailable}
	for _, want := range []outbound.Outcome{outbound.ProviderError, outbound.SkippedBreaker} {
		_, err := b.source.Look(t.Context(), b.look)
		require.Equal(t, want, outbound.OutcomeOf(err))
		require.ErrorContains(t, err, "jobboards/workable")
	}
	b.look.Fields = map[string]string{jobboards.Field: "greenhouse:acme"}
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(ago(1, 1, "RevOps Manager", "")))))
}

// TestBoardInTheCRM: what a person names is taken, and doubted where it names another.
func TestBoardInTheCRM(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.look.Fields = map[string]string{jobboards.Field: "greenhouse:acme"}
	other := ago(1, 1, "RevOps Manager", "")
	other.Company = "Acme Holding of Leeds"
	require.InDelta(t, 0.7, confidence(b.see(t, board(other))), 1e-9)
	b.look.Fields = nil // and is kept after the CRM has lost it
	fresh := ago(2, 0, "Head of Sales", "")
	fresh.Company = other.Company
	require.Equal(t, []string{"vp-sales"}, entities(b.see(t, board(other, fresh))))
	require.Equal(t, []string{ghPath}, b.asked)

	b = newBench(t)
	b.look.Fields = map[string]string{jobboards.Field: "https://acme.example/careers"}
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(ago(1, 1, "RevOps Manager", "")))), "no board's address: guessed as without it")
}

// TestNewBoardIsABaseline: with another board, all postings have new ids.
func TestNewBoardIsABaseline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Empty(t, b.see(t, board(ago(1, 40, "Engineer", "Engineering"))))
	b.look.Fields = map[string]string{jobboards.Field: "workable:acme"}
	moved := signalstest.Routes{workPath: {Body: `{"name": "Acme Robotics", "jobs": [
		{"shortcode": "A", "title": "RevOps Manager", "department": "Growth"}, {"shortcode": "B", "title": "Head of Sales", "published_on": "2026-11-20"}]}`}}
	require.Equal(t, []string{"vp-sales"}, entities(b.see(t, moved)))
	require.Empty(t, b.see(t, moved))
}

// TestLostBoard: a board that has gone for good is looked for elsewhere, but not for
// one slip of its host.
func TestLostBoard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	manager := ago(1, 1, "RevOps Manager", "")
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(manager))))
	require.Empty(t, b.see(t, signalstest.Routes{}))
	require.Empty(t, b.see(t, board(manager)), "back, and nothing forgotten")
	elsewhere := signalstest.Routes{workPath: {Body: `{"name": "Acme Robotics", "jobs": [{"shortcode": "1", "title": "Head of Sales", "published_on": "2026-11-19"}]}`}}
	require.Empty(t, b.see(t, elsewhere))
	require.Empty(t, b.see(t, elsewhere))
	require.Equal(t, []string{"vp-sales"}, entities(b.see(t, elsewhere)))

	taken := ago(9, -7, "RevOps Manager", "")
	taken.Company = "Acme Bakery"
	b = newBench(t)
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(manager))))
	require.Empty(t, b.see(t, board(taken)), "passed to another company")
	require.Empty(t, b.see(t, board()), "and is not asked again")
	require.NotContains(t, b.asked, ghPath)
}

func TestEmptiedBoardIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Empty(t, b.see(t, board(ago(1, 40, "Engineer", ""))))
	require.Empty(t, b.see(t, board()))
	require.Equal(t, []string{"revops"}, entities(b.see(t, board(ago(2, -1, "RevOps Manager", "")))))
}

// TestRealHosts: without another base URL, each system is called where it lives.
func TestRealHosts(t *testing.T) {
	t.Parallel()
	for board, want := range map[string]string{
		"greenhouse:acme":      "https://boards-api.greenhouse.io/v1/boards/acme/jobs?content=true",
		"lever:acme":           "https://api.lever.co/v0/postings/acme?mode=json",
		"lever-eu:acme":        "https://api.eu.lever.co/v0/postings/acme?mode=json",
		"ashby:Acme Co":        "https://api.ashbyhq.com/posting-api/job-board/Acme%20Co",
		"smartrecruiters:Acme": "https://api.smartrecruiters.com/v1/companies/Acme/postings?limit=100&offset=0",
		"workable:acme":        "https://apply.workable.com/api/v1/widget/accounts/acme?details=true",
	} {
		var asked string
		source, err := jobboards.New(signals.Config{Options: []outbound.Option{outbound.WithTransport(transport(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return nil, context.Canceled
		}))}})
		require.NoError(t, err)
		_, err = source.Look(t.Context(), signals.Look{Fields: map[string]string{jobboards.Field: board}, Rules: &icp.SignalRules{}, Now: signalstest.Now})
		require.Error(t, err)
		require.Equal(t, want, asked)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
