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
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile is the size of a file in bytes. One beyond it is generated, or an attack.
const maxFile = 1 << 20

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
func (r *Reader) Err() error { return Report(r.mistakes...) }

// Count returns how many mistakes there are so far.
func (r *Reader) Count() int { return len(r.mistakes) }

// fail reports a mistake at a place, both from 1.
func (r *Reader) fail(line, column int, message string) {
	r.mistakes = append(r.mistakes, Mistake{File: r.file, Line: line, Column: column, Message: message})
}

// Document reads a file that holds one YAML document. Its zero answer means that
// there is nothing to read on.
func (r *Reader) Document(data []byte) Value {
	if len(data) > maxFile {
		r.fail(1, 1, fmt.Sprintf("the file has %d bytes; a %s has at most %d", len(data), r.what, maxFile))
		return Value{}
	}
	if at := firstUnreadable(data); at < len(data) {
		r.failAt(data, at, "not a text file in UTF-8: unreadable character")
		return Value{}
	}
	first, rest, err := decode(data)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(first.Content) == 0:
		r.fail(1, 1, fmt.Sprintf("the file is empty; %s shows a %s", r.help, r.what))
		return Value{}
	case err != nil:
		r.syntax(data, err)
		return Value{}
	case rest != nil:
		r.fail(rest.Line, rest.Column, fmt.Sprintf("a second document; a file holds one %s, so remove the --- and what follows", r.what))
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
		r.fail(n.Line, n.Column, "aliases (*name) are not used in "+r.what+"s; write the value out")
	case n.Anchor != "":
		r.fail(n.Line, n.Column, "anchors (&name) are not used in "+r.what+"s; remove it")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n.Line, n.Column, "tags (!name) are not used in "+r.what+"s; remove it")
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
	r.fail(bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(line)+1, message)
}

var yamlError = regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// complaint takes an error of the library apart; line is 0 if it names none.
func complaint(err error) (line int, message string) {
	m := yamlError.FindStringSubmatch(err.Error())
	line, _ = strconv.Atoi(m[1])
	return line, m[2]
}

// maxSearch is the size in bytes up to which a syntax error is searched for its
// place: the search reads the file some twenty times.
const maxSearch = 64 << 10

// syntax reports where a file stops being YAML. The library's line is that of the
// construct it was in, less one at times; the place that a person looks for is the
// shortest beginning of the file that already has the mistake.
func (r *Reader) syntax(data []byte, err error) {
	line, want := complaint(err)
	if len(data) > maxSearch {
		r.fail(max(line, 1), 1, "near here, not YAML: "+want)
		return
	}
	bad := func(end int) bool {
		_, _, err := decode(data[:end])
		if err == nil {
			return false
		}
		_, have := complaint(err)
		return have == want
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	ends := make([]int, len(lines))
	for i, at := 0, 0; i < len(lines); i++ {
		at += len(lines[i])
		ends[i] = at
	}
	line = min(sort.Search(len(lines), func(i int) bool { return bad(ends[i]) }), len(lines)-1)
	start := ends[line] - len(lines[line])
	width := max(sort.Search(len(lines[line]), func(n int) bool { return bad(start + n) }), 1)
	if text := bytes.TrimLeft(lines[line], " "); bytes.HasPrefix(text, []byte("\t")) {
		want, width = "a tab; indent with spaces", len(lines[line])-len(text)+1
	}
	r.failAt(data, start+width-1, "not YAML: "+want)
}
