package icp

import (
	"maps"

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
