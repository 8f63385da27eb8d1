package edgar_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/edgar"
	"github.com/sluicehq/sluice/signals/signalstest"
)

const (
	searchPath = "/efts/LATEST/search-index"
	listPath   = "/data/submissions/CIK0009999999.json"
	folder     = "/www/Archives/edgar/data/9999999/00099999992600000"
)

var (
	asHTML = map[string]string{"Content-Type": "text/html"}
	asXML  = map[string]string{"Content-Type": "text/xml"}
)

// service is EDGAR as of the first look.
func service() signalstest.Routes {
	return signalstest.Routes{
		searchPath:                   {File: "search.json"},
		listPath:                     {File: "submissions.json"},
		folder + "1/primary_doc.xml": {File: "form_d.xml", Header: asXML},
		folder + "2/acme-8k.htm":     {File: "8k_appointment.html", Header: asHTML},
		folder + "3/acme-pay.htm":    {File: "8k_pay.html", Header: asHTML},
	}
}

// with is the service with other replies; what is nil is 404.
func with(changes map[string]*signalstest.Reply) signalstest.Routes {
	r := service()
	for path, reply := range changes {
		delete(r, path)
		if reply != nil {
			r[path] = *reply
		}
	}
	return r
}

func facts(texts map[account.Field]string) account.Facts {
	f := account.Facts{}
	for field, text := range texts {
		f[field] = account.Fact{Field: field, Value: account.TextValue(text), Provider: "pdl", Confidence: 0.9}
	}
	return f
}

var inTexas = map[account.Field]string{account.Country: "US", account.State: "Texas"}

func look() signals.Look {
	return signals.Look{
		Account: account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"}, Facts: facts(inTexas),
		Rules: signalstest.Rules(), Now: signalstest.Now, Since: signalstest.Now.Add(-30 * 24 * time.Hour),
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	later := service()
	later[listPath] = signalstest.Reply{File: "submissions_later.json"}
	later[folder+"6/acme-cfo.htm"] = signalstest.Reply{File: "8k_departure.html", Header: asHTML}
	signalstest.Run(t, signalstest.Case{
		Spec:  edgar.Spec,
		Look:  signals.Look{Facts: facts(inTexas)},
		First: service(), Want: []string{"funding round", "executive_change cro"},
		Later: later, WantLater: []string{"executive_change cfo"},
		Unknown: signalstest.Routes{searchPath: {File: "search_none.json"}},
		Other:   with(map[string]*signalstest.Reply{searchPath: {File: "search_other.json"}}),
		Many:    many,
		BadKey:  signalstest.Reply{Status: 403, File: "undeclared.html", Header: asHTML},
	})
}

// many is a company with n reports.
func many(n int) http.Handler {
	list := map[string][]string{}
	for i := range n {
		for column, value := range map[string]string{
			"accessionNumber": fmt.Sprintf("0009999999-26-%06d", i), "filingDate": "2026-11-20", "reportDate": "2026-11-20",
			"form": "8-K", "items": "5.02", "primaryDocument": "acme-8k.htm",
		} {
			list[column] = append(list[column], value)
		}
	}
	body, err := json.Marshal(map[string]any{"cik": 9999999, "name": "Acme Robotics, Inc.", "filings": map[string]any{"recent": list}})
	if err != nil {
		panic(err)
	}
	routes := with(map[string]*signalstest.Reply{listPath: {Body: string(body)}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".htm") {
			signalstest.Reply{File: "8k_appointment.html", Header: asHTML}.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	})
}

// recorder remembers what the service was asked.
type recorder struct {
	http.Handler
	mu    sync.Mutex
	asked []*http.Request
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asked = append(r.asked, req.Clone(req.Context()))
	r.mu.Unlock()
	r.Handler.ServeHTTP(w, req)
}

func (r *recorder) paths() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, req := range r.asked {
		out = append(out, req.URL.Path)
	}
	return out
}

func source(t *testing.T, h http.Handler, opts ...outbound.Option) (signals.Source, *recorder) {
	t.Helper()
	r := &recorder{Handler: h}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	s, err := edgar.New(signals.Config{BaseURL: server.URL, Contact: "ops@acme.example", Options: opts})
	require.NoError(t, err)
	return s, r
}

func sight(t *testing.T, h http.Handler, at signals.Look) (signals.Sight, []string) {
	t.Helper()
	s, r := source(t, h)
	got, err := s.Look(t.Context(), at)
	require.NoError(t, err)
	signalstest.CheckSight(t, edgar.Spec, at, got)
	return got, r.paths()
}

func refused(t *testing.T, h http.Handler, at signals.Look) *outbound.Error {
	t.Helper()
	s, _ := source(t, h)
	_, err := s.Look(t.Context(), at)
	var e *outbound.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestLook(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	got, asked := sight(t, service(), look())
	require.Equal(t, []signals.Event{
		{
			Kind: signals.Funding, Entity: "round", OccurredAt: day(2), Summary: "raised $9M of an offered $12M (Form D)", Confidence: 0.9,
			Evidence: []signals.Evidence{{
				Source: "edgar", Title: "Form D of Acme Robotics, Inc.", At: day(9),
				URL: "https://www.sec.gov/Archives/edgar/data/9999999/000999999926000001/0009999999-26-000001-index.htm",
			}},
		},
		{
			Kind: signals.ExecutiveChange, Entity: "cro", OccurredAt: day(12), Summary: "appointed a Chief Revenue Officer (8-K item 5.02)",
			Concerns: "Jane Doe, Chief Revenue Officer", Confidence: 0.9,
			Evidence: []signals.Evidence{{
				Source: "edgar", Title: "Form 8-K of Acme Robotics, Inc.", At: day(16),
				URL: "https://www.sec.gov/Archives/edgar/data/9999999/000999999926000002/0009999999-26-000002-index.htm",
			}},
		},
	}, got.Events)
	require.JSONEq(t, `{"cik": "0009999999", "confidence": 0.9, "judged": ["0009999999-26-000001", "0009999999-26-000002", "0009999999-26-000003"]}`, string(got.Remember))
	require.Equal(t, []string{searchPath, listPath, folder + "1/primary_doc.xml", folder + "2/acme-8k.htm", folder + "3/acme-pay.htm"}, asked)

	at := look()
	at.Before = got.Remember
	got, asked = sight(t, service(), at)
	require.Empty(t, got.Events)
	require.Equal(t, []string{listPath}, asked, "the CIK is remembered")
}

func TestRequests(t *testing.T) {
	t.Parallel()
	at := look()
	at.Account.Name = `The "Acme" Robotics Co., Inc.`
	s, r := source(t, service())
	_, err := s.Look(t.Context(), at)
	require.NoError(t, err)
	for _, req := range r.asked {
		require.Equal(t, "Sluice/1.0 ops@acme.example", req.UserAgent())
	}
	query := r.asked[0].URL.Query()
	require.Equal(t, `"The Acme Robotics"`, query.Get("q"))
	require.Equal(t, "D,8-K", query.Get("forms"))
	require.Equal(t, []string{"custom", "2026-10-21", "2026-11-20"}, []string{query.Get("dateRange"), query.Get("startdt"), query.Get("enddt")})
}

// TestHosts: without a base URL of the operator's own, each call goes to its host.
func TestHosts(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", edgar.Spec.BaseURL, edgar.Spec.BaseURL + "/"} {
		var asked []string
		routes := service()
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.Scheme+"://"+r.URL.Host)
			folder, _, _ := strings.Cut(r.URL.Host, ".")
			moved := r.Clone(r.Context())
			moved.URL.Path = "/" + folder + r.URL.Path
			w := httptest.NewRecorder()
			routes.ServeHTTP(w, moved)
			return w.Result(), nil
		})
		s, err := edgar.New(signals.Config{BaseURL: base, Contact: "ops@acme.example", Options: []outbound.Option{outbound.WithTransport(transport)}})
		require.NoError(t, err)
		got, err := s.Look(t.Context(), look())
		require.NoError(t, err)
		require.Len(t, got.Events, 2)
		require.Equal(t, []string{"https://efts.sec.gov", "https://data.sec.gov", "https://www.sec.gov", "https://www.sec.gov", "https://www.sec.gov"}, asked)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestContact(t *testing.T) {
	t.Parallel()
	for contact, ok := range map[string]bool{
		"ops@acme.example": true, " ops@acme.example\n": true, "ops+edgar@mail.acme.example": true,
		"": false, "ops": false, "ops@acme": false, "Ops <ops@acme.example>": false, "ops@acme.example\r\nX-Key: 1": false, "a@b@acme.example": false,
	} {
		_, err := edgar.New(signals.Config{Contact: contact})
		if ok {
			require.NoError(t, err, contact)
			continue
		}
		require.ErrorIs(t, err, account.ErrInvalid, contact)
		require.ErrorContains(t, err, "SLUICE_EDGAR_CONTACT")
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	twoOfOneName := signalstest.Reply{Body: `{"hits": {"hits": [
		{"_source": {"display_names": ["Acme Robotics, Inc.  (CIK 0009999999)"], "biz_states": ["TX"], "inc_states": ["DE"]}},
		{"_source": {"display_names": ["Acme Robotics Corp  (CIK 0009999990)"], "biz_states": ["OH"], "inc_states": ["DE"]}}]}}`}
	coIssuers := signalstest.Reply{Body: `{"hits": {"hits": [{"_source": {
		"display_names": ["Globex LP  (CIK 0009999990)", "Acme Robotics, Inc.  (ACME)  (CIK 0009999999)"], "biz_states": ["OH", "TX"], "inc_states": ["DE", "DE"]}}]}}`}
	tests := []struct {
		name       string
		facts      map[account.Field]string
		search     *signalstest.Reply
		confidence float64 // 0: nobody
		silent     bool    // nothing was asked
	}{
		{name: "state by name", facts: inTexas, confidence: 0.9},
		{name: "state by code", facts: map[account.Field]string{account.State: "tx"}, confidence: 0.9},
		{name: "another state", facts: map[account.Field]string{account.Country: "US", account.State: "Ohio"}},
		{name: "the state of incorporation is everybody's", facts: map[account.Field]string{account.State: "Delaware"}, confidence: 0.6},
		{name: "no facts", confidence: 0.6},
		{name: "no state", facts: map[account.Field]string{account.Country: "US"}, confidence: 0.6},
		{name: "a state that we do not understand", facts: map[account.Field]string{account.Country: "US", account.State: "Bay Area"}, confidence: 0.6},
		{name: "abroad", facts: map[account.Field]string{account.Country: "DE", account.State: "TX"}, silent: true},
		{name: "abroad by its province", facts: map[account.Field]string{account.State: "Ontario"}, silent: true},
		{name: "two of one name", search: &twoOfOneName},
		{name: "two of one name, and a state", facts: inTexas, search: &twoOfOneName, confidence: 0.9},
		{name: "one of two that filed together", facts: inTexas, search: &coIssuers, confidence: 0.9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := look()
			at.Facts = facts(tt.facts)
			h := service()
			if tt.search != nil {
				h[searchPath] = *tt.search
			}
			got, asked := sight(t, h, at)
			switch {
			case tt.silent:
				require.Empty(t, asked)
				require.Equal(t, signals.Sight{}, got)
			case tt.confidence == 0:
				require.Empty(t, got.Events)
				require.JSONEq(t, `{"asked": "2026-11-20"}`, string(got.Remember))
			default:
				require.Len(t, got.Events, 2)
				for _, e := range got.Events {
					require.InDelta(t, tt.confidence, e.Confidence, 1e-9)
				}
			}
		})
	}
}

// TestMemory: what was found is held to what is known by now.
func TestMemory(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before string
		edit   func(*signals.Look)
		asked  []string // first
		want   float64  // confidence of what is told, 0 if nothing is
	}{
		{name: "by name only, the state known since", before: `{"cik": "9999999", "confidence": 0.6}`, asked: []string{listPath}, want: 0.9},
		{
			name: "by name only, another state known since", before: `{"cik": "9999999", "confidence": 0.6}`, asked: []string{listPath, searchPath},
			edit: func(at *signals.Look) { at.Facts = facts(map[account.Field]string{account.State: "OH"}) },
		},
		{
			name: "moved", before: `{"cik": "9999999", "confidence": 0.9}`, asked: []string{listPath}, want: 0.9,
			edit: func(at *signals.Look) { at.Facts = facts(map[account.Field]string{account.State: "OH"}) },
		},
		{
			name: "renamed at EDGAR", before: `{"cik": "9999999", "confidence": 0.9}`, asked: []string{listPath}, want: 0.9,
			edit: func(at *signals.Look) { at.Account.Name = "Acme Widgets" },
		},
		{
			name: "another company by now", before: `{"cik": "9999999", "confidence": 0.9}`, asked: []string{listPath, searchPath},
			edit: func(at *signals.Look) { at.Account.Name = "Initech" },
		},
		{name: "a CIK that is gone", before: `{"cik": "9999000", "confidence": 0.9}`, asked: []string{"/data/submissions/CIK0009999000.json", searchPath}, want: 0.9},
		{name: "more sure than can be", before: `{"cik": "9999999", "confidence": 7}`, asked: []string{listPath}, want: 0.9},
		{name: "not a CIK", before: `{"cik": "../x", "confidence": 0.9}`, asked: []string{searchPath}, want: 0.9},
		{
			name: "the CRM knows better", before: `{"cik": "9999000"}`, asked: []string{listPath}, want: 0.9,
			edit: func(at *signals.Look) {
				at.Fields = map[string]string{"cik": "CIK 9999999"}
				at.Facts = facts(map[account.Field]string{account.Country: "CA"})
				at.Account.Name = "ACME (Canada)"
			},
		},
		{name: "a field of words", asked: []string{searchPath}, want: 0.9, edit: func(at *signals.Look) { at.Fields = map[string]string{"cik": "n/a"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := look()
			at.Before = json.RawMessage(tt.before)
			if tt.edit != nil {
				tt.edit(&at)
			}
			got, asked := sight(t, service(), at)
			require.Equal(t, tt.asked, asked[:min(len(tt.asked), len(asked))])
			if tt.want == 0 {
				require.Empty(t, got.Events)
				return
			}
			require.Len(t, got.Events, 2)
			require.InDelta(t, tt.want, got.Events[0].Confidence, 1e-9)
		})
	}
}

func TestUnknownCIKInTheCRM(t *testing.T) {
	t.Parallel()
	at := look()
	at.Fields = map[string]string{"cik": "123"}
	require.Equal(t, outbound.BadRequest, refused(t, service(), at).Outcome)
}

// TestLateDocument: a document that is not there yet is told of when it is.
func TestLateDocument(t *testing.T) {
	t.Parallel()
	got, _ := sight(t, with(map[string]*signalstest.Reply{folder + "2/acme-8k.htm": nil}), look())
	require.Len(t, got.Events, 1)
	at := look()
	at.Before = got.Remember
	got, _ = sight(t, service(), at)
	require.Len(t, got.Events, 1)
	require.Equal(t, "cro", got.Events[0].Entity)
}

// TestKeptOut: whoever is kept out hears of it, whatever the status and the document.
func TestKeptOut(t *testing.T) {
	t.Parallel()
	replies := map[string]struct {
		reply signalstest.Reply
		want  outbound.Outcome
		after time.Duration
	}{
		"undeclared":              {signalstest.Reply{Status: 403, File: "undeclared.html"}, outbound.AuthFailed, 0},
		"undeclared with 200":     {signalstest.Reply{File: "undeclared.html"}, outbound.AuthFailed, 0},
		"too fast":                {signalstest.Reply{Status: 403, File: "too_fast.html"}, outbound.Throttled, 10 * time.Minute},
		"too fast with 200":       {signalstest.Reply{File: "too_fast.html"}, outbound.Throttled, 10 * time.Minute},
		"too fast, with a hint":   {signalstest.Reply{Status: 403, File: "too_fast.html", Header: map[string]string{"Retry-After": "60"}}, outbound.Throttled, time.Minute},
		"429":                     {signalstest.Reply{Status: 429}, outbound.Throttled, 10 * time.Minute},
		"403 of somebody":         {signalstest.Reply{Status: 403, Body: "<html>Access denied</html>"}, outbound.Throttled, 10 * time.Minute},
		"another page with 200":   {signalstest.Reply{Body: "<!DOCTYPE html>\n<html><body>We will be back soon</body></html>"}, outbound.ProviderError, 0},
		"another page with a 503": {signalstest.Reply{Status: 503, Body: "<html></html>"}, outbound.ProviderError, 0},
	}
	for name, tt := range replies {
		for path := range maps.Keys(service()) {
			t.Run(name+" "+path, func(t *testing.T) {
				t.Parallel()
				e := refused(t, with(map[string]*signalstest.Reply{path: &tt.reply}), look())
				require.Equal(t, tt.want, e.Outcome)
				require.InDelta(t, tt.after.Seconds(), e.RetryAfter.Seconds(), 1)
			})
		}
	}
}

func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	form := folder + "1/primary_doc.xml"
	list := func(columns string) signalstest.Reply {
		return signalstest.Reply{Body: `{"cik": "0009999999", "name": "Acme Robotics", "filings": {"recent": ` + columns + `}}`}
	}
	for name, tt := range map[string]struct {
		path  string
		reply signalstest.Reply
	}{
		"Form D of 50 MB":           {form, signalstest.Reply{Body: strings.Repeat(" ", 50<<20)}},
		"report of 50 MB":           {folder + "2/acme-8k.htm", signalstest.Reply{Body: strings.Repeat("8-K ", 50<<18)}},
		"Form D, empty":             {form, signalstest.Reply{}},
		"report, empty":             {folder + "2/acme-8k.htm", signalstest.Reply{}},
		"Form D of another form":    {form, signalstest.Reply{Body: `<ownershipDocument><issuer/></ownershipDocument>`}},
		"list of another filer":     {listPath, signalstest.Reply{Body: `{"cik": "1", "filings": {"recent": {"accessionNumber": []}}}`}},
		"list without columns":      {listPath, list(`{}`)},
		"columns of two lengths":    {listPath, list(`{"accessionNumber": ["0009999999-26-000001"], "form": []}`)},
		"search that has failed":    {searchPath, signalstest.Reply{Body: `{"message": "Internal server error"}`}},
		"search that is not there":  {searchPath, signalstest.Reply{Status: 404, Body: "{}"}},
		"search with null for hits": {searchPath, signalstest.Reply{Body: `{"hits": {"hits": null}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, outbound.ProviderError, refused(t, with(map[string]*signalstest.Reply{tt.path: &tt.reply}), look()).Outcome)
		})
	}
}
