package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/workflows"
)

func undoRunCommand() *cobra.Command {
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "undo RUN_ID",
		Short: "Take back what a run wrote to the CRM, where nobody has touched it since",
		Long: `Take back what a run wrote to the CRM: properties, of companies and contacts, and the owner get
the values that they had before it, and the notes and tasks that it made are archived. What a
person or a later run has changed since stays as it is, and is listed with the reason. Scores,
facts and what was paid for stay on record.

It runs as the workflow undo/RUN_ID, goes on without this command, and can be repeated. The
run must have ended. The next decision on the account writes again: override the account, or
mend the model or the data, before that. A release is taken back with starter icp rollback.
The undo is a run of its own, and can be undone by its own run id.`,
		Example: `  starter run undo 0199b2c4-7d1e-7f60-b1a5-0d2f6c1e9a77 --dry-run
  starter run undo 0199b2c4-7d1e-7f60-b1a5-0d2f6c1e9a77`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			if a.cfg.CRM == "" {
				return errNoCRM
			}
			status, err := a.undo(cmd.Context(), args[0], dryRun)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), status)
			}
			printUndone(cmd.OutOrStdout(), status)
			return nil
		},
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be taken back and what not, and write nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// undo starts the undo, or follows the one that is under way.
func (a *app) undo(ctx context.Context, runID string, dryRun bool) (s workflows.UndoStatus, err error) {
	domain := ""
	if runs, err := a.named(ctx, runID); err == nil { // the journal may know one that nobody else does any more
		for _, r := range runs {
			switch {
			case r.RunID != runID:
				return s, usagef("run undo: %q is no run id; starter run show %s tells it", runID, runID)
			case r.Status == workflows.Running || r.Status == waiting || r.Status == stuck:
				return s, fmt.Errorf("%s is under way, and would write again: wait for its end, or cancel it in the Temporal UI", r.WorkflowID)
			}
			domain = r.Domain
		}
	}
	id := workflows.UndoID(runID)
	if dryRun {
		id += "/dry-run"
	}
	run, err := a.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: domain,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes:    workflows.ByHandAttributes(domain),
		Priority:                 temporal.Priority{PriorityKey: ingress.AskedFor},
	}, workflows.UndoRun, workflows.UndoRunInput{RunID: runID, DryRun: dryRun})
	if err != nil {
		return s, fmt.Errorf("start the undo: %w", err)
	}
	err = run.Get(ctx, &s)
	switch {
	case ctx.Err() != nil:
		return s, fmt.Errorf("no longer watched; %s goes on by itself: run this again to follow it", id)
	case err != nil:
		return s, fmt.Errorf("%s: %s", id, reasonOf(err))
	}
	return s, nil
}

func printUndone(w io.Writer, s workflows.UndoStatus) {
	t := newTable(w, "record", "property", "outcome", "why")
	for _, u := range s.Writes {
		t.AppendRow(table.Row{u.Object + " " + u.RecordID, u.Property, u.Outcome, u.Why})
	}
	t.Render()
	if s.More > 0 {
		fmt.Fprintf(w, "… and %d more\n", s.More)
	}
	fmt.Fprintf(w, "%d values restored, %d notes and tasks archived, %d left", s.Counts[activities.Restored], s.Counts[activities.Archived], s.Counts[activities.Left])
	if s.DryRun {
		fmt.Fprint(w, ": a dry run, nothing was written")
	}
	fmt.Fprintln(w)
}
