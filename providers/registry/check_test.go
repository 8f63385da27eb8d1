package registry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
)

func TestProvidersThatSayForFreeWhetherTheyTakeTheKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, path string
		status     int
		body       string
		want       outbound.Outcome // "": they do
	}{
		{"apollo", "/auth/health", 200, `{"healthy": true, "is_logged_in": true}`, ""},
		{"apollo", "/auth/health", 200, `{"healthy": true, "is_logged_in": false}`, outbound.AuthFailed},
		{"apollo", "/auth/health", 503, ``, outbound.ProviderError},
		{"apollo", "/auth/health", 200, `<html>`, outbound.ProviderError},
		{"hunter", "/account", 200, `{"data": {"plan_name": "Growth"}}`, ""},
		{"hunter", "/account", 401, `{"errors": [{"id": "authentication_failed"}]}`, outbound.AuthFailed},
		{"hunter", "/account", 403, ``, outbound.Throttled},
		{"theirstack", "/v0/billing/credit-balance", 200, `{"api_credits": 100, "used_api_credits": 99}`, ""},
		{"theirstack", "/v0/billing/credit-balance", 200, `{"api_credits": 100, "used_api_credits": 100}`, outbound.QuotaExhausted},
		{"theirstack", "/v0/billing/credit-balance", 401, ``, outbound.AuthFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+string(tt.want), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != tt.path {
					t.Errorf("asked %s", r.URL.Path)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			spec, ok := registry.Get(tt.name)
			require.True(t, ok)
			p, err := spec.New(providers.Config{BaseURL: server.URL, Key: "key"})
			require.NoError(t, err)
			checker, ok := p.(providers.Checker)
			require.True(t, ok)
			err = checker.Check(t.Context())
			require.Equal(t, tt.want, outbound.OutcomeOf(err))
			require.Equal(t, tt.want == "", err == nil)
		})
	}
}
