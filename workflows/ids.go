package workflows

import (
	"github.com/sluicehq/sluice/account"
)

// TaskQueue is where workflows and CRM calls are worked.
const TaskQueue = "sluice"

// ProviderQueue is the task queue of one provider, where the server holds its rate
// limit for all workers together.
func ProviderQueue(provider string) string { return "provider-" + provider }

// CompanyOnboardingID is the id of the company's run: one company, one id.
func CompanyOnboardingID(key account.Key, domain, name string) string {
	switch {
	case !key.IsZero():
		return "company/" + key.String()
	case domain != "":
		return "company/domain/" + domain
	default:
		return "company/name/" + account.NormalizeName(name)
	}
}
