package edgar

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/outbound"
)

// blocked is how long EDGAR keeps out who was too fast.
const blocked = 10 * time.Minute

// get reads one document; found is false for 404. Every body is looked at for
// EDGAR's refusals first, since some come with 200.
func (c *Client) get(ctx context.Context, path string, query url.Values, read func(outbound.Response) error) (found bool, err error) {
	err = c.http.Do(ctx, outbound.Request{Path: path, Query: query}, func(r outbound.Response) error {
		if err := refusal(r); err != nil {
			return err
		}
		switch r.Status {
		case http.StatusOK:
			found = true
			return read(r)
		case http.StatusNotFound:
			return nil
		default:
			return r.FailStatus()
		}
	})
	return found && err == nil, err
}

// refusal is the error of a response by which EDGAR keeps a caller out, nil for any
// other. It has no status of its own for it: mostly 403, with a page for people.
//
// An undeclared caller is a matter of configuration, like a bad key: nothing helps
// but mending the contact. Any other 403 is taken for the block that follows too many
// requests, which passes by itself; there is no key that could be wrong.
func refusal(r outbound.Response) error {
	start := bytes.ToLower(r.Body[:min(len(r.Body), 16<<10)])
	switch {
	case bytes.Contains(start, []byte("undeclared automated tool")):
		e := r.Fail(outbound.AuthFailed)
		e.Reason = "undeclared automated tool: the contact is not accepted"
		return e
	case r.Status == http.StatusTooManyRequests, r.Status == http.StatusForbidden,
		bytes.Contains(start, []byte("request rate threshold exceeded")):
		if e := r.Fail(outbound.Throttled); e.RetryAfter > 0 {
			return e
		}
		return r.FailAfter(outbound.Throttled, blocked)
	default:
		return nil
	}
}

// isPage reports whether a body is a web page, which is no answer where data was
// asked for.
func isPage(body []byte) bool {
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 1<<10)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.Contains(start, []byte("<html"))
}

// unreadable is the failure to read what should have been data. It is never taken
// for "no filings".
func unreadable(r outbound.Response, reason string, err error) error {
	e := r.Fail(outbound.ProviderError)
	e.Reason, e.Err = reason, err
	return e
}

// data decodes a JSON document.
func data(r outbound.Response, v any) error {
	if isPage(r.Body) {
		return unreadable(r, "a web page instead of data", nil)
	}
	return r.JSON(v)
}
