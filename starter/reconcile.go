package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/workflows"
)

func reconcileCommand() *cobra.Command {
	var since string
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the CRM with what is on record, and mend what is ours",
		Long: `Compare the CRM with what is on record:

- companies that were created in the CRM and never had a run, since their webhook did not
  come: they get their run;
- what was written to companies and is no longer there: where nobody else wrote over it, the
  account's last decision is brought in again; attempts whose end nobody knows are looked
  for. What a person typed, deleted or merged stays as it is, and is reported.

It runs as the workflow reconcile/CRM, goes on without this command, and can be repeated at
any time. The last minute is left out (reconcile.settle in sluice.yaml).`,
		Example: `  starter crm reconcile --dry-run        # report only
  starter crm reconcile --since 30d
  starter crm reconcile schedule         # every hour, as sluice.yaml says`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			back, err := days(since)
			if err != nil {
				return usagef("--since: %w", err)
			}
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			return a.reconcile(cmd, workflows.ReconcileInput{
				Since: back, Settle: a.pipeline.Reconcile.Settle, Effects: true, DryRun: dryRun,
			}, asJSON)
		},
	}
	c.Flags().StringVar(&since, "since", "7d", "how far back to look")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "report, and start or write nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.AddCommand(reconcileScheduleCommand())
	return c
}

var errNoCRM = errors.New("no CRM is configured: set SLUICE_CRM=hubspot and SLUICE_HUBSPOT_TOKEN")

func (a *app) reconcile(cmd *cobra.Command, in workflows.ReconcileInput, asJSON bool) error {
	if a.cfg.CRM == "" {
		return errNoCRM
	}
	ctx, id := cmd.Context(), workflows.ReconcileID(a.cfg.CRM)
	run, err := a.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "asked for by hand",
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Priority:                                 temporal.Priority{PriorityKey: ingress.InBulk},
	}, workflows.Reconcile, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		if underWay := a.reconciled(ctx, id); underWay.DryRun != in.DryRun {
			return fmt.Errorf("%s is under way%s: wait for it, or cancel it in the Temporal UI", id, dryly(underWay.DryRun))
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is under way since before; this is what it comes to\n", id)
		run, err = a.temporal.GetWorkflow(ctx, id, ""), nil
	}
	if err != nil {
		return fmt.Errorf("start the comparison: %w", err)
	}
	status, err := a.followReconcile(ctx, cmd.ErrOrStderr(), run)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), status)
	}
	printReconciled(cmd.OutOrStdout(), status)
	return nil
}

func dryly(dry bool) string {
	if dry {
		return " as a dry run"
	}
	return ""
}

// reconciled is how far a comparison is; the zero value if nobody says.
func (a *app) reconciled(ctx context.Context, id string) (s workflows.ReconcileStatus) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if answer, err := a.temporal.QueryWorkflow(patient, id, "", workflows.StatusQuery); err == nil {
		_ = answer.Get(&s)
	}
	return s
}

// followReconcile waits for the end, and shows how far it is.
func (a *app) followReconcile(ctx context.Context, w io.Writer, run client.WorkflowRun) (workflows.ReconcileStatus, error) {
	var status workflows.ReconcileStatus
	done := make(chan error, 1)
	go func() { done <- run.Get(ctx, &status) }()
	bar := newBar(w, -1, "companies seen")
	defer func() { _ = bar.Finish() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if ctx.Err() != nil {
				return status, errors.New("no longer watched; the comparison goes on by itself: run this again to follow it")
			}
			if ended, ok := errors.AsType[*temporal.ApplicationError](err); ok {
				return status, fmt.Errorf("the comparison failed: %s", ended.Message())
			}
			return status, err
		case <-tick.C:
			s := a.reconciled(ctx, run.GetID()) // the bar is for people only
			if s.Effects == nil {
				_ = bar.Set(s.Companies.Seen)
				continue
			}
			bar.Describe("accounts compared, by their ids")
			bar.ChangeMax64(max(s.Effects.Last, 1))
			_ = bar.Set64(s.Effects.After)
		}
	}
}

// differenceWords says what a difference is and what became of it, in the order of
// interest.
var differenceWords = []struct {
	kind  activities.FindingKind
	words string
}{
	{activities.ValueLost, "had lost values that nobody else changed: written again"},
	{activities.NotWritten, "had a decision that never came into the CRM: written now"},
	{activities.Stuck, "attempts that never ended: looked for, and made up for where they had no effect"},
	{activities.Refused, "writes that the CRM refuses: see starter run list --failed"},
	{activities.ValueTheirs, "have values that somebody else wrote over ours: left as they are"},
	{activities.NoteGone, "notes that somebody deleted: left so"},
	{activities.TaskGone, "tasks that somebody deleted: left so"},
	{activities.CompanyGone, "companies that somebody deleted"},
	{activities.RecordMerged, "companies that somebody merged into another"},
}

func printReconciled(w io.Writer, s workflows.ReconcileStatus) {
	c, verb := s.Companies, "got one now"
	if s.DryRun {
		verb = "would get one"
	}
	fmt.Fprintf(w, "%s to %s\n", minute(s.From), minute(s.To))
	fmt.Fprintf(w, "%d companies were created in the CRM; %d had no run and %s\n", c.Seen, c.Started, verb)
	for i, key := range c.Missed {
		if i == shownRefusals {
			fmt.Fprintf(w, "  … and %d more\n", c.Started-i)
			break
		}
		fmt.Fprintf(w, "  %s\n", activities.CompanyRunID(key))
	}
	if c.UnderWay > 0 {
		fmt.Fprintf(w, "%d have got one meanwhile\n", c.UnderWay)
	}
	if c.Failed > 0 {
		fmt.Fprintf(w, "%d have a run that failed: see starter run list --failed\n", c.Failed)
	}
	if s.Effects != nil {
		printCompared(w, *s.Effects)
	}
	if s.DryRun {
		fmt.Fprintln(w, "A dry run: nothing was started or written.")
	}
}

func printCompared(w io.Writer, e workflows.Effects) {
	fmt.Fprintf(w, "%d accounts compared; the last decision of %d brought in again", e.Checked, e.Applied)
	if e.Failed > 0 {
		fmt.Fprintf(w, ", of %d refused by the CRM", e.Failed)
	}
	fmt.Fprintln(w)
	for _, d := range differenceWords {
		if n := e.Kinds[d.kind]; n > 0 {
			fmt.Fprintf(w, "  %d %s\n", n, d.words)
		}
	}
	if len(e.Findings) == 0 {
		return
	}
	t := newTable(w, "company", "what", "which", "mended")
	for i, f := range e.Findings {
		if i == shownFindings {
			fmt.Fprintln(w, "… and more; --json lists the first of them all")
			break
		}
		mended := ""
		if f.Repaired {
			mended = "yes"
		}
		t.AppendRow(table.Row{f.Record, strings.ReplaceAll(string(f.Kind), "_", " "), f.What, mended})
	}
	t.Render()
}

// shownFindings is how many differences are printed for people.
const shownFindings = 50

// reconcileSchedule is the schedule's id in Temporal.
const reconcileSchedule = "sluice-reconcile"

func reconcileScheduleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schedule",
		Short: "Make the schedule of the comparison, or bring it up to sluice.yaml",
		Long: `Make the Temporal schedule that compares the CRM with the record, or bring it up to what
the section reconcile of sluice.yaml says: every hour by default, for companies whose webhook
never came. Each one goes on where the last one ended. Whether it is paused stays as it is.`,
		Example: "  starter crm reconcile schedule",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			if a.cfg.CRM == "" {
				return errNoCRM
			}
			return a.keepSchedule(cmd.Context(), cmd.OutOrStdout(), hourly(a.cfg.CRM, a.pipeline.Reconcile))
		},
	}
}

// hourly skips one while the last one still runs: that one, or the next, sees what it
// would have seen.
func hourly(crm string, r config.Reconcile) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:   reconcileSchedule,
		Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: r.Every}}, Jitter: r.Every / 20},
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.ReconcileID(crm), Workflow: workflows.Reconcile, TaskQueue: workflows.TaskQueue, StaticSummary: "scheduled",
			Args: []any{workflows.ReconcileInput{Back: r.Since, Settle: r.Settle, Effects: r.Effects}},
		},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: r.Every,
		Note:          "every " + r.Every.String() + " " + map[bool]string{false: "(new companies)", true: "(new companies, and what was written)"}[r.Effects],
	}
}
