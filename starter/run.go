package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

func runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "See which runs failed or wait, start failed ones again, take back what one wrote",
		Example: `  starter run list --failed --since 1d
  starter run show acme.example
  starter run redrive --failed --stage crm --since 1d
  starter run undo 0199b2c4-7d1e-7f60-b1a5-0d2f6c1e9a77 --dry-run`,
	}
	c.AddCommand(listRunsCommand(), showRunCommand(), redriveCommand(), undoRunCommand())
	return c
}

// shownRun is a run as commands show it: from Temporal, from the record, or from both.
type shownRun struct {
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Kind       string    `json:"kind"`   // CompanyOnboarding, SignalResponse, …
	Status     string    `json:"status"` // failed, stuck, waiting, running, timed out, terminated, canceled, completed, refused
	Stage      string    `json:"stage,omitempty"`
	Waits      string    `json:"waits,omitempty"`  // for what
	Reason     string    `json:"reason,omitempty"` // why it failed
	Cure       string    `json:"cure,omitempty"`   // what to do about it
	Domain     string    `json:"domain,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at,omitzero"`

	account account.Account // as far as it is on record
}

// What can be said of a run beside the words of package workflows.
const (
	waiting    = "waiting"
	timedOut   = "timed out"
	terminated = "terminated"
	canceled   = "canceled"
	stuck      = "stuck" // in our own code
)

// The kinds of runs that redrive knows how to start again.
const (
	companyRun  = "CompanyOnboarding"
	responseRun = "SignalResponse"
	overrideRun = "AccountOverride"
)

// runPick says which runs are meant.
type runPick struct {
	failed, waiting, running bool
	stage, since             string
	limit                    int
}

func (p *runPick) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.stage, "stage", "", "only runs at this `stage`: identify, enrich, effects, contacts; crm for whatever failed in the CRM")
	c.Flags().StringVar(&p.since, "since", "", "only runs that failed, or else began, since then, such as 1d (default: failed ones of 7d)")
	c.Flags().IntVar(&p.limit, "limit", 1000, "no more than this many of each")
}

// aWeek is how far back failed runs are looked for.
const aWeek = 7 * 24 * time.Hour

// from is the time that the runs are of; zero for all.
func (p runPick) from() (time.Time, error) {
	if p.since == "" {
		return time.Time{}, nil
	}
	back, err := days(p.since)
	if err != nil {
		return time.Time{}, usagef("--since: %w", err)
	}
	return time.Now().Add(-back), nil
}

func listRunsCommand() *cobra.Command {
	var p runPick
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the runs that failed or wait, why, and what cures it",
		Long: `List runs, on record and in Temporal: those that failed and that nothing made up for since,
with their reason and what cures it, and those that wait, and for what. A run that was
redriven, or whose company had a later run, is not listed any more.`,
		Example: `  starter run list                     # what failed in the last week, and what waits now
  starter run list --failed --stage crm --since 1d
  starter run list --waiting --json | jq '.[].waits'
  starter run list --running --limit 20`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !p.failed && !p.running && !p.waiting {
				p.failed, p.waiting = true, true
			}
			if _, err := p.from(); err != nil {
				return err
			}
			a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			runs, err := a.picked(cmd.Context(), p)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), append([]shownRun{}, runs...))
			}
			printRuns(cmd.OutOrStdout(), runs)
			return nil
		},
	}
	p.flags(c)
	c.Flags().BoolVar(&p.failed, "failed", false, "runs that failed")
	c.Flags().BoolVar(&p.waiting, "waiting", false, "runs that have done what they can for now, and wait")
	c.Flags().BoolVar(&p.running, "running", false, "runs under way")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// picked returns the runs that are meant, the latest first within each kind of trouble.
func (a *app) picked(ctx context.Context, p runPick) ([]shownRun, error) {
	since, err := p.from()
	if err != nil {
		return nil, err
	}
	var all []shownRun
	if p.failed {
		failed, err := a.failedRuns(ctx, cmp.Or(since, time.Now().Add(-aWeek)), p.limit)
		if err != nil {
			return nil, err
		}
		all = append(all, failed...)
		stuck, err := a.stuckRuns(ctx, p.limit)
		if err != nil {
			return nil, err
		}
		all = append(all, stuck...)
	}
	for _, of := range []struct {
		wanted bool
		query  string
	}{
		{p.waiting, `ExecutionStatus = 'Running' AND SluiceStage STARTS_WITH '` + workflows.Waiting + `'`},
		{p.running, `ExecutionStatus = 'Running'`},
	} {
		if !of.wanted {
			continue
		}
		if !since.IsZero() {
			of.query += ` AND StartTime >= '` + since.UTC().Format(time.RFC3339) + `'`
		}
		running, err := a.visible(ctx, of.query, p.limit)
		if err != nil {
			return nil, err
		}
		all = append(all, running...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(r shownRun) bool {
		twice := seen[r.RunID]
		seen[r.RunID] = true
		return twice || !r.at(p.stage)
	}), nil
}

// inCRM are the stages that are calls of the CRM.
var inCRM = []string{"identify", "effects", "contacts"}

// at reports whether the run is, or failed, at the stage; "" is any.
func (r shownRun) at(stage string) bool {
	switch stage {
	case "", r.Stage:
		return true
	case "crm":
		return slices.Contains(inCRM, r.Stage) || strings.HasPrefix(r.Reason, "hubspot:") || r.Waits == workflows.CRMAway || strings.HasPrefix(r.Waits, "crm ")
	default:
		return r.Waits != "" && strings.HasPrefix(r.Waits, stage+" ")
	}
}

// failedRuns returns the runs that failed since then and that nothing made up for.
func (a *app) failedRuns(ctx context.Context, since time.Time, limit int) ([]shownRun, error) {
	onRecord, err := a.store.FailedRuns(ctx, since, limit)
	if err != nil {
		return nil, err
	}
	runs := make([]shownRun, len(onRecord))
	known := map[string]bool{}
	for i, r := range onRecord {
		runs[i] = recorded(r)
		known[r.RunID] = true
	}
	// What ended without a word of its own is only in Temporal, and so is all that is not
	// of companies.
	query := `ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled') AND CloseTime >= '` + since.UTC().Format(time.RFC3339) + `'`
	closed, err := a.visible(ctx, query, limit)
	if err != nil {
		return nil, err
	}
	closed = slices.DeleteFunc(closed, func(r shownRun) bool { return known[r.RunID] })
	open := make([]bool, len(closed))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range closed {
		g.Go(func() (err error) {
			open[i], err = a.standsOpen(gctx, &closed[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, r := range closed {
		if open[i] {
			runs = append(runs, r)
		}
	}
	slices.SortStableFunc(runs, func(x, y shownRun) int { return y.EndedAt.Compare(x.EndedAt) })
	return runs, nil
}

// stuckRuns returns the runs that are under way and that no worker gets any further with.
func (a *app) stuckRuns(ctx context.Context, limit int) ([]shownRun, error) {
	runs, err := a.visible(ctx, `ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL`, limit)
	if _, unknown := errors.AsType[*serviceerror.InvalidArgument](err); unknown { // to an older server
		return nil, nil
	}
	for i := range runs {
		runs[i].Status, runs[i].Waits = stuck, ""
		runs[i].Cure = runs[i].cure()
	}
	return runs, err
}

// atOnce is how many calls of Temporal are under way together.
const atOnce = 8

// standsOpen reports whether nothing made up for a run that ended badly, and finds out why
// it did.
func (a *app) standsOpen(ctx context.Context, r *shownRun) (bool, error) {
	onRecord, err := a.store.RunsNamed(ctx, r.RunID)
	if err != nil {
		return false, err
	}
	for _, rec := range onRecord {
		if r.account = rec.Account; rec.Status == workflows.Failed { // then the record knows whether it stands open
			return false, nil
		}
	}
	if r.account.ID != 0 { // another run of the company, under another id
		all, err := a.store.RunsOf(ctx, r.account.ID)
		if err != nil || len(all) > 0 && all[0].StartedAt.After(r.EndedAt) {
			return false, err
		}
	}
	last, err := a.temporal.DescribeWorkflowExecution(ctx, r.WorkflowID, "")
	if err != nil {
		return false, goneIsFine(err)
	}
	if last.GetWorkflowExecutionInfo().GetExecution().GetRunId() != r.RunID {
		return false, nil
	}
	if open, err := a.leftUndone(ctx, r); err != nil || !open {
		return false, err
	}
	a.explainFailure(ctx, r)
	return true, nil
}

// leftUndone reports whether what a run of an account was to do is still to be done: the
// next sweep, or another run of the company, may have done it.
func (a *app) leftUndone(ctx context.Context, r *shownRun) (bool, error) {
	if r.Kind != responseRun && r.Kind != overrideRun {
		return true, nil
	}
	id, ok := accountOf(*r)
	if !ok {
		return true, nil
	}
	var err error
	r.account, err = a.store.Account(ctx, id)
	if errors.Is(err, account.ErrNotFound) { // it was erased
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.Domain = r.account.Domain
	if r.Kind == responseRun {
		news, err := a.store.Signals(ctx, id)
		return slices.ContainsFunc(news, func(g store.Signal) bool { return g.AnsweredAt.IsZero() }), err
	}
	all, err := a.store.Overrides(ctx, id)
	if err != nil || slices.ContainsFunc(all, func(o store.Override) bool { return o.State == store.ActiveOverride }) {
		return true, err
	}
	score, err := a.store.LatestScore(ctx, id)
	if errors.Is(err, account.ErrNotFound) {
		return false, nil
	}
	return score.Override != nil, err // not the model's again
}

func goneIsFine(err error) error {
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return nil
	}
	return err
}

// explainFailure reads from Temporal why a run failed.
func (a *app) explainFailure(ctx context.Context, r *shownRun) {
	if r.Status == workflows.Failed {
		patient, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := a.temporal.GetWorkflow(patient, r.WorkflowID, r.RunID).Get(patient, nil); err != nil {
			r.Reason = reasonOf(err)
		}
	}
	r.Cure = r.cure()
}

// visible returns the runs that Temporal lists for a query, at most limit of them.
func (a *app) visible(ctx context.Context, query string, limit int) ([]shownRun, error) {
	var runs []shownRun
	var next []byte
	for len(runs) < limit {
		page, err := a.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(limit-len(runs), 500)), NextPageToken: next,
		})
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		for _, e := range page.GetExecutions() {
			runs = append(runs, inTemporal(e))
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			break
		}
	}
	return runs, nil
}

var statuses = map[enumspb.WorkflowExecutionStatus]string{
	enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING: workflows.Running, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED: workflows.Completed,
	enumspb.WORKFLOW_EXECUTION_STATUS_FAILED: workflows.Failed, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT: timedOut,
	enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED: terminated, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED: canceled,
	enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW: workflows.Running,
}

// inTemporal is a run as Temporal's list has it.
func inTemporal(e *workflowpb.WorkflowExecutionInfo) shownRun {
	fields := e.GetSearchAttributes().GetIndexedFields()
	r := shownRun{
		WorkflowID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId(), Kind: e.GetType().GetName(),
		Status: statuses[e.GetStatus()], Stage: word(fields[workflows.StageAttribute.GetName()]),
		Domain: word(fields[workflows.DomainAttribute.GetName()]), StartedAt: e.GetStartTime().AsTime(),
	}
	if e.GetCloseTime() != nil {
		r.EndedAt = e.GetCloseTime().AsTime()
	}
	if waits, ok := strings.CutPrefix(r.Stage, workflows.Waiting); ok && r.Status == workflows.Running {
		r.Status, r.Waits = waiting, waits
		r.Cure = r.cure()
	}
	return r
}

// word reads a search attribute that holds one.
func word(p *commonpb.Payload) (s string) {
	if p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &s) // what cannot be read is not shown
	}
	return s
}

// recorded is a run as it is on record.
func recorded(r store.AccountRun) shownRun {
	out := shownRun{
		WorkflowID: r.WorkflowID, RunID: r.RunID, Kind: companyRun, Status: r.Status, Stage: r.Stage, Reason: r.Reason,
		Domain: r.Account.Domain, StartedAt: r.StartedAt, EndedAt: r.EndedAt, account: r.Account,
	}
	if r.Status == workflows.Failed {
		out.Cure = out.cure()
	}
	return out
}

// cure says what to do about a run that failed or waits.
func (r shownRun) cure() string {
	again := ", then: starter run redrive " + r.WorkflowID
	switch {
	case r.Status == stuck:
		return "a defect of ours: see the failed workflow task in the Temporal UI, roll the workers back or mend them, and it goes on from where it stands"
	case strings.HasSuffix(r.Waits, " circuit"):
		return "goes on by itself when the provider is back; to try now: starter run redrive " + r.WorkflowID
	case r.Waits == workflows.CRMAway:
		return "goes on by itself when the CRM answers; starter doctor says whether it does"
	case strings.HasPrefix(r.Waits, "crm "):
		return "mend SLUICE_HUBSPOT_TOKEN and restart the workers: it tries again every five minutes"
	case r.Status == waiting:
		return "goes on by itself"
	case r.Kind == responseRun:
		return "the next sweep answers the news; to try now: starter run redrive " + r.WorkflowID
	case r.Kind == overrideRun:
		return "mend the cause" + again
	case r.Kind == "SignalSweep", r.Kind == "SourceSweep":
		return "mend the cause, then: starter signals run; a schedule that paused itself: temporal schedule toggle --unpause"
	case r.Kind == "Reconcile":
		return "mend the cause; the schedule's next one catches up, or: starter crm reconcile"
	case r.Kind == "UndoRun":
		return "mend the cause, then give starter run undo again: it goes on where it was"
	case r.Kind == "WriteApproved":
		return "mend the cause, then: starter crm staged approve --all; a run of the account writes it, too"
	case r.Kind != companyRun:
		return "see it in the Temporal UI"
	case r.Status == terminated, r.Status == canceled:
		return "somebody ended it; if that was a mistake: starter run redrive " + r.WorkflowID
	case strings.Contains(r.Reason, "INVALID_OPTION"), strings.Contains(r.Reason, "PROPERTY_DOESNT_EXIST"):
		return "make what is missing in the CRM with: starter crm setup" + again
	case strings.Contains(r.Reason, "bad_request"):
		return "the CRM refuses what Sluice writes: mend the property, or the rule of the CRM's admin, that the reason names" + again
	case strings.Contains(r.Reason, "is active"):
		return "start a worker that has the models of sluice.yaml" + again
	default:
		return "see the run's failure in the Temporal UI and mend its cause" + again
	}
}

func printRuns(w io.Writer, runs []shownRun) {
	if len(runs) == 0 {
		fmt.Fprintln(w, "None.")
		return
	}
	t := newTable(w, "status", "since", "run", "domain", "stage", "why", "what cures it")
	for _, r := range runs {
		since := r.StartedAt
		if !r.EndedAt.IsZero() {
			since = r.EndedAt
		}
		t.AppendRow(table.Row{r.Status, minute(since), r.WorkflowID, r.Domain, r.Stage, r.Reason, r.Cure})
	}
	t.Render()
	fmt.Fprintf(w, "%d runs\n", len(runs))
}
