package crm

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/account"
)

// ErrNotGranted says that the key is good and does not reach that far: the scope for
// it was not granted. It is inside an [outbound.Error].
var ErrNotGranted = errors.New("the CRM key lacks the scope for this")

// Contacts reads and writes the people of a company. Its errors are those of [CRM],
// and ErrNotGranted where the key may not see or change contacts.
type Contacts interface {
	// Contacts returns the contacts whose company this is, at most limit of them, and
	// whether there are more. A contact of several companies belongs to its primary
	// one only.
	Contacts(ctx context.Context, company account.Key, limit int) (contacts []Contact, more bool, err error)
	// UpdateContacts writes properties of contacts, in as few calls as the CRM allows.
	// Writing the same values twice is harmless. It returns which contacts were refused
	// and why; with an error, nothing is known of the contacts that are not in done.
	UpdateContacts(ctx context.Context, writes []ContactWrite) (done []ContactDone, err error)
}

// Contact is a person at a company, without name or address: what a model scores, and
// nothing else.
type Contact struct {
	Key      account.Key
	JobTitle string
	// Department and ManagementLevel are words of account/vocabulary, where the CRM
	// states them; "" where it does not, or in a word that means nothing to us.
	Department, ManagementLevel string
	// BudgetAuthority is whether people marked the contact as one who decides on money;
	// nil if they said nothing of it.
	BudgetAuthority *bool
	Properties      map[string]string // those that Sluice writes; "" if empty
}

// ContactWrite is what is to be written to one contact.
type ContactWrite struct {
	ID         string
	Properties map[string]string
}

// ContactDone is how one write ended.
type ContactDone struct {
	ID      string
	Refused string // why the CRM did not take it, without values; "" if it did
}

// Names of the contact properties that Sluice writes. Names in a CRM are permanent.
const (
	ContactScoreProperty  = "icp_contact_score"
	ContactLevelProperty  = "icp_contact_level"
	ContactReasonProperty = "icp_contact_reason"
	ContactModelProperty  = "icp_contact_model"
)

// ContactProperties returns the contact properties that crm setup creates, with one
// option for each level.
func ContactProperties(levels []string) []Property {
	return []Property{
		{Object: ContactObject, Name: ContactScoreProperty, Label: "ICP contact score", Type: NumberProperty, Description: "How well the contact and its company match the ideal customer profile, in points of the model's scale. Written by Sluice."},
		{Object: ContactObject, Name: ContactLevelProperty, Label: "ICP contact level", Type: ChoiceProperty, Options: options(levels), Description: "The band that the ICP contact score falls in. Written by Sluice."},
		{Object: ContactObject, Name: ContactReasonProperty, Label: "ICP contact reason", Type: LongTextProperty, Description: "Why the contact has this score, in words. Written by Sluice."},
		{Object: ContactObject, Name: ContactModelProperty, Label: "ICP contact model", Type: TextProperty, Description: "Name and version of the model that made the score. Written by Sluice."},
	}
}
