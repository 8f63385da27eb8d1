// Package registry lists the data providers. A new one is added here and nowhere
// else.
package registry

import (
	"slices"

	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/apollo"
	"github.com/sluicehq/sluice/providers/builtwith"
	"github.com/sluicehq/sluice/providers/clearbit"
	"github.com/sluicehq/sluice/providers/hunter"
	"github.com/sluicehq/sluice/providers/pdl"
	"github.com/sluicehq/sluice/providers/theirstack"
	"github.com/sluicehq/sluice/providers/website"
)

// All returns every provider, in the order in which they are listed to people.
func All() []providers.Spec {
	return []providers.Spec{
		apollo.Spec,
		clearbit.Spec,
		hunter.Spec,
		pdl.Spec,
		builtwith.Spec,
		theirstack.Spec,
		website.Spec,
	}
}

// Get returns the provider of that name; false if there is none.
func Get(name string) (providers.Spec, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s providers.Spec) bool { return s.Name == name })
	if i < 0 {
		return providers.Spec{}, false
	}
	return all[i], true
}
