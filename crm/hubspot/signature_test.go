package hubspot_test

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
	sandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

const (
	secret   = "sluice-test-secret"
	target   = "https://sluice.example/webhooks/hubspot"
	creation = `[{"eventId":100,"subscriptionId":7,"portalId":42,"appId":9,"occurredAt":1795219200000,"subscriptionType":"object.creation","objectTypeId":"0-2","attemptNumber":0,"objectId":512,"changeSource":"CRM_UI","changeFlag":"NEW"}]`
	signed   = "J7uaR4I+r+RIPKKGmC5P6HcZSsv7KHVDQ5vlzQdkKMQ="
	signedAt = 1795219201000
)

// delivery is a request as a proxy passes it on: its own host, the query as it came.
func delivery(query, stamp, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://10.0.0.7:8080/webhooks/hubspot"+query, nil)
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	r.Header.Set("X-HubSpot-Signature-v3", signature)
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, secret, target, query, body, stamp, signature string
		at                                                  int64
	}{
		{
			name: "HubSpot's own", secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", target: "https://www.example.com/webhook_uri",
			body: "{'example_field':'example_value'}", stamp: "1693657560000", signature: "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=", at: 1693657560000,
		},
		{
			name: "HubSpot's own, later", secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", target: "https://www.example.com/webhook_uri",
			body: "{'example_field':'example_value'}", stamp: "1700000300000", signature: "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=", at: 1700000300000,
		},
		{name: "a creation", secret: secret, target: target, body: creation, stamp: "1795219201000", signature: signed, at: signedAt},
		{
			name: "escapes in the query", secret: secret, target: target, query: "?src=hs%3Aapp%2Fv3&x=%28a%29&y=a%20b",
			body: "[]", stamp: "1795219201000", signature: "P3BownYsP52u5pWnQZw8DMx8B+TIeQAcjPUMp+b5Hgc=", at: signedAt,
		},
		{
			name: "a target with a query takes it as received", secret: secret, target: target + "?src=old", query: "?src=hs%3Aapp%2Fv3&x=%28a%29&y=a%20b",
			body: "[]", stamp: "1795219201000", signature: "P3BownYsP52u5pWnQZw8DMx8B+TIeQAcjPUMp+b5Hgc=", at: signedAt,
		},
		{name: "on the last millisecond of its five minutes", secret: secret, target: target, body: creation, stamp: "1795219201000", signature: signed, at: signedAt + 300_000},
		{name: "from a clock that is a minute ahead", secret: secret, target: target, body: creation, stamp: "1795219201000", signature: signed, at: signedAt - 60_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := hubspot.NewVerifier(tt.secret, tt.target)
			require.NoError(t, err)
			require.NoError(t, v.Verify(delivery(tt.query, tt.stamp, tt.signature), []byte(tt.body), time.UnixMilli(tt.at)))
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, secret, target, query, body, stamp, signature string
		late                                                int64 // milliseconds after signing
		want                                                string
	}{
		{name: "a millisecond too old", late: 300_001, want: "ago"},
		{name: "too far in the future", late: -60_001, want: "in the future"},
		{name: "another body", body: creation + " ", want: "does not match"},
		{name: "another secret", secret: "sluice-test-secret2", want: "does not match"},
		{name: "another URL", target: "https://sluice.example/webhooks/hubspot/", want: "does not match"},
		{name: "a query that was not signed", query: "?x=1", want: "does not match"},
		{name: "another time", stamp: "1795219201001", want: "does not match"},
		{name: "no signature", signature: " ", want: "Signature-v3 is missing"},
		{name: "a signature that is no base64", signature: "J7uaR4I+r", want: "malformed"},
		{name: "a signature of another length", signature: "J7uaR4I=", want: "malformed"},
		{name: "no timestamp", stamp: " ", want: "Timestamp is missing"},
		{name: "a timestamp with a sign", stamp: "+1795219201000", want: "not a number"},
		{name: "a timestamp in seconds", stamp: "1795219201", want: "ago"},
		{name: "a timestamp beyond numbers", stamp: "99999999999999999999", want: "out of range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := hubspot.NewVerifier(cmp.Or(tt.secret, secret), cmp.Or(tt.target, target))
			require.NoError(t, err)
			r := delivery(tt.query, strings.TrimSpace(cmp.Or(tt.stamp, "1795219201000")), strings.TrimSpace(cmp.Or(tt.signature, signed)))
			err = v.Verify(r, []byte(cmp.Or(tt.body, creation)), time.UnixMilli(signedAt+tt.late))
			require.ErrorIs(t, err, hubspot.ErrSignature)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	_, err := hubspot.NewVerifier("", target)
	require.ErrorIs(t, err, account.ErrInvalid)
	for _, url := range []string{"", "sluice.example/webhooks", "ftp://sluice.example", target + "#part"} {
		_, err = hubspot.NewVerifier(secret, url)
		require.ErrorIs(t, err, account.ErrInvalid, url)
	}
}

// TestSandboxSigns checks that the sandbox and the verifier, written apart, agree.
func TestSandboxSigns(t *testing.T) {
	t.Parallel()
	s := sandbox.New(sandbox.Options{Portal: portal})
	url := "http://127.0.0.1:8080/webhooks/hubspot?src=hs%3Aapp%2Fv3&y=a%20b"
	r, err := s.Webhook(sandbox.Target{URL: url, Secret: secret}, s.Created("512")...)
	require.NoError(t, err)
	v, err := hubspot.NewVerifier(secret, url)
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, v.Verify(r, body, time.Now()))
}

func FuzzVerify(f *testing.F) {
	f.Add("?src=hs%3Aapp%2Fv3", "1795219201000", signed, creation)
	f.Add("", "", "", "")
	v, err := hubspot.NewVerifier(secret, target)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, query, stamp, signature, body string) {
		r := delivery("", stamp, signature)
		r.URL.RawQuery = query
		err := v.Verify(r, []byte(body), time.UnixMilli(signedAt))
		if err == nil && (query != "" || stamp != "1795219201000" || body != creation) {
			t.Fatal("a forged delivery passed")
		}
	})
}
