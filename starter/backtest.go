package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/review"
)

func backtestCommand() *cobra.Command {
	var f dealFlags
	var model, against, plot string
	var asJSON bool
	c := &cobra.Command{
		Use:   "backtest --model MODEL --deals FILE.csv --outcome COLUMN",
		Short: "Hold a model against closed deals: would it have told the won from the lost?",
		Long: `Hold a model file or a shipped model against closed deals. Each deal is scored from the columns
that are called like the model's fields, as of its date. AUC is the chance that a won deal scores
above a lost one: 0.5 is a coin, 1 is perfect. Use deals that the model was not derived from.`,
		Example: `  starter icp backtest --model models/derived.yaml --deals later.csv --outcome won --plot backtest.svg
  starter icp backtest --model derived.yaml --against revops --deals later.csv --outcome won --value arr --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if model == "" {
				return usagef("icp backtest: --model is missing")
			}
			deals, err := f.read(cmd.Context(), "backtest")
			if err != nil {
				return err
			}
			b, err := backtested(deals, model, against)
			if err != nil {
				return err
			}
			if err := writePlot(plot, b); err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), b)
			}
			b.show(cmd.OutOrStdout())
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&model, "model", "", "model file, or the name of a model")
	c.Flags().StringVar(&against, "against", "", "another model, to be compared on the same deals")
	c.Flags().StringVar(&plot, "plot", "", "draw win rate by tier and the gain curve into this SVG file")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// backtestResult is what backtest prints: one model, and another to hold it against.
type backtestResult struct {
	*review.Backtest
	Against    *review.Backtest `json:"against,omitempty"`
	Difference *review.Interval `json:"auc_difference,omitempty"` // the first less the other, paired
}

func backtested(deals *review.Deals, model, against string) (*backtestResult, error) {
	b, err := backtestOne(deals, model)
	if err != nil || against == "" {
		return &backtestResult{Backtest: b}, err
	}
	other, err := backtestOne(deals, against)
	if err != nil {
		return nil, err
	}
	r := &backtestResult{Backtest: b, Against: other}
	if d := b.Difference(other); !math.IsNaN(d.Value) {
		r.Difference = &d
	}
	return r, nil
}

func backtestOne(deals *review.Deals, model string) (*review.Backtest, error) {
	m, err := modelNamed(model)
	if err != nil {
		return nil, err
	}
	return deals.Backtest(m, time.Now())
}

func writePlot(file string, b *backtestResult) error {
	if file == "" {
		return nil
	}
	var drawn bytes.Buffer
	review.Plot(&drawn, b.Backtest, b.Against)
	return writeWhole(file, drawn.Bytes())
}

func (b *backtestResult) show(w io.Writer) {
	showBacktest(w, b.Backtest)
	if b.Against == nil {
		return
	}
	fmt.Fprintln(w)
	showBacktest(w, b.Against)
	if d := b.Difference; d != nil {
		verdict := "no difference that chance could not make"
		switch {
		case d.Low > 0:
			verdict = b.Model + " tells them apart better"
		case d.High < 0:
			verdict = b.Against.Model + " tells them apart better"
		}
		fmt.Fprintf(w, "\nDifference in AUC, %s less %s: %+.3f (95 %% %+.3f to %+.3f): %s\n", b.Model, b.Against.Model, d.Value, d.Low, d.High, verdict)
	}
}

func showBacktest(w io.Writer, b *review.Backtest) {
	fmt.Fprintf(w, "%s on %d deals, %d won: %s\n", b.Model, b.N, b.Won, b.Target)
	fmt.Fprintf(w, "AUC %s (95 %% %s to %s), lift of the best fifth %s (%s to %s), %.0f %% of inputs unknown\n\n",
		figure(b.AUC), figure(b.AUCLow), figure(b.AUCHigh), figure(b.LiftAt20), figure(b.LiftLow), figure(b.LiftHigh), 100*b.Missing)
	header := []string{"tier", "from", "deals", "won", "win rate", "95 %"}
	if len(b.Churn) > 0 {
		header = append(header, "churn")
	}
	if len(b.Revenue) > 0 {
		header = append(header, "revenue")
	}
	t := newTable(w, header...)
	for _, tier := range b.Tiers {
		row := table.Row{tier.Name, tier.Min, tier.Deals, tier.Won, share(tier.WinRate), fmt.Sprintf("%.0f to %.0f %%", 100*tier.WinRateLow, 100*tier.WinRateHigh)}
		if len(b.Churn) > 0 {
			row = append(row, share(b.Churn[tier.Name]))
		}
		if len(b.Revenue) > 0 {
			row = append(row, fmt.Sprintf("%.0f", float64(b.Revenue[tier.Name])))
		}
		t.AppendRow(row)
	}
	t.Render()
	showNotes(w, b.Notes)
}

func figure(f review.Figure) string {
	if math.IsNaN(float64(f)) {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(f))
}

func share(f review.Figure) string {
	if math.IsNaN(float64(f)) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(f))
}
