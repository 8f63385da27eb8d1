package waterfall

import (
	"slices"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
)

// Stop says why the waterfall ended for a field.
type Stop string

// The stop reasons.
const (
	Met       Stop = "met"       // known, surely enough
	Exhausted Stop = "exhausted" // everybody who could know was asked
	Budget    Stop = "budget"    // somebody was not asked for want of credits: final for the run
	Parked    Stop = "parked"    // somebody could not be asked now and will be asked again
)

// Stops returns the stop reason of each needed field, given what is missing and
// how asking each source ended.
func (p Plan) Stops(missing []account.Field, ended map[string]outbound.Outcome) map[account.Field]Stop {
	stops := make(map[account.Field]Stop, len(p.Need.Fields))
	for _, f := range p.Need.Fields {
		stops[f] = p.stop(f, missing, ended)
	}
	return stops
}

func (p Plan) stop(f account.Field, missing []account.Field, ended map[string]outbound.Outcome) Stop {
	if !slices.Contains(missing, f) {
		return Met
	}
	stop := Exhausted
	for _, s := range p.Sources {
		if !slices.Contains(s.Supplies, f) {
			continue
		}
		switch o := ended[s.Provider]; {
		case ComesBack(o):
			return Parked
		case o == outbound.SkippedBudget:
			stop = Budget
		}
	}
	return stop
}

// ComesBack reports whether a provider that ended this way is worth asking again
// in the same run: it did not answer, and nobody need do anything for it to.
func ComesBack(o outbound.Outcome) bool {
	switch o {
	case outbound.SkippedBreaker, outbound.Throttled, outbound.ProviderError, outbound.Pending:
		return true
	default:
		return false
	}
}
