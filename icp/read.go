package icp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// Limits of a model file. A model beyond them is generated, or an attack.
const (
	maxFile  = 1 << 20 // bytes
	maxText  = 200     // characters of a text
	maxItems = 1000    // words of a list
)

// reader collects the mistakes of one file while it is read.
type reader struct {
	file     string
	mistakes []Mistake
}

func (r *reader) fail(line, column int, message string) {
	r.mistakes = append(r.mistakes, Mistake{File: r.file, Line: line, Column: column, Message: message})
}

// document reads a file that holds one YAML document. Its zero answer means that
// there is nothing to read on.
func (r *reader) document(data []byte) value {
	if len(data) > maxFile {
		r.fail(1, 1, fmt.Sprintf("the file has %d bytes; a model has at most %d", len(data), maxFile))
		return value{}
	}
	if at := firstUnreadable(data); at < len(data) {
		r.failAt(data, at, "not a text file in UTF-8: unreadable character")
		return value{}
	}
	first, rest, err := decode(data)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0:
		r.fail(1, 1, "the file is empty; docs/models.md shows a model")
		return value{}
	case err != nil:
		r.syntax(data, err)
		return value{}
	case rest != nil:
		r.fail(rest.Line, rest.Column, "a second document; a file holds one model, so remove the --- and what follows")
	}
	root := value{r: r, node: first.Content[0]}
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
func (r *reader) refuseAnchors(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(n.Line, n.Column, "aliases (*name) are not used in models; write the value out")
	case n.Anchor != "":
		r.fail(n.Line, n.Column, "anchors (&name) are not used in models; remove it")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n.Line, n.Column, "tags (!name) are not used in models; remove it")
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

func (r *reader) failAt(data []byte, at int, message string) {
	before := data[:at]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	r.fail(bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(line)+1, message)
}

var yamlPlace = regexp.MustCompile(`^yaml: (line \d+: )?`)

// maxSearch is the size in bytes up to which a syntax error is searched for its
// place: the search reads the file some twenty times.
const maxSearch = 64 << 10

// syntax reports where a file stops being YAML. The library's line is that of the
// construct it was in, less one at times; the place that a person looks for is the
// shortest beginning of the file that already has the mistake.
func (r *reader) syntax(data []byte, err error) {
	want := yamlPlace.ReplaceAllString(err.Error(), "")
	if len(data) > maxSearch {
		line, _ := strconv.Atoi(strings.Trim(yamlPlace.FindString(err.Error()), "yaml: line")) // 0 if it names none
		r.fail(max(line, 1), 1, "near here, not YAML: "+want)
		return
	}
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

// value is a place in the file: a node and how to get there. The zero value stands
// for what is not there and has been reported; reading it gives zero values and
// reports nothing.
type value struct {
	r    *reader
	node *yaml.Node
	path string // criteria[2].points
}

func (v value) absent() bool { return v.node == nil }

// fail reports a mistake at v, under v's path. An alias has been reported already.
func (v value) fail(format string, args ...any) {
	if v.absent() || v.node.Kind == yaml.AliasNode {
		return
	}
	message := fmt.Sprintf(format, args...)
	if v.path != "" {
		message = v.path + ": " + message
	}
	v.r.fail(v.node.Line, v.node.Column, message)
}

// want reports a value of the wrong kind.
func (v value) want(what string) { v.fail("want %s, have %s", what, v.describe()) }

func (v value) describe() string {
	if v.absent() {
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
		return fmt.Sprintf("the text %q", clip(v.node.Value, 40))
	}
	return clip(v.node.Value, 40)
}

// text returns a text of one line.
func (v value) text() string {
	if v.absent() {
		return ""
	}
	switch s := v.node.Value; {
	case v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!str" && v.node.ShortTag() != "!!timestamp":
		v.want("a text" + either(v.node.Kind == yaml.ScalarNode && s != "", " (in quotes, if that is what it is)", ""))
	case strings.TrimSpace(s) == "":
		v.fail("must not be empty")
	case strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl):
		v.fail("must be one line without spaces around it")
	case utf8.RuneCountInString(s) > maxText:
		v.fail("has %d characters; at most %d", utf8.RuneCountInString(s), maxText)
	default:
		return s
	}
	return ""
}

var wordShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// word returns a name that goes into ids and columns.
func (v value) word() string {
	s := v.text()
	if s != "" && !wordShape.MatchString(s) {
		v.fail("%q: want lower-case letters, digits, - and _, at most 64", clip(s, 40))
		return ""
	}
	return s
}

// oneOf returns one of the options.
func (v value) oneOf(options ...string) string {
	s := v.text()
	if s == "" || slices.Contains(options, s) {
		return s
	}
	v.fail("%q: want %s%s", clip(s, 40), strings.Join(options, " or "), didYouMean(s, options))
	return ""
}

// integer returns a whole number within bounds, both included.
func (v value) integer(low, high int) int {
	if v.absent() {
		return 0
	}
	n, ok := v.plainNumber()
	switch {
	case !ok || n != math.Trunc(n):
		v.want("a whole number")
	case n < float64(low) || n > float64(high):
		v.fail("%s is outside %d to %d", clip(v.node.Value, 40), low, high)
	default:
		return int(n)
	}
	return 0
}

// number returns a number, which may be written 10k, 1.5M or 2B.
func (v value) number() (float64, bool) {
	n, ok := v.plainNumber()
	if !ok {
		v.want("a number such as 50, 10k, 1.5M or 2B")
	}
	return n, ok
}

func (v value) plainNumber() (float64, bool) {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if v.absent() || v.node.Kind != yaml.ScalarNode || v.node.Style&quoted != 0 {
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

// share returns a number from 0 to 1; above 0, unless zero is allowed.
func (v value) share(zero bool) float64 {
	if v.absent() {
		return 0
	}
	n, ok := v.plainNumber()
	switch {
	case !ok:
		v.want("a number from 0 to 1")
	case n < 0 || n > 1:
		v.fail("%s is outside 0 to 1", number(n))
	case n == 0 && !zero:
		v.fail("must be above 0")
	}
	return n
}

// boolean returns true or false.
func (v value) boolean() (yes, ok bool) {
	if v.absent() {
		return false, false
	}
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!bool" {
		v.want("true or false")
		return false, false
	}
	return strings.EqualFold(v.node.Value, "true"), true
}

const maxDays = 3660 // ten years

var durationShape = regexp.MustCompile(`^([1-9]\d{0,4})([hd])$`)

// duration returns a time span such as 90d or 12h.
func (v value) duration() time.Duration {
	if v.absent() {
		return 0
	}
	m := durationShape.FindStringSubmatch(v.node.Value)
	if v.node.Kind != yaml.ScalarNode || m == nil {
		v.want("a number of days or hours, such as 90d or 12h")
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // five digits at most
	d := time.Duration(n) * either(m[2] == "d", day, time.Hour)
	if d > maxDays*day {
		v.fail("%s is longer than %dd", m[0], maxDays)
		return 0
	}
	return d
}

// list returns the items of a list of at most limit.
func (v value) list(limit int) []value {
	if v.absent() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.want("a list")
		return nil
	}
	if n := len(v.node.Content); n > limit {
		v.fail("has %d items; at most %d", n, limit)
		return nil
	}
	items := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = value{r: v.r, node: n, path: v.path + "[" + strconv.Itoa(i) + "]"}
	}
	return items
}

// some is list for lists that must not be empty.
func (v value) some(limit int) []value {
	items := v.list(limit)
	if !v.absent() && v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
		v.fail("must not be empty")
	}
	return items
}

// unique reports a text that stood before it, as fold sees it.
func unique(texts []value, fold func(string) string) {
	seen := make(map[string]bool, len(texts))
	for _, v := range texts {
		if v.absent() || v.node.Kind != yaml.ScalarNode {
			continue
		}
		if key := fold(v.node.Value); seen[key] {
			v.fail("%q is already in the list", clip(v.node.Value, 40))
		} else {
			seen[key] = true
		}
	}
}

func exactly(s string) string { return s }

// object is a mapping whose keys have been checked.
type object struct {
	value
	entries map[string]value
	meant   map[string]bool // known keys that a misspelt key stands for
}

// object checks that v is a mapping with none but the known keys, each once.
func (v value) object(known ...string) object {
	o := object{value: v}
	if v.absent() {
		return o
	}
	if v.node.Kind != yaml.MappingNode {
		v.want("a mapping")
		return object{}
	}
	o.entries, o.meant = make(map[string]value), make(map[string]bool)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		o.add(v.node.Content[i], v.node.Content[i+1], known)
	}
	return o
}

func (o *object) add(key, node *yaml.Node, known []string) {
	name := clip(key.Value, 40)
	if key.Kind != yaml.ScalarNode {
		name = "?"
	}
	at := value{r: o.r, node: key, path: strings.TrimPrefix(o.path+"."+name, ".")}
	switch _, twice := o.entries[key.Value]; {
	case key.Kind != yaml.ScalarNode || !slices.Contains(known, key.Value):
		o.meant[nearest(key.Value, known)] = true
		at.fail("unknown key%s", either(nearest(name, known) != "", didYouMean(name, known), "; known: "+strings.Join(known, ", ")))
	case twice:
		at.fail("the key stands here twice; the first is in line %d", o.entries[key.Value].node.Line)
	default:
		o.entries[key.Value] = value{r: o.r, node: node, path: at.path}
	}
}

// has reports whether key is there, or a misspelt one that stands for it.
func (o object) has(key string) bool { return !o.entries[key].absent() || o.meant[key] }

// get returns the value of an optional key.
func (o object) get(key string) value { return o.entries[key] }

// need returns the value of a key that must be there.
func (o object) need(key string) value {
	if !o.absent() && !o.has(key) {
		o.fail("missing key %s", key)
	}
	return o.entries[key]
}
