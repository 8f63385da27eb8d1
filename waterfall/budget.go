package waterfall

import (
	"time"

	"github.com/sluicehq/sluice/account"
)

// Budgets bounds what may be spent, in credits; 0 means no bound. All of them
// fail closed: a call that does not fit into every one is not made.
type Budgets struct {
	Company  float64            // on one company in one run
	Import   float64            // on one import
	Day      float64            // on everything in one day (UTC)
	Provider map[string]float64 // on one provider in one day (UTC)
}

// Limit is one budget as it applies to one call.
type Limit struct {
	Scope   string // whose spending is counted together
	Credits float64
}

// Limits returns the budgets that a call at the given time has to fit into.
func (b Budgets) Limits(runID, importID, provider string, at time.Time) []Limit {
	day := at.UTC().Format(time.DateOnly)
	var limits []Limit
	add := func(scope string, credits float64) {
		if credits > 0 {
			limits = append(limits, Limit{Scope: scope, Credits: credits})
		}
	}
	add("company:"+runID, b.Company)
	if importID != "" {
		add("import:"+importID, b.Import)
	}
	add("day:"+day, b.Day)
	add("provider:"+provider+":"+day, b.Provider[provider])
	return limits
}

// Subject names what providers are asked about. Accounts with the same subject
// share their answers; "" means that there is nothing to ask by.
func Subject(acc account.Account) string {
	if acc.Domain != "" {
		return acc.Domain
	}
	if name := account.NormalizeName(acc.Name); name != "" {
		return "name:" + name
	}
	return ""
}
