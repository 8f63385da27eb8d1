package icp

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// Change is what one criterion gives other than in the score before, or what is known
// to it now.
type Change struct {
	Criterion string        `json:"criterion"`
	Before    account.Value `json:"before"`             // the input; null while unknown
	After     account.Value `json:"after"`              // the input now
	Provider  string        `json:"provider,omitempty"` // who says so now
	Points    int           `json:"points"`             // more or fewer than before, before scaling
	Text      string        `json:"text"`               // for people: "employees 40 → 120 (apollo) +15"
}

// Diff returns what changed from one score to the next, what moved most points first:
// criteria whose input or whose points are other ones, new criteria and those that the
// model has no more. What only grew older, and gives what it gave, is no change.
func Diff(before, after Score) []Change {
	var changes []Change
	for i := range after.Criteria {
		now := &after.Criteria[i]
		was := result(before, now.Name)
		if c, changed := compare(was, now); changed {
			changes = append(changes, c)
		}
	}
	for i := range before.Criteria {
		was := &before.Criteria[i]
		if result(after, was.Name) == nil {
			changes = append(changes, Change{
				Criterion: was.Name, Before: was.Input, Points: -was.Points,
				Text: fmt.Sprintf("%s is no criterion any more%s", spaced(was.Name), signed(-was.Points)),
			})
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(abs(b.Points), abs(a.Points)) })
	return changes
}

func result(s Score, name string) *Result {
	for i := range s.Criteria {
		if s.Criteria[i].Name == name {
			return &s.Criteria[i]
		}
	}
	return nil
}

// compare tells how a criterion differs; was is nil for a new one.
func compare(was, now *Result) (c Change, changed bool) {
	c = Change{Criterion: now.Name, After: now.Input, Provider: now.Provider, Points: now.Points}
	if was == nil {
		c.Text = "new: " + now.Reason + signed(now.Points)
		return c, true
	}
	c.Before = was.Input
	c.Points -= was.Points
	switch {
	case !asStored(was.Input).Equal(asStored(now.Input)):
		c.Text = spaced(now.Name) + " " + step(was.Input, now.Input) + said(now) + signed(c.Points)
	case c.Points == 0:
		return c, false
	case was.Max != now.Max:
		c.Text = fmt.Sprintf("%s counts up to %d, not %d%s", spaced(now.Name), now.Max, was.Max, signed(c.Points))
	default: // the same input, older, or newer where it is an event
		c.Text = now.Reason + said(now) + signed(c.Points)
	}
	return c, true
}

// asStored is the value as it comes back from JSON, where a date is a text.
func asStored(v account.Value) account.Value {
	if v.Kind() == account.DateKind {
		return account.TextValue(v.Text())
	}
	return v
}

// step writes what became of an input: 40 → 120; of a list, what is new in it and what
// is gone.
func step(was, now account.Value) string {
	if was.Kind() != account.ListKind || now.Kind() != account.ListKind {
		return shown(was) + " → " + shown(now)
	}
	var parts []string
	for _, part := range []struct {
		word string
		list []string
	}{{"with ", without(now.List(), was.List())}, {"without ", without(was.List(), now.List())}} {
		if len(part.list) > 0 {
			parts = append(parts, part.word+newWords(part.list).shown)
		}
	}
	return strings.Join(parts, ", ")
}

func without(list, left []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(left, s) })
}

func shown(v account.Value) string {
	if v.IsZero() {
		return "unknown"
	}
	var b strings.Builder
	writeText(&b, v.String())
	return b.String()
}

// said names who says so.
func said(r *Result) string {
	if r.Provider == "" {
		return ""
	}
	return " (" + r.Provider + ")"
}

// signed writes points that moved: " +15"; nothing if none did.
func signed(points int) string {
	if points == 0 {
		return ""
	}
	if points > 0 {
		return " +" + strconv.Itoa(points)
	}
	return " " + strconv.Itoa(points)
}

// Unchanged is how [Why] ends for a score that is what it was, from the same inputs.
const Unchanged = "nothing changed"

// whyChanges is how many changes [Why] spells out.
const whyChanges = 5

// Why tells in one line why there is a new score and what it changed: "data: employees
// 40 → 120 (apollo) +15; score 50 → 65, Tier 2". Also is what there is to tell beside
// the criteria, such as an override that began. The zero before is none: it is the
// first score.
func Why(cause string, before, after Score, changes []Change, also ...string) string {
	parts := slices.DeleteFunc(also, func(s string) bool { return s == "" })
	for _, c := range changes[:min(len(changes), whyChanges)] {
		parts = append(parts, c.Text)
	}
	if more := len(changes) - whyChanges; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	first := before.Tier == ""
	switch {
	case first:
		parts = append(parts, fmt.Sprintf("score %d, %s", after.Value, after.Tier))
	case before.Value != after.Value && before.Tier != after.Tier:
		parts = append(parts, fmt.Sprintf("score %d → %d, %s → %s", before.Value, after.Value, before.Tier, after.Tier))
	case before.Value != after.Value:
		parts = append(parts, fmt.Sprintf("score %d → %d, %s", before.Value, after.Value, after.Tier))
	case before.Tier != after.Tier:
		parts = append(parts, fmt.Sprintf("score %d, %s → %s", after.Value, before.Tier, after.Tier))
	case len(parts) == 0:
		parts = append(parts, Unchanged)
	default:
		parts = append(parts, fmt.Sprintf("score stays %d, %s", after.Value, after.Tier))
	}
	return plain(cause + ": " + strings.Join(parts, "; "))
}
