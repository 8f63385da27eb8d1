package sandbox

import (
	"slices"

	"github.com/sluicehq/sluice/signals"
)

// Telling is what has to be found of what happens: by domain the kinds of signals, sorted,
// each once. Decoys, and happenings that are no news of their own, are not among them.
func Telling(all []Happening) map[string][]string {
	kinds := map[string][]string{}
	for _, h := range all {
		if kind := h.signal(); kind != "" && !h.Decoy {
			kinds[h.Domain] = append(kinds[h.Domain], kind)
		}
	}
	for domain, of := range kinds {
		slices.Sort(of)
		kinds[domain] = slices.Compact(of)
	}
	return kinds
}

// signal is the kind of signal that the happening is; "" for none.
func (h Happening) signal() string {
	switch h.Kind {
	case Posted:
		return signals.Hiring
	case FormD, Round:
		return signals.Funding
	case Officer8K, Executive:
		return signals.ExecutiveChange
	case Technology:
		return signals.TechnologyChange
	case Headcount:
		return signals.HeadcountChange
	case Moved:
		return signals.Expansion
	case Closed:
		return signals.CompanyClosed
	case Acquired:
		return signals.CompanyAcquired
	case NewDomain:
		return signals.DomainChange
	case Press, Reopened:
	}
	return ""
}
