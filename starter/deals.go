package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/crm"
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

// read reads the deals: of the file, or of the CRM where one is set and no file is
// given. What is wrong with a file is said with its name and place.
func (f *dealFlags) read(ctx context.Context, command string) (*review.Deals, error) {
	switch {
	case f.deals == "" && os.Getenv("SLUICE_CRM") != "":
		return f.fromCRM(ctx, command)
	case f.deals == "":
		return nil, usagef("icp %s: --deals is missing; export the closed deals of the last 18 months from the CRM, one row a deal, and give the file (with SLUICE_CRM set, they are read from there)", command)
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

// dealMonths is how far back the CRM's deals are read: the published 18 months.
const dealMonths = 18

// fromCRM reads the CRM's deals. Their columns are given.
func (f *dealFlags) fromCRM(ctx context.Context, command string) (*review.Deals, error) {
	if f.accounts != "" || f.roles.Outcome != "" || f.roles.ID != "" || f.roles.Date != "" || f.roles.Value != "" {
		return nil, usagef("icp %s: --outcome, --id, --date, --value and --accounts are about a file; give it with --deals", command)
	}
	a, err := open(ctx, (*app).withCRM)
	if err != nil {
		return nil, err
	}
	defer a.close()
	closed, err := a.crm.ClosedDeals(ctx, time.Now().AddDate(0, -dealMonths, 0))
	if err != nil {
		return nil, fmt.Errorf("read the CRM's deals: %w", err)
	}
	if len(closed) == 0 {
		return nil, fmt.Errorf("icp %s: the CRM has no deals that closed in the last %d months", command, dealMonths)
	}
	f.roles.Outcome, f.roles.ID, f.roles.Date, f.roles.Value = "won", "company_id", "closed_on", "amount"
	deals, err := review.NewDeals(crmTable(closed), f.roles)
	if err == nil {
		deals.Notes = append(deals.Notes, "the CRM says what is known of companies now, not what was known before the deal: customers may be known better, which would make what is filled in look telling")
	}
	return deals, err
}

// crmTable makes a table of the CRM's deals, with a column for each property.
func crmTable(deals []crm.Deal) *review.Table {
	about := map[string]bool{}
	for _, d := range deals {
		for name := range d.About {
			about[name] = true
		}
	}
	properties := slices.Sorted(maps.Keys(about))
	rows := make([][]string, len(deals))
	for i, d := range deals {
		rows[i] = []string{d.Company.ID, d.ClosedAt.Format(time.DateOnly), strconv.FormatBool(d.Won), d.Amount}
		for _, name := range properties {
			rows[i] = append(rows[i], strings.TrimSpace(d.About[name]))
		}
	}
	return review.NewTable("the CRM's deals", append([]string{"company_id", "closed_on", "won", "amount"}, properties...), rows)
}

func readTable(name string) (*review.Table, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return review.ReadTable(name, f)
}
