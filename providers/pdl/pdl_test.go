package pdl_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/pdl"
	"github.com/sluicehq/sluice/providers/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(40 * time.Second).UTC()
	providertest.Run(t, providertest.Case{
		Spec: pdl.Spec,
		Asks: "/v5/company/enrich?website=acme.example",

		Found:     providertest.Reply{File: "found.json", Header: map[string]string{"X-Call-Credits-Spent": "1"}},
		Partial:   providertest.Reply{File: "partial.json"},
		NotFound:  providertest.Reply{Status: 404, File: "not_found.json"},
		BadKey:    providertest.Reply{Status: 401, File: "bad_key.json"},
		NoCredits: providertest.Reply{Status: 402, File: "no_credits.json"},
		Throttled: providertest.Reply{
			Status: 429, File: "throttled.json", RetryAfter: 40 * time.Second,
			Header: map[string]string{"X-Ratelimit-Reset": soon.Format(time.RFC3339), "X-Ratelimit-Limit": "{'minute': 1000}"},
		},
		Wrong: providertest.Reply{File: "wrong_company.json"},
		Others: map[string]providertest.Reply{
			"miss inside a 200":             {File: "not_found.json", Outcome: outbound.NotFound},
			"empty record":                  {Body: `{"status": 200}`, Outcome: outbound.NotFound},
			"404 of a proxy":                {Status: 404, Body: `<html>`, Outcome: outbound.BadRequest},
			"request that makes no sense":   {Status: 400, File: "bad_request.json", Outcome: outbound.BadRequest},
			"method not allowed":            {Status: 405, Body: `{}`, Outcome: outbound.BadRequest},
			"credits said by the service":   {File: "found.json", Header: map[string]string{"X-Call-Credits-Spent": "3"}, Credits: 3, Outcome: outbound.Found},
			"throttled without a time":      {Status: 429, Body: `{}`, Outcome: outbound.Throttled, RetryAfter: time.Minute},
			"throttled until yesterday":     {Status: 429, Body: `{}`, Header: map[string]string{"X-Ratelimit-Reset": "2020-01-01T00:00:00Z"}, Outcome: outbound.Throttled, RetryAfter: time.Second},
			"throttled for a year":          {Status: 429, Body: `{}`, Header: map[string]string{"X-Ratelimit-Reset": "2099-01-01T00:00:00Z"}, Outcome: outbound.Throttled, RetryAfter: time.Minute},
			"throttled, time as text":       {Status: 429, Body: `{}`, Header: map[string]string{"X-Ratelimit-Reset": soon.Format(time.DateTime)}, Outcome: outbound.Throttled, RetryAfter: 40 * time.Second},
			"gateway error in the envelope": {Status: 504, Body: `{"status": 504, "error": {"type": "api_error"}}`, Outcome: outbound.ProviderError},
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, pdl.Spec) }

// TestAskByName: a company whose domain nobody knows is looked up by its name.
func TestAskByName(t *testing.T) {
	t.Parallel()
	asked := make(chan url.Values, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query()
		http.ServeFile(w, r, "testdata/found.json")
	}))
	t.Cleanup(s.Close)
	p, err := pdl.New(providers.Config{BaseURL: s.URL, Key: "k"})
	require.NoError(t, err)
	got, err := p.Ask(t.Context(), account.Account{Name: "Acme & Sons"})
	require.NoError(t, err)
	require.Equal(t, url.Values{"name": {"Acme & Sons"}}, <-asked)
	require.Equal(t, "Acme Robotics", got.Name)
}

// TestReason: the vendor's own word for an error is shown, whether it is one text
// or a list.
func TestReason(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusPaymentRequired)
		_, _ = io.WriteString(w, `{"error": {"type": ["payment_required"]}}`)
	}))
	t.Cleanup(s.Close)
	p, err := pdl.New(providers.Config{BaseURL: s.URL, Key: "k"})
	require.NoError(t, err)
	_, err = p.Ask(t.Context(), account.Account{Domain: "acme.example"})
	require.EqualError(t, err, "pdl: quota_exhausted (HTTP 402): payment_required")
}

func TestLikelihood(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, give string
		want       float64
	}{
		{name: "four, as household names have it, takes nothing off", give: `4`, want: 0.9},
		{name: "ten is no surer than four", give: `10`, want: 0.9},
		{name: "three falls below what models ask for", give: `3`, want: 0.675},
		{name: "one is a guess", give: `1`, want: 0.45},
		{name: "none given takes nothing off", give: `null`, want: 0.9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, `{"id": "1", "name": "acme", "employee_count": 70, "likelihood": `+tt.give+`}`)
			require.InDelta(t, tt.want, got[account.Employees].Confidence, 1e-9)
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{name: "the display name is used as it is", give: `{"name": "iacme", "display_name": "iAcme"}`, want: "iAcme"},
		{name: "a lower-case name gets capitals", give: `{"name": "bank of acme"}`, want: "Bank of Acme"},
		{name: "other alphabets have capitals too", give: `{"name": "école du nord"}`, want: "École du Nord"},
		{name: "a name with capitals keeps them", give: `{"name": "eAcme"}`, want: "eAcme"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, read(t, tt.give)[account.Name].Value.Text())
		})
	}
}

// TestEmployees: the band is what the company says of itself, the count is observed.
func TestEmployees(t *testing.T) {
	t.Parallel()
	both := read(t, `{"name": "acme", "size": "51-200", "employee_count": 214}`)[account.Employees]
	require.InDelta(t, 214, both.Value.Number(), 0)
	require.False(t, both.Derived)
	band := read(t, `{"name": "acme", "size": "51-200", "employee_count": 0}`)[account.Employees]
	require.InDelta(t, 126, band.Value.Number(), 0)
	require.True(t, band.Derived)
}

func read(t *testing.T, body string) account.Facts {
	t.Helper()
	p, err := pdl.New(providers.Config{Key: "k"})
	require.NoError(t, err)
	got, err := p.Map([]byte(body), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	facts := account.Facts{}
	for _, f := range got.Facts {
		facts[f.Field] = f
	}
	return facts
}
