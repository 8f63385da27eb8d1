package icp

import (
	"maps"
	"slices"

	"github.com/sluicehq/sluice/account"
)

// What a model rates.
const (
	SubjectCompany = "company"
	SubjectContact = "contact" // a person, together with the company
)

// Contact is a person at an account.
type Contact struct {
	ID    string // the CRM's; contacts that are equal otherwise are told apart by it
	Facts account.Facts
}

// Over returns what a model for contacts rates: the facts of the account, and over
// them those of the contact.
func (c Contact) Over(company account.Facts) account.Facts {
	facts := make(account.Facts, len(company)+len(c.Facts))
	maps.Copy(facts, company)
	maps.Copy(facts, c.Facts)
	return facts
}

// LooksAtContacts reports whether a model of companies has criteria of their contacts,
// which have to be known before it rates.
func (m *Model) LooksAtContacts() bool {
	return slices.ContainsFunc(m.Criteria, func(c Criterion) bool { return c.Of != "" })
}

// bestContact rates c by the contact with which it earns most; of several, by the
// first by id.
func (run *rating) bestContact(c *Criterion, r *Result) bool {
	var best *Contact
	var most int
	for i := range run.Contacts {
		contact := &run.Contacts[i]
		points, ok := contact.worth(c)
		if ok && (best == nil || points > most || points == most && contact.ID < best.ID) {
			best, most = contact, points
		}
	}
	return best != nil && run.fact(c, r, best.Facts)
}

// worth returns what c makes of the contact; false if its field is not known.
func (c *Contact) worth(by *Criterion) (points int, ok bool) {
	fact, ok := known(c.Facts, by.Field, by.kind)
	if !ok {
		return 0, false
	}
	i, _ := by.credit(input{value: fact.Value})
	if i < 0 {
		return 0, true
	}
	return by.Credits[i].Points, true
}

// committee rates c by how many contacts match: enough must earn a credit, or one
// before it. A contact of which the field is not known does not match.
func (run *rating) committee(c *Criterion, r *Result) bool {
	knowing, matching := run.poll(c, r)
	if knowing == 0 {
		return false
	}
	run.aged(r)
	all, earned := 0, -1
	for i := range c.Credits {
		if all += matching[i]; all >= c.Contacts {
			earned = i
			break
		}
	}
	r.Input = account.NumberValue(float64(all))
	run.text.WriteString(c.label)
	run.number(all)
	run.text.WriteString(" of ")
	run.number(knowing)
	run.text.WriteString(" match")
	if earned < 0 {
		run.text.WriteString(", fewer than ")
		run.number(c.Contacts)
		return true
	}
	run.text.WriteString(", at least ")
	run.number(c.Contacts)
	run.earn(c, r, earned, 0)
	return true
}

// poll counts the contacts whose field is known, and those that earn each credit.
func (run *rating) poll(c *Criterion, r *Result) (knowing int, matching [maxCredits + 1]int) {
	for i := range run.Contacts {
		fact, ok := known(run.Contacts[i].Facts, c.Field, c.kind)
		if !ok {
			continue
		}
		if knowing == 0 || fact.ObservedAt.Before(r.ObservedAt) {
			r.Provider, r.ObservedAt = fact.Provider, fact.ObservedAt
		}
		knowing++
		if earned, _ := c.credit(input{value: fact.Value}); earned >= 0 {
			matching[earned]++
		}
	}
	return knowing, matching
}
