package review

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// write makes the model file, and reads it back: what is proposed can be used.
func (r *derivation) write(c *card) error {
	w := &writer{}
	r.writeHead(w)
	r.writeFields(w, c)
	w.line("")
	w.line("# Points add up. A perfect account scores %d.", c.total())
	w.line("scale: {method: sum, min: %d, max: %d}", c.min, c.max)
	w.line("")
	w.line("# Of each criterion: how many deals it speaks of, how many of them were %s (95 %% interval), how", r.kind())
	w.line("# many of all others, and the lift: the first share over the %s of all deals. Points are what it is worth", percent(r.tally().rate()))
	w.line("# beside the other criteria, so they need not follow the shares.")
	w.line("criteria:")
	for i := range c.rules {
		r.writeRule(w, &c.rules[i], r.out.Criteria[i])
	}
	r.writeTiers(w)
	m, err := icp.Parse("derived.yaml", []byte(w.String()))
	if err != nil {
		return fmt.Errorf("write the derived model: %w", err)
	}
	r.out.Model = m.Source
	return nil
}

// writer writes lines; comments are broken where they get long.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) {
	w.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// width is how long lines are before they are broken, in bytes.
const width = 110

// comment writes text that may hold anything, such as the name of a column.
func (w *writer) comment(indent, format string, args ...any) {
	rest := oneLine(fmt.Sprintf(format, args...))
	for prefix := indent + "# "; rest != ""; prefix = indent + "#   " {
		cut := len(rest)
		if len(prefix)+cut > width {
			if cut = strings.LastIndexByte(rest[:width-len(prefix)], ' '); cut <= 0 {
				cut = len(rest)
			}
		}
		w.line("%s%s", prefix, rest[:cut])
		rest = strings.TrimLeft(rest[cut:], " ")
	}
}

// oneLine keeps what YAML may have in a comment.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == ' ' || r == '\u2028' || r == '\u2029' || r == '\uFEFF'
	}), " ")
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// kind names the deals that the model shall find.
func (r *derivation) kind() string {
	if strings.HasPrefix(r.out.Target, "won ") {
		return "won"
	}
	return "among the best"
}

func (r *derivation) writeHead(w *writer) {
	reliable, used := 0, 0
	for _, t := range r.out.Tested {
		if t.Reliable {
			reliable++
		}
		if t.Used {
			used++
		}
	}
	w.comment("", "A draft that `starter icp derive` made from %d closed deals: %s. %d of them are %s (%s).", r.out.Deals, r.out.Target, r.out.Good, r.kind(), percent(r.tally().rate()))
	w.line("#")
	w.comment("", "%d of %d attributes tried are reliable (of these at most %.0f %% by chance: permutation test, corrected by Benjamini and Hochberg); %d are used, the others say nothing beside these.",
		reliable, len(r.out.Tested), 100*falseShare, used)
	if at := r.out.HeldOut; at != nil {
		w.comment("", "On %s: AUC %.3f (95 %% %.3f to %.3f).", r.out.HeldOutOn, at.Value, at.Low, at.High)
	}
	for _, l := range r.out.Leaks {
		w.comment("", "WARNING: %s", l)
	}
	for _, n := range r.deals.Notes {
		w.comment("", "Note: %s.", n)
	}
	w.line("#")
	w.comment("", "Read it before it is used: is each attribute known before a deal begins, and would sales, marketing and customer success sign it?")
	w.line("name: %s", r.options.Name)
	w.line("version: 1")
	w.line("owner: %q # one person answers for it", r.options.Owner)
	w.line("subject: company")
}

// String says it for people, and what to do.
func (l Leak) String() string {
	how := "what it holds"
	if l.Filled {
		how = "whether it is filled in"
	}
	say := fmt.Sprintf("the column %q alone tells the outcome (AUC %.2f by %s): it is probably known only after the sale.", l.Column, l.AUC, how)
	if l.Kept {
		return say + " It is used all the same, as asked"
	}
	return say + fmt.Sprintf(" It was left out; --ignore %q says so for good, --keep %q uses it", l.Column, l.Column)
}

func (r *derivation) writeFields(w *writer, c *card) {
	var declared, required []string
	for i := range c.rules {
		a := c.rules[i].attribute
		if !a.declared() {
			if !slices.Contains(unfillable, a.field) && !slices.Contains(required, string(a.field)) {
				required = append(required, string(a.field))
			}
			continue
		}
		line := fmt.Sprintf("  %s: {type: %s%s}", a.field, typeNames[a.kind], property(a))
		if !slices.Contains(declared, line) {
			declared = append(declared, line)
		}
	}
	if len(declared) > 0 {
		w.line("")
		w.line("# The columns of the file that Sluice has no field for. The property is a guess: what does the CRM call it?")
		w.line("fields:")
		slices.Sort(declared)
		w.line("%s", strings.Join(declared, "\n"))
	}
	slices.Sort(required)
	w.line("")
	w.line("required: [%s]", strings.Join(required, ", "))
}

var typeNames = map[account.Kind]string{
	account.TextKind: "text", account.NumberKind: "number", account.BoolKind: "boolean", account.ListKind: "list", account.DateKind: "date",
}

// unfillable are built-in fields that no provider knows, so that it is no use to ask.
var unfillable = []account.Field{account.ChampionHasBudget, account.ProcurementComplex, account.PreviouslyChurned}

func property(a *attribute) string {
	if p := word(a.column); p != string(a.field) && p != "" {
		return ", property: " + p
	}
	return ""
}

func (r *derivation) writeRule(w *writer, rule *rule, e Evidence) {
	const indent = "    "
	credits := rule.credits()
	w.line("  - name: %s", e.Name)
	w.line("%sdimension: %s", indent, dimension(rule))
	w.line("%sfield: %s", indent, rule.attribute.field)
	w.comment(indent, "%s", e.Credits[0])
	w.matcher(indent, credits[0].match)
	w.line("%spoints: %d", indent, credits[0].points)
	if len(credits) > 1 {
		w.line("%spartial:", indent)
	}
	for i, c := range credits[1:] {
		w.comment(indent+"  ", "%s", e.Credits[i+1])
		w.line("%s  - points: %d", indent, c.points)
		w.matcher(indent+"    ", c.match)
	}
	w.comment(indent, "no points: %s", e.Others)
	if e.Unknown.Deals > 0 {
		w.comment(indent, "of which unknown: %s", e.Unknown)
	}
}

// matcher breaks a list of words that gets long.
func (w *writer) matcher(indent, match string) {
	for len(indent)+len(match) > width {
		cut := strings.LastIndex(match[:width-len(indent)], `", "`)
		if cut < 0 {
			break
		}
		w.line("%s%s", indent, match[:cut+2])
		match = match[cut+3:]
		if !strings.HasPrefix(match, "  ") {
			match = "  " + match
		}
	}
	w.line("%s%s", indent, match)
}

// String says it for people: 503 deals, 90.9 % (88.0 to 93.1), else 34.1 %, lift 2.4 (2.3 to 2.5).
func (c CreditEvidence) String() string {
	if c.Deals == 0 {
		return "0 deals"
	}
	return fmt.Sprintf("%d deals, %s (%.1f to %.1f), all others %s; lift %.2f (%.2f to %.2f)", c.Deals, percent(c.Good.Value), 100*c.Good.Low, 100*c.Good.High,
		percent(c.Without), c.Lift.Value, c.Lift.Low, c.Lift.High)
}

// dimension groups criteria: what speaks against an account is a risk.
func dimension(r *rule) string {
	switch {
	case r.full() < 0:
		return "risk"
	case r.attribute.field == account.Technologies:
		return "technographics"
	case r.attribute.declared():
		return "profile"
	}
	return "firmographics"
}

// queues are where the accounts of the tiers are worked, high to low; the last is for
// accounts that do not fit.
var queues = []string{"sdr-outreach", "marketing-nurture", "low-touch"}

func (r *derivation) writeTiers(w *writer) {
	w.line("")
	w.line("# The deals that the model was derived from, by the tier that they would have had. Others will do a little worse.")
	w.line("tiers:")
	for i, t := range r.out.Tiers {
		queue, task := "disqualified", ""
		if i < len(r.out.Tiers)-1 {
			queue = queues[i]
		}
		if i == 0 && len(r.out.Tiers) > 1 {
			task = `, task: {subject: "Reach out to {{.Name}}", due: 1d}`
		}
		w.comment("  ", "%d deals, %s %s (%.1f to %.1f)", t.Deals, percent(t.Good.Value), r.kind(), 100*t.Good.Low, 100*t.Good.High)
		w.line("  - {name: %s, min: %d, queue: %s%s}", t.Name, t.Min, queue, task)
	}
}
