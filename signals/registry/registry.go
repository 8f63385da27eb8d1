// Package registry lists the sources of signals. A new one is added here and nowhere
// else.
package registry

import (
	"slices"

	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/edgar"
	"github.com/sluicehq/sluice/signals/engagement"
	"github.com/sluicehq/sluice/signals/firmographics"
	"github.com/sluicehq/sluice/signals/funding"
	"github.com/sluicehq/sluice/signals/jobboards"
	"github.com/sluicehq/sluice/signals/news"
	"github.com/sluicehq/sluice/signals/people"
	"github.com/sluicehq/sluice/signals/technology"
)

// All returns every source, in the order in which they are listed to people.
func All() []signals.Spec {
	return []signals.Spec{
		jobboards.Spec,
		edgar.Spec,
		funding.Spec,
		people.Spec,
		technology.Spec,
		firmographics.Spec,
		engagement.Spec,
		news.Spec,
	}
}

// Get returns the source of that name; false if there is none.
func Get(name string) (signals.Spec, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s signals.Spec) bool { return s.Name == name })
	if i < 0 {
		return signals.Spec{}, false
	}
	return all[i], true
}
