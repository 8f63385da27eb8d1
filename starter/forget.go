package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/ingress"
)

// forgetOptions are the flags of company forget.
type forgetOptions struct {
	by, reason         string
	dryRun, lift, json bool
}

func forgetCommand() *cobra.Command {
	var o forgetOptions
	c := &cobra.Command{
		Use:   "forget DOMAIN",
		Short: "Erase a company and its people everywhere in Sluice",
		Long: `Erase a company: its facts, cached answers, scores, signals, contacts, overrides and effects in
Postgres, and the histories of its runs in Temporal, also of those under way. With
SLUICE_PAYLOAD_KEYS, copies of these histories cannot be opened any more. It is not put on
record again by a webhook or an import, until --lift says so: of the company itself only digests
are kept, to know it by.

It reports which providers were asked about the company. What they keep, and the CRM's own
record with our properties, notes and tasks, is theirs to erase.`,
		Example: `  starter company forget acme.example --dry-run
  starter company forget acme.example --by dpo@ours.example --reason "request of 2026-11-20"
  starter company forget acme.example --lift`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			domain, err := account.NormalizeDomain(args[0])
			if err != nil {
				return err
			}
			if o.lift && o.dryRun {
				return usagef("company forget: --lift and --dry-run make no sense together")
			}
			a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			if o.lift {
				if err := a.withCRM(cmd.Context()); err != nil {
					return err
				}
				return a.lift(cmd, domain)
			}
			return a.forget(cmd, domain, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.by, "by", "", "who asked for it")
	f.StringVar(&o.reason, "reason", "", "why, in words that do not name the company")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be erased, and erase nothing")
	f.BoolVar(&o.lift, "lift", false, "let a company that was erased be followed again")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return c
}

func (a *app) lift(cmd *cobra.Command, domain string) error {
	err := a.onboarder().Lift(cmd.Context(), a.store, domain)
	if errors.Is(err, account.ErrNotFound) {
		return fmt.Errorf("%s was not erased: there is nothing to lift", domain)
	}
	if err == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "%s may be followed again: starter company add --domain %s\n", domain, domain)
	}
	return err
}

func (a *app) forget(cmd *cobra.Command, domain string, o forgetOptions) error {
	var f ingress.Forgotten
	var err error
	if o.dryRun {
		f, err = a.onboarder().WouldForget(cmd.Context(), a.store, domain)
	} else {
		f, err = a.onboarder().Forget(cmd.Context(), a.store, domain, o.by, o.reason)
	}
	switch {
	case err != nil:
		return err
	case o.json:
		return printJSON(cmd.OutOrStdout(), f)
	}
	printForgotten(cmd.OutOrStdout(), f, o.dryRun)
	return nil
}

func printForgotten(w io.Writer, f ingress.Forgotten, dryRun bool) {
	did := "erased"
	if dryRun {
		did = "would be erased"
	}
	fmt.Fprintf(w, "%s: %d accounts and %d histories %s\n", f.Domain, f.Accounts, f.Histories, did)
	for _, table := range slices.Sorted(maps.Keys(f.Rows)) {
		fmt.Fprintf(w, "  %-14s %d rows\n", table, f.Rows[table])
	}
	if len(f.Providers) > 0 {
		fmt.Fprintln(w, "Providers that were asked about it, and may keep that:")
	}
	for _, p := range f.Providers {
		fmt.Fprintf(w, "  %-14s %d calls, %s to %s\n", p.Provider, p.Calls, p.First.Format(time.DateOnly), p.Last.Format(time.DateOnly))
	}
	if len(f.Records) > 0 {
		fmt.Fprintf(w, "Delete in the CRM what is to go there, too: %s\n", strings.Join(f.Records, ", "))
	}
}
