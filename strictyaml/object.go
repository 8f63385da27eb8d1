package strictyaml

import (
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Object is a mapping whose keys have been checked.
type Object struct {
	Value
	entries map[string]Value
	meant   map[string]bool // known keys that a misspelt key stands for
}

// Object checks that v is a mapping with none but the known keys, each once.
func (v Value) Object(known ...string) Object {
	return v.object(func(o *Object, at Value) bool {
		key := at.node.Value
		if at.node.Kind == yaml.ScalarNode && slices.Contains(known, key) {
			return true
		}
		o.meant[Nearest(key, known)] = true
		hint := DidYouMean(key, known)
		if hint == "" {
			hint = "; known: " + strings.Join(known, ", ")
		}
		at.Fail("unknown key%s", hint)
		return false
	})
}

// Entries returns the entries of a mapping whose keys are words of the file's own,
// in the order of the file; each is there once.
func (v Value) Entries() iter.Seq2[string, Value] {
	var keys []string
	o := v.object(func(_ *Object, at Value) bool {
		if at.node.Kind != yaml.ScalarNode || !wordShape.MatchString(at.node.Value) {
			at.Fail(wantWord, Clip(at.node.Value, 40))
			return false
		}
		if !slices.Contains(keys, at.node.Value) {
			keys = append(keys, at.node.Value)
		}
		return true
	})
	return func(yield func(string, Value) bool) {
		for _, key := range keys {
			if !yield(key, o.entries[key]) {
				return
			}
		}
	}
}

// object reads a mapping. Known is asked about each key, with its place, and reports
// it if it is none.
func (v Value) object(known func(o *Object, key Value) bool) Object {
	o := Object{Value: v}
	if v.Absent() {
		return o
	}
	if v.node.Kind != yaml.MappingNode {
		v.want("a mapping")
		return Object{}
	}
	o.entries, o.meant = make(map[string]Value), make(map[string]bool)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, node := v.node.Content[i], v.node.Content[i+1]
		at := v.keyPlace(key)
		if !known(&o, at) {
			continue
		}
		if first, twice := o.entries[key.Value]; twice {
			at.Fail("the key stands here twice; the first is in line %d", first.node.Line)
			continue
		}
		o.entries[key.Value] = Value{r: v.r, node: node, key: key, path: at.path}
	}
	return o
}

// keyPlace is where a key stands: mistakes about the key itself are reported there.
func (v Value) keyPlace(key *yaml.Node) Value {
	name := Clip(key.Value, 40)
	if key.Kind != yaml.ScalarNode {
		name = "?"
	}
	return Value{r: v.r, node: key, path: strings.TrimPrefix(v.path+"."+name, ".")}
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
