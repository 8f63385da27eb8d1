package website

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/outbound"
)

const (
	maxPage      = 2 << 20 // bytes, compressed and not
	maxRedirects = 5
)

// fetcher visits sites for one [outbound.Client], which sees the visits as the
// answers of one service: breaker, pace and error taxonomy stay where they are
// for every provider.
type fetcher struct {
	transport http.RoundTripper
	base      *url.URL // nil for the internet
	robots    *robots
	maxTime   time.Duration // for everything that one home page takes
}

// newTransport reaches public addresses, and the host and port of base exactly as
// they are written there: another name for the same address is not let through.
func newTransport(base *url.URL) *http.Transport {
	t := outbound.PublicTransport()
	t.DisableCompression = true // so that what is read from the wire can be bounded
	if base == nil {
		return t
	}
	public, own := t.DialContext, &net.Dialer{Timeout: 5 * time.Second}
	t.MaxIdleConnsPerHost = 32
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == hostPort(base) {
			return own.DialContext(ctx, network, address)
		}
		return public(ctx, network, address)
	}
	return t
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// RoundTrip implements [http.RoundTripper]: the response to a home page's address
// is the encoded visit.
func (f *fetcher) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), f.maxTime)
	defer cancel()
	v, err := f.visit(ctx, req.URL)
	if gone := req.Context().Err(); gone != nil {
		return nil, gone // nobody waits any more: not even a miss is certain
	}
	res := &http.Response{
		Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody,
	}
	if e, ok := errors.AsType[*serviceError](err); ok {
		res.StatusCode, res.Header = e.status, e.header
		return res, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := v.encode()
	if err != nil {
		return nil, err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// miss is why a site gave no page.
type miss struct {
	why  string
	next bool // nobody answered here: the site may be at its next address
}

// Error implements error.
func (m *miss) Error() string { return m.why }

// visit reads the home page at the first of its addresses at which somebody
// answers. Every error is that of one service: the base's, or our own resolver.
func (f *fetcher) visit(ctx context.Context, home *url.URL) (visit, error) {
	why := ""
	for _, u := range f.addresses(home) {
		v, err := f.read(ctx, u)
		m, missed := errors.AsType[*miss](err)
		if !missed {
			return v, err
		}
		if why == "" {
			why = m.why
		}
		if !m.next || ctx.Err() != nil {
			why = m.why
			break
		}
	}
	return visit{URL: f.public(home).String(), Miss: why}, nil
}

// addresses are where a home page may be, the usual one first. Plain HTTP comes
// last, for sites that have no certificate; redirects to it are followed for the
// same reason: nothing secret is sent, and whoever could forge the redirect could
// as well keep us from port 443.
func (f *fetcher) addresses(home *url.URL) []*url.URL {
	if f.base != nil {
		return []*url.URL{home}
	}
	www, plain := *home, *home
	www.Host = "www." + home.Host
	plain.Scheme = "http"
	if strings.HasPrefix(home.Host, "www.") {
		return []*url.URL{home, &plain}
	}
	return []*url.URL{home, &www, &plain}
}

func (f *fetcher) read(ctx context.Context, u *url.URL) (visit, error) {
	got, err := f.follow(ctx, u, maxPage, f.allowed)
	if err != nil {
		return visit{}, err
	}
	if got.status/100 != 2 {
		return visit{}, &miss{why: missStatus}
	}
	if !got.isHTML() {
		return visit{}, &miss{why: missNotHTML}
	}
	text, cut := decodeText(got.body, got.header.Get("Content-Type"))
	return visit{URL: f.public(got.url).String(), Partial: got.partial || cut, Header: got.header, HTML: text}, nil
}

// follow gets u, through redirects. Each address on the way is checked as the first
// one was, and has to be allowed.
func (f *fetcher) follow(ctx context.Context, u *url.URL, limit int64, allowed func(context.Context, *url.URL) error) (*response, error) {
	for range maxRedirects + 1 {
		if !f.mayAsk(u) {
			return nil, &miss{why: missPrivate}
		}
		if err := allowed(ctx, u); err != nil {
			return nil, err
		}
		got, err := f.get(ctx, u, limit)
		if err != nil {
			return nil, err
		}
		next := got.redirect()
		if next == nil {
			return got, nil
		}
		u = next
	}
	return nil, &miss{why: missRedirects}
}

// mayAsk reports whether u is a web site's ordinary address: a name, no password,
// the standard port.
func (f *fetcher) mayAsk(u *url.URL) bool {
	if f.onBase(u) {
		return true
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return false
	}
	if port := u.Port(); port != "" && port != "80" && port != "443" {
		return false
	}
	_, ok := publicName(u.Hostname())
	return ok
}

// onBase reports whether u is one of the base URL's pages.
func (f *fetcher) onBase(u *url.URL) bool {
	return f.base != nil && u.Scheme == f.base.Scheme && u.Host == f.base.Host && u.User == nil && strings.HasPrefix(u.Path, f.base.Path+"/")
}

// site splits u into the place of its robots.txt and the path that the rules there
// are about. Behind a base URL every first folder is a site of its own.
func (f *fetcher) site(u *url.URL) (root *url.URL, path string) {
	root = &url.URL{Scheme: u.Scheme, Host: u.Host}
	path = u.EscapedPath()
	if f.onBase(u) {
		folder, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, f.base.Path+"/"), "/")
		root.Path, path = f.base.Path+"/"+folder, "/"+rest
	}
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return root, path
}

// public is the address that u stands for, if it is one of the base's pages.
func (f *fetcher) public(u *url.URL) *url.URL {
	if !f.onBase(u) {
		return u
	}
	folder, rest, _ := strings.Cut(strings.TrimPrefix(u.Path, f.base.Path+"/"), "/")
	return &url.URL{Scheme: "https", Host: folder, Path: "/" + rest, RawQuery: u.RawQuery}
}

// response is what one address answered.
type response struct {
	url     *url.URL
	status  int
	header  http.Header
	body    []byte
	partial bool // the body went on, or broke off
}

func (f *fetcher) get(ctx context.Context, u *url.URL, limit int64) (*response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &miss{why: missRedirects}
	}
	req.Header.Set("User-Agent", outbound.UserAgent)
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Accept-Language", "en, *;q=0.5")
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := f.transport.RoundTrip(req)
	if err != nil {
		return nil, f.failed(u, err)
	}
	defer res.Body.Close()
	if f.onBase(u) && (res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests) {
		return nil, &serviceError{status: res.StatusCode, header: res.Header}
	}
	got := &response{url: u, status: res.StatusCode, header: res.Header}
	if got.redirect() != nil {
		return got, nil
	}
	got.body, got.partial, err = readBody(res, limit)
	if err != nil && len(got.body) == 0 {
		return nil, f.failed(u, err)
	}
	return got, nil
}

// readBody reads at most limit bytes of the wire, and makes at most limit bytes of
// them: a small file may unpack to a huge one. What came before an error is kept.
func readBody(res *http.Response, limit int64) (body []byte, partial bool, err error) {
	wire := &io.LimitedReader{R: res.Body, N: limit + 1}
	var r io.Reader = wire
	switch strings.ToLower(res.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip", "x-gzip":
		if r, err = gzip.NewReader(wire); err != nil {
			return nil, true, &miss{why: missNotHTML}
		}
	default: // one that we did not ask for
		return nil, true, &miss{why: missNotHTML}
	}
	body, err = io.ReadAll(io.LimitReader(r, limit+1))
	if partial = err != nil || int64(len(body)) > limit; partial {
		body = body[:min(int64(len(body)), limit)]
	}
	return body, partial, err
}

// failed says what an address that gave no response means. Whatever is wrong with a
// company's own server is a miss. What is wrong with the base URL's service, or
// with our own resolver, is a failure: recording it as the answer of every company
// would be false for a week.
func (f *fetcher) failed(u *url.URL, err error) error {
	if _, missed := errors.AsType[*miss](err); missed {
		return err
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	network, isNet := errors.AsType[net.Error](err)
	switch {
	case f.onBase(u):
		return err
	case errors.Is(err, outbound.ErrNotPublic):
		return &miss{why: missPrivate}
	case isDNS && dns.IsNotFound:
		return &miss{why: missNoHost, next: true}
	case isDNS:
		return err
	case isCert, isPlain:
		return &miss{why: missTLS, next: true}
	case isNet && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return &miss{why: missSlow, next: true}
	default:
		return &miss{why: missConnect, next: true}
	}
}

// redirect is where the response sends us; nil if it does not.
func (r *response) redirect() *url.URL {
	switch r.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	location := r.header.Get("Location")
	next, err := r.url.Parse(location)
	if location == "" || err != nil {
		return nil // then it is a page of status 3xx, which is none
	}
	next.Fragment = ""
	return next
}

func (r *response) isHTML() bool {
	declared := r.header.Get("Content-Type")
	if declared == "" {
		declared = http.DetectContentType(r.body)
	}
	kind, _, _ := mime.ParseMediaType(declared)
	return kind == "text/html" || kind == "application/xhtml+xml"
}
