package outbound_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

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
