package strictyaml

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxText is how many characters a text has at most.
const maxText = 200

// Value is a place in the file: a node and how to get there. The zero value stands
// for what is not there and has been reported; reading it gives zero values and
// reports nothing.
type Value struct {
	r    *Reader
	node *yaml.Node
	key  *yaml.Node // that node stands under; nil for the document and for items
	path string     // criteria[2].points
}

// Key returns the place of the key that v stands under, for mistakes about the name.
func (v Value) Key() Value {
	if v.key == nil {
		return v
	}
	return Value{r: v.r, node: v.key, path: v.path}
}

// Absent reports whether there is no such place in the file.
func (v Value) Absent() bool { return v.node == nil }

// Null reports whether nothing is written at the place, as after a bare "key:".
func (v Value) Null() bool { return v.Absent() || v.node.ShortTag() == "!!null" }

// Mapping reports whether the value is a mapping, where something else may stand, too.
func (v Value) Mapping() bool { return !v.Absent() && v.node.Kind == yaml.MappingNode }

// Fail reports a mistake at v, under v's path. An alias has been reported already.
func (v Value) Fail(format string, args ...any) {
	if v.Absent() || v.node.Kind == yaml.AliasNode {
		return
	}
	v.r.mistakes = append(v.r.mistakes, v.Mistake(format, args...))
}

// Mistake returns a mistake at v without reporting it, for what comes out only when
// the file is held against another.
func (v Value) Mistake(format string, args ...any) Mistake {
	message := fmt.Sprintf(format, args...)
	if v.Absent() {
		return Mistake{Line: 1, Column: 1, Message: message}
	}
	if v.path != "" {
		message = v.path + ": " + message
	}
	return Mistake{File: v.r.file, Line: v.node.Line, Column: v.node.Column, Message: message}
}

// want reports a value of the wrong kind.
func (v Value) want(what string) { v.Fail("want %s, have %s", what, v.describe()) }

func (v Value) describe() string {
	switch {
	case v.Null():
		return "nothing"
	case v.node.Kind == yaml.MappingNode:
		return "a mapping"
	case v.node.Kind == yaml.SequenceNode:
		return "a list"
	case v.node.ShortTag() == "!!str":
		return fmt.Sprintf("the text %q", Clip(v.node.Value, 40))
	}
	return Clip(v.node.Value, 40)
}

// Text returns a text of one line.
func (v Value) Text() string {
	if v.Absent() {
		return ""
	}
	switch s := v.node.Value; {
	case v.node.Kind != yaml.ScalarNode || v.Null():
		v.want("a text")
	case v.node.ShortTag() != "!!str" && v.node.ShortTag() != "!!timestamp":
		v.want("a text (in quotes, if that is what it is)")
	case strings.TrimSpace(s) == "":
		v.Fail("must not be empty")
	case strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl):
		v.Fail("must be one line without spaces around it")
	case utf8.RuneCountInString(s) > maxText:
		v.Fail("has %d characters; at most %d", utf8.RuneCountInString(s), maxText)
	default:
		return s
	}
	return ""
}

var wordShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

const wantWord = "%q: want lower-case letters, digits, - and _, at most 64"

// Word returns a name that goes into ids and columns.
func (v Value) Word() string {
	s := v.Text()
	if s != "" && !wordShape.MatchString(s) {
		v.Fail(wantWord, Clip(s, 40))
		return ""
	}
	return s
}

// OneOf returns one of the options.
func (v Value) OneOf(options ...string) string {
	s := v.Text()
	if s == "" || slices.Contains(options, s) {
		return s
	}
	v.Fail("%q: want %s%s", Clip(s, 40), strings.Join(options, " or "), DidYouMean(s, options))
	return ""
}

// Integer returns a whole number within bounds, both included.
func (v Value) Integer(low, high int) int {
	if v.Absent() {
		return 0
	}
	n, ok := v.plainNumber()
	switch {
	case !ok || n != math.Trunc(n):
		v.want("a whole number")
	case n < float64(low) || n > float64(high):
		v.Fail("%s is outside %d to %d", Clip(v.node.Value, 40), low, high)
	default:
		return int(n)
	}
	return 0
}

// Number returns a number, which may be written 10k, 1.5M or 2B.
func (v Value) Number() (float64, bool) {
	n, ok := v.plainNumber()
	if !ok {
		v.want("a number such as 50, 10k, 1.5M or 2B")
	}
	return n, ok
}

// Amount returns a number within bounds, both included; 0 if it is not.
func (v Value) Amount(low, high float64) float64 {
	n, ok := v.Number()
	if ok && (n < low || n > high) {
		v.Fail("%s is outside %s to %s", Clip(v.node.Value, 40), FormatNumber(low), FormatNumber(high))
		return 0
	}
	return n
}

// Positive returns a number above 0 and up to high. Unset is what leaving the key out
// stands for, which some mean who write 0.
func (v Value) Positive(high float64, unset string) float64 {
	if n, ok := v.plainNumber(); ok && n == 0 {
		v.Fail("must be above 0; leave the key out for %s", unset)
		return 0
	}
	return v.Amount(0, high)
}

func (v Value) plainNumber() (float64, bool) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if v.Absent() || v.node.Kind != yaml.ScalarNode || v.node.Style&quoted != 0 {
		return 0, false
	}
	return ParseNumber(v.node.Value)
}

// Share returns a number from 0 to 1; above 0, unless zero is allowed.
func (v Value) Share(zero bool) float64 {
	if v.Absent() {
		return 0
	}
	n, ok := v.plainNumber()
	switch {
	case !ok:
		v.want("a number from 0 to 1")
	case n < 0 || n > 1:
		v.Fail("%s is outside 0 to 1", FormatNumber(n))
	case n == 0 && !zero:
		v.Fail("must be above 0")
	}
	return n
}

// Boolean returns true or false.
func (v Value) Boolean() (yes, ok bool) {
	if v.Absent() {
		return false, false
	}
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!bool" {
		v.want("true or false")
		return false, false
	}
	return strings.EqualFold(v.node.Value, "true"), true
}

// maxDuration is ten years.
const maxDuration = 3660 * 24 * time.Hour

var durationShape = regexp.MustCompile(`^([1-9]\d{0,4})([smhd])$`)

// durationUnits are the units of time spans, with the example that messages give.
var durationUnits = map[string]struct {
	name, example string
	size          time.Duration
}{
	"s": {"seconds", "30s", time.Second},
	"m": {"minutes", "5m", time.Minute},
	"h": {"hours", "12h", time.Hour},
	"d": {"days", "90d", 24 * time.Hour},
}

// Duration returns a time span such as 90d or 12h, in one of the given units: those
// of s, m, h and d, as they stand in messages.
func (v Value) Duration(units string) time.Duration {
	if v.Absent() {
		return 0
	}
	m := durationShape.FindStringSubmatch(v.node.Value)
	if v.node.Kind != yaml.ScalarNode || m == nil || !strings.Contains(units, m[2]) {
		v.want(durationExample(units))
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // five digits at most
	d := time.Duration(n) * durationUnits[m[2]].size
	if d > maxDuration {
		v.Fail("%s is longer than %dd", m[0], maxDuration/(24*time.Hour))
		return 0
	}
	return d
}

// durationExample says what is wanted: a number of days or hours, such as 90d or 12h.
func durationExample(units string) string {
	var names, examples []string
	for _, u := range units {
		unit := durationUnits[string(u)]
		names, examples = append(names, unit.name), append(examples, unit.example)
	}
	return "a number of " + strings.Join(names, " or ") + ", such as " + strings.Join(examples, " or ")
}

// List returns the items of a list of at most limit.
func (v Value) List(limit int) []Value {
	if v.Absent() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.want("a list")
		return nil
	}
	if n := len(v.node.Content); n > limit {
		v.Fail("has %d items; at most %d", n, limit)
		return nil
	}
	items := make([]Value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = Value{r: v.r, node: n, path: v.path + "[" + strconv.Itoa(i) + "]"}
	}
	return items
}

// Some is List for lists that must not be empty.
func (v Value) Some(limit int) []Value {
	items := v.List(limit)
	if !v.Absent() && v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
		v.Fail("must not be empty")
	}
	return items
}

// Unique reports a text that stood before it, as fold sees it.
func Unique(texts []Value, fold func(string) string) {
	seen := make(map[string]bool, len(texts))
	for _, v := range texts {
		if v.Absent() || v.node.Kind != yaml.ScalarNode {
			continue
		}
		if key := fold(v.node.Value); seen[key] {
			v.Fail("%q is already in the list", Clip(v.node.Value, 40))
		} else {
			seen[key] = true
		}
	}
}

// Exactly is the fold of texts whose case matters.
func Exactly(s string) string { return s }

// Clip shortens s to at most limit characters.
func Clip(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}
