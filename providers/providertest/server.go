package providertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// key is the credential that every provider gets: easy to find where it must not be.
const key = "canary-key-5d41402abc4b2a76"

// server stands in for the provider's service and remembers what it was asked.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request // without those to Case.Routes
}

func (s *server) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// serve starts a server that answers with h, and checks afterwards how it was asked.
func (k *kit) serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s, routes := &server{}, map[string]http.HandlerFunc{}
	for path, reply := range k.Routes {
		routes[path] = handler(t, reply)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route, ok := routes[r.URL.Path]; ok {
			route(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // until then a server does not notice that its client has gone
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(r.Context()))
		s.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		k.checkRequests(t, s.seen())
	})
	return s
}

// replying serves the same reply for ever.
func (k *kit) replying(t *testing.T, r Reply) *server {
	t.Helper()
	return k.serve(t, handler(t, r))
}

// hanging serves nothing, until the test is over or the client has gone. It tells
// of each request that arrives.
func (k *kit) hanging(t *testing.T) (*server, <-chan struct{}) {
	t.Helper()
	arrived := make(chan struct{}, 1000)
	return k.serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}), arrived
}

func handler(t *testing.T, r Reply) http.HandlerFunc {
	t.Helper()
	body := r.body(t) // here, since only the test's own goroutine may end it
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for name, value := range r.Header {
			w.Header().Set(name, value)
		}
		if r.Status != 0 {
			w.WriteHeader(r.Status)
		}
		_, _ = w.Write(body)
	}
}

// checkRequests holds for every request of every test.
func (k *kit) checkRequests(t *testing.T, requests []*http.Request) {
	for _, r := range requests {
		require.NotContains(t, r.URL.String(), key, "the key is in the URL")
		require.Contains(t, strings.ToLower(r.UserAgent()), "sluice", "the request does not say who asks")
		require.Equal(t, k.Spec.NeedsKey, carriesKey(r.Header), "the key in a header")
	}
}

func carriesKey(h http.Header) bool {
	if user, _, ok := (&http.Request{Header: h}).BasicAuth(); ok && user == key {
		return true
	}
	for _, values := range h {
		if strings.Contains(strings.Join(values, " "), key) {
			return true
		}
	}
	return false
}

// provider builds the provider under test against s.
func (k *kit) provider(t *testing.T, s *server, opts ...outbound.Option) providers.Provider {
	t.Helper()
	p, err := k.Spec.New(providers.Config{BaseURL: s.URL, Key: key, Options: opts})
	require.NoError(t, err)
	return p
}
