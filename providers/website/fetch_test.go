package website

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const (
	acmeIP   = "93.184.216.34" // public, and never dialled: see internet.dial
	globexIP = "93.184.216.35"
)

// internet is a public network within the test: names resolve as the test says, and
// what is public leads to the test's handlers, by host and path. Everything else is
// dialled by the real transport, guard included.
type internet struct {
	pages map[string]http.HandlerFunc // "https://acme.example/" and so on

	mu    sync.Mutex
	names map[string][]string // each connection uses the next address; the last one stays
	seen  []string

	secure, plain *httptest.Server
	untrusted     map[string]bool // hosts whose certificate nobody knows
}

func newInternet(t *testing.T, pages map[string]http.HandlerFunc) *internet {
	t.Helper()
	n := &internet{pages: pages, names: map[string][]string{
		"acme.example": {acmeIP}, "www.acme.example": {acmeIP}, "globex.example": {globexIP},
	}, untrusted: map[string]bool{}}
	n.secure, n.plain = httptest.NewTLSServer(n.serve("https")), httptest.NewServer(n.serve("http"))
	n.secure.Config.ErrorLog, n.plain.Config.ErrorLog = quiet, quiet
	t.Cleanup(func() {
		for _, s := range []*httptest.Server{n.secure, n.plain} {
			s.CloseClientConnections()
			s.Close()
		}
	})
	return n
}

func (n *internet) serve(scheme string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // so that every request resolves anew
		address := scheme + "://" + r.Host + r.URL.RequestURI()
		n.mu.Lock()
		n.seen = append(n.seen, address)
		n.mu.Unlock()
		if page, ok := n.pages[address]; ok {
			page(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

func (n *internet) requests() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.seen...)
}

func (n *internet) resolve(host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.names[strings.TrimSuffix(host, ".")]
	if len(all) == 0 {
		return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(all) > 1 {
		n.names[host] = all[1:]
	}
	if all[0] == "timeout" {
		return netip.Addr{}, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	return netip.MustParseAddr(all[0]), nil
}

func (n *internet) transport() *http.Transport {
	t := newTransport(nil)
	guarded := t.DialContext
	trusted := n.secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	t.TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: "example.com", MinVersion: tls.VersionTLS12}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		ip, err := n.resolve(host)
		if err != nil {
			return nil, err
		}
		if !outbound.IsPublic(ip) {
			return guarded(ctx, network, net.JoinHostPort(ip.String(), port))
		}
		if n.untrusted[host] && port == "443" {
			port = "80" // no TLS there
		}
		var d net.Dialer
		switch {
		case ip.String() != acmeIP && ip.String() != globexIP:
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		case port == "443":
			return d.DialContext(ctx, network, n.secure.Listener.Addr().String())
		default:
			return d.DialContext(ctx, network, n.plain.Listener.Addr().String())
		}
	}
	return t
}

// visit asks for acme.example and returns the answer with the visit that it keeps.
func (n *internet) visit(t *testing.T, opts ...Option) (providers.Answer, visit) {
	t.Helper()
	got, err := n.client(t, opts...).Ask(t.Context(), account.Account{Domain: "acme.example"})
	require.NoError(t, err)
	v, err := readVisit(got.Body)
	require.NoError(t, err)
	return got, v
}

func (n *internet) client(t *testing.T, opts ...Option) *Client {
	t.Helper()
	c, err := New(providers.Config{}, append(opts, withTransport(n.transport()))...)
	require.NoError(t, err)
	return c
}

func serve(html string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, html)
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

const hello = `<html><head><meta property="og:site_name" content="Acme"></head><body>hello</body></html>`

func TestAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		give      map[string]http.HandlerFunc
		giveNames map[string][]string
		giveNoTLS []string
		wantURL   string
		wantMiss  string
	}{
		{name: "the domain itself comes first", give: map[string]http.HandlerFunc{"https://acme.example/": serve(hello)}, wantURL: "https://acme.example/"},
		{
			name: "www, where the domain has no address", giveNames: map[string][]string{"acme.example": nil},
			give: map[string]http.HandlerFunc{"https://www.acme.example/": serve(hello)}, wantURL: "https://www.acme.example/",
		},
		{
			name: "www, where the domain has no certificate", giveNoTLS: []string{"acme.example"},
			give: map[string]http.HandlerFunc{"https://www.acme.example/": serve(hello)}, wantURL: "https://www.acme.example/",
		},
		{
			name: "plain HTTP, where nothing has one", giveNoTLS: []string{"acme.example", "www.acme.example"},
			give: map[string]http.HandlerFunc{"http://acme.example/": serve(hello)}, wantURL: "http://acme.example/",
		},
		{name: "a page that is not there is not looked for elsewhere", give: map[string]http.HandlerFunc{"https://www.acme.example/": serve(hello)}, wantMiss: missStatus},
		{
			name: "the way that redirects show", wantURL: "https://www.acme.example/en/",
			give: map[string]http.HandlerFunc{"https://acme.example/": redirect("//www.acme.example/"), "https://www.acme.example/": redirect("/en/"), "https://www.acme.example/en/": serve(hello)},
		},
		{
			name: "to plain HTTP, too", wantURL: "http://acme.example/",
			give: map[string]http.HandlerFunc{"https://acme.example/": redirect("http://acme.example/"), "http://acme.example/": serve(hello)},
		},
		{
			name: "to another company, which the identity gate judges", wantURL: "https://globex.example/",
			give: map[string]http.HandlerFunc{"https://acme.example/": redirect("https://globex.example/"), "https://globex.example/": serve(hello)},
		},
		{name: "nothing has an address", giveNames: map[string][]string{"acme.example": nil, "www.acme.example": nil}, wantMiss: missNoHost},
		{name: "nobody listens", giveNames: map[string][]string{"acme.example": {"93.184.216.99"}, "www.acme.example": {"93.184.216.99"}}, wantMiss: missConnect},
		{name: "a server error of a site says nothing about others", give: map[string]http.HandlerFunc{"https://acme.example/": status(503)}, wantMiss: missStatus},
		{name: "so does its throttling", give: map[string]http.HandlerFunc{"https://acme.example/": status(429)}, wantMiss: missStatus},
		{name: "a loop", give: map[string]http.HandlerFunc{"https://acme.example/": redirect("/")}, wantMiss: missRedirects},
		{name: "a redirect to nowhere", give: map[string]http.HandlerFunc{"https://acme.example/": redirect("")}, wantMiss: missStatus},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, tt.give)
			maps.Copy(n.names, tt.giveNames)
			for _, host := range tt.giveNoTLS {
				n.untrusted[host] = true
			}
			got, v := n.visit(t)
			require.Equal(t, tt.wantMiss, v.Miss)
			require.Equal(t, tt.wantMiss == "", got.Outcome == outbound.Found)
			require.Zero(t, got.Credits)
			if tt.wantURL != "" {
				require.Equal(t, tt.wantURL, v.URL)
				require.Equal(t, v.host(), got.Domain)
			}
		})
	}
}

func TestFiveRedirectsAreEnough(t *testing.T) {
	t.Parallel()
	chain := func(hops int) map[string]http.HandlerFunc {
		pages := map[string]http.HandlerFunc{}
		for i := range hops {
			pages["https://acme.example/"+strings.Repeat("a", i)] = redirect("/" + strings.Repeat("a", i+1))
		}
		pages["https://acme.example/"+strings.Repeat("a", hops)] = serve(hello)
		return pages
	}
	got, _ := newInternet(t, chain(5)).visit(t)
	require.Equal(t, outbound.Found, got.Outcome)
	n := newInternet(t, chain(6))
	_, v := n.visit(t)
	require.Equal(t, missRedirects, v.Miss)
	require.Len(t, n.requests(), 7, "six pages and one robots.txt")
}

func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		giveNames []string // what acme.example resolves to, connection by connection
		giveTo    string   // where its page redirects to
	}{
		{name: "a name that leads to this machine", giveNames: []string{"127.0.0.1"}},
		{name: "into the local network", giveNames: []string{"10.0.0.7"}},
		{name: "to the metadata service", giveNames: []string{"169.254.169.254"}},
		{name: "to IPv6 of this machine", giveNames: []string{"::1"}},
		{name: "to IPv4 inside IPv6", giveNames: []string{"::ffff:127.0.0.1"}},
		{name: "to a NAT64 address", giveNames: []string{"64:ff9b::7f00:1"}},
		{name: "to a private address of IPv6", giveNames: []string{"fd00::1"}},
		{name: "to the metadata service over IPv6", giveNames: []string{"fd00:ec2::254"}},
		{name: "to carrier-grade NAT", giveNames: []string{"100.64.0.1"}},
		{name: "to no address", giveNames: []string{"0.0.0.0"}},
		{name: "public for robots.txt, private for the page", giveNames: []string{acmeIP, "127.0.0.1"}},
		{name: "redirect to the metadata service", giveTo: "http://169.254.169.254/latest/meta-data/"},
		{name: "redirect to this machine", giveTo: "http://127.0.0.1/"},
		{name: "redirect to this machine in decimal", giveTo: "http://2130706433/"},
		{name: "redirect to this machine in hex", giveTo: "http://0x7f.0x1/"},
		{name: "redirect to this machine in short", giveTo: "http://127.1/"},
		{name: "redirect to this machine in octal", giveTo: "http://0177.0.0.1/"},
		{name: "redirect to this machine with a dot at its end", giveTo: "http://localhost./"},
		{name: "redirect to a literal with a dot at its end", giveTo: "http://127.0.0.1./"},
		{name: "redirect to a name for the local network with a dot at its end", giveTo: "http://inside.example./"},
		{name: "redirect to IPv4 inside IPv6", giveTo: "http://[::ffff:127.0.0.1]/"},
		{name: "redirect to the metadata service over IPv6", giveTo: "http://[fd00:ec2::254]/"},
		{name: "redirect to no address", giveTo: "http://0.0.0.0/"},
		{name: "redirect to IPv6", giveTo: "http://[::1]/"},
		{name: "redirect to IPv6 with a zone", giveTo: "http://[fe80::1%25eth0]/"},
		{name: "redirect to a public literal", giveTo: "http://" + acmeIP + "/"},
		{name: "redirect to a single word", giveTo: "http://localhost/"},
		{name: "redirect to a name for the local network", giveTo: "http://inside.example/"},
		{name: "redirect to another port", giveTo: "https://globex.example:6379/"},
		{name: "redirect with a password", giveTo: "https://user:pass@globex.example/"},
		{name: "redirect to a file", giveTo: "file:///etc/passwd"},
		{name: "redirect to another protocol", giveTo: "gopher://globex.example/"},
		{name: "redirect without a host", giveTo: "https:///"},
		{name: "redirect to a script", giveTo: "javascript:alert(1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, map[string]http.HandlerFunc{"https://acme.example/": redirect(tt.giveTo), "https://globex.example/": serve(hello)})
			n.names["inside.example"] = []string{"192.168.1.1"}
			if tt.giveNames != nil {
				n.names["acme.example"] = tt.giveNames
			}
			got, v := n.visit(t)
			require.Equal(t, outbound.NotFound, got.Outcome)
			require.Equal(t, missPrivate, v.Miss)
		})
	}
}

// TestAccountsThatAreNoNames: a CRM field is outside input, too.
func TestAccountsThatAreNoNames(t *testing.T) {
	t.Parallel()
	n := newInternet(t, nil)
	for _, domain := range []string{"", "127.0.0.1", "[::1]", "::1", "2130706433", "localhost", "acme.example:8080", "user@acme.example", "acme.example/path", "a..example", "acme_x.example", "acme.example?x", strings.Repeat("a.", 200) + "example"} {
		_, err := n.client(t).Ask(t.Context(), account.Account{Domain: domain})
		require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err), "%q", domain)
	}
	require.Empty(t, n.requests())
}

func TestBodies(t *testing.T) {
	t.Parallel()
	const head = `<html><head><meta property="og:site_name" content="Acme"></head><body>`
	bomb := packed(head + strings.Repeat("x", 30<<20))
	html := func(w http.ResponseWriter) { w.Header().Set("Content-Type", "text/html") }
	tests := []struct {
		name        string
		give        http.HandlerFunc
		giveTime    time.Duration // default: more than it takes on a busy machine
		wantMiss    string
		wantPartial bool
		wantName    string
	}{
		{name: "a page without end is read in part", wantPartial: true, wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			_, _ = io.WriteString(w, head)
			for _, err := io.WriteString(w, "x"); err == nil; {
				_, err = w.Write(bytes.Repeat([]byte("x"), 64<<10))
			}
		}},
		{name: "so is one that unpacks to a huge one", wantPartial: true, wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}},
		{name: "and one that breaks off", wantPartial: true, wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, head)
		}},
		{name: "a page that never begins is too slow", giveTime: time.Second, wantMiss: missSlow, give: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{name: "packed", wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed(hello))
		}},
		{name: "packed in a way that we did not ask for", wantMiss: missNotHTML, give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "????")
		}},
		{name: "not packed, whatever it says", wantMiss: missNotHTML, give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, hello)
		}},
		{name: "a picture", wantMiss: missNotHTML, give: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = io.WriteString(w, hello)
		}},
		{name: "JSON", wantMiss: missNotHTML, give: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{}`)
		}},
		{name: "no type, but HTML", wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, hello)
		}},
		{name: "Latin-1 by its header", wantName: "Bäcker", give: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
			_, _ = io.WriteString(w, "<meta property=og:site_name content=\"B\xe4cker\">")
		}},
		{name: "Shift JIS by its meta tag", wantName: "日本", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			_, _ = io.WriteString(w, "<meta charset=shift_jis><meta property=og:site_name content=\"\x93\xfa\x96\x7b\">")
		}},
		{name: "UTF-16 by its byte order mark", wantName: "Ä", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			_, _ = io.WriteString(w, "\xff\xfe"+utf16(`<meta property=og:site_name content="Ä">`))
		}},
		{name: "an encoding that nobody knows", wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=klingon")
			_, _ = io.WriteString(w, hello)
		}},
		{name: "broken UTF-8 and NUL", wantName: "Ac\uFFFD me", give: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<meta property=og:site_name content=\"Ac\xff\x00 me\">")
		}},
		{name: "HTML as it should not be", wantName: "Acme", give: func(w http.ResponseWriter, _ *http.Request) {
			html(w)
			_, _ = io.WriteString(w, `<<p></b><div =x <"><META PROPERTY='og:site_name' content=Acme property="twice"><script><!-- `+strings.Repeat("<div>", 50_000))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, v := newInternet(t, map[string]http.HandlerFunc{"https://acme.example/": tt.give}).visit(t, withMaxTime(cmp.Or(tt.giveTime, time.Minute)))
			require.Equal(t, tt.wantMiss, v.Miss)
			require.Equal(t, tt.wantPartial, v.Partial)
			require.Equal(t, tt.wantName, got.Name)
			require.LessOrEqual(t, len(v.HTML), maxPage)
		})
	}
}

// TestDrip: a page that comes byte by byte ends with our time, and what came counts.
func TestDrip(t *testing.T) {
	t.Parallel()
	n := newInternet(t, map[string]http.HandlerFunc{"https://acme.example/": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, hello)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}})
	_, v := n.visit(t, withMaxTime(time.Second))
	require.True(t, v.Partial || v.Miss == missSlow, "on a busy machine nothing came")

	cut := iotest.ErrReader(context.DeadlineExceeded)
	for body, want := range map[io.Reader]visit{
		io.MultiReader(strings.NewReader(hello), cut): {URL: "https://acme.example/", Partial: true, HTML: hello, Header: http.Header{"Content-Type": {"text/html"}}},
		cut: {URL: "https://acme.example/", Miss: missSlow},
	} {
		f := &fetcher{robots: newRobots(), transport: roundTripper(func(r *http.Request) *http.Response {
			if r.URL.Path == "/robots.txt" {
				return &http.Response{StatusCode: 404, Body: http.NoBody}
			}
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(body)}
		})}
		got, err := f.visit(t.Context(), &url.URL{Scheme: "https", Host: "acme.example", Path: "/"})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

type roundTripper func(*http.Request) *http.Response

func (rt roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return rt(r), nil }

func packed(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.Bytes()
}

func utf16(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteByte(byte(r))
		b.WriteByte(byte(r >> 8))
	}
	return b.String()
}

func TestRobots(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give http.HandlerFunc
		want string
	}{
		{name: "none", give: status(404)},
		{name: "none for us to see", give: status(403)},
		{name: "a server error forbids for now", give: status(500), want: missRobots},
		{name: "everything forbidden to all", give: serve("User-agent: *\nDisallow: /"), want: missRobots},
		{name: "everything forbidden to us", give: serve("User-agent: *\nAllow: /\n\nUser-agent: Sluice\nDisallow: /"), want: missRobots},
		{name: "everything allowed to us alone", give: serve("User-agent: *\nDisallow: /\n\nUser-agent: sluice/1\nDisallow:\n")},
		{name: "the home page allowed", give: serve("User-agent: *\nDisallow: /\nAllow: /$")},
		{name: "a folder forbidden", give: serve("User-agent: *\nDisallow: /wp-admin/")},
		{name: "where it has moved to", give: redirect("https://globex.example/robots.txt"), want: missRobots},
		{name: "moved into the local network", give: redirect("http://10.0.0.1/robots.txt"), want: missPrivate},
		{name: "a page in its place", give: serve("<!doctype html>\n<title>Acme: home</title>")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, map[string]http.HandlerFunc{
				"https://acme.example/": serve(hello), "https://acme.example/robots.txt": tt.give,
				"https://globex.example/robots.txt": serve("User-agent: *\nDisallow: /"),
			})
			got, v := n.visit(t)
			require.Equal(t, tt.want, v.Miss)
			require.Equal(t, tt.want == "", got.Outcome == outbound.Found)
		})
	}
}

// TestRobotsOnTheWay: the site that is redirected to has its own say.
func TestRobotsOnTheWay(t *testing.T) {
	t.Parallel()
	n := newInternet(t, map[string]http.HandlerFunc{
		"https://acme.example/": redirect("https://globex.example/"), "https://globex.example/": serve(hello),
		"https://globex.example/robots.txt": serve("User-agent: *\nDisallow: /"),
	})
	_, v := n.visit(t)
	require.Equal(t, missRobots, v.Miss)
	require.NotContains(t, n.requests(), "https://globex.example/")
}

func TestRobotsAreRemembered(t *testing.T) {
	t.Parallel()
	n := newInternet(t, map[string]http.HandlerFunc{"https://acme.example/": serve(hello)})
	c := n.client(t)
	for range 3 {
		_, err := c.Ask(t.Context(), account.Account{Domain: "acme.example"})
		require.NoError(t, err)
	}
	require.Len(t, n.requests(), 4, "three pages, one robots.txt")
}

func TestMemoryOfRobotsIsBounded(t *testing.T) {
	t.Parallel()
	m := newRobots()
	for i := range maxSites + 100 {
		m.put(fmt.Sprint(i), file{status: 404})
	}
	require.Len(t, m.known, maxSites)
	_, known := m.get(fmt.Sprint(maxSites + 99))
	require.True(t, known)
	m.put("long", file{status: 200, lines: make([]byte, maxKept+1)})
	_, known = m.get("long")
	require.False(t, known)
}

// TestDeadSitesKeepTheBreakerClosed: one site says nothing about the next.
func TestDeadSitesKeepTheBreakerClosed(t *testing.T) {
	t.Parallel()
	n := newInternet(t, map[string]http.HandlerFunc{"https://globex.example/": serve(hello), "https://acme.example/": status(500)})
	c := n.client(t)
	for range atOnce {
		for _, domain := range []string{"acme.example", "nowhere.example"} {
			got, err := c.Ask(t.Context(), account.Account{Domain: domain})
			require.NoError(t, err)
			require.Equal(t, outbound.NotFound, got.Outcome)
		}
	}
	got, err := c.Ask(t.Context(), account.Account{Domain: "globex.example"})
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
}

// TestResolverIsDown: what fails on our side is not put down as the company's.
func TestResolverIsDown(t *testing.T) {
	t.Parallel()
	n := newInternet(t, nil)
	n.names["acme.example"] = []string{"timeout"}
	_, err := n.client(t).Ask(t.Context(), account.Account{Domain: "acme.example"})
	require.Equal(t, outbound.ProviderError, outbound.OutcomeOf(err))
	require.NotContains(t, err.Error(), "acme")
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	n := newInternet(t, map[string]http.HandlerFunc{"https://acme.example/": func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := n.client(t).Ask(ctx, account.Account{Domain: "acme.example"})
	require.ErrorIs(t, err, context.Canceled)
}

// TestBase: behind a base URL exactly that host and port is let through, under the
// name that it has there.
func TestBase(t *testing.T) {
	t.Parallel()
	var target string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/website/acme.example/":
			http.Redirect(w, r, target, http.StatusFound)
		case "/website/globex.example/":
			serve(hello)(w, r)
		case "/website/globex.example/robots.txt":
			serve("User-agent: *\nDisallow: /private")(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	port := s.Listener.Addr().(*net.TCPAddr).Port
	for _, tt := range []struct{ to, wantMiss, wantDomain string }{
		{to: "/website/globex.example/", wantDomain: "globex.example"},
		{to: "/elsewhere/on/the/same/server", wantMiss: missPrivate},
		{to: fmt.Sprintf("http://localhost:%d/website/globex.example/", port), wantMiss: missPrivate},
		{to: "http://127.0.0.1:1/website/globex.example/", wantMiss: missPrivate},
		{to: "http://10.0.0.1/", wantMiss: missPrivate},
	} {
		target = tt.to
		c, err := New(providers.Config{BaseURL: s.URL + "/website/"})
		require.NoError(t, err)
		got, err := c.Ask(t.Context(), account.Account{Domain: "acme.example"})
		require.NoError(t, err)
		v, err := readVisit(got.Body)
		require.NoError(t, err)
		require.Equal(t, tt.wantMiss, v.Miss, tt.to)
		require.Equal(t, tt.wantDomain, got.Domain, tt.to)
	}
}

func TestBaseThatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"127.0.0.1:9100", "ftp://sandbox", "http://", "::"} {
		_, err := New(providers.Config{BaseURL: base})
		require.ErrorIs(t, err, account.ErrInvalid, base)
	}
}

// TestGuardOfTheRealTransport: no hook between, only a listener that must not hear.
func TestGuardOfTheRealTransport(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(status(200))
	t.Cleanup(s.Close)
	base, err := url.Parse("http://127.0.0.1:1")
	require.NoError(t, err)
	for _, transport := range []*http.Transport{newTransport(nil), newTransport(base)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		res, err := transport.RoundTrip(req)
		if res != nil {
			require.NoError(t, res.Body.Close())
		}
		require.ErrorIs(t, err, outbound.ErrNotPublic)
	}
}
