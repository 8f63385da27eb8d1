package outbound_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	c, _ := newService(func(r *http.Request) (*http.Response, error) {
		got = r
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = string(b)
		}
		return respond(200, `{"name": "Acme"}`)
	}, outbound.WithHeader("X-Api-Key", "canary"))

	var company struct{ Name string }
	read := func(r outbound.Response) error { return r.JSON(&company) }
	require.NoError(t, c.Do(t.Context(), outbound.Request{Path: "/find", Query: url.Values{"domain": {"acme.example"}}}, read))
	require.Equal(t, "GET https://api.acme.example/find?domain=acme.example", got.Method+" "+got.URL.String())
	require.Equal(t, outbound.UserAgent, got.UserAgent())
	require.Equal(t, "canary", got.Header.Get("X-Api-Key"))
	require.Empty(t, got.Header.Get("Content-Type"))
	require.Equal(t, "Acme", company.Name)

	req := outbound.Request{Path: "/find", Body: map[string]int{"n": 1}, Header: http.Header{"X-Api-Key": {"other"}}}
	require.NoError(t, c.Do(t.Context(), req, read))
	require.Equal(t, "POST", got.Method)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, "other", got.Header.Get("X-Api-Key"), "of this request only")
	require.JSONEq(t, `{"n": 1}`, body)

	require.NoError(t, c.Do(t.Context(), outbound.Request{Method: http.MethodPatch, Body: 1}, read))
	require.Equal(t, "PATCH", got.Method)
	require.Equal(t, "canary", got.Header.Get("X-Api-Key"))
}

func TestRequestThatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	c, s := newService(always(200))
	err := c.Do(t.Context(), outbound.Request{Body: func() {}}, nil)
	require.Equal(t, outbound.BadRequest, asError(t, err).Outcome)
	require.False(t, asError(t, err).Sent)
	require.Zero(t, s.calls.Load())
}

// TestAPathLeadsToNoOtherHost: a key goes to the service that it is of.
func TestAPathLeadsToNoOtherHost(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"@evil.example/", ".evil.example/", ":8443/", "/../"} {
		c, s := newService(always(200))
		err := c.Do(t.Context(), outbound.Request{Path: path}, func(outbound.Response) error { return nil })
		if strings.HasPrefix(path, "/") {
			require.NoError(t, err, path)
			continue
		}
		require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err), path)
		require.Zero(t, s.calls.Load(), path)
	}
}

func TestFailStatus(t *testing.T) {
	t.Parallel()
	tests := map[int]outbound.Outcome{
		301: outbound.ProviderError, 304: outbound.ProviderError, 400: outbound.BadRequest, 401: outbound.AuthFailed,
		402: outbound.QuotaExhausted, 403: outbound.AuthFailed, 405: outbound.BadRequest, 409: outbound.BadRequest,
		422: outbound.BadRequest, 429: outbound.Throttled, 500: outbound.ProviderError, 503: outbound.ProviderError, 599: outbound.ProviderError,
	}
	for status, want := range tests {
		c, _ := newService(always(status))
		e := asError(t, call(t.Context(), c))
		require.Equal(t, want, e.Outcome, "HTTP %d", status)
		require.Equal(t, status, e.Status)
		require.True(t, e.Sent)
		require.Equal(t, want == outbound.Throttled || want == outbound.ProviderError, e.Repeatable())
		require.Equal(t, want == outbound.ProviderError, e.Ambiguous())
	}
}

func TestRetryAfter(t *testing.T) {
	inDate := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	tests := []struct {
		name string
		give func() string
		want time.Duration
	}{
		{name: "seconds", give: func() string { return "17" }, want: 17 * time.Second},
		{name: "decimals", give: func() string { return "1.5" }, want: 1500 * time.Millisecond},
		{name: "spaces", give: func() string { return " 3 " }, want: 3 * time.Second},
		{name: "now", give: func() string { return "0" }, want: time.Millisecond},
		{name: "a date", give: func() string { return inDate(time.Minute) }, want: time.Minute},
		{name: "a date in the past", give: func() string { return inDate(-time.Hour) }, want: time.Millisecond},
		{name: "too many seconds", give: func() string { return "1e300" }, want: 24 * time.Hour},
		{name: "for ever", give: func() string { return "Inf" }, want: 24 * time.Hour},
		{name: "a date in another age", give: func() string { return "Mon, 01 Jan 9999 00:00:00 GMT" }, want: 24 * time.Hour},
		{name: "none", give: func() string { return "" }},
		{name: "negative", give: func() string { return "-5" }},
		{name: "no number", give: func() string { return "NaN" }},
		{name: "words", give: func() string { return "soon" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) { // where the clock stands still on a whole second
				c, _ := newService(always(503, "Retry-After", tt.give()))
				require.Equal(t, tt.want, asError(t, call(t.Context(), c)).RetryAfter)
			})
		})
	}
}

func TestUnreadableBody(t *testing.T) {
	t.Parallel()
	parse := errors.New("secret body")
	tests := []struct {
		name string
		read func(outbound.Response) error
	}{
		{name: "by the client's JSON", read: func(r outbound.Response) error { return r.JSON(&struct{}{}) }},
		{name: "by the reader's own", read: func(outbound.Response) error { return parse }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := newService(func(*http.Request) (*http.Response, error) { return respond(200, `{"secret body`) })
			err := c.Do(t.Context(), outbound.Request{}, tt.read)
			require.Equal(t, outbound.ProviderError, asError(t, err).Outcome)
			require.EqualError(t, err, "acme: provider_error (HTTP 200): unreadable body")
		})
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]outbound.Outcome{999: "", 1000: "", 1001: outbound.ProviderError, 1 << 20: outbound.ProviderError} {
		c, _ := newService(func(*http.Request) (*http.Response, error) {
			return respond(200, strings.Repeat("x", size))
		}, outbound.WithMaxBody(1000))
		require.Equal(t, want, outbound.OutcomeOf(call(t.Context(), c)), "%d bytes", size)
	}
}

// A body that is small on the wire may be anything once unpacked.
func TestBodyLimitHoldsUnpacked(t *testing.T) {
	t.Parallel()
	packed := zeros(t, 4<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed)
	}))
	t.Cleanup(server.Close)
	c := outbound.New("acme", server.URL, outbound.WithMaxBody(1<<20), outbound.WithTimeout(time.Minute))
	err := call(t.Context(), c)
	require.EqualError(t, err, "acme: provider_error (HTTP 200): body too large")
}

func TestErrorsShowNothing(t *testing.T) {
	t.Parallel()
	c := outbound.New("acme", "http://127.0.0.1:1/secret-path", outbound.WithHeader("Authorization", "Bearer canary"))
	err := c.Do(t.Context(), outbound.Request{Query: url.Values{"key": {"canary"}}}, nil)
	require.EqualError(t, err, "acme: provider_error")
	require.Error(t, errors.Unwrap(err), "the cause is kept for errors.Is")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	e := asError(t, call(t.Context(), outbound.New("acme", server.URL)))
	require.Equal(t, outbound.ProviderError, e.Outcome)
	require.Equal(t, http.StatusTemporaryRedirect, e.Status)
	require.Zero(t, reached.Load())
}

func TestTimeoutIsTheServicesFailureAndCancellationIsNot(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, _ := newService(hang, outbound.WithTimeout(5*time.Second))
		start := time.Now()
		e := asError(t, call(t.Context(), c))
		require.Equal(t, outbound.ProviderError, e.Outcome)
		require.True(t, e.Ambiguous())
		require.Equal(t, 5*time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := call(ctx, c)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Empty(t, outbound.OutcomeOf(err))
	})
}

// The time-out covers the body: headers that come at once do not stop the clock.
func TestTimeoutCoversTheBody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, _ := newService(func(r *http.Request) (*http.Response, error) {
			body, w := io.Pipe()
			go func() {
				<-r.Context().Done()
				w.CloseWithError(r.Context().Err())
			}()
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body}, nil
		}, outbound.WithTimeout(5*time.Second))
		e := asError(t, call(t.Context(), c))
		require.Equal(t, outbound.ProviderError, e.Outcome)
		require.Equal(t, 200, e.Status)
	})
}

func TestTripBelowOneIsOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c, s := newService(always(503), outbound.WithTrip(0))
		together(t.Context(), c, 10)
		require.EqualValues(t, 1, s.calls.Load())
	})
}
