package fault_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sandbox/fault"
)

const answer = `{"hello":"world","number":12345}`

// bench is a switch in front of one service that counts what reaches it.
type bench struct {
	*fault.Switch
	url     string
	reached atomic.Int64
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{Switch: fault.New(7)}
	mux := http.NewServeMux()
	mux.Handle("/svc/", b.Wrap("svc", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.reached.Add(1)
		fault.Charge(r.Context(), 1)
		fault.ChargeOnce(r.Context(), r.URL.Path, 10)
		if fault.WrongCompany(r.Context()) {
			w.Header().Set("X-Wrong", "yes")
		}
		if fault.Pending(r.Context()) {
			w.WriteHeader(http.StatusAccepted)
		}
		_, _ = io.WriteString(w, answer)
	})))
	mux.Handle("/", b.Handler())
	b.Speak("svc", fault.Dialect{Lookup: func(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/svc/") }})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(b.Close)
	b.url = srv.URL
	return b
}

func (b *bench) set(t *testing.T, f fault.Fault) {
	t.Helper()
	require.NoError(t, b.Set("svc", f))
}

// call returns the status and the body; status 0 with the error of a lost connection.
func call(t *testing.T, method, url string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	res, err := fresh.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// fresh opens a connection for each call: on a reused one net/http itself repeats a
// GET that was reset.
var fresh = &http.Transport{DisableKeepAlives: true}

func TestHealthy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	status, body, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, answer, body)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		give  fault.Fault
		want  int
		count string
	}{
		{"outage", fault.Fault{Outage: true}, 503, "outage"},
		{"no credits", fault.Fault{NoCredits: true}, 402, "no_credits"},
		{"bad key", fault.Fault{BadKey: true}, 401, "bad_key"},
		{"reset", fault.Fault{Reset: true}, 0, "reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.set(t, tt.give)
			status, _, _ := call(t, http.MethodGet, b.url+"/svc/a")
			require.Equal(t, tt.want, status)
			require.Zero(t, b.reached.Load(), "the service must not see the call")
			got := b.Counters()["svc"]
			require.Equal(t, map[string]int{tt.count: 1}, got.ByFault)
			require.Equal(t, map[string]int{fmt.Sprint(tt.want): 1}, got.ByStatus)
			require.NoError(t, b.Clear("svc"))
			status, _, err := call(t, http.MethodGet, b.url+"/svc/a")
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
		})
	}
}

func TestHangLastsUntilTheClientGivesUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{Hang: true})
	client := &http.Client{Timeout: time.Second}
	_, err := client.Post(b.url+"/svc/a", "text/plain", strings.NewReader("a body that has to be read first")) //nolint:bodyclose // there is none
	require.Error(t, err)
	require.Eventually(t, func() bool { return b.Counters()["svc"].ByStatus["0"] == 1 }, 5*time.Second, 5*time.Millisecond)
}

func TestCloseEndsHangingCalls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{Hang: true})
	done := make(chan error, 1)
	go func() {
		res, err := http.Get(b.url + "/svc/a")
		if err == nil {
			err = res.Body.Close()
		}
		done <- err
	}()
	require.Eventually(t, func() bool { return b.Counters()["svc"].ByFault["hang"] == 1 }, 5*time.Second, time.Millisecond)
	b.Close()
	require.Error(t, <-done)
}

func TestErrorRateIsAShareAndRepeatable(t *testing.T) {
	t.Parallel()
	run := func() []int {
		b := setup(t)
		b.set(t, fault.Fault{ErrorRate: 0.2})
		statuses := make([]int, 500)
		for i := range statuses {
			statuses[i], _, _ = call(t, http.MethodGet, b.url+"/svc/a")
		}
		got := b.Counters()["svc"].ByStatus
		require.InDelta(t, 100, got["500"]+got["503"], 35)
		require.InDelta(t, 50, got["500"], 25)
		return statuses
	}
	first, second := run(), run()
	require.Equal(t, first, second)
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	s := fault.NewAt(1, func() time.Time { return now })
	h := s.Wrap("svc", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.NoError(t, s.Set("svc", fault.Fault{MaxPerSecond: 3, RetryAfterS: 4}))
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w
	}
	for range 3 {
		require.Equal(t, http.StatusOK, ask().Code)
	}
	refused := ask()
	require.Equal(t, http.StatusTooManyRequests, refused.Code)
	require.Equal(t, "4", refused.Header().Get("Retry-After"))
	now = now.Add(time.Second)
	require.Equal(t, http.StatusOK, ask().Code, "a new second, a new window")
	require.Equal(t, 4, s.Counters()["svc"].PeakPerSecond)
}

func TestLatency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{LatencyMS: 40, JitterMS: 10})
	begin := time.Now()
	_, _, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begin), 40*time.Millisecond)
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{Truncate: true})
	status, body, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, answer[:len(answer)/2], body)
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{SlowBodyMS: 90})
	begin := time.Now()
	_, body, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.NoError(t, err)
	require.JSONEq(t, answer, body, "slow, but whole")
	require.GreaterOrEqual(t, time.Since(begin), 90*time.Millisecond)
}

func TestWhatTheServiceIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{WrongCompany: true, Pending: true})
	res, err := http.Get(b.url + "/svc/a")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "yes", res.Header.Get("X-Wrong"))
	require.Equal(t, http.StatusAccepted, res.StatusCode)
}

func TestLostAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{LostAnswerRate: 1})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		_, _, err := call(t, method, b.url+"/svc/a")
		require.Error(t, err, method)
	}
	require.EqualValues(t, 4, b.reached.Load(), "every write was done")
	require.Equal(t, 4, b.Counters()["svc"].WritesLost)
	status, _, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "reads are answered")
}

func TestLostAnswerIsAShare(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{LostAnswerRate: 0.1})
	for range 300 {
		_, _, _ = call(t, http.MethodPost, b.url+"/svc/a")
	}
	require.EqualValues(t, 300, b.reached.Load())
	require.InDelta(t, 30, b.Counters()["svc"].WritesLost, 20)
}

func TestCounters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, record := range []string{"a", "b", "a", "a"} {
		_, _, err := call(t, http.MethodGet, b.url+"/svc/"+record)
		require.NoError(t, err)
	}
	got := b.Counters()["svc"]
	require.Equal(t, 4, got.Requests)
	require.Equal(t, map[string]int{"200": 4}, got.ByStatus)
	require.Equal(t, 2, got.UniqueLookups)
	require.Equal(t, 3, got.MaxPerLookup)
	require.Equal(t, map[string]int{"a": 3, "b": 1}, got.Lookups)
	require.InDelta(t, 24, got.Credits, 0, "each call once, each record once more")

	_, body, err := call(t, http.MethodGet, b.url+"/_counters")
	require.NoError(t, err)
	require.NotContains(t, body, "lookups\": {")
	_, body, err = call(t, http.MethodGet, b.url+"/_counters?by=domain")
	require.NoError(t, err)
	var byHTTP map[string]fault.Counters
	require.NoError(t, json.Unmarshal([]byte(body), &byHTTP))
	require.Equal(t, got, byHTTP["svc"])

	status, _, err := call(t, http.MethodPost, b.url+"/_counters/reset")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	require.Zero(t, b.Counters()["svc"].Requests)
}

func TestFaultsByHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	put := func(service, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, b.url+"/_faults/"+service, strings.NewReader(body))
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { require.NoError(t, res.Body.Close()) }()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(text)
	}
	status, _ := put("svc", `{"latency_ms":20,"error_rate":0.2,"outage":true}`)
	require.Equal(t, http.StatusOK, status)
	on, _ := b.Get("svc")
	require.Equal(t, fault.Fault{LatencyMS: 20, ErrorRate: 0.2, Outage: true}, on)

	status, body, err := call(t, http.MethodGet, b.url+"/_faults/svc")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"latency_ms":20,"error_rate":0.2,"outage":true}`, body)

	status, _, err = call(t, http.MethodDelete, b.url+"/_faults/svc")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, status)
	on, _ = b.Get("svc")
	require.Zero(t, on)

	for _, tt := range []struct{ name, service, give, want string }{
		{"unknown key", "svc", `{"outrage":true}`, "outrage"},
		{"wrong type", "svc", `{"latency_ms":"20"}`, "latency_ms"},
		{"not a share", "svc", `{"error_rate":1.5}`, "error_rate"},
		{"negative", "svc", `{"jitter_ms":-1}`, "jitter_ms"},
		{"two values", "svc", `{} {}`, "more than one"},
		{"no JSON", "svc", `outage`, "fault"},
		{"unknown service", "acme", `{}`, "svc"},
	} {
		status, body := put(tt.service, tt.give)
		require.GreaterOrEqual(t, status, 400, tt.name)
		require.Less(t, status, 500, tt.name)
		require.Contains(t, body, tt.want, tt.name)
	}
}

func TestDialectSpeaks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Speak("svc", fault.Dialect{Refuse: func(w http.ResponseWriter, _ *http.Request, why fault.Reason, _ time.Duration) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, string(why))
	}})
	b.set(t, fault.Fault{NoCredits: true})
	status, body, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, status)
	require.Equal(t, "no_credits", body)
}

func TestResetIsAReset(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, fault.Fault{Reset: true})
	_, _, err := call(t, http.MethodGet, b.url+"/svc/a")
	require.Error(t, err)
	require.Contains(t, err.Error(), "reset")
}
