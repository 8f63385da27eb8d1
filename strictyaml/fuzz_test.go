package strictyaml_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/strictyaml"
)

// FuzzDocument holds that no file makes reading panic, whatever it is read as, and
// that every mistake has a place in the file. Run it with -fuzzminimizetime 10x.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		"a: 1\nb: {c: [x, 2, 3d], d: true}\n", "a: [", "a: &b\n- *b", "\t", "--- 1\n--- 2", "%YAML 1.1\n---\n", "? [a]\n: b\n",
		"a: !!binary x", "b: {d: *x, c: &x [*x]}", "a: 1_000\nb: 5T", "<<: {a: 1}", "a: |\n  b\n", "\ufeff", "a: \xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		r := strictyaml.New("f", "plan", "docs/plan.md")
		readAnyhow(r.Document([]byte(file)), 0)
		bad, ok := errors.AsType[*strictyaml.Error](r.Err())
		if !ok {
			require.Zero(t, r.Count())
			return
		}
		require.Len(t, bad.Mistakes, r.Count())
		for _, m := range bad.Mistakes {
			require.Positive(t, m.Line)
			require.LessOrEqual(t, m.Line, 2+strings.Count(file, "\n")+strings.Count(file, "\r")+strings.Count(file, "\u2028")+strings.Count(file, "\u2029")+strings.Count(file, "\u0085"))
			require.Positive(t, m.Column)
			require.NotEmpty(t, m.Message)
		}
	})
}

// readAnyhow reads a value as everything that it could be.
func readAnyhow(v strictyaml.Value, depth int) {
	if depth > 5 {
		return
	}
	v.Text()
	v.Word()
	v.OneOf("a", "b")
	v.Integer(0, 9)
	v.Amount(0, 9)
	v.Share(false)
	v.Boolean()
	v.Duration("smhd")
	items := v.Some(50)
	strictyaml.Unique(items, strings.ToLower)
	o := v.Object("a", "b")
	for _, next := range append(items, o.Need("a"), o.Get("b")) {
		readAnyhow(next, depth+1)
	}
	for _, entry := range v.Entries() {
		readAnyhow(entry, depth+1)
	}
}
