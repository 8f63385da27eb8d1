// Package apollo asks Apollo's organisation enrichment (Apollo API reference,
// 2026-11).
package apollo

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	name    = "apollo"
	env     = "APOLLO"
	baseURL = "https://api.apollo.io/api/v1"

	hitCredits = 1.0
	// Apollo bills each organisation enriched. What a miss costs is not documented;
	// people lookups that find nothing are free.
	missCredits = 0.0
)

// Spec describes Apollo.
var Spec = providers.Spec{
	Name: name, Env: env, BaseURL: baseURL, NeedsKey: true,
	Supplies: []account.Field{
		account.Name, account.LinkedInURL, account.Industry, account.Employees, account.RevenueUSD,
		account.Country, account.State, account.City, account.Technologies, account.FoundedYear,
		account.FundingStage, account.FundingTotalUSD, account.LastFundingAt, account.CompanyType,
		account.BusinessModel, account.Tags,
	},
	HitCredits: hitCredits, MissCredits: missCredits,
	Rate: 1000.0 / 60, // of paid plans, for each team
	TTL:  30 * 24 * time.Hour,
	New:  New,
}

// Client is Apollo as a provider.
type Client struct{ http *outbound.Client }

var _ providers.Provider = (*Client)(nil)

// New returns Apollo, or what is wrong with the configuration.
func New(c providers.Config) (providers.Provider, error) {
	key, err := providers.RequireKey(env, c.Key)
	if err != nil {
		return nil, err
	}
	opts := append([]outbound.Option{outbound.WithHeader("x-api-key", key)}, c.Options...)
	return &Client{http: outbound.New(name, cmp.Or(c.BaseURL, baseURL), opts...)}, nil
}

// Ask implements [providers.Provider]. An account without a domain is looked up by
// its name.
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	query := url.Values{}
	switch {
	case acc.Domain != "":
		query.Set("domain", acc.Domain)
	case acc.Name != "":
		query.Set("name", acc.Name)
	default:
		return providers.Answer{}, providers.CannotAsk(name, "neither domain nor name")
	}
	return providers.Fetch(ctx, c.http, outbound.Request{Path: "/organizations/enrich", Query: query}, c.read)
}

// read tells the outcomes apart. The 401 is a plain sentence, and running out of
// credits is a 422 like a missing parameter.
func (c *Client) read(r outbound.Response) (providers.Answer, error) {
	switch {
	case r.Status == http.StatusOK:
		return c.Map(r.Body, time.Now())
	case r.Status == http.StatusNotFound && providers.IsJSON(r.Body):
		return miss(r.Body), nil
	case r.Status == http.StatusForbidden:
		e := r.FailStatus()
		e.Reason = failure(r.Body).code() // API_INACCESSIBLE: the key's scope or the plan
		return providers.Answer{}, e
	case r.Status == http.StatusUnprocessableEntity && failure(r.Body).noCredits():
		return providers.Answer{}, r.Fail(outbound.QuotaExhausted)
	}
	return providers.Answer{}, r.FailStatus()
}

func miss(body []byte) providers.Answer {
	return providers.Answer{Outcome: outbound.NotFound, Credits: missCredits, Body: body}
}

// failure is the body of an error.
type failure []byte

func (f failure) code() string {
	var body struct {
		Code string `json:"error_code"`
	}
	_ = providers.Decode(f, &body) // no code is no reason
	return providers.Reason(body.Code)
}

func (f failure) noCredits() bool {
	var body struct {
		Error string `json:"error"`
	}
	_ = providers.Decode(f, &body) // no message is another failure
	return strings.HasPrefix(strings.ToLower(body.Error), "insufficient credits")
}
