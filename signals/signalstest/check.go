package signalstest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	// key is the credential that every source gets: easy to find where it must not be.
	key     = "canary-key-5d41402abc4b2a76"
	contact = "ops@acme.example"
)

var kinds = []string{
	signals.Funding, signals.Hiring, signals.ExecutiveChange, signals.TechnologyChange, signals.WebsiteVisit,
	signals.ProductLaunch, signals.Expansion, signals.Reorganisation, signals.HeadcountChange, signals.DomainChange,
	signals.CompanyClosed, signals.CompanyAcquired,
}

// CheckSight holds for every answer, whatever the service sent: what is told is fit
// to store and to show. Fuzz tests and tests of a source's own may use it.
func CheckSight(t testing.TB, spec signals.Spec, at signals.Look, got signals.Sight) {
	t.Helper()
	for _, e := range got.Events {
		checkEvent(t, spec, at, e)
	}
	if got.Remember != nil {
		require.True(t, json.Valid(got.Remember), "Remember is no JSON: %.80s", got.Remember)
	}
}

func (k *kit) checkSight(t *testing.T, at signals.Look, got signals.Sight) {
	t.Helper()
	CheckSight(t, k.Spec, at, got)
}

func checkEvent(t testing.TB, spec signals.Spec, at signals.Look, e signals.Event) {
	t.Helper()
	require.Contains(t, kinds, e.Kind)
	require.NotEmpty(t, e.Entity, "%s without entity", e.Kind)
	require.Equal(t, strings.ToLower(strings.TrimSpace(e.Entity)), e.Entity, "the canonical form")
	require.NotEmpty(t, e.Summary)
	for _, text := range []string{e.Entity, e.Summary, e.Concerns} {
		checkText(t, text)
		require.NotContains(t, text, "\n", "one line")
	}
	require.Greater(t, e.Confidence, 0.0)
	require.LessOrEqual(t, e.Confidence, 1.0)
	require.False(t, e.OccurredAt.IsZero(), "%s %s has no time", e.Kind, e.Entity)
	require.False(t, e.OccurredAt.After(at.Now.Add(day)), "%s %s is in the future", e.Kind, e.Entity)
	if at.Before == nil {
		require.False(t, e.OccurredAt.Before(at.Since), "%s %s is older than what is news at first sight", e.Kind, e.Entity)
	}
	require.NotEmpty(t, e.Evidence, "%s %s without evidence", e.Kind, e.Entity)
	for _, v := range e.Evidence {
		require.Equal(t, spec.Name, v.Source)
		require.NotEmpty(t, v.Title)
		checkText(t, v.Title)
		require.False(t, v.At.IsZero())
		if v.URL != "" {
			require.Regexp(t, `^https?://`, v.URL)
			checkText(t, v.URL)
		}
	}
}

func checkText(t testing.TB, s string) {
	t.Helper()
	require.True(t, utf8.ValidString(s), "%q", s)
	require.NotContains(t, s, "\x00", "Postgres refuses it")
	require.Less(t, len(s), 4<<10, "too long to show")
}

// checkError holds for every error of every test: it is ours to understand, and it
// shows nothing that was sent or received.
func (k *kit) checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ours := errors.AsType[*outbound.Error](err)
	require.True(t, ours || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded), "%T is neither an outbound.Error nor the context's: %v", err, err)
	for _, secret := range []string{key, "127.0.0.1", k.Look.Account.Domain, "<html>"} {
		if secret != "" {
			require.NotContains(t, err.Error(), secret)
		}
	}
	if ours { // a source of several services adds which: jobboards/lever
		name, _, _ := strings.Cut(e.Service, "/")
		require.Equal(t, k.Spec.Name, name)
	}
}

func requireOutcome(t *testing.T, want outbound.Outcome, err error) *outbound.Error {
	t.Helper()
	require.Error(t, err)
	e, ok := errors.AsType[*outbound.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, want, e.Outcome)
	return e
}

// told lists the events in the form of [Case.Want].
func told(s signals.Sight) []string {
	var out []string
	for _, e := range s.Events {
		out = append(out, e.Kind+" "+e.Entity)
	}
	return out
}

func describe(t *testing.T, s signals.Sight) string {
	t.Helper()
	b, err := json.MarshalIndent(s, "", "  ")
	require.NoError(t, err)
	return string(b)
}

// server stands in for the source's service and remembers what it was asked.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func (s *server) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// serve starts a server that answers with h, and checks afterwards how it was asked.
func (k *kit) serve(t *testing.T, h http.Handler) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(r.Context()))
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		for _, r := range s.seen() {
			require.NotContains(t, r.URL.String(), key, "the key is in the URL")
			require.Contains(t, strings.ToLower(r.UserAgent()), "sluice", "the request does not say who asks")
		}
	})
	return s
}

// source builds the source under test against s.
func (k *kit) source(t *testing.T, s *server, opts ...outbound.Option) signals.Source {
	t.Helper()
	cfg := signals.Config{BaseURL: s.URL, Key: key, Contact: contact, Options: opts}
	if k.Config != nil {
		k.Config(&cfg)
	}
	source, err := k.Spec.New(cfg)
	require.NoError(t, err)
	return source
}

// jsonVariants returns a JSON document once for each of its values below the root,
// with that value changed; none for what is no JSON.
func jsonVariants(body []byte, change func(any) any) [][]byte {
	var root any
	if json.Unmarshal(body, &root) != nil {
		return nil
	}
	var out [][]byte
	walk(root, func(value any, set func(any)) {
		if len(out) == maxChanges {
			return
		}
		set(change(value))
		if b, err := json.Marshal(root); err == nil {
			out = append(out, b)
		}
		set(value)
	})
	return out
}

// walk visits every value below node, with a way to replace it.
func walk(node any, visit func(value any, set func(any))) {
	switch node := node.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(node)) { // the same variants every time
			value := node[name]
			visit(value, func(v any) { node[name] = v })
			walk(value, visit)
		}
	case []any:
		for i, value := range node {
			visit(value, func(v any) { node[i] = v })
			walk(value, visit)
		}
	}
}
