package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
)

// RequireKey returns the key without the line end that a file may have left on it.
// Without one it says which variable to set; env is that of [Spec].
func RequireKey(env, key string) (string, error) {
	key = strings.TrimSpace(key)
	if key == "" {
		return "", account.Invalid("SLUICE_"+env+"_API_KEY", "not set, and the provider answers nobody without a key")
	}
	return key, nil
}

// CannotAsk is the error for an account that the provider has no way to look up,
// such as one without a domain. Nothing was sent.
func CannotAsk(provider, reason string) error {
	return &outbound.Error{Service: provider, Outcome: outbound.BadRequest, Reason: reason}
}

// Fetch sends a request and returns what read makes of the response, which it reads
// inside the client's breaker.
func Fetch(ctx context.Context, c *outbound.Client, req outbound.Request, read func(outbound.Response) (Answer, error)) (Answer, error) {
	var answer Answer
	err := c.Do(ctx, req, func(r outbound.Response) (err error) {
		answer, err = read(r)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// Decode reads a JSON body into v as leniently as a body that has been paid for
// deserves: unknown fields are ignored, and a field that has changed its type is
// left zero instead of costing the whole answer. A body that is no JSON, or not an
// object, is an error.
//
// Types with an UnmarshalJSON of their own keep this up only if it never fails.
func Decode(body []byte, v any) error {
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("not a JSON object")
	}
	err := json.Unmarshal(body, v)
	if _, mistyped := errors.AsType[*json.UnmarshalTypeError](err); mistyped {
		return nil // encoding/json has gone on with the other fields
	}
	return err
}

// IsJSON reports whether an error page is the API's own. A wrong base URL, or a
// proxy, answers 404 in HTML: that is not a miss.
func IsJSON(body []byte) bool {
	return len(bytes.TrimSpace(body)) == 0 || json.Valid(body)
}

// Reason returns a provider's error code if it is safe to show: one short word,
// so that nothing that was sent can come back in it.
func Reason(code string) string {
	if len(code) > 40 {
		return ""
	}
	for _, r := range code {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' {
			return ""
		}
	}
	return code
}

// Time reads a date or a date and time in any form of ISO 8601 that providers
// use; the zero time if it is none.
func Time(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t
		}
	}
	return time.Time{}
}

// SeenAt is when the provider itself looked at the company, if the record says so
// and it is believable: a fact is as old as its observation, not as our question.
func SeenAt(indexed string, asked time.Time) time.Time {
	if t := Time(indexed); t.Year() >= 2000 && t.Before(asked) {
		return t.UTC()
	}
	return asked
}
