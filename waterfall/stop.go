package waterfall

import (
	"slices"

	"github.com/sluicehq/sluice/account"
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

// Ended says how asking a source ended, as far as stopping goes.
type Ended int

// How asking a source can end.
const (
	Answered   Ended = iota // or will not, however often it is asked
	OverBudget              // not asked, for want of credits
	Away                    // did not answer, and may later without anybody's doing
)

// Stops returns the stop reason of each needed field, given what is missing and
// how asking each source ended.
func (p Plan) Stops(missing []account.Field, ended map[string]Ended) map[account.Field]Stop {
	stops := make(map[account.Field]Stop, len(p.Need.Fields))
	for _, f := range p.Need.Fields {
		stops[f] = p.stop(f, missing, ended)
	}
	return stops
}

func (p Plan) stop(f account.Field, missing []account.Field, ended map[string]Ended) Stop {
	if !slices.Contains(missing, f) {
		return Met
	}
	stop := Exhausted
	for _, s := range p.Sources {
		if !slices.Contains(s.Supplies, f) {
			continue
		}
		switch ended[s.Provider] {
		case Away:
			return Parked
		case OverBudget:
			stop = Budget
		case Answered:
		}
	}
	return stop
}
