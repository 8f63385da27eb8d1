package main

import (
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
	c := &cobra.Command{Use: "crm", Short: "Set the CRM up", Example: "  starter crm setup"}
	c.AddCommand(setupCommand())
	return c
}

func setupCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "setup",
		Short: "Create the CRM properties that Sluice writes and asks for",
		Long: `Create the property group "Sluice", the company properties that Sluice writes, and those in
which people answer what no provider knows: whether the champion has budget, whether
procurement is complex, whether they churned before. What is there already is left as it is; tiers and queues that a model added become options. Safe
to repeat, and to be repeated after each change of tiers.`,
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
		return errors.New("no CRM is configured: set SLUICE_CRM=hubspot and SLUICE_HUBSPOT_TOKEN")
	}
	models, err := config.LoadModels(a.cfg.ModelDir)
	if err != nil {
		return err
	}
	active, err := a.pipeline.ActiveModel(models)
	if err != nil {
		return err
	}
	tiers, queues := choices(models, active.Name)
	want := append(crm.Properties(tiers, queues), crm.Questions(account.Asked)...)
	states, err := a.crm.EnsureProperties(cmd.Context(), want)
	if err != nil {
		return fmt.Errorf("set up CRM properties: %w", err)
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

// choices lists the tiers and queues of all models, those of the active one first.
func choices(models map[string]*icp.Model, active string) (tiers, queues []string) {
	names := slices.Sorted(maps.Keys(models))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case a == active:
			return -1
		case b == active:
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
