// Package website reads a company's own home page: the technologies that it loads,
// by a rule file of our own, and what it says of the company in schema.org data.
// It needs no key and costs nothing.
//
// The provider here is the whole internet, which decides two things. An address
// comes from a CRM record, so nothing but public addresses is connected to, at
// every redirect anew. And one site that is dead, slow or closed to us says
// nothing about the next: it is a miss, never a failure, so that no number of them
// opens the breaker. So is a page that robots.txt keeps from agents named sluice, a
// parked domain, and a page that says nothing. Misses are kept with their reason
// and, like everything that this provider says, for a week only.
//
// Behind a base URL, as in the sandbox, the pages of all companies come from one
// service. Its failures are failures.
package website

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const service = "website"

// Spec describes the provider, with the rules that are built in.
var Spec = providers.Spec{
	Name: service, Env: "WEBSITE",
	Supplies: []account.Field{
		account.Technologies, account.Name, account.Description, account.LinkedInURL, account.Employees,
		account.Country, account.State, account.City, account.FoundedYear, account.CompanyType,
	},
	Rate: 20, // our own manners: each call goes to another site
	TTL:  7 * 24 * time.Hour,
	New: func(cfg providers.Config) (providers.Provider, error) {
		var opts []Option
		if cfg.Rules != "" {
			rules, err := LoadRules(cfg.Rules)
			if err != nil {
				return nil, err
			}
			opts = append(opts, WithRules(rules))
		}
		c, err := New(cfg, opts...)
		if err != nil {
			return nil, err
		}
		return c, nil
	},
}

// Client reads home pages.
type Client struct {
	http      *outbound.Client
	rules     *Rules
	base      *url.URL // where all pages are; nil for the internet
	transport *http.Transport
	maxTime   time.Duration
}

var _ providers.Provider = (*Client)(nil)

// Option changes one default of [New].
type Option func(*Client)

// WithRules replaces the rules by which technologies are recognised. Default, and
// nil: [Embedded].
func WithRules(r *Rules) Option { return func(c *Client) { c.rules = r } }

// withTransport lets tests resolve names as they like.
func withTransport(t *http.Transport) Option { return func(c *Client) { c.transport = t } }

func withMaxTime(d time.Duration) Option { return func(c *Client) { c.maxTime = d } }

const (
	// usualTime is for everything that one home page takes.
	usualTime = 10 * time.Second
	// atOnce is how many sites may be read at the same time, and how many times in
	// a row our own resolver may fail before it counts as down.
	atOnce = 64
	// maxEnvelope holds a page of maxPage bytes, whatever JSON makes of them.
	maxEnvelope = 8 * maxPage
)

// New returns the provider, or what is wrong with the configuration. With a
// BaseURL it reads the page of acme.example at BaseURL/acme.example/ instead.
func New(cfg providers.Config, opts ...Option) (*Client, error) {
	c := &Client{maxTime: usualTime}
	if cfg.BaseURL != "" {
		base, err := url.Parse(strings.TrimRight(cfg.BaseURL, "/"))
		if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
			return nil, account.Invalid("SLUICE_WEBSITE_BASE_URL", "not an http or https URL")
		}
		c.base = base
	}
	c.transport = newTransport(c.base)
	for _, opt := range opts {
		opt(c)
	}
	if c.rules == nil {
		c.rules = Embedded()
	}
	f := &fetcher{transport: c.transport, base: c.base, robots: newRobots(), maxTime: c.maxTime}
	out := append(slices.Clip(cfg.Options), outbound.WithTransport(f), outbound.WithMaxBody(maxEnvelope))
	if c.base == nil {
		// The fetcher keeps the time by itself, since too slow a site is a miss.
		out = append(out, outbound.WithTimeout(c.maxTime+2*time.Second), outbound.WithTrip(atOnce))
	}
	c.http = outbound.New(service, cfg.BaseURL, out...)
	return c, nil
}

// Ask implements [providers.Provider].
func (c *Client) Ask(ctx context.Context, acc account.Account) (providers.Answer, error) {
	if acc.Domain == "" {
		return providers.Answer{}, providers.CannotAsk(service, "no domain")
	}
	host, ok := publicName(acc.Domain)
	if !ok {
		return providers.Answer{}, providers.CannotAsk(service, "not the name of a public host")
	}
	path := "https://" + host + "/"
	if c.base != nil {
		path = "/" + host + "/"
	}
	return providers.Fetch(ctx, c.http, outbound.Request{Path: path}, func(r outbound.Response) (providers.Answer, error) {
		if r.Status != http.StatusOK {
			return providers.Answer{}, r.FailStatus()
		}
		return c.Map(r.Body, time.Now())
	})
}

// Map implements [providers.Provider]. It reads what Ask keeps of a visit, and also
// a home page as it is: HTML that somebody saved.
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	v, err := readVisit(body)
	if err != nil {
		return providers.Answer{}, fmt.Errorf("read visit: %w", err)
	}
	miss := providers.Answer{Outcome: outbound.NotFound, Body: body}
	if v.Miss != "" {
		return miss, nil
	}
	p := parsePage(v.HTML)
	if p.parked(v.host()) {
		return miss, nil
	}
	answer := c.describe(v, p, at)
	if len(answer.Facts) == 0 {
		return miss, nil
	}
	answer.Body = body
	return answer, nil
}

// How far a home page is believed. What a company says of itself is right as to who
// and where it is, and kind as to its size.
const (
	sureSchema   = 0.8  // schema.org data, meant to be read by machines
	sureSize     = 0.7  // head count in it: written once, seldom updated
	sureProse    = 0.7  // description
	sureMeta     = 0.6  // og:site_name, often with a slogan
	sureLink     = 0.75 // the only LinkedIn company page that is linked to
	sureDoubtful = 0.5  // one of several answers
	// sureTechnologies is below the 0.7 that models ask for: what a page loads is
	// in use, but what works behind it, CRMs above all, does not show.
	sureTechnologies = 0.65
	surePartial      = 0.5 // of a page whose end did not come
)

func (c *Client) describe(v visit, p *page, at time.Time) providers.Answer {
	f := providers.NewFacts(service, at)
	answer := providers.Answer{Outcome: outbound.Found, Domain: v.host()}
	if o := p.organization(v.host()); o != nil {
		o.describe(f)
		answer.Name, answer.Aliases = o.name, o.aliases
	}
	sure := sureTechnologies
	if v.Partial {
		sure = surePartial
	}
	f.Technologies(c.rules.detect(v, p), sure)
	site := p.meta("og:site_name")
	f.Text(account.Name, site, sureMeta)
	f.Text(account.Description, p.meta("description"), sureProse)
	f.Text(account.Description, p.meta("og:description"), sureProse)
	f.LinkedIn(p.linkedIn(), sureLink)
	if answer.Name == "" {
		answer.Name = site
	}
	answer.Facts = f.All()
	return answer
}

// publicName returns host in ASCII if it has the form of a name in the public DNS:
// no address literal in any notation, no single word. Where it leads is checked
// when it is dialled.
func publicName(host string) (string, bool) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || len(ascii) > 253 || strings.Contains(ascii, "..") || strings.ContainsAny(ascii, ":[]%/\\@?#_ ") {
		return "", false
	}
	ascii = strings.ToLower(ascii)
	dot := strings.LastIndexByte(ascii, '.')
	last := ascii[dot+1:]
	if dot <= 0 || last == "" || last[0] >= '0' && last[0] <= '9' { // 127.1 and 0x7f.0x1 are addresses, too
		return "", false
	}
	return ascii, true
}

// serviceError is a status of the base URL's own service, which is one provider
// like any other.
type serviceError struct {
	status int
	header http.Header
}

func (e *serviceError) Error() string { return fmt.Sprintf("status %d", e.status) }
