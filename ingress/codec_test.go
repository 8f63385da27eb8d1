package ingress

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/sluicehq/sluice/seal"
)

const codecSecret = "canary-codec-secret"

// codecDoor is a front door that opens payloads, and the body of a request with one.
func codecDoor(t *testing.T) (http.Handler, string) {
	t.Helper()
	key, err := seal.NewKey("a")
	require.NoError(t, err)
	keys, err := seal.ParseKeys(key)
	require.NoError(t, err)
	c := seal.NewCodec(keys, nil)
	sealed, err := c.Encode([]*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(`"Tier 1"`)}})
	require.NoError(t, err)
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: sealed})
	require.NoError(t, err)
	handler := New(Config{
		Store: &emptyStore{}, Token: token, Log: zap.NewNop(),
		Codec: &Codec{Payloads: c, Secret: codecSecret, UIOrigin: "https://temporal.example.com"},
	})
	return handler, string(body)
}

func ask(handler http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestTheCodecOpensForWhoShowsTheSecret(t *testing.T) {
	t.Parallel()
	handler, body := codecDoor(t)
	for _, w := range []*httptest.ResponseRecorder{
		ask(handler, http.MethodPost, "/codec/decode", body, "Authorization", "Bearer "+codecSecret),
		ask(handler, http.MethodPost, "/codec/"+codecSecret+"/decode", body),
	} {
		require.Equal(t, http.StatusOK, w.Code)
		var out commonpb.Payloads
		require.NoError(t, protojson.Unmarshal(w.Body.Bytes(), &out))
		require.Equal(t, `"Tier 1"`, string(out.Payloads[0].Data))
		require.Equal(t, "https://temporal.example.com", w.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
}

func TestTheCodecDoesNotRepeatWhatItCannotRead(t *testing.T) {
	t.Parallel()
	handler, _ := codecDoor(t)
	for _, body := range []string{"jane", `{"jane": 1}`, `{"payloads": [{"data": "jane"}, 7]}`} {
		w := ask(handler, http.MethodPost, "/codec/"+codecSecret+"/decode", body)
		require.Equal(t, http.StatusBadRequest, w.Code, body)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.NotContains(t, w.Body.String(), "jane")
	}
}

func TestTheCodecOpensForNobodyElseAndSealsForNobody(t *testing.T) {
	t.Parallel()
	handler, body := codecDoor(t)
	tests := []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"no secret", http.MethodPost, "/codec/decode", nil, http.StatusUnauthorized},
		{"a wrong one in the header", http.MethodPost, "/codec/decode", []string{"Authorization", "Bearer wrong"}, http.StatusUnauthorized},
		{"a wrong one in the path", http.MethodPost, "/codec/wrong/decode", nil, http.StatusUnauthorized},
		{"the token of /v1", http.MethodPost, "/codec/decode", []string{"Authorization", "Bearer " + token}, http.StatusUnauthorized},
		{"the secret without Bearer", http.MethodPost, "/codec/decode", []string{"Authorization", codecSecret}, http.StatusUnauthorized},
		{"sealing", http.MethodPost, "/codec/" + codecSecret + "/encode", nil, http.StatusNotFound},
		{"reading by GET", http.MethodGet, "/codec/" + codecSecret + "/decode", nil, http.StatusNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := ask(handler, tt.method, tt.path, body, tt.header...)
			require.Equal(t, tt.want, w.Code)
			require.NotContains(t, w.Body.String(), "Tier 1")
			require.NotContains(t, w.Body.String(), "canary")
		})
	}
}

func TestABrowserIsLetInFromTheTemporalUIOnly(t *testing.T) {
	t.Parallel()
	handler, _ := codecDoor(t)
	w := ask(handler, http.MethodOptions, "/codec/"+codecSecret+"/decode", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "https://temporal.example.com", w.Header().Get("Access-Control-Allow-Origin"), "whoever asks: the browser compares")
	require.Empty(t, w.Header().Get("Access-Control-Allow-Credentials"))
}

func TestThereIsNoCodecWithoutKeys(t *testing.T) {
	t.Parallel()
	handler := New(Config{Store: &emptyStore{}, Token: token, Log: zap.NewNop()})
	require.Equal(t, http.StatusNotFound, ask(handler, http.MethodPost, "/codec/decode", "{}", "Authorization", "Bearer ").Code)
}
