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
	kind Kind
	text string
	num  float64
	list *[]string // behind a pointer: values are copied often, and few are lists
}

// TextValue returns a text.
func TextValue(s string) Value { return Value{kind: TextKind, text: s} }

// NumberValue returns a number.
func NumberValue(n float64) Value { return Value{kind: NumberKind, num: n} }

// BoolValue returns a yes/no.
func BoolValue(b bool) Value {
	v := Value{kind: BoolKind}
	if b {
		v.num = 1
	}
	return v
}

// ListValue returns a list, sorted and without repetitions or empty items.
func ListValue(items ...string) Value {
	l := slices.DeleteFunc(slices.Clone(items), func(s string) bool { return s == "" })
	slices.Sort(l)
	l = slices.Compact(l)
	return Value{kind: ListKind, list: &l}
}

// DateValue returns the day of t, in UTC.
func DateValue(t time.Time) Value {
	return Value{kind: DateKind, text: t.UTC().Format(time.DateOnly)}
}

// Kind says what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsZero reports whether v says nothing.
func (v Value) IsZero() bool { return v.kind == NoKind }

// Text returns the text or the date (YYYY-MM-DD); "" for other kinds.
func (v Value) Text() string { return v.text }

// Number returns the number; 0 for other kinds.
func (v Value) Number() float64 {
	if v.kind != NumberKind {
		return 0
	}
	return v.num
}

// Bool returns the yes/no; false for other kinds.
func (v Value) Bool() bool { return v.kind == BoolKind && v.num != 0 }

// List returns the list, which the caller must not change; nil for other kinds.
func (v Value) List() []string {
	if v.list == nil {
		return nil
	}
	return *v.list
}

// Date returns the date; the zero time for other kinds.
func (v Value) Date() time.Time {
	t, err := time.Parse(time.DateOnly, v.text)
	if v.kind != DateKind || err != nil {
		return time.Time{}
	}
	return t
}

// Equal reports whether v and w hold the same.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && v.text == w.text && v.num == w.num && slices.Equal(v.List(), w.List())
}

// String returns v for people: 1,200 is written 1200, a list with commas.
func (v Value) String() string {
	switch v.kind {
	case NumberKind:
		return strconv.FormatFloat(v.num, 'f', -1, 64)
	case BoolKind:
		return strconv.FormatBool(v.num != 0)
	case ListKind:
		return strings.Join(v.List(), ", ")
	default:
		return v.text
	}
}

// As returns v as a value of kind k, where JSON could not tell the two apart: a
// text that is a date, a single text where a list is meant. Everything else must
// already be of that kind.
func (v Value) As(k Kind) (Value, error) {
	switch {
	case v.kind == k:
		return v, nil
	case v.kind == TextKind && k == DateKind:
		t, err := time.Parse(time.DateOnly, v.text)
		if err != nil {
			return Value{}, fmt.Errorf("%q is not a date (YYYY-MM-DD)", v.text)
		}
		return DateValue(t), nil
	case v.kind == TextKind && k == ListKind:
		return ListValue(v.text), nil
	}
	return Value{}, fmt.Errorf("want a %s, have a %s", k, v.kind)
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case TextKind, DateKind:
		return json.Marshal(v.text)
	case NumberKind:
		return json.Marshal(v.num)
	case BoolKind:
		return json.Marshal(v.num != 0)
	case ListKind:
		if v.List() == nil {
			return []byte("[]"), nil
		}
		return json.Marshal(v.List())
	default:
		return []byte("null"), nil
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
