package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrNotPublic means that a name resolved to an address that is not on the public
// internet.
var ErrNotPublic = errors.New("not a public address")

// Address ranges that look global to the standard library and are not the public
// internet (IANA special-purpose registries), or that carry an IPv4 address inside.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host, seen from within
	netip.MustParsePrefix("2001::/23"),        // Teredo and other protocol assignments
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4
	netip.MustParsePrefix("3fff::/20"),        // documentation
}

// allocated holds every public IPv6 address. Outside are NAT64 (64:ff9b::/96),
// IPv4-compatible and site-local addresses, and more.
var allocated = netip.MustParsePrefix("2000::/3")

// IsPublic reports whether a is an address on the public internet.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("") // no prefix contains an address with a zone
	if a.Is6() && !allocated.Contains(a) {
		return false
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// PublicTransport returns a transport that connects to public addresses only. The
// check is made on the address that is being dialled, after resolution, so a name
// that resolves differently the second time does not get past it. Addresses in
// allow are let through: the operator's own test server, say.
func PublicTransport(allow ...netip.AddrPort) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%s: %w", address, ErrNotPublic)
		}
		if !IsPublic(ap.Addr()) && !slices.Contains(allow, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())) {
			return ErrNotPublic
		}
		return nil
	}}
	return &http.Transport{
		DialContext:            dialer.DialContext, // no proxy: a proxy would resolve for us, unchecked
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  8 * time.Second,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        5 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
