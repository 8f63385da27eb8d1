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
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
)

func showRunCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show the story of a run: where it is, what it did, why it failed",
		Long: `Show the story of a run, as the Temporal UI has it under "details", with the effects of its
account that are not done, and the runs before it. ID is a workflow id, a run id, or the
domain of a company, whose last run it shows. What Temporal has forgotten is shown from
the record.`,
		Example: "  starter run show acme.example\n  starter run show company/hubspot/8100/512 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			runs, err := a.named(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			stories := make([]story, len(runs))
			for i, r := range runs {
				if stories[i], err = a.story(cmd.Context(), r); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), stories)
			}
			for i, s := range stories {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				printStory(cmd.OutOrStdout(), s)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// story is a run with what it did.
type story struct {
	shownRun
	Details string       `json:"details,omitempty"` // Markdown, as the Temporal UI shows it
	Effects []openEffect `json:"effects,omitempty"` // of its account, that are not done
	Earlier []shownRun   `json:"earlier,omitempty"` // runs of the account
}

type openEffect struct {
	Kind    crm.EffectKind `json:"kind"`
	Key     string         `json:"key"`
	State   string         `json:"state"`
	TriedAt time.Time      `json:"tried_at"`
	Reason  string         `json:"reason,omitempty"`
}

// named returns the last run with a workflow id, the run with a run id, or the last run of
// each account with a domain.
func (a *app) named(ctx context.Context, id string) ([]shownRun, error) {
	if strings.ContainsAny(id, "'\\") {
		return nil, usagef("no run is called %q", id)
	}
	onRecord, err := a.store.RunsNamed(ctx, id)
	if err != nil {
		return nil, err
	}
	r, err := a.inTemporal(ctx, id, len(onRecord) > 0)
	switch {
	case err != nil:
		return nil, err
	case r != nil && len(onRecord) > 0:
		r.account = onRecord[0].Account
		return []shownRun{*r}, nil
	case r != nil:
		return []shownRun{*r}, nil
	case len(onRecord) > 0:
		return []shownRun{recorded(onRecord[0])}, nil
	}
	return a.ofDomain(ctx, id)
}

// inTemporal returns the run with a workflow id or a run id as Temporal has it, nil where
// it has none.
func (a *app) inTemporal(ctx context.Context, id string, known bool) (*shownRun, error) {
	var found []shownRun
	if last, err := a.temporal.DescribeWorkflowExecution(ctx, id, ""); err == nil {
		found = append(found, inTemporal(last.GetWorkflowExecutionInfo()))
	} else if goneIsFine(err) != nil {
		return nil, fmt.Errorf("describe %s: %w", id, err)
	} else if known || len(id) == 36 { // a run id
		if found, err = a.visible(ctx, `RunId = '`+id+`'`, 1); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	r := found[0]
	if r.Status != "running" && r.Status != waiting && r.Status != "completed" {
		a.explainFailure(ctx, &r)
	}
	return &r, nil
}

func (a *app) ofDomain(ctx context.Context, text string) ([]shownRun, error) {
	unknown := fmt.Errorf("no run is called %s, on record or in Temporal; give a workflow id, a run id or a domain, or see: starter run list", text)
	domain, err := account.NormalizeDomain(text)
	if err != nil {
		return nil, unknown
	}
	accounts, err := a.store.AccountsByDomain(ctx, domain)
	if err != nil {
		return nil, err
	}
	var runs []shownRun
	for _, acc := range accounts {
		all, err := a.store.RunsOf(ctx, acc.ID)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			continue
		}
		r := recorded(all[0])
		switch inT, err := a.inTemporal(ctx, r.WorkflowID, false); {
		case err != nil:
			return nil, err
		case inT != nil:
			inT.account = acc
			r = *inT
		}
		runs = append(runs, r)
	}
	if len(runs) == 0 {
		return nil, unknown
	}
	return runs, nil
}

// story adds to a run what it did. Its details are told by a worker; without one the rest
// must do.
func (a *app) story(ctx context.Context, r shownRun) (story, error) {
	s := story{shownRun: r, Details: a.details(ctx, r)}
	if r.account.ID == 0 {
		return s, nil
	}
	s.Domain = r.account.Domain
	effects, err := a.store.Effects(ctx, r.account.ID)
	if err != nil {
		return s, err
	}
	for _, e := range effects {
		if e.State != "done" {
			s.Effects = append(s.Effects, openEffect{Kind: e.Kind, Key: e.Key, State: e.State, TriedAt: e.TriedAt, Reason: e.Reason})
		}
	}
	all, err := a.store.RunsOf(ctx, r.account.ID)
	for _, before := range all {
		if before.RunID != r.RunID {
			s.Earlier = append(s.Earlier, recorded(before))
		}
	}
	return s, err
}

// metadataQuery is the SDK's own, which the Temporal UI asks for a run's details.
const metadataQuery = "__temporal_workflow_metadata"

func (a *app) details(ctx context.Context, r shownRun) string {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := a.temporal.QueryWorkflow(patient, r.WorkflowID, r.RunID, metadataQuery)
	var metadata sdk.WorkflowMetadata
	if err != nil || answer.Get(&metadata) != nil {
		return ""
	}
	return metadata.GetCurrentDetails()
}

// reasonOf is why a run failed, without the SDK's own words.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e.Message()
	}
	return err.Error()
}

func printStory(w io.Writer, s story) {
	fmt.Fprintf(w, "%s (%s)\n%s", s.WorkflowID, s.Kind, s.Status)
	if s.Stage != "" {
		fmt.Fprintf(w, ", stage: %s", s.Stage)
	}
	fmt.Fprintf(w, ", since %s", minute(s.StartedAt))
	if !s.EndedAt.IsZero() {
		fmt.Fprintf(w, ", ended %s", minute(s.EndedAt))
	}
	fmt.Fprintf(w, "\nrun %s\n", s.RunID)
	for _, line := range [][2]string{{"why", s.Reason}, {"cure", s.Cure}} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s: %s\n", line[0], line[1])
		}
	}
	if s.Details != "" {
		fmt.Fprintf(w, "\n%s\n", s.Details)
	} else {
		fmt.Fprintln(w, "\nNo worker tells its details; what is on record: starter company explain")
	}
	if len(s.Effects) > 0 {
		fmt.Fprintln(w, "\nEffects that are not done")
		t := newTable(w, "effect", "state", "tried", "why")
		for _, e := range s.Effects {
			t.AppendRow(table.Row{e.Kind, e.State, minute(e.TriedAt), e.Reason})
		}
		t.Render()
	}
	if len(s.Earlier) > 0 {
		fmt.Fprintln(w, "\nOther runs of the account")
		t := newTable(w, "began", "status", "run", "why")
		for _, r := range s.Earlier {
			t.AppendRow(table.Row{minute(r.StartedAt), r.Status, r.WorkflowID, r.Reason})
		}
		t.Render()
	}
}
