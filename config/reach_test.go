package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/providers"
	providerregistry "github.com/sluicehq/sluice/providers/registry"
	"github.com/sluicehq/sluice/signals"
	signalregistry "github.com/sluicehq/sluice/signals/registry"
)

// canaryKey is every vendor's key here.
const canaryKey = "canary-key"

// A caller is anything that calls out, asked about a value that outsiders have a say in.
type caller struct {
	name  string
	quiet bool // it reads only what is on record
	call  func(ctx context.Context, base, value string) error
}

// callers are all that are registered, and the CRM: a new one is covered by being there.
func callers(t *testing.T) []caller {
	t.Helper()
	model, err := icp.Load("revops")
	require.NoError(t, err)
	var all []caller
	for _, spec := range providerregistry.All() {
		all = append(all, caller{name: "provider " + spec.Name, call: func(ctx context.Context, base, value string) error {
			p, err := spec.New(providers.Config{BaseURL: base, Key: canaryKey})
			require.NoError(t, err)
			_, err = p.Ask(ctx, account.Account{ID: 1, Domain: value, Name: value})
			return err
		}})
	}
	for _, spec := range signalregistry.All() {
		all = append(all, caller{name: "source " + spec.Name, quiet: spec.Rate == 0, call: func(ctx context.Context, base, value string) error {
			s, err := spec.New(signals.Config{BaseURL: base, Key: canaryKey, Contact: "ops@acme.example"})
			require.NoError(t, err)
			fields := map[string]string{}
			for _, property := range spec.Properties {
				fields[property] = value
			}
			now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
			_, err = s.Look(ctx, signals.Look{
				Account: account.Account{ID: 1, Domain: value, Name: value}, Fields: fields, Rules: &model.Signals,
				Facts: account.Facts{
					account.Name: {Field: account.Name, Value: account.TextValue(value), ObservedAt: now},
				},
				Since: now.AddDate(0, -3, 0), Now: now,
			})
			return err
		}})
	}
	return append(all, caller{name: "crm hubspot", call: func(ctx context.Context, base, value string) error {
		c, err := hubspot.New(hubspot.Config{BaseURL: base, Token: canaryKey, Portal: "8100", Rate: 1000, SearchRate: 1000})
		require.NoError(t, err)
		key := account.Key{CRM: hubspot.Name, Portal: "8100", ID: value}
		_, errOne := c.Company(ctx, key, value)
		_, errAll := c.CompaniesByDomain(ctx, value)
		_, errTask := c.OpenTask(ctx, value)
		_, errNote := c.FindNote(ctx, key, value)
		errUpdate := c.UpdateNote(ctx, value, crm.Note{Key: value, Body: value})
		for _, err := range []error{errOne, errTask, errNote, errUpdate} {
			if err == nil {
				return nil
			}
		}
		return errAll
	}})
}

// hostile are the values, for a trap at a port of this machine.
func hostile(port int) []string {
	var all []string
	for _, host := range []string{
		"127.0.0.1", "localhost", "localhost.", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "127.1", "0.0.0.0",
	} {
		trap := fmt.Sprintf("%s:%d", host, port)
		all = append(all, trap, "http://"+trap+"/")
	}
	trap := fmt.Sprintf("127.0.0.1:%d", port)
	return append(all,
		"acme.example", "//"+trap+"/", "@"+trap, "x@"+trap+"/", "."+trap, "acme.example@"+trap+"/x", "acme.example\r\nHost: "+trap, "acme.example#@"+trap, `acme.example\@`+trap,
		"lever:@"+trap, "greenhouse:..", "ashby:../../admin", "workable:%2e%2e%2fadmin", "https://jobs.lever.co@"+trap+"/acme", "https://"+trap+"/jobs.lever.co/acme",
		"https://jobs.lever.co/../../admin", "https://"+trap+".workable.com/", "169.254.169.254", "http://169.254.169.254/latest/meta-data/", "[fd00:ec2::254]", "10.0.0.1", "..", "../../admin", "%2e%2e",
	)
}

// trap is a place where nobody may go; it counts who does.
type trap struct {
	net.Listener
	visits atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tr := &trap{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tr.visits.Add(1)
			_ = conn.Close()
		}
	}()
	return tr
}

func (tr *trap) port() int { return tr.Addr().(*net.TCPAddr).Port }

// TestNothingFromOutsideLeadsACallElsewhere: a domain, a name, a job board, a property of
// the CRM, a redirect or a link in an answer leads no client to another host than its own,
// nor, with its key, to another place there.
func TestNothingFromOutsideLeadsACallElsewhere(t *testing.T) {
	t.Parallel()
	answers := map[string]func(w http.ResponseWriter, r *http.Request, to string){
		"nothing": func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusNotFound) },
		"links": func(w http.ResponseWriter, _ *http.Request, to string) {
			link := map[string]any{}
			for _, name := range []string{"url", "next", "link", "href", "website", "website_url", "domain", "absolute_url", "hostedUrl", "jobUrl", "logo", "primaryDocument", "after"} {
				link[name] = to
			}
			link["paging"] = map[string]any{"next": map[string]any{"link": to, "after": to}}
			for _, name := range []string{"results", "jobs", "content", "organization", "company", "person"} {
				link[name] = []any{map[string]any{"url": to, "id": to, "name": to, "domain": to}}
			}
			w.Header().Set("Link", "<"+to+`>; rel="next"`)
			w.Header().Set("Refresh", "0; url="+to)
			_ = json.NewEncoder(w).Encode(link)
		},
	}
	for _, status := range []int{http.StatusFound, http.StatusPermanentRedirect} { // with and without the body
		answers[fmt.Sprint(status)] = func(w http.ResponseWriter, _ *http.Request, to string) {
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		}
	}
	for _, c := range callers(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr, asked := newTrap(t), 0
			for how, answer := range answers {
				for _, value := range hostile(tr.port()) {
					to := value
					if !strings.Contains(to, "://") {
						to = "http://" + strings.TrimPrefix(value, "//")
					}
					s := newHome(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r, to) })
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					_ = c.call(ctx, s.URL+"/home", value) // however it ends
					require.NoError(t, ctx.Err(), "%s, answered with %s", value, how)
					cancel()
					asked += s.stayed(t, value, how)
				}
			}
			require.Equal(t, c.quiet, asked == 0, "%d calls", asked)
			require.Zero(t, tr.visits.Load(), "somebody was led away")
		})
	}
}

// home is where a client belongs.
type home struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
}

func newHome(t *testing.T, answer http.HandlerFunc) *home {
	t.Helper()
	h := &home{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.seen = append(h.seen, r)
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// stayed checks where the calls went, and counts them.
func (h *home) stayed(t *testing.T, value, how string) int {
	t.Helper()
	h.Close() // now, not at the end: there are many
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.seen {
		at := r.URL.EscapedPath()
		require.Equal(t, h.Listener.Addr().String(), r.Host, "%s, answered with %s", value, how)
		require.True(t, strings.HasPrefix(path.Clean(at)+"/", "/home/"), "%s leads to %s", value, at)
		require.NotContains(t, strings.Split(at, "/"), "..", "%s leads to %s", value, at)
	}
	return len(h.seen)
}
