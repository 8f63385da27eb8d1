package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/review"
)

// dealFlags say where closed deals are and what their columns are.
type dealFlags struct {
	deals, accounts string
	roles           review.Roles
}

func (f *dealFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.deals, "deals", "", "CSV file, one row a deal")
	flags.StringVar(&f.accounts, "accounts", "", "CSV file with more about the accounts, joined by the column that both files have, or by --id")
	flags.StringVar(&f.roles.Outcome, "outcome", "", "column that says who won: 1 or 0, won or lost, yes or no, …")
	flags.StringSliceVar(&f.roles.Won, "won", nil, "words of that column that mean won; all others then mean lost")
	flags.StringVar(&f.roles.ID, "id", "", "column with the account's id; its deals stay together when models are tried out")
	flags.StringVar(&f.roles.Date, "date", "", "column with the deal's date; later deals are held against what earlier ones taught")
	flags.StringVar(&f.roles.Value, "value", "", "column with the contract's yearly value")
	flags.StringVar(&f.roles.Retention, "retention", "", "column with the share of the value that stayed (default: one of that name)")
	flags.StringVar(&f.roles.Expansion, "expansion", "", "column with the share by which it grew (default: one of that name)")
	flags.StringVar(&f.roles.Churned, "churned", "", "column that says whether the customer was lost again (default: one of that name)")
	flags.StringSliceVar(&f.roles.Missing, "missing", nil, "words that say nothing, beside empty cells, n/a, none, null, unknown, select, - and the like")
}

// read reads the deals. What is wrong with a file is said with its name and place.
func (f *dealFlags) read(command string) (*review.Deals, error) {
	switch {
	case f.deals == "":
		return nil, usagef("icp %s: --deals is missing; export the closed deals of the last 18 months from the CRM, one row a deal, and give the file", command)
	case f.roles.Outcome == "" && f.roles.Value == "":
		return nil, usagef("icp %s: --outcome is missing; it names the column that says whether a deal was won (or --value alone, for a list of customers)", command)
	}
	table, err := readTable(f.deals)
	if err != nil {
		return nil, err
	}
	without := 0
	if f.accounts != "" {
		accounts, err := readTable(f.accounts)
		if err != nil {
			return nil, err
		}
		if table, without, err = table.Join(accounts, f.roles.ID); err != nil {
			return nil, err
		}
	}
	deals, err := review.NewDeals(table, f.roles)
	if err == nil && without > 0 {
		deals.Notes = append(deals.Notes, fmt.Sprintf("%d rows have no account in %s: its columns are unknown there", without, f.accounts))
	}
	return deals, err
}

func readTable(name string) (*review.Table, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return review.ReadTable(name, f)
}
