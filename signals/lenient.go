package signals

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
)

// DecodeLeniently is json.Unmarshal that leaves zero what is not of the type that was
// meant: one strange field of a service must not hide the others.
func DecodeLeniently(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if _, mistyped := errors.AsType[*json.UnmarshalTypeError](err); mistyped {
		return nil // encoding/json has gone on with the other fields
	}
	return err
}

// Label is a service's text as it is shown: one line of at most so many characters.
func Label(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	}), " ")
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit])
	}
	return s
}
