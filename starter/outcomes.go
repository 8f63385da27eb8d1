package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/review"
)

// outcomes compares the companies that people decided on, and those that were explored,
// with all others, as the quarterly review does.
func (a *app) outcomes(cmd *cobra.Command, asJSON bool) error {
	ctx := cmd.Context()
	decisions, err := activities.Decisions(ctx, a.store, time.Now())
	if err != nil {
		return err
	}
	if len(decisions) == 0 && !asJSON {
		fmt.Fprintln(cmd.OutOrStdout(), "Nobody has overridden a company of the CRM, and none was explored.")
		return nil
	}
	if err := a.readDeals(ctx, cmd.ErrOrStderr()); err != nil {
		return err
	}
	closed, err := activities.ClosedSince(ctx, a.store, decisions)
	if err != nil {
		return err
	}
	became := review.Outcomes(decisions, closed)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), became)
	}
	printOutcomes(cmd, became)
	return nil
}

// readDeals brings the CRM's deals on record, from where the last reading ended.
func (a *app) readDeals(ctx context.Context, w io.Writer) error {
	if err := a.withCRM(ctx); err != nil {
		return err
	}
	if a.crm == nil {
		return errors.New("company overrides: --outcomes needs a CRM whose deals Sluice can read: set SLUICE_CRM and its credentials")
	}
	bar := newBar(w, -1, "deals read")
	defer func() { _ = bar.Finish() }()
	reader := activities.DealReader{From: a.crm, Store: a.store}
	read := activities.ReadDealsResult{More: true}
	for first := true; read.More; first = false {
		var err error
		read, err = reader.Read(ctx, first, 1)
		_ = bar.Add(read.Read)
		switch wait, again := worthRepeating(err); {
		case errors.Is(err, crm.ErrNotGranted):
			return errors.New("the CRM's key may not read deals: grant it the scope crm.objects.deals.read")
		case err != nil && !again:
			return fmt.Errorf("read the CRM's deals: %w", err)
		case err != nil:
			return fmt.Errorf("read the CRM's deals: %w; try again in %s, it goes on from there", err, wait)
		}
	}
	return nil
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
