package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/strictyaml"
)

// pickOf says which accounts a list takes.
type pickOf struct {
	tier  string
	least int
	limit int
}

func listCommand() *cobra.Command {
	var of pickOf
	var asJSON, asCSV bool
	c := &cobra.Command{
		Use:   "list MODEL",
		Short: "List the accounts that match a model, the closest first",
		Long: `Rate every account that has a score by a model file or a model by name, and list those
that match, the closest first. It goes by what is on record: no provider is called, nothing
is written, and the accounts keep the score they have. Without --tier and --min it lists the
model's highest tier.`,
		Example: `  starter icp list abm-list
  starter icp list abm-list --min 50 --csv > campaign.csv
  starter icp list my-segment.yaml --tier "Tier 2" --limit 100`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := modelNamed(args[0])
			if err != nil {
				return err
			}
			if of.tier, err = tierOf(m, of.tier, cmd.Flags().Changed("min")); err != nil {
				return err
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			list, seen, err := a.matching(cmd.Context(), m, of, time.Now())
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return printJSON(cmd.OutOrStdout(), list)
			case asCSV:
				return printCSV(cmd, list)
			}
			printList(cmd, m, list, seen)
			return nil
		},
	}
	c.Flags().StringVar(&of.tier, "tier", "", "only accounts of this tier of the model")
	c.Flags().IntVar(&of.least, "min", 0, "only accounts with this score or more")
	c.Flags().IntVar(&of.limit, "limit", 0, "no more than this many; 0: all")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&asCSV, "csv", false, "print CSV, which other tools import")
	c.MarkFlagsMutuallyExclusive("json", "csv")
	return c
}

// tierOf checks the tier that was asked for. Nothing asked for is the highest one.
func tierOf(m *icp.Model, name string, bounded bool) (string, error) {
	if m.Subject != "company" {
		return "", usagef("icp list: %s is a model of %ss; it lists accounts", m.ID(), m.Subject)
	}
	if name == "" {
		if bounded {
			return "", nil
		}
		return m.Tiers[0].Name, nil
	}
	names := make([]string, len(m.Tiers))
	for i, t := range m.Tiers {
		if names[i] = t.Name; strings.EqualFold(t.Name, name) {
			return t.Name, nil
		}
	}
	return "", usagef("icp list: %s has no tier %q%s; its tiers: %s", m.ID(), name, strictyaml.DidYouMean(name, names), strings.Join(names, ", "))
}

// listed is an account on a list.
type listed struct {
	Domain       string  `json:"domain"`
	Name         string  `json:"name"`
	CRM          string  `json:"crm,omitempty"` // the key of its record
	Value        int     `json:"value"`
	Low          int     `json:"low"`
	High         int     `json:"high"`
	Tier         string  `json:"tier"`
	Completeness float64 `json:"completeness"`
	Owner        string  `json:"owner,omitempty"`
	Reason       string  `json:"reason"`
}

// pageOfAccounts is how many accounts are read together.
const pageOfAccounts = 1000

// matching rates the whole population, and returns those that were asked for and how many
// there are in all.
func (a *app) matching(ctx context.Context, m *icp.Model, of pickOf, now time.Time) (list []listed, seen int, err error) {
	list = []listed{}
	var after int64
	for {
		page, err := a.store.Population(ctx, after, pageOfAccounts)
		if err != nil {
			return nil, 0, err
		}
		for _, member := range page {
			s := icp.Rate(m, member.Facts, append(member.Signals, member.Facts.Signals()...), now)
			if s.Value >= of.least && (of.tier == "" || s.Tier == of.tier) {
				list = append(list, listing(m, member, s))
			}
			seen, after = seen+1, member.ID
		}
		if len(page) < pageOfAccounts {
			break
		}
	}
	slices.SortStableFunc(list, func(x, y listed) int {
		return cmp.Or(cmp.Compare(y.Value, x.Value), cmp.Compare(y.Completeness, x.Completeness), strings.Compare(x.Domain, y.Domain))
	})
	if of.limit > 0 {
		list = list[:min(of.limit, len(list))]
	}
	return list, seen, nil
}

func listing(m *icp.Model, member store.Member, s icp.Score) listed {
	return listed{
		Domain: member.Domain, Name: member.Name, CRM: member.Key.String(), Value: s.Value, Low: s.Low, High: s.High,
		Tier: s.Tier, Completeness: s.Completeness, Owner: member.OwnerID, Reason: icp.Reason(m, s),
	}
}

func printList(cmd *cobra.Command, m *icp.Model, list []listed, seen int) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%d of %d accounts under %s\n\n", len(list), seen, m.ID())
	if len(list) == 0 {
		return
	}
	t := newTable(w, "score", "tier", "account", "domain", "known")
	for _, l := range list {
		score := strconv.Itoa(l.Value)
		if l.Low != l.High {
			score += fmt.Sprintf(" (%d to %d)", l.Low, l.High)
		}
		t.AppendRow(table.Row{score, l.Tier, l.Name, l.Domain, fmt.Sprintf("%.0f %%", 100*l.Completeness)})
	}
	t.Render()
}

func printCSV(cmd *cobra.Command, list []listed) error {
	w := csv.NewWriter(cmd.OutOrStdout())
	_ = w.Write([]string{"domain", "name", "crm", "score", "low", "high", "tier", "completeness", "owner", "reason"}) // Flush reports it
	for _, l := range list {
		_ = w.Write([]string{
			l.Domain, plainCell(l.Name), l.CRM, strconv.Itoa(l.Value), strconv.Itoa(l.Low), strconv.Itoa(l.High), l.Tier,
			strconv.FormatFloat(l.Completeness, 'f', 2, 64), l.Owner, plainCell(l.Reason),
		})
	}
	w.Flush()
	return w.Error()
}

// plainCell keeps a spreadsheet from taking what a provider wrote for a formula.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
