package hubspot

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// Error is what HubSpot said when it refused a call: the cause inside an
// [outbound.Error], for logs. It keeps words of HubSpot's own and names of
// properties, never a value.
type Error struct {
	Status        int
	Category      string   // VALIDATION_ERROR, OBJECT_NOT_FOUND, CONFLICT …
	Policy        string   // of a 429: TEN_SECONDLY_ROLLING, SECONDLY, DAILY
	Codes         []string // of single mistakes: INVALID_INTEGER …
	Properties    []string // that the mistakes are in
	CorrelationID string   // what HubSpot's support asks for
	Missing       bool     // the record is not there, as opposed to the path
}

// Error implements error.
func (e *Error) Error() string {
	return strings.Join(slices.DeleteFunc([]string{e.reason(), "correlation " + cmp.Or(e.CorrelationID, "unknown")},
		func(s string) bool { return s == "" }), ", ")
}

// Is makes the Error of a missing record an account.ErrNotFound, and that of a scope
// that was not granted a crm.ErrNotGranted.
func (e *Error) Is(target error) bool {
	return target == account.ErrNotFound && e.Missing || target == crm.ErrNotGranted && e.Category == "MISSING_SCOPES"
}

// reason is what may be shown to everybody: categories, codes, property names.
func (e *Error) reason() string {
	words := []string{cmp.Or(e.Category, e.Policy)}
	words = append(words, e.Codes...)
	if len(e.Properties) > 0 {
		words = append(words, "in "+strings.Join(e.Properties, ", "))
	}
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

// CorrelationID returns HubSpot's id of the refused call, "" if there is none.
func CorrelationID(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.CorrelationID
	}
	return ""
}

// errorBody is the body of a refusal. All of its fields are optional.
type errorBody struct {
	Status        string `json:"status"`
	Message       string `json:"message"`
	Category      string `json:"category"`
	ErrorType     string `json:"errorType"`
	PolicyName    string `json:"policyName"`
	CorrelationID string `json:"correlationId"`
	Errors        []struct {
		Code    string                     `json:"code"`
		Context map[string]json.RawMessage `json:"context"`
	} `json:"errors"`
}

// refusal turns an answer outside 2xx into the error that says what can be done.
func refusal(r outbound.Response) *outbound.Error {
	cause := readError(r)
	e := r.FailStatus()
	switch {
	case r.Status == http.StatusTooManyRequests:
		e.RetryAfter = cmp.Or(e.RetryAfter, policyDelay(cause.Policy, time.Now()))
	case r.Status == http.StatusLocked: // by much writing to the same records
		e = r.Fail(outbound.Throttled)
		e.RetryAfter = max(e.RetryAfter, 2*time.Second)
	case r.Status == statusMoving:
		e = r.Fail(outbound.Throttled)
		e.RetryAfter = cmp.Or(e.RetryAfter, 10*time.Minute)
	case r.Status == http.StatusRequestTimeout:
		e = r.Fail(outbound.ProviderError)
	case cause.Missing:
		e = r.Fail(outbound.NotFound)
	}
	e.Reason, e.Err = cause.reason(), cause
	if r.Status == http.StatusNotFound && !cause.Missing {
		e.Reason = "no such path: check the API version and the base URL"
	}
	return e
}

// statusMoving is HubSpot's own: the account is being moved to another data centre.
const statusMoving = 477

func readError(r outbound.Response) *Error {
	var body errorBody
	isJSON := json.Unmarshal(r.Body, &body) == nil
	e := &Error{
		Status:        r.Status,
		Category:      word(cmp.Or(body.Category, body.ErrorType)),
		Policy:        word(body.PolicyName),
		CorrelationID: word(body.CorrelationID),
		// A path that is not there answers with a page of HTML.
		Missing: r.Status == http.StatusNotFound && isJSON && (body.Category != "" || body.Status == "error"),
	}
	if e.Policy == "" && strings.Contains(body.Message, "secondly limit") {
		e.Policy = "SECONDLY"
	}
	for _, mistake := range body.Errors[:min(len(body.Errors), 10)] {
		e.Codes = appendNew(e.Codes, word(mistake.Code))
		for _, name := range names(mistake.Context["propertyName"]) {
			e.Properties = appendNew(e.Properties, word(name))
		}
	}
	return e
}

// names reads a list of strings, or a string.
func names(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	return nil
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// word lets through what looks like one of HubSpot's names. Everything else could
// be a value, and errors end up in workflow histories.
func word(s string) string {
	if len(s) > 100 {
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return ""
	}
	return s
}

// policyDelay is how long the limit of that name takes to be free again. HubSpot
// is not known to send Retry-After, which goes first.
func policyDelay(policy string, now time.Time) time.Duration {
	switch policy {
	case "SECONDLY":
		return time.Second
	case "DAILY": // the account's own midnight is not told, UTC's is as good a time as any to look again
		return max(now.UTC().Truncate(24*time.Hour).Add(24*time.Hour).Sub(now), time.Minute)
	default: // TEN_SECONDLY_ROLLING: the window has passed by then at the latest
		return 10 * time.Second
	}
}
