package ingress

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/store"
)

// TestCaller holds that a token is needed wherever there is one, and that without
// any nobody but this machine is served.
func TestCaller(t *testing.T) {
	t.Parallel()
	some := map[string]store.Token{"read-me": {ID: 1, Scope: store.ReadScope}}
	tests := []struct {
		name, token, header, from string
		tokens                    map[string]store.Token
		want                      store.Scope // "": refused
	}{
		{name: "the operator's token", token: token, header: "Bearer " + token, from: "203.0.113.9:1", want: store.AdminScope},
		{name: "no header", token: token, from: "203.0.113.9:1"},
		{name: "no header, from this machine", token: token, from: "127.0.0.1:1"},
		{name: "another token", token: token, header: "Bearer " + token + "x", from: "127.0.0.1:1"},
		{name: "a beginning of the token", token: token, header: "Bearer canary", from: "127.0.0.1:1"},
		{name: "an empty token", token: token, header: "Bearer ", from: "127.0.0.1:1"},
		{name: "the bare token", token: token, header: token, from: "127.0.0.1:1"},
		{name: "another scheme", token: token, header: "Basic " + token, from: "127.0.0.1:1"},
		{name: "two tokens", token: token, header: "Bearer " + token + " " + token, from: "127.0.0.1:1"},
		{name: "a token on record", token: token, header: "Bearer read-me", from: "203.0.113.9:1", tokens: some, want: store.ReadScope},
		{name: "a token on record where the operator has none", header: "Bearer read-me", from: "203.0.113.9:1", tokens: some, want: store.ReadScope},
		{name: "no token set, from this machine", from: "127.0.0.1:1", want: store.AdminScope},
		{name: "no token set, from this machine over IPv6", from: "[::1]:1", want: store.AdminScope},
		{name: "no token set but some on record, from this machine", from: "127.0.0.1:1", tokens: some},
		{name: "no token set, from elsewhere", from: "203.0.113.9:1"},
		{name: "no token set, an empty one sent from elsewhere", header: "Bearer ", from: "203.0.113.9:1"},
		{name: "no token set, an empty one sent from this machine", header: "Bearer ", from: "127.0.0.1:1"},
		{name: "no token set, from nowhere"},
		{name: "no token set, from a name", from: "localhost:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/v1/companies/acme.com", nil)
			r.RemoteAddr = tt.from
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			h := &Handler{token: tt.token, store: &emptyStore{tokens: tt.tokens}, log: zap.NewNop()}
			who, err := h.caller(r)
			if tt.want == "" {
				require.ErrorIs(t, err, errUnauthorized)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, who.Scope)
		})
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodPost, "/v1/companies", strings.NewReader(`{"domain": "acme.com"}`)),
		httptest.NewRequest(http.MethodGet, "/v1/companies/acme.com", nil),
	} {
		r.Header.Set("X-Forwarded-For", "127.0.0.1")
		w := d.send(r)
		require.Equal(t, `Bearer realm="sluice"`, w.Header().Get("WWW-Authenticate"))
		requireProblem(t, w, problem{Status: 401, Detail: errUnauthorized.Detail})
	}
}

// with is a request with a token on record.
func with(d door, shown string, scope store.Scope, method, path, body string) *http.Request {
	d.store.tokens = map[string]store.Token{shown: {ID: 7, Scope: scope}}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+shown)
	return r
}

func TestATokenDoesNoMoreThanItsScope(t *testing.T) {
	t.Parallel()
	d := newDoor(t) // whose Temporal refuses every call
	const add, override = "/v1/companies", "/v1/companies/acme.com/override"
	forbidden := problem{Status: 403, Detail: "the token is for read; this takes write: starter token create NAME --scope write"}
	requireProblem(t, d.send(with(d, "a", store.ReadScope, http.MethodPost, add, `{"domain": "acme.com"}`)), forbidden)
	requireProblem(t, d.send(with(d, "a", store.ReadScope, http.MethodPost, override, `{}`)), forbidden)
	requireProblem(t, d.send(with(d, "a", store.ReadScope, http.MethodDelete, override, `{}`)), forbidden)
	requireProblem(t, d.send(with(d, "a", store.WriteScope, http.MethodDelete, "/v1/companies/acme.com", "")),
		problem{Status: 403, Detail: "the token is for write; this takes admin: starter token create NAME --scope admin"})
	for _, scope := range store.Scopes {
		requireProblem(t, d.send(with(d, "a", scope, http.MethodGet, "/v1/companies/acme.com", "")), problem{Status: 404, Detail: "no such company here"})
	}
}

func TestATokenThatCannotBeLookedUpIsNotRefusedForGood(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	r := with(d, "a", store.ReadScope, http.MethodGet, "/v1/companies/acme.com", "")
	d.store.broken = errors.New("dial " + secret)
	requireProblem(t, d.send(r), problem{Status: 503, Detail: errUnavailable.Detail})
}

func TestATokenHasAPace(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	limited := 0
	for range callsAtOnce + 2*callsPerSecond {
		w := d.send(with(d, "a", store.ReadScope, http.MethodGet, "/v1/companies/acme.com", ""))
		if w.Code == http.StatusTooManyRequests {
			limited++
			require.Equal(t, "1", w.Header().Get("Retry-After"))
		}
	}
	require.Positive(t, limited)
	d.store.tokens = nil
	require.Equal(t, http.StatusNotFound, d.send(apiCall(http.MethodGet, "/v1/companies/acme.com", "")).Code, "the operator has none")
}
