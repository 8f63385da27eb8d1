package builtwith_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/builtwith"
	"github.com/sluicehq/sluice/providers/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Case{
		Spec:     builtwith.Spec,
		Asks:     "/api.json?LOOKUP=acme.example",
		Envelope: []string{"/Errors"},

		Found:     providertest.Reply{File: "found.json"},
		Partial:   providertest.Reply{File: "partial.json"},
		NotFound:  providertest.Reply{File: "not_found.json"},
		BadKey:    providertest.Reply{File: "bad_key.json"},
		NoCredits: providertest.Reply{File: "no_credits.json"},
		Throttled: providertest.Reply{Status: 429, File: "throttled.json", RetryAfter: 7 * time.Second},
		Wrong:     providertest.Reply{File: "wrong_company.json"},
		Others: map[string]providertest.Reply{
			"bad format":               {Body: `{"Errors": [{"Code": -1, "Message": "?"}]}`, Outcome: outbound.BadRequest},
			"more than one domain":     {Body: `{"Errors": [{"Code": -7, "Message": "?"}]}`, Outcome: outbound.BadRequest},
			"unsupported domain":       {Body: `{"Errors": [{"Code": -8, "Message": "?"}]}`, Outcome: outbound.NotFound},
			"internal error":           {Body: `{"Errors": [{"Code": -99, "Message": "?"}]}`, Outcome: outbound.ProviderError},
			"unknown code":             {Body: `{"Errors": [{"Code": -1234}]}`, Outcome: outbound.ProviderError},
			"code as text":             {Body: `{"Errors": [{"Code": "-2"}]}`, Outcome: outbound.AuthFailed},
			"error as plain text":      {Body: `{"Results": [], "Errors": ["something went wrong"]}`, Outcome: outbound.ProviderError},
			"code as plain text":       {Body: `{"Errors": ["-3"]}`, Outcome: outbound.QuotaExhausted},
			"no results":               {Body: `{"Results": [], "Errors": []}`, Outcome: outbound.NotFound},
			"key refused by status":    {Status: 401, Body: `{}`, Outcome: outbound.AuthFailed},
			"throttled without a hint": {Status: 429, Body: `{}`, Header: map[string]string{"Retry-After": "3"}, Outcome: outbound.Throttled, RetryAfter: 3 * time.Second},
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, builtwith.Spec) }

func TestCurrent(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	looked := time.Date(2026, 10, 14, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		give string // of the path
		seen time.Time
		want []string
	}{
		{name: "seen at the last look", seen: looked, want: []string{"hubspot"}},
		{name: "seen 45 days before it", seen: looked.Add(-45 * day), want: []string{"hubspot"}},
		{name: "not seen for longer is history", seen: looked.Add(-45*day - time.Millisecond)},
		{name: "never seen", seen: time.UnixMilli(0)},
		{name: "on www", seen: looked, give: `"SubDomain": "www",`, want: []string{"hubspot"}},
		{name: "on a help desk's sub-domain", seen: looked, give: `"SubDomain": "help",`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := read(t, fmt.Sprintf(`{"Results": [{"Result": {"Paths": [{"Domain": "acme.example", %s "LastIndexed": %d,
				"Technologies": [{"Name": "HubSpot", "Tag": "analytics", "LastDetected": %d}]}]}}]}`, tt.give, looked.UnixMilli(), tt.seen.UnixMilli()))
			require.Equal(t, tt.want, got[account.Technologies].Value.List())
		})
	}
}

// TestObserved: facts are as old as the last look at the site, not as the call.
func TestObserved(t *testing.T) {
	t.Parallel()
	const body = `{"Results": [{"Result": {"Paths": [{"Domain": "acme.example", "LastIndexed": 1767225600000, "Technologies": []}]}, "Meta": {"Country": "GB"}}]}`
	require.Equal(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), read(t, body)[account.Country].ObservedAt)
}

func read(t *testing.T, body string) account.Facts {
	t.Helper()
	p, err := builtwith.New(providers.Config{Key: "k"})
	require.NoError(t, err)
	got, err := p.Map([]byte(body), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	facts := account.Facts{}
	for _, f := range got.Facts {
		facts[f.Field] = f
	}
	return facts
}
