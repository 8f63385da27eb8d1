package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/strictyaml"
)

func journalCommand() *cobra.Command {
	var run, since string
	var asJSON bool
	c := &cobra.Command{
		Use:   "journal DOMAIN",
		Short: "List what was written to a company's records in the CRM, with the values before",
		Long: `List every write to the CRM for a company: when, by which run, which property of which
record, what was there before and what came in its place; and what was left as it was, for a
person's value (kept), by the property's policy (held) or until somebody approves it (staged).
Notes and tasks are told by a digest of their text. It goes back as far as crm.journal in
sluice.yaml says.`,
		Example: `  starter crm journal acme.example --since 7d
  starter crm journal acme.example --run 0199b2c4-… --json | jq '.[] | select(.state == "written")'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var from time.Time
			if since != "" {
				back, err := days(since)
				if err != nil {
					return usagef("--since: %w", err)
				}
				from = time.Now().Add(-back)
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			accounts, err := a.ofKnownDomain(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			all := []store.Entry{}
			for _, acc := range accounts {
				entries, err := a.store.Journal(cmd.Context(), acc.ID, run, from)
				if err != nil {
					return err
				}
				all = append(all, entries...)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			printJournal(cmd.OutOrStdout(), all)
			return nil
		},
	}
	c.Flags().StringVar(&run, "run", "", "only what the run with this `id` wrote")
	c.Flags().StringVar(&since, "since", "", "only what was written since then, such as 7d (default: all that is kept)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// ofKnownDomain returns the accounts of a domain, of which there is one at least.
func (a *app) ofKnownDomain(ctx context.Context, text string) ([]account.Account, error) {
	domain, err := account.NormalizeDomain(text)
	if err != nil {
		return nil, err
	}
	accounts, err := a.store.AccountsByDomain(ctx, domain)
	if err == nil && len(accounts) == 0 {
		err = fmt.Errorf("%s is not known; run it with `starter company add --domain %s --wait`", domain, domain)
	}
	return accounts, err
}

// shownValue is how much of a value is printed for people.
const shownValue = 40

func printJournal(w io.Writer, all []store.Entry) {
	if len(all) == 0 {
		fmt.Fprintln(w, "Nothing was written.")
		return
	}
	t := newTable(w, "when", "record", "property", "before", "after", "state", "run")
	for _, e := range all {
		state := strings.TrimSpace(string(e.State) + " " + e.Reason)
		if e.Undoes != 0 {
			state += " (undo)"
		}
		t.AppendRow(table.Row{
			e.TriedAt.UTC().Format("2006-01-02 15:04:05"), e.Object + " " + e.RecordID, e.Property,
			strictyaml.Clip(e.Before, shownValue), strictyaml.Clip(e.After, shownValue), state, e.RunID,
		})
	}
	t.Render()
}

func refillCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "refill DOMAIN PROPERTY…",
		Short: "Let Sluice fill properties again that somebody has emptied",
		Long: `Let Sluice fill properties of a company again. A value of ours that somebody emptied stays
empty, as a decision of theirs: this takes it back. The next decision on the account fills the
properties, if they are still empty then.`,
		Example: "  starter crm refill acme.example icp_tier owner && starter company refresh acme.example",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			companies, _ := crm.Writable()
			empty := map[string]string{}
			for _, property := range args[1:] {
				known := false
				for _, name := range companies {
					known = known || name == property
				}
				if !known {
					return usagef("crm refill: Sluice writes no property %q to companies%s", property, strictyaml.DidYouMean(property, companies))
				}
				empty[property] = ""
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			accounts, err := a.ofKnownDomain(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, acc := range accounts {
				err := a.store.OwnValues(cmd.Context(), crm.EffectKey(acc.Key, crm.PropertiesEffect, ""), empty)
				if errors.Is(err, account.ErrNotFound) {
					return fmt.Errorf("nothing was written to %s, or a run is at it just now: try again", cmp.Or(acc.Key.String(), acc.Domain))
				}
				if err != nil {
					return err
				}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The next decision fills them: starter company refresh %s\n", args[0])
			return nil
		},
	}
}
