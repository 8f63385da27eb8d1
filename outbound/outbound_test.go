package outbound_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/outbound"
)

// service is an outside service that lives in the test's own time: with it and
// synctest, half a minute of cool-down takes no time and nothing is left to luck.
type service struct {
	calls  atomic.Int64
	answer func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls.Add(1)
	return s.answer(r)
}

func respond(status int, body string, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func always(status int, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return respond(status, "{}", header...) }
}

// hang answers nothing for as long as the caller waits.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// switched answers as it is told at the time.
type switched struct {
	mu  sync.Mutex
	now func(*http.Request) (*http.Response, error)
}

func (s *switched) to(f func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = f
}

func (s *switched) answer(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	f := s.now
	s.mu.Unlock()
	return f(r)
}

func newService(answer func(*http.Request) (*http.Response, error), opts ...outbound.Option) (*outbound.Client, *service) {
	s := &service{answer: answer}
	return outbound.New("acme", "https://api.acme.example", append(opts, outbound.WithTransport(s))...), s
}

// call reads a response as most adapters do.
func call(ctx context.Context, c *outbound.Client) error {
	return c.Do(ctx, outbound.Request{Path: "/v1"}, func(r outbound.Response) error {
		switch r.Status {
		case http.StatusOK, http.StatusNotFound: // a miss is an answer
			return nil
		}
		return r.FailStatus()
	})
}

// together makes n calls at the same time and returns how many came to each outcome.
func together(ctx context.Context, c *outbound.Client, n int) map[outbound.Outcome]int {
	var mu sync.Mutex
	outcomes := map[outbound.Outcome]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			o := outbound.OutcomeOf(call(ctx, c))
			mu.Lock()
			defer mu.Unlock()
			outcomes[o]++
		})
	}
	wg.Wait()
	return outcomes
}

func asError(t *testing.T, err error) *outbound.Error {
	t.Helper()
	e, ok := errors.AsType[*outbound.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	return e
}

// inBubble runs the test in time of its own, in parallel with others.
func inBubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

const coolDown = 30 * time.Second

// zeros returns n zero bytes, packed.
func zeros(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.CopyN(z, zeroReader{}, n)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
