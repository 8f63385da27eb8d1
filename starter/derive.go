package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/review"
)

func deriveCommand() *cobra.Command {
	var f dealFlags
	var o review.Options
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "derive [--deals FILE.csv --outcome COLUMN]",
		Short: "Propose a model from closed deals, with the evidence for each criterion",
		Long: `Propose a model from closed deals: one row a deal, one column with the outcome, every other
column an attribute of the account as it was known before. The model is a draft in YAML with the
evidence in its comments. Columns that give the outcome away are left out, with a warning. Where
nothing is reliable, nothing is proposed, and the exit status is 1. Without --deals, those of the
CRM that closed in the last 18 months are read. docs/deriving.md says how.`,
		Example: `  starter icp derive --deals deals.csv --outcome won --date created --out models/derived.yaml
  starter icp derive --deals deals.csv --accounts accounts.csv --id account --outcome stage --ignore rep,notes
  starter icp derive --deals customers.csv --value arr            # the best fifth against the rest`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			deals, err := f.read(cmd.Context(), "derive")
			if err != nil {
				return err
			}
			p, err := review.Derive(deals, o)
			if err != nil {
				return err
			}
			return propose(cmd, p, out, asJSON)
		},
	}
	f.add(c)
	c.Flags().StringSliceVar(&f.roles.Ignore, "ignore", nil, "columns that are not to be used")
	c.Flags().StringSliceVar(&o.Keep, "keep", nil, "columns to use although they give the outcome away")
	c.Flags().StringVar(&o.Name, "name", "derived", "name of the model")
	c.Flags().StringVar(&o.Owner, "owner", "unassigned", "who answers for the model")
	c.Flags().StringVar(&out, "out", "", "write the model to this file instead of printing it")
	c.Flags().BoolVar(&asJSON, "json", false, "print what was found, and the model, as JSON")
	return c
}

// propose shows a proposal, and writes its model where it is wanted. Warnings go to
// standard error, so that they are seen when the model goes to a file.
func propose(cmd *cobra.Command, p *review.Proposal, out string, asJSON bool) error {
	if p.Model != "" && out != "" {
		if err := writeWhole(out, []byte(p.Model)); err != nil {
			return err
		}
	}
	for _, l := range p.Leaks {
		fmt.Fprintf(cmd.ErrOrStderr(), "WARNING: %s\n", l)
	}
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), p); err != nil {
			return err
		}
	}
	switch {
	case p.Refused != "" && asJSON:
		return errReported
	case p.Refused != "":
		showNotes(cmd.ErrOrStderr(), p.Notes)
		return fmt.Errorf("icp derive: %s", p.Refused)
	case asJSON:
	case out == "":
		fmt.Fprint(cmd.OutOrStdout(), p.Model)
	default:
		showProposal(cmd.OutOrStdout(), p, out)
	}
	return nil
}

func showNotes(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(w, "Note: %s.\n", n)
	}
}

func showProposal(w io.Writer, p *review.Proposal, out string) {
	fmt.Fprintf(w, "%d deals: %s\n", p.Deals, p.Target)
	if at := p.HeldOut; at != nil {
		fmt.Fprintf(w, "AUC %.3f (95 %% %.3f to %.3f) on %s\n", at.Value, at.Low, at.High, p.HeldOutOn)
	}
	fmt.Fprintln(w)
	t := newTable(w, "points", "criterion", "evidence")
	for _, e := range p.Criteria {
		for i, c := range e.Credits {
			name := e.Name
			if i > 0 {
				name = ""
			}
			t.AppendRow([]any{fmt.Sprintf("%+d", c.Points), name, c.String()})
		}
	}
	t.Render()
	fmt.Fprintln(w)
	showNotes(w, p.Notes)
	fmt.Fprintf(w, "The draft is in %s; read it, then `starter icp backtest --model %s` on other deals.\n", out, out)
}

// writeWhole writes a file, or leaves what was there before.
func writeWhole(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".derived-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there any more once it has its name
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}
