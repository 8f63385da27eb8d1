package jobboards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/signals"
)

const maxEvidence = 5 // postings of one event

// job is a posting as one look sees it.
type job struct {
	posting
	mark    string
	role    string    // of the model's; "" if it is none of them
	at      time.Time // published, or first seen; zero if that is before all looks
	undated bool      // by the board
	fresh   bool      // never seen before, and recent enough to be news
}

// news returns what is new on the board, and remembers it.
func (m *memory) news(at signals.Look, l *listing) []signals.Event {
	first := m.Board != l.board.String()
	if first { // of this board: what is remembered of another one says nothing
		*m = memory{Board: l.board.String(), Burst: m.Burst}
	}
	m.Given = l.given
	jobs := m.jobs(at, l, first)
	m.note(jobs)
	var events []signals.Event
	events = append(events, hiring(at.Rules, jobs)...)
	events = append(events, m.burst(at, jobs)...)
	events = append(events, m.departments(at.Rules, jobs, first)...)
	for i := range events {
		events[i].Kind, events[i].Confidence = signals.Hiring, l.sure
	}
	return events
}

// jobs returns the postings with what the model and the memory know of them: those
// that matter first, then the newest.
func (m *memory) jobs(at signals.Look, l *listing, first bool) []job {
	seen := m.seen()
	taken := make(map[string]bool, len(l.postings))
	jobs := make([]job, 0, len(l.postings))
	for _, p := range l.postings {
		j := job{posting: p, mark: mark(p.ID)}
		if taken[j.mark] {
			continue // a page that moved while it was read
		}
		taken[j.mark] = true
		if role, ok := icp.RoleFor(at.Rules.Hiring, p.Title, p.Department); ok {
			j.role = role.Name
		}
		day, known := seen[j.mark]
		j.date(at.Now, day, known || first)
		j.fresh = !known && !j.at.IsZero() && !j.at.Before(at.Since)
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, byImportance)
	return jobs[:min(len(jobs), maxPostings)]
}

// slack is how far into the future a date may be and still be meant: boards live in
// all time zones.
const slack = 48 * time.Hour

// date settles when a posting appeared: when the board says, else on the day of the
// look that first saw it; and what the first look saw is old.
func (j *job) date(now, firstSeen time.Time, known bool) {
	switch p := j.Published; {
	case p.Year() < 2000 || p.After(now.Add(slack)):
		j.undated = true
		if j.at = firstSeen; !known {
			j.at = now
		}
	case p.After(now):
		j.at = now
	default:
		j.at = p
	}
}

func byImportance(a, b job) int {
	if (a.role == "") != (b.role == "") {
		return strings.Compare(b.role, a.role) // any role before none
	}
	return cmp.Or(b.at.Compare(a.at), strings.Compare(a.ID, b.ID))
}

// hiring returns one event for each role that is newly looked for, in the model's order.
func hiring(rules *icp.SignalRules, jobs []job) []signals.Event {
	var events []signals.Event
	told := map[string]bool{}
	for _, role := range rules.Hiring {
		some := filter(jobs, func(j job) bool { return j.fresh && j.role == role.Name })
		if role.Name == "" || told[role.Name] || len(some) == 0 {
			continue
		}
		told[role.Name] = true
		events = append(events, event(role.Name, fmt.Sprintf("hires %d for %s: %s", len(some), role.Name, titles(some)), some))
	}
	return events
}

// burst tells once of many relevant postings within a short time, and again only
// after they have become few.
func (m *memory) burst(at signals.Look, jobs []job) []signals.Event {
	b := at.Rules.Burst
	some := filter(jobs, func(j job) bool { return j.role != "" && j.at.After(at.Now.Add(-b.Within)) })
	told := m.Burst
	m.Burst = b.Postings > 0 && len(some) >= b.Postings
	if !m.Burst || told || some[0].at.Before(at.Since) {
		return nil
	}
	days := max(int(b.Within.Hours()/24), 1)
	return []signals.Event{event("burst", fmt.Sprintf("posted %d relevant jobs within %d days: %s", len(some), days, titles(some)), some)}
}

// departments tells of the model's functions that have a posting for the first time. One
// that merely appears on a posting of old was renamed.
func (m *memory) departments(rules *icp.SignalRules, jobs []job, first bool) []signals.Event {
	fresh := map[string][]job{}
	var slugs []string
	for _, j := range jobs {
		slug := slugOf(j.Department)
		if _, counted := fresh[slug]; !counted && !m.noteDepartment(slug) {
			continue
		}
		if fresh[slug] == nil {
			slugs = append(slugs, slug)
		}
		fresh[slug] = append(fresh[slug], j)
	}
	if first {
		return nil
	}
	var events []signals.Event
	slices.Sort(slugs)
	watched := make([]string, len(rules.Functions))
	for i, f := range rules.Functions {
		watched[i] = slugOf(f)
	}
	for _, slug := range slugs {
		if !slices.Contains(watched, slug) {
			continue
		}
		if some := fresh[slug]; !slices.ContainsFunc(some, func(j job) bool { return !j.fresh }) {
			summary := fmt.Sprintf("first posting in %s: %s", some[0].Department, titles(some))
			events = append(events, event("first:"+slug, summary, newestFirst(some)))
		}
	}
	return events
}

// event is about some postings, the newest first.
func event(entity, summary string, some []job) signals.Event {
	e := signals.Event{Entity: entity, OccurredAt: some[0].at, Summary: summary}
	for _, j := range some[:min(len(some), maxEvidence)] {
		e.Evidence = append(e.Evidence, signals.Evidence{Source: service, Title: j.Title, URL: j.URL, At: j.at})
	}
	return e
}

// titles lists what is looked for, each once: "RevOps Manager, CRM Admin and 3 more".
func titles(some []job) string {
	var all []string
	for _, j := range some {
		if !slices.Contains(all, j.Title) {
			all = append(all, j.Title)
		}
	}
	if len(all) <= maxEvidence {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:maxEvidence], ", "), len(all)-maxEvidence)
}

func filter(jobs []job, keep func(job) bool) []job {
	var out []job
	for _, j := range jobs {
		if keep(j) {
			out = append(out, j)
		}
	}
	return newestFirst(out)
}

func newestFirst(jobs []job) []job {
	slices.SortStableFunc(jobs, func(a, b job) int { return b.at.Compare(a.at) })
	return jobs
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
