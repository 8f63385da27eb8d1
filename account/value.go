package account

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says what a [Value] holds.
type Kind uint8

// The kinds of values.
const (
	NoKind Kind = iota
	TextKind
	NumberKind
	BoolKind
	ListKind
	DateKind
)

var kindNames = [...]string{"nothing", "text", "number", "yes/no", "list", "date"}

// String returns the kind as error messages write it.
func (k Kind) String() string { return kindNames[k] }

// Value is what a fact says: a text, a number, a yes/no, a list of texts or a
// date. The zero Value says nothing. In JSON it is the plain value; a date is
// YYYY-MM-DD, and comes back as a text unless the field says otherwise
// ([Value.As]).
type Value struct {
	// Of a text a string, of a number a float64, of a yes/no a bool, else *list or *date;
	// nil: nothing. Values are copied often, so what they hold is behind a pointer.
	holds any
}

type list []string

// date is a day, and how it is written.
type date struct {
	start time.Time // in UTC
	text  string
}

// TextValue returns a text.
func TextValue(s string) Value { return Value{s} }

// NumberValue returns a number.
func NumberValue(n float64) Value { return Value{n} }

// BoolValue returns a yes/no.
func BoolValue(b bool) Value { return Value{b} }

// ListValue returns a list, sorted and without repetitions or empty items.
func ListValue(items ...string) Value {
	l := list(slices.DeleteFunc(slices.Clone(items), func(s string) bool { return s == "" }))
	slices.Sort(l)
	l = slices.Compact(l)
	return Value{&l}
}

// DateValue returns the day of t, in UTC.
func DateValue(t time.Time) Value {
	start := t.UTC().Truncate(24 * time.Hour)
	return Value{&date{start, start.Format(time.DateOnly)}}
}

// Kind says what v holds.
func (v Value) Kind() Kind {
	switch v.holds.(type) {
	case string:
		return TextKind
	case float64:
		return NumberKind
	case bool:
		return BoolKind
	case *list:
		return ListKind
	case *date:
		return DateKind
	}
	return NoKind
}

// IsZero reports whether v says nothing.
func (v Value) IsZero() bool { return v.holds == nil }

// Text returns the text or the date (YYYY-MM-DD); "" for other kinds.
func (v Value) Text() string {
	if d, ok := v.holds.(*date); ok {
		return d.text
	}
	s, _ := v.holds.(string)
	return s
}

// Number returns the number; 0 for other kinds.
func (v Value) Number() float64 {
	n, _ := v.holds.(float64)
	return n
}

// Bool returns the yes/no; false for other kinds.
func (v Value) Bool() bool {
	is, _ := v.holds.(bool)
	return is
}

// List returns the list, which the caller must not change; nil for other kinds.
func (v Value) List() []string {
	if l, ok := v.holds.(*list); ok {
		return *l
	}
	return nil
}

// Date returns the date; the zero time for other kinds.
func (v Value) Date() time.Time {
	if d, ok := v.holds.(*date); ok {
		return d.start
	}
	return time.Time{}
}

// Equal reports whether v and w hold the same.
func (v Value) Equal(w Value) bool {
	if v.Kind() != w.Kind() {
		return false
	}
	return v.Text() == w.Text() && v.Number() == w.Number() && v.Bool() == w.Bool() && slices.Equal(v.List(), w.List())
}

// String returns v for people: 1,200 is written 1200, a list with commas.
func (v Value) String() string {
	switch v.Kind() {
	case NumberKind:
		return strconv.FormatFloat(v.Number(), 'f', -1, 64)
	case BoolKind:
		return strconv.FormatBool(v.Bool())
	case ListKind:
		return strings.Join(v.List(), ", ")
	default:
		return v.Text()
	}
}

// As returns v as a value of kind k, where JSON could not tell the two apart: a
// text that is a date, a single text where a list is meant. Everything else must
// already be of that kind.
func (v Value) As(k Kind) (Value, error) {
	switch have := v.Kind(); {
	case have == k:
		return v, nil
	case have == TextKind && k == DateKind:
		t, err := time.Parse(time.DateOnly, v.Text())
		if err != nil {
			return Value{}, fmt.Errorf("%q is not a date (YYYY-MM-DD)", v.Text())
		}
		return DateValue(t), nil
	case have == TextKind && k == ListKind:
		return ListValue(v.Text()), nil
	default:
		return Value{}, fmt.Errorf("want a %s, have a %s", k, have)
	}
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.Kind() {
	case NoKind:
		return []byte("null"), nil
	case TextKind, DateKind:
		return json.Marshal(v.Text())
	case ListKind:
		if v.List() == nil {
			return []byte("[]"), nil
		}
		return json.Marshal(v.List())
	default:
		return json.Marshal(v.holds)
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return fmt.Errorf("a value is missing")
	}
	switch b[0] {
	case 'n':
		*v = Value{}
		return nil
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		*v = TextValue(s)
		return err
	case 't', 'f':
		var is bool
		err := json.Unmarshal(b, &is)
		*v = BoolValue(is)
		return err
	case '[':
		var l []string
		if err := json.Unmarshal(b, &l); err != nil {
			return fmt.Errorf("a list holds texts only: %w", err)
		}
		*v = ListValue(l...)
		return nil
	case '{':
		return fmt.Errorf("an object is not a value")
	default:
		var n float64
		err := json.Unmarshal(b, &n)
		*v = NumberValue(n)
		return err
	}
}
