// Package edgar reads what US companies file with the SEC (EDGAR, 2026-11): Form D,
// the earliest public trace of many private rounds, and item 5.02 of Form 8-K, by
// which public companies report who joins and leaves the top.
//
// EDGAR asks for no key but for a name and an address in the User-Agent, and allows
// ten requests a second over all its hosts together.
package edgar

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	service = "edgar"
	env     = "EDGAR"
	baseURL = "https://www.sec.gov"
)

// Spec describes EDGAR.
var Spec = signals.Spec{
	Name: service, Env: env, BaseURL: baseURL, Needs: "contact",
	Rate: 10, // over all three hosts
	New:  New,

	Properties: []string{"cik"},
}

// Client is EDGAR as a source of signals.
type Client struct {
	http *outbound.Client
	host hosts
}

var _ signals.Source = (*Client)(nil)

// hosts is what is put before a path to reach each of EDGAR's hosts.
type hosts struct{ data, www, efts string }

// New returns EDGAR, or what is wrong with the configuration. One client asks all
// three hosts, which count and block callers together: one pace, one breaker. So its
// base is the scheme alone, and the hosts are part of the paths; under a base URL of
// the operator's own they are its folders.
func New(cfg signals.Config) (signals.Source, error) {
	contact := strings.TrimSpace(cfg.Contact)
	if !mailAddress.MatchString(contact) {
		return nil, account.Invalid("SLUICE_"+env+"_CONTACT", "want a mail address that the SEC may write to; it answers nobody who does not give one")
	}
	base, host := "https:", hosts{data: "//data.sec.gov", www: "//www.sec.gov", efts: "//efts.sec.gov"}
	if own := strings.TrimRight(cfg.BaseURL, "/"); own != "" && own != baseURL {
		base, host = own, hosts{data: "/data", www: "/www", efts: "/efts"}
	}
	opts := append([]outbound.Option{outbound.WithHeader("User-Agent", "Sluice/1.0 "+contact)}, cfg.Options...)
	return &Client{http: outbound.New(service, base, opts...), host: host}, nil
}

// mailAddress need not be exact: it keeps out what was meant for another variable,
// and what would not fit in a header.
var mailAddress = regexp.MustCompile(`^[!-?A-~]+@[0-9A-Za-z.-]+\.[0-9A-Za-z-]+$`)

// Look implements [signals.Source].
func (c *Client) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	m := recall(at.Before)
	who, ask, err := c.identify(ctx, at, m)
	if err != nil || !ask {
		return signals.Sight{}, err
	}
	if who == nil {
		m.CIK, m.Confidence, m.Asked = "", 0, at.Now.UTC().Format(time.DateOnly)
		return signals.Sight{Remember: m.json()}, nil
	}
	m.CIK, m.Confidence, m.Asked = who.cik, who.confidence, ""
	var events []signals.Event
	for _, f := range who.filings.news(at) {
		if slices.Contains(m.Judged, f.accession) {
			continue
		}
		told, judged, err := c.judge(ctx, at, who, f)
		if err != nil {
			return signals.Sight{}, err
		}
		if judged {
			m.Judged = append(m.Judged, f.accession)
		}
		events = append(events, told...)
	}
	return signals.Sight{Events: events, Remember: m.json()}, nil
}

// judge reads a filing's document and says what it tells of. A document that is not
// there yet is not judged: the list can be ahead of the archive.
func (c *Client) judge(ctx context.Context, at signals.Look, who *filer, f filing) (told []signals.Event, judged bool, err error) {
	if f.form == formDName {
		d, found, err := c.formD(ctx, who.cik, f)
		if err != nil || !found {
			return nil, false, err
		}
		return d.events(at, who, f), true, nil
	}
	if !f.readable() {
		return nil, true, nil
	}
	text, found, err := c.report(ctx, who.cik, f)
	if err != nil || !found {
		return nil, false, err
	}
	return executiveEvents(at, who, f, text), true, nil
}

// memory is what the source is reminded of.
type memory struct {
	CIK        string   `json:"cik,omitempty"`        // whom the account was found to be
	Confidence float64  `json:"confidence,omitempty"` // in that
	Asked      string   `json:"asked,omitempty"`      // when nobody was found
	Judged     []string `json:"judged,omitempty"`     // accession numbers, told or not worth telling
}

// maxJudged bounds the memory; a look's window holds far fewer (see maxFilings).
const maxJudged = 500

var accessionNumber = regexp.MustCompile(`^[0-9]{10}-[0-9]{2}-[0-9]{6}$`)

// recall takes what it can use: a memory that cannot be read costs a search.
func recall(before json.RawMessage) memory {
	var m memory
	if json.Unmarshal(before, &m) != nil {
		return memory{}
	}
	if m.CIK = cleanCIK(m.CIK); m.CIK == "" || m.Confidence <= byNameOnly || m.Confidence > 1 {
		m.Confidence = byNameOnly
	}
	m.Judged = slices.DeleteFunc(m.Judged, func(s string) bool { return !accessionNumber.MatchString(s) })
	return m
}

func (m memory) json() json.RawMessage {
	if m.CIK == "" {
		m.Confidence = 0
	}
	m.Judged = m.Judged[max(len(m.Judged)-maxJudged, 0):]
	b, err := json.Marshal(m)
	if err != nil { // a NaN, which recall lets nobody bring in
		return nil
	}
	return b
}
