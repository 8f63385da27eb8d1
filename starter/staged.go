package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/strictyaml"
	"github.com/sluicehq/sluice/workflows"
)

func stagedCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "staged",
		Short: "See, approve and reject values that wait before they are written to the CRM",
		Long: `Properties with the policy approve (crm.write in sluice.yaml) are not written before somebody
has approved the value. A newer decision on the account takes the place of a value that waits.`,
		Example: `  starter crm staged list
  starter crm staged approve 41 42 --by dana@ours.example
  starter crm staged reject 43 --by dana@ours.example`,
	}
	c.AddCommand(listStagedCommand(), answerCommand(true), answerCommand(false))
	return c
}

// waitingValue is a staged value as commands show it.
type waitingValue struct {
	store.Staged
	Domain string `json:"domain"`
	Record string `json:"record"`
}

func shownStaged(all []store.Staged) []waitingValue {
	out := make([]waitingValue, len(all))
	for i, v := range all {
		out[i] = waitingValue{Staged: v, Domain: v.Account.Domain, Record: v.Account.Key.String()}
	}
	return out
}

func listStagedCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the values that wait for approval, the oldest first",
		Example: "  starter crm staged list\n  starter crm staged list --json | jq '.[].id'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			all, err := a.store.StagedValues(cmd.Context(), 0)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), shownStaged(all))
			}
			printStaged(cmd.OutOrStdout(), all, "Nothing waits for approval.")
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printStaged(w io.Writer, all []store.Staged, none string) {
	if len(all) == 0 {
		fmt.Fprintln(w, none)
		return
	}
	t := newTable(w, "id", "since", "account", "property", "in the crm", "waits", "state")
	for _, v := range all {
		t.AppendRow(table.Row{
			v.ID, minute(v.StagedAt), v.Account.Domain, v.Property, strictyaml.Clip(v.Before, shownValue), strictyaml.Clip(v.Value, shownValue), v.State,
		})
	}
	t.Render()
}

func answerCommand(yes bool) *cobra.Command {
	var by string
	var all, wait, asJSON bool
	c := &cobra.Command{
		Use:   "reject ID…",
		Short: "Reject values: they are not written, until a decision comes to another one",
		Long: `Reject values that wait for approval. What the CRM has stays. The same value is not asked
for again; another one, of a later decision, is.`,
		Example: "  starter crm staged reject 43 --by dana@ours.example",
	}
	if yes {
		c.Use, c.Short = "approve ID…", "Approve values: they are written to the CRM"
		c.Long = `Approve values that wait. For each account the workflow approved/ACCOUNT/ID writes them, as the
account's own run would: never over a person's value, and only while they are what the last
decision came to. A value that was approved and is not written yet may be approved again.`
		c.Example = "  starter crm staged approve 41 42 --by dana@ours.example --wait\n  starter crm staged approve --all --by dana@ours.example"
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case (len(args) > 0) == all:
			return usagef("crm staged: give ids, or --all; see starter crm staged list")
		case strings.TrimSpace(by) == "":
			return usagef("crm staged: give --by: who decides this")
		}
		ids := make([]int64, len(args))
		for i, arg := range args {
			id, err := strconv.ParseInt(arg, 10, 64)
			if err != nil || id <= 0 {
				return usagef("crm staged: %q is no id; see starter crm staged list", arg)
			}
			ids[i] = id
		}
		a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
		if err != nil {
			return err
		}
		defer a.close()
		if all {
			if ids, err = a.allStaged(cmd.Context(), yes); err != nil {
				return err
			}
		}
		answered, err := a.answer(cmd.Context(), ids, yes, by, wait)
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(cmd.OutOrStdout(), shownStaged(answered))
		}
		printStaged(cmd.OutOrStdout(), answered, "Nothing waits for approval.")
		return nil
	}
	c.Flags().StringVar(&by, "by", "", "who decides this")
	c.Flags().BoolVar(&all, "all", false, "all values that wait")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	if yes {
		c.Flags().BoolVar(&wait, "wait", false, "wait until they are written")
	}
	return c
}

func (a *app) allStaged(ctx context.Context, yes bool) ([]int64, error) {
	values, err := a.store.StagedValues(ctx, 0)
	var ids []int64
	for _, v := range values {
		if yes || v.State == store.StagedWaiting {
			ids = append(ids, v.ID)
		}
	}
	return ids, err
}

// answer records what somebody says, and has what was approved written.
func (a *app) answer(ctx context.Context, ids []int64, yes bool, by string, wait bool) ([]store.Staged, error) {
	answered, err := a.store.AnswerStaged(ctx, ids, yes, by)
	if err != nil || !yes {
		return answered, err
	}
	last := map[int64]store.Staged{} // of each account
	for _, v := range answered {
		last[v.Account.ID] = v
	}
	var runs []client.WorkflowRun
	for _, v := range answered {
		if last[v.Account.ID].ID != v.ID {
			continue
		}
		run, err := a.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: workflows.ApprovedID(v.Account.ID, v.ID), TaskQueue: workflows.TaskQueue, StaticSummary: v.Account.Domain,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			TypedSearchAttributes:    workflows.ByHandAttributes(v.Account.Domain),
			Priority:                 temporal.Priority{PriorityKey: ingress.AskedFor},
		}, workflows.WriteApproved, workflows.WriteApprovedInput{AccountID: v.Account.ID, Key: v.Account.Key})
		if err != nil {
			return nil, fmt.Errorf("the values are approved, and the next run of each account writes them; to have them written now, approve them again: %w", err)
		}
		runs = append(runs, run)
	}
	for _, run := range runs {
		if !wait {
			break
		}
		if err := run.Get(ctx, nil); err != nil {
			return nil, fmt.Errorf("%s: %s", run.GetID(), reasonOf(err))
		}
	}
	return answered, nil
}
