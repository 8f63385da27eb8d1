package workflows

import (
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
)

// TaskQueue is where workflows and CRM calls are worked.
const TaskQueue = "sluice"

// BulkQueue is where runs are worked that nobody waits for, such as those of an import and
// the night's responses, and long pages of re-scores and reviews: its slots are apart, so
// that a company that arrives never waits for one.
const BulkQueue = "sluice-bulk"

// How the ids of workflows begin that are about one company.
const (
	companies = "company/"
	responses = "signals/response/"
	overrides = "override/"
	approvals = "approved/"
	undos     = "undo/"
)

// ProviderQueue is the task queue of one provider, where the server holds its rate
// limit for all workers together.
func ProviderQueue(provider string) string { return "provider-" + provider }

// CompanyOnboardingID is the id of the company's run: one company, one id.
func CompanyOnboardingID(key account.Key, domain, name string) string {
	switch {
	case !key.IsZero():
		return activities.CompanyRunID(key)
	case domain != "":
		return companies + "domain/" + domain
	default:
		return companies + "name/" + account.NormalizeName(name)
	}
}

// SourceQueue is the task queue of one source of signals; a provider that is asked
// again is asked on its own.
func SourceQueue(source string) string {
	if provider, ok := strings.CutPrefix(source, activities.RefreshPrefix); ok {
		return ProviderQueue(provider)
	}
	return "signals-" + source
}

// SweepID is the id of the nightly sweep; a schedule adds the time to it.
const SweepID = "signals/sweep"

// SourceSweepID is the id of a source's part in whatever sweep is under way.
func SourceSweepID(source string) string { return "signals/source/" + source }

// SignalResponseID is the id of the response to an account's news: one at a time.
func SignalResponseID(accountID int64) string {
	return responses + strconv.FormatInt(accountID, 10)
}

// ReconcileID is the id of the workflow that compares the CRM with the record; a schedule
// adds the time to it.
func ReconcileID(crm string) string { return "reconcile/" + crm }

// AboutOneCompany reports whether the workflow with this id is about one company and no
// other: what Temporal keeps of it goes when the company is forgotten.
func AboutOneCompany(id string) bool {
	for _, prefix := range []string{companies, responses, overrides, approvals, undos} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}
