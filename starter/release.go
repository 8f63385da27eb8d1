package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// decision are the flags of what a person says of a release.
type decision struct {
	role, by, comment    string
	reject, despiteGuard bool
	wait, json           bool
}

func releaseCommand() *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use:   "release FILE | NAME@VERSION",
		Short: "Begin the release of a model's new version",
		Long: `Begin the release of a model's new version, from its file or, where it is on record already,
by its name. The version is checked and held against the closed deals on record. Then each
role has to approve it; new scores are worked out beside the old; a share of the accounts
tries them; then all get them. docs/releasing.md tells the whole life.

Given again it shows how far the release is, and starts it again should it have been
terminated. --wait follows it to its end.`,
		Example: `  starter icp release models/revops.yaml --by dana@ours.example --comment "two tools more"
  starter icp release revops@3
  starter icp release revops@3 --wait`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return beginRelease(cmd, args[0], d) },
	}
	f := c.Flags()
	f.StringVar(&d.by, "by", "", "who releases it (default: the model's owner)")
	f.StringVar(&d.comment, "comment", "", "what is new, in words")
	f.BoolVar(&d.wait, "wait", false, "follow the release to its end")
	f.BoolVar(&d.json, "json", false, "print JSON")
	return c
}

func approveCommand() *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use:   "approve NAME[@VERSION] --role ROLE --by WHO",
		Short: "Sign a release off in the name of a role, or reject it",
		Long: `Sign a release off in the name of one of the roles of sluice.yaml, or reject it, which ends it.
Who and why go on record.`,
		Example: `  starter icp approve revops@3 --role marketing --by dana@ours.example
  starter icp approve revops@3 --role sales --by lee@ours.example --reject --comment "Tier 1 would triple"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return approve(cmd, args[0], d) },
	}
	f := c.Flags()
	f.StringVar(&d.role, "role", "", "the role, such as sales")
	f.StringVar(&d.by, "by", "", "who says so")
	f.StringVar(&d.comment, "comment", "", "why, in words")
	f.BoolVar(&d.reject, "reject", false, "do not sign it off: the release ends")
	f.BoolVar(&d.json, "json", false, "print JSON")
	return c
}

func activateCommand() *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use:   "activate NAME[@VERSION] --by WHO",
		Short: "Let a release go on now, without waiting any longer",
		Long: `Let a release go on now: from the shadow to the A/B, from there to all accounts. What the
guard has stopped goes on with --despite-guard and a reason. What failed is tried again.

--wait follows the release until it waits again, has ended, or needs a person.`,
		Example: `  starter icp activate revops@3 --by dana@ours.example --wait
  starter icp activate revops@3 --by dana@ours.example --despite-guard --reason "the board wants the new tiers"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return decide(cmd, args[0], store.ActivateMove, d) },
	}
	decisionFlags(c, &d)
	c.Flags().BoolVar(&d.despiteGuard, "despite-guard", false, "go on although the guard would stop it; needs --reason")
	return c
}

// moveCommand is a decision that needs a reason.
func moveCommand(move, short, long, example string) *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use: move + " NAME[@VERSION] --by WHO --reason TEXT", Short: short, Long: long, Example: example,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return decide(cmd, args[0], move, d) },
	}
	decisionFlags(c, &d)
	return c
}

func decisionFlags(c *cobra.Command, d *decision) {
	f := c.Flags()
	f.StringVar(&d.by, "by", "", "who decides this")
	f.StringVar(&d.comment, "reason", "", "why, in words")
	f.BoolVar(&d.wait, "wait", false, "wait until it is done")
	f.BoolVar(&d.json, "json", false, "print JSON")
}

func releaseCommands() []*cobra.Command {
	return []*cobra.Command{
		releaseCommand(), approveCommand(), activateCommand(),
		moveCommand(store.PauseMove, "Let nothing happen to a release by itself until it is resumed",
			`Let nothing happen to a release by itself until it is resumed. What is being worked out or
published stops at once; what is done stays. Time goes on: a wait that is over by then is over.`,
			`  starter icp pause revops@3 --by dana@ours.example --reason "quarter end"`),
		moveCommand(store.ResumeMove, "Let a paused release go on",
			"Let a paused release go on where it stood.",
			`  starter icp resume revops@3 --by dana@ours.example --reason "quarter is over"`),
		moveCommand(store.WithdrawMove, "End a release before it is active",
			`End a release before it is active. Accounts that had the new version for trial get their old
scores back, without any provider call.`,
			`  starter icp withdraw revops@3 --by dana@ours.example --reason "a better one is coming"`),
		moveCommand(store.RollbackMove, "Take a version back and publish the old scores",
			`Take a version back: the one that it replaced is active again at once, and the old scores are
published without any provider call. It works on a release under way and on one that is
through, for as long as no later version took its place. Tasks that were made stay.`,
			`  starter icp rollback revops --by dana@ours.example --reason "meetings dropped" --wait`),
		releasesCommand(),
	}
}

var modelRef = regexp.MustCompile(`^([a-z0-9][a-z0-9_-]{0,63})(?:@([1-9][0-9]{0,8}))?$`)

// parseRef reads NAME or NAME@VERSION; version 0 if there is none.
func parseRef(s string) (activities.ModelRef, error) {
	m := modelRef.FindStringSubmatch(s)
	if m == nil {
		return activities.ModelRef{}, usagef("%q is not a model: want NAME or NAME@VERSION, such as revops@3", s)
	}
	version, _ := strconv.Atoi(m[2])
	return activities.ModelRef{Name: m[1], Version: version}, nil
}

func beginRelease(cmd *cobra.Command, what string, d decision) error {
	ctx := cmd.Context()
	a, err := open(ctx, (*app).withStore, (*app).withTemporal)
	if err != nil {
		return err
	}
	defer a.close()
	in, err := a.newRelease(ctx, what, d)
	if err != nil {
		return err
	}
	r, err := a.releaser().Begin(ctx, in)
	if err != nil {
		return err
	}
	if d.wait {
		r, err = a.followRelease(ctx, cmd.ErrOrStderr(), r, store.Release.Over)
	} else {
		r, err = a.untilBacktested(ctx, r)
	}
	if err != nil {
		return err
	}
	if err := a.printRelease(cmd, r, d.json); err != nil {
		return err
	}
	if d.wait && r.State != store.Active {
		return errReported
	}
	return nil
}

// newRelease reads the version from its file, or from the record by its name.
func (a *app) newRelease(ctx context.Context, what string, d decision) (store.NewRelease, error) {
	in := store.NewRelease{Settings: a.pipeline.Releases, Author: d.by, Comment: d.comment}
	m, err := config.LoadModel(what)
	isFile := filepath.Base(what) != what || filepath.Ext(what) != ""
	switch {
	case err == nil:
		in.Source = []byte(m.Source)
	case isFile || !errors.Is(err, os.ErrNotExist):
		return in, err
	default:
		if m, err = a.onRecord(ctx, what); err != nil {
			return in, err
		}
	}
	in.ModelRef, in.Subject = activities.ModelRef{Name: m.Name, Version: m.Version}, m.Subject
	if in.Author == "" {
		in.Author = m.Owner
	}
	return in, nil
}

// onRecord is a version that was kept before.
func (a *app) onRecord(ctx context.Context, what string) (*icp.Model, error) {
	ref, err := parseRef(what)
	if err != nil {
		return nil, err
	}
	if ref.Version == 0 {
		return nil, usagef("icp release: %s: which version? Give NAME@VERSION, such as %s@3, or the model's file", what, ref.Name)
	}
	source, err := a.store.Model(ctx, ref.Name, ref.Version)
	if errors.Is(err, account.ErrNotFound) {
		return nil, account.Invalid("version", fmt.Sprintf("%s@%d is not on record; give its file: `starter icp release FILE`", ref.Name, ref.Version))
	}
	if err != nil {
		return nil, err
	}
	return icp.Parse(what, source)
}

func (a *app) releaser() ingress.Releaser {
	return ingress.Releaser{Temporal: a.temporal, Store: a.store}
}

// backtestPatience is how long a release is waited for that nobody works on.
const backtestPatience = 30 * time.Second

// untilBacktested waits until the release asks for its sign-off.
func (a *app) untilBacktested(ctx context.Context, r store.Release) (store.Release, error) {
	patient, cancel := context.WithTimeout(ctx, backtestPatience)
	defer cancel()
	for {
		now, err := a.store.Release(ctx, r.ID)
		if err != nil {
			return r, err
		}
		if now.Over() || now.Stopped != "" || now.State != store.Draft && now.State != store.Validated {
			return now, nil
		}
		select {
		case <-patient.Done():
			return now, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func approve(cmd *cobra.Command, what string, d decision) error {
	switch {
	case d.role == "":
		return usagef("icp approve: --role is missing: in whose name")
	case strings.TrimSpace(d.by) == "":
		return usagef("icp approve: --by is missing: say who approves")
	case d.reject && strings.TrimSpace(d.comment) == "":
		return usagef("icp approve: --comment is missing: say why it is rejected")
	}
	a, r, err := openRelease(cmd, what)
	if err != nil {
		return err
	}
	defer a.close()
	said := store.Approval{Role: d.role, Verdict: store.Approved, Author: d.by, Comment: d.comment}
	if d.reject {
		said.Verdict = store.Rejected
	}
	if r, err = a.releaser().Approve(cmd.Context(), r, said); err != nil {
		return err
	}
	return a.printRelease(cmd, r, d.json)
}

// openRelease opens what decisions need, and finds the release that is meant.
func openRelease(cmd *cobra.Command, what string) (*app, store.Release, error) {
	ref, err := parseRef(what)
	if err != nil {
		return nil, store.Release{}, err
	}
	a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
	if err != nil {
		return nil, store.Release{}, err
	}
	r, err := ingress.ReleaseOf(cmd.Context(), a.store, ref.Name, ref.Version)
	if err != nil {
		a.close()
	}
	return a, r, err
}

func decide(cmd *cobra.Command, what, move string, d decision) error {
	switch {
	case strings.TrimSpace(d.by) == "":
		return usagef("icp %s: --by is missing: say who decides this", move)
	case strings.TrimSpace(d.comment) == "" && (move != store.ActivateMove || d.despiteGuard):
		return usagef("icp %s: --reason is missing: say why, so that the journal can tell", move)
	}
	a, r, err := openRelease(cmd, what)
	if err != nil {
		return err
	}
	defer a.close()
	ctx, from := cmd.Context(), r.State
	r, err = a.releaser().Decide(ctx, r, store.ReleaseMove{Move: move, DespiteGuard: d.despiteGuard, Author: d.by, Comment: d.comment})
	if err != nil {
		return err
	}
	if d.wait && move != store.PauseMove {
		r, err = a.followRelease(ctx, cmd.ErrOrStderr(), r, func(r store.Release) bool {
			return r.Over() || r.Paused || r.Stopped != "" || r.State != from && a.waits(ctx, r)
		})
		if err != nil {
			return err
		}
	}
	if err := a.printRelease(cmd, r, d.json); err != nil {
		return err
	}
	if d.wait && r.Stopped != "" {
		return errReported
	}
	return nil
}

// waits reports whether a release has done what it can for now.
func (a *app) waits(ctx context.Context, r store.Release) bool {
	s, ok := a.releaseStatus(ctx, r)
	return ok && s.State == r.State && !s.Until.IsZero()
}

// releaseStatus asks the release's workflow; false where it does not answer.
func (a *app) releaseStatus(ctx context.Context, r store.Release) (s workflows.ReleaseStatus, ok bool) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := a.temporal.QueryWorkflow(patient, workflows.ModelReleaseID(r.ModelRef), "", workflows.StatusQuery)
	return s, err == nil && answer.Get(&s) == nil && s.ReleaseID == r.ID
}

// followRelease says what the release does and shows how far it is, until that is enough.
func (a *app) followRelease(ctx context.Context, w io.Writer, r store.Release, enough func(store.Release) bool) (store.Release, error) {
	bar := newBar(w, -1, "accounts")
	defer func() { _ = bar.Finish() }()
	for last := ""; ; {
		now, err := a.store.Release(ctx, r.ID)
		if err == nil && enough(now) {
			return now, nil
		}
		if s, ok := a.releaseStatus(ctx, r); ok && s.Stage != last {
			last = s.Stage
			_ = bar.Clear()
			fmt.Fprintf(w, "%s@%d %s\n", r.Name, r.Version, last)
		}
		if total, done := a.rescoreProgress(ctx, r); total > 0 {
			bar.ChangeMax(total)
			_ = bar.Set(min(done, total))
		}
		select {
		case <-ctx.Done():
			return now, errors.New("no longer watched; the release goes on by itself, see `starter icp releases`")
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// rescoreProgress returns how many accounts there are to publish and how many are done;
// nothing while none are being published.
func (a *app) rescoreProgress(ctx context.Context, r store.Release) (total, done int) {
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var s workflows.RescoreStatus
	answer, err := a.temporal.QueryWorkflow(patient, workflows.BulkRescoreID(workflows.ModelReleaseID(r.ModelRef)), "", workflows.StatusQuery)
	if err != nil || answer.Get(&s) != nil {
		return 0, 0
	}
	return s.Total, s.Done
}

// releaseView is a release as `icp releases --json` prints it.
type releaseView struct {
	ID         int64                      `json:"id"`
	Model      activities.ModelRef        `json:"model"`
	Replaces   int                        `json:"replaces"`
	State      string                     `json:"state"`
	Over       bool                       `json:"over"`
	Paused     bool                       `json:"paused,omitempty"`
	Stopped    string                     `json:"stopped,omitempty"`
	BeganAt    time.Time                  `json:"began_at"`
	Since      time.Time                  `json:"since"`
	EndedAt    time.Time                  `json:"ended_at,omitzero"`
	Settings   activities.ReleaseSettings `json:"settings"`
	Missing    []string                   `json:"missing"` // roles that have not approved it
	Approvals  []approvalView             `json:"approvals"`
	Journal    []store.ReleaseStep        `json:"journal"`
	Backtest   json.RawMessage            `json:"backtest,omitempty"`
	Difference json.RawMessage            `json:"difference,omitempty"`
	Next       string                     `json:"next"`
}

type approvalView struct {
	Role    string    `json:"role"`
	Verdict string    `json:"verdict"`
	By      string    `json:"by"`
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
}

func (a *app) view(ctx context.Context, r store.Release) (releaseView, error) {
	stands := activities.StandingOf(r)
	v := releaseView{
		ID: r.ID, Model: r.ModelRef, Replaces: r.Replaces, State: r.State, Over: r.Over(), Paused: r.Paused, Stopped: r.Stopped,
		BeganAt: r.BeganAt, Since: r.Since, EndedAt: r.EndedAt, Settings: r.Settings, Missing: stands.Missing(r.Settings.Roles),
		Approvals: []approvalView{}, Backtest: r.Backtest, Difference: r.Difference, Next: stands.Next(r.Settings),
	}
	said, err := a.store.Approvals(ctx, r.ID)
	if err != nil {
		return v, err
	}
	for _, s := range slices.DeleteFunc(said, func(s store.Approval) bool { return s.CountedAt.IsZero() }) {
		v.Approvals = append(v.Approvals, approvalView{Role: s.Role, Verdict: s.Verdict, By: s.Author, Comment: s.Comment, At: s.CountedAt})
	}
	v.Journal, err = a.store.ReleaseSteps(ctx, r.ID)
	return v, err
}

func (a *app) printRelease(cmd *cobra.Command, r store.Release, asJSON bool) error {
	v, err := a.view(cmd.Context(), r)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), v)
	}
	v.print(cmd.OutOrStdout())
	return nil
}
