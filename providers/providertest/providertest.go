// Package providertest is the conformance kit of data providers: the same tests,
// run on each of them against a local server that answers with recorded responses.
// A provider that passes keeps the promises of package providers, whatever its
// vendor sends.
package providertest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// Case describes one provider to the kit: what it asks, and how its service
// answers on each occasion.
type Case struct {
	Spec providers.Spec

	// Account is looked up. Default: Acme Robotics, acme.example.
	Account account.Account
	// Asks is the path and query that the lookup must have, such as
	// "/organizations/enrich?domain=acme.example". Empty: not checked.
	Asks string

	// Routes are answered the same way on every occasion and do not count as
	// calls, such as robots.txt. By path.
	Routes map[string]Reply

	Found     Reply // a complete record of Account
	Partial   Reply // a record in which most fields are null or missing
	NotFound  Reply
	BadKey    Reply
	NoCredits Reply
	Throttled Reply // with the delay that must arrive in RetryAfter
	Wrong     Reply // a good record of another company

	// Envelope are the paths in Found, such as "/data", of what holds the record:
	// without these there is nothing to read, and an error is right.
	Envelope []string

	// Others are the remaining rows of the provider's error table, by name. Each
	// says in Outcome what it must come to.
	Others map[string]Reply

	// Skip says why a test of the kit does not apply, by the test's name.
	Skip map[string]string
}

// Reply is one recorded response, and what it must come to.
type Reply struct {
	Status int               // default 200
	Header map[string]string // Content-Type is application/json by default
	File   string            // body, in testdata
	Body   string            // body, where a file would be too much

	Outcome    outbound.Outcome // only in Case.Others: the other places imply it
	Credits    float64          // charged; default is the price in the Spec
	RetryAfter time.Duration    // the delay that must arrive; 0 is not checked
}

func (r Reply) isZero() bool { return r.Status == 0 && r.File == "" && r.Body == "" }

func (r Reply) body(t testing.TB) []byte {
	t.Helper()
	if r.File == "" {
		return []byte(r.Body)
	}
	b, err := os.ReadFile(filepath.Join("testdata", r.File))
	require.NoError(t, err)
	return b
}

// test is one promise of a provider.
type test struct {
	name string
	run  func(*kit, *testing.T)
}

var tests = []test{
	{"spec", (*kit).spec},
	{"found", (*kit).found},
	{"found in part", (*kit).foundInPart},
	{"not found", (*kit).notFound},
	{"bad key", (*kit).badKey},
	{"no credits", (*kit).noCredits},
	{"throttled", (*kit).throttled},
	{"wrong company", (*kit).wrongCompany},
	{"server error", (*kit).serverError},
	{"time-out", (*kit).timeOut},
	{"reset connection", (*kit).reset},
	{"truncated body", (*kit).truncated},
	{"not JSON", (*kit).notJSON},
	{"huge body", (*kit).hugeBody},
	{"redirect", (*kit).redirect},
	{"no domain", (*kit).noDomain},
	{"cancelled", (*kit).cancelled},
	{"concurrent", (*kit).concurrent},
	{"dead service", (*kit).deadService},
	{"misses are healthy", (*kit).missesAreHealthy},
	{"unknown fields", (*kit).unknownFields},
	{"nulls", (*kit).nulls},
	{"changed types", (*kit).changedTypes},
}

// Run runs every test of the kit that c does not skip.
func Run(t *testing.T, c Case) {
	t.Helper()
	if c.Account == (account.Account{}) {
		c.Account = account.Account{ID: 1, Domain: "acme.example", Name: "Acme Robotics"}
	}
	for name, reason := range c.Skip {
		require.True(t, slices.ContainsFunc(tests, func(tt test) bool { return tt.name == name }), "no test to skip: %q", name)
		require.NotEmpty(t, reason, "say why %q does not apply", name)
	}
	k := &kit{Case: c}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if reason, ok := c.Skip[tt.name]; ok {
				t.Skip(reason)
			}
			tt.run(k, t)
		})
	}
	for name, reply := range c.Others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, reply.Outcome, "say what this must come to")
			k.expect(t, reply, reply.Outcome)
		})
	}
}

// FuzzMap feeds any body to the provider's Map: it must not panic, and what it
// returns must be fit to store. The recorded responses are the seeds.
func FuzzMap(f *testing.F, spec providers.Spec) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	for _, file := range files {
		if strings.HasSuffix(file, goldenSuffix) {
			continue
		}
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add([]byte(`null`))
	p, err := spec.New(providers.Config{BaseURL: spec.BaseURL, Key: key})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := p.Map(body, observed)
		if err == nil {
			checkAnswer(t, spec, got)
		}
	})
}
