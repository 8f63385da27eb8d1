// Package theirstack asks TheirStack for the technologies that a company names in its job
// ads (API v1, 2026-11): what it hires for, where others see what its website loads.
package theirstack

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	service = "theirstack"
	env     = "THEIRSTACK"
	baseURL = "https://api.theirstack.com"

	hitCredits = 3.0 // for each lookup, also a repeated one; nothing if it is empty
)

// Spec describes TheirStack.
var Spec = providers.Spec{
	Name: service, Env: env, BaseURL: baseURL, NeedsKey: true,
	Supplies:   []account.Field{account.Technologies, account.Name},
	HitCredits: hitCredits,
	Rate:       4, // of paid plans; the free one allows ten a minute
	TTL:        30 * 24 * time.Hour,
	New:        New,
}

// Client is TheirStack as a provider.
type Client struct{ http *outbound.Client }

var _ providers.Provider = (*Client)(nil)

// New returns TheirStack, or what is wrong with the configuration.
func New(cfg providers.Config) (providers.Provider, error) {
	key, err := providers.RequireKey(env, cfg.Key)
	if err != nil {
		return nil, err
	}
	opts := append([]outbound.Option{outbound.WithHeader("Authorization", "Bearer "+key)}, cfg.Options...)
	return &Client{http: outbound.New(service, cmp.Or(cfg.BaseURL, baseURL), opts...)}, nil
}

// Ask implements [providers.Provider]. TheirStack is asked by domain only: its names are
// those of job ads.
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	if acc.Domain == "" {
		return providers.Answer{}, providers.CannotAsk(service, "no domain")
	}
	req := outbound.Request{
		Method: http.MethodPost, Path: "/v1/companies/technologies", Body: map[string]string{"company_domain": acc.Domain},
	}
	return providers.Fetch(ctx, c.http, req, c.read)
}

// read knows that credits can run out with a 402, and with a 200 that withholds its rows.
func (c *Client) read(r outbound.Response) (providers.Answer, error) {
	if r.Status != http.StatusOK {
		return providers.Answer{}, failure(r)
	}
	answer, withheld, err := read(r.Body, time.Now())
	if err == nil && withheld {
		return providers.Answer{}, r.Fail(outbound.QuotaExhausted)
	}
	return answer, err
}

func failure(r outbound.Response) error {
	e := r.FailStatus()
	if e.Outcome == outbound.Throttled && e.RetryAfter == 0 {
		return r.FailAfter(outbound.Throttled, untilReset(r.Header))
	}
	return e
}

// untilReset is how long until the window that is used up begins anew. There are
// several, as lists: RateLimit-Remaining "0, 7" and RateLimit-Reset "1, 38", in seconds.
func untilReset(h http.Header) time.Duration {
	resets := strings.Split(h.Get("RateLimit-Reset"), ",")
	var longest time.Duration
	for i, left := range strings.Split(h.Get("RateLimit-Remaining"), ",") {
		if strings.TrimSpace(left) != "0" || i >= len(resets) {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(resets[i])); err == nil && n > 0 && n <= 24*60*60 {
			longest = max(longest, time.Duration(n)*time.Second)
		}
	}
	return longest
}
