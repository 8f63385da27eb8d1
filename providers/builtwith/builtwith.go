// Package builtwith asks BuiltWith for the technologies behind a domain (domain
// API, 2026-11). The version of the API is part of the base URL; v20 to v23 have
// the same shape.
package builtwith

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	service = "builtwith"
	env     = "BUILTWITH"
	baseURL = "https://api.builtwith.com/v22"

	hitCredits = 1.0
	// What an unknown domain costs is not documented: budgets count it as if it
	// were charged.
	missCredits = 1.0
)

// Spec describes BuiltWith.
var Spec = providers.Spec{
	Name: service, Env: env, BaseURL: baseURL, NeedsKey: true,
	Supplies: []account.Field{
		account.Technologies, account.Name, account.Industry, account.Employees, account.RevenueUSD,
		account.Country, account.State, account.City, account.LinkedInURL,
	},
	HitCredits: hitCredits, MissCredits: missCredits,
	Rate: 10, // for each account, with 8 calls at once
	TTL:  30 * 24 * time.Hour,
	New:  New,
}

// Client is BuiltWith as a provider.
type Client struct{ http *outbound.Client }

var _ providers.Provider = (*Client)(nil)

// New returns BuiltWith, or what is wrong with the configuration.
func New(cfg providers.Config) (providers.Provider, error) {
	key, err := providers.RequireKey(env, cfg.Key)
	if err != nil {
		return nil, err
	}
	opts := append([]outbound.Option{outbound.WithHeader("Authorization", "API "+key)}, cfg.Options...)
	return &Client{http: outbound.New(service, cmp.Or(cfg.BaseURL, baseURL), opts...)}, nil
}

// Ask implements [providers.Provider]. BuiltWith knows companies by their domain
// only.
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	if acc.Domain == "" {
		return providers.Answer{}, providers.CannotAsk(service, "no domain")
	}
	req := outbound.Request{Path: "/api.json", Query: url.Values{"LOOKUP": {acc.Domain}}}
	return providers.Fetch(ctx, c.http, req, c.read)
}

// read knows that the status says little: a bad key and an empty balance come with
// 200. The vendor does not promise that envelope for ever, so others count too.
func (c *Client) read(r outbound.Response) (providers.Answer, error) {
	if r.Status != http.StatusOK {
		return providers.Answer{}, failure(r)
	}
	answer, err := c.Map(r.Body, time.Now())
	if refused, ok := errors.AsType[*outbound.Error](err); ok {
		e := r.Fail(refused.Outcome)
		e.Reason = refused.Reason
		return providers.Answer{}, e
	}
	return answer, err
}

func failure(r outbound.Response) error {
	e := r.FailStatus()
	var body struct {
		RetryAfter float64 `json:"retryAfterSeconds"`
	}
	if e.Outcome == outbound.Throttled && providers.Decode(r.Body, &body) == nil && body.RetryAfter > 0 {
		return r.FailAfter(outbound.Throttled, time.Duration(min(body.RetryAfter, 3600)*float64(time.Second)))
	}
	return e
}
