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

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
)

// overrideOptions are the flags of company override.
type overrideOptions struct {
	score             int
	scored            bool // whether --score was given
	tier, code        string
	reason, by        string
	expires           string
	clear, list, json bool
}

func overrideCommand() *cobra.Command {
	var o overrideOptions
	c := &cobra.Command{
		Use:   "override DOMAIN",
		Short: "Put your own score or tier in the place of the model's, with a reason",
		Long: `Put your own score or tier in the place of the model's. The model goes on scoring the
account, and both are kept; yours is what counts: in the CRM, for the queue and for
tasks. It survives every new score until it expires or is taken back with --clear.

A tier moves the score just into it. --expires is a date, whose day (UTC) it still holds
for, a time, or how long: 30d. Without it the override holds until it is taken back.

Codes: ` + strings.Join(icp.OverrideCodes, ", ") + `.`,
		Example: `  starter company override acme.example --tier "Tier 1" --code strategic \
    --reason "board asked for a pilot" --by dana@ours.example --expires 30d
  starter company override acme.example --score 20 --code competitor --reason "resells a rival" --by dana@ours.example
  starter company override acme.example --clear --reason "pilot is over" --by dana@ours.example
  starter company override acme.example --list`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.scored = cmd.Flags().Changed("score")
			return override(cmd, o, args[0])
		},
	}
	f := c.Flags()
	f.IntVar(&o.score, "score", 0, "the score that is to count, in points of the model's scale")
	f.StringVar(&o.tier, "tier", "", "the tier that is to count")
	f.StringVar(&o.code, "code", "other", "the kind of reason")
	f.StringVar(&o.reason, "reason", "", "why, in words")
	f.StringVar(&o.by, "by", "", "who decides this")
	f.StringVar(&o.expires, "expires", "", "until when: a `date`, a time, or how long, such as 30d")
	f.BoolVar(&o.clear, "clear", false, "end the override that holds")
	f.BoolVar(&o.list, "list", false, "list what was decided on the company")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return c
}

// check finds flags that make no sense together before anything is opened.
func (o overrideOptions) check() error {
	decides := o.scored || o.tier != ""
	switch {
	case o.list && (o.clear || decides):
		return usagef("company override: --list goes alone")
	case o.clear && decides:
		return usagef("company override: give --clear, or --score or --tier")
	case o.list:
		return nil
	case !o.clear && o.scored == (o.tier != ""):
		return usagef("company override: give --score or --tier; a score has its tier, and a tier moves the score into it")
	case strings.TrimSpace(o.reason) == "":
		return usagef("company override: --reason: say why, so that the next quarterly review can learn from it")
	case strings.TrimSpace(o.by) == "":
		return usagef("company override: --by: say who decides this")
	}
	return nil
}

func override(cmd *cobra.Command, o overrideOptions, domain string) error {
	if err := o.check(); err != nil {
		return err
	}
	domain, err := account.NormalizeDomain(domain)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	a, err := open(ctx, (*app).withStore)
	if err != nil {
		return err
	}
	defer a.close()
	acc, err := a.account(ctx, cmd.ErrOrStderr(), domain)
	if err != nil {
		return err
	}
	if o.list {
		return a.listOverrides(cmd, acc, o.json)
	}
	if err := a.withTemporal(ctx); err != nil {
		return err
	}
	done, err := a.handIn(ctx, acc, o)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), done)
	}
	printOverridden(cmd.OutOrStdout(), done)
	return nil
}

// account is the account of the domain, with a CRM record if one has.
func (a *app) account(ctx context.Context, w io.Writer, domain string) (account.Account, error) {
	all, err := a.store.AccountsByDomain(ctx, domain)
	if err != nil {
		return account.Account{}, err
	}
	if len(all) == 0 {
		return account.Account{}, fmt.Errorf("%s is not known; run it with `starter company add --domain %s --wait`", domain, domain)
	}
	for _, other := range all[1:] {
		fmt.Fprintf(w, "Another CRM record has this domain, and is left as it is: %s\n", other.Key)
	}
	return all[0], nil
}

func (a *app) handIn(ctx context.Context, acc account.Account, o overrideOptions) (ingress.Overridden, error) {
	if o.clear {
		done, err := a.onboarder().ClearOverride(ctx, a.store, acc, o.by, o.reason)
		if errors.Is(err, account.ErrNotFound) {
			err = fmt.Errorf("no override holds for %s; `starter company override %s --list` shows what was decided", acc.Domain, acc.Domain)
		}
		return done, err
	}
	expires, err := ingress.ParseExpiry(o.expires, time.Now())
	if err != nil {
		return ingress.Overridden{}, err
	}
	in := store.Override{Override: icp.Override{Tier: o.tier, Code: o.code, ExpiresAt: expires}, Reason: o.reason, Author: o.by}
	if o.scored {
		in.Score = &o.score
	}
	return a.onboarder().Override(ctx, a.store, acc, in)
}

func printOverridden(w io.Writer, d ingress.Overridden) {
	switch {
	case d.State == store.PendingOverride:
		fmt.Fprintf(w, "Override %d is on record, and no worker has taken it up yet. Start one; if the override is still pending then, give it again.\n", d.ID)
		return
	case d.State == store.EndedOverride:
		fmt.Fprintf(w, "Override %d has ended: %s.\n", d.ID, d.Ended)
	case d.ExpiresAt.IsZero():
		fmt.Fprintf(w, "Override %d holds until it is taken back.\n", d.ID)
	default:
		fmt.Fprintf(w, "Override %d holds until %s.\n", d.ID, d.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if d.Tier == "" {
		fmt.Fprintln(w, "The company has no score yet: it counts from the first one on.")
		return
	}
	fmt.Fprintf(w, "What counts: %s, score %d → %s", d.Tier, d.Value, d.Queue)
	if d.Machine != nil {
		fmt.Fprintf(w, "; the model says: %s, score %d", d.Machine.Tier, d.Machine.Value)
	}
	if d.TaskID != "" {
		fmt.Fprintf(w, "; task %s", d.TaskID)
	}
	fmt.Fprintln(w)
	if !d.Done {
		fmt.Fprintln(w, "The CRM does not have it yet; it follows by itself.")
	}
}

func (a *app) listOverrides(cmd *cobra.Command, acc account.Account, asJSON bool) error {
	kept, err := a.store.Overrides(cmd.Context(), acc.ID)
	if err != nil {
		return err
	}
	all := make([]explain.Override, len(kept))
	for i, o := range kept {
		all[i] = explain.OverrideOf(o)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), all)
	}
	if len(all) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "Nobody has overridden the model on %s.\n", acc.Domain)
		return nil
	}
	printOverrides(cmd.OutOrStdout(), all)
	return nil
}

func printOverrides(w io.Writer, all []explain.Override) {
	t := newTable(w, "id", "decided", "code", "why", "by", "from", "until", "state")
	for _, o := range all {
		t.AppendRow(table.Row{o.ID, o.Decided(), o.Code, o.Reason, o.By, minute(o.BeganAt), minute(o.ExpiresAt), stateOf(o)})
	}
	t.Render()
}

// stateOf says how an override stands, or how it ended.
func stateOf(o explain.Override) string {
	switch {
	case o.State != store.EndedOverride && o.EndedBy != "":
		return o.State + ", taken back by " + o.EndedBy
	case o.State != store.EndedOverride:
		return o.State
	case o.Ended == store.Cleared:
		return fmt.Sprintf("cleared %s by %s: %s", minute(o.EndedAt), o.EndedBy, o.EndedReason)
	default:
		return o.Ended + " " + minute(o.EndedAt)
	}
}

// minute writes a time to the minute, in UTC.
func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// The share of accounts that may be worked otherwise than the model says, which
// published practice gives as 10 to 15 percent of prospecting.
const (
	leastExceptions = 0.10
	mostExceptions  = 0.15
)

// exceptions is what company overrides prints.
type exceptions struct {
	Overrides []exception `json:"overrides"`
	Share     struct {
		store.Share
		OverriddenShare  float64 `json:"overridden_share"` // of the scored accounts, 0 to 1
		ExplorationShare float64 `json:"exploration_share"`
		TogetherShare    float64 `json:"together_share"`
		Budget           string  `json:"budget"` // below, within or above 10 to 15 percent
	} `json:"share"`
}

// exception is an override with what the model said and says.
type exception struct {
	explain.Override
	Domain string          `json:"domain"`
	CRM    account.Key     `json:"crm,omitzero"`
	Then   ingress.Machine `json:"machine_then"`
	Now    ingress.Machine `json:"machine_now"`
}

func overridesCommand() *cobra.Command {
	var since string
	var asJSON, outcomes bool
	c := &cobra.Command{
		Use:   "overrides",
		Short: "List the overrides that hold, and their share against the budget",
		Long: `List the overrides that hold, beside what the model said when they began and says now;
and the share of accounts that are worked otherwise than the model says, by override or
for exploration, against the 10 to 15 percent of published practice.`,
		Example: `  starter company overrides
  starter company overrides --since 90d --json   # also those that ended since
  starter company overrides --outcomes           # did they win more than others?`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			if outcomes {
				return a.outcomes(cmd, asJSON)
			}
			return a.overrides(cmd, since, asJSON)
		},
	}
	c.Flags().BoolVar(&outcomes, "outcomes", false, "compare what became of these companies with all others, by the CRM's closed deals")
	c.Flags().StringVar(&since, "since", "", "also list those that ended within this `time`, such as 90d")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.MarkFlagsMutuallyExclusive("outcomes", "since")
	return c
}

func (a *app) overrides(cmd *cobra.Command, since string, asJSON bool) error {
	now := time.Now()
	from := now
	if since != "" {
		back, err := days(since)
		if err != nil {
			return usagef("--since: %w", err)
		}
		from = now.Add(-back)
	}
	all, err := a.store.Exceptions(cmd.Context(), from, now, since == "")
	if err != nil {
		return err
	}
	share, err := a.store.ExceptionShare(cmd.Context(), now)
	if err != nil {
		return err
	}
	out := exceptionsOf(all, share)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), out)
	}
	printExceptions(cmd.OutOrStdout(), out)
	return nil
}

func exceptionsOf(all []store.Exception, share store.Share) exceptions {
	out := exceptions{Overrides: make([]exception, len(all))}
	for i, e := range all {
		out.Overrides[i] = exception{
			Override: explain.OverrideOf(e.Override), Domain: e.Account.Domain, CRM: e.Account.Key,
			Then: ingress.Machine{Value: e.MachineValue, Tier: e.MachineTier}, Now: ingress.Machine{Value: e.NowValue, Tier: e.NowTier},
		}
	}
	s := &out.Share
	s.Share = share
	s.OverriddenShare, s.ExplorationShare, s.TogetherShare = share.Of(share.Overridden), share.Of(share.Exploration), share.Of(share.Together)
	switch {
	case s.TogetherShare < leastExceptions:
		s.Budget = "below"
	case s.TogetherShare > mostExceptions:
		s.Budget = "above"
	default:
		s.Budget = "within"
	}
	return out
}

func printExceptions(w io.Writer, e exceptions) {
	if len(e.Overrides) == 0 {
		fmt.Fprintln(w, "No override holds.")
	} else {
		t := newTable(w, "company", "decided", "model then", "model now", "code", "why", "by", "until", "state")
		for _, o := range e.Overrides {
			t.AppendRow(table.Row{o.Domain, o.Decided(), machineSays(o.Then), machineSays(o.Now), o.Code, o.Reason, o.By, minute(o.ExpiresAt), stateOf(o.Override)})
		}
		t.Render()
	}
	s := e.Share
	fmt.Fprintf(w, "\nOf %d scored companies %d (%.1f %%) are overridden and %d (%.1f %%) explored: together %.1f %%, %s the budget of %.0f to %.0f %%.\n",
		s.Scored, s.Overridden, 100*s.OverriddenShare, s.Exploration, 100*s.ExplorationShare, 100*s.TogetherShare, s.Budget,
		100*leastExceptions, 100*mostExceptions)
}

func machineSays(m ingress.Machine) string {
	if m.Tier == "" {
		return ""
	}
	return fmt.Sprintf("%s, %d", m.Tier, m.Value)
}
