package outbound_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sluicehq/sluice/outbound"
)

func TestIsPublic(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give string
		want bool
	}{
		{name: "a public resolver", give: "1.1.1.1", want: true},
		{name: "another", give: "8.8.8.8", want: true},
		{name: "just below 10/8", give: "9.255.255.255", want: true},
		{name: "just above 10/8", give: "11.0.0.0", want: true},
		{name: "just below 172.16/12", give: "172.15.255.255", want: true},
		{name: "just above 172.16/12", give: "172.32.0.0", want: true},
		{name: "just above 192.168/16", give: "192.169.0.0", want: true},
		{name: "just below carrier-grade NAT", give: "100.63.255.255", want: true},
		{name: "just above carrier-grade NAT", give: "100.128.0.0", want: true},
		{name: "just below link-local", give: "169.253.255.255", want: true},
		{name: "last before multicast", give: "223.255.255.255", want: true},
		{name: "public IPv6", give: "2606:4700:4700::1111", want: true},
		{name: "public IPv6, Europe", give: "2a00:1450:4001:80b::200e", want: true},
		{name: "public IPv4 mapped into IPv6", give: "::ffff:8.8.8.8", want: true},

		{name: "unspecified", give: "0.0.0.0"},
		{name: "this network", give: "0.1.2.3"},
		{name: "private, class A", give: "10.0.0.1"},
		{name: "private, last of class A", give: "10.255.255.255"},
		{name: "private, class B", give: "172.16.0.1"},
		{name: "private, last of class B", give: "172.31.255.255"},
		{name: "private, class C", give: "192.168.1.1"},
		{name: "loopback", give: "127.0.0.1"},
		{name: "another loopback", give: "127.8.8.8"},
		{name: "link-local", give: "169.254.0.1"},
		{name: "cloud metadata", give: "169.254.169.254"},
		{name: "container metadata", give: "169.254.170.2"},
		{name: "Azure's host", give: "168.63.129.16"},
		{name: "Alibaba's metadata, in carrier-grade NAT", give: "100.100.100.200"},
		{name: "carrier-grade NAT", give: "100.64.0.1"},
		{name: "last of carrier-grade NAT", give: "100.127.255.255"},
		{name: "protocol assignments", give: "192.0.0.8"},
		{name: "Oracle's metadata", give: "192.0.0.192"},
		{name: "documentation 1", give: "192.0.2.1"},
		{name: "documentation 2", give: "198.51.100.1"},
		{name: "documentation 3", give: "203.0.113.1"},
		{name: "6to4 relay", give: "192.88.99.1"},
		{name: "benchmarks", give: "198.19.255.255"},
		{name: "multicast", give: "224.0.0.1"},
		{name: "reserved", give: "240.0.0.1"},
		{name: "broadcast", give: "255.255.255.255"},

		{name: "IPv6 unspecified", give: "::"},
		{name: "IPv6 loopback", give: "::1"},
		{name: "loopback mapped", give: "::ffff:127.0.0.1"},
		{name: "private mapped", give: "::ffff:10.0.0.1"},
		{name: "metadata mapped", give: "::ffff:169.254.169.254"},
		{name: "loopback, IPv4-compatible", give: "::127.0.0.1"},
		{name: "loopback, translated", give: "::ffff:0:127.0.0.1"},
		{name: "loopback behind NAT64", give: "64:ff9b::127.0.0.1"},
		{name: "loopback behind local NAT64", give: "64:ff9b:1::127.0.0.1"},
		{name: "private in 6to4", give: "2002:0a00:0001::1"},
		{name: "Teredo", give: "2001:0:4136:e378:8000:63bf:3fff:fdd2"},
		{name: "ORCHID", give: "2001:20::1"},
		{name: "IPv6 documentation", give: "2001:db8::1"},
		{name: "newer IPv6 documentation", give: "3fff::1"},
		{name: "segment routing", give: "5f00::1"},
		{name: "unique local", give: "fd00::1"},
		{name: "AWS metadata over IPv6", give: "fd00:ec2::254"},
		{name: "IPv6 link-local", give: "fe80::1"},
		{name: "IPv6 link-local with a zone", give: "fe80::1%eth0"},
		{name: "6to4 with a zone", give: "2002:0a00:0001::1%eth0"},
		{name: "site-local", give: "fec0::1"},
		{name: "IPv6 multicast", give: "ff02::1"},
		{name: "discard", give: "100::1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, outbound.IsPublic(netip.MustParseAddr(tt.give)))
		})
	}
	require.False(t, outbound.IsPublic(netip.Addr{}))
}

func TestPublicTransport(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(server.Close)
	here := netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://"))
	get := func(baseURL string, allow ...netip.AddrPort) error {
		c := outbound.New("acme", baseURL, outbound.WithTransport(outbound.PublicTransport(allow...)))
		return call(t.Context(), c)
	}

	require.ErrorIs(t, get(server.URL), outbound.ErrNotPublic)
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	require.ErrorIs(t, get("http://localhost"+port), outbound.ErrNotPublic, "a name is judged by its address")
	require.ErrorIs(t, get("http://[::ffff:127.0.0.1]"+port), outbound.ErrNotPublic)
	require.ErrorIs(t, get(server.URL, netip.AddrPortFrom(here.Addr(), here.Port()+1)), outbound.ErrNotPublic, "another port was allowed")
	require.Zero(t, reached.Load())

	require.NoError(t, get(server.URL, here))
	require.EqualValues(t, 1, reached.Load())
}

// TestANameIsJudgedByTheAddressThatIsDialled: whoever owns a name may have it lead to a
// public address while it is looked at, and into our network when it is used.
func TestANameIsJudgedByTheAddressThatIsDialled(t *testing.T) {
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(server.Close)
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	names := &names{answers: map[string][][]string{
		"rebinding.example.": {{"93.184.216.34"}, {"127.0.0.1"}},
		"inside.example.":    {{"10.0.0.1", "127.0.0.1", "192.168.1.1"}},
		"metadata.example.":  {{"169.254.169.254"}},
		"mapped.example.":    {{"::ffff:127.0.0.1"}},
		"aws.example.":       {{"fd00:ec2::254"}},
		"nowhere.example.":   {{"0.0.0.0"}},
	}}
	names.resolve(t)

	looked, err := net.DefaultResolver.LookupHost(t.Context(), "rebinding.example")
	require.NoError(t, err)
	require.Equal(t, []string{"93.184.216.34"}, looked, "who looks first is reassured")
	for _, host := range []string{"rebinding.example", "rebinding.example.", "inside.example", "metadata.example", "mapped.example", "aws.example", "nowhere.example"} {
		c := outbound.New("acme", "http://"+host+port, outbound.WithTransport(outbound.PublicTransport()))
		require.ErrorIs(t, call(t.Context(), c), outbound.ErrNotPublic, host)
	}
	require.Zero(t, reached.Load())
}

// names is a name server that may answer differently each time; its last answer stays.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
}

// resolve makes the whole process ask it, until the test ends.
func (n *names) resolve(t *testing.T) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	usual := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = usual
		_ = conn.Close()
	})
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer, err := n.answer(buf[:size]); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
}

// answer is about the kind of address that is asked for. A name moves on once it was
// asked for IPv4, since a resolver asks for both kinds at once.
func (n *names) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	q := m.Questions[0]
	n.mu.Lock()
	defer n.mu.Unlock()
	m.Response, m.Additionals = true, nil
	all := n.answers[q.Name.String()]
	if len(all) == 0 {
		m.RCode = dnsmessage.RCodeNameError
		return m.Pack()
	}
	for _, text := range all[0] {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
		switch a := netip.MustParseAddr(text); {
		case q.Type == dnsmessage.TypeA && a.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	if q.Type == dnsmessage.TypeA && len(all) > 1 {
		n.answers[q.Name.String()] = all[1:]
	}
	return m.Pack()
}
