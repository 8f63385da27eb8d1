// Package jobboards reads the public job boards of Greenhouse, Lever, Ashby,
// SmartRecruiters and Workable (2026-11) for what an account hires. None of them
// needs a key.
//
// Which board is an account's own is the hard part: it cannot be derived from the
// domain. A CRM property may name it; otherwise the likely addresses are tried, and a
// board counts only if it says whose it is. See [Client.Look].
package jobboards

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	service = "jobboards"

	// Field is the CRM property that names an account's board: its address, such as
	// https://jobs.lever.co/acme, or lever:acme.
	Field = "job_board"

	maxPostings = 2000     // of a board
	maxBody     = 32 << 20 // bytes: large boards send the text of every posting along
)

// Spec describes the job boards. There are several hosts, so that BaseURL is empty;
// one that overrides them serves each system under its name: B/greenhouse/v1/boards/….
var Spec = signals.Spec{
	Name: service, Env: "JOBBOARDS",
	Rate: 10, // for each system; only SmartRecruiters documents one
	New:  New,

	Properties: []string{Field},
}

// Client is the job boards as a source.
type Client struct {
	http map[string]*outbound.Client // by system: each has a breaker and a pace of its own
}

var _ signals.Source = (*Client)(nil)

// New returns the job boards. Nothing in the configuration can be wrong.
func New(cfg signals.Config) (signals.Source, error) {
	c := &Client{http: map[string]*outbound.Client{}}
	opts := append([]outbound.Option{outbound.WithMaxBody(maxBody)}, cfg.Options...)
	for _, s := range systems {
		base := s.baseURL
		if cfg.BaseURL != "" {
			base = strings.TrimRight(cfg.BaseURL, "/") + s.under
		}
		c.http[s.name] = outbound.New(service+"/"+s.name, base, opts...)
	}
	return c, nil
}

// Look implements [signals.Source]. The account's board is the one that the CRM names
// in [Field]; else the one that was found before; else one of those that its domain
// and name suggest, if that board gives the account's name, links to its site, or,
// giving no name at all, is called like its domain. Where there is none, each system
// is left alone for a month.
func (c *Client) Look(ctx context.Context, at signals.Look) (signals.Sight, error) {
	mem := recall(at.Before)
	found, err := c.find(ctx, at, &mem)
	if err != nil {
		return signals.Sight{}, err
	}
	var events []signals.Event
	if found != nil {
		events = mem.news(at, found)
	}
	return signals.Sight{Events: events, Remember: mem.keep()}, nil
}

// list returns what is on a board; nil if there is no such board.
func (c *Client) list(ctx context.Context, b board) (*listing, error) {
	s := b.system()
	all := &listing{board: b}
	for offset := 0; offset < maxPostings; offset += s.pageSize {
		page, err := c.page(ctx, s, b, offset)
		if page == nil || err != nil {
			return nil, err
		}
		all.add(page)
		if last := page.total > 0 && offset+page.size >= page.total; last || s.pageSize == 0 || page.size < s.pageSize {
			break
		}
	}
	return all, nil
}

// page reads one page of a board, which for most systems is all of it.
func (c *Client) page(ctx context.Context, s *system, b board, offset int) (*listing, error) {
	req := outbound.Request{Path: s.path(url.PathEscape(b.slug)), Query: s.query}
	if s.pageSize > 0 {
		req.Query = url.Values{"limit": {strconv.Itoa(s.pageSize)}, "offset": {strconv.Itoa(offset)}}
	}
	var page *listing
	err := c.http[s.name].Do(ctx, req, func(r outbound.Response) error {
		switch r.Status {
		case http.StatusOK:
			got, err := s.read(r.Body)
			page = &got
			return err
		case http.StatusNotFound, http.StatusGone:
			return nil
		default:
			return r.FailStatus()
		}
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
