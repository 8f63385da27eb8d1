package providertest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

// observed is the time at which recorded bodies are read: after everything in them.
var observed = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// soon is when something that should happen at once must have happened, on a busy
// machine.
const soon = 5 * time.Second

type kit struct{ Case }

func (k *kit) ask(t *testing.T, p providers.Provider) (providers.Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	defer cancel()
	got, err := p.Ask(ctx, k.Account)
	k.checkError(t, err)
	return got, err
}

// answered asks, and wants an answer.
func (k *kit) answered(t *testing.T, r Reply, want outbound.Outcome) providers.Answer {
	t.Helper()
	k.require(t, r)
	got, err := k.ask(t, k.provider(t, k.replying(t, r)))
	require.NoError(t, err)
	require.Equal(t, want, got.Outcome)
	checkAnswer(t, k.Spec, got)
	require.Equal(t, k.price(r, want), got.Credits, "credits") //nolint:testifylint // prices are given, not computed
	if r.RetryAfter != 0 {
		requireDelay(t, r.RetryAfter, got.RetryAfter)
	}
	return got
}

// refused asks, and wants an error.
func (k *kit) refused(t *testing.T, r Reply, want outbound.Outcome) {
	t.Helper()
	k.require(t, r)
	_, err := k.ask(t, k.provider(t, k.replying(t, r)))
	e := requireOutcome(t, want, err)
	require.True(t, e.Sent)
	if r.RetryAfter != 0 {
		requireDelay(t, r.RetryAfter, e.RetryAfter)
	}
}

func (k *kit) expect(t *testing.T, r Reply, want outbound.Outcome) {
	t.Helper()
	switch want {
	case outbound.Found, outbound.NotFound, outbound.Pending:
		k.answered(t, r, want)
	default:
		k.refused(t, r, want)
	}
}

func (k *kit) require(t *testing.T, r Reply) {
	t.Helper()
	require.False(t, r.isZero(), "the case has no reply for %q: record one, or say in Skip why it does not apply", t.Name())
}

func (k *kit) price(r Reply, o outbound.Outcome) float64 {
	switch {
	case r.Credits != 0:
		return r.Credits
	case o == outbound.NotFound:
		return k.Spec.MissCredits
	default:
		return k.Spec.HitCredits
	}
}

func (k *kit) spec(t *testing.T) {
	s := k.Spec
	require.Regexp(t, `^[a-z][a-z0-9]*$`, s.Name)
	require.Equal(t, strings.ToUpper(s.Name), s.Env, "so that SLUICE_%s_API_KEY can be guessed", strings.ToUpper(s.Name))
	if s.NeedsKey {
		require.Regexp(t, `^https://`, s.BaseURL, "a key travels over TLS only")
		_, err := s.New(providers.Config{BaseURL: s.BaseURL})
		require.ErrorIs(t, err, account.ErrInvalid, "a provider without its key")
		require.Contains(t, err.Error(), "SLUICE_"+s.Env+"_API_KEY", "what to set")
	}
	require.NotEmpty(t, s.Supplies)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(s.Supplies))), len(s.Supplies), "a field is listed twice")
	require.Positive(t, s.TTL)
	require.GreaterOrEqual(t, s.Rate, 0.0)
	require.GreaterOrEqual(t, s.HitCredits, s.MissCredits)
}

func (k *kit) found(t *testing.T) {
	k.require(t, k.Found)
	s := k.replying(t, k.Found)
	p := k.provider(t, s)
	got, err := k.ask(t, p)
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
	require.NotEmpty(t, got.Facts)
	require.NotEmpty(t, got.Body, "the body is kept, so that a better mapping need not pay again")
	require.NotEmpty(t, got.Domain+got.Name, "who the answer is about")
	require.Equal(t, k.price(k.Found, outbound.Found), got.Credits) //nolint:testifylint // prices are given
	if k.Asks != "" {
		require.Equal(t, k.Asks, s.seen()[0].URL.RequestURI())
	}
	require.Len(t, s.seen(), 1, "one lookup is one request")
	again, err := p.Map(got.Body, observed)
	require.NoError(t, err)
	require.Equal(t, describe(again), describe(got), "Map reads the body as Ask does")
	golden(t, k.Spec, k.Found, again)
}

func (k *kit) foundInPart(t *testing.T) {
	got := k.answered(t, k.Partial, outbound.Found)
	full := k.answered(t, k.Found, outbound.Found)
	require.Less(t, len(got.Facts), len(full.Facts), "what is null is not a fact")
	golden(t, k.Spec, k.Partial, got)
}

func (k *kit) notFound(t *testing.T) {
	require.Empty(t, k.answered(t, k.NotFound, outbound.NotFound).Facts)
}

func (k *kit) badKey(t *testing.T)    { k.refused(t, k.BadKey, outbound.AuthFailed) }
func (k *kit) noCredits(t *testing.T) { k.refused(t, k.NoCredits, outbound.QuotaExhausted) }

func (k *kit) throttled(t *testing.T) {
	require.NotZero(t, k.Throttled.RetryAfter, "say which delay must arrive")
	k.refused(t, k.Throttled, outbound.Throttled)
}

// The provider says whom it answered about; whether that is the company that was
// meant is the identity gate's to judge, not the adapter's.
func (k *kit) wrongCompany(t *testing.T) {
	got := k.answered(t, k.Wrong, outbound.Found)
	require.NotEmpty(t, got.Domain, "the gate compares domains")
	require.NotEqual(t, k.Account.Domain, got.Domain, "the adapter repeats what it asked for")
}

func (k *kit) serverError(t *testing.T) {
	for _, status := range []int{500, 502, 503} {
		k.refused(t, Reply{Status: status, Body: "<html>" + key + "</html>"}, outbound.ProviderError)
	}
}

func (k *kit) timeOut(t *testing.T) {
	s, _ := k.hanging(t)
	start := time.Now()
	_, err := k.ask(t, k.provider(t, s, outbound.WithTimeout(100*time.Millisecond)))
	e := requireOutcome(t, outbound.ProviderError, err)
	require.True(t, e.Ambiguous(), "the lookup may have been charged")
	require.Less(t, time.Since(start), soon)
}

func (k *kit) reset(t *testing.T) {
	s := k.serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := k.ask(t, k.provider(t, s))
	_ = requireOutcome(t, outbound.ProviderError, err)
}

func (k *kit) truncated(t *testing.T) {
	k.require(t, k.Found)
	body := k.Found.body(t)
	k.refused(t, Reply{Body: string(body[:len(body)/2])}, outbound.ProviderError)
}

func (k *kit) notJSON(t *testing.T) {
	for _, body := range []string{"", "<html>maintenance</html>", "[]", `"ok"`, "null"} {
		k.refused(t, Reply{Body: body + strings.Repeat(" ", 10), Status: 200}, outbound.ProviderError)
	}
}

func (k *kit) hugeBody(t *testing.T) {
	const limit, tooMuch = 256 << 10, 64 << 20
	var written atomic.Int64
	s := k.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 64<<10))
		for written.Load() < tooMuch {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	_, err := k.ask(t, k.provider(t, s, outbound.WithMaxBody(limit)))
	_ = requireOutcome(t, outbound.ProviderError, err)
	require.Less(t, written.Load(), int64(tooMuch), "reading went on past the limit")
}

// A redirect could hand our key to somebody else, or make us read what only our
// own network can reach.
func (k *kit) redirect(t *testing.T) {
	var reached atomic.Int64
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(private.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := k.replying(t, Reply{Status: status, Header: map[string]string{"Location": private.URL + "/latest/meta-data"}})
		got, err := k.ask(t, k.provider(t, s))
		if err == nil {
			require.NotEqual(t, outbound.Found, got.Outcome)
		}
	}
	require.Zero(t, reached.Load(), "the redirect was followed")
}

func (k *kit) noDomain(t *testing.T) {
	s := k.replying(t, k.Found)
	p := k.provider(t, s)
	_, err := p.Ask(t.Context(), account.Account{ID: 2})
	_ = requireOutcome(t, outbound.BadRequest, err)
	require.Empty(t, s.seen(), "a lookup of nothing was sent")
}

func (k *kit) cancelled(t *testing.T) {
	k.require(t, k.Found)
	var healthy atomic.Bool
	arrived, found := make(chan struct{}, 10), handler(t, k.Found)
	s := k.serve(t, func(w http.ResponseWriter, r *http.Request) {
		if healthy.Load() {
			found(w, r)
			return
		}
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	p := k.provider(t, s, outbound.WithTrip(1))
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := p.Ask(ctx, k.Account)
			done <- err
		}()
		receive(t, arrived)
		cancel()
		require.ErrorIs(t, receive(t, done), context.Canceled)
	}
	healthy.Store(true)
	got, err := k.ask(t, p)
	require.NoError(t, err, "a call that we gave up opened the breaker")
	require.Equal(t, outbound.Found, got.Outcome)
}

func (k *kit) concurrent(t *testing.T) {
	k.require(t, k.Found)
	p := k.provider(t, k.replying(t, k.Found))
	answers := make([]providers.Answer, 8)
	errs := make([]error, len(answers))
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i], errs[i] = p.Ask(t.Context(), k.Account) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	for _, got := range answers {
		require.Equal(t, describe(answers[0]), describe(got))
	}
}

func (k *kit) deadService(t *testing.T) {
	const trip = 3
	s := k.replying(t, Reply{Status: 503, Body: "{}"})
	p := k.provider(t, s, outbound.WithTrip(trip), outbound.WithCoolDown(time.Minute))
	for range trip {
		_, err := k.ask(t, p)
		_ = requireOutcome(t, outbound.ProviderError, err)
	}
	for range 5 {
		_, err := k.ask(t, p)
		e := requireOutcome(t, outbound.SkippedBreaker, err)
		require.Positive(t, e.RetryAfter)
	}
	require.Len(t, s.seen(), trip, "calls to a dead service")
}

func (k *kit) missesAreHealthy(t *testing.T) {
	k.require(t, k.NotFound)
	p := k.provider(t, k.replying(t, k.NotFound), outbound.WithTrip(1))
	for range 3 {
		got, err := k.ask(t, p)
		require.NoError(t, err)
		require.Equal(t, outbound.NotFound, got.Outcome)
	}
}

func receive[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(soon):
		require.FailNow(t, "nothing happened", "in %s", soon)
	}
	return got
}
