package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
)

const goldenSuffix = ".golden.json"

var update = flag.Bool("update", false, "write the golden facts instead of comparing them")

// record is an answer as golden files have it: without the times.
type record struct {
	Outcome  outbound.Outcome `json:"outcome"`
	Name     string           `json:"name,omitempty"`
	Domain   string           `json:"domain,omitempty"`
	Aliases  []string         `json:"aliases,omitempty"`
	RecordID string           `json:"record_id,omitempty"`
	Facts    []goldenFact     `json:"facts"`
}

type goldenFact struct {
	Field      account.Field `json:"field"`
	Value      account.Value `json:"value"`
	Confidence float64       `json:"confidence"`
	Derived    bool          `json:"derived,omitempty"`
}

// describe returns what must be the same whenever the same body is read.
func describe(a providers.Answer) string {
	r := record{Outcome: a.Outcome, Name: a.Name, Domain: a.Domain, Aliases: a.Aliases, RecordID: a.RecordID}
	for _, f := range a.Facts {
		r.Facts = append(r.Facts, goldenFact{Field: f.Field, Value: f.Value, Confidence: f.Confidence, Derived: f.Derived})
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b) + "\n"
}

// golden compares the answer with the file beside the recorded response. Without
// such a file a test would pass whatever the mapping did, so there must be one.
func golden(t *testing.T, spec providers.Spec, r Reply, got providers.Answer) {
	t.Helper()
	if r.File == "" {
		return
	}
	checkAnswer(t, spec, got)
	name := filepath.Join("testdata", strings.TrimSuffix(r.File, filepath.Ext(r.File))+goldenSuffix)
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(describe(got)), 0o644))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err, "go test -update writes it")
	require.Equal(t, string(want), describe(got))
}

// checkAnswer holds for every answer, whatever the body was.
func checkAnswer(t *testing.T, spec providers.Spec, got providers.Answer) {
	t.Helper()
	require.Contains(t, []outbound.Outcome{outbound.Found, outbound.NotFound, outbound.Pending}, got.Outcome)
	if got.Outcome != outbound.Found {
		require.Empty(t, got.Facts)
	}
	seen := map[account.Field]bool{}
	for _, f := range got.Facts {
		require.False(t, seen[f.Field], "%s is there twice", f.Field)
		seen[f.Field] = true
		checkFact(t, spec, f)
	}
}

func checkFact(t *testing.T, spec providers.Spec, f account.Fact) {
	t.Helper()
	kind, known := f.Field.Kind()
	require.True(t, known, "%s is no field", f.Field)
	require.Equal(t, kind, f.Value.Kind(), "%s", f.Field)
	require.Contains(t, spec.Supplies, f.Field, "Spec.Supplies does not list %s", f.Field)
	require.Equal(t, spec.Name, f.Provider)
	require.Greater(t, f.Confidence, 0.0, "%s", f.Field)
	require.LessOrEqual(t, f.Confidence, 1.0, "%s", f.Field)
	require.False(t, f.ObservedAt.IsZero(), "%s has no time", f.Field)
	require.False(t, f.ObservedAt.After(time.Now().AddDate(1, 0, 0)), "%s was seen in the future", f.Field)
	require.Less(t, len(f.Value.String()), 1<<20, "%s is too long to store", f.Field)
	require.NotContains(t, f.Value.String(), "\x00", "Postgres refuses it")
	if kind == account.NumberKind {
		require.Positive(t, f.Value.Number(), "%s: zero means unknown", f.Field)
		require.False(t, math.IsInf(f.Value.Number(), 0), "%s", f.Field)
	}
	if f.Derived {
		require.LessOrEqual(t, f.Confidence, 0.6, "%s is derived", f.Field)
	}
}

// checkError holds for every error of every test: it is ours to understand, and it
// shows nothing that was sent or received.
func (k *kit) checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ours := errors.AsType[*outbound.Error](err)
	require.True(t, ours || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded), "%T is neither an outbound.Error nor the context's", err)
	require.NotContains(t, err.Error(), key)
	require.NotContains(t, err.Error(), "127.0.0.1")
	require.NotContains(t, err.Error(), k.Account.Domain)
	require.NotContains(t, err.Error(), "<html>")
	if ours {
		require.Equal(t, k.Spec.Name, e.Service)
	}
}

func requireOutcome(t *testing.T, want outbound.Outcome, err error) *outbound.Error {
	t.Helper()
	require.Error(t, err)
	e, ok := errors.AsType[*outbound.Error](err)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, want, e.Outcome)
	return e
}

// requireDelay allows for the time that has passed since an absolute hint was made.
func requireDelay(t *testing.T, want, got time.Duration) {
	t.Helper()
	require.LessOrEqual(t, got, want+time.Second)
	require.GreaterOrEqual(t, got, want/2)
}

// jsonCases returns the found body once for each of its values below the root,
// with that value changed.
func jsonCases(t *testing.T, body []byte, change func(any) any) map[string][]byte {
	t.Helper()
	var root any
	require.NoError(t, json.Unmarshal(body, &root), "the recorded body")
	cases := map[string][]byte{}
	walk(root, "", func(path string, value any, set func(any)) {
		set(change(value))
		b, err := json.Marshal(root)
		require.NoError(t, err)
		cases[path] = b
		set(value)
	})
	return cases
}

// walk visits every value below node, with a way to replace it.
func walk(node any, path string, visit func(path string, value any, set func(any))) {
	switch node := node.(type) {
	case map[string]any:
		keys := make([]string, 0, len(node))
		for name := range node {
			keys = append(keys, name)
		}
		slices.Sort(keys)
		for _, name := range keys {
			value := node[name]
			visit(path+"/"+name, value, func(v any) { node[name] = v })
			walk(value, path+"/"+name, visit)
		}
	case []any:
		for i, value := range node {
			item := path + "/" + strconv.Itoa(i)
			visit(item, value, func(v any) { node[i] = v })
			walk(value, item, visit)
		}
	}
}
