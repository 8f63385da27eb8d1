package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// lostWebhooks onboards some companies, has the CRM lose what was written to two of them,
// and enters others into the CRM whose webhooks do not come.
func (w *world) lostWebhooks(ctx context.Context) error {
	n := w.plan.Companies
	w.plan.Companies = n / 2
	err := w.onboard(ctx)
	w.plan.Companies = n
	if err != nil {
		return err
	}
	for i, c := range w.owed.companies[:2] {
		w.overwritten[c.ID] = true
		w.sandbox.CRM.Overwrite(c.ID, "INTEGRATION", []map[string]string{{"icp_tier": ""}, {"icp_fit_score": "1"}}[i])
	}
	r := rand.New(rand.NewPCG(w.plan.Seed, 4))
	have := map[string]bool{}
	for _, c := range w.owed.companies {
		have[c.Domain] = true
	}
	table := w.sandbox.Table().Companies()
	for _, i := range r.Perm(len(table)) {
		if d := table[i].Domain; d != "" && !have[d] && len(w.owed.companies) < n {
			w.owed.companies = append(w.owed.companies, &company{Domain: d, How: "comparison", ID: w.sandbox.CRM.AddCompany("", d, nil)})
		}
	}
	time.Sleep(1500 * time.Millisecond) // reconcile.settle, and some
	return nil
}

// reconcile compares the CRM with the record; one late webhook comes after all.
func (w *world) reconcile(ctx context.Context) error {
	late := w.owed.companies[len(w.owed.companies)-1]
	errs := make(chan error, 1)
	go func() {
		time.Sleep(300 * time.Millisecond)
		errs <- w.byWebhook(ctx, []*company{late})
	}()
	if err := w.insist(ctx, nil, "crm", "reconcile", "--since", "1h", "--json"); err != nil {
		return err
	}
	for _, c := range w.owed.companies {
		c.Accepted = true
	}
	return <-errs
}
