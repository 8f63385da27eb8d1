package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
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
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

// planOptions are the flags of icp plan.
type planOptions struct {
	csv   string
	json  bool
	limit int
}

func planCommand() *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use:   "plan FILE|NAME|NAME@VERSION",
		Short: "Show what activating a version of a model would change, and change nothing",
		Long: `Work out the score, tier, queue, owner and task of every account that has a score, as they
would be if this version took the place of the active one of its name. It goes by what is on
record: no provider is called, nothing is written, no owner takes a turn, and nothing is
kept. Activation then does exactly this to every account that nothing has happened to
since.

Run it with the pipeline file and the provider keys of the workers: whose facts count, and
in which order, follows from these.`,
		Example: `  starter icp plan revops-3.yaml
  starter icp plan revops@3 --csv changes.csv
  starter icp plan revops-3.yaml --json | jq .difference.tier_changed`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.limit < 0 {
				return usagef("icp plan: --limit: want 0 or more")
			}
			a, err := open(cmd.Context(), (*app).withStore)
			if err != nil {
				return err
			}
			defer a.close()
			return a.plan(cmd, args[0], o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.csv, "csv", "", "write one row an account, before and after, to this file")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	f.IntVar(&o.limit, "limit", 10, "list so many of the accounts whose scores move most")
	return c
}

// plan is what icp plan prints.
type plan struct {
	Model      activities.ModelRef `json:"model"`
	Replaces   activities.ModelRef `json:"replaces"`
	At         time.Time           `json:"at"`
	Difference store.Difference    `json:"difference"`
	Largest    []largestMove       `json:"largest"` // the accounts of the difference, with their names
	Providers  []string            `json:"providers"`
	WithoutKey []string            `json:"providers_without_key,omitempty"` // here: facts of theirs count as a person's would

	accounts map[int64]account.Account // of the largest moves
	owners   map[string]string         // by id, where the CRM tells
}

type largestMove struct {
	store.Move
	Domain string `json:"domain"`
	Name   string `json:"name"`
}

// planPage is how many accounts are planned together.
const planPage = 500

func (a *app) plan(cmd *cobra.Command, name string, o planOptions) error {
	ctx := cmd.Context()
	m, err := a.candidate(ctx, name)
	if err != nil {
		return err
	}
	p := plan{Model: activities.ModelRef{Name: m.Name, Version: m.Version}, At: time.Now().UTC(), accounts: map[int64]account.Account{}}
	models, err := a.inPlace(ctx, m, &p)
	if err != nil {
		return err
	}
	act, err := a.decider(&p)
	if err != nil {
		return err
	}
	planner, err := activities.NewPlanner(ctx, act, models, p.Model, p.At)
	if err != nil {
		return err
	}
	rows, err := createRows(o.csv)
	if err != nil {
		return err
	}
	if err := errors.Join(a.planAll(cmd, planner, &p, rows, o.limit), rows.close()); err != nil {
		return err
	}
	for _, move := range p.Difference.Largest {
		acc := p.accounts[move.AccountID]
		p.Largest = append(p.Largest, largestMove{Move: move, Domain: acc.Domain, Name: acc.Name})
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), p)
	}
	a.nameOwners(ctx, &p)
	p.print(cmd.OutOrStdout())
	if o.csv != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "\nOne row an account: %s\n", o.csv)
	}
	return nil
}

// planAll plans page by page, so that it takes as little memory for many accounts as for
// few.
func (a *app) planAll(cmd *cobra.Command, planner *activities.Planner, p *plan, rows *planRows, limit int) error {
	ctx := cmd.Context()
	n, err := a.store.CountScored(ctx)
	if err != nil {
		return err
	}
	bar := newBar(cmd.ErrOrStderr(), n, "accounts")
	for after := int64(0); ; {
		ids, err := a.store.Scored(ctx, after, planPage)
		if err != nil {
			return err
		}
		page, err := planner.Page(ctx, ids)
		if err != nil {
			return err
		}
		for _, planned := range page {
			p.Difference.Add(planned.Before, planned.Planned, limit)
			rows.add(planned)
		}
		p.remember(page)
		_ = bar.Add(len(ids))
		if len(ids) < planPage {
			return bar.Finish()
		}
		after = ids[len(ids)-1]
	}
}

// remember keeps the names of those accounts only whose scores move most.
func (p *plan) remember(page []activities.Planned) {
	of := make(map[int64]account.Account, len(p.Difference.Largest))
	for _, move := range p.Difference.Largest {
		of[move.AccountID] = p.accounts[move.AccountID]
	}
	for _, planned := range page {
		if _, ok := of[planned.ID]; ok {
			of[planned.ID] = planned.Account
		}
	}
	p.accounts = of
}

// candidate is the version that is named: a file, a model by its name, or a version on
// record.
func (a *app) candidate(ctx context.Context, name string) (*icp.Model, error) {
	base, version, ok := strings.Cut(name, "@")
	n, err := strconv.Atoi(version)
	if _, statErr := os.Stat(name); ok && err == nil && errors.Is(statErr, fs.ErrNotExist) {
		source, err := a.store.Model(ctx, base, n)
		if err == nil {
			return icp.Parse(name, source)
		}
		if !errors.Is(err, account.ErrNotFound) {
			return nil, err
		}
		m, err := modelNamed(base)
		if err == nil && m.Version == n {
			return m, nil
		}
		return nil, fmt.Errorf("%s is neither on record nor in the model directory; give its file", name)
	}
	m, err := modelNamed(name)
	if err != nil {
		return nil, err
	}
	source, err := a.store.Model(ctx, m.Name, m.Version)
	if err == nil && !bytes.Equal(source, []byte(m.Source)) {
		return nil, &store.ModelChangedError{Name: m.Name, Version: m.Version}
	}
	if errors.Is(err, account.ErrNotFound) {
		err = nil
	}
	return m, err
}

// inPlace are the models that would score companies, with the candidate in the place of the
// active version of its name.
func (a *app) inPlace(ctx context.Context, candidate *icp.Model, p *plan) ([]*icp.Model, error) {
	if candidate.Subject != icp.SubjectCompany {
		return nil, fmt.Errorf("%s rates contacts: `contact_model:` in sluice.yaml switches them, without a release", candidate.ID())
	}
	active, err := a.store.ActiveModels(ctx, icp.SubjectCompany)
	if err != nil {
		return nil, err
	}
	var models []*icp.Model
	var names []string
	for _, ref := range active {
		names = append(names, ref.String())
		if ref.Name == candidate.Name {
			p.Replaces = ref
			models = append(models, candidate)
			continue
		}
		source, err := a.store.Model(ctx, ref.Name, ref.Version)
		if err != nil {
			return nil, err
		}
		m, err := icp.Parse(ref.String(), source)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	switch {
	case len(active) == 0:
		return nil, errors.New("no model is active yet: start a worker, which activates those of sluice.yaml")
	case p.Replaces.Name == "":
		return nil, fmt.Errorf("no version of %s is active (%s): call the model in the file like the one whose place it takes, or change `model:` in sluice.yaml", candidate.Name, strings.Join(names, ", "))
	case p.Model.Version <= p.Replaces.Version:
		return nil, fmt.Errorf("%s is active, and %s is not later: raise `version:` in the file", p.Replaces, p.Model)
	}
	return models, nil
}

// decider is what decides, as a worker with this configuration would. It calls nobody.
func (a *app) decider(p *plan) (*activities.Activities, error) {
	act := &activities.Activities{Store: a.store, Routes: a.pipeline.Routes, Policies: a.pipeline.CRM.Write, Providers: map[string]activities.Source{}}
	for _, step := range a.pipeline.Providers {
		act.Order = append(act.Order, step.Name)
		source, err := config.BuildProvider(step)
		switch {
		case err != nil:
			return nil, err
		case source == nil:
			p.WithoutKey = append(p.WithoutKey, step.Name)
		default:
			act.Providers[step.Name] = *source
			p.Providers = append(p.Providers, step.Name)
		}
	}
	return act, nil
}

// nameOwners asks the CRM how its owners are called, if there is one. Without an answer
// they go by their ids.
func (a *app) nameOwners(ctx context.Context, p *plan) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if len(p.Difference.TasksByOwner) == 0 || a.cfg.CRM == "" || a.withCRM(ctx) != nil {
		return
	}
	owners, err := a.crm.Owners(ctx)
	if err != nil {
		return
	}
	p.owners = make(map[string]string, len(owners))
	for _, o := range owners {
		p.owners[o.ID] = o.Name
	}
}

func (p plan) print(w io.Writer) {
	d := p.Difference
	fmt.Fprintf(w, "%s in place of %s, %s accounts, as of %s\n\n", p.Model, p.Replaces, grouped(d.Accounts), minute(p.At))
	if d.Accounts == 0 {
		fmt.Fprintln(w, "No account has a score yet.")
		return
	}
	t := newTable(w, "changes", "accounts", "share", "")
	for _, row := range []struct {
		what   string
		n      int
		note   string
		policy bool // shown only where one keeps something from being written
	}{
		{what: "tier", n: d.TierChanged},
		{what: "score", n: d.ScoreChanged, note: fmt.Sprintf("%s up, %s down; on average %.1f → %.1f", grouped(d.Raised), grouped(d.Lowered), d.Before, d.Mean)},
		{what: "queue", n: d.QueueChanged},
		{what: "owner", n: d.OwnerChanged},
		{what: "new tasks", n: d.Tasks},
		{what: "waits for approval", n: d.Staged, note: "written once somebody approves: starter crm staged", policy: true},
		{what: "held by a policy", n: d.Held, note: "what we wrote before stays in the CRM: crm.write in sluice.yaml", policy: true},
	} {
		if row.policy && row.n == 0 {
			continue
		}
		t.AppendRow(table.Row{row.what, grouped(row.n), fmt.Sprintf("%.1f %%", 100*float64(row.n)/float64(d.Accounts)), row.note})
	}
	t.Render()
	if len(d.Moves) > 0 {
		fmt.Fprintln(w, "\nFrom tier to tier")
		t = newTable(w, "from", "to", "accounts")
		for _, m := range d.Moves {
			t.AppendRow(table.Row{m.From, m.To, grouped(m.Accounts)})
		}
		t.Render()
	}
	if d.Tasks > 0 {
		fmt.Fprintln(w, "\nNew tasks by owner")
		t = newTable(w, "owner", "tasks")
		for _, id := range slices.SortedFunc(maps.Keys(d.TasksByOwner), func(x, y string) int {
			return d.TasksByOwner[y] - d.TasksByOwner[x]
		}) {
			t.AppendRow(table.Row{p.owner(id), grouped(d.TasksByOwner[id])})
		}
		t.Render()
	}
	if len(p.Largest) > 0 {
		fmt.Fprintln(w, "\nScores that move most")
		t = newTable(w, "score", "tier", "account", "domain")
		for _, m := range p.Largest {
			tier := m.ToTier
			if m.FromTier != m.ToTier {
				tier = m.FromTier + " → " + m.ToTier
			}
			t.AppendRow(table.Row{fmt.Sprintf("%d → %d", m.From, m.To), tier, m.Name, m.Domain})
		}
		t.Render()
	}
	if len(p.WithoutKey) > 0 {
		fmt.Fprintf(w, "\nWithout a key here: %s. Where the workers have one, set it here too: whose facts count follows from it.\n", strings.Join(p.WithoutKey, ", "))
	}
}

func (p plan) owner(id string) string {
	switch name := p.owners[id]; {
	case id == "":
		return "nobody"
	case name != "":
		return name + " (" + id + ")"
	default:
		return id
	}
}

// grouped writes 12345 as 12 345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// planRows writes one row an account.
type planRows struct {
	file *os.File // nil: nobody asked for rows
	csv  *csv.Writer
}

var planHeader = []string{
	"account_id", "domain", "name", "crm", "model_before", "score_before", "tier_before", "queue_before", "owner_before",
	"model", "score", "tier", "provisional", "queue", "owner", "exploration", "task", "why", "waits_for_approval", "held_by_policy",
}

func createRows(path string) (*planRows, error) {
	if path == "" {
		return &planRows{}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--csv: %w", err)
	}
	r := &planRows{file: file, csv: csv.NewWriter(file)}
	_ = r.csv.Write(planHeader) // close reports it
	return r, nil
}

func (r *planRows) add(p activities.Planned) {
	if r.file == nil {
		return
	}
	was, is := p.Before.Counts(), p.Counts()
	_ = r.csv.Write([]string{
		strconv.FormatInt(p.ID, 10), p.Domain, plainCell(p.Name), p.Key.String(),
		p.Before.ModelRef().String(), strconv.Itoa(was.Value), was.Tier, p.Before.Queue, p.Before.OwnerID,
		p.ModelRef().String(), strconv.Itoa(is.Value), is.Tier, yesNo(is.Provisional), p.Queue, p.OwnerID, yesNo(p.Exploration), yesNo(p.Task), plainCell(p.Why),
		strings.Join(p.Waits, " "), strings.Join(p.Holds, " "),
	})
}

func (r *planRows) close() error {
	if r.file == nil {
		return nil
	}
	r.csv.Flush()
	return errors.Join(r.csv.Error(), r.file.Close())
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
