package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/term"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/workflows"
)

const (
	// down is the vendor that is down at first. It is asked fourth, so that some
	// companies need it and others never notice.
	down = sandbox.PDL
	// outage is how long it stays down once somebody has noticed.
	outage = 4 * time.Second
)

// refusal is a row that the import refused.
type refusal struct {
	Line   int    `json:"line"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// runCompanies lets the sample companies in: one as a person types it into the CRM,
// the others as a file. It returns when all of their runs have ended.
func (d *demo) runCompanies(ctx context.Context) error {
	if d.once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, fmt.Errorf("the companies are not through after %s", patience))
		defer cancel()
	}
	d.welcome()
	d.began = time.Now()
	if err := d.createInCRM(ctx, d.samples[0]); err != nil {
		return err
	}
	imported, mended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(mended)
		d.endOutage(ctx, imported)
	}()
	err := d.importFile(ctx)
	close(imported)
	if err == nil {
		err = d.awaitWebhook(ctx)
	}
	if err != nil {
		return because(ctx, err)
	}
	<-mended // the import does not wait for what comes back by itself
	return nil
}

// createInCRM makes the company's record as a person would. The CRM tells Sluice by
// a signed webhook.
func (d *demo) createInCRM(ctx context.Context, s sandbox.Sample) error {
	crm := d.sandbox.CRM
	for _, c := range crm.Snapshot().Companies { // the sandbox begins with all companies in the CRM
		if c.Domain == s.Domain {
			crm.RemoveCompany(c.ID)
		}
	}
	id := crm.AddCompany(s.Name, s.Domain, nil)
	crm.SetTarget(crmsandbox.Target{URL: d.served + "/webhooks/hubspot", Secret: sandbox.Key})
	start := time.Now()
	status, err := crm.Deliver(ctx, crm.Created(id)...)
	if err == nil && status >= http.StatusMultipleChoices {
		err = fmt.Errorf("answered with %d; see %s", status, d.place.file("starter.log"))
	}
	if err != nil {
		return fmt.Errorf("deliver the webhook about %s: %w", s.Domain, err)
	}
	d.webhook = workflows.CompanyOnboardingID(account.Key{CRM: hubspot.Name, Portal: crm.Portal(), ID: id}, s.Domain, s.Name)
	say("A person typed %s into the CRM; its webhook was accepted in %d ms.", s.Name, time.Since(start).Milliseconds())
	return nil
}

// endOutage lets the vendor that is down come back some seconds after the first call
// that it refused, or after the import if there was none.
func (d *demo) endOutage(ctx context.Context, imported <-chan struct{}) {
	for noticed := false; !noticed; {
		select {
		case <-imported:
			noticed = true
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
			noticed = d.sandbox.Faults.Counters()[string(down)].ByFault[string(fault.Outage)] > 0
		}
	}
	if !pause(ctx, outage) {
		return
	}
	healthy := fault.Fault{LatencyMS: int(latency.Milliseconds())}
	if err := d.sandbox.Faults.Set(string(down), healthy); err == nil {
		say("People Data Labs is back. The companies that wait for it return by themselves.")
	}
}

// pause reports whether it was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// importFile imports the file and waits for its runs. Failed runs are the report's
// matter, not an error.
func (d *demo) importFile(ctx context.Context) error {
	say("%d more come as a file: starter company import %s --wait", len(d.samples)-1, relative(d.place.csv))
	out, err := d.crew.output(ctx, "starter", "company", "import", d.place.csv, "--wait", "--json")
	var summary struct {
		Rows    int
		Refused []refusal
	}
	if len(out) == 0 || json.Unmarshal(out, &summary) != nil || summary.Rows != len(d.samples)-1 {
		return fmt.Errorf("import the companies: %w", errors.Join(err, fmt.Errorf("it printed %q", out)))
	}
	d.refused = summary.Refused
	return nil
}

func (d *demo) awaitWebhook(ctx context.Context) error {
	temporal, err := d.dialTemporal()
	if err != nil {
		return err
	}
	defer temporal.Close()
	if err := temporal.GetWorkflow(ctx, d.webhook, "").Get(ctx, nil); err != nil && ctx.Err() != nil {
		return fmt.Errorf("wait for %s: %w", d.webhook, err)
	}
	return nil // how it ended is the report's matter
}

func (d *demo) dialTemporal() (client.Client, error) {
	c, err := client.Dial(client.Options{HostPort: d.stack.temporal, Namespace: d.stack.namespace, Logger: quiet{}})
	if err != nil {
		return nil, fmt.Errorf("no Temporal at %s: %w", d.stack.temporal, err)
	}
	return c, nil
}

// accepted are the samples that the import did not refuse.
func accepted(samples []sandbox.Sample, refused []refusal) []sandbox.Sample {
	var in []sandbox.Sample
	for i, s := range samples {
		line := i + 1 // the first sample is not in the file, the second is in line 2
		if i == 0 || !slices.ContainsFunc(refused, func(r refusal) bool { return r.Line == line }) {
			in = append(in, s)
		}
	}
	return in
}

// say prints a line, above the import's progress bar if there is one.
func say(format string, args ...any) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		format = "\r\x1b[K" + format
	}
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// quiet is a Temporal client without a log.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
