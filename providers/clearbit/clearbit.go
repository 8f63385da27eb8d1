// Package clearbit asks the Clearbit Company API for the keys that still work: it
// takes no new customers (Clearbit API reference, 2026-08).
package clearbit

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	name       = "clearbit"
	env        = "CLEARBIT"
	baseURL    = "https://company.clearbit.com"
	apiVersion = "2019-12-19" // the last one; without it the account's own is used

	// 200, 201, 202 and 404 count against the quota, a domain once in a billing
	// period. We count every answer: a domain that was queued first may count twice
	// with us, never less than with Clearbit.
	credits = 1.0

	// queueDelay is how long a company that Clearbit has never seen takes: "a few
	// minutes".
	queueDelay = 3 * time.Minute
)

// Spec describes Clearbit.
var Spec = providers.Spec{
	Name: name, Env: env, BaseURL: baseURL, NeedsKey: true,
	Supplies: []account.Field{
		account.Name, account.LinkedInURL, account.Description, account.Industry, account.Employees,
		account.RevenueUSD, account.Country, account.State, account.City, account.Technologies,
		account.FoundedYear, account.FundingTotalUSD, account.CompanyType, account.BusinessModel, account.Tags,
	},
	HitCredits: credits, MissCredits: credits,
	Rate: 600.0 / 60,
	TTL:  30 * 24 * time.Hour,
	New:  New,
}

// Client is Clearbit as a provider.
type Client struct{ http *outbound.Client }

var _ providers.Provider = (*Client)(nil)

// New returns Clearbit, or what is wrong with the configuration.
func New(c providers.Config) (providers.Provider, error) {
	key, err := providers.RequireKey(env, c.Key)
	if err != nil {
		return nil, err
	}
	opts := append([]outbound.Option{
		outbound.WithHeader("Authorization", "Bearer "+key),
		outbound.WithHeader("API-Version", apiVersion),
	}, c.Options...)
	return &Client{http: outbound.New(name, cmp.Or(c.BaseURL, baseURL), opts...)}, nil
}

// Ask implements [providers.Provider].
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	if acc.Domain == "" {
		return providers.Answer{}, providers.CannotAsk(name, "no domain")
	}
	req := outbound.Request{Path: "/v2/companies/find", Query: url.Values{"domain": {acc.Domain}}}
	return providers.Fetch(ctx, c.http, req, c.read)
}

// read tells the outcomes apart. Running over the quota has a type of its own and
// no status that one could rely on; a 404 is a miss only if it is about the record.
func (c *Client) read(r outbound.Response) (providers.Answer, error) {
	kind := errorType(r.Body)
	switch {
	case kind == "over_quota":
		return providers.Answer{}, because(r.Fail(outbound.QuotaExhausted), kind)
	case r.Status == http.StatusOK, r.Status == http.StatusCreated:
		return c.Map(r.Body, time.Now())
	case r.Status == http.StatusAccepted:
		return providers.Answer{Outcome: outbound.Pending, Credits: credits, Body: r.Body, RetryAfter: queueDelay}, nil
	case r.Status == http.StatusNotFound && kind != "unknown_route" && providers.IsJSON(r.Body):
		return providers.Answer{Outcome: outbound.NotFound, Credits: credits, Body: r.Body}, nil
	case r.Status == http.StatusTooManyRequests:
		return providers.Answer{}, because(throttled(r), kind)
	}
	return providers.Answer{}, because(r.FailStatus(), kind)
}

// throttled reads the end of the window, in seconds since 1970; there is no
// Retry-After.
func throttled(r outbound.Response) *outbound.Error {
	reset, err := strconv.ParseInt(r.Header.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil {
		return r.Fail(outbound.Throttled)
	}
	wait := time.Until(time.Unix(reset, 0))
	return r.FailAfter(outbound.Throttled, min(max(wait, time.Second), time.Hour))
}

func because(e *outbound.Error, kind string) *outbound.Error {
	e.Reason = providers.Reason(kind)
	return e
}

// errorType returns the type of an error body, which old versions of the API wrap
// in a list.
func errorType(body []byte) string {
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if providers.Decode(body, &envelope) != nil || len(envelope.Error) == 0 {
		return ""
	}
	type failure struct {
		Type string `json:"type"`
	}
	var one failure
	if providers.Decode(envelope.Error, &one) == nil {
		return one.Type
	}
	var many []failure
	if json.Unmarshal(envelope.Error, &many) != nil || len(many) == 0 {
		return ""
	}
	return many[0].Type
}
