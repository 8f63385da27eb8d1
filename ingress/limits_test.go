package ingress

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/crm/hubspot"
)

// endless is a body that does not say how long it is, and goes on for ever.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += int64(len(p))
	return len(p), nil
}

func TestNoDoorReadsMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	verifier, err := hubspot.NewVerifier(secret, target)
	require.NoError(t, err)
	handler := New(Config{
		Store: &emptyStore{}, Token: token, Verifier: verifier, VisitsSecret: secret, Log: zap.NewNop(),
		Codec: &Codec{Secret: codecSecret},
	})
	for route, want := range map[string]int{
		"POST /webhooks/hubspot": 413, "POST /webhooks/visits": 413, "POST /v1/companies": 413, "DELETE /v1/companies/acme.example": 413,
		"POST /v1/companies/acme.example/override": 413, "DELETE /v1/companies/acme.example/override": 413,
		"POST /codec/" + codecSecret + "/decode": 413,
	} {
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			body := &endless{}
			method, path, _ := strings.Cut(route, " ")
			r := httptest.NewRequest(method, path, io.NopCloser(body))
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			require.Equal(t, want, w.Code, w.Body)
			require.Less(t, body.read, int64(2*maxBody))
		})
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/companies", &endless{}))
	require.Equal(t, http.StatusUnauthorized, w.Code, "who proves nothing is not read at all")
}
