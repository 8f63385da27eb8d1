package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/workflows"
)

func companyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "company",
		Short:   "Add, import, refresh, explain, override and forget companies",
		Example: "  starter company add --domain acme.example --wait\n  starter company import accounts.csv --wait\n  starter company explain acme.example",
	}
	c.AddCommand(addCommand(), importCommand(), refreshCommand(), explainCommand(), overrideCommand(), overridesCommand(), forgetCommand())
	return c
}

// addOptions are the flags of company add.
type addOptions struct {
	domain, name, crmID string
	create, wait, json  bool
}

func addCommand() *cobra.Command {
	var o addOptions
	c := &cobra.Command{
		Use:   "add",
		Short: "Run one company: enrich, score, route, write to the CRM",
		Long: `Run one company. Without --crm-id it is looked up in the CRM by its domain; where the
CRM has no such company, the result stays in Sluice unless --create makes the record.
A company that has a run already is not run again: its result is shown.`,
		Example: `  starter company add --domain acme.example --wait
  starter company add --crm-id 512 --wait --json
  starter company add --domain acme.example --name "Acme" --create`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return add(cmd, o) },
	}
	f := c.Flags()
	f.StringVar(&o.domain, "domain", "", "the company's domain or website")
	f.StringVar(&o.name, "name", "", "the company's name")
	f.StringVar(&o.crmID, "crm-id", "", "the id of the CRM record")
	f.BoolVar(&o.create, "create", false, "create the CRM record if there is none")
	f.BoolVar(&o.wait, "wait", false, "wait until the company is through, and print what it came to")
	f.BoolVar(&o.json, "json", false, "print JSON")
	return c
}

func add(cmd *cobra.Command, o addOptions) error {
	if o.domain == "" && o.name == "" && o.crmID == "" {
		return usagef("company add: give --domain, --name or --crm-id")
	}
	c, err := o.company()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	a, err := open(ctx, (*app).withStore, (*app).withTemporal, (*app).withCRM)
	if err != nil {
		return err
	}
	defer a.close()
	c, err = a.find(ctx, cmd, o, c)
	if err != nil {
		return err
	}
	run, err := a.onboarder().Start(ctx, c)
	if err != nil {
		return err
	}
	if !o.wait {
		return printStarted(cmd, o.json, run)
	}
	return a.await(ctx, cmd, o.json, run)
}

// company is what the flags say of the company.
func (o addOptions) company() (ingress.Company, error) {
	c := ingress.Company{Name: strings.TrimSpace(o.name), Priority: ingress.AskedFor}
	if err := ingress.CheckName(c.Name); err != nil {
		return c, err
	}
	if o.domain == "" {
		return c, nil
	}
	domain, err := account.NormalizeDomain(o.domain)
	c.Domain = domain
	return c, err
}

// find settles which company is meant: by the CRM id, or by what the CRM has under
// the domain.
func (a *app) find(ctx context.Context, cmd *cobra.Command, o addOptions, c ingress.Company) (ingress.Company, error) {
	if o.crmID != "" {
		if a.crm == nil {
			return c, errors.New("--crm-id needs a CRM: set SLUICE_CRM and its credentials")
		}
		c.Key = a.crm.Key(o.crmID)
		return c, account.CheckKey(c.Key)
	}
	if a.crm == nil || c.Domain == "" {
		if o.create {
			return c, errors.New("--create needs a CRM and a domain: set SLUICE_CRM and its credentials, give --domain")
		}
		return c, nil
	}
	c, others, err := a.onboarder().Find(ctx, c)
	if err != nil {
		return c, err
	}
	if others > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "The CRM has %d companies with the domain %s; taking %s. Merge them, or name one with --crm-id.\n",
			1+others, c.Domain, c.Key)
	}
	if c.Key.IsZero() && o.create {
		created, err := a.create(ctx, c)
		c.Key = created.Key
		return c, err
	}
	return c, nil
}

func (a *app) create(ctx context.Context, c ingress.Company) (crm.Company, error) {
	name := c.Name
	if name == "" {
		name = c.Domain
	}
	created, err := a.crm.CreateCompany(ctx, name, c.Domain)
	if err != nil {
		return crm.Company{}, fmt.Errorf("create %s in the CRM (look there before you try again): %w", c.Domain, err)
	}
	return created, nil
}

func printStarted(cmd *cobra.Command, asJSON bool, run ingress.Run) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), run)
	}
	verb := "has a run already:"
	if run.Started {
		verb = "started:"
	}
	fmt.Fprintln(cmd.OutOrStdout(), verb, run.WorkflowID)
	return nil
}

// await waits for the run and prints the account as it is then. A run that has acted
// on what it knows and comes back for a provider that is down is not waited for.
func (a *app) await(ctx context.Context, cmd *cobra.Command, asJSON bool, run ingress.Run) error {
	end, done, err := standing{}, false, error(nil)
	for !done && err == nil {
		end, done, err = a.look(ctx, run)
	}
	if err != nil {
		return err
	}
	if end.Failed != nil {
		return fmt.Errorf("%s failed; see it in the Temporal UI, mend the cause and add it again: %w", run.WorkflowID, end.Failed)
	}
	c := explain.Company{WorkflowID: run.WorkflowID, RunID: run.RunID, Domain: end.Domain}
	if end.AccountID != 0 {
		acc, err := a.store.Account(ctx, end.AccountID)
		if err != nil {
			return err
		}
		if c, err = explain.Account(ctx, a.store, acc); err != nil {
			return err
		}
	}
	c.Status, c.Reason = end.Status.Status, end.Reason
	if end.Waits != "" {
		c.Reason = "waits for the " + end.Waits + ", and corrects the score by itself when it is back"
	}
	if err := show(cmd, asJSON, c); err != nil {
		return err
	}
	if end.Status.Status == workflows.Refused {
		return errReported
	}
	return nil
}

func explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "explain DOMAIN",
		Short:   "Show what is known of a company, and why it has its score",
		Example: "  starter company explain acme.example\n  starter company explain acme.example --json | jq .criteria",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			domain, err := account.NormalizeDomain(args[0])
			if err != nil {
				return err
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			all, err := explain.Domain(cmd.Context(), a.store, domain)
			if errors.Is(err, account.ErrNotFound) {
				return fmt.Errorf("%s is not known; run it with `starter company add --domain %s --wait`", domain, domain)
			}
			if err != nil {
				return err
			}
			for _, c := range all[1:] {
				fmt.Fprintf(cmd.ErrOrStderr(), "Another CRM record has this domain: %s\n", c.CRM)
			}
			return show(cmd, asJSON, all[0])
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
