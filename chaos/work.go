package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
)

// pipeline is sluice.yaml under fault: waits of seconds where production waits for minutes.
const pipeline = `
model: revops
providers:
  - {name: apollo, rate: 500, ttl: 1h, breaker: {failures: 5, cool_down: 1s}, timeout: 2s}
  - {name: clearbit, rate: 500, ttl: 1h, breaker: {failures: 5, cool_down: 1s}, timeout: 2s}
  - {name: hunter, rate: 500, ttl: 1h, breaker: {failures: 5, cool_down: 1s}, timeout: 2s}
  - {name: pdl, rate: 500, ttl: 1h, breaker: {failures: 5, cool_down: 1s}, timeout: 2s}
  - {name: builtwith, rate: 500, ttl: 1h, breaker: {failures: 5, cool_down: 1s}, timeout: 2s}
  - {name: website, rate: 500, ttl: 1h, breaker: {failures: 5, cool_down: 1s}, timeout: 2s}
late_fill: {returns: 20, within: 1h, wait: 1s}
crm: {rate: 1000, search_rate: 100}
routes:
  sdr-outreach:
    keep_owner: true
    owners: [{id: "201"}, {id: "202"}, {id: "203"}]
  marketing-nurture:
    owners: [{id: "204"}]
signals:
  targets: {tiers: [Tier 1, Tier 2, Tier 3, Not a fit]}
  daily_cap: 2
  give_up: 3s
  sources:
    - {name: jobboards, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: edgar, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: people, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
    - {name: funding, rate: 2000, timeout: 2s, breaker: {cool_down: 1s}}
release:
  roles: [sales, marketing]
  shadow: 1s
  ab: {share: 0.5, for: 1s}
  guard: {tier_share: 1, tasks_per_rep: 1000}
reconcile: {settle: 1s}
`

// owed is what Sluice has taken on: it was acknowledged.
type owed struct {
	companies []*company
}

// company is one that was accepted, and what happened to it.
type company struct {
	ID, Domain string // of its CRM record
	How        string // webhook, API, import
	Accepted   bool
	Churned    bool // a person said so, and the webhook was accepted
}

// companies lets the plan's companies in through all doors at once.
func (w *world) companies(ctx context.Context) error {
	r := rand.New(rand.NewPCG(w.plan.Seed, 2))
	all := w.newCompanies(r, w.plan.Companies)
	byHow := map[string][]*company{}
	for i, c := range all {
		c.How = []string{"webhook", "webhook", "API", "import"}[(i+int(w.plan.Seed))%4]
		byHow[c.How] = append(byHow[c.How], c)
	}
	if r.IntN(3) == 0 { // a second record of a company, which shares what is bought
		twin := &company{Domain: byHow["webhook"][0].Domain, How: "webhook"}
		twin.ID = w.sandbox.CRM.AddCompany("", twin.Domain, nil)
		byHow["webhook"] = append(byHow["webhook"], twin)
		all = append(all, twin)
	}
	w.owed.companies = all
	change, override := all[r.IntN(len(all))], all[r.IntN(len(all))]
	pauses := []time.Duration{time.Duration(r.IntN(2500)) * time.Millisecond, time.Duration(r.IntN(2500)) * time.Millisecond}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.byWebhook(ctx, byHow["webhook"]) })
	g.Go(func() error { return w.byAPI(ctx, byHow["API"]) })
	g.Go(func() error { return w.byImport(ctx, byHow["import"]) })
	g.Go(func() error {
		time.Sleep(pauses[0])
		return w.churned(ctx, change)
	})
	if w.plan.Seed%2 == 0 && override != change {
		g.Go(func() error {
			time.Sleep(pauses[1])
			return w.override(ctx, override)
		})
	}
	return g.Wait()
}

// newCompanies enters companies of the table into the CRM.
func (w *world) newCompanies(r *rand.Rand, n int) []*company {
	table := w.sandbox.Table().Companies()
	var all []*company
	for _, i := range r.Perm(len(table)) {
		if d := table[i].Domain; d != "" && len(all) < n {
			all = append(all, &company{Domain: d, ID: w.sandbox.CRM.AddCompany("", d, nil)})
		}
	}
	return all
}

func ids(all []*company) []string {
	out := make([]string, len(all))
	for i, c := range all {
		out[i] = c.ID
	}
	return out
}

// byWebhook delivers what the CRM has to say until it is accepted, as the CRM does, and
// now and then once more.
func (w *world) byWebhook(ctx context.Context, all []*company) error {
	for i, e := range w.sandbox.CRM.Created(ids(all)...) {
		if err := w.deliver(ctx, e); err != nil {
			return err
		}
		all[i].Accepted = true
		if i%3 == 0 {
			if err := w.deliver(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) deliver(ctx context.Context, events ...crmsandbox.Event) error {
	return again(ctx, "deliver a webhook", func() (bool, error) {
		status, err := w.sandbox.CRM.Deliver(ctx, events...)
		return err == nil && status == http.StatusNoContent, err
	})
}

// again repeats what is not accepted.
func again(ctx context.Context, what string, try func() (bool, error)) error {
	for {
		ok, err := try()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (w *world) byAPI(ctx context.Context, all []*company) error {
	for _, c := range all {
		err := again(ctx, "add a company", func() (bool, error) {
			status, _, err := w.call(ctx, http.MethodPost, "/v1/companies", map[string]string{"crm": "hubspot", "crm_id": c.ID})
			return status == http.StatusAccepted, err
		})
		if err != nil {
			return err
		}
		c.Accepted = true
	}
	return nil
}

// call asks the API.
func (w *world) call(ctx context.Context, method, path string, body any) (status int, answer string, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, w.front+path, bytes.NewReader(b))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+apiToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d: %s", method, path, res.StatusCode, text)
	}
	return res.StatusCode, string(text), err
}

func (w *world) byImport(ctx context.Context, all []*company) error {
	if len(all) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("domain\n")
	for _, c := range all {
		b.WriteString(c.Domain + "\n")
	}
	file := filepath.Join(w.dir, fmt.Sprintf("import-%d.csv", len(all)))
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return err
	}
	var s struct {
		Rows, Started, Existing int
		Failed, Refused         []any
	}
	if err := w.insist(ctx, &s, "company", "import", file, "--json"); err != nil {
		return err
	}
	if s.Started+s.Existing != len(all) || len(s.Refused) > 0 {
		w.problem("the import took %d and %d of %d rows", s.Started, s.Existing, len(all))
		return nil
	}
	for _, c := range all {
		c.Accepted = true
	}
	return nil
}

// churned lets a person answer what no provider knows; the CRM tells of it.
func (w *world) churned(ctx context.Context, c *company) error {
	if err := w.sandbox.CRM.SetProperties(c.ID, map[string]string{"previously_churned": "true"}); err != nil {
		return err
	}
	if err := w.deliver(ctx, w.sandbox.CRM.Changed(c.ID, "previously_churned", "true")); err != nil {
		return err
	}
	c.Churned = true
	return nil
}

// override puts a person's decision in the place of the model's, once there is one.
func (w *world) override(ctx context.Context, c *company) error {
	const tier = "Tier 1"
	var took struct { // of accounts with one domain, the one that it is about
		AccountID int64 `json:"account_id"`
	}
	err := again(ctx, "override", func() (bool, error) {
		status, answer, err := w.call(ctx, http.MethodPost, "/v1/companies/"+c.Domain+"/override",
			map[string]string{"tier": tier, "reason": "they asked us", "by": "dana@ours.example"})
		if err == nil {
			err = json.Unmarshal([]byte(answer), &took)
		}
		return err == nil && (status == http.StatusOK || status == http.StatusAccepted), err
	})
	w.overridden[took.AccountID] = tier
	return err
}
