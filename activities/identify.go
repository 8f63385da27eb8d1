package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// IdentifyInput says which company a run is about: a CRM record, or a domain or
// name where there is no record.
type IdentifyInput struct {
	Key    account.Key `json:"key,omitzero"`
	Domain string      `json:"domain,omitempty"`
	Name   string      `json:"name,omitempty"`
}

// IdentifyResult is what the rest of the run works with. The plan and the model
// version are the ones in force now, and stay the run's.
type IdentifyResult struct {
	AccountID  int64       `json:"account_id"`
	Key        account.Key `json:"key,omitzero"` // after a merge, the record that is left
	Domain     string      `json:"domain,omitempty"`
	Owner      string      `json:"owner,omitempty"`      // in the CRM, before we touched it
	RecordURL  string      `json:"record_url,omitempty"` // in the CRM
	Duplicates int         `json:"duplicates,omitempty"` // other CRM records with the same domain
	Models
	Plan         waterfall.Plan `json:"plan"`
	Unconfigured []string       `json:"unconfigured,omitempty"` // providers of the order without a key
	LateFill     LateFill       `json:"late_fill"`
	// ContactModel rates the people of the account; zero if none does.
	ContactModel ModelRef `json:"contact_model,omitzero"`
	// LooksAtContacts says that the model rates the company by its contacts, too.
	LooksAtContacts bool `json:"looks_at_contacts,omitempty"`
	// OutOfReach says which providers need not be asked, and for how long.
	OutOfReach map[string]time.Duration `json:"out_of_reach,omitempty"`
}

// Identify reads the company from the CRM, settles its domain, puts the account on
// record and draws up the plan. It refuses with an error of type Invalid what is
// not a company of its own, and with RecordGone a record that was deleted.
func (a *Activities) Identify(ctx context.Context, in IdentifyInput) (IdentifyResult, error) {
	inForce, contactModel, err := a.inForceWithContacts(ctx)
	if err != nil {
		return IdentifyResult{}, failure(err)
	}
	watched, err := a.watched(ctx, inForce)
	if err != nil {
		return IdentifyResult{}, failure(err)
	}
	company, err := a.company(ctx, in, watched)
	if err != nil {
		return IdentifyResult{}, err
	}
	domain, err := domainOf(company)
	if err != nil {
		return IdentifyResult{}, failure(err)
	}
	acc, err := a.Store.UpsertAccount(ctx, company.Key, domain, company.Name)
	if err != nil {
		return IdentifyResult{}, failure(err)
	}
	pinned, models, err := a.pin(ctx, inForce, acc)
	if err != nil {
		return IdentifyResult{}, failure(err)
	}
	out := IdentifyResult{
		AccountID: acc.ID, Key: company.Key, Domain: domain,
		Owner: company.OwnerID, RecordURL: company.URL, LateFill: a.LateFill, Models: pinned, ContactModel: contactModel,
	}
	out.Plan, out.Unconfigured = a.waterfall(models...)
	out.LooksAtContacts = slices.ContainsFunc(models, (*icp.Model).LooksAtContacts)
	if out.OutOfReach, err = a.outOfReach(ctx, acc); err != nil {
		return IdentifyResult{}, failure(err)
	}
	info := activity.GetInfo(ctx)
	run := store.Run{
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
		AccountID: acc.ID, Status: "running", StartedAt: time.Now(),
	}
	if company.Key.IsZero() {
		return out, failure(a.Store.SaveRun(ctx, run))
	}
	out.Duplicates, err = a.Store.BeginRun(ctx, run, domain, a.record(watched, acc.ID, company, time.Now()))
	return out, failure(err)
}

func (a *Activities) company(ctx context.Context, in IdentifyInput, models []*icp.Model) (crm.Company, error) {
	if in.Key.IsZero() {
		return crm.Company{Name: in.Name, Domain: in.Domain}, nil
	}
	if a.CRM == nil {
		return crm.Company{}, failure(account.Invalid("crm", "none is configured; set SLUICE_CRM and its credentials"))
	}
	company, err := a.CRM.Company(ctx, in.Key, a.properties(models...)...)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return crm.Company{}, temporal.NewNonRetryableApplicationError(
			"the CRM has no company "+in.Key.String()+" (any more)", RecordGone, nil)
	case err != nil:
		return crm.Company{}, crmFailure(err)
	}
	if company.Domain == "" {
		company.Domain = in.Domain
	}
	if company.Name == "" {
		company.Name = in.Name
	}
	return company, nil
}

// domainOf settles the domain. A company that has only a name is looked up by it.
func domainOf(c crm.Company) (string, error) {
	if c.Domain == "" {
		if account.NormalizeName(c.Name) == "" {
			return "", account.Invalid("domain", "neither a domain nor a name to look the company up by")
		}
		return "", nil
	}
	return account.NormalizeDomain(c.Domain)
}

// waterfall is what the models need and who supplies it, in order; and who is in the
// order but has no key. Whom a model is for may be known only once it has been asked
// for, so that what any of them needs is.
func (a *Activities) waterfall(models ...*icp.Model) (plan waterfall.Plan, unconfigured []string) {
	for _, m := range models {
		plan.Need.Confidence = max(plan.Need.Confidence, m.Confidence)
		for _, f := range m.Required {
			if !slices.Contains(plan.Need.Fields, f) {
				plan.Need.Fields = append(plan.Need.Fields, f)
			}
		}
	}
	for _, name := range a.Order {
		p, ok := a.Providers[name]
		if !ok {
			unconfigured = append(unconfigured, name)
			continue
		}
		plan.Sources = append(plan.Sources, waterfall.Source{
			Provider: name, Supplies: needed(p.Spec.Supplies, plan.Need.Fields), Credits: p.Price, Trust: p.Trust,
		})
	}
	return plan, unconfigured
}

// needed leaves the fields that matter to the plan: it is in the input of every call,
// and so in the history as often.
func needed(supplies, required []account.Field) []account.Field {
	return slices.DeleteFunc(slices.Clone(required), func(f account.Field) bool { return !slices.Contains(supplies, f) })
}
