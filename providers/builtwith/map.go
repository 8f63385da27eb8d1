package builtwith

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

type response struct {
	Results []result   `json:"Results"`
	Errors  []apiError `json:"Errors"`
}

// result is one domain. Zero and null stand for "unknown" throughout. Meta and
// Attributes are beside Result, whatever third-party samples show.
type result struct {
	Lookup string `json:"Lookup"`
	Result struct {
		Paths []path `json:"Paths"`
	} `json:"Result"`
	Meta struct {
		CompanyName string   `json:"CompanyName"`
		Vertical    string   `json:"Vertical"`
		City        string   `json:"City"`
		State       string   `json:"State"`
		Country     string   `json:"Country"` // ISO-2
		Social      []string `json:"Social"`
	} `json:"Meta"`
	Attributes struct {
		Employees *float64 `json:"Employees"`
		Revenue   *float64 `json:"Revenue"`
	} `json:"Attributes"`
	LastIndexed millis `json:"LastIndexed"`
}

type path struct {
	Domain       string       `json:"Domain"`
	SubDomain    string       `json:"SubDomain"` // "" is the domain itself
	LastIndexed  millis       `json:"LastIndexed"`
	Technologies []technology `json:"Technologies"`
}

type technology struct {
	Name         string `json:"Name"`
	Parent       string `json:"Parent"`
	Tag          string `json:"Tag"`
	LastDetected millis `json:"LastDetected"`
}

// millis is a time in milliseconds since 1970; 0 is unknown.
type millis float64

func (m millis) time() time.Time {
	if m <= 0 || m > 4e12 { // the year 2096
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// apiError is an item of Errors: an object, or in one client's types a plain text.
type apiError struct{ code int }

// UnmarshalJSON implements json.Unmarshaler. It never fails: an error that cannot
// be read is still an error.
func (e *apiError) UnmarshalJSON(b []byte) error {
	var object struct {
		Code json.Number `json:"Code"`
	}
	var text string
	if json.Unmarshal(b, &object) == nil {
		text = object.Code.String()
	} else {
		_ = json.Unmarshal(b, &text)
	}
	e.code, _ = strconv.Atoi(strings.TrimSpace(text))
	return nil
}

// outcomes of the codes that come with status 200 (api.builtwith.com/errorCodes,
// 2026-11). Any other, -99 "internal" among them, is a fault of theirs.
var outcomes = map[int]outbound.Outcome{
	-1: outbound.BadRequest, // the request's form
	-2: outbound.AuthFailed,
	-3: outbound.QuotaExhausted,
	-7: outbound.BadRequest, // more than one domain
	-8: outbound.NotFound,   // a domain that it does not know how to look up
}

// Map implements [providers.Provider].
func (c *Client) Map(body []byte, at time.Time) (providers.Answer, error) {
	var r response
	if err := providers.Decode(body, &r); err != nil {
		return providers.Answer{}, fmt.Errorf("read domain: %w", err)
	}
	if len(r.Errors) > 0 {
		return r.Errors[0].answer(body)
	}
	if len(r.Results) == 0 || len(r.Results[0].Result.Paths) == 0 {
		return miss(body), nil
	}
	found := &r.Results[0]
	return providers.Answer{
		Outcome: outbound.Found, Name: found.Meta.CompanyName, Domain: found.domain(),
		Facts: found.facts(at), Credits: hitCredits, Body: body,
	}, nil
}

// answer is the miss or the failure that the code stands for.
func (e apiError) answer(body []byte) (providers.Answer, error) {
	switch o := outcomes[e.code]; o {
	case outbound.NotFound:
		return miss(body), nil
	case "":
		return providers.Answer{}, fail(outbound.ProviderError, "error in the body")
	default:
		return providers.Answer{}, fail(o, "code "+strconv.Itoa(e.code))
	}
}

func miss(body []byte) providers.Answer {
	return providers.Answer{Outcome: outbound.NotFound, Credits: missCredits, Body: body}
}

func fail(o outbound.Outcome, reason string) error {
	return &outbound.Error{Service: service, Outcome: o, Reason: reason}
}

// domain is the one that the paths are about. Lookup only repeats the question.
func (r *result) domain() string {
	for _, p := range r.Result.Paths {
		if p.Domain != "" {
			return p.Domain
		}
	}
	return r.Lookup
}

// facts dates what it found by the last look at the site, which may be long ago.
// Company data is a by-product at BuiltWith, hence the low confidence.
func (r *result) facts(at time.Time) []account.Fact {
	f := providers.NewFacts(service, r.observed(at))
	f.Technologies(r.current(), 0.85)
	f.Text(account.Name, r.Meta.CompanyName, 0.6)
	f.Industry(0.5, r.Meta.Vertical)
	f.Country(r.Meta.Country, 0.7)
	f.Text(account.State, r.Meta.State, 0.6)
	f.Text(account.City, r.Meta.City, 0.6)
	f.Employees(r.Attributes.Employees, "", 0.4)
	f.Revenue(r.Attributes.Revenue, "", 0.4)
	for _, page := range r.Meta.Social {
		if strings.Contains(strings.ToLower(page), "linkedin.") {
			f.LinkedIn(page, 0.6)
		}
	}
	return f.All()
}

func (r *result) observed(at time.Time) time.Time {
	if indexed := r.lastIndexed(); !indexed.IsZero() && indexed.Before(at) {
		return indexed
	}
	return at
}

// lastIndexed is when the domain itself was last looked at.
func (r *result) lastIndexed() time.Time {
	var last time.Time
	for _, p := range r.Result.Paths {
		if t := p.LastIndexed.time(); p.main() && t.After(last) {
			last = t
		}
	}
	if last.IsZero() {
		return r.LastIndexed.time()
	}
	return last
}

// fresh is how far before the last look a technology may last have been seen and
// still count as in use. The list is historical, and sites are read about monthly:
// this forgives one look that missed it.
const fresh = 45 * 24 * time.Hour

// current returns the technologies in use on the domain itself. Sub-domains are
// left out: they are help desks, status pages and staging hosts, run by others.
func (r *result) current() []string {
	var names []string
	for _, p := range r.Result.Paths {
		if !p.main() {
			continue
		}
		indexed := p.LastIndexed.time()
		if indexed.IsZero() {
			indexed = r.lastIndexed()
		}
		for _, t := range p.Technologies {
			if seen := t.LastDetected.time(); !seen.IsZero() && indexed.Sub(seen) <= fresh && !t.noise() {
				names = append(names, t.product())
			}
		}
	}
	return names
}

func (p *path) main() bool { return p.SubDomain == "" || strings.EqualFold(p.SubDomain, "www") }

// product is the technology that people name: "HubSpot Forms" is HubSpot.
func (t *technology) product() string {
	if t.Parent != "" {
		return t.Parent
	}
	return t.Name
}

// noise reports entries that say nothing of a company's choice of tools: the
// plumbing that every site has, and marks of a site's health.
func (t *technology) noise() bool {
	return noiseTags[strings.ToLower(t.Tag)] || noiseNames[strings.ToLower(t.Name)]
}

var noiseTags = map[string]bool{
	"ssl": true, "ns": true, "cdn": true, "cdns": true, "docinfo": true, "encoding": true, "language": true, "link": true,
	"robots": true, "copyright": true, "registrar": true, "seo_headers": true, "seo_meta": true, "seo_title": true, "parked": true,
}

var noiseNames = map[string]bool{
	"spf": true, "dmarc": true, "dmarc reject": true, "dmarc quarantine": true, "dmarc none": true, "dkim": true, "dnssec": true,
	"domain not resolving": true, "invalid certificate dates": true,
}
