package signalstest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

const (
	// soon is when something that should happen at once must have happened, on a busy
	// machine.
	soon = 5 * time.Second

	maxRemember = 64 << 10 // bytes, for manyItems
	manyItems   = 2000
)

type kit struct{ Case }

// look asks a source that is told to call h, and wants an answer.
func (k *kit) look(t *testing.T, h http.Handler, at signals.Look) signals.Sight {
	t.Helper()
	got, err := k.ask(t, k.source(t, k.serve(t, h)), at)
	require.NoError(t, err)
	return got
}

// ask holds every answer to what holds for all of them.
func (k *kit) ask(t *testing.T, s signals.Source, at signals.Look) (signals.Sight, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	defer cancel()
	got, err := s.Look(ctx, at)
	k.checkError(t, err)
	if err == nil {
		k.checkSight(t, at, got)
	}
	return got, err
}

// refused asks, and wants an error. It returns when to come back.
func (k *kit) refused(t *testing.T, h http.Handler, want outbound.Outcome, opts ...outbound.Option) time.Duration {
	t.Helper()
	_, err := k.ask(t, k.source(t, k.serve(t, h), opts...), k.Look)
	return requireOutcome(t, want, err).RetryAfter
}

// dayAfter is the next look, reminded of what the last one wanted to be reminded of.
func (k *kit) dayAfter(last signals.Sight) signals.Look {
	at := k.Look
	at.Now = at.Now.Add(day)
	at.Since = at.Since.Add(day)
	if last.Remember != nil {
		at.Before = last.Remember
	}
	return at
}

func (k *kit) spec(t *testing.T) {
	s := k.Spec
	require.Regexp(t, `^[a-z][a-z0-9]*$`, s.Name)
	require.Equal(t, strings.ToUpper(s.Name), s.Env, "so that SLUICE_%s_BASE_URL can be guessed", strings.ToUpper(s.Name))
	require.Contains(t, []string{"", "key", "contact"}, s.Needs)
	require.Positive(t, s.Rate)
	if s.BaseURL != "" {
		require.Regexp(t, `^https://`, s.BaseURL)
	}
	variable := map[string]string{"key": "_API_KEY", "contact": "_CONTACT"}[s.Needs]
	if variable == "" {
		return
	}
	_, err := s.New(signals.Config{BaseURL: s.BaseURL})
	require.ErrorIs(t, err, account.ErrInvalid, "a source without its %s", s.Needs)
	require.Contains(t, err.Error(), "SLUICE_"+s.Env+variable, "what to set")
}

func (k *kit) firstSight(t *testing.T) {
	got := k.look(t, k.First, k.Look)
	require.ElementsMatch(t, k.Want, told(got))
}

// The documents of the first day are older than its last moment: whoever takes that
// for the beginning of time has no news.
func (k *kit) nothingTooOld(t *testing.T) {
	at := k.Look
	at.Since = at.Now
	require.Empty(t, told(k.look(t, k.First, at)))
}

func (k *kit) nothingTwice(t *testing.T) {
	h := k.First
	first := k.look(t, h, k.Look)
	next := k.dayAfter(first)
	second := k.look(t, h, next)
	require.Empty(t, told(second), "the same documents again")
	if second.Remember != nil {
		next.Before = second.Remember
	}
	require.Empty(t, told(k.look(t, h, next)), "and again")
}

func (k *kit) somethingNew(t *testing.T) {
	require.NotNil(t, k.Later, "the case has no Later: record one, or say in Skip why it does not apply")
	require.NotEmpty(t, k.WantLater, "the case has no WantLater")
	next := k.dayAfter(k.look(t, k.First, k.Look))
	second := k.look(t, k.Later, next)
	require.ElementsMatch(t, k.WantLater, told(second))
	if second.Remember != nil {
		next.Before = second.Remember
	}
	require.Empty(t, told(k.look(t, k.Later, next)), "the same documents again")
}

func (k *kit) unknownAccount(t *testing.T) {
	require.Empty(t, told(k.look(t, k.Unknown, k.Look)))
}

func (k *kit) nothingToGoBy(t *testing.T) {
	at := k.Look
	at.Account, at.Facts, at.Fields = account.Account{ID: 2}, nil, nil
	require.Empty(t, told(k.look(t, k.Unknown, at)))
}

func (k *kit) otherCompany(t *testing.T) {
	require.NotNil(t, k.Other, "the case has no Other: record one, or say in Skip why it does not apply")
	require.Empty(t, told(k.look(t, k.Other, k.Look)))
}

func (k *kit) badKey(t *testing.T) {
	if k.BadKey == nil {
		t.Skip("the source has no key")
	}
	k.refused(t, k.BadKey, outbound.AuthFailed)
}

func (k *kit) throttled(t *testing.T) {
	got := k.refused(t, k.Throttled, outbound.Throttled)
	require.InDelta(t, RetryAfter.Seconds(), got.Seconds(), 1, "the delay that the service asks for")
}

func (k *kit) serverError(t *testing.T) {
	for _, status := range []int{500, 502, 503} {
		k.refused(t, Reply{Status: status, Body: "<html>" + key + "</html>"}, outbound.ProviderError)
	}
}

func (k *kit) timeOut(t *testing.T) {
	start := time.Now()
	k.refused(t, hanging(nil), outbound.ProviderError, outbound.WithTimeout(100*time.Millisecond))
	require.Less(t, time.Since(start), soon)
}

func (k *kit) reset(t *testing.T) {
	k.refused(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), outbound.ProviderError)
}

// Half a body is not half the news.
func (k *kit) truncated(t *testing.T) {
	k.refused(t, edited(k.First, func(_ string, body []byte) []byte { return body[:len(body)/2] }), outbound.ProviderError)
}

// A page that says that the service is down is not the news that there is none.
func (k *kit) errorPage(t *testing.T) {
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	for _, body := range []string{"<!DOCTYPE html><html><body>Down for maintenance</body></html>", ""} {
		k.refused(t, Reply{Header: html, Body: body}, outbound.ProviderError)
	}
}

func (k *kit) hugeBody(t *testing.T) {
	padding := strings.Repeat(" ", 1<<20)
	k.refused(t, Reply{Body: padding + "{}"}, outbound.ProviderError, outbound.WithMaxBody(256<<10))
}

func (k *kit) deadService(t *testing.T) {
	const trip = 3
	s := k.serve(t, Reply{Status: 503, Body: "{}"})
	source := k.source(t, s, outbound.WithTrip(trip), outbound.WithCoolDown(time.Minute))
	for range trip {
		_, err := k.ask(t, source, k.Look)
		require.Error(t, err)
	}
	asked := len(s.seen())
	for range 3 {
		_, err := k.ask(t, source, k.Look)
		require.Positive(t, requireOutcome(t, outbound.SkippedBreaker, err).RetryAfter)
	}
	require.Len(t, s.seen(), asked, "calls to a dead service")
}

func (k *kit) cancelled(t *testing.T) {
	arrived := make(chan struct{}, 100)
	source := k.source(t, k.serve(t, hanging(arrived)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := source.Look(ctx, k.Look)
		done <- err
	}()
	receive(t, arrived)
	cancel()
	require.ErrorIs(t, receive(t, done), context.Canceled)
}

// One source serves all accounts, at the same time, and has no memory of its own.
func (k *kit) sameAnswer(t *testing.T) {
	source := k.source(t, k.serve(t, k.First))
	want, err := k.ask(t, source, k.Look)
	require.NoError(t, err)
	got := make([]signals.Sight, 4)
	errs := make([]error, len(got))
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i], errs[i] = source.Look(t.Context(), k.Look) })
	}
	wg.Wait()
	for i := range got {
		require.NoError(t, errs[i])
		require.Equal(t, describe(t, want), describe(t, got[i]))
	}
}

func (k *kit) smallMemory(t *testing.T) {
	require.NotNil(t, k.Many, "the case has no Many: make one, or say in Skip why it does not apply")
	h := k.Many(manyItems)
	first := k.look(t, h, k.Look)
	require.NotEmpty(t, first.Remember, "many documents leave nothing to remember")
	require.Less(t, len(first.Remember), maxRemember, "bytes to remember of %d documents", manyItems)
	require.Empty(t, told(k.look(t, h, k.dayAfter(first))), "the same documents again")
}

// What is remembered may come from an older release. It may cost an answer, but
// neither a panic nor an endless row of failures.
func (k *kit) strangeMemory(t *testing.T) {
	source := k.source(t, k.serve(t, k.First))
	for _, before := range []string{`{}`, `null`, `[]`, `[1]`, `"x"`, `7`, `{"v":99,"ids":7,"seen":"x"}`, `{`} {
		at := k.Look
		at.Before = json.RawMessage(before)
		_, err := k.ask(t, source, at)
		require.NoError(t, err, before)
	}
}

// Any value may be null, and any may change its type: what is lost by that is this
// value, or an error says that the document cannot be read.
func (k *kit) nulls(t *testing.T) { k.changed(t, func(any) any { return nil }) }

func (k *kit) changedTypes(t *testing.T) {
	for _, change := range []func(any) any{
		func(any) any { return "seven" },
		func(any) any { return 7.5 },
		func(v any) any { return []any{v, nil} },
		func(v any) any { return map[string]any{"value": v} },
	} {
		k.changed(t, change)
	}
}

// maxChanges bounds the variants of one document.
const maxChanges = 150

// changed looks once for each value of each JSON document of the first day, with that
// value changed.
func (k *kit) changed(t *testing.T, change func(any) any) {
	documents := map[string][]byte{}
	var mu sync.Mutex
	k.look(t, edited(k.First, func(uri string, body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		documents[uri] = body
		return body
	}), k.Look)
	var changedURI string
	var changedBody []byte
	h := edited(k.First, func(uri string, body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if uri == changedURI {
			return changedBody
		}
		return body
	})
	source := k.source(t, k.serve(t, h), outbound.WithTrip(1<<20)) // its failures are meant
	for uri, body := range documents {
		for _, variant := range jsonVariants(body, change) {
			mu.Lock()
			changedURI, changedBody = uri, variant
			mu.Unlock()
			_, _ = k.ask(t, source, k.Look) // which checks what came back
		}
	}
}

// edited answers as h does, with the body of each 200 changed.
func edited(h http.Handler, edit func(uri string, body []byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if rec.Code == http.StatusOK {
			body = edit(r.URL.RequestURI(), bytes.Clone(body))
		}
		maps.Copy(w.Header(), rec.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	})
}

// hanging answers nothing until the client has gone. It tells of each request.
func hanging(arrived chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if arrived != nil {
			arrived <- struct{}{}
		}
		<-r.Context().Done()
	})
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
