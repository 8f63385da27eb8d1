package clearbit_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers/clearbit"
	"github.com/sluicehq/sluice/providers/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	resetIn := func(d time.Duration) map[string]string {
		return map[string]string{"x-ratelimit-reset": strconv.FormatInt(time.Now().Add(d).Unix(), 10)}
	}
	providertest.Run(t, providertest.Case{
		Spec: clearbit.Spec,
		Asks: "/v2/companies/find?domain=acme.example",

		Found:     providertest.Reply{File: "found.json"},
		Partial:   providertest.Reply{File: "partial.json"},
		NotFound:  providertest.Reply{Status: 404, File: "not_found.json"},
		BadKey:    providertest.Reply{Status: 401, File: "bad_key.json"},
		NoCredits: providertest.Reply{Status: 402, File: "no_credits.json"},
		Throttled: providertest.Reply{
			Status: 429, Header: resetIn(10 * time.Minute), File: "throttled.json", RetryAfter: 10 * time.Minute,
		},
		Wrong: providertest.Reply{File: "wrong_company.json"},
		Others: map[string]providertest.Reply{
			"queued":                   {Status: 202, Outcome: outbound.Pending, RetryAfter: 3 * time.Minute},
			"queued, old":              {Status: 202, File: "queued.json", Outcome: outbound.Pending, RetryAfter: 3 * time.Minute},
			"created":                  {Status: 201, File: "found.json", Outcome: outbound.Found},
			"unknown route":            {Status: 404, File: "unknown_route.json", Outcome: outbound.BadRequest},
			"404 of a proxy":           {Status: 404, Body: "<html>", Outcome: outbound.BadRequest},
			"invalid key":              {Status: 401, Body: `{"error": {"type": "invalid_api_key"}}`, Outcome: outbound.AuthFailed},
			"over quota as 200":        {Status: 200, File: "no_credits.json", Outcome: outbound.QuotaExhausted},
			"over quota as 403":        {Status: 403, File: "no_credits.json", Outcome: outbound.QuotaExhausted},
			"over quota as 429":        {Status: 429, File: "no_credits.json", Outcome: outbound.QuotaExhausted},
			"over quota in a list":     {Status: 402, Body: `{"error": [{"type": "over_quota"}]}`, Outcome: outbound.QuotaExhausted},
			"throttled, window over":   {Status: 429, Header: resetIn(-time.Hour), Body: "{}", Outcome: outbound.Throttled, RetryAfter: time.Second},
			"throttled without a hint": {Status: 429, Body: "{}", Outcome: outbound.Throttled},
			"invalid parameter":        {Status: 422, Body: `{"error": {"type": "params_invalid"}}`, Outcome: outbound.BadRequest},
			"record without a company": {Status: 200, Body: `{"metrics": {}}`, Outcome: outbound.ProviderError},
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, clearbit.Spec) }
