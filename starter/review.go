package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// reviewOptions are the flags of icp review.
type reviewOptions struct {
	quarter            string
	wait, asJSON, anew bool
	out, draft         string
}

func reviewCommand() *cobra.Command {
	var o reviewOptions
	c := &cobra.Command{
		Use:   "review",
		Short: "Let the deals of a quarter judge the model",
		Long: `Let the deals of a quarter judge the model: the CRM's deals are brought on record, each
counts for the tier that its account had when it was opened, and what they say becomes a
report and, where it would do better, a draft of the next version. The model's owner gets
a task in the CRM, and somebody decides.

Without --quarter it is the last whole one. A review that waits for a decision is shown
as it was made; --anew makes it again. One that was decided on stays as it was.`,
		Example: `  starter icp review                                   # starts it; the task in the CRM tells when it is there
  starter icp review --quarter 2026Q3 --out report.html --draft revops-4.yaml
  starter icp review --quarter 2026Q3 --json
  starter icp review schedule                          # each quarter, as sluice.yaml says
  starter icp review decide 2026Q3 --accept --by dana@ours.example --reason "funding pays double"
  starter icp review list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return reviewQuarter(cmd, o) },
	}
	f := c.Flags()
	f.StringVar(&o.quarter, "quarter", "", "the `quarter`, such as 2026Q3 (default: the last whole one)")
	f.BoolVar(&o.wait, "wait", false, "wait until it is made, and print what was found; --json, --out and --draft do so, too")
	f.BoolVar(&o.asJSON, "json", false, "print the review as JSON")
	f.StringVar(&o.out, "out", "", "write the report, a page with charts, to this `file`")
	f.StringVar(&o.draft, "draft", "", "write the proposed model to this `file`")
	f.BoolVar(&o.anew, "anew", false, "make a review again that nobody has decided on")
	c.AddCommand(reviewScheduleCommand(), decideReviewCommand(), listReviewsCommand())
	return c
}

func (o reviewOptions) waits() bool { return o.wait || o.asJSON || o.out != "" || o.draft != "" }

func reviewQuarter(cmd *cobra.Command, o reviewOptions) error {
	ctx := cmd.Context()
	a, err := open(ctx, (*app).forReviews, (*app).withStore, (*app).withTemporal)
	if err != nil {
		return err
	}
	defer a.close()
	span, err := a.span(o.quarter)
	if err != nil {
		return err
	}
	conflict := enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if o.anew {
		conflict = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING // all that it has done is on record
	}
	run, err := a.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.ReviewID(span.Name), TaskQueue: workflows.TaskQueue, StaticSummary: "asked for by hand",
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WorkflowIDConflictPolicy: conflict,
		Priority: temporal.Priority{PriorityKey: 3},
	}, workflows.QuarterlyReview, workflows.QuarterlyReviewInput{Quarter: span.Name})
	if err != nil {
		return fmt.Errorf("start the review: %w", err)
	}
	if !o.waits() {
		fmt.Fprintf(cmd.OutOrStdout(), "The review of %s is under way: %s. `starter icp review --quarter %s --wait` follows it.\n", span.Name, run.GetID(), span.Name)
		return nil
	}
	status, err := a.followReview(ctx, cmd.ErrOrStderr(), run)
	if err != nil {
		return err
	}
	r, err := a.store.Review(ctx, status.Review.ReviewID)
	if err != nil {
		return err
	}
	return a.showReview(cmd, o, r)
}

// forReviews comes before anything is opened: without a CRM there are no deals.
func (a *app) forReviews(context.Context) error {
	if a.cfg.CRM == "" {
		return errors.New("icp review: the deals are the CRM's: set SLUICE_CRM and its credentials")
	}
	return nil
}

// span reads a quarter that has ended; "" is the last one.
func (a *app) span(quarter string) (review.Span, error) {
	zone, err := time.LoadLocation(a.pipeline.Review.Zone)
	if err != nil {
		return review.Span{}, err
	}
	if quarter == "" {
		return review.LastSpan(time.Now(), zone), nil
	}
	span, err := review.ParseSpan(quarter, zone, time.Now())
	if err != nil {
		return span, usagef("icp review: %w", err)
	}
	return span, nil
}

// followReview shows how far the review is until its report is made.
func (a *app) followReview(ctx context.Context, w io.Writer, run client.WorkflowRun) (workflows.QuarterlyReviewStatus, error) {
	ended := make(chan error, 1)
	go func() { ended <- run.Get(ctx, nil) }()
	bar, stage := newBar(w, -1, "deals"), ""
	defer func() { _ = bar.Finish() }()
	for {
		var err error
		over := false
		select {
		case err = <-ended:
			over = true
		case <-time.After(300 * time.Millisecond):
		}
		if ctx.Err() != nil {
			return workflows.QuarterlyReviewStatus{}, errors.New("no longer watched; the review goes on by itself, see it in the Temporal UI")
		}
		if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			return workflows.QuarterlyReviewStatus{}, fmt.Errorf("the review failed: %s", failed.Message())
		}
		if err != nil {
			return workflows.QuarterlyReviewStatus{}, fmt.Errorf("the review failed: %w", err)
		}
		var s workflows.QuarterlyReviewStatus
		answer, err := a.temporal.QueryWorkflow(ctx, run.GetID(), run.GetRunID(), workflows.StatusQuery)
		if err == nil && answer.Get(&s) == nil {
			if s.Stage != stage && s.Stage == workflows.ReviewBlocked {
				fmt.Fprintln(w, "The CRM refuses our key: mend SLUICE_HUBSPOT_TOKEN and restart the workers. The review waits for that.")
			}
			stage = s.Stage
			bar.Describe(stage)
			_ = bar.Set(s.Read + s.Checked)
			if s.Review != nil && (over || s.Stage == workflows.ReviewDecision || s.Stage == workflows.ReviewDone || s.Stage == workflows.ReviewPassed) {
				return s, nil
			}
		}
		if over && err != nil { // nobody answers queries: ask the record of the run
			if err := run.Get(ctx, &s); err != nil {
				return s, err
			}
			return s, nil
		}
	}
}

func (a *app) showReview(cmd *cobra.Command, o reviewOptions, r store.Review) error {
	report, err := a.store.ReviewReport(cmd.Context(), r.ID)
	if err != nil {
		return err
	}
	q, err := review.ReadQuarter(report)
	if err != nil {
		return err
	}
	var html bytes.Buffer
	if err := q.WriteHTML(&html); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{o.out, html.Bytes()}, {o.draft, []byte(r.Draft)}} {
		if file.name == "" || len(file.data) == 0 {
			continue
		}
		if err := os.WriteFile(file.name, file.data, 0o644); err != nil {
			return fmt.Errorf("write the review: %w", err)
		}
	}
	w := cmd.OutOrStdout()
	if o.asJSON {
		_, err := w.Write(append(report, '\n'))
		return err
	}
	printReview(w, q)
	if o.out != "" {
		fmt.Fprintf(w, "The report is in %s.\n", o.out)
	}
	if a.cfg.PublicURL != "" {
		fmt.Fprintf(w, "It is served at %s\n", activities.ReportURL(a.cfg.PublicURL, r))
	}
	switch {
	case o.draft != "" && r.Draft == "":
		fmt.Fprintf(w, "No other weights are proposed: %s was not written.\n", o.draft)
	case o.draft != "":
		fmt.Fprintf(w, "The proposed model is in %s. Read it, then release it with: starter icp release %s\n", o.draft, o.draft)
	}
	printDecided(w, r)
	return nil
}

func printReview(w io.Writer, q *review.QuarterReview) {
	fmt.Fprintf(w, "%s of %s: %d deals opened, %d closed, %d won\n\n", q.Quarter, q.Model, q.Totals.Opened, q.Totals.Closed, q.Totals.Won)
	t := newTable(w, "tier when the deal was opened", "opened", "closed", "won", "win rate", "95 %", "revenue")
	for _, tier := range q.Tiers {
		rate, interval := "", ""
		if e := tier.WinRate; e.N > 0 {
			rate = fmt.Sprintf("%.0f %%", 100*e.Value)
			interval = fmt.Sprintf("%.0f to %.0f %%", 100*e.Low, 100*e.High)
		}
		t.AppendRow(table.Row{tier.Tier, tier.Opened, tier.Closed, tier.Won, rate, interval, fmt.Sprintf("%.0f", tier.Revenue)})
	}
	t.Render()
	fmt.Fprintf(w, "\nOf %d things looked at, %d are more than chance would do.\n", q.Tested, len(q.Claims))
	for _, c := range q.Claims {
		fmt.Fprintf(w, "- %s %s\n", c.Sentence, c.Action)
	}
	switch {
	case q.Proposal != nil:
		fmt.Fprintf(w, "Proposed is %s:\n", q.Proposal.Model)
		for _, c := range q.Proposal.Changes {
			fmt.Fprintf(w, "- %s %+d → %+d: %s\n", c.Criterion, c.From, c.To, c.Because)
		}
	case q.Thin != "":
		fmt.Fprintf(w, "Nothing is proposed: %s\n", q.Thin)
	}
	fmt.Fprintln(w)
}

func printDecided(w io.Writer, r store.Review) {
	switch d := r.Decision; {
	case d != nil:
		fmt.Fprintf(w, "Decided: %s by %s on %s: %s\n", d.Decision, d.Author, d.CountedAt.Format(time.DateOnly), d.Words)
	case !r.PassedAt.IsZero():
		fmt.Fprintf(w, "It was passed over undecided on %s, when the next review began.\n", r.PassedAt.Format(time.DateOnly))
	default:
		fmt.Fprintf(w, "Nobody has decided: %s\n", activities.HowToDecide(r))
	}
}

// reviewSchedule is the schedule's id in Temporal.
const reviewSchedule = "sluice-review"

func reviewScheduleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schedule",
		Short: "Make the quarterly review's schedule, or bring it up to sluice.yaml",
		Long: `Make the Temporal schedule of the quarterly review, or bring it up to what sluice.yaml
says. Whether it is paused stays as it is: that is the operators' matter.`,
		Example: "  starter icp review schedule",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			return a.keepSchedule(cmd.Context(), cmd.OutOrStdout(), eachQuarter(a.pipeline.Review, time.Now()))
		},
	}
}

// reviewCatchUp is how late a review may start that was missed.
const reviewCatchUp = 14 * 24 * time.Hour

// eachQuarter skips a quarter while the last start still works, makes up for a start that
// was missed, and pauses itself when a review fails: a person is to look first.
func eachQuarter(r config.Review, from time.Time) client.ScheduleOptions {
	day := r.Days + 1
	skip, instead := oddDays(clockTime{r.Hour, r.Minute, r.Zone}, from, func(at time.Time) bool {
		return at.Day() == day && (at.Month()-1)%3 == 0
	})
	every := client.ScheduleCalendarSpec{
		Month: []client.ScheduleRange{{Start: 1, End: 12, Step: 3}}, DayOfMonth: []client.ScheduleRange{{Start: day}},
		Hour: []client.ScheduleRange{{Start: r.Hour}}, Minute: []client.ScheduleRange{{Start: r.Minute}}, Comment: "every quarter",
	}
	return client.ScheduleOptions{
		ID: reviewSchedule,
		Spec: client.ScheduleSpec{
			Calendars: append([]client.ScheduleCalendarSpec{every}, instead...), Skip: skip, TimeZoneName: r.Zone,
		},
		Action: &client.ScheduleWorkflowAction{
			ID: workflows.ReviewScheduleID, Workflow: workflows.ScheduledReview, TaskQueue: workflows.TaskQueue, StaticSummary: "quarterly",
		},
		Overlap:        enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow:  reviewCatchUp,
		PauseOnFailure: true,
		Note:           fmt.Sprintf("%d days after each quarter's end, at %02d:%02d (%s)", r.Days, r.Hour, r.Minute, r.Zone),
	}
}

func decideReviewCommand() *cobra.Command {
	var accept, adjust, keep bool
	var by, reason string
	c := &cobra.Command{
		Use:   "decide QUARTER",
		Short: "Put on record what is done about a review",
		Long: `Put on record what is done about a review: --accept, the proposed model is released;
--adjust, another one than proposed is; --keep, the model stays as it is. One decision
counts, the first. Releasing is a command of its own.`,
		Example: `  starter icp review decide 2026Q3 --accept --by dana@ours.example --reason "funding pays double"
  starter icp review decide 2026Q3 --keep --by dana@ours.example --reason "too few deals to tell"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := store.ReviewDecision{Author: by, Words: reason}
			given := 0
			for _, choice := range []struct {
				chosen   bool
				decision string
			}{{accept, store.ReviewAccepted}, {adjust, store.ReviewAdjusted}, {keep, store.ReviewKept}} {
				if choice.chosen {
					d.Decision = choice.decision
					given++
				}
			}
			switch {
			case given != 1:
				return usagef("icp review decide: give one of --accept, --adjust and --keep")
			case strings.TrimSpace(by) == "":
				return usagef("icp review decide: --by: say who decides this")
			case strings.TrimSpace(reason) == "":
				return usagef("icp review decide: --reason: say why, for whoever reads it in a year")
			}
			return decideReview(cmd, args[0], d)
		},
	}
	f := c.Flags()
	f.BoolVar(&accept, "accept", false, "the proposed model is released")
	f.BoolVar(&adjust, "adjust", false, "another one than proposed is")
	f.BoolVar(&keep, "keep", false, "the model stays as it is")
	f.StringVar(&by, "by", "", "who decides this")
	f.StringVar(&reason, "reason", "", "why, in words")
	return c
}

func decideReview(cmd *cobra.Command, quarter string, d store.ReviewDecision) error {
	ctx := cmd.Context()
	a, err := open(ctx, (*app).withStore)
	if err != nil {
		return err
	}
	defer a.close()
	span, err := a.span(quarter)
	if err != nil {
		return err
	}
	found, err := a.store.Reviews(ctx, span.Name)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("%s was not reviewed: starter icp review --quarter %s", span.Name, span.Name)
	}
	r := found[0]
	if r.Decision != nil {
		return fmt.Errorf("%s was decided already: %s by %s on %s", r.Quarter, r.Decision.Decision, r.Decision.Author, r.Decision.CountedAt.Format(time.DateOnly))
	}
	if d.Decision == store.ReviewAccepted && r.Draft == "" {
		return fmt.Errorf("decision: the review of %s proposes nothing that could be accepted: want --keep, or --adjust", r.Quarter)
	}
	if err := a.withTemporal(ctx); err != nil {
		return err
	}
	decided, err := a.onboarder().DecideReview(ctx, a.store, r, d)
	if errors.Is(err, ingress.ErrReviewOver) {
		return fmt.Errorf("%w; `starter icp review --quarter %s` makes it again, and waits for one", err, r.Quarter)
	}
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if got := decided.Decision; got.Author != strings.TrimSpace(d.Author) || got.Decision != d.Decision {
		return fmt.Errorf("%s was decided meanwhile: %s by %s", r.Quarter, got.Decision, got.Author)
	}
	printDecided(w, decided)
	if d.Decision == store.ReviewAccepted && r.Draft != "" {
		fmt.Fprintf(w, "Release it with: starter icp review --quarter %s --draft FILE && starter icp release FILE\n", r.Quarter)
	}
	return nil
}

// listedReview is a review in a list.
type listedReview struct {
	Quarter   string    `json:"quarter"`
	Model     string    `json:"model"`
	MadeAt    time.Time `json:"made_at"`
	Draft     bool      `json:"draft"` // whether another model is proposed
	State     string    `json:"state"` // undecided, passed over, accepted, adjusted, kept
	By        string    `json:"by,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	DecidedAt time.Time `json:"decided_at,omitzero"`
	TaskID    string    `json:"task_id,omitempty"`
	URL       string    `json:"url,omitempty"`
}

func listReviewsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the reviews, what was decided on them and why",
		Example: "  starter icp review list\n  starter icp review list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			found, err := a.store.Reviews(cmd.Context(), "")
			if err != nil {
				return err
			}
			all := make([]listedReview, len(found))
			for i, r := range found {
				all[i] = a.listed(r)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			printReviews(cmd.OutOrStdout(), all)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) listed(r store.Review) listedReview {
	l := listedReview{
		Quarter: r.Quarter, Model: fmt.Sprintf("%s@%d", r.Model.Name, r.Model.Version), MadeAt: r.MadeAt, Draft: r.Draft != "",
		State: "undecided", TaskID: r.TaskID,
	}
	if a.cfg.PublicURL != "" {
		l.URL = activities.ReportURL(a.cfg.PublicURL, r)
	}
	if !r.PassedAt.IsZero() {
		l.State = "passed over"
	}
	if d := r.Decision; d != nil {
		l.State, l.By, l.Reason, l.DecidedAt = d.Decision, d.Author, d.Words, d.CountedAt
	}
	return l
}

func printReviews(w io.Writer, all []listedReview) {
	if len(all) == 0 {
		fmt.Fprintln(w, "No quarter was reviewed yet: starter icp review")
		return
	}
	t := newTable(w, "quarter", "model", "made", "draft", "decision", "by", "why", "report")
	for _, r := range all {
		draft := ""
		if r.Draft {
			draft = "yes"
		}
		t.AppendRow(table.Row{r.Quarter, r.Model, minute(r.MadeAt), draft, r.State, r.By, r.Reason, r.URL})
	}
	t.Render()
}
