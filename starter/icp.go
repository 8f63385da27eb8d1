package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/strictyaml"
)

func icpCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "icp",
		Short:   "Validate, show and try ICP models",
		Example: "  starter icp show revops > my.yaml\n  starter icp validate my.yaml\n  starter icp score my.yaml --account acme.json",
	}
	c.AddCommand(validateCommand(), showModelCommand(), scoreCommand(), listCommand(), schemaCommand(), deriveCommand(), backtestCommand())
	c.AddCommand(releaseCommands()...)
	c.AddCommand(planCommand(), reviewCommand())
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

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of model files, for editors",
		Long: `Print the JSON Schema of model files. An editor with a YAML language server completes and
checks by it while one types, once the file's first line is

  # yaml-language-server: $schema=model.schema.json`,
		Example: "  starter icp schema > model.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(icp.Schema())
			return err
		},
	}
}

func validateJSON(cmd *cobra.Command, err error) error {
	mistakes := []strictyaml.Mistake{}
	if bad, ok := errors.AsType[*strictyaml.Error](err); ok {
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
			m, err := pick(models, args[0])
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), m.Source)
			return nil
		},
	}
}

func listModels(cmd *cobra.Command, models map[string]*icp.Model) {
	t := newTable(cmd.OutOrStdout(), "model", "owner", "criteria", "tiers")
	for _, name := range slices.Sorted(maps.Keys(models)) {
		m := models[name]
		var tiers []string
		for _, tier := range m.Tiers {
			if m.Matrix != nil {
				tiers = append(tiers, tier.Name)
				continue
			}
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
database. ACCOUNT.json is one flat object, field → value; "signals" lists events, and "contacts"
people, each a flat object as well. A model of contacts rates the one object with the
fields of the contact and of the company.`,
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
	sub, err := readAccount(m, file, data, now)
	if err != nil {
		return err
	}
	sub.Signals = append(sub.Signals, sub.Facts.Signals()...)
	s := m.Rate(sub, now)
	if asJSON {
		return printJSON(cmd.OutOrStdout(), s)
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s under %s; fit %d, engagement %d, intent %d\n\n", s, m.ID(), s.Fit, s.Engagement, s.Intent)
	t := newTable(w, "points", "of", "criterion", "why")
	for _, r := range s.Criteria {
		t.AppendRow(table.Row{fmt.Sprintf("%+d", r.Points), r.Max, r.Name, r.Reason})
	}
	t.Render()
	return nil
}

// modelNamed reads a model file, or takes a model by its name.
func modelNamed(name string) (*icp.Model, error) {
	m, err := config.LoadModel(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	models, err := config.LoadModels(os.Getenv("SLUICE_MODEL_DIR"))
	if err != nil {
		return nil, err
	}
	return pick(models, name)
}

func pick(models map[string]*icp.Model, name string) (*icp.Model, error) {
	if m, ok := models[name]; ok {
		return m, nil
	}
	names := slices.Sorted(maps.Keys(models))
	return nil, fmt.Errorf("no model is called %q%s, nor is there such a file; `starter icp show` lists the models", name, strictyaml.DidYouMean(name, names))
}

// readAccount reads a flat object, field → value, whose fields m knows, and reports
// all of its mistakes at once; name is what these call the file.
func readAccount(m *icp.Model, name string, data []byte, at time.Time) (icp.Subject, error) {
	entries, err := readObject(data)
	if err != nil {
		return icp.Subject{}, fmt.Errorf("%s: %w", name, err)
	}
	sub, seen := icp.Subject{Facts: account.Facts{}}, map[string]bool{}
	var errs []error
	for _, e := range entries {
		var err error
		switch {
		case seen[e.key]:
			err = account.Invalid(e.key, "stands there twice")
		case e.key == "signals":
			sub.Signals, err = readSignals(e.value)
		case e.key == "contacts":
			sub.Contacts, err = readContacts(m, e.value, at)
		default:
			err = readFact(m, sub.Facts, account.Field(e.key), e.value, at)
		}
		seen[e.key] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return sub, errors.Join(errs...)
}

// readContacts reads the people at a company.
func readContacts(m *icp.Model, raw json.RawMessage, at time.Time) ([]icp.Contact, error) {
	var given []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return nil, account.Invalid("contacts", `want a list such as [{"department": "sales", "management_level": "vp"}]`)
	}
	contacts := make([]icp.Contact, len(given))
	for i, fields := range given {
		contacts[i] = icp.Contact{ID: strconv.Itoa(i + 1), Facts: account.Facts{}}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			if err := readFact(m, contacts[i].Facts, account.Field(field), fields[field], at); err != nil {
				return nil, fmt.Errorf("contacts[%d]: %w", i, err)
			}
		}
	}
	return contacts, nil
}

// entry is one key of a JSON object; a map would hide a key that stands there twice.
type entry struct {
	key   string
	value json.RawMessage
}

const anAccount = `want one JSON object, field → value, such as {"industry": "saas", "employees": 120}`

func readObject(data []byte) ([]entry, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // some editors begin with it
	if !json.Valid(data) {
		return nil, account.Invalid("account", "not JSON"+whereInvalid(data)+"; "+anAccount)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, _ := d.Token(); open != json.Delim('{') {
		return nil, account.Invalid("account", anAccount)
	}
	var entries []entry
	for d.More() {
		key, _ := d.Token() // valid, so a text
		e := entry{key: key.(string)}
		_ = d.Decode(&e.value)
		entries = append(entries, e)
	}
	return entries, nil
}

// whereInvalid says where data stops being JSON.
func whereInvalid(data []byte) string {
	var whatever json.RawMessage
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(data, &whatever))
	if !ok {
		return ""
	}
	line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
	return fmt.Sprintf(" from line %d on (%v)", line, syntax)
}

func readFact(m *icp.Model, facts account.Facts, field account.Field, raw json.RawMessage, at time.Time) error {
	kind, ok := m.Kind(field)
	if !ok {
		return account.Invalid(strictyaml.Clip(string(field), 40), "no such field"+strictyaml.DidYouMean(string(field), append(m.FieldNames(), "signals", "contacts"))+"; docs/models.md lists them")
	}
	var v account.Value
	if err := json.Unmarshal(raw, &v); err != nil {
		return account.Invalid(string(field), "want a "+kind.String()+": "+err.Error())
	}
	if v.IsZero() { // null: not known
		return nil
	}
	v, err := v.As(kind)
	if err != nil {
		return account.Invalid(string(field), err.Error())
	}
	facts[field] = account.Fact{Field: field, Value: v, Provider: "given", Confidence: 1, ObservedAt: at}
	return nil
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
		switch {
		case g.Kind == "":
			return nil, account.Invalid(fmt.Sprintf("signals[%d].kind", i), "missing; want a word such as funding")
		case err != nil:
			return nil, account.Invalid(fmt.Sprintf("signals[%d].occurred_at", i), fmt.Sprintf("%q is not a time: want YYYY-MM-DD or RFC 3339", strictyaml.Clip(g.OccurredAt, 40)))
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
