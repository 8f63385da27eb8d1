package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/ingress"
)

func refreshCommand() *cobra.Command {
	var wait, asJSON bool
	c := &cobra.Command{
		Use:   "refresh DOMAIN",
		Short: "Look at a company again: its CRM record, providers, score and effects",
		Long: `Look at a company again. The run under way takes it in; a finished one is followed by a new
one. The CRM's record is read anew, and providers are asked where their answer is older than
it stays good, within the budgets; nothing that is paid for and fresh is bought again.`,
		Example: "  starter company refresh acme.example --wait",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			domain, err := account.NormalizeDomain(args[0])
			if err != nil {
				return err
			}
			a, err := open(cmd.Context(), (*app).withStore, (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			runs, err := a.refresh(cmd.Context(), domain)
			if err != nil {
				return err
			}
			for _, other := range runs[1:] {
				fmt.Fprintf(cmd.ErrOrStderr(), "Another CRM record has this domain, and is looked at, too: %s\n", other.WorkflowID)
			}
			if !wait {
				return printStarted(cmd, asJSON, runs[0])
			}
			return a.await(cmd.Context(), cmd, asJSON, runs[0])
		},
	}
	c.Flags().BoolVar(&wait, "wait", false, "wait until the company is through, and print what it came to")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// refresh has all accounts of a domain looked at again.
func (a *app) refresh(ctx context.Context, domain string) ([]ingress.Run, error) {
	accounts, err := a.store.AccountsByDomain(ctx, domain)
	if err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		return nil, fmt.Errorf("%s is not known; run it with `starter company add --domain %s --wait`", domain, domain)
	}
	asked := "asked/" + time.Now().UTC().Format(time.RFC3339Nano)
	runs := make([]ingress.Run, len(accounts))
	for i, acc := range accounts {
		c := ingress.Company{Key: acc.Key, Domain: acc.Domain, Name: acc.Name, Priority: ingress.AskedFor}
		if runs[i], err = a.onboarder().Refresh(ctx, c, asked); err != nil {
			return nil, err
		}
	}
	return runs, nil
}
