package theirstack_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/providertest"
	"github.com/sluicehq/sluice/providers/theirstack"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Case{
		Spec:     theirstack.Spec,
		Asks:     "/v1/companies/technologies",
		Envelope: []string{"/data"},

		Found:     providertest.Reply{File: "found.json"},
		Partial:   providertest.Reply{File: "partial.json"},
		NotFound:  providertest.Reply{File: "not_found.json"},
		BadKey:    providertest.Reply{Status: 401, Body: `{}`},
		NoCredits: providertest.Reply{File: "no_credits.json"},
		Throttled: providertest.Reply{
			Status: 429, File: "throttled.json", RetryAfter: 38 * time.Second,
			Header: map[string]string{"RateLimit-Remaining": "3, 0, 40", "RateLimit-Reset": "1, 38, 2100"},
		},
		Wrong: providertest.Reply{File: "wrong_company.json"},
		Skip:  map[string]string{"wrong company": "the rows repeat no domain, only a name; TestWhoseAdsTheyAre has this"},
		Others: map[string]providertest.Reply{
			"no credits by status":      {Status: 402, Body: `{"error": {"code": "E-007"}}`, Outcome: outbound.QuotaExhausted},
			"a request that is refused": {Status: 422, Body: `{"error": {"code": "E-010"}}`, Outcome: outbound.BadRequest},
			"throttled without a hint":  {Status: 429, Body: `{}`, Outcome: outbound.Throttled},
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, theirstack.Spec) }

// TestWhatIsInUse: an ad of half a year ago still speaks; an older one, and one that only
// mentions a tool, does not.
func TestWhatIsInUse(t *testing.T) {
	t.Parallel()
	p, err := theirstack.New(providers.Config{Key: "k"})
	require.NoError(t, err)
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ name, last, confidence, want string }{
		{"of today", "2026-11-20", "high", "hubspot"},
		{"half a year old", "2026-05-24T10:00:00", "medium", "hubspot"},
		{"older", "2026-05-23", "high", ""},
		{"only mentioned", "2026-11-20", "low", ""},
		{"without a date", "", "high", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Map([]byte(`{"data": [{"technology": {"name": "HubSpot"}, "confidence": "`+tt.confidence+`", "last_date_found": "`+tt.last+`"}]}`), at)
			require.NoError(t, err)
			var found string
			for _, f := range got.Facts {
				if f.Field == account.Technologies {
					found = f.Value.String()
				}
			}
			require.Equal(t, tt.want, found)
		})
	}
}

// TestWhoseAdsTheyAre: the name is there for the identity gate.
func TestWhoseAdsTheyAre(t *testing.T) {
	t.Parallel()
	p, err := theirstack.New(providers.Config{Key: "k"})
	require.NoError(t, err)
	body, err := os.ReadFile("testdata/wrong_company.json")
	require.NoError(t, err)
	got, err := p.Map(body, time.Now())
	require.NoError(t, err)
	require.Equal(t, "Globex Corporation", got.Name)
}
