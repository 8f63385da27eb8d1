package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/strictyaml"
)

func providerCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "provider",
		Short:   "List, check and try data providers",
		Example: "  starter provider list\n  starter provider check apollo",
	}
	c.AddCommand(providerListCommand(), providerCheckCommand(), providerMapCommand())
	return c
}

// providerLine is one provider of `provider list`.
type providerLine struct {
	Name       string          `json:"name"`
	Order      int             `json:"order"` // in the waterfall, from 1
	Configured bool            `json:"configured"`
	Supplies   []account.Field `json:"supplies"`
	Credits    float64         `json:"credits"` // price of an answer
	Rate       float64         `json:"rate"`    // calls per second
	SpentToday float64         `json:"spent_today"`
	Daily      float64         `json:"daily,omitempty"`
	Closed     string          `json:"closed,omitempty"`
	TTLDays    int             `json:"ttl_days"`
}

func providerListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the providers in the order of the waterfall",
		Example: "  starter provider list\n  starter provider list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			lines, err := a.providerLines(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), lines)
			}
			printProviders(cmd, lines)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) providerLines(ctx context.Context) ([]providerLine, error) {
	closures, err := a.store.Closures(ctx)
	if err != nil {
		return nil, err
	}
	lines := make([]providerLine, len(a.pipeline.Providers))
	for i, step := range a.pipeline.Providers {
		spec, _ := registry.Get(step.Name) // LoadPipeline knows it
		source, err := config.BuildProvider(step)
		if err != nil {
			return nil, err
		}
		spent, err := a.store.SpentSince(ctx, step.Name, time.Now().UTC().Truncate(24*time.Hour))
		if err != nil {
			return nil, err
		}
		lines[i] = providerLine{
			Name: step.Name, Order: i + 1, Configured: source != nil, Supplies: spec.Supplies,
			Credits: step.Price(spec), Rate: step.PerSecond(spec), SpentToday: spent, Daily: step.Daily,
			Closed: closed(closures, step.Name), TTLDays: int(cmp.Or(step.TTL, spec.TTL).Hours() / 24),
		}
	}
	return lines, nil
}

func closed(closures []store.Closure, provider string) string {
	for _, c := range closures {
		if c.Provider != provider {
			continue
		}
		if c.Until.IsZero() {
			return string(c.Outcome) + ", until `starter provider check " + provider + "` succeeds"
		}
		return string(c.Outcome) + ", until " + c.Until.Format(time.RFC3339)
	}
	return ""
}

func printProviders(cmd *cobra.Command, lines []providerLine) {
	t := newTable(cmd.OutOrStdout(), "", "provider", "state", "credits", "today", "calls/s", "supplies")
	for _, l := range lines {
		state := "ready"
		switch {
		case l.Closed != "":
			state = "closed: " + l.Closed
		case !l.Configured:
			spec, _ := registry.Get(l.Name)
			state = "no key: set SLUICE_" + spec.Env + "_API_KEY"
		}
		today := fmt.Sprintf("%g", l.SpentToday)
		if l.Daily > 0 {
			today += fmt.Sprintf(" of %g", l.Daily)
		}
		fields := make([]string, len(l.Supplies))
		for i, f := range l.Supplies {
			fields[i] = string(f)
		}
		t.AppendRow(table.Row{l.Order, l.Name, state, l.Credits, today, l.Rate, strings.Join(fields, " ")})
	}
	t.Render()
}

func providerCheckCommand() *cobra.Command {
	var domain string
	c := &cobra.Command{
		Use:   "check NAME",
		Short: "Ask a provider about one company, and reopen it if it answers",
		Long: `Ask a provider about one company, outside of any run, and show what came back. It costs
what one answer costs. A provider that was closed because its key was refused or its
quota was used up is opened again when it answers.`,
		Example: "  starter provider check apollo\n  starter provider check hunter --domain acme.example",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, known := registry.Get(args[0])
			if !known {
				return unknownProvider(args[0])
			}
			normal, err := account.NormalizeDomain(domain)
			if err != nil {
				return err
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			return a.check(cmd, spec, normal)
		},
	}
	c.Flags().StringVar(&domain, "domain", "hubspot.com", "the company to ask about")
	return c
}

func (a *app) check(cmd *cobra.Command, spec providers.Spec, domain string) error {
	name := spec.Name
	source, err := config.BuildProvider(a.step(name))
	if err != nil {
		return err
	}
	if source == nil {
		return fmt.Errorf("%s is not configured: set SLUICE_%s_API_KEY", name, spec.Env)
	}
	start := time.Now()
	answer, err := source.Ask(cmd.Context(), account.Account{Domain: domain})
	if err != nil {
		return fmt.Errorf("%w: %s", err, advice(spec, err))
	}
	if err := a.store.ReopenProvider(cmd.Context(), name); err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%s answers: %s about %s in %d ms, %g credits\n", name, answer.Outcome, domain, time.Since(start).Milliseconds(), answer.Credits)
	for _, f := range answer.Facts {
		fmt.Fprintf(w, "  %-18s %s (%.2f)\n", f.Field, short(f.Value), f.Confidence)
	}
	return nil
}

// step is the provider's entry in sluice.yaml, or its defaults if it has none.
func (a *app) step(name string) config.Provider {
	for _, step := range a.pipeline.Providers {
		if step.Name == name {
			return step
		}
	}
	return config.Provider{Name: name}
}

func advice(spec providers.Spec, err error) string {
	switch outbound.OutcomeOf(err) {
	case outbound.AuthFailed:
		return "check SLUICE_" + spec.Env + "_API_KEY"
	case outbound.QuotaExhausted:
		return "its credits are used up; buy more or wait for the next period"
	case outbound.Throttled:
		return "lower `rate` in sluice.yaml, or wait"
	default:
		return "try again in a while"
	}
}

func unknownProvider(name string) error {
	var names []string
	for _, spec := range registry.All() {
		names = append(names, spec.Name)
	}
	return usagef("no provider is called %q%s; there are %s", name, strictyaml.DidYouMean(name, names), strings.Join(names, ", "))
}

// mapped is what `provider map` prints.
type mapped struct {
	Provider string           `json:"provider"`
	Outcome  outbound.Outcome `json:"outcome"`
	Name     string           `json:"name,omitempty"`
	Domain   string           `json:"domain,omitempty"`
	Facts    []account.Fact   `json:"facts"`
}

func providerMapCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "map NAME --response FILE",
		Short:   "Show the facts that a provider's adapter reads from a recorded response",
		Example: "  starter provider map apollo --response providers/apollo/testdata/found.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return usagef("provider map: --response is missing")
			}
			return mapResponse(cmd, args[0], file)
		},
	}
	c.Flags().StringVar(&file, "response", "", "the recorded response body")
	return c
}

func mapResponse(cmd *cobra.Command, name, file string) error {
	spec, known := registry.Get(name)
	if !known {
		return unknownProvider(name)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	p, err := spec.New(providers.Config{BaseURL: spec.BaseURL, Key: "none"})
	if err != nil {
		return err
	}
	answer, err := p.Map(body, time.Now().UTC())
	if err != nil {
		if e, ok := errors.AsType[*outbound.Error](err); ok && e.Err != nil {
			err = fmt.Errorf("%w: %w", err, e.Err)
		}
		return fmt.Errorf("%s: %w", file, err)
	}
	if answer.Facts == nil {
		answer.Facts = []account.Fact{}
	}
	return printJSON(cmd.OutOrStdout(), mapped{
		Provider: name, Outcome: answer.Outcome, Name: answer.Name, Domain: answer.Domain, Facts: answer.Facts,
	})
}
