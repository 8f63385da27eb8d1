package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

func redriveCommand() *cobra.Command {
	var p runPick
	var dryRun, asJSON bool
	c := &cobra.Command{
		Use:   "redrive [ID…]",
		Short: "Start failed runs again, and have waiting ones try now",
		Long: `Start runs that failed again, under the same workflow id and at low priority: new companies
go first. Answers that were paid for are on record and not bought again; what is in the CRM
is found there and not written again. Give workflow ids, run ids or domains, or --failed
for all that failed, or --waiting for all that wait for a provider: these try now.

Runs that somebody terminated or cancelled are started again only by their id. It is safe to
repeat: a run that is under way, or through by now, is left alone.`,
		Example: `  starter run redrive acme.example
  starter run redrive --failed --stage crm --since 1d --dry-run
  starter run redrive --failed --stage crm --since 1d
  starter run redrive --waiting --stage apollo`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) > 0) == (p.failed || p.waiting) {
				return usagef("run redrive: give ids, or --failed or --waiting; see starter run redrive --help")
			}
			if _, err := p.from(); err != nil {
				return err
			}
			a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			runs, err := a.meant(cmd.Context(), args, p)
			if err != nil {
				return err
			}
			if len(args) == 0 && len(runs) >= p.limit {
				fmt.Fprintf(cmd.ErrOrStderr(), "These are the latest %d: run it again for the others, or give --limit\n", p.limit)
			}
			return a.redriveAll(cmd, runs, dryRun, asJSON)
		},
	}
	p.flags(c)
	c.Flags().BoolVar(&p.failed, "failed", false, "all runs that failed")
	c.Flags().BoolVar(&p.waiting, "waiting", false, "all runs that wait for a provider: they try now")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be done, and start nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// meant returns the runs that are to be redriven.
func (a *app) meant(ctx context.Context, ids []string, p runPick) ([]shownRun, error) {
	if len(ids) == 0 {
		runs, err := a.picked(ctx, p)
		return slices.DeleteFunc(runs, func(r shownRun) bool { return r.Status == terminated || r.Status == canceled }), err
	}
	var all []shownRun
	for _, id := range ids {
		runs, err := a.named(ctx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
	}
	return all, nil
}

// redriven is what became of a run that was to be redriven.
type redriven struct {
	WorkflowID string `json:"workflow_id"`
	Kind       string `json:"kind"`
	Domain     string `json:"domain,omitempty"`
	Was        string `json:"was"` // why it failed, or what it waited for
	// Outcome is started, nudged, left (under way, or not to be redriven) or failed; in a
	// dry run what it would be.
	Outcome string `json:"outcome"`
	Note    string `json:"note,omitempty"`
	RunID   string `json:"run_id,omitempty"` // of the new run
}

// The outcomes.
const (
	startedAgain  = "started"
	nudged        = "nudged"
	leftAlone     = "left"
	failedToStart = "failed"
)

func (a *app) redriveAll(cmd *cobra.Command, runs []shownRun, dryRun, asJSON bool) error {
	all := make([]redriven, len(runs))
	bar := newBar(cmd.ErrOrStderr(), len(runs), "runs")
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(cmd.Context())
	g.SetLimit(atOnce)
	for i, r := range runs {
		g.Go(func() error {
			done := a.redrive(ctx, r, dryRun)
			done.WorkflowID, done.Kind, done.Domain, done.Was = r.WorkflowID, r.Kind, r.Domain, r.Reason
			if r.Waits != "" {
				done.Was = workflows.Waiting + r.Waits
			}
			all[i] = done
			mu.Lock()
			defer mu.Unlock()
			_ = bar.Add(1) // for people only
			return ctx.Err()
		})
	}
	err := g.Wait()
	_ = bar.Finish()
	if err != nil {
		return fmt.Errorf("stopped half-way; run it again, what is started is left alone: %w", err)
	}
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), all)
	} else {
		printRedriven(cmd.OutOrStdout(), all, dryRun)
	}
	if err == nil && slices.ContainsFunc(all, func(d redriven) bool { return d.Outcome == failedToStart }) {
		return errReported
	}
	return err
}

// redrive starts one run again, or has it try now.
func (a *app) redrive(ctx context.Context, r shownRun, dryRun bool) redriven {
	how, note := r.redrivable()
	if how == leftAlone || dryRun {
		return redriven{Outcome: how, Note: note}
	}
	var run ingress.Run
	var err error
	switch {
	case how == nudged:
		err = a.temporal.SignalWorkflow(ctx, r.WorkflowID, r.RunID, workflows.CompanyChanged, workflows.Change{Event: "nudge/" + time.Now().UTC().Format(time.RFC3339Nano)})
		run = ingress.Run{WorkflowID: r.WorkflowID, RunID: r.RunID, Started: true}
	case r.Kind == responseRun:
		run, err = a.answerAgain(ctx, r)
	case r.Kind == overrideRun:
		run, err = a.resumeOverride(ctx, r)
	default:
		run, err = a.startAgain(ctx, r)
	}
	switch {
	case err != nil:
		return redriven{Outcome: failedToStart, Note: err.Error()}
	case !run.Started:
		return redriven{Outcome: leftAlone, Note: "it is under way, or through by now", RunID: run.RunID}
	}
	return redriven{Outcome: how, Note: note, RunID: run.RunID}
}

// redrivable says what redriving the run would be.
func (r shownRun) redrivable() (how, note string) {
	known := r.Kind == companyRun || r.Kind == responseRun || r.Kind == overrideRun
	switch {
	case r.Status == waiting && r.Kind == companyRun && strings.HasSuffix(r.Waits, " circuit"):
		return nudged, ""
	case r.Status == waiting, r.Status == stuck:
		return leftAlone, r.cure()
	case r.Status == workflows.Running:
		return leftAlone, "it is under way"
	case r.Status == workflows.Completed, r.Status == workflows.Refused:
		return leftAlone, "it did not fail; to have the company looked at again: starter company refresh"
	case !known:
		return leftAlone, r.cure()
	case r.Kind == responseRun:
		return startedAgain, "a sweep of the account, which answers its news"
	}
	return startedAgain, ""
}

// startAgain starts the run of a company again, as it was started first. An account that
// has got a record in the CRM since is run under that.
func (a *app) startAgain(ctx context.Context, r shownRun) (ingress.Run, error) {
	c := ingress.Company{Key: r.account.Key, Domain: r.account.Domain, Name: r.account.Name, Priority: ingress.InBulk}
	var in workflows.CompanyOnboardingInput
	switch err := a.input(ctx, r, &in); {
	case err == nil:
		c.ImportID = in.ImportID // whose budget it spends
		if c.Key.IsZero() {
			c.Key, c.Domain, c.Name = in.Key, in.Domain, in.Name
		}
	case r.account.ID == 0:
		named, ok := companyIn(r.WorkflowID)
		if !ok {
			return ingress.Run{}, fmt.Errorf("what it was started with is neither on record nor in Temporal any more: %w", err)
		}
		c.Key, c.Domain = named.Key, named.Domain
	}
	return a.onboarder().Start(ctx, c)
}

// companyIn reads the company out of the workflow id of its run: company/hubspot/8100/512
// or company/domain/acme.example.
func companyIn(workflowID string) (c ingress.Company, ok bool) {
	switch parts := strings.Split(workflowID, "/"); {
	case len(parts) == 4 && parts[0] == "company":
		c.Key = account.Key{CRM: parts[1], Portal: parts[2], ID: parts[3]}
		return c, account.CheckKey(c.Key) == nil
	case len(parts) == 3 && parts[0] == "company" && parts[1] == "domain":
		c.Domain = parts[2]
		return c, true
	}
	return c, false
}

var errNoInput = errors.New("its history does not say")

// input reads from Temporal what a run was started with.
func (a *app) input(ctx context.Context, r shownRun, in any) error {
	history := a.temporal.GetWorkflowHistory(ctx, r.WorkflowID, r.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if !history.HasNext() {
		return errNoInput
	}
	first, err := history.Next()
	if err != nil {
		return err
	}
	return a.payloads.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), in)
}

// accountOf returns the number that ends the workflow id of an account's run.
func accountOf(r shownRun) (id int64, ok bool) {
	id, err := strconv.ParseInt(r.WorkflowID[strings.LastIndex(r.WorkflowID, "/")+1:], 10, 64)
	return id, err == nil
}

// accountOn returns the account that a run is of, from the record.
func (a *app) accountOn(ctx context.Context, r shownRun) (account.Account, error) {
	id, ok := accountOf(r)
	if !ok {
		return account.Account{}, fmt.Errorf("%s names no account", r.WorkflowID)
	}
	return a.store.Account(ctx, id)
}

// answerAgain sweeps the account of a response that failed: news that is not answered is
// answered then, and who hears of it in a digest gets one.
func (a *app) answerAgain(ctx context.Context, r shownRun) (ingress.Run, error) {
	acc, err := a.accountOn(ctx, r)
	if err != nil {
		return ingress.Run{}, err
	}
	if acc.Domain == "" {
		return ingress.Run{}, errors.New("its account has no domain to be swept by; the next sweep answers it")
	}
	opts := client.StartWorkflowOptions{
		ID: workflows.SweepID + "/redrive/" + strconv.FormatInt(acc.ID, 10), TaskQueue: workflows.TaskQueue, StaticSummary: acc.Domain,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
	return a.startOnce(ctx, opts, workflows.SignalSweep, workflows.SweepInput{Account: acc.Domain})
}

// resumeOverride has the override looked after again that holds. Where none does any
// more, its run may have failed before the account was the model's again: then the
// company is looked at again.
func (a *app) resumeOverride(ctx context.Context, r shownRun) (ingress.Run, error) {
	acc, err := a.accountOn(ctx, r)
	if err != nil {
		return ingress.Run{}, err
	}
	all, err := a.store.Overrides(ctx, acc.ID)
	if err != nil {
		return ingress.Run{}, err
	}
	i := slices.IndexFunc(all, func(o store.Override) bool { return o.State == store.ActiveOverride })
	if i < 0 {
		c := ingress.Company{Key: acc.Key, Domain: acc.Domain, Name: acc.Name, Priority: ingress.InBulk}
		return a.onboarder().Refresh(ctx, c, "redrive/"+r.RunID)
	}
	var in workflows.AccountOverrideInput
	if err := a.input(ctx, r, &in); err != nil {
		in = workflows.AccountOverrideInput{AccountID: acc.ID, Domain: acc.Domain}
	}
	in.Began = &workflows.Override{ID: all[i].ID, Override: all[i].Override}
	opts := client.StartWorkflowOptions{
		ID: r.WorkflowID, TaskQueue: workflows.TaskQueue, StaticSummary: acc.Domain,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}
	return a.startOnce(ctx, opts, workflows.AccountOverride, in)
}

// startOnce starts a workflow at low priority, unless it is there.
func (a *app) startOnce(ctx context.Context, opts client.StartWorkflowOptions, workflow, in any) (ingress.Run, error) {
	opts.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL
	opts.WorkflowExecutionErrorWhenAlreadyStarted = true
	opts.Priority = temporal.Priority{PriorityKey: ingress.InBulk}
	run, err := a.temporal.ExecuteWorkflow(ctx, opts, workflow, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return ingress.Run{WorkflowID: opts.ID}, nil
	}
	if err != nil {
		return ingress.Run{}, fmt.Errorf("start %s: %w", opts.ID, err)
	}
	return ingress.Run{WorkflowID: opts.ID, RunID: run.GetRunID(), Started: true}, nil
}

func printRedriven(w io.Writer, all []redriven, dryRun bool) {
	if len(all) == 0 {
		fmt.Fprintln(w, "Nothing to redrive.")
		return
	}
	counts := map[string]int{}
	t := newTable(w, "run", "domain", "was", "outcome", "note")
	for _, d := range all {
		counts[d.Outcome]++
		t.AppendRow(table.Row{d.WorkflowID, d.Domain, d.Was, d.Outcome, d.Note})
	}
	t.Render()
	fmt.Fprintf(w, "%d started, %d nudged, %d left, %d failed", counts[startedAgain], counts[nudged], counts[leftAlone], counts[failedToStart])
	if dryRun {
		fmt.Fprint(w, ": a dry run, nothing was done")
	}
	fmt.Fprintln(w, "\nFollow them with: starter run list --running")
}
