package people_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/people"
	"github.com/sluicehq/sluice/signals/signalstest"
)

const path = "/mixed_people/api_search"

func TestConformance(t *testing.T) {
	t.Parallel()
	signalstest.Run(t, signalstest.Case{
		Spec:  people.Spec,
		First: signalstest.Routes{path: {File: "first.json"}},
		Later: signalstest.Routes{path: {File: "later.json"}},
		// The first CFO is news, too: a day ago the role was there and nobody had it.
		WantLater: []string{"executive_change cro", "executive_change cfo"},
		Unknown:   signalstest.Routes{path: {File: "nobody.json"}},
		Other:     signalstest.Routes{path: {File: "other_company.json"}},
		BadKey:    signalstest.Reply{Status: 401, Header: map[string]string{"Content-Type": "text/plain"}, File: "bad_key.txt"},
		Throttled: signalstest.Reply{Status: 429, Header: map[string]string{"retry-after": "7"}, File: "throttled.json"},
		Many: func(n int) http.Handler {
			return signalstest.Reply{Body: crowd(n)}
		},
		Skip: map[string]string{
			"spec":      "its variables are those of the provider apollo; TestSpec has the rest",
			"time-out":  "a server that has not read a body does not notice that it is left; TestGivenUp",
			"cancelled": "a server that has not read a body does not notice that it is left; TestGivenUp",
		},
	})
}

func TestSpec(t *testing.T) {
	t.Parallel()
	require.Equal(t, "people", people.Spec.Name)
	require.Equal(t, "APOLLO", people.Spec.Env)
	require.Equal(t, "key", people.Spec.Needs)
	require.Positive(t, people.Spec.Rate)
	_, err := people.New(signals.Config{Key: " \n"})
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "SLUICE_APOLLO_API_KEY")
}

// someone is one person of an answer, by id and title.
func someone(id, title string) string {
	return fmt.Sprintf(`{"id": %q, "first_name": "Jane", "title": %q}`, id, title)
}

func answer(total int, people ...string) string {
	return fmt.Sprintf(`{"total_entries": %d, "people": [%s]}`, total, strings.Join(people, ","))
}

func crowd(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = someone(fmt.Sprintf("64ab%020d", i), "Head of Sales")
	}
	return answer(n, all...)
}

// service answers with the reply, and keeps the last request.
type service struct {
	*httptest.Server
	reply  signalstest.Reply
	asked  []string
	source signals.Source
}

func serve(t testing.TB) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.asked = append(s.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("x-api-key")+" "+string(body))
		s.reply.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	var err error
	s.source, err = people.New(signals.Config{BaseURL: s.URL, Key: "k"})
	require.NoError(t, err)
	return s
}

func (s *service) look(t testing.TB, before json.RawMessage) (signals.Look, signals.Sight, error) {
	at := signals.Look{
		Account: account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"},
		Rules:   signalstest.Rules(), Before: before, Now: signalstest.Now, Since: signalstest.Now.Add(-30 * 24 * time.Hour),
	}
	got, err := s.source.Look(t.Context(), at)
	return at, got, err
}

func TestRequest(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.reply.Body = answer(0)
	_, _, err := s.look(t, nil)
	require.NoError(t, err)
	require.Equal(t, []string{`POST /mixed_people/api_search k {"q_organization_domains_list":["acme.example"],"person_titles":[` +
		`"chief revenue officer","cro","chief financial officer","cfo","chief executive officer","ceo","vp sales","vp of sales","head of sales"],"page":1,"per_page":100}`}, s.asked)

	_, err = s.source.Look(t.Context(), signals.Look{Account: account.Account{Domain: "acme.example"}, Rules: &icp.SignalRules{}})
	require.NoError(t, err)
	require.Len(t, s.asked, 1, "a model without executives asks nobody")
}

// TestPages holds that all pages are read, up to a limit beyond which nothing is concluded.
func TestPages(t *testing.T) {
	t.Parallel()
	s := serve(t)
	full := make([]string, 100)
	for i := range full {
		full[i] = someone(fmt.Sprint(i), "Chief of Staff")
	}
	s.reply.Body = answer(150, full...)
	_, _, err := s.look(t, nil)
	require.NoError(t, err)
	require.Len(t, s.asked, 2)

	s.reply.Body = answer(501, full...)
	_, got, err := s.look(t, json.RawMessage(`{"roles": {"cro": {"held": ["a"]}}}`))
	require.NoError(t, err)
	require.Len(t, s.asked, 2+5)
	require.JSONEq(t, `{"roles": {"cro": {"held": ["a"]}}}`, string(got.Remember))
}

// TestChanges has answers of several days, and on which of them there is news.
func TestChanges(t *testing.T) {
	t.Parallel()
	cro := func(ids ...string) string {
		var all []string
		for _, id := range ids {
			all = append(all, someone(id, "CRO"))
		}
		return answer(len(all), append(all, someone("boss", "CEO"))...)
	}
	tests := []struct {
		name string
		give []string
		want []int // days, from 0
	}{
		{"the same", []string{cro("a"), cro("a")}, nil},
		{"another one", []string{cro("a"), cro("b"), cro("b")}, []int{1}},
		{"the first one", []string{cro(), cro("a"), cro("a")}, []int{1}},
		{"nobody any more", []string{cro("a"), cro(), cro()}, nil},
		{"another one after a while", []string{cro("a"), cro(), cro("b")}, []int{2}},
		{"a record that was lost for a while", []string{cro("a"), cro(), cro("a"), cro("a")}, nil},
		{"two records for a while", []string{cro("a"), cro("a", "b"), cro("b"), cro("b")}, []int{2}},
		{"a second one", []string{cro("a"), cro("a", "b"), cro("a", "b")}, nil},
		{"one of two leaves", []string{cro("a", "b"), cro("b"), cro("b")}, nil},
		{"one and one more again", []string{cro("a"), cro("b"), cro("c")}, []int{1, 2}},
		{"back to the one before", []string{cro("a"), cro("b"), cro("a")}, []int{1}},
		{"an empty answer", []string{cro("a"), answer(0), cro("a")}, nil},
		{"an empty answer, then another one", []string{cro("a"), answer(0), cro("b")}, []int{2}},
		{"two empty answers", []string{cro("a"), answer(0), answer(0), cro("a")}, nil},
		{"two empty answers, then another one", []string{cro("a"), answer(0), answer(0), cro("b"), cro("b")}, []int{3}},
		{"too many to be one", []string{cro("a"), cro("b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"), cro("a")}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			var before json.RawMessage
			var news []int
			for day, body := range tt.give {
				s.reply.Body = body
				_, got, err := s.look(t, before)
				require.NoError(t, err)
				for _, e := range got.Events {
					require.Equal(t, "cro", e.Entity)
					news = append(news, day)
				}
				before = got.Remember
			}
			require.Equal(t, tt.want, news)
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.reply.File = "first.json"
	_, first, err := s.look(t, nil)
	require.NoError(t, err)
	require.NotContains(t, string(first.Remember), "Jane")
	require.NotContains(t, string(first.Remember), "Do***e")
	require.JSONEq(t, `{"roles": {
		"ceo": {"held": ["64ab00000000000000000001"]}, "cro": {"held": ["64ab00000000000000000002"]}, "cfo": {"held": []},
		"vp-sales": {"held": ["64ab00000000000000000003", "64ab00000000000000000004"]}}}`, string(first.Remember))
	s.reply.File = "later.json"
	_, later, err := s.look(t, first.Remember)
	require.NoError(t, err)
	require.Equal(t, signals.Event{
		Kind: signals.ExecutiveChange, Entity: "cro", OccurredAt: signalstest.Now, Summary: "has a new Chief Revenue Officer (CRO)",
		Concerns: "Sam, Chief Revenue Officer (CRO)", Confidence: 0.6,
		Evidence: []signals.Evidence{{Source: "people", Title: "people search: Chief Revenue Officer (CRO)", At: signalstest.Now}},
	}, later.Events[0])
}

// TestNewRole holds that a role is no news only because the model now asks for it, and
// that one which it no longer asks for is forgotten.
func TestNewRole(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.reply.File = "later.json"
	_, got, err := s.look(t, json.RawMessage(`{"roles": {"cmo": {"held": ["x"]}, "cro": {"held": ["64ab00000000000000000005"]}}}`))
	require.NoError(t, err)
	require.Empty(t, got.Events)
	require.NotContains(t, string(got.Remember), "cmo")
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		give   signalstest.Reply
		want   outbound.Outcome
		reason string
	}{
		{"not in the plan", signalstest.Reply{Status: 403, File: "not_in_plan.json"}, outbound.AuthFailed, "API_INACCESSIBLE"},
		{"no credits", signalstest.Reply{Status: 422, Body: `{"error": "Insufficient credits. Please upgrade."}`}, outbound.QuotaExhausted, ""},
		{"a parameter that is missing", signalstest.Reply{Status: 422, Body: `{"error": "person_titles"}`}, outbound.BadRequest, ""},
		{"an endpoint that is not there", signalstest.Reply{Status: 404, Body: `{}`}, outbound.BadRequest, ""},
		{"no list", signalstest.Reply{Body: `{"total_entries": 0}`}, outbound.ProviderError, "unreadable body"},
		{"no object", signalstest.Reply{Body: `[]`}, outbound.ProviderError, "unreadable body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.reply = tt.give
			_, _, err := s.look(t, nil)
			e := new(outbound.Error)
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.want, e.Outcome)
			require.Equal(t, tt.reason, e.Reason)
		})
	}
}

// TestGivenUp holds that a service that does not answer is left in time, and that it is
// not blamed for a look that its caller has ended.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hanging := outbound.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		source, err := people.New(signals.Config{Key: "k", Options: []outbound.Option{hanging, outbound.WithTimeout(time.Second)}})
		require.NoError(t, err)
		_, _, err = (&service{source: source}).look(t, nil)
		require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = source.Look(ctx, signals.Look{Account: account.Account{Domain: "acme.example"}, Rules: signalstest.Rules()})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// roundTripper is a transport in one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// FuzzLook holds that whatever the service sends, what is told is fit to be stored, and
// that the same answer is no news the next day. Run it with -fuzzminimizetime 10x.
func FuzzLook(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(body), `{"roles": {"cro": {"held": []}}}`)
	}
	f.Fuzz(func(t *testing.T, body, before string) {
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		source, err := people.New(signals.Config{BaseURL: "http://apollo.example", Key: "k", Options: []outbound.Option{outbound.WithTransport(transport)}})
		require.NoError(t, err)
		s := &service{source: source}
		at, got, err := s.look(t, json.RawMessage(before))
		if err != nil {
			require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err))
			return
		}
		signalstest.CheckSight(t, people.Spec, at, got)
		at, again, err := s.look(t, got.Remember)
		require.NoError(t, err)
		signalstest.CheckSight(t, people.Spec, at, again)
		require.Empty(t, again.Events)
	})
}
