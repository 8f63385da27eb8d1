package icp

import (
	"slices"

	"github.com/sluicehq/sluice/account"
)

// Asked returns the fields that people fill in in the CRM, with the property for each:
// the model's own, and those of Sluice's that no provider knows.
func (m *Model) Asked() []Declared {
	all := slices.Clone(m.Fields)
	for _, f := range account.Asked {
		kind, _ := f.Kind()
		all = append(all, Declared{Name: f, Kind: kind, Property: string(f)})
	}
	return all
}
