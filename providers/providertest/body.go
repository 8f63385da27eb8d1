package providertest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/providers"
)

// mapper returns a provider that is not going to be asked anything.
func (k *kit) mapper(t *testing.T) providers.Provider {
	t.Helper()
	k.require(t, k.Found)
	p, err := k.Spec.New(providers.Config{BaseURL: k.Spec.BaseURL, Key: key})
	require.NoError(t, err)
	return p
}

// Vendors add fields without notice.
func (k *kit) unknownFields(t *testing.T) {
	p, body := k.mapper(t), k.Found.body(t)
	want, err := p.Map(body, observed)
	require.NoError(t, err)
	var root any
	require.NoError(t, json.Unmarshal(body, &root))
	addUnknown(root)
	more, err := json.Marshal(root)
	require.NoError(t, err)
	got, err := p.Map(more, observed)
	require.NoError(t, err)
	require.Equal(t, describe(want), describe(got))
}

func addUnknown(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, value := range node {
			addUnknown(value)
		}
		node["zz_added_later"] = map[string]any{"deep": []any{1, nil, "text"}}
	case []any:
		for _, value := range node {
			addUnknown(value)
		}
	}
}

// Any value may be null.
func (k *kit) nulls(t *testing.T) {
	p := k.mapper(t)
	for path, body := range jsonCases(t, k.Found.body(t), func(any) any { return nil }) {
		got, err := p.Map(body, observed)
		k.checkMapped(t, path+" is null", path, got, err)
	}
}

// An answer that has been paid for is not thrown away because one field of it is
// of another type than documented. Only the envelope must be what it was.
func (k *kit) changedTypes(t *testing.T) {
	p := k.mapper(t)
	changes := map[string]func(any) any{
		"a text":  func(any) any { return "seven" },
		"a count": func(any) any { return 7.5 },
		"a flag":  func(any) any { return true },
		"a list":  func(v any) any { return []any{v, 7, nil} },
		"a map":   func(v any) any { return map[string]any{"value": v} },
	}
	for name, change := range changes {
		for path, body := range jsonCases(t, k.Found.body(t), change) {
			got, err := p.Map(body, observed)
			k.checkMapped(t, path+" is "+name, path, got, err)
		}
	}
}

func (k *kit) checkMapped(t *testing.T, what, path string, got providers.Answer, err error) {
	t.Helper()
	if err != nil && slices.Contains(k.Envelope, path) {
		return
	}
	require.NoError(t, err, what)
	checkAnswer(t, k.Spec, got)
}
