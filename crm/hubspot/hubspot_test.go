package hubspot_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/outbound"
	sandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

// recorded is a server that gives one answer to everything, and keeps what it was asked.
type recorded struct {
	mu     sync.Mutex
	asked  []*http.Request
	bodies []string
}

func answering(t *testing.T, status int, header http.Header, file string) (*recorded, *hubspot.Client) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	rec := &recorded{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.asked, rec.bodies = append(rec.asked, r), append(rec.bodies, string(sent))
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 1000, SearchRate: 1000})
	require.NoError(t, err)
	return rec, c
}

var acme = account.Key{CRM: hubspot.Name, Portal: portal, ID: "512"}

func TestCompany(t *testing.T) {
	t.Parallel()
	rec, c := answering(t, http.StatusOK, nil, "company.json")
	merged := acme
	merged.ID = "511"
	got, err := c.Company(t.Context(), merged, "numberofemployees", "name", crm.LastVisitProperty)
	require.NoError(t, err)
	require.Equal(t, acme, got.Key, "the record that is left")
	require.Equal(t, "82", got.Properties[crm.ScoreProperty])
	require.Empty(t, got.Properties[crm.TierProperty], "null is empty")
	require.Equal(t, "7001", got.OwnerID)
	require.Equal(t, "https://app.hubspot.com/contacts/8100/record/0-2/512", got.URL)

	asked := rec.asked[0]
	require.Equal(t, "/crm/objects/2026-09/companies/511", asked.URL.Path)
	require.Equal(t, "Bearer "+token, asked.Header.Get("Authorization"))
	require.Equal(t, "name,domain,hubspot_owner_id,hs_is_target_account,icp_fit_score,icp_tier,sluice_queue,icp_model,icp_completeness,icp_scored_at,icp_reason,numberofemployees,hs_analytics_last_visit_timestamp",
		asked.URL.Query().Get("properties"))
}

func TestSearchBody(t *testing.T) {
	t.Parallel()
	rec, c := answering(t, http.StatusOK, nil, "company.json") // without results
	found, err := c.CompaniesByDomain(t.Context(), "acme.example")
	require.NoError(t, err)
	require.Empty(t, found)
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(rec.bodies[0]), &body))
	for _, field := range []string{"filterGroups", "sorts", "properties", "limit", "after"} {
		require.Contains(t, body, field, "HubSpot's files call it required")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		status     int
		file       string
		retryAfter string
		want       string // as the error prints
		wantWait   time.Duration
		wantID     string // end of the correlation id
	}{
		{
			name: "invalid values", status: 400, file: "validation.json", wantID: "2",
			want: "hubspot: bad_request (HTTP 400): VALIDATION_ERROR INVALID_INTEGER PROPERTY_DOESNT_EXIST in icp_fit_score, icp_tier",
		},
		{
			name: "what could be a value is not shown", status: 400, file: "validation_rule.json", wantID: "3",
			want: "hubspot: bad_request (HTTP 400): VALIDATION_ERROR in loss_reason",
		},
		{
			name: "a token that is not valid", status: 401, file: "unauthorized.json", wantID: "6",
			want: "hubspot: auth_failed (HTTP 401): INVALID_AUTHENTICATION",
		},
		{
			name: "a scope that is missing", status: 403, file: "missing_scopes.json", wantID: "7",
			want: "hubspot: auth_failed (HTTP 403): MISSING_SCOPES",
		},
		{
			name: "no such record", status: 404, file: "not_found.json", wantID: "8",
			want: "hubspot: not_found (HTTP 404)",
		},
		{
			name: "no such path", status: 404, file: "no_such_path.html",
			want: "hubspot: bad_request (HTTP 404): no such path: check the API version and the base URL",
		},
		{
			name: "there already", status: 409, file: "conflict.json", wantID: "9",
			want: "hubspot: bad_request (HTTP 409): OBJECT_ALREADY_EXISTS",
		},
		{
			name: "locked", status: 423, file: "not_found.json", wantID: "8", wantWait: 2 * time.Second,
			want: "hubspot: throttled (HTTP 423)",
		},
		{
			name: "locked for longer", status: 423, file: "not_found.json", retryAfter: "7", wantID: "8", wantWait: 7 * time.Second,
			want: "hubspot: throttled (HTTP 423)",
		},
		{
			name: "ten-secondly limit", status: 429, file: "ten_secondly.json", wantID: "1", wantWait: 10 * time.Second,
			want: "hubspot: throttled (HTTP 429): RATE_LIMIT",
		},
		{
			name: "secondly limit, by its message", status: 429, file: "secondly.json", wantID: "4", wantWait: time.Second,
			want: "hubspot: throttled (HTTP 429): RATE_LIMIT",
		},
		{
			name: "Retry-After goes first", status: 429, file: "ten_secondly.json", retryAfter: "3", wantID: "1", wantWait: 3 * time.Second,
			want: "hubspot: throttled (HTTP 429): RATE_LIMIT",
		},
		{
			name: "account on the move", status: 477, file: "not_found.json", retryAfter: "3600", wantID: "8", wantWait: time.Hour,
			want: "hubspot: throttled (HTTP 477)",
		},
		{
			name: "account on the move, no time given", status: 477, file: "no_such_path.html", wantWait: 10 * time.Minute,
			want: "hubspot: throttled (HTTP 477)",
		},
		{name: "their failure", status: 502, file: "no_such_path.html", want: "hubspot: provider_error (HTTP 502)"},
		{name: "their proxy's failure", status: 524, file: "no_such_path.html", want: "hubspot: provider_error (HTTP 524)"},
		{name: "an unreadable answer", status: 200, file: "no_such_path.html", want: "hubspot: provider_error (HTTP 200): unreadable body"},
		{name: "an answer without id", status: 200, file: "not_found.json", want: "hubspot: provider_error (HTTP 200): unreadable body"},
		{name: "a redirect", status: 302, file: "no_such_path.html", want: "hubspot: provider_error (HTTP 302)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, c := answering(t, tt.status, http.Header{"Retry-After": {tt.retryAfter}}, tt.file)
			_, err := c.Company(t.Context(), acme)
			require.EqualError(t, err, tt.want)
			var e *outbound.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.wantWait, e.RetryAfter)
			require.Equal(t, tt.name == "no such record", errors.Is(err, account.ErrNotFound))
			id := hubspot.CorrelationID(err)
			require.Equal(t, tt.wantID, id[max(0, len(id)-1):])
		})
	}
}

func TestDailyLimitWaitsForMidnight(t *testing.T) {
	t.Parallel()
	_, c := answering(t, http.StatusTooManyRequests, nil, "daily.json")
	before := time.Now().UTC()
	_, err := c.Company(t.Context(), acme)
	var e *outbound.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, outbound.Throttled, e.Outcome)
	midnight := before.Truncate(24 * time.Hour).Add(24 * time.Hour)
	require.WithinDuration(t, midnight, before.Add(e.RetryAfter), time.Minute+time.Second)
	require.Contains(t, e.Unwrap().Error(), "correlation c0ffee00")
}

func TestBreakerIgnoresOurMistakes(t *testing.T) {
	t.Parallel()
	_, c := answering(t, http.StatusBadRequest, nil, "validation.json")
	for range 20 {
		require.Error(t, c.UpdateCompany(t.Context(), acme, map[string]string{"name": "x"}))
	}
	require.Equal(t, "closed", c.State())
}

func TestBreakerOpens(t *testing.T) {
	t.Parallel()
	rec, c := answering(t, http.StatusBadGateway, nil, "no_such_path.html")
	for range 20 {
		require.Error(t, c.UpdateCompany(t.Context(), acme, map[string]string{"name": "x"}))
	}
	require.Equal(t, "open", c.State())
	require.Len(t, rec.asked, 5)
}

func TestMergedCompany(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	c := s.client(t, token)
	left, gone := s.AddCompany("Acme", "acme.example", nil), s.AddCompany("Acme Inc.", "acme.example", nil)
	id, err := c.CreateNote(t.Context(), gone, crm.Note{Key: "sluice:n", Body: "why", At: time.Now()})
	require.NoError(t, err)
	require.NoError(t, s.Merge(left.ID, gone.ID))

	got, err := c.Company(t.Context(), gone)
	require.NoError(t, err)
	require.Equal(t, left, got.Key)
	found, err := c.FindNote(t.Context(), gone, "sluice:n")
	require.NoError(t, err, "a run that still holds the old key sees what it wrote")
	require.Equal(t, id, found)
}

func TestPortal(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{})
	got, err := hubspot.Portal(t.Context(), hubspot.Config{BaseURL: s.url, Token: token})
	require.NoError(t, err)
	require.Equal(t, portal, got)
	_, err = hubspot.Portal(t.Context(), hubspot.Config{BaseURL: s.url, Token: "pat-wrong"})
	require.Equal(t, outbound.AuthFailed, outbound.OutcomeOf(err))
}

func TestVersionIsASetting(t *testing.T) {
	t.Parallel()
	s := newServer(t, sandbox.Options{Version: "2027-03"})
	cfg := hubspot.Config{BaseURL: s.url, Token: token, Portal: portal, Version: "2027-03"}
	key := s.AddCompany("Acme", "acme.example", nil)
	c, err := hubspot.New(cfg)
	require.NoError(t, err)
	_, err = c.Company(t.Context(), key)
	require.NoError(t, err)

	cfg.Version = ""
	c, err = hubspot.New(cfg)
	require.NoError(t, err)
	_, err = c.Company(t.Context(), key)
	require.ErrorContains(t, err, "check the API version")
	require.NotErrorIs(t, err, account.ErrNotFound, "or every company would seem to be gone")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give hubspot.Config
		want string
	}{
		{name: "no portal", give: hubspot.Config{Token: token}, want: "portal: not a number"},
		{name: "a portal that is no number", give: hubspot.Config{Token: token, Portal: "acme"}, want: "portal: not a number"},
		{name: "no token", give: hubspot.Config{Portal: portal}, want: "token: empty"},
		{name: "a token with its line end", give: hubspot.Config{Portal: portal, Token: token + "\n"}, want: "token: empty, or with characters"},
		{name: "a base URL without scheme", give: hubspot.Config{Portal: portal, Token: token, BaseURL: "api.hubapi.com"}, want: "base URL: not an http"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := hubspot.New(tt.give)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestPropertyNameTaken is about a name that the listing does not show and the
// create refuses all the same.
func TestPropertyNameTaken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int // of reading the property
		body   string
		want   string
	}{
		{name: "somebody was faster", status: 200, body: `{"name":"icp_model","type":"string"}`, want: "present"},
		{name: "an archived property", status: 404, body: `{"status":"error"}`, want: "conflict"},
		{name: "a read-only property", status: 200, body: `{"name":"icp_model","type":"string","modificationMetadata":{"readOnlyValue":true}}`, want: "conflict"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			answer := func(pattern string, status int, body string) {
				mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, body)
				})
			}
			answer("GET /crm/properties/2026-09/companies", 200, `{"results":[]}`)
			answer("POST /crm/properties/2026-09/companies/groups", 409, `{"status":"error"}`)
			answer("POST /crm/properties/2026-09/companies", 409, `{"status":"error"}`)
			answer("GET /crm/properties/2026-09/companies/icp_model", tt.status, tt.body)
			s := httptest.NewServer(mux)
			t.Cleanup(s.Close)
			c, err := hubspot.New(hubspot.Config{BaseURL: s.URL, Token: token, Portal: portal, Rate: 1000})
			require.NoError(t, err)
			states, err := c.EnsureProperties(t.Context(), []crm.Property{{Name: crm.ModelProperty, Label: "ICP model", Type: crm.TextProperty}})
			require.NoError(t, err)
			require.Equal(t, tt.want, states[0].State)
		})
	}
}
