package funding_test

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
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/funding"
	"github.com/sluicehq/sluice/signals/signalstest"
)

const (
	search = "/searches/organizations"
	entity = "/entities/organizations/acme-robotics-example"
	asked  = entity + "?card_ids=raised_funding_rounds&field_ids=identifier%2Cwebsite_url%2Cstatus"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	found := signalstest.Reply{File: "search.json"}
	left := "a server that has not read a body does not notice that it is left; TestGivenUp"
	signalstest.Run(t, signalstest.Case{
		Spec:      funding.Spec,
		First:     signalstest.Routes{search: found, asked: {File: "first.json"}},
		Want:      []string{"funding round"},
		Later:     signalstest.Routes{search: found, asked: {File: "later.json"}},
		WantLater: []string{"funding round"},
		Unknown:   signalstest.Routes{search: {Body: `{"count": 0, "entities": []}`}},
		Other:     signalstest.Routes{search: {File: "search_other.json"}, asked: {File: "first.json"}},
		BadKey:    signalstest.Reply{Status: 401, File: "bad_key.json"},
		Many: func(n int) http.Handler {
			return signalstest.Routes{search: found, asked: {Body: rounds(n)}}
		},
		Skip: map[string]string{"spec": "its variables are the service's; TestSpec has the rest", "time-out": left, "cancelled": left},
	})
}

func TestSpec(t *testing.T) {
	t.Parallel()
	require.Equal(t, "funding", funding.Spec.Name)
	require.Equal(t, "CRUNCHBASE", funding.Spec.Env)
	require.Equal(t, "key", funding.Spec.Needs)
	require.Positive(t, funding.Spec.Rate)
	_, err := funding.New(signals.Config{})
	require.ErrorIs(t, err, account.ErrInvalid)
	require.ErrorContains(t, err, "SLUICE_CRUNCHBASE_API_KEY")
}

func rounds(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"identifier": {"uuid": "00000000-0000-4000-8000-%012d"}, "announced_on": "2026-11-20", "investment_type": "seed"}`, i)
	}
	return organization("https://acme.example", all...)
}

func organization(website string, rounds ...string) string {
	return fmt.Sprintf(`{"properties": {"website_url": %q}, "cards": {"raised_funding_rounds": [%s]}}`, website, strings.Join(rounds, ","))
}

// look asks a source that reaches h.
func look(t testing.TB, h http.Handler, before string) (signals.Look, signals.Sight, error) {
	t.Helper()
	at := signals.Look{
		Account: account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"}, Rules: signalstest.Rules(),
		Now: signalstest.Now, Since: signalstest.Now.Add(-30 * 24 * time.Hour),
	}
	if before != "" {
		at.Before = json.RawMessage(before)
	}
	got, err := source(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		res := rec.Result()
		res.Request = r
		return res, nil
	})).Look(t.Context(), at)
	return at, got, err
}

func source(t testing.TB, transport http.RoundTripper) signals.Source {
	t.Helper()
	s, err := funding.New(signals.Config{BaseURL: "http://crunchbase.example", Key: "k", Options: []outbound.Option{
		outbound.WithTransport(transport), outbound.WithTimeout(time.Second),
	}})
	require.NoError(t, err)
	return s
}

// roundTripper is a transport in one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestEnd: a company that was there and is closed or bought is a reason to stop, once;
// one that was over when we first saw it, or of which nothing is said, is no news.
func TestEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, was, is string
		want          string // kind and entity
	}{
		{name: "closed", was: "operating", is: "closed", want: "company_closed closed"},
		{name: "bought", was: "operating", is: "was_acquired", want: "company_acquired acquired"},
		{name: "bought on the stock exchange", was: "ipo", is: "was_acquired", want: "company_acquired acquired"},
		{name: "closed before we came", is: "closed"},
		{name: "still closed", was: "closed", is: "closed"},
		{name: "listed", was: "operating", is: "ipo"},
		{name: "nothing is said", was: "operating"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := fmt.Sprintf(`{"properties": {"website_url": "https://acme.example", "status": %q}}`, tt.is)
			before := ""
			if tt.was != "" {
				before = fmt.Sprintf(`{"domain": "acme.example", "permalink": "acme-robotics-example", "status": %q}`, tt.was)
			}
			_, got, err := look(t, signalstest.Routes{search: {File: "search.json"}, asked: {Body: body}}, before)
			require.NoError(t, err)
			var told []string
			for _, e := range got.Events {
				told = append(told, e.Kind+" "+e.Entity)
				require.True(t, e.Stop)
			}
			require.Equal(t, tt.want, strings.Join(told, ", "))
		})
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	_, got, err := look(t, signalstest.Routes{search: {File: "search.json"}, asked: {File: "first.json"}}, "")
	require.NoError(t, err)
	announced := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	require.Equal(t, []signals.Event{{
		Kind: signals.Funding, Entity: "round", OccurredAt: announced, Summary: "raised $22M (Series B)", Confidence: 0.95,
		Evidence: []signals.Evidence{{
			Source: "funding", Title: "Series B - Acme Robotics", At: announced,
			URL: "https://www.crunchbase.com/funding_round/acme-robotics-example-series-b--00000103",
		}},
	}}, got.Events)
	require.JSONEq(t, `{"domain": "acme.example", "permalink": "acme-robotics-example", "rounds": [
		"00000000-0000-4000-8000-000000000103", "00000000-0000-4000-8000-000000000102", "00000000-0000-4000-8000-000000000101"]}`, string(got.Remember))
}

func TestRequests(t *testing.T) {
	t.Parallel()
	var sent []string
	routes := signalstest.Routes{search: {File: "search.json"}, asked: {File: "first.json"}}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = append(sent, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("X-cb-user-key")+" "+string(body))
		routes.ServeHTTP(w, r)
	})
	_, first, err := look(t, h, "")
	require.NoError(t, err)
	_, _, err = look(t, h, string(first.Remember))
	require.NoError(t, err)
	require.Equal(t, []string{
		`POST /searches/organizations k {"field_ids":["identifier","website_url"],"query":[{"type":"predicate","field_id":"website_url",` +
			`"operator_id":"domain_eq","values":["acme.example"]}],"limit":5}`,
		"GET " + asked + " k ",
		"GET " + asked + " k ", // who it is, is remembered
	}, sent)
}

func TestSummary(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, raised, want string }{
		{"series_b", `{"value": 22000000, "currency": "USD", "value_usd": 22000000}`, "raised $22M (Series B)"},
		{"series_a", `{"value": 7400000, "currency": "EUR", "value_usd": 8000000}`, "raised $8M (Series A)"},
		{"seed", `{"value": 1250000, "currency": "EUR"}`, "raised EUR 1.2M (Seed)"},
		{"pre_seed", `{"value": 750000, "currency": "USD"}`, "raised $750k (Pre-seed)"},
		{"private_equity", `{"value_usd": 1500000000}`, "raised $1.5B (Private equity)"},
		{"debt_financing", `{"value_usd": 999960}`, "raised $1M (Debt financing)"},
		{"grant", `{"value_usd": 500}`, "raised $500 (Grant)"},
		{"series_unknown", `null`, "raised an undisclosed amount"},
		{"", `{"value": -1, "currency": "$$$"}`, "raised an undisclosed amount"},
		{"Series <b>", `"22M"`, "raised an undisclosed amount"},
	}
	for _, tt := range tests {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			body := organization("acme.example", fmt.Sprintf(`{"identifier": {"uuid": "u"}, "announced_on": "2026-11-10", "investment_type": %q, "money_raised": %s}`, tt.kind, tt.raised))
			_, got, err := look(t, signalstest.Routes{search: {File: "search.json"}, asked: {Body: body}}, "")
			require.NoError(t, err)
			require.Len(t, got.Events, 1)
			require.Equal(t, tt.want, got.Events[0].Summary)
		})
	}
}

// TestNews has what is no news for one reason each.
func TestNews(t *testing.T) {
	t.Parallel()
	found := `{"identifier": {"uuid": "u"}, "announced_on": "2026-11-10"}`
	at := func(day string) string { return strings.Replace(found, "2026-11-10", day, 1) }
	tests := []struct {
		name, before, give string
		want               int
	}{
		{"a round", "", organization("https://acme.example", found), 1},
		{"a website as older answers have it", "", `{"properties": {"website_url": {"value": "acme.example"}}, "cards": {"raised_funding_rounds": [` + found + `]}}`, 1},
		{"the website of somebody else", "", organization("https://acme-bakery.example", found), 0},
		{"no website", "", organization("", found), 0},
		{"no card", "", `{"properties": {"website_url": "acme.example"}}`, 0},
		{"an older round", "", organization("acme.example", at("2026-10-20")), 0},
		{"a round of the first day", "", organization("acme.example", at("2026-10-22")), 1},
		{"a round of tomorrow", "", organization("acme.example", at("2026-11-21")), 0},
		{"no date", "", organization("acme.example", at("soon")), 0},
		{"a round that is known", `{"domain": "acme.example", "permalink": "acme-robotics-example", "rounds": ["u"]}`, organization("acme.example", found), 0},
		{"a round of another domain's memory", `{"domain": "acme-old.example", "permalink": "acme-old", "rounds": ["v"]}`, organization("acme.example", found), 1},
		{"a permalink that is none", `{"domain": "acme.example", "permalink": "../../x", "rounds": []}`, organization("acme.example", found), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, got, err := look(t, signalstest.Routes{search: {File: "search.json"}, asked: {Body: tt.give}}, tt.before)
			require.NoError(t, err)
			require.Len(t, got.Events, tt.want)
		})
	}
}

// TestGone holds that an organisation that is not there any more, or is now another
// company, is looked up again.
func TestGone(t *testing.T) {
	t.Parallel()
	const before = `{"domain": "acme.example", "permalink": "acme-old", "rounds": ["u"]}`
	for name, reply := range map[string]signalstest.Reply{
		"gone":            {Status: 404, File: "not_found.json"},
		"another company": {Body: organization("acme-bakery.example")},
	} {
		routes := signalstest.Routes{search: {File: "search.json"}, "/entities/organizations/acme-old": reply, asked: {File: "first.json"}}
		_, got, err := look(t, routes, before)
		require.NoError(t, err, name)
		require.JSONEq(t, `{"domain": "acme.example", "permalink": "", "rounds": ["u"]}`, string(got.Remember), name)
		_, got, err = look(t, routes, string(got.Remember))
		require.NoError(t, err, name)
		require.Len(t, got.Events, 1, name)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		give   signalstest.Reply
		want   outbound.Outcome
		reason string
	}{
		{"a field outside the package", signalstest.Reply{Status: 400, File: "not_in_package.json"}, outbound.AuthFailed, "MD403"},
		{"the same as an object", signalstest.Reply{Status: 403, Body: `{"code": "MD403"}`}, outbound.AuthFailed, "MD403"},
		{"a bad key by its code", signalstest.Reply{Status: 400, File: "bad_key.json"}, outbound.AuthFailed, ""},
		{"a bad request", signalstest.Reply{Status: 400, Body: `[{"code": "MD101"}]`}, outbound.BadRequest, ""},
		{"plain HTTP", signalstest.Reply{Status: 426, Body: ``}, outbound.BadRequest, ""},
		{"a page of a proxy", signalstest.Reply{Status: 404, Body: `<html>`}, outbound.BadRequest, ""},
		{"no entity", signalstest.Reply{Body: `{}`}, outbound.ProviderError, "unreadable body"},
		{"rounds that are no list", signalstest.Reply{Body: `{"properties": {}, "cards": {"raised_funding_rounds": {}}}`}, outbound.ProviderError, "unreadable body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := look(t, signalstest.Routes{search: {File: "search.json"}, asked: tt.give}, "")
			e := new(outbound.Error)
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.want, e.Outcome)
			require.Equal(t, tt.reason, e.Reason)
		})
	}
	_, _, err := look(t, signalstest.Routes{search: {Body: `{"count": 0}`}}, "")
	require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err), "a search without a list")
}

// TestGivenUp holds that a service that does not answer is left in time, and that it is
// not blamed for a look that its caller has ended.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := source(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		at := signals.Look{Account: account.Account{Domain: "acme.example"}, Rules: signalstest.Rules()}
		_, err := s.Look(t.Context(), at)
		require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = s.Look(ctx, at)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// FuzzLook holds that whatever the service sends, what is told is fit to be stored, and
// that the same answers are no news the next day. Run it with -fuzzminimizetime 10x.
func FuzzLook(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	found, err := os.ReadFile("testdata/search.json")
	require.NoError(f, err)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(found), string(body))
		f.Add(string(body), string(body))
	}
	f.Fuzz(func(t *testing.T, found, organization string) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := organization
			if r.URL.Path == search {
				body = found
			}
			_, _ = io.WriteString(w, body)
		})
		at, got, err := look(t, h, "")
		if err != nil {
			require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err))
			return
		}
		signalstest.CheckSight(t, funding.Spec, at, got)
		_, again, err := look(t, h, string(got.Remember))
		require.NoError(t, err)
		require.Empty(t, again.Events)
	})
}
