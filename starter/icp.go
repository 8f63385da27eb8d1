package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
)

func icpCommand() *cobra.Command {
	c := &cobra.Command{Use: "icp", Short: "Validate, show and try ICP models"}
	c.AddCommand(validateCommand(), showModelCommand(), scoreCommand())
	return c
}

func validateCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "validate FILE",
		Short:   "Check a model file, and report every mistake with its place",
		Example: "  starter icp validate models/revops.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := config.LoadModel(args[0])
			if asJSON {
				return validateJSON(cmd, err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is valid: %s, %d criteria, %d tiers\n", args[0], m.ID(), len(m.Criteria), len(m.Tiers))
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the mistakes as JSON")
	return c
}

func validateJSON(cmd *cobra.Command, err error) error {
	mistakes := []icp.Mistake{}
	if bad, ok := errors.AsType[*icp.ParseError](err); ok {
		mistakes = bad.Mistakes
	} else if err != nil {
		return err
	}
	if err := printJSON(cmd.OutOrStdout(), map[string]any{"valid": len(mistakes) == 0, "mistakes": mistakes}); err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return errReported
	}
	return nil
}

func showModelCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show [NAME]",
		Short:   "Show a model, or list the models there are",
		Example: "  starter icp show\n  starter icp show revops",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			models, err := config.LoadModels(os.Getenv("SLUICE_MODEL_DIR"))
			if err != nil {
				return err
			}
			if len(args) == 0 {
				listModels(cmd, models)
				return nil
			}
			m, ok := models[args[0]]
			if !ok {
				return fmt.Errorf("no model is called %q; `starter icp show` lists them", args[0])
			}
			fmt.Fprint(cmd.OutOrStdout(), m.Source)
			return nil
		},
	}
}

func listModels(cmd *cobra.Command, models map[string]*icp.Model) {
	t := newTable(cmd.OutOrStdout(), "model", "owner", "criteria", "tiers")
	names := make([]string, 0, len(models))
	for name := range models {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		m := models[name]
		var tiers []string
		for _, tier := range m.Tiers {
			tiers = append(tiers, fmt.Sprintf("%s ≥ %d", tier.Name, tier.Min))
		}
		t.AppendRow(table.Row{m.ID(), m.Owner, len(m.Criteria), strings.Join(tiers, ", ")})
	}
	t.Render()
}

func scoreCommand() *cobra.Command {
	var file string
	var asJSON bool
	c := &cobra.Command{
		Use:   "score MODEL --account ACCOUNT.json",
		Short: "Score one account with a model, without any run",
		Long: `Score one account with a model file or a shipped model, without any run, provider or
database. ACCOUNT.json is one flat object, field → value; "signals" lists events.`,
		Example: `  echo '{"industry": "saas", "employees": 120, "technologies": ["hubspot"],
         "signals": [{"kind": "funding", "occurred_at": "2026-11-01"}]}' > account.json
  starter icp score revops --account account.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return usagef("icp score: --account is missing")
			}
			return scoreAccount(cmd, args[0], file, asJSON)
		},
	}
	c.Flags().StringVar(&file, "account", "", "the account, a JSON file; - for standard input")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func scoreAccount(cmd *cobra.Command, model, file string, asJSON bool) error {
	m, err := modelNamed(model)
	if err != nil {
		return err
	}
	data, err := readFile(cmd, file)
	if err != nil {
		return err
	}
	now := time.Now()
	facts, signals, err := readAccount(data, now)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s := icp.Rate(m, facts, append(signals, facts.Signals()...), now)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), s)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s under %s\n\n", s, m.ID())
	t := newTable(w, "points", "of", "criterion", "why")
	for _, r := range s.Criteria {
		t.AppendRow(table.Row{fmt.Sprintf("%+d", r.Points), r.Max, r.Name, r.Reason})
	}
	t.Render()
	return nil
}

// modelNamed reads a model file, or takes a shipped model by its name.
func modelNamed(name string) (*icp.Model, error) {
	m, err := config.LoadModel(name)
	if errors.Is(err, fs.ErrNotExist) && slices.Contains(icp.Shipped(), name) {
		return icp.Load(name)
	}
	return m, err
}

// readAccount reads a flat object of fields, strictly.
func readAccount(data []byte, at time.Time) (account.Facts, []account.Signal, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, nil, account.Invalid("account", "not a JSON object of fields: "+err.Error())
	}
	var signals []account.Signal
	if given, ok := raw["signals"]; ok {
		delete(raw, "signals")
		var err error
		if signals, err = readSignals(given); err != nil {
			return nil, nil, err
		}
	}
	facts := account.Facts{}
	for name, value := range raw {
		fact, err := readFact(account.Field(name), value, at)
		if err != nil {
			return nil, nil, err
		}
		if !fact.Value.IsZero() {
			facts[fact.Field] = fact
		}
	}
	return facts, signals, nil
}

func readFact(field account.Field, raw json.RawMessage, at time.Time) (account.Fact, error) {
	kind, ok := field.Kind()
	if !ok {
		return account.Fact{}, account.Invalid(string(field), "no such field; docs/models.md lists them")
	}
	var v account.Value
	if err := json.Unmarshal(raw, &v); err != nil {
		return account.Fact{}, account.Invalid(string(field), err.Error())
	}
	if !v.IsZero() { // null: not known
		var err error
		if v, err = v.As(kind); err != nil {
			return account.Fact{}, account.Invalid(string(field), err.Error())
		}
	}
	return account.Fact{Field: field, Value: v, Provider: "given", Confidence: 1, ObservedAt: at}, nil
}

func readSignals(raw json.RawMessage) ([]account.Signal, error) {
	var given []struct {
		Kind       string `json:"kind"`
		OccurredAt string `json:"occurred_at"`
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return nil, account.Invalid("signals", `want a list such as [{"kind": "funding", "occurred_at": "2026-11-01"}]`)
	}
	signals := make([]account.Signal, len(given))
	for i, g := range given {
		at, err := parseTime(g.OccurredAt)
		if err != nil || g.Kind == "" {
			return nil, account.Invalid(fmt.Sprintf("signals[%d]", i), "want a kind, and occurred_at as YYYY-MM-DD or RFC 3339")
		}
		signals[i] = account.Signal{Kind: g.Kind, OccurredAt: at}
	}
	return signals, nil
}

func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}
