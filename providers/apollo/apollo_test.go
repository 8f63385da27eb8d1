package apollo_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers/apollo"
	"github.com/sluicehq/sluice/providers/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	plain := map[string]string{"Content-Type": "text/plain"}
	providertest.Run(t, providertest.Case{
		Spec:     apollo.Spec,
		Asks:     "/organizations/enrich?domain=acme.example",
		Envelope: []string{"/organization"},

		Found:     providertest.Reply{File: "found.json"},
		Partial:   providertest.Reply{File: "partial.json"},
		NotFound:  providertest.Reply{File: "not_found.json"},
		BadKey:    providertest.Reply{Status: 401, Header: plain, File: "bad_key.txt"},
		NoCredits: providertest.Reply{Status: 422, File: "no_credits.json"},
		Throttled: providertest.Reply{
			Status: 429, Header: map[string]string{"retry-after": "17"}, File: "throttled.json",
			RetryAfter: 17 * time.Second,
		},
		Wrong: providertest.Reply{File: "wrong_company.json"},
		Others: map[string]providertest.Reply{
			"organisation missing":   {Body: `{}`, Outcome: outbound.NotFound},
			"organisation empty":     {Body: `{"organization": {}}`, Outcome: outbound.NotFound},
			"organisation is a list": {Body: `{"organization": [1]}`, Outcome: outbound.ProviderError},
			"404":                    {Status: 404, Body: `{}`, Outcome: outbound.NotFound},
			"404 of a proxy":         {Status: 404, Body: `<html>`, Outcome: outbound.BadRequest},
			"endpoint not in plan":   {Status: 403, File: "not_in_plan.json", Outcome: outbound.AuthFailed},
			"403 of a proxy":         {Status: 403, Body: `<html>`, Outcome: outbound.AuthFailed},
			"parameter missing":      {Status: 422, File: "missing_parameter.json", Outcome: outbound.BadRequest},
			"422 in plain text":      {Status: 422, Header: plain, Body: `no`, Outcome: outbound.BadRequest},
			"invalid request":        {Status: 400, Header: plain, Body: `INVALID_REQUEST`, Outcome: outbound.BadRequest},
			"payment required":       {Status: 402, Body: `{}`, Outcome: outbound.QuotaExhausted},
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, apollo.Spec) }
