package ingress

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
)

// visitStore follows acme.example only.
type visitStore struct {
	Store
	kept []signals.Visit
}

func (s *visitStore) AccountsByDomain(_ context.Context, domain string) ([]account.Account, error) {
	if domain != "acme.example" {
		return nil, nil
	}
	return []account.Account{{ID: 7, Domain: domain}}, nil
}

func (s *visitStore) AddVisits(_ context.Context, _ int64, visits []signals.Visit) error {
	s.kept = append(s.kept, visits...)
	return nil
}

func sign(secret string, at time.Time, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func deliver(s Store, secret, signature, body string) *httptest.ResponseRecorder {
	h := New(Config{Store: s, VisitsSecret: secret, Log: zap.NewNop()})
	r := httptest.NewRequest(http.MethodPost, "/webhooks/visits", strings.NewReader(body))
	r.Header.Set("X-Sluice-Signature", signature)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const oneVisit = `{"visits": [
	{"id": "v1", "domain": "https://www.acme.example/", "kind": "page_view", "page": "/pricing", "visitor": "x1", "at": "2026-11-20T09:30:00Z"},
	{"id": "v2", "domain": "nobody.example", "kind": "page_view", "at": "2026-11-20T09:30:00Z"}]}`

func TestVisitsOfAccountsAreKept(t *testing.T) {
	t.Parallel()
	var s visitStore
	w := deliver(&s, secret, sign(secret, time.Now(), oneVisit), oneVisit)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	require.JSONEq(t, `{"accepted": 1, "unknown": 1}`, w.Body.String())
	require.Len(t, s.kept, 1)
	require.Equal(t, "/pricing", s.kept[0].Page)
}

func TestVisitsAreRefused(t *testing.T) {
	t.Parallel()
	one := func(change, to string) string { return strings.Replace(oneVisit, change, to, 1) }
	tests := []struct {
		name      string
		signature string // "" for the right one
		body      string
		status    int
		want      string
	}{
		{name: "another key", signature: sign("other", time.Now(), oneVisit), body: oneVisit, status: 401, want: "X-Sluice-Signature"},
		{name: "an old one", signature: sign(secret, time.Now().Add(-6*time.Minute), oneVisit), body: oneVisit, status: 401, want: "5 minutes"},
		{name: "another body", signature: sign(secret, time.Now(), "{}"), body: oneVisit, status: 401, want: "prove"},
		{name: "no signature", signature: "nonsense", body: oneVisit, status: 401, want: "prove"},
		{name: "none", body: `{"visits": []}`, status: 422, want: "visits"},
		{name: "free mail", body: one("https://www.acme.example/", "gmail.com"), status: 422, want: "visits[0].domain"},
		{name: "no id", body: one(`"v1"`, `""`), status: 422, want: "visits[0].id"},
		{name: "another kind", body: one("page_view", "glance"), status: 422, want: "visits[0].kind"},
		{name: "no time", body: one(`, "at": "2026-11-20T09:30:00Z"},`, `},`), status: 422, want: "visits[0].at"},
		{name: "a person", body: one(`"x1"`, `"ann@acme.example"`), status: 422, want: "pseudonym"},
		{name: "not JSON", body: "<visits>", status: 400, want: "not JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.signature == "" {
				tt.signature = sign(secret, time.Now(), tt.body)
			}
			var s visitStore
			w := deliver(&s, secret, tt.signature, tt.body)
			require.Equal(t, tt.status, w.Code, w.Body)
			require.Contains(t, w.Body.String(), tt.want)
			require.Empty(t, s.kept)
		})
	}
}

func TestVisitsWithoutASecretAreNotServed(t *testing.T) {
	t.Parallel()
	w := deliver(&visitStore{}, "", sign("", time.Now(), oneVisit), oneVisit)
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "SLUICE_VISITS_SECRET")
}
