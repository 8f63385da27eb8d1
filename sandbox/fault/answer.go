package fault

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// statusWriter remembers the status of an answer and counts how the call ended.
type statusWriter struct {
	http.ResponseWriter
	status int
	count  func(status int)
}

// end counts the call, once.
func (w *statusWriter) end() {
	if w.count != nil {
		w.count(w.status)
		w.count = nil
	}
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// heldAnswer is an answer that is not sent yet.
type heldAnswer struct {
	header http.Header
	status int
	body   []byte
	wrote  bool
}

func (a *heldAnswer) Header() http.Header { return a.header }

func (a *heldAnswer) WriteHeader(status int) {
	if !a.wrote {
		a.status, a.wrote = status, true
	}
}

func (a *heldAnswer) Write(b []byte) (int, error) {
	a.wrote = true
	a.body = append(a.body, b...)
	return len(b), nil
}

// pieces is how many parts a slow body comes in.
const pieces = 10

// send delivers a held answer, its body spread over the given time.
func (s *Switch) send(w http.ResponseWriter, r *http.Request, a *heldAnswer, spread time.Duration) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if spread == 0 {
		_, _ = w.Write(a.body)
		return
	}
	flush := http.NewResponseController(w).Flush
	for i := range pieces {
		_, _ = w.Write(a.body[len(a.body)*i/pieces : len(a.body)*(i+1)/pieces])
		_ = flush()
		if i < pieces-1 && !s.wait(r, spread/(pieces-1)) {
			return
		}
	}
}

// wait reports false when the client or the switch ended before the time was over.
func (s *Switch) wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-s.closed:
	}
	return false
}

// hang waits until the client gives up.
func (s *Switch) hang(r *http.Request) {
	// The server notices that a client has gone only once the body is read.
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
}

// abort ends the connection without an answer, by a reset if so asked. It counts the
// call first: whoever saw the connection end finds it in the counters.
func (w *statusWriter) abort(reset bool) {
	w.end()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the server closes the connection and logs nothing
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
