package icp

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// Declared is a field of the model's own: any property of the CRM can be one.
type Declared struct {
	Name     account.Field // as criteria and required call it
	Kind     account.Kind  // a fact of another kind is no fact
	Property string        // of the CRM; default the name
}

// Kind returns the kind of a field, built in or declared; false if m knows neither.
func (m *Model) Kind(f account.Field) (account.Kind, bool) {
	if kind, ok := f.Kind(); ok {
		return kind, true
	}
	i, ok := slices.BinarySearchFunc(m.Fields, f, func(d Declared, f account.Field) int {
		return strings.Compare(string(d.Name), string(f))
	})
	if !ok {
		return account.NoKind, false
	}
	return m.Fields[i].Kind, true
}

// FieldNames returns the names of all fields that m knows, built in and declared,
// sorted.
func (m *Model) FieldNames() []string {
	var names []string
	for _, f := range account.Fields() {
		names = append(names, string(f))
	}
	for _, d := range m.Fields {
		names = append(names, string(d.Name))
	}
	slices.Sort(names)
	return names
}
