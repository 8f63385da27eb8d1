package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/workflows"
)

// welcome says what is about to happen, and where it can be watched.
func (d *demo) welcome() {
	fmt.Fprintf(os.Stderr, `
Sluice takes %d sample companies from a webhook and a file to a task in the CRM. Worker,
workflows, Temporal and Postgres are real; vendors and CRM are a sandbox.

  runs, live       %s
  the CRM          %s/
  what goes wrong  People Data Labs is down at first

`, len(d.samples), d.runsURL(), d.sandbox.URL)
}

// tell prints what became of the companies and what to look at next, and leaves the
// report.
func (d *demo) tell(ctx context.Context) (report, error) {
	all, err := d.outcomes(ctx)
	if err != nil {
		return report{}, err
	}
	crm := d.sandbox.CRM.Snapshot()
	r := sum(all, d.sandbox.Faults.Counters(), len(crm.Tasks), len(d.refused), time.Since(d.began))
	owners := map[string]string{"": ""}
	for _, o := range crm.Owners {
		owners[o.ID] = o.Name()
	}
	fmt.Println()
	fmt.Println(companyTable(all, owners, width(os.Stdout)))
	fmt.Println(legend)
	fmt.Print(d.summary(r, all))
	passed, err := d.nights(ctx, all)
	if err != nil {
		return report{}, err
	}
	r.Night = &passed
	if err := writeReport(d.place.report, r); err != nil {
		return report{}, err
	}
	if d.once { // nothing is left to look at
		fmt.Printf("\n%s has the figures.\n", relative(d.place.report))
		return r, nil
	}
	fmt.Print(d.next(all))
	return r, nil
}

const legend = `
  (hunter)  did not know the company, or answered about another one
  pdl*      was down, and was asked again when it was back
  Tier 3?   what is still unknown could change the tier`

// width is the terminal's, or one that suits a file.
func width(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil {
		return w
	}
	return 170
}

// companyTable has one row for each company, in a terminal of the given width.
func companyTable(all []outcome, owners map[string]string, width int) string {
	const others = 108 // columns that the rest takes
	words := min(max((width-others)/2, 16), 60)
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.AppendHeader(table.Row{"domain", "tier", "score", "queue", "owner", "why", "providers asked", "credits", "time"})
	t.SetColumnConfigs([]table.ColumnConfig{
		{Name: "score", Align: text.AlignRight},
		{Name: "why", WidthMax: words, WidthMaxEnforcer: text.WrapSoft},
		{Name: "providers asked", WidthMax: words, WidthMaxEnforcer: text.WrapSoft},
	})
	for _, o := range all {
		t.AppendRow(table.Row{
			o.Domain, tierOf(o), scoreOf(o), o.Queue, owners[o.Owner], why(o.Criteria), asked(o.run.Providers),
			o.Credits, fmt.Sprintf("%.1f s", o.took.Seconds()),
		})
	}
	return t.Render()
}

func tierOf(o outcome) string {
	switch {
	case !o.completed():
		return "FAILED"
	case o.Provisional:
		return o.Tier + "?"
	default:
		return o.Tier
	}
}

// scoreOf is the score, and the one before it where late fill has corrected it.
func scoreOf(o outcome) string {
	if o.first.Value != o.Score.Value {
		return fmt.Sprintf("%d → %d", o.first.Value, o.Score.Value)
	}
	return fmt.Sprint(o.Score.Value)
}

// why names the criteria that counted.
func why(criteria []icp.Result) string {
	var counted []string
	known := false
	for _, c := range criteria {
		known = known || c.Known()
		if c.Points != 0 {
			counted = append(counted, fmt.Sprintf("%s %+d", strings.ReplaceAll(c.Name, "_", " "), c.Points))
		}
	}
	switch {
	case len(counted) > 0:
		return strings.Join(counted, ", ")
	case known:
		return "nothing that the model looks for"
	default:
		return "nobody knows the company"
	}
}

// asked lists the providers that were asked, in order.
func asked(all []workflows.ProviderStatus) string {
	var names []string
	for _, p := range all {
		name := p.Name
		switch p.Outcome {
		case outbound.Found, outbound.Cached:
		case outbound.NotFound, outbound.Mismatch:
			name = "(" + name + ")"
		default:
			name += ": " + strings.ReplaceAll(string(p.Outcome), "_", " ")
		}
		if p.Asked+p.Skipped > 1 {
			name += "*"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (d *demo) summary(r report, all []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d companies: %d completed, %d failed, %d refused, in %.1f s (half of the runs took %.1f s or less)\n",
		r.Companies+r.Refused, r.Completed, r.Failed, r.Refused, float64(r.WallMS)/1000, float64(r.P50MS)/1000)
	for _, refused := range d.refused {
		fmt.Fprintf(&b, "  refused       line %d: %s: %s\n", refused.Line, refused.Field, refused.Reason)
	}
	fmt.Fprintf(&b, "  tiers         %s\n", counts(r.Tiers))
	fmt.Fprintf(&b, "  tasks         %d in the CRM\n", r.Tasks)
	b.WriteString(contacts(all))
	fmt.Fprintf(&b, "  vendor calls  %s; %g credits\n", counts(r.ProviderCalls), r.Credits)
	fmt.Fprintf(&b, "  late fill     %d companies waited for People Data Labs; %d got another score by it, %d another tier\n",
		count(all, outcome.waited),
		count(all, func(o outcome) bool { return o.first.Value != o.Score.Value }),
		count(all, func(o outcome) bool { return o.first.Tier != o.Tier }))
	return b.String()
}

// contacts says how many people were scored, and what the best of each company came to.
func contacts(all []outcome) string {
	scored, best := 0, map[string]int{}
	for _, o := range all {
		if c := o.run.Contacts; c != nil && c.Scored > 0 {
			scored += c.Scored
			best[c.Best]++
		}
	}
	if scored == 0 {
		return ""
	}
	return fmt.Sprintf("  contacts      %d scored; the best of each company: %s\n", scored, counts(best))
}

// counts lists what was counted, the most first.
func counts(n map[string]int) string {
	var parts []string
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(n[b]-n[a], strings.Compare(a, b)) })
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %d", name, n[name]))
	}
	return strings.Join(parts, ", ")
}

func count(all []outcome, is func(outcome) bool) int {
	n := 0
	for _, o := range all {
		if is(o) {
			n++
		}
	}
	return n
}

// example is the company with the most to see: the best one that late fill has
// corrected, else the best one.
func example(all []outcome) outcome {
	i := slices.IndexFunc(all, func(o outcome) bool { return o.first.Tier != o.Tier })
	return all[max(0, i)]
}

// next tells where to go on from here.
func (d *demo) next(all []outcome) string {
	show := example(all)
	return fmt.Sprintf(`
Look at
  the run of %[1]s, told in words and as a timeline:
    %[2]s
  the CRM as a rep sees it, with notes and tasks:
    %[3]s/
  why it has its score, in a second terminal:
    (set -a; . %[4]s; bin/starter company explain %[1]s)
  another company, from start to end:
    (set -a; . %[4]s; bin/starter company add --domain %[5]s --wait)
  files: %[6]s has the figures, %[7]s what the worker said
`, show.Domain, d.runURL(show), d.sandbox.URL, relative(d.place.env), d.another(),
		relative(d.place.report), relative(d.place.file("worker.log")))
}

// another is a company in the CRM that Apollo knows and that is not among the samples.
func (d *demo) another() string {
	for _, c := range d.sandbox.Table().Companies() {
		sampled := slices.ContainsFunc(d.samples, func(s sandbox.Sample) bool { return s.Domain == c.Domain })
		if !sampled && len(d.sandbox.Knows(sandbox.Apollo, c.Domain)) > 0 {
			return c.Domain
		}
	}
	return d.samples[0].Domain
}

func (d *demo) runsURL() string {
	return d.stack.ui + "/namespaces/" + d.stack.namespace + "/workflows"
}

func (d *demo) runURL(o outcome) string {
	return d.runsURL() + "/" + url.PathEscape(o.WorkflowID) + "/" + o.RunID + "/timeline"
}

// relative is the path as a person would type it here.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
