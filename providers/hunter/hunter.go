// Package hunter asks Hunter's company enrichment (Hunter API reference v2, 2026-11).
package hunter

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	name    = "hunter"
	env     = "HUNTER"
	baseURL = "https://api.hunter.io/v2"

	hitCredits  = 1.0
	missCredits = 0.0
)

// Spec describes Hunter.
var Spec = providers.Spec{
	Name: name, Env: env, BaseURL: baseURL, NeedsKey: true,
	Supplies: []account.Field{
		account.Name, account.LinkedInURL, account.Description, account.Industry, account.Employees,
		account.RevenueUSD, account.Country, account.State, account.City, account.Technologies,
		account.FoundedYear, account.FundingStage, account.FundingTotalUSD, account.LastFundingAt,
		account.CompanyType, account.BusinessModel, account.Tags,
	},
	HitCredits: hitCredits, MissCredits: missCredits,
	Rate: 500.0 / 60, // 15 a second, but no more than 500 a minute
	TTL:  30 * 24 * time.Hour,
	New:  New,
}

// Client is Hunter as a provider.
type Client struct{ http *outbound.Client }

var _ providers.Provider = (*Client)(nil)

// New returns Hunter, or what is wrong with the configuration.
func New(c providers.Config) (providers.Provider, error) {
	key, err := providers.RequireKey(env, c.Key)
	if err != nil {
		return nil, err
	}
	opts := append([]outbound.Option{outbound.WithHeader("X-API-KEY", key)}, c.Options...)
	return &Client{http: outbound.New(name, cmp.Or(c.BaseURL, baseURL), opts...)}, nil
}

// Ask implements [providers.Provider].
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	if acc.Domain == "" {
		return providers.Answer{}, providers.CannotAsk(name, "no domain")
	}
	req := outbound.Request{Path: "/companies/find", Query: url.Values{"domain": {acc.Domain}}}
	return providers.Fetch(ctx, c.http, req, c.read)
}

// read tells the outcomes apart. Hunter means "too fast" by 403 and "your plan is
// used up" by 429, the reverse of everybody else.
func (c *Client) read(r outbound.Response) (providers.Answer, error) {
	switch {
	case r.Status == http.StatusOK:
		return c.Map(r.Body, time.Now())
	case r.Status == http.StatusNotFound && providers.IsJSON(r.Body),
		r.Status == http.StatusUnavailableForLegalReasons: // removed at the company's wish
		return providers.Answer{Outcome: outbound.NotFound, Credits: missCredits, Body: r.Body}, nil
	}
	e := r.FailStatus()
	switch r.Status {
	case http.StatusForbidden:
		e.Outcome = outbound.Throttled
	case http.StatusTooManyRequests:
		e.Outcome = outbound.QuotaExhausted
	}
	e.Reason = reason(r.Body)
	return providers.Answer{}, e
}

func reason(body []byte) string {
	var failure struct {
		Errors []struct {
			ID string `json:"id"`
		} `json:"errors"`
	}
	if providers.Decode(body, &failure) != nil || len(failure.Errors) == 0 {
		return ""
	}
	return providers.Reason(failure.Errors[0].ID)
}
