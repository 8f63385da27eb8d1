package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/workflows"
)

func signalsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "signals",
		Short: "Find out what happened to the accounts on the target list",
		Example: `  starter signals run                      # a sweep now, to its end
  starter signals run --account acme.example --dry-run
  starter signals schedule                 # every night, as sluice.yaml says
  starter signals list acme.example`,
	}
	c.AddCommand(sweepCommand(), scheduleCommand(), listSignalsCommand())
	return c
}

type sweepOptions struct {
	account        string
	since          string
	at             string
	dryRun, asJSON bool
}

func sweepCommand() *cobra.Command {
	var o sweepOptions
	c := &cobra.Command{
		Use:   "run",
		Short: "Sweep the target list now, and wait for the end",
		Long: `Sweep the target list now: every source looks at every account on it, news goes into
the CRM, and where fit and trigger meet the rep gets a task. What was found before is
not found again.

With --dry-run nothing is kept or written: it prints what would be found.`,
		Example: `  starter signals run
  starter signals run --account acme.example --since 7d
  starter signals run --dry-run --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSweep(cmd, o) },
	}
	f := c.Flags()
	f.StringVar(&o.account, "account", "", "look at the accounts of this `domain` only, on the target list or not")
	f.StringVar(&o.since, "since", "", "how far back news goes, such as 7d (default: the model's first_sight)")
	f.StringVar(&o.at, "at", "", "look as if it were then: a `time` such as 2026-11-22T02:30:00Z")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be found; keep and write nothing")
	f.BoolVar(&o.asJSON, "json", false, "print the result as JSON")
	return c
}

func (o sweepOptions) input() (workflows.SweepInput, error) {
	in := workflows.SweepInput{DryRun: o.dryRun}
	var err error
	if o.account != "" {
		if in.Account, err = account.NormalizeDomain(o.account); err != nil {
			return in, usagef("--account: %w", err)
		}
	}
	if o.since != "" {
		if in.Window, err = days(o.since); err != nil {
			return in, usagef("--since: %w", err)
		}
	}
	if o.at != "" {
		if in.At, err = time.Parse(time.RFC3339, o.at); err != nil {
			return in, usagef("--at: want a time such as 2026-11-22T02:30:00Z, have %q", o.at)
		}
	}
	return in, nil
}

// days reads 7d, 12h or 90m.
func days(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		hours, err := time.ParseDuration(n + "h")
		if err == nil && hours > 0 {
			return 24 * hours, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("want a time such as 7d or 12h, have %q", s)
}

func runSweep(cmd *cobra.Command, o sweepOptions) error {
	in, err := o.input()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	a, err := open(ctx, (*app).withTemporal)
	if err != nil {
		return err
	}
	defer a.close()
	id := workflows.SweepID + "/asked"
	run, err := a.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "asked for by hand",
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Priority:                                 temporal.Priority{PriorityKey: 3},
	}, workflows.SignalSweep, in)
	if _, under := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); under {
		return fmt.Errorf("a sweep that was asked for by hand is under way: wait for %s, or cancel it in the Temporal UI", id)
	}
	if err != nil {
		return fmt.Errorf("start the sweep: %w", err)
	}
	status, err := a.followSweep(ctx, cmd.ErrOrStderr(), run)
	if err != nil {
		return err
	}
	if o.asJSON {
		return printJSON(cmd.OutOrStdout(), status)
	}
	printSweep(cmd.OutOrStdout(), status, o.dryRun)
	return nil
}

// followSweep shows how far the sweep is until it ends.
func (a *app) followSweep(ctx context.Context, w io.Writer, run client.WorkflowRun) (workflows.SweepStatus, error) {
	type end struct {
		status workflows.SweepStatus
		err    error
	}
	done := make(chan end, 1)
	go func() {
		var e end
		e.err = run.Get(ctx, &e.status)
		done <- e
	}()
	bar := newBar(w, -1, "accounts looked at")
	defer func() { _ = bar.Finish() }()
	for {
		select {
		case e := <-done:
			if ctx.Err() != nil {
				return e.status, errors.New("no longer watched; the sweep goes on by itself, see it in the Temporal UI")
			}
			if ended, ok := errors.AsType[*temporal.ApplicationError](e.err); ok {
				return e.status, fmt.Errorf("the sweep failed: %s", ended.Message())
			}
			return e.status, e.err
		case <-time.After(time.Second):
			total, looked := a.sweepProgress(ctx, run.GetID())
			if total > 0 {
				bar.ChangeMax(total)
				_ = bar.Set(min(looked, total))
			}
		}
	}
}

// sweepProgress returns how many looks there are to do and how many are done.
func (a *app) sweepProgress(ctx context.Context, id string) (total, looked int) {
	var s workflows.SweepStatus
	if answer, err := a.temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery); err != nil || answer.Get(&s) != nil {
		return 0, 0
	}
	names := slices.Concat(s.Plan.Sources, s.Plan.Refresh, s.Plan.Compare)
	for _, name := range names {
		var g workflows.SourceStatus
		answer, err := a.temporal.QueryWorkflow(ctx, workflows.SourceSweepID(name), "", workflows.StatusQuery)
		if err == nil && answer.Get(&g) == nil {
			looked += g.Checked + g.Failed
		}
	}
	return s.Plan.Total * len(names), looked
}

func printSweep(w io.Writer, s workflows.SweepStatus, dryRun bool) {
	fmt.Fprintf(w, "%d accounts on the target list, by %s\n", s.Plan.Total, s.Plan.Model.Name)
	t := newTable(w, "source", "checked", "new", "failed", "missed")
	for _, g := range s.Sources {
		t.AppendRow(table.Row{g.Name, g.Checked, g.Found, g.Failed, g.Missed})
	}
	t.Render()
	if dryRun {
		for _, g := range s.Sources {
			for _, line := range g.Preview {
				fmt.Fprintf(w, "%s (%s)\n", line, g.Name)
			}
		}
		fmt.Fprintln(w, "Nothing was kept or written.")
		return
	}
	fmt.Fprintf(w, "%d new signals; %d accounts answered", s.Signals, s.Accounts)
	for _, line := range outcomeLines(s.Outcomes) {
		fmt.Fprintf(w, "\n  %s", line)
	}
	fmt.Fprintln(w)
	if s.Failed+s.Pending > 0 {
		fmt.Fprintf(w, "%d responses failed and %d still wait for the CRM: see the SignalResponse runs in the Temporal UI\n", s.Failed, s.Pending)
	}
}

// outcomeWords says what became of an account's news, in the order of interest.
var outcomeWords = []struct{ outcome, words string }{
	{"task", "got a task"},
	{"appended", "had an open task, which got the news"},
	{"digest", "are in a digest, beyond their rep's daily cap"},
	{"cooldown", "had a task for the same kind of news lately"},
	{"not_due", "do not meet the model's condition for a task"},
	{"stopped", "have a reason to stop"},
	{"no_record", "have no record in the CRM"},
}

func outcomeLines(outcomes map[string]int) []string {
	var lines []string
	for _, o := range outcomeWords {
		if n := outcomes[o.outcome]; n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s", n, o.words))
		}
	}
	return lines
}

// sweepSchedule is the schedule's id in Temporal.
const sweepSchedule = "sluice-signals"

func scheduleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schedule",
		Short: "Make the nightly sweep's schedule, or bring it up to sluice.yaml",
		Long: `Make the Temporal schedule of the nightly sweep, or bring it up to what sluice.yaml says.
Whether it is paused stays as it is: that is the operators' matter.`,
		Example: "  starter signals schedule",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			return a.schedule(cmd.Context(), cmd.OutOrStdout())
		},
	}
}

func (a *app) schedule(ctx context.Context, w io.Writer) error {
	return a.keepSchedule(ctx, w, nightly(a.pipeline.Signals.Night, time.Now()))
}

// keepSchedule makes a schedule, or brings it up to date; whether it is paused stays as it
// is.
func (a *app) keepSchedule(ctx context.Context, w io.Writer, want client.ScheduleOptions) error {
	handle, err := a.temporal.ScheduleClient().Create(ctx, want)
	verb := "made"
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		verb, handle = "brought up to date", a.temporal.ScheduleClient().GetHandle(ctx, want.ID)
		err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule // pause and note are the operators'
			s.Spec, s.Action = &want.Spec, want.Action
			s.Policy = &client.SchedulePolicies{Overlap: want.Overlap, CatchupWindow: want.CatchupWindow, PauseOnFailure: want.PauseOnFailure}
			return &client.ScheduleUpdate{Schedule: &s}, nil
		}})
	}
	if err != nil {
		return fmt.Errorf("make the schedule %s: %w", want.ID, err)
	}
	desc, err := handle.Describe(ctx)
	if err != nil {
		return fmt.Errorf("read the schedule: %w", err)
	}
	fmt.Fprintf(w, "schedule %s %s: %s\n", want.ID, verb, want.Note)
	if desc.Schedule.State.Paused {
		fmt.Fprintf(w, "it is paused: %s\n", desc.Schedule.State.Note)
	}
	for i, at := range desc.Info.NextActionTimes {
		if i < 2 {
			fmt.Fprintf(w, "  next: %s\n", at.Format("Mon 2006-01-02 15:04 MST"))
		}
	}
	return nil
}

// nightly skips a night while the last sweep still runs, makes up for a start that was
// missed, and pauses itself when a sweep fails: a person is to look first.
func nightly(n config.Night, from time.Time) client.ScheduleOptions {
	skip, instead := oddDays(clockTime{n.Hour, n.Minute, n.Zone}, from, func(time.Time) bool { return true })
	every := client.ScheduleCalendarSpec{
		Hour: []client.ScheduleRange{{Start: n.Hour}}, Minute: []client.ScheduleRange{{Start: n.Minute}},
		Comment: "every night",
	}
	return client.ScheduleOptions{
		ID: sweepSchedule,
		Spec: client.ScheduleSpec{
			Calendars: append([]client.ScheduleCalendarSpec{every}, instead...), Skip: skip,
			TimeZoneName: n.Zone, Jitter: n.Jitter,
		},
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.SweepID, Workflow: workflows.SignalSweep, Args: []any{workflows.SweepInput{}},
			TaskQueue: workflows.TaskQueue, StaticSummary: "nightly",
		},
		Overlap:        enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow:  n.CatchUp,
		PauseOnFailure: true,
		Note:           fmt.Sprintf("every night at %02d:%02d (%s)", n.Hour, n.Minute, n.Zone),
	}
}

// oddYears is how far ahead the schedule knows the zone's changes of clocks. Each
// `starter signals schedule` counts them anew.
const oddYears = 10

// clockTime is a time of day by the clocks of a zone.
type clockTime struct {
	hour, minute int
	zone         string
}

// oddDays returns the due days on which the zone's clocks show the time twice or never,
// and when to start instead. Temporal would start twice or never.
func oddDays(c clockTime, from time.Time, due func(time.Time) bool) (skip, instead []client.ScheduleCalendarSpec) {
	zone, err := time.LoadLocation(c.zone)
	if err != nil { // which reading sluice.yaml would have said
		return nil, nil
	}
	for day := range oddYears * 366 {
		year, month, d := from.In(zone).AddDate(0, 0, day).Date()
		once := func(hour int) bool { return shownOnce(time.Date(year, month, d, hour, c.minute, 0, 0, zone), hour, d) }
		if !due(time.Date(year, month, d, 12, 0, 0, 0, zone)) || once(c.hour) {
			continue
		}
		at := func(hour int) client.ScheduleCalendarSpec {
			one := func(number int) []client.ScheduleRange { return []client.ScheduleRange{{Start: number}} }
			return client.ScheduleCalendarSpec{
				Year: one(year), Month: one(int(month)), DayOfMonth: one(d), Hour: one(hour), Minute: one(c.minute), Comment: "the clocks change",
			}
		}
		skip = append(skip, at(c.hour))
		for _, hour := range []int{c.hour + 1, c.hour - 1} {
			if once(hour) {
				instead = append(instead, at(hour))
				break
			}
		}
	}
	return skip, instead
}

// shownOnce reports whether clocks show t's time on its day exactly once. An hour that
// they leave out has become another one in t.
func shownOnce(t time.Time, hour, day int) bool {
	shows := func(at time.Time) bool { return at.Day() == day && at.Hour() == hour && at.Minute() == t.Minute() }
	for _, shift := range []time.Duration{time.Hour, 30 * time.Minute} { // Lord Howe has half an hour
		if shows(t.Add(shift)) || shows(t.Add(-shift)) {
			return false
		}
	}
	return shows(t)
}

func listSignalsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list DOMAIN",
		Short:   "List what happened to an account, and what was done about it",
		Example: "  starter signals list acme.example\n  starter signals list acme.example --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			domain, err := account.NormalizeDomain(args[0])
			if err != nil {
				return usagef("%w", err)
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			found, err := explain.Domain(cmd.Context(), a.store, domain)
			if errors.Is(err, account.ErrNotFound) {
				return fmt.Errorf("no account has the domain %s; add it with: starter company add --domain %s", domain, domain)
			}
			if err != nil {
				return err
			}
			return showSignals(cmd, asJSON, found)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func showSignals(cmd *cobra.Command, asJSON bool, found []explain.Company) error {
	w := cmd.OutOrStdout()
	if asJSON {
		all := []explain.Signal{}
		for _, c := range found {
			all = append(all, c.Signals...)
		}
		return printJSON(w, all)
	}
	for _, c := range found {
		printSignals(w, c)
	}
	return nil
}

// printSignals prints an account's signals, with their evidence and what became of them.
func printSignals(w io.Writer, c explain.Company) {
	if len(c.Signals) == 0 {
		fmt.Fprintf(w, "%s: no signals\n", c.Domain)
		return
	}
	t := newTable(w, "when", "kind", "what", "sure", "read at", "done about it")
	for _, g := range c.Signals {
		sources := make([]string, len(g.Evidence))
		for i, e := range g.Evidence {
			sources[i] = e.Source
		}
		t.AppendRow(table.Row{
			g.OccurredAt.Format(time.DateOnly), g.Kind, g.Summary, fmt.Sprintf("%.0f %%", 100*g.Confidence),
			strings.Join(sources, ", "), g.Done(),
		})
	}
	t.Render()
}
