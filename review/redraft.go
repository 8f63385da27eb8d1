package review

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluicehq/sluice/icp"
)

// drafted writes changes into a model's file: the version is one more, points are other
// ones, new criteria follow the one that they are like, and a comment above each says why.
// All other text stays as it is.
func drafted(m *icp.Model, quarter string, edits []edit) (*icp.Model, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(m.Source), &document); err != nil {
		return nil, fmt.Errorf("read %s: %w", m.ID(), err)
	}
	if len(document.Content) == 0 {
		return nil, errors.New("the model's file is not at hand")
	}
	root := document.Content[0]
	s := &splice{lines: strings.SplitAfter(m.Source, "\n")}
	s.replace(valueOf(root, "version"), strconv.Itoa(m.Version+1))
	criteria := valueOf(root, "criteria")
	for i := range edits {
		s.edit(criteria, quarter, &edits[i])
	}
	source, err := s.done()
	if err != nil {
		return nil, err
	}
	draft, err := icp.Parse(m.Name+".yaml", []byte(source))
	if err != nil {
		return nil, fmt.Errorf("write the draft of %s: %w", m.ID(), err)
	}
	return draft, nil
}

// splice replaces and inserts text at places of a file.
type splice struct {
	lines []string
	cuts  []replacement
	err   error
}

// replacement is a place: a line from 0, a byte of it, and how many bytes go.
type replacement struct {
	line, column, bytes int
	text                string
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// replace puts text in the place of a plain scalar.
func (s *splice) replace(n *yaml.Node, text string) {
	if n == nil || n.Kind != yaml.ScalarNode || n.Line < 1 || n.Line > len(s.lines) {
		s.fail("a number of the model's file is not where it should be")
		return
	}
	column, ok := byteAt(s.lines[n.Line-1], n)
	if !ok {
		s.fail(fmt.Sprintf("line %d: %s is not written plainly", n.Line, n.Value))
		return
	}
	s.cuts = append(s.cuts, replacement{n.Line - 1, column, len(n.Value), text})
}

// byteAt is where a scalar begins in its line: the reader counts characters.
func byteAt(line string, n *yaml.Node) (int, bool) {
	at := 0
	for i := range line {
		if at++; at == n.Column {
			return i, strings.HasPrefix(line[i:], n.Value)
		}
	}
	return 0, false
}

func (s *splice) fail(why string) { s.err = cmp.Or(s.err, errors.New(why)) }

// above inserts whole lines above a line, counted from 1.
func (s *splice) above(line int, text string) {
	s.cuts = append(s.cuts, replacement{line: line - 1, text: text})
}

func (s *splice) edit(criteria *yaml.Node, quarter string, e *edit) {
	name := e.Criterion
	if e.kind != "" {
		name = e.like
	}
	item := criterionNode(criteria, name)
	if item == nil {
		s.fail("the file has no criterion " + name)
		return
	}
	indent := leading(s.lines[item.Line-1])
	var w writer
	if e.kind != "" {
		w.comment(indent, "%s: new, %d points beside those of %s. %s", quarter, e.To, cmp.Or(e.like, "no other criterion"), e.Because)
		s.add(&w, item, indent, e)
		return
	}
	w.comment(indent, "%s: %s %d → %d points. %s", quarter, e.Criterion, e.From, e.To, e.Because)
	s.above(item.Line, w.String())
	s.replace(valueOf(item, "points"), strconv.Itoa(e.To))
	s.partials(valueOf(item, "partial"), e)
}

// partials changes the partial credits in proportion, below full credit.
func (s *splice) partials(partial *yaml.Node, e *edit) {
	if partial == nil {
		return
	}
	items := partial.Content
	if partial.Kind == yaml.MappingNode { // one credit without a list
		items = []*yaml.Node{partial}
	}
	for _, item := range items {
		points := valueOf(item, "points")
		if points == nil {
			continue
		}
		was, err := strconv.Atoi(points.Value)
		if err != nil {
			s.fail("partial points are not written plainly")
			return
		}
		to := max(1, (2*abs(was)*abs(e.To)+abs(e.From))/(2*abs(e.From)))
		to = min(to, abs(e.To)-1)
		if e.To < 0 {
			to = -to
		}
		s.replace(points, strconv.Itoa(to))
	}
}

// add inserts a criterion of its own for a kind of signal, after the one that it is like.
func (s *splice) add(w *writer, item *yaml.Node, indent string, e *edit) {
	if !strings.HasPrefix(strings.TrimSpace(s.lines[item.Line-1]), "-") {
		s.fail("the list of criteria is written in one line; a new criterion has no place of its own")
		return
	}
	within := "90d"
	if v := valueOf(item, "within"); e.like != "" && v != nil {
		within = v.Value
	}
	dimension := "intent"
	if v := valueOf(item, "dimension"); e.like != "" && v != nil {
		dimension = v.Value
	}
	w.line("%s- {name: %s, dimension: %s, signal: [%s], within: %s, points: %d}", indent, e.Criterion, dimension, e.kind, within, e.To)
	last := min(lastLine(item), len(s.lines))
	if !strings.HasSuffix(s.lines[last-1], "\n") {
		s.lines[last-1] += "\n"
	}
	s.above(last+1, w.String())
}

// criterionNode finds a criterion by its name; the last of all for no name.
func criterionNode(criteria *yaml.Node, name string) *yaml.Node {
	if criteria == nil || len(criteria.Content) == 0 {
		return nil
	}
	for _, item := range criteria.Content {
		if v := valueOf(item, "name"); v != nil && v.Value == name {
			return item
		}
	}
	if name == "" {
		return criteria.Content[len(criteria.Content)-1]
	}
	return nil
}

// lastLine is the last line that a node has text on.
func lastLine(n *yaml.Node) int {
	last := n.Line
	if n.Style == yaml.LiteralStyle || n.Style == yaml.FoldedStyle {
		last += 1 + strings.Count(strings.TrimRight(n.Value, "\n"), "\n")
	}
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

func leading(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// done makes all changes, from the end of the file to its beginning.
func (s *splice) done() (string, error) {
	if s.err != nil {
		return "", s.err
	}
	slices.Reverse(s.cuts) // so that of two at one place the first stays above
	slices.SortStableFunc(s.cuts, func(a, b replacement) int { return cmp.Or(b.line-a.line, b.column-a.column) })
	for _, c := range s.cuts {
		if c.line == len(s.lines) {
			s.lines = append(s.lines, c.text)
			continue
		}
		l := s.lines[c.line]
		s.lines[c.line] = l[:c.column] + c.text + l[c.column+c.bytes:]
	}
	return strings.Join(s.lines, ""), nil
}
