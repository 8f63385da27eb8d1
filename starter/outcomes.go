package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
)

// outcomes compares the companies that people decided on, and those that were explored,
// with all others.
func (a *app) outcomes(cmd *cobra.Command, asJSON bool) error {
	ctx := cmd.Context()
	decisions, err := a.decisions(ctx)
	if err != nil {
		return err
	}
	if len(decisions) == 0 && !asJSON {
		fmt.Fprintln(cmd.OutOrStdout(), "Nobody has overridden a company of the CRM, and none was explored.")
		return nil
	}
	if err := a.withCRM(ctx); err != nil {
		return err
	}
	reader, ok := a.crm.(dealReader)
	if !ok {
		return errors.New("company overrides: --outcomes needs a CRM whose deals Sluice can read: set SLUICE_CRM and its credentials")
	}
	deals, err := reader.ClosedDeals(ctx, earliest(decisions))
	if err != nil {
		return fmt.Errorf("read the CRM's deals: %w", err)
	}
	closed := make([]review.Closed, len(deals))
	for i, d := range deals {
		closed[i] = review.Closed{Account: d.Company.String(), Won: d.Won, At: d.ClosedAt}
	}
	became := review.Outcomes(decisions, closed)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), became)
	}
	printOutcomes(cmd, became)
	return nil
}

// decisions are all overrides and draws for exploration of companies that are in the CRM.
func (a *app) decisions(ctx context.Context) ([]review.Decision, error) {
	overrides, err := a.store.Exceptions(ctx, time.Time{}, time.Now(), false)
	if err != nil {
		return nil, err
	}
	explored, err := a.store.Explored(ctx)
	if err != nil {
		return nil, err
	}
	var all []review.Decision
	for _, o := range overrides {
		if !o.Account.Key.IsZero() {
			all = append(all, review.Decision{Account: o.Account.Key.String(), Group: groupOf(o), At: o.BeganAt})
		}
	}
	for _, e := range explored {
		if !e.Account.Key.IsZero() {
			all = append(all, review.Decision{Account: e.Account.Key.String(), Group: "explored", At: e.Since})
		}
	}
	return all, nil
}

// groupOf says what a person did to the score, and why.
func groupOf(o store.Exception) string {
	did := "confirmed"
	switch {
	case o.Counted > o.MachineValue:
		did = "raised"
	case o.Counted < o.MachineValue:
		did = "lowered"
	}
	return did + ": " + strings.ReplaceAll(o.Code, "_", " ")
}

func earliest(decisions []review.Decision) time.Time {
	first := time.Now()
	for _, d := range decisions {
		if d.At.Before(first) {
			first = d.At
		}
	}
	return first
}

func printOutcomes(cmd *cobra.Command, became []review.Became) {
	t := newTable(cmd.OutOrStdout(), "companies that were", "companies", "deals closed since", "won", "win rate", "95 %")
	for _, b := range became {
		rate, interval := "", ""
		if b.WinRate != nil {
			rate = fmt.Sprintf("%.0f %%", 100*b.WinRate.Value)
			interval = fmt.Sprintf("%.0f to %.0f %%", 100*b.WinRate.Low, 100*b.WinRate.High)
		}
		t.AppendRow(table.Row{b.Group, b.Accounts, b.Deals, b.Won, rate, interval})
	}
	t.Render()
}
