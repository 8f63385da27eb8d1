package website_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers/providertest"
	"github.com/sluicehq/sluice/providers/website"
)

var asHTML = map[string]string{"Content-Type": "text/html; charset=utf-8"}

// TestConformance runs the kit against the sandbox's way of serving pages, where
// all of them come from one service.
func TestConformance(t *testing.T) {
	t.Parallel()
	const (
		noKey = "there is no key, and nothing to pay"
		html  = "a page is HTML and not JSON: half of it, or something else, is read as far as it goes"
	)
	providertest.Run(t, providertest.Case{
		Spec: website.Spec,
		Asks: "/acme.example/",
		Routes: map[string]providertest.Reply{
			"/acme.example/robots.txt":   {Body: "User-agent: *\nDisallow: /private\n"},
			"/globex.example/robots.txt": {Status: 404},
			"/globex.example/":           {Header: asHTML, File: "wrong_company.html"},
		},

		Found:     providertest.Reply{Header: asHTML, File: "found.html"},
		Partial:   providertest.Reply{Header: asHTML, File: "partial.html"},
		NotFound:  providertest.Reply{Status: 404, Header: asHTML, Body: "<h1>no such page</h1>"},
		Throttled: providertest.Reply{Status: 429, Header: map[string]string{"Retry-After": "5"}, RetryAfter: 5 * time.Second},
		Wrong:     providertest.Reply{Status: 302, Header: map[string]string{"Location": "/globex.example/"}},
		Others: map[string]providertest.Reply{
			"parked":          {Header: asHTML, File: "parked.html", Outcome: outbound.NotFound},
			"not for us":      {Status: 403, Header: asHTML, Body: "no", Outcome: outbound.NotFound},
			"not HTML":        {Body: `{"a": 1}`, Outcome: outbound.NotFound},
			"nothing to read": {Header: asHTML, Body: "<html></html>", Outcome: outbound.NotFound},
			"empty":           {Header: asHTML, Body: " ", Outcome: outbound.NotFound},
		},
		Skip: map[string]string{
			"bad key": noKey, "no credits": noKey,
			"truncated body": html, "not JSON": html, "unknown fields": html, "nulls": html, "changed types": html,
			"huge body": "of a page that goes on, the first 2 MiB are read: see TestBodies",
		},
	})
}

func FuzzMap(f *testing.F) { providertest.FuzzMap(f, website.Spec) }
