package hunter_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers/hunter"
	"github.com/sluicehq/sluice/providers/providertest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Case{
		Spec:     hunter.Spec,
		Asks:     "/companies/find?domain=acme.example",
		Envelope: []string{"/data"},

		Found:     providertest.Reply{File: "found.json"},
		Partial:   providertest.Reply{File: "partial.json"},
		NotFound:  providertest.Reply{Status: 404, File: "not_found.json"},
		BadKey:    providertest.Reply{Status: 401, File: "bad_key.json"},
		NoCredits: providertest.Reply{Status: 429, File: "no_credits.json"},
		Throttled: providertest.Reply{ // Hunter documents no hint; a gateway before it may give one
			Status: 403, Header: map[string]string{"Retry-After": "17"}, File: "throttled.json",
			RetryAfter: 17 * time.Second,
		},
		Wrong: providertest.Reply{File: "wrong_company.json"},
		Others: map[string]providertest.Reply{
			"throttled without a hint": {Status: 403, File: "throttled.json", Outcome: outbound.Throttled},
			"wrong parameters":         {Status: 400, File: "wrong_params.json", Outcome: outbound.BadRequest},
			"removed on legal request": {Status: 451, Body: `{"errors": [{"id": "claimed_email"}]}`, Outcome: outbound.NotFound},
			"404 of a proxy":           {Status: 404, Body: "<html>", Outcome: outbound.BadRequest},
			"no data":                  {Body: `{"meta": {}}`, Outcome: outbound.ProviderError},
			"empty data":               {Body: `{"data": {}}`, Outcome: outbound.ProviderError},
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, hunter.Spec) }
