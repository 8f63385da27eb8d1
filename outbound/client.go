package outbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel/trace"
)

// UserAgent is what Sluice calls itself to every service.
const UserAgent = "sluice/1 (+https://github.com/sluicehq/sluice)"

// Client calls one service. Make one per process and share it: it holds the
// service's breaker and pace.
type Client struct {
	service string
	baseURL string
	base    *url.URL // nil for a client that is told where to go
	header  http.Header
	timeout time.Duration
	maxBody int64

	transport http.RoundTripper
	http      *http.Client
	trip      int
	coolDown  time.Duration
	patience  time.Duration
	pace      *pace
	allowance func(http.Header) (share float64, ok bool)
	gate      *gate
	breaker   *gobreaker.CircuitBreaker[struct{}]
	observer  Observer
	tracer    trace.Tracer // nil where nobody traces
}

// pooled keeps enough idle connections that a busy service is not dialled again
// for every call; the standard transport keeps two.
var pooled = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 32
	return t
}()

// Option changes one default of [New].
type Option func(*Client)

// WithTimeout bounds one call, connection and body included. Default 8 s.
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// WithTrip sets how many failures in a row open the breaker. Default 5. No more
// than that many calls are ever in the air at once, so that a service that stops
// answering is never asked more often than the breaker would forgive.
func WithTrip(n int) Option { return func(c *Client) { c.trip = n } }

// WithCoolDown sets how long an open breaker stays open. Default 30 s.
func WithCoolDown(d time.Duration) Option { return func(c *Client) { c.coolDown = d } }

// WithPatience ends the wait for a call's turn when nothing has come back for so
// long, or for three times as long as the last answer took: the call is skipped as
// if the breaker, which learns of a hang by its time-outs only, were open already.
// Default and 0: wait for as long as it takes.
func WithPatience(d time.Duration) Option { return func(c *Client) { c.patience = d } }

// WithRate sets the pace of this process, in calls per second, evenly spaced.
// Default and 0: none. The server-side limit of the provider's task queue holds
// for all workers together; this is the second belt.
func WithRate(perSecond float64) Option { return func(c *Client) { c.pace = newPace(perSecond) } }

// WithAllowance tells how to read from an answer what share of the service's limit is
// left, 0 to 1, whoever used the rest: other workers, other programs. When little is left
// calls in bulk pause, and all of them before nothing is. Default: nothing is read.
func WithAllowance(left func(http.Header) (share float64, ok bool)) Option {
	return func(c *Client) { c.allowance = left }
}

// WithMaxBody bounds a response, in bytes. Default 8 MiB.
func WithMaxBody(n int64) Option { return func(c *Client) { c.maxBody = n } }

// WithHeader adds a header to every request, such as the credential.
func WithHeader(key, value string) Option { return func(c *Client) { c.header.Set(key, value) } }

// WithTransport replaces the HTTP transport, for instance by one that reaches
// public addresses only.
func WithTransport(rt http.RoundTripper) Option { return func(c *Client) { c.transport = rt } }

// New returns a client for the service at baseURL.
func New(service, baseURL string, opts ...Option) *Client {
	c := &Client{
		service: service, baseURL: strings.TrimRight(baseURL, "/"), header: http.Header{},
		timeout: 8 * time.Second, maxBody: 8 << 20, trip: 5, coolDown: 30 * time.Second,
		pace: newPace(0), transport: pooled,
	}
	if base, err := url.Parse(c.baseURL); err == nil && base.Host != "" {
		c.base = base
	}
	c.header.Set("User-Agent", UserAgent)
	for _, opt := range opts {
		opt(c)
	}
	// An API that redirects has moved: following would hand our key to whoever
	// answers there.
	c.http = &http.Client{Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	c.trip = max(c.trip, 1)
	c.gate = newGate(c.trip, c.patience)
	c.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         service,
		Timeout:      c.coolDown,
		ReadyToTrip:  func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= c.trip },
		IsSuccessful: c.healthy,
		IsExcluded:   func(err error) bool { return errors.Is(err, errGaveUp) || OutcomeOf(err) == Throttled },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			c.gate.stateChanged(to, c.coolDown)
			c.moved(from.String(), to.String())
		},
	})
	c.moved("", gobreaker.StateClosed.String())
	return c
}

// healthy runs under the breaker's lock, once for each result that counts. So the
// gate counts the same results in the same order: if it ever held more failures
// than the breaker, it would let nobody pass and the breaker would never open.
func (c *Client) healthy(err error) bool {
	ok := OutcomeOf(err) != ProviderError
	c.gate.saw(ok)
	return ok
}

// errGaveUp marks a call that we ended ourselves: no sign of the service's health.
var errGaveUp = errors.New("given up by the caller")

// Request is one call. Path is added to the client's base URL.
type Request struct {
	Method string // default GET, or POST with a Body
	Path   string
	Query  url.Values
	Header http.Header
	Body   any // sent as JSON; nil for none

	Name string // of what is called, in traces, where a service has many: one of few words
}

// Response is what came back, body read in full.
type Response struct {
	Status int
	Header http.Header
	Body   []byte

	service string
}

// Fail returns the error of a response that brings no answer, with the delay that
// the service asks for in Retry-After, if it does.
func (r Response) Fail(o Outcome) *Error { return r.FailAfter(o, retryAfter(r.Header, time.Now())) }

// FailAfter is Fail for services that hint at the delay in their own way.
func (r Response) FailAfter(o Outcome, after time.Duration) *Error {
	return &Error{Service: r.service, Outcome: o, Status: r.Status, RetryAfter: after, Sent: true}
}

// FailStatus returns the error that most services mean by their status: 401 and
// 403 for a bad key, 402 for no credits, 429 for too fast, 5xx for themselves,
// everything else for a request that cannot succeed.
func (r Response) FailStatus() *Error {
	switch {
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return r.Fail(AuthFailed)
	case r.Status == http.StatusPaymentRequired:
		return r.Fail(QuotaExhausted)
	case r.Status == http.StatusTooManyRequests:
		return r.Fail(Throttled)
	case r.Status >= 500, r.Status < 400: // a 1xx or 3xx is nothing that we can read
		return r.Fail(ProviderError)
	default:
		return r.Fail(BadRequest)
	}
}

// JSON decodes the body into v. A body that is not the JSON that was meant is the
// service's failure.
func (r Response) JSON(v any) error {
	if err := json.Unmarshal(r.Body, v); err != nil {
		e := r.Fail(ProviderError)
		e.Reason, e.Err = "unreadable body", err
		return e
	}
	return nil
}

// Do sends req and gives the response to read, which says whether it brings an
// answer: nil, or an [*Error] made by one of Response's methods. Any other error
// of read counts as an unreadable body. It returns an *Error, or the context's
// error when the caller gave up.
//
// A breaker that is open, and a pace that would keep the call waiting for longer
// than a few seconds, return at once with the time to come back.
func (c *Client) Do(ctx context.Context, req Request, read func(Response) error) error {
	var call Call
	err := c.do(ctx, req, read, &call)
	c.tell(call, err)
	return err
}

// do is Do, and notes how the call went.
func (c *Client) do(ctx context.Context, req Request, read func(Response) error, call *Call) error {
	if err := c.gate.enter(ctx); err != nil {
		if stuck, ok := errors.AsType[stuckError](err); ok { // the breaker opens when these calls time out
			wait := max(c.timeout-time.Duration(stuck), 0) + c.coolDown
			return &Error{Service: c.service, Outcome: SkippedBreaker, RetryAfter: wait, Err: err}
		}
		return err
	}
	defer c.gate.leave()
	if wait, ok := c.pace.wait(ctx); !ok {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Error{Service: c.service, Outcome: Throttled, RetryAfter: wait}
	}
	c.gate.sent()
	start := time.Now()
	_, err := c.breaker.Execute(func() (struct{}, error) {
		call.Sent = true
		return struct{}{}, c.traced(ctx, req, func(r Response) error {
			call.Header = r.Header
			return read(r)
		})
	})
	call.Elapsed = time.Since(start)
	if err == nil {
		c.gate.answered(call.Elapsed)
	}
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return &Error{Service: c.service, Outcome: SkippedBreaker, RetryAfter: c.gate.untilProbe(), Err: err}
	case errors.Is(err, errGaveUp):
		return ctx.Err()
	}
	c.pace.saw(err)
	if c.allowance != nil {
		if share, ok := c.allowance(call.Header); ok {
			c.pace.left(share)
		}
	}
	return err
}

// State says whether the breaker is closed, half-open or open, and for how long
// it stays open.
func (c *Client) State() (state string, probeIn time.Duration) {
	s := c.breaker.State()
	if s != gobreaker.StateOpen {
		return s.String(), 0
	}
	return s.String(), c.gate.untilProbe()
}

func (c *Client) send(ctx context.Context, req Request, read func(Response) error) error {
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	hr, err := c.build(callCtx, req)
	if err != nil {
		return &Error{Service: c.service, Outcome: BadRequest, Reason: "request cannot be built", Err: err}
	}
	res, err := c.http.Do(hr)
	if err != nil {
		return c.broken(ctx, err, 0)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, c.maxBody+1))
	if err != nil {
		return c.broken(ctx, err, res.StatusCode)
	}
	r := Response{Status: res.StatusCode, Header: res.Header, Body: body, service: c.service}
	if int64(len(body)) > c.maxBody {
		e := r.Fail(ProviderError)
		e.Reason = "body too large"
		return e
	}
	return c.asError(r, read(r))
}

func (c *Client) build(ctx context.Context, req Request) (*http.Request, error) {
	// An empty body that cannot be rewound: net/http would otherwise repeat a GET
	// by itself when a kept connection breaks, and buy an answer twice.
	body := io.Reader(io.NopCloser(strings.NewReader("")))
	if req.Body != nil {
		b, err := json.Marshal(req.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	u := c.baseURL + req.Path
	if len(req.Query) > 0 {
		u += "?" + req.Query.Encode()
	}
	hr, err := http.NewRequestWithContext(ctx, req.method(), u, body)
	if err != nil {
		return nil, err
	}
	// What a path is made of comes from outside, and our key goes where it leads.
	if b := c.base; b != nil && (hr.URL.Scheme != b.Scheme || hr.URL.Host != b.Host || hr.URL.User.String() != b.User.String()) {
		return nil, errors.New("the path leads to another host")
	}
	maps.Copy(hr.Header, c.header)
	if req.Body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(hr.Header, req.Header)
	return hr, nil
}

// broken is a call without a readable response. Only a call that the caller
// itself ended says nothing about the service.
func (c *Client) broken(ctx context.Context, err error, status int) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errGaveUp, ctx.Err())
	}
	return &Error{Service: c.service, Outcome: ProviderError, Status: status, Sent: !unconnected(err), Err: err}
}

// unconnected reports whether the call failed before anybody could have seen it.
func unconnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func (c *Client) asError(r Response, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := r.Fail(ProviderError)
	e.Reason, e.Err = "unreadable body", err
	return e
}

// retryAfter reads seconds or an HTTP date (RFC 9110, section 10.2.3), at most a day.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	var d time.Duration
	if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 {
		d = time.Duration(min(s, 86400) * float64(time.Second))
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	} else {
		return 0
	}
	return min(max(d, time.Millisecond), 24*time.Hour) // 0 would mean "no hint"
}
