package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
)

// finding is one line of the doctor's.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning, failed
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // what to do
}

const (
	fine    = "ok"
	warning = "warning"
	broken  = "failed"
)

// doctor looks at everything that Sluice depends on, and changes nothing.
type doctor struct {
	*app
	models   map[string]*icp.Model
	findings []finding
}

func doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look at everything that Sluice depends on, and say how to mend it",
		Long: `Look at the environment, Postgres, Temporal, the CRM, each provider, the schedules, the
models and the webhooks, and say of each whether it is well and what to do if not. It
changes nothing and spends no credits. The status is 1 if something failed; warnings
leave it at 0. It sees with the environment that it is given: run it where the starter
or the worker runs.`,
		Example: "  starter doctor\n  starter doctor --json | jq '.findings[] | select(.status != \"ok\")'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &doctor{app: &app{}}
			defer d.close()
			d.examine(cmd.Context())
			return d.report(cmd, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (d *doctor) ok(check, detail string) { d.add(check, fine, detail, "") }

func (d *doctor) warn(check, detail, fix string) { d.add(check, warning, detail, fix) }

func (d *doctor) fail(check, detail, fix string) { d.add(check, broken, detail, fix) }

func (d *doctor) add(check, status, detail, fix string) {
	d.findings = append(d.findings, finding{Check: check, Status: status, Detail: detail, Fix: fix})
}

// examine goes on after a failure with whatever does not need what failed.
func (d *doctor) examine(ctx context.Context) {
	known := d.checkEnvironment()
	d.within(ctx, d.checkPostgres)
	d.within(ctx, d.checkTemporal)
	if known {
		d.within(ctx, d.checkModels)
		d.within(ctx, d.checkCRM)
		for _, step := range d.pipeline.Providers {
			d.within(ctx, func(ctx context.Context) { d.checkProvider(ctx, step) })
		}
		d.checkSources()
	}
	d.within(ctx, d.checkQueues)
	d.within(ctx, d.checkVersions)
	d.within(ctx, d.checkSchedules)
	d.within(ctx, d.checkWebhooks)
}

// within gives a check some seconds.
func (d *doctor) within(ctx context.Context, check func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	check(ctx)
}

// checkEnvironment reports each variable that is wrong, and whether the files that it
// names can be used.
func (d *doctor) checkEnvironment() bool {
	var err error
	if d.cfg, err = config.Load(); err != nil {
		for line := range strings.Lines(err.Error()) {
			d.fail("environment", strings.TrimSpace(line), "docs/operations.md lists the variables")
		}
	} else {
		d.ok("environment", "every variable can be read")
	}
	if d.pipeline, err = config.LoadPipeline(d.cfg.Pipeline); err != nil {
		d.fail("pipeline", oneLine(err), "mend the file that SLUICE_CONFIG names")
		return false
	}
	d.ok("pipeline", fmt.Sprintf("%s: %d providers", d.cfg.Pipeline, len(d.pipeline.Providers)))
	if d.models, err = config.LoadModels(d.cfg.ModelDir); err != nil {
		d.fail("model files", oneLine(err), "mend the file, or SLUICE_MODEL_DIR; `starter icp validate FILE` shows every mistake")
		return false
	}
	return true
}

func (d *doctor) report(cmd *cobra.Command, asJSON bool) error {
	status := fine
	for _, f := range d.findings {
		if f.Status == broken || f.Status == warning && status == fine {
			status = f.Status
		}
	}
	if asJSON {
		err := printJSON(cmd.OutOrStdout(), struct {
			Status   string    `json:"status"`
			Findings []finding `json:"findings"`
		}{status, d.findings})
		if err != nil {
			return err
		}
	} else {
		t := newTable(cmd.OutOrStdout(), "", "check", "found", "what to do")
		for _, f := range d.findings {
			t.AppendRow(table.Row{f.Status, f.Check, wrapped(f.Detail, 60), wrapped(f.Fix, 60)})
		}
		t.Render()
	}
	if status == broken {
		return errReported
	}
	return nil
}

// oneLine is an error without its line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// wrapped breaks a text into lines of at most width characters, at spaces.
func wrapped(text string, width int) string {
	var b strings.Builder
	length := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case length+1+len(word) > width:
			b.WriteByte('\n')
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return b.String()
}

// asked says whether a check ran out of its time, which the service's error may hide.
func asked(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer within 10 seconds")
	}
	return err
}
