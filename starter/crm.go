package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
)

func crmCommand() *cobra.Command {
	c := &cobra.Command{Use: "crm", Short: "Set the CRM up, and see what is written to it", Example: "  starter crm setup\n  starter crm journal acme.example\n  starter crm reconcile --dry-run"}
	c.AddCommand(setupCommand(), reconcileCommand(), journalCommand(), stagedCommand(), refillCommand())
	return c
}

func setupCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "setup",
		Short: "Create the CRM properties that Sluice writes and asks for",
		Long: `Create the property group "Sluice" and the properties that Sluice writes, of companies and,
unless contact_model is off, of contacts; and those of companies in which people answer
what no provider knows: whether the champion has budget, whether procurement is complex,
whether they churned before. What is there already is left as it is; tiers, queues and
levels that a model added become options. Safe to repeat, and to be repeated after each
change of tiers and each upgrade.`,
		Example: "  starter crm setup",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withCRM)
			if err != nil {
				return err
			}
			defer a.close()
			return a.setUp(cmd, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) setUp(cmd *cobra.Command, asJSON bool) error {
	if a.crm == nil {
		return errNoCRM
	}
	models, err := config.LoadModels(a.cfg.ModelDir)
	if err != nil {
		return err
	}
	active, err := a.pipeline.ActiveModels(models)
	if err != nil {
		return err
	}
	forContacts, err := a.pipeline.ActiveContactModel(models)
	if err != nil {
		return err
	}
	states, err := a.ensureProperties(cmd.Context(), models, active[0], forContacts)
	if err != nil {
		return err
	}
	conflict := slices.ContainsFunc(states, func(s crm.PropertyState) bool { return s.State == "conflict" })
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), states)
	} else {
		t := newTable(cmd.OutOrStdout(), "property", "state", "note")
		for _, s := range states {
			t.AppendRow(table.Row{s.Name, s.State, s.Note})
		}
		t.Render()
	}
	if conflict && err == nil {
		return errors.New("a property of that name has another type; rename or delete it in the CRM, then run this again")
	}
	return err
}

// ensureProperties creates the properties of companies and, where a model rates them,
// of contacts.
func (a *app) ensureProperties(ctx context.Context, models map[string]*icp.Model, active, forContacts *icp.Model) ([]crm.PropertyState, error) {
	tiers, queues := choices(models, active)
	states, err := a.crm.EnsureProperties(ctx, append(crm.Properties(tiers, queues), crm.Questions(account.Asked)...))
	if err != nil || forContacts == nil {
		return states, setUpError("company", "crm.schemas.companies.write", err)
	}
	levels, _ := choices(models, forContacts)
	more, err := a.crm.EnsureProperties(ctx, crm.ContactProperties(levels))
	return append(states, more...), setUpError("contact", "crm.schemas.contacts.write", err)
}

func setUpError(object, scope string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, crm.ErrNotGranted):
		return fmt.Errorf("set up %s properties: %w: grant the key the scope %s and run this again; to do without contacts, set `contact_model: off`", object, err, scope)
	default:
		return fmt.Errorf("set up %s properties: %w", object, err)
	}
}

// choices lists the tiers and queues of all models that rate the same as the active
// one, its own first.
func choices(models map[string]*icp.Model, active *icp.Model) (tiers, queues []string) {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(models)), func(name string) bool { return models[name].Subject != active.Subject })
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case a == active.Name:
			return -1
		case b == active.Name:
			return 1
		}
		return 0
	})
	for _, name := range names {
		m := models[name]
		for _, t := range m.Tiers {
			tiers = appendNew(tiers, t.Name)
		}
		for _, queue := range config.Queues(m) {
			queues = appendNew(queues, queue)
		}
	}
	return tiers, queues
}

func appendNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
