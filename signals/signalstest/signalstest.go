// Package signalstest is the conformance kit of signal sources that call services
// over HTTP: the same tests, run on each of them against a local server. A source
// that passes keeps the promises of package signals, whatever its service sends.
//
//	func TestConformance(t *testing.T) {
//		t.Parallel()
//		signalstest.Run(t, signalstest.Case{
//			Spec: jobboards.Spec,
//			Look: signals.Look{Fields: map[string]string{"job_board": "greenhouse:acme"}},
//
//			// What the service says on the first day, and what is news of it.
//			First: signalstest.Routes{"/greenhouse/v1/boards/acme/jobs": {File: "first.json"}},
//			Want:  []string{"hiring revops"},
//			// What it says a day later: all of that, and something new.
//			Later:     signalstest.Routes{"/greenhouse/v1/boards/acme/jobs": {File: "later.json"}},
//			WantLater: []string{"hiring vp-sales"},
//
//			Other: signalstest.Routes{"/greenhouse/v1/boards/acme/jobs": {File: "other_company.json"}},
//			Many:  func(n int) http.Handler { return signalstest.Routes{"/greenhouse/…": {Body: manyJobs(n)}} },
//			Skip:  map[string]string{"truncated body": "a page of HTML cut in half is still a page"},
//		})
//	}
//
// A service that Routes cannot describe is any [http.Handler].
package signalstest

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
)

// Case describes one source to the kit: what it is asked, and how its service
// answers on each occasion.
type Case struct {
	Spec signals.Spec

	// Config changes what the source is built from: the local server as BaseURL, a key
	// and a contact. Usually nil.
	Config func(*signals.Config)

	// Look is asked. What is zero in it is filled in: the account acme.example, Acme
	// Robotics; [Now] and the 30 days before it; [Rules].
	Look signals.Look

	// First is the service on the first day. Want are the events that are news of it, as
	// "kind entity", in any order; none for a source that tells differences only.
	First http.Handler
	Want  []string
	// Later is the service a day later, and WantLater what is new since First.
	Later     http.Handler
	WantLater []string

	// Unknown is a service that does not know the account. Default: 404 for everything.
	Unknown http.Handler
	// Other has documents of another company under the account's address or name.
	Other http.Handler
	// Many has n documents that the source has to remember, none of them older than a
	// day before [Now].
	Many func(n int) http.Handler
	// BadKey refuses. Default: 401 for everything if the source needs a key, no test if
	// it does not.
	BadKey http.Handler
	// Throttled asks to come back after [RetryAfter]. Default: 429 for everything.
	Throttled http.Handler

	// Skip says why a test of the kit does not apply, by the test's name.
	Skip map[string]string
}

// Now is the clock of the first look. Recorded documents are older, but for those
// that only a later look gets to see.
var Now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// RetryAfter is the delay that [Case.Throttled] asks for.
const RetryAfter = 7 * time.Second

// Rules returns what looks take for news unless the case says otherwise.
func Rules() *icp.SignalRules {
	return &icp.SignalRules{
		FirstSight: window,
		Hiring: []icp.Role{
			{Name: "revops", Titles: []string{"revenue operations", "revops"}, Not: []string{"intern"}},
			{Name: "vp-sales", Titles: []string{"vp sales", "vp of sales", "head of sales"}, Not: []string{"assistant"}},
		},
		Executives: []icp.Role{
			{Name: "cro", Titles: []string{"chief revenue officer", "cro"}},
			{Name: "cfo", Titles: []string{"chief financial officer", "cfo"}},
			{Name: "ceo", Titles: []string{"chief executive officer", "ceo"}},
			{Name: "vp-sales", Titles: []string{"vp sales", "vp of sales", "head of sales"}},
		},
		Burst:       icp.Burst{Postings: 3, Within: 14 * day},
		Competitors: []string{"marketo"}, Complements: []string{"segment"},
		Headcount: 0.2,
	}
}

const (
	day    = 24 * time.Hour
	window = 30 * day
)

// Routes is a service that answers by path, or by path and query where both are
// given: "/search?q=acme". What is not listed is 404.
type Routes map[string]Reply

// Reply is one recorded response.
type Reply struct {
	Status int               // default 200
	Header map[string]string // Content-Type is application/json by default
	File   string            // body, in testdata
	Body   string            // body, where a file would be too much
}

// ServeHTTP implements [http.Handler].
func (r Routes) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	reply, ok := r[req.URL.RequestURI()]
	if !ok {
		reply, ok = r[req.URL.Path]
	}
	if !ok {
		reply = Reply{Status: http.StatusNotFound, Body: "{}"}
	}
	reply.ServeHTTP(w, req)
}

// ServeHTTP implements [http.Handler]: a Reply by itself answers everything.
func (r Reply) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	body := []byte(r.Body)
	if r.File != "" {
		b, err := os.ReadFile(filepath.Join("testdata", r.File))
		if err != nil {
			panic(err) // Run has looked whether it is there
		}
		body = b
	}
	w.Header().Set("Content-Type", "application/json")
	for name, value := range r.Header {
		w.Header().Set(name, value)
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	_, _ = w.Write(body)
}

// test is one promise of a source.
type test struct {
	name string
	run  func(*kit, *testing.T)
}

var tests = []test{
	{"spec", (*kit).spec},
	{"first sight", (*kit).firstSight},
	{"nothing too old", (*kit).nothingTooOld},
	{"nothing twice", (*kit).nothingTwice},
	{"something new", (*kit).somethingNew},
	{"unknown account", (*kit).unknownAccount},
	{"nothing to go by", (*kit).nothingToGoBy},
	{"other company", (*kit).otherCompany},
	{"bad key", (*kit).badKey},
	{"throttled", (*kit).throttled},
	{"server error", (*kit).serverError},
	{"time-out", (*kit).timeOut},
	{"reset connection", (*kit).reset},
	{"truncated body", (*kit).truncated},
	{"error page with 200", (*kit).errorPage},
	{"huge body", (*kit).hugeBody},
	{"dead service", (*kit).deadService},
	{"cancelled", (*kit).cancelled},
	{"same answer", (*kit).sameAnswer},
	{"small memory", (*kit).smallMemory},
	{"strange memory", (*kit).strangeMemory},
	{"nulls", (*kit).nulls},
	{"changed types", (*kit).changedTypes},
}

// Run runs every test of the kit that c does not skip.
func Run(t *testing.T, c Case) {
	t.Helper()
	for name, reason := range c.Skip {
		require.True(t, slices.ContainsFunc(tests, func(tt test) bool { return tt.name == name }), "no test to skip: %q", name)
		require.NotEmpty(t, reason, "say why %q does not apply", name)
	}
	for _, h := range []http.Handler{c.First, c.Later, c.Unknown, c.Other, c.BadKey, c.Throttled} {
		requireFiles(t, h)
	}
	require.NotNil(t, c.First, "the case has no First")
	k := &kit{Case: c}
	k.fill()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if reason, ok := c.Skip[tt.name]; ok {
				t.Skip(reason)
			}
			tt.run(k, t)
		})
	}
}

// fill sets what the case leaves to the kit.
func (k *kit) fill() {
	if k.Look.Account == (account.Account{}) {
		k.Look.Account = account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"}
	}
	if k.Look.Rules == nil {
		k.Look.Rules = Rules()
	}
	if k.Look.Now.IsZero() {
		k.Look.Now = Now
	}
	if k.Look.Since.IsZero() {
		k.Look.Since = k.Look.Now.Add(-window)
	}
	if k.Unknown == nil {
		k.Unknown = Routes{}
	}
	if k.BadKey == nil && k.Spec.Needs == "key" {
		k.BadKey = Reply{Status: http.StatusUnauthorized, Body: "{}"}
	}
	if k.Throttled == nil {
		k.Throttled = Reply{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "7"}, Body: "{}"}
	}
}

// requireFiles: a handler's goroutine could not end the test for a missing file.
func requireFiles(t *testing.T, h http.Handler) {
	t.Helper()
	routes, ok := h.(Routes)
	if reply, is := h.(Reply); is {
		routes, ok = Routes{"": reply}, true
	}
	if !ok {
		return
	}
	for path, reply := range routes {
		if reply.File != "" {
			require.FileExists(t, filepath.Join("testdata", reply.File), "the reply to %s", path)
		}
	}
}
