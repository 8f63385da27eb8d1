// Package strictyaml reads configuration files strictly: every unknown key, wrong
// type and value out of bounds is a mistake with its line and column, and all
// mistakes of a file are reported at once. A decoder into structs would stop at the
// first and know no column.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Limits of a file. One beyond them is generated, or an attack.
const (
	maxFile  = 1 << 20 // bytes
	maxText  = 200     // characters of a text
	maxItems = 1000    // words of a list
)

// Reader collects the mistakes of one file while it is read.
type Reader struct {
	file     string
	what     string // that the file holds: model, pipeline
	help     string // the page that shows one
	mistakes []Mistake
}

// New returns a reader of the named file. What is what the file holds, and help the
// page that shows one; both are for its messages.
func New(file, what, help string) *Reader { return &Reader{file: file, what: what, help: help} }

// Err returns an [*Error] with all mistakes so far, in the order of the file, or nil.
func (r *Reader) Err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	e := &Error{Mistakes: r.mistakes}
	e.sort()
	return e
}

// Count returns how many mistakes there are so far.
func (r *Reader) Count() int { return len(r.mistakes) }

// Fail reports a mistake at a place, both from 1.

func (r *Reader) Fail(line, column int, message string) {
	r.mistakes = append(r.mistakes, Mistake{File: r.file, Line: line, Column: column, Message: message})
}

// Document reads a file that holds one YAML document. Its zero answer means that
// there is nothing to read on.
func (r *Reader) Document(data []byte) Value {
	if len(data) > maxFile {
		r.Fail(1, 1, fmt.Sprintf("the file has %d bytes; a %s has at most %d", len(data), r.what, maxFile))
		return Value{}
	}
	if at := firstUnreadable(data); at < len(data) {
		r.failAt(data, at, "not a text file in UTF-8: unreadable character")
		return Value{}
	}
	first, rest, err := decode(data)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0:
		r.Fail(1, 1, "the file is empty; "+r.help+" shows a "+r.what)
		return Value{}
	case err != nil:
		r.syntax(data, err)
		return Value{}
	case rest != nil:
		r.Fail(rest.Line, rest.Column, "a second document; a file holds one "+r.what+", so remove the --- and what follows")
	}
	root := Value{r: r, node: first.Content[0]}
	r.refuseAnchors(root.node)
	return root
}

// decode returns the first document and, if there is one, the second.
func decode(data []byte) (first, second *yaml.Node, err error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	first, second = new(yaml.Node), new(yaml.Node)
	if err := d.Decode(first); err != nil {
		return nil, nil, err
	}
	switch err := d.Decode(second); {
	case errors.Is(err, io.EOF):
		return first, nil, nil
	default:
		return first, second, err
	}
}

// refuseAnchors refuses what lets a small file stand for a huge one, or says
// something else than it seems to.
func (r *Reader) refuseAnchors(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.Fail(n.Line, n.Column, "aliases (*name) are not used here; write the value out")
	case n.Anchor != "":
		r.Fail(n.Line, n.Column, "anchors (&name) are not used here; remove it")
	case n.Style&yaml.TaggedStyle != 0:
		r.Fail(n.Line, n.Column, "tags (!name) are not used here; remove it")
	}
	for _, c := range n.Content {
		r.refuseAnchors(c)
	}
}

// firstUnreadable returns the offset of the first byte that is no text, len(data)
// if all are.
func firstUnreadable(data []byte) int {
	for at := 0; at < len(data); {
		c, size := utf8.DecodeRune(data[at:])
		if c == utf8.RuneError && size == 1 || unicode.IsControl(c) && !strings.ContainsRune("\t\n\r\u0085", c) {
			return at
		}
		at += size
	}
	return len(data)
}

func (r *Reader) failAt(data []byte, at int, message string) {
	before := data[:at]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	r.Fail(bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(line)+1, message)
}

var yamlPlace = regexp.MustCompile(`^yaml: (line \d+: )?`)

// syntax reports where a file stops being YAML. The library's line is that of the
// construct it was in, less one at times; the place that a person looks for is the
// shortest beginning of the file that already has the mistake.
func (r *Reader) syntax(data []byte, err error) {
	want := yamlPlace.ReplaceAllString(err.Error(), "")
	bad := func(end int) bool {
		_, _, err := decode(data[:end])
		return err != nil && yamlPlace.ReplaceAllString(err.Error(), "") == want
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	ends := make([]int, len(lines))
	for i, at := 0, 0; i < len(lines); i++ {
		at += len(lines[i])
		ends[i] = at
	}
	line := min(sort.Search(len(lines), func(i int) bool { return bad(ends[i]) }), len(lines)-1)
	start := ends[line] - len(lines[line])
	width := max(sort.Search(len(lines[line]), func(n int) bool { return bad(start + n) }), 1)
	if text := bytes.TrimLeft(lines[line], " "); bytes.HasPrefix(text, []byte("\t")) {
		want, width = "a tab; indent with spaces", len(lines[line])-len(text)+1
	}
	r.failAt(data, start+width-1, "not YAML: "+want)
}

// Value is a place in the file: a node and how to get there. The zero value stands
// for what is not there and has been reported; reading it gives zero values and
// reports nothing.
type Value struct {
	r    *Reader
	node *yaml.Node
	path string // criteria[2].points
}

func (v Value) Absent() bool { return v.node == nil }

// Fail reports a mistake at v, under v's path. An alias has been reported already.
func (v Value) Fail(format string, args ...any) {
	if v.Absent() || v.node.Kind == yaml.AliasNode {
		return
	}
	message := fmt.Sprintf(format, args...)
	if v.path != "" {
		message = v.path + ": " + message
	}
	v.r.Fail(v.node.Line, v.node.Column, message)
}

// Want reports a value of the wrong kind.
func (v Value) Want(what string) { v.Fail("want %s, have %s", what, v.describe()) }

func (v Value) describe() string {
	if v.Absent() {
		return "nothing"
	}
	switch tag := v.node.ShortTag(); {
	case v.node.Kind == yaml.MappingNode:
		return "a mapping"
	case v.node.Kind == yaml.SequenceNode:
		return "a list"
	case tag == "!!null":
		return "nothing"
	case tag == "!!str":
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
	case v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!str" && v.node.ShortTag() != "!!timestamp":
		v.Want("a text" + either(v.node.Kind == yaml.ScalarNode && s != "", " (in quotes, if that is what it is)", ""))
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

// Word returns a name that goes into ids and columns.
func (v Value) Word() string {
	s := v.Text()
	if s != "" && !wordShape.MatchString(s) {
		v.Fail("%q: want lower-case letters, digits, - and _, at most 64", Clip(s, 40))
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
	n, ok := v.PlainNumber()
	switch {
	case !ok || n != math.Trunc(n):
		v.Want("a whole number")
	case n < float64(low) || n > float64(high):
		v.Fail("%s is outside %d to %d", Clip(v.node.Value, 40), low, high)
	default:
		return int(n)
	}
	return 0
}

// Amount returns a number within bounds, both included, which may be written 10k.
func (v Value) Amount(low, high float64) float64 {
	if v.Absent() {
		return 0
	}
	n, ok := v.Number()
	if ok && (n < low || n > high) {
		v.Fail("%s is outside %s to %s", Clip(v.node.Value, 40), plain(low), plain(high))
		return 0
	}
	return n
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// Entries returns the entries of a mapping whose keys are names of the file's own,
// in the order of the file; each name is there once.
func (v Value) Entries() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Absent() {
			return
		}
		if v.node.Kind != yaml.MappingNode {
			v.Want("a mapping")
			return
		}
		var keys []string
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			if key := v.node.Content[i].Value; !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		o := v.Object(keys...) // reports what stands there twice
		for _, key := range keys {
			if entry, ok := o.entries[key]; ok && !yield(key, entry) {
				return
			}
		}
	}
}

// Number returns a number, which may be written 10k, 1.5M or 2B.
func (v Value) Number() (float64, bool) {
	n, ok := v.PlainNumber()
	if !ok {
		v.Want("a number such as 50, 10k, 1.5M or 2B")
	}
	return n, ok
}

func (v Value) PlainNumber() (float64, bool) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if v.Absent() || v.node.Kind != yaml.ScalarNode || v.node.Style&quoted != 0 {
		return 0, false
	}
	return parseNumber(v.node.Value)
}

var numberShape = regexp.MustCompile(`^[+-]?(0|[1-9]\d{0,14}(_\d{3})*)(\.\d{1,6})?[kKmMbB]?$`)

// parseNumber reads 50, -1.5, 1_000, 10k, 1.5M, 2B.
func parseNumber(s string) (float64, bool) {
	if len(s) > 24 || !numberShape.MatchString(s) {
		return 0, false
	}
	factor := 1.0
	for _, u := range units {
		if strings.EqualFold(s[len(s)-1:], string(u.suffix)) {
			factor, s = u.size, s[:len(s)-1]
			break
		}
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return n * factor, err == nil
}

// Share returns a number from 0 to 1; above 0, unless zero is allowed.
func (v Value) Share(zero bool) float64 {
	if v.Absent() {
		return 0
	}
	n, ok := v.PlainNumber()
	switch {
	case !ok:
		v.Want("a number from 0 to 1")
	case n < 0 || n > 1:
		v.Fail("%s is outside 0 to 1", plain(n))
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
		v.Want("true or false")
		return false, false
	}
	return strings.EqualFold(v.node.Value, "true"), true
}

const maxDays = 3660 // ten years

var durationShape = regexp.MustCompile(`^([1-9]\d{0,4})([smhd])$`)

var durationUnits = map[string]struct {
	name string
	size time.Duration
}{
	"s": {"seconds", time.Second}, "m": {"minutes", time.Minute}, "h": {"hours", time.Hour}, "d": {"days", 24 * time.Hour},
}

// Duration returns a time span such as 90d or 12h, in one of the given units: s, m,
// h and d.
func (v Value) Duration(units string) time.Duration {
	if v.Absent() {
		return 0
	}
	m := durationShape.FindStringSubmatch(v.node.Value)
	if v.node.Kind != yaml.ScalarNode || m == nil || !strings.Contains(units, m[2]) {
		v.Want(durationExample(units))
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // five digits at most
	d := time.Duration(n) * durationUnits[m[2]].size
	if d > maxDays*24*time.Hour {
		v.Fail("%s is longer than %dd", m[0], maxDays)
		return 0
	}
	return d
}

// durationExample says what is wanted: a number of days or hours, such as 90d or 12h.
func durationExample(units string) string {
	var names, examples []string
	for _, u := range units {
		names = append(names, durationUnits[string(u)].name)
		examples = append(examples, map[rune]string{'d': "90d", 'h': "12h", 'm': "5m", 's': "30s"}[u])
	}
	return "a number of " + strings.Join(names, " or ") + ", such as " + strings.Join(examples, " or ")
}

// List returns the items of a list of at most limit.
func (v Value) List(limit int) []Value {
	if v.Absent() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.Want("a list")
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

// Some is list for lists that must not be empty.
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

func Exactly(s string) string { return s }

// Object is a mapping whose keys have been checked.
type Object struct {
	Value
	entries map[string]Value
	meant   map[string]bool // known keys that a misspelt key stands for
}

// Object checks that v is a mapping with none but the known keys, each once.
func (v Value) Object(known ...string) Object {
	o := Object{Value: v}
	if v.Absent() {
		return o
	}
	if v.node.Kind != yaml.MappingNode {
		v.Want("a mapping")
		return Object{}
	}
	o.entries, o.meant = make(map[string]Value), make(map[string]bool)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		o.add(v.node.Content[i], v.node.Content[i+1], known)
	}
	return o
}

func (o *Object) add(key, node *yaml.Node, known []string) {
	name := Clip(key.Value, 40)
	if key.Kind != yaml.ScalarNode {
		name = "?"
	}
	at := Value{r: o.r, node: key, path: strings.TrimPrefix(o.path+"."+name, ".")}
	switch _, twice := o.entries[key.Value]; {
	case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
		o.meant[Nearest(key.Value, known)] = true
		at.Fail("unknown key%s", either(Nearest(name, known) != "", DidYouMean(name, known), "; known: "+strings.Join(known, ", ")))
	case twice:
		at.Fail("the key stands here twice; the first is in line %d", o.entries[key.Value].node.Line)
	default:
		o.entries[key.Value] = Value{r: o.r, node: node, path: at.path}
	}
}

// Has reports whether key is there, or a misspelt one that stands for it.
func (o Object) Has(key string) bool { return !o.entries[key].Absent() || o.meant[key] }

// Get returns the value of an optional key.
func (o Object) Get(key string) Value { return o.entries[key] }

// Need returns the value of a key that must be there.
func (o Object) Need(key string) Value {
	if !o.Absent() && !o.Has(key) {
		o.Fail("missing key %s", key)
	}
	return o.entries[key]
}

// units are the suffixes of numbers.
var units = []struct {
	suffix byte
	size   float64
}{{'k', 1e3}, {'M', 1e6}, {'B', 1e9}}

// Clip shortens s to at most limit characters.
func Clip(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

func abs(n int) int { return max(n, -n) }
