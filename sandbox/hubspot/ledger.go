package hubspot

import (
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Write is one write that the API took.
type Write struct {
	At         time.Time         `json:"at"`
	Method     string            `json:"method"` // POST creates, PATCH changes, DELETE archives
	Object     string            `json:"object"` // companies, notes, tasks, properties, groups
	ID         string            `json:"id"`
	CompanyID  string            `json:"company_id,omitempty"`
	Key        string            `json:"key,omitempty"` // the effect key in the body of a note or task
	Properties map[string]string `json:"properties,omitempty"`
	AnswerLost bool              `json:"answer_lost,omitempty"` // it was done, and the client was not told
}

// Ledger is every write since the start or the last reset, in order.
type Ledger struct {
	Writes []Write `json:"writes"`
}

// Ledger returns what was written.
func (c *CRM) Ledger() Ledger {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := Ledger{Writes: make([]Write, len(c.ledger))}
	for i, w := range c.ledger {
		l.Writes[i] = *w
	}
	return l
}

// record adds a write, and tells the delivery about it, which may yet be lost.
func (c *CRM) record(d *delivery, w Write) {
	w.At = c.now()
	w.Properties = maps.Clone(w.Properties)
	c.ledger = append(c.ledger, &w)
	if d != nil {
		d.writes = append(d.writes, &w)
	}
}

// markLost marks writes whose answer did not get out.
func (c *CRM) markLost(d *delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range d.writes {
		w.AnswerLost = true
	}
}

// Duplicates returns the keys that were created more than once, and how often.
func (l Ledger) Duplicates() map[string]int {
	times := map[string]int{}
	for _, w := range l.Writes {
		if w.Method == "POST" && w.Key != "" {
			times[w.Key]++
		}
	}
	maps.DeleteFunc(times, func(_ string, n int) bool { return n < 2 })
	return times
}

// Created counts the records of a type that were created.
func (l Ledger) Created(object string) int {
	n := 0
	for _, w := range l.Writes {
		if w.Method == "POST" && w.Object == object {
			n++
		}
	}
	return n
}

// Lost counts the writes whose answer did not get out.
func (l Ledger) Lost() int {
	n := 0
	for _, w := range l.Writes {
		if w.AnswerLost {
			n++
		}
	}
	return n
}

// OwnerChanges returns the owners that were given to each company, in order. The
// same owner written again is no change.
func (l Ledger) OwnerChanges() map[string][]string {
	owners := map[string][]string{}
	for _, w := range l.Writes {
		id, ok := w.Properties[ownerProperty]
		if w.Object != companies || !ok {
			continue
		}
		if had := owners[w.ID]; len(had) == 0 || had[len(had)-1] != id {
			owners[w.ID] = append(had, id)
		}
	}
	return owners
}

// Counts returns how many writes there were of each kind: "POST tasks" and so on.
func (l Ledger) Counts() map[string]int {
	counts := map[string]int{}
	for _, w := range l.Writes {
		counts[w.Method+" "+w.Object]++
	}
	return counts
}

var markup = regexp.MustCompile(`<[^>]*>`)

// plain is a body as a person reads it, without its effect key.
func plain(body string) (text, key string) {
	lines := strings.Split(html.UnescapeString(markup.ReplaceAllString(body, "\n")), "\n")
	for i, line := range slices.Backward(lines) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "sluice:") {
			return strings.TrimSpace(strings.Join(slices.Delete(lines, i, i+1), "\n")), line
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n")), ""
}
