package activities

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
)

// Records names the source that reads the CRM's records again: what people fill in
// there counts in the score, and sources go by some of it. It has no news of its own.
const Records = "records"

// properties of a record that are read beside Sluice's own: what the models score, and
// what sources of signals go by.
func (a *Activities) properties(models ...*icp.Model) []string {
	all := a.sourceProperties()
	for _, m := range models {
		for _, f := range m.Asked() {
			all = append(all, f.Property)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *Activities) sourceProperties() []string {
	var all []string
	for _, s := range a.Signals {
		all = append(all, s.Spec.Properties...)
	}
	return all
}

// record is what a company's record says, for the store. People's word is certain.
func (a *Activities) record(models []*icp.Model, accountID int64, c crm.Company, at time.Time) store.Record {
	r := store.Record{AccountID: accountID, CRM: c.Key.CRM, Target: c.Target, Properties: map[string]string{}}
	for _, name := range a.sourceProperties() {
		if v := c.Properties[name]; v != "" {
			r.Properties[name] = v
		}
	}
	said := map[account.Field]account.Fact{}
	for _, m := range models {
		for _, f := range m.Asked() {
			if v, ok := crm.ReadValue(f.Kind, c.Properties[f.Property]); ok {
				said[f.Name] = account.Fact{Field: f.Name, Value: v, Provider: c.Key.CRM, Confidence: 1, ObservedAt: at}
			}
		}
	}
	for _, field := range slices.Sorted(maps.Keys(said)) {
		r.Facts = append(r.Facts, said[field])
	}
	return r
}

// records reads the CRM's records again, all of a slice in one call. To a sweep it is a
// source that sees nothing.
type records struct {
	a *Activities
}

// due leaves the accounts that have a record.
func (r records) due(_ context.Context, accounts []account.Account, _ time.Time) ([]account.Account, error) {
	return slices.DeleteFunc(slices.Clone(accounts), func(acc account.Account) bool { return acc.Key.IsZero() }), nil
}

func (r records) look(ctx context.Context, p *page, accounts []account.Account) ([]signals.Sight, []error, error) {
	errs := make([]error, len(accounts))
	if err := r.read(ctx, accounts, p.in.At); err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return make([]signals.Sight, len(accounts)), errs, nil
}

// read leaves a record that is gone to the account's next run.
func (r records) read(ctx context.Context, accounts []account.Account, at time.Time) error {
	if len(accounts) == 0 {
		return nil
	}
	ids := make(map[account.Key]int64, len(accounts))
	keys := make([]account.Key, len(accounts))
	for i, acc := range accounts {
		keys[i], ids[acc.Key] = acc.Key, acc.ID
	}
	inForce, err := r.a.inForce(ctx)
	if err != nil {
		return err
	}
	models, err := r.a.watched(ctx, inForce)
	if err != nil {
		return err
	}
	companies, err := r.a.CRM.Companies(ctx, keys, r.a.properties(models...)...)
	if err != nil {
		return err
	}
	var said []store.Record
	for _, c := range companies {
		if id, ok := ids[c.Key]; ok {
			said = append(said, r.a.record(models, id, c, at))
		}
	}
	return r.a.Store.TakeRecords(ctx, said...)
}
