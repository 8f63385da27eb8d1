// Package pdl asks People Data Labs, whose company data is drawn from LinkedIn
// (company enrichment API v5, 2026-11).
package pdl

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	service = "pdl"
	env     = "PDL"
	baseURL = "https://api.peopledatalabs.com"

	hitCredits  = 1.0
	missCredits = 0.0
)

// Spec describes People Data Labs. A match costs one credit, a miss nothing. The
// rate of the company endpoint is not public; this is well below the 1 000 a
// minute that the person endpoint of a paid plan has.
var Spec = providers.Spec{
	Name: service, Env: env, BaseURL: baseURL, NeedsKey: true,
	Supplies: []account.Field{
		account.Name, account.LinkedInURL, account.Description, account.Industry, account.Employees,
		account.RevenueUSD, account.Country, account.State, account.City, account.FoundedYear,
		account.FundingStage, account.FundingTotalUSD, account.LastFundingAt, account.CompanyType, account.Tags,
	},
	HitCredits: hitCredits, MissCredits: missCredits,
	Rate: 10,
	TTL:  30 * 24 * time.Hour,
	New:  New,
}

// Client is People Data Labs as a provider.
type Client struct{ http *outbound.Client }

var _ providers.Provider = (*Client)(nil)

// New returns People Data Labs, or what is wrong with the configuration.
func New(cfg providers.Config) (providers.Provider, error) {
	key, err := providers.RequireKey(env, cfg.Key)
	if err != nil {
		return nil, err
	}
	opts := append([]outbound.Option{outbound.WithHeader("X-Api-Key", key)}, cfg.Options...)
	return &Client{http: outbound.New(service, cmp.Or(cfg.BaseURL, baseURL), opts...)}, nil
}

// Ask implements [providers.Provider]. The lookup is by website, or by name where
// there is no domain: the identity gate then decides by the name.
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	query := url.Values{}
	switch {
	case acc.Domain != "":
		query.Set("website", acc.Domain)
	case acc.Name != "":
		query.Set("name", acc.Name)
	default:
		return providers.Answer{}, providers.CannotAsk(service, "neither domain nor name")
	}
	return providers.Fetch(ctx, c.http, outbound.Request{Path: "/v5/company/enrich", Query: query}, c.read)
}

func (c *Client) read(r outbound.Response) (answer providers.Answer, err error) {
	switch {
	case r.Status == http.StatusOK:
		if answer, err = c.Map(r.Body, time.Now()); err != nil {
			return providers.Answer{}, err
		}
	case r.Status == http.StatusNotFound && providers.IsJSON(r.Body):
		answer = miss(r.Body)
	default:
		return providers.Answer{}, failure(r)
	}
	if spent, err := strconv.ParseFloat(r.Header.Get("X-Call-Credits-Spent"), 64); err == nil && spent >= 0 && spent <= 1000 {
		answer.Credits = spent // rather than the list price
	}
	return answer, nil
}

func miss(body []byte) providers.Answer {
	return providers.Answer{Outcome: outbound.NotFound, Credits: missCredits, Body: body}
}

// failure reads an error by its status, which says it all: 401 the key, 402 no
// credits left, 429 the rate of a minute.
func failure(r outbound.Response) error {
	e := r.FailStatus()
	if e.Outcome == outbound.Throttled {
		e = r.FailAfter(outbound.Throttled, untilReset(r.Header, time.Now()))
	}
	var body struct {
		Error struct {
			Type words `json:"type"`
		} `json:"error"`
	}
	if providers.Decode(r.Body, &body) == nil && len(body.Error.Type) > 0 {
		e.Reason = providers.Reason(body.Error.Type[0])
	}
	return e
}

// window is how long a rate limit lasts: a fixed minute.
const window = time.Minute

// untilReset reads x-ratelimit-reset, a UTC timestamp of no documented form. There
// is no Retry-After.
func untilReset(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("X-Ratelimit-Reset"))
	reset := providers.Time(v)
	if epoch, err := strconv.ParseInt(v, 10, 64); err == nil {
		reset = time.Unix(epoch, 0)
	}
	if reset.IsZero() {
		return window
	}
	return min(max(reset.Sub(now), time.Second), window)
}

// words is one text or a list of them: error.type is a string in the documentation
// and a list in the vendor's Go client.
type words []string

// UnmarshalJSON implements json.Unmarshaler. It never fails: what is neither is nothing.
func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	var many []string
	if json.Unmarshal(b, &many) == nil {
		*w = many
	}
	return nil
}
