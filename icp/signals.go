package icp

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// SignalRules say what a model takes for news: the section signals of a model file.
type SignalRules struct {
	// FirstSight is how old something may be and still be news: the first sight of an
	// account raises nothing older. Default 30 days.
	FirstSight time.Duration
	// Hiring names the roles whose postings matter, and Executives those whose change
	// does; the first role that matches a title counts.
	Hiring, Executives []Role
	// Functions are departments whose first posting is news of its own.
	Functions []string
	// Burst is how many relevant postings within a time are a reason of their own.
	Burst Burst
	// Competitors are technologies whose disappearance is news, Complements those whose
	// appearance is; canonical names.
	Competitors, Complements []string
	// Headcount is the share of change in head count that is news. Default 0.2.
	Headcount float64
}

// Role is a job that a model watches, known by its title.
type Role struct {
	Name   string   // canonical, part of a signal's entity: vp-sales
	Titles []string // phrases of which one must be in the title, as whole words, whatever the case
	Not    []string // phrases that must not: assistant
	// Department, if it is set, is looked for in the department that a board gives;
	// a posting that gives none passes.
	Department string
}

// Burst is a number of relevant postings within a time. The zero Burst is never one.
type Burst struct {
	Postings int
	Within   time.Duration
}

// RoleFor returns the first role that a title belongs to; false if there is none. A
// department of "" is not known, and passes.
func RoleFor(roles []Role, title, department string) (Role, bool) {
	words := " " + plainWords(title) + " "
	for _, r := range roles {
		has := func(phrase string) bool { return strings.Contains(words, " "+plainWords(phrase)+" ") }
		if !slices.ContainsFunc(r.Titles, has) || slices.ContainsFunc(r.Not, has) {
			continue
		}
		if r.Department == "" || department == "" || strings.Contains(plainWords(department), plainWords(r.Department)) {
			return r, true
		}
	}
	return Role{}, false
}

// plainWords is the text in lower case, its words separated by single spaces: "VP,
// Sales (EMEA)" is "vp sales emea".
func plainWords(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

// Triggers returns those of the kinds that a criterion of intent gives points for.
func (m *Model) Triggers(kinds []string) []string {
	return slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool {
		return !slices.ContainsFunc(m.Criteria, func(c Criterion) bool {
			return c.Dimension == "intent" && c.Points > 0 && slices.Contains(c.Signals, kind)
		})
	})
}

// Matters says for people what the model makes of a kind of signal.
func (m *Model) Matters(kind string) string {
	var reasons []string
	for _, c := range m.Criteria {
		if slices.Contains(c.Signals, kind) {
			reasons = append(reasons, fmt.Sprintf("%s gives up to %+d points (%s)", c.Name, c.Points, c.Credits[0].Match))
		}
	}
	if len(reasons) == 0 {
		return "good to know; it does not count in " + m.ID()
	}
	return strings.Join(reasons, "; ") + " in " + m.ID()
}

// Days writes a time as people say it: 14 days, 12 hours.
func Days(d time.Duration) string { return duration(d) }
