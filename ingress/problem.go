package ingress

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/account"
)

// problem is an RFC 9457 problem document. Detail never repeats what was sent.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Field  string `json:"field,omitempty"` // the input that is wrong
}

// Error implements error.
func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func newProblem(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// errUnavailable asks the sender to send it again: 503 is what a CRM repeats.
var errUnavailable = newProblem(http.StatusServiceUnavailable, "not accepted; send it again in a while")

// writeProblem answers with the problem that err is, or with a 500 that says
// nothing of the inside.
func writeProblem(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*problem](err)
	if invalid, is := errors.AsType[*account.InvalidError](err); is {
		p, ok = newProblem(http.StatusUnprocessableEntity, invalid.Error()), true
		p.Field = invalid.Field
	}
	if errors.Is(err, account.ErrNotFound) {
		p, ok = newProblem(http.StatusNotFound, "no such company here"), true
	}
	if !ok {
		p = newProblem(http.StatusInternalServerError, "the log has the reason")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the sender may be gone
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the sender may be gone
}
