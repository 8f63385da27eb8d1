// Package hubspot speaks to HubSpot's CRM: a thin client on [outbound.Client] and
// the two halves of its webhooks, signature and body. It repeats nothing by
// itself, so that whoever repeats a write can look first.
//
// Facts about the API are from HubSpot's public documentation of version 2026-09.
package hubspot

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// Name is what account.Key.CRM says of a HubSpot record.
const Name = "hubspot"

// What [Config] leaves empty.
const (
	DefaultBaseURL = "https://api.hubapi.com"
	DefaultAppURL  = "https://app.hubspot.com"
	DefaultVersion = "2026-09"
	// DefaultRate is about 80 % of what a Professional account grants an app, 190
	// in 10 seconds.
	DefaultRate = 15.0
	// DefaultSearchRate stays below 5 a second, which the whole account shares.
	DefaultSearchRate = 4.0
)

// Config says which HubSpot account to speak to, and how.
type Config struct {
	BaseURL string // of the API, default DefaultBaseURL
	AppURL  string // of the pages that people see, default DefaultAppURL
	Token   string // of a service key, a static app token or OAuth; required
	Version string // of the API, default DefaultVersion
	Portal  string // the account's number, required: see Portal to ask for it

	Rate       float64 // calls a second but searches, default DefaultRate
	SearchRate float64 // searches a second, default DefaultSearchRate

	// Options change the HTTP client's defaults: timeout, breaker, transport.
	Options []outbound.Option
}

// Client is one HubSpot account. Make one per process and share it: it holds the
// breaker and the pace.
type Client struct {
	portal, version, appURL string

	general *outbound.Client
	search  *outbound.Client // has a limit of its own

	// inBulk says that this version has no list of one record's associations, so
	// that the bulk read is used at once.
	inBulk atomic.Bool
}

var _ crm.CRM = (*Client)(nil)

// New returns a client. It makes no call; its error names the setting that is wrong.
func New(cfg Config) (*Client, error) {
	if !number(cfg.Portal) {
		return nil, account.Invalid("portal", "not a number: it is the one in the URL of the HubSpot account, after /contacts/")
	}
	return newClient(cfg)
}

func newClient(cfg Config) (*Client, error) {
	if cfg.Token == "" || strings.ContainsFunc(cfg.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, account.Invalid("token", "empty, or with characters that no HubSpot token has")
	}
	base := cmp.Or(cfg.BaseURL, DefaultBaseURL)
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, account.Invalid("base URL", "not an http or https URL such as "+DefaultBaseURL)
	}
	options := func(rate float64) []outbound.Option {
		opts := append([]outbound.Option{}, cfg.Options...)
		return append(opts, outbound.WithHeader("Authorization", "Bearer "+cfg.Token), outbound.WithRate(rate))
	}
	return &Client{
		portal:  cfg.Portal,
		version: cmp.Or(cfg.Version, DefaultVersion),
		appURL:  strings.TrimRight(cmp.Or(cfg.AppURL, DefaultAppURL), "/"),
		general: outbound.New(Name, base, append(options(cmp.Or(cfg.Rate, DefaultRate)), outbound.WithAllowance(share))...),
		search:  outbound.New(Name, base, options(cmp.Or(cfg.SearchRate, DefaultSearchRate))...),
	}, nil
}

// Portal asks HubSpot which account the token of cfg belongs to.
func Portal(ctx context.Context, cfg Config) (string, error) {
	c, err := newClient(cfg)
	if err != nil {
		return "", err
	}
	var details struct {
		PortalID id `json:"portalId"`
	}
	err = c.call(ctx, outbound.Request{Path: "/account-info/" + c.version + "/details"}, func(r outbound.Response) error {
		return decode(r, &details, func() bool { return details.PortalID != "" })
	})
	return string(details.PortalID), err
}

// State says whether the breaker is closed, half-open or open.
func (c *Client) State() string {
	state, _ := c.general.State()
	return state
}

// Key implements crm.CRM.
func (c *Client) Key(recordID string) account.Key {
	return account.Key{CRM: Name, Portal: c.portal, ID: recordID}
}

// call makes one call at the general pace, and turns a refusal into an error
// before read sees it.
func (c *Client) call(ctx context.Context, req outbound.Request, read func(outbound.Response) error) error {
	return via(ctx, c.general, req, read)
}

func via(ctx context.Context, client *outbound.Client, req outbound.Request, read func(outbound.Response) error) error {
	return client.Do(ctx, req, func(r outbound.Response) error {
		if r.Status < 200 || r.Status > 299 {
			return refusal(r)
		}
		if read == nil {
			return nil
		}
		return read(r)
	})
}

// decode reads the body into v. An answer that lacks what it must have is the
// service's failure: a write may have had its effect.
func decode(r outbound.Response, v any, complete func() bool) error {
	if err := r.JSON(v); err != nil {
		return err
	}
	if !complete() {
		return errors.New("the answer lacks its id")
	}
	return nil
}

// objects is the path of records of one type, and of what is below them.
func (c *Client) objects(objectType string, rest ...string) string {
	return strings.Join(append([]string{"/crm/objects", c.version, objectType}, rest...), "/")
}

// recordID returns the record id of a company of this account.
func (c *Client) recordID(key account.Key) (string, error) {
	if key.CRM != Name || key.Portal != c.portal {
		return "", refuse("a record of another CRM account")
	}
	if !number(key.ID) {
		return "", refuse("the record id is not a number")
	}
	return key.ID, nil
}

// refuse is a request that was not sent, since it could never succeed.
func refuse(reason string) error {
	return &outbound.Error{Service: Name, Outcome: outbound.BadRequest, Reason: reason}
}

// number reports whether s is an id as HubSpot makes them: they go into paths.
func number(s string) bool {
	if s == "" || len(s) > 20 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// id is an id that HubSpot writes as a string here and as a number there.
type id string

// UnmarshalJSON implements json.Unmarshaler.
func (i *id) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		*i = ""
		return nil
	}
	if unquoted, err := strconv.Unquote(s); err == nil {
		s = unquoted
	}
	if !number(s) {
		return errors.New("an id is a number, or a string of digits")
	}
	*i = id(s)
	return nil
}

// page is where the next page of a listing starts.
type page struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

const maxPages = 1000 // no listing that Sluice asks for is longer; a server that repeats a cursor ends here

// pages calls fetch with each cursor in turn, until there is no further page.
func pages(fetch func(after string) (next string, err error)) error {
	after := ""
	for range maxPages {
		next, err := fetch(after)
		if err != nil || next == "" || next == after {
			return err
		}
		after = next
	}
	return &outbound.Error{Service: Name, Outcome: outbound.ProviderError, Reason: "listing without end"}
}

func patch(path string, body any) outbound.Request {
	return outbound.Request{Method: http.MethodPatch, Path: path, Body: body}
}

func post(path string, body any) outbound.Request {
	return outbound.Request{Method: http.MethodPost, Path: path, Body: body}
}
