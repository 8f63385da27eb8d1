package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
)

// checkModels compares the models of the pipeline with those that new runs use.
func (d *doctor) checkModels(ctx context.Context) {
	active, err := d.pipeline.ActiveModels(d.models)
	if err != nil {
		d.fail("models", oneLine(err), "mend `model`, `segment_models` or `routes` in "+d.cfg.Pipeline)
		return
	}
	if _, err := d.pipeline.ActiveContactModel(d.models); err != nil {
		d.fail("models", oneLine(err), "mend `contact_model` in "+d.cfg.Pipeline)
	}
	if d.store == nil {
		return
	}
	refs, err := d.store.ActiveModels(ctx, icp.SubjectCompany)
	if err != nil {
		d.fail("models", oneLine(asked(ctx, err)), "look at Postgres")
		return
	}
	if len(refs) == 0 {
		d.fail("models", "none is active: no run can score", "start a worker, which makes those of "+d.cfg.Pipeline+" active")
		return
	}
	inUse := map[string]int{}
	for _, ref := range refs {
		inUse[ref.Name] = ref.Version
	}
	for _, m := range active {
		switch version, there := inUse[m.Name]; {
		case !there:
			d.warn("model "+m.Name, "is in "+d.cfg.Pipeline+" and not active", "restart the workers")
		case version != m.Version:
			d.warn("model "+m.Name, fmt.Sprintf("version %d is active, the file here has %d", version, m.Version), "release the version that you want, or bring SLUICE_MODEL_DIR up to date")
		default:
			d.ok("model "+m.Name, fmt.Sprintf("version %d is active", version))
		}
	}
}

// checkCRM makes a read for each scope that a read can tell of.
func (d *doctor) checkCRM(ctx context.Context) {
	if d.cfg.CRM == "" {
		d.warn("crm", "none is configured: results stay in Sluice", "set SLUICE_CRM=hubspot and SLUICE_HUBSPOT_TOKEN")
		return
	}
	if d.cfg.HubSpot.Token == "" {
		return // the environment says so
	}
	portal, err := hubspot.Portal(ctx, hubspot.Config{BaseURL: d.cfg.HubSpot.BaseURL, Token: d.cfg.HubSpot.Token.Reveal(), Version: d.cfg.HubSpot.Version})
	if err != nil {
		d.fail("crm key", oneLine(asked(ctx, err)), crmAdvice(err))
		return
	}
	if want := d.cfg.HubSpot.Portal; want != "" && want != portal {
		d.fail("crm key", "it is of account "+portal+", SLUICE_HUBSPOT_PORTAL says "+want, "set the token of that account, or the other number: ids of runs and records hold it")
		return
	}
	d.ok("crm key", "HubSpot takes it, account "+portal)
	d.cfg.HubSpot.Portal = portal
	if err := d.withCRM(ctx); err != nil {
		d.fail("crm", oneLine(err), "mend SLUICE_HUBSPOT_*")
		return
	}
	for _, read := range []struct {
		scope string
		try   func() error
	}{
		{"crm.objects.companies.read", func() error {
			_, err := d.crm.CompaniesByDomain(ctx, "sluice-doctor.example")
			return err
		}},
		{"crm.objects.contacts.read", func() error {
			_, _, err := d.crm.Contacts(ctx, d.crm.Key("1"), 1)
			return err
		}},
		{"crm.objects.owners.read", func() error {
			_, err := d.crm.Owners(ctx)
			return err
		}},
	} {
		switch err := read.try(); {
		case err == nil, errors.Is(err, account.ErrNotFound):
			d.ok("crm scope", read.scope)
		case errors.Is(err, crm.ErrNotGranted):
			d.fail("crm scope", read.scope+" is not granted", "grant it to the key in HubSpot, then restart workers and starters")
		default:
			d.fail("crm scope", read.scope+": "+oneLine(asked(ctx, err)), crmAdvice(err))
		}
	}
	d.checkProperties(ctx)
}

func (d *doctor) checkProperties(ctx context.Context) {
	checker, ok := d.crm.(interface {
		CheckProperties(ctx context.Context, want []crm.Property) ([]crm.PropertyState, error)
	})
	active, err := d.pipeline.ActiveModels(d.models)
	if !ok || err != nil { // the models' own line says it
		return
	}
	tiers, queues := choices(d.models, active[0])
	want := append(crm.Properties(tiers, queues), crm.Questions(account.Asked)...)
	if m, err := d.pipeline.ActiveContactModel(d.models); err == nil && m != nil {
		levels, _ := choices(d.models, m)
		want = append(want, crm.ContactProperties(levels)...)
	}
	states, err := checker.CheckProperties(ctx, want)
	if err != nil {
		d.fail("crm properties", oneLine(asked(ctx, err)), crmAdvice(err))
		return
	}
	var wrong []string
	for _, s := range states {
		if s.State != "present" {
			wrong = append(wrong, strings.TrimSpace(s.Name+" "+cmp.Or(s.Note, s.State)))
		}
	}
	if len(wrong) > 0 {
		d.fail("crm properties", strings.Join(wrong, "; "), "`starter crm setup`")
		return
	}
	d.ok("crm properties", fmt.Sprintf("all %d are set up", len(states)))
}

func crmAdvice(err error) string {
	switch outbound.OutcomeOf(err) {
	case outbound.AuthFailed:
		return "set SLUICE_HUBSPOT_TOKEN to a token that HubSpot takes"
	case outbound.Throttled, outbound.QuotaExhausted:
		return "HubSpot limits us: lower crm.rate, or wait"
	default:
		return "see whether HubSpot is up and reached from here (SLUICE_HUBSPOT_BASE_URL)"
	}
}

// lately is how far back the doctor looks for calls that went wrong.
const lately = 10 * time.Minute

// checkProvider asks the provider whether it takes our key, where that is free.
func (d *doctor) checkProvider(ctx context.Context, step config.Provider) {
	check := "provider " + step.Name
	spec, _ := registry.Get(step.Name) // LoadPipeline knows it
	source, err := config.BuildProvider(step)
	if err != nil {
		d.fail(check, oneLine(err), "mend SLUICE_"+spec.Env+"_*")
		return
	}
	if source == nil {
		d.warn(check, "no key: it is skipped", "set SLUICE_"+spec.Env+"_API_KEY, or take it out of "+d.cfg.Pipeline)
		return
	}
	if d.closedProvider(ctx, check, step.Name) || d.troubledProvider(ctx, check, step.Name) {
		return
	}
	checker, free := source.Provider.(providers.Checker)
	switch {
	case !spec.NeedsKey:
		d.ok(check, "needs no key")
		return
	case !free:
		d.ok(check, "configured; whether it takes the key, only a paid call tells: `starter provider check "+step.Name+"`")
		return
	}
	if err := checker.Check(ctx); err != nil {
		d.fail(check, oneLine(asked(ctx, err)), advice(spec, err))
		return
	}
	d.ok(check, "takes our key")
}

// closedProvider reports a provider that is closed for everybody.
func (d *doctor) closedProvider(ctx context.Context, check, name string) bool {
	if d.store == nil {
		return false
	}
	closures, err := d.store.Closures(ctx)
	if err != nil {
		d.fail(check, oneLine(asked(ctx, err)), "look at Postgres")
		return true
	}
	why := closed(closures, name)
	if why != "" {
		d.fail(check, "closed for everybody: "+why, "mend the key or buy credits, then `starter provider check "+name+"`")
	}
	return why != ""
}

// troubledProvider reports a provider whose calls went wrong lately. Breakers are the
// workers' own: what they kept back is in the ledger.
func (d *doctor) troubledProvider(ctx context.Context, check, name string) bool {
	if d.store == nil {
		return false
	}
	outcomes, err := d.store.OutcomesSince(ctx, name, time.Now().Add(-lately))
	if err != nil {
		d.fail(check, oneLine(asked(ctx, err)), "look at Postgres")
		return true
	}
	wrong := outcomes[string(outbound.ProviderError)] + outcomes[string(outbound.SkippedBreaker)]
	if wrong == 0 || wrong*2 < outcomes[string(outbound.Found)]+outcomes[string(outbound.NotFound)] {
		return false
	}
	d.warn(check, fmt.Sprintf("%d calls failed or were kept back by the breaker within ten minutes", wrong), "nothing, if it is the vendor's outage: runs come back for it; else docs/runbooks.md#sluicebreakeropen")
	return true
}

func (d *doctor) checkSources() {
	built, missing, err := config.BuildSignals(d.pipeline)
	if err != nil {
		d.fail("sources of signals", oneLine(err), "mend the variable")
		return
	}
	if len(missing) > 0 {
		d.warn("sources of signals", "left out: "+strings.Join(missing, ", "), "docs/operations.md#the-nightly-sweep says what each needs")
		return
	}
	d.ok("sources of signals", fmt.Sprintf("%d are configured", len(built)))
}

// checkWebhooks looks whether the CRM can reach a starter, and would be believed.
func (d *doctor) checkWebhooks(ctx context.Context) {
	if err := d.cfg.CheckServing(); err != nil {
		d.fail("front door", oneLine(err), "`starter serve` does not start without it")
	}
	if d.cfg.CRM == "" {
		return
	}
	if d.cfg.HubSpot.ClientSecret == "" {
		d.warn("webhooks", "refused: no client secret is set", "set SLUICE_HUBSPOT_CLIENT_SECRET to that of the HubSpot app; without webhooks companies come by `starter company import` and the API only")
		return
	}
	public, err := url.Parse(d.cfg.PublicURL)
	if err != nil || d.cfg.PublicURL == "" {
		return // the front door's or the environment's line says it
	}
	if public.Scheme != "https" {
		d.warn("webhooks", d.cfg.PublicURL+" is not https", "put a proxy with TLS in front; HubSpot calls nothing else")
	}
	if err := reach(ctx, strings.TrimRight(d.cfg.PublicURL, "/")+"/healthz"); err != nil {
		d.warn("webhooks", "no starter answers at "+d.cfg.PublicURL+" from here: "+oneLine(err), "start `starter serve`, or mend SLUICE_PUBLIC_URL or the proxy")
		return
	}
	d.ok("webhooks", "signed, and a starter answers at "+d.cfg.PublicURL)
}

func reach(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("it says %s", res.Status)
	}
	return nil
}
