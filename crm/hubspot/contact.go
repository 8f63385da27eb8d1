package hubspot

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/crm"
)

// HubSpot's own properties of a contact that tell what a model scores. Names and
// addresses are not asked for.
const (
	contactTitle     = "jobtitle"
	contactSeniority = "hs_seniority"   // Employment Seniority
	contactRole      = "hs_role"        // Employment Role
	contactSubRole   = "hs_sub_role"    // Employment Sub Role, finer
	contactBuying    = "hs_buying_role" // several, joined with ;
	contactCompany   = "associatedcompanyid"
)

var contactProperties = func() []string {
	all := []string{contactTitle, contactSeniority, contactRole, contactSubRole, contactBuying, contactCompany}
	for _, p := range crm.ContactProperties(nil) {
		all = append(all, p.Name)
	}
	return all
}()

// Contacts implements crm.CRM: one call for the list, one for each hundred contacts.
// Where there are more than limit, HubSpot's list decides which come first.
func (c *Client) Contacts(ctx context.Context, company account.Key, limit int) (contacts []crm.Contact, more bool, err error) {
	companyID, err := c.recordID(company)
	if err != nil {
		return nil, false, err
	}
	ids, err := c.associated(ctx, "contacts", companyID, limit+1)
	if err != nil {
		return nil, false, err
	}
	slices.Sort(ids) // one that has several labels is listed with each
	ids = slices.Compact(ids)
	more = len(ids) > limit
	for batch := range slices.Chunk(ids[:min(limit, len(ids))], batchSize) {
		found, err := c.read(ctx, "contacts", batch, contactProperties...)
		if err != nil {
			return nil, false, err
		}
		for _, rec := range found {
			if primary := rec.property(contactCompany); primary == "" || primary == companyID {
				contacts = append(contacts, c.contactOf(rec))
			}
		}
	}
	slices.SortFunc(contacts, func(a, b crm.Contact) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	return contacts, more, nil
}

func (c *Client) contactOf(rec record) crm.Contact {
	contact := crm.Contact{
		Key: c.Key(string(rec.ID)), JobTitle: oneLine(rec.property(contactTitle)),
		Department:      cmp.Or(department(rec.property(contactSubRole)), department(rec.property(contactRole))),
		ManagementLevel: level(rec.property(contactSeniority)),
		BudgetAuthority: budgetAuthority(rec.property(contactBuying)),
		Properties:      map[string]string{},
	}
	for _, p := range crm.ContactProperties(nil) {
		contact.Properties[p.Name] = rec.property(p.Name)
	}
	return contact
}

// seniorities are the options of Employment Seniority.
var seniorities = map[string]string{
	"executive": vocabulary.CLevel, "owner": vocabulary.CLevel, "partner": vocabulary.CLevel,
	"vp": vocabulary.VP, "director": vocabulary.Director, "manager": vocabulary.Manager,
	"senior": vocabulary.Staff, "employee": vocabulary.Staff, "entry": vocabulary.Staff,
}

// level reads an option of Employment Seniority, or one that an admin has added.
func level(option string) string {
	option = strings.ToLower(option)
	return cmp.Or(seniorities[option], vocabulary.ManagementLevel(strings.ReplaceAll(option, "_", " ")))
}

// department reads an option of Employment Role or Sub Role, such as
// information_technology or account_manager.
func department(option string) string {
	return vocabulary.Department(strings.ReplaceAll(option, "_", " "))
}

// budgetAuthority reads the Buying Role, which people set. A sponsor may or may not
// decide on money, and neither says "other".
func budgetAuthority(roles string) *bool {
	said, yes, no := strings.Split(strings.ToUpper(roles), ";"), true, false
	has := func(words ...string) bool {
		return slices.ContainsFunc(said, func(role string) bool { return slices.Contains(words, strings.TrimSpace(role)) })
	}
	switch {
	case has("BUDGET_HOLDER", "DECISION_MAKER"):
		return &yes
	case has("EXECUTIVE_SPONSOR"):
		return nil
	case has("BLOCKER", "CHAMPION", "END_USER", "INFLUENCER", "LEGAL_AND_COMPLIANCE"):
		return &no
	default:
		return nil
	}
}

// UpdateContacts implements crm.CRM.
func (c *Client) UpdateContacts(ctx context.Context, writes []crm.ContactWrite) ([]crm.ContactDone, error) {
	inputs := make([]batchInput, len(writes))
	for i, w := range writes {
		inputs[i] = batchInput{ID: w.ID, Properties: w.Properties}
	}
	written, err := c.updateAll(ctx, "contacts", inputs)
	var done []crm.ContactDone
	for _, w := range written {
		done = append(done, crm.ContactDone{ID: w.ID, Refused: w.Refused})
	}
	return done, err
}
