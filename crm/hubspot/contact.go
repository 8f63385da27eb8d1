package hubspot

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
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

// batchSize is how many inputs HubSpot takes in one call.
const batchSize = 100

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
	var done []crm.ContactDone
	var sendable []crm.ContactWrite
	for _, w := range writes {
		switch {
		case !number(w.ID):
			done = append(done, crm.ContactDone{ID: w.ID, Refused: "the record id is not a number"})
		case len(w.Properties) > 0:
			sendable = append(sendable, w)
		}
	}
	for batch := range slices.Chunk(sendable, batchSize) {
		written, err := c.updateBatch(ctx, batch)
		done = append(done, written...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// updateBatch writes a batch of at most a hundred. HubSpot refuses some batches as a
// whole for one of their records: these are halved, so that the others get theirs.
func (c *Client) updateBatch(ctx context.Context, batch []crm.ContactWrite) ([]crm.ContactDone, error) {
	done, err := c.sendBatch(ctx, batch)
	refused, ok := errors.AsType[*outbound.Error](err)
	if !ok || refused.Outcome != outbound.BadRequest && refused.Outcome != outbound.NotFound {
		return done, err
	}
	if len(batch) == 1 || refusesAll(err) {
		for _, w := range batch {
			done = append(done, crm.ContactDone{ID: w.ID, Refused: cmp.Or(refused.Reason, string(refused.Outcome))})
		}
		return done, nil
	}
	half := len(batch) / 2
	if done, err = c.updateBatch(ctx, batch[:half]); err != nil {
		return done, err
	}
	rest, err := c.updateBatch(ctx, batch[half:])
	return append(done, rest...), err
}

// refusesAll reports whether what was refused is the same for every contact: a path or
// a property that is not there, or a level that is no option.
func refusesAll(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Status == http.StatusNotFound && !e.Missing ||
		slices.Contains(e.Codes, "PROPERTY_DOESNT_EXIST") || slices.Contains(e.Codes, "INVALID_OPTION"))
}

type batchInput struct {
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
}

// batchAnswer is the answer to a batch; with 207 some of it failed.
type batchAnswer struct {
	Results []record `json:"results"`
	Errors  []struct {
		Category string `json:"category"`
		Context  struct {
			IDs []id `json:"ids"`
		} `json:"context"`
	} `json:"errors"`
}

// sendBatch makes one call. A record that is not among the results was not written,
// whatever the errors say of it.
func (c *Client) sendBatch(ctx context.Context, batch []crm.ContactWrite) ([]crm.ContactDone, error) {
	inputs := make([]batchInput, len(batch))
	for i, w := range batch {
		values := make(map[string]string, len(w.Properties))
		for name, value := range w.Properties {
			values[name] = cut(value, maxText)
		}
		inputs[i] = batchInput{ID: w.ID, Properties: values}
	}
	var answer batchAnswer
	req := post(c.objects("contacts", "batch", "update"), map[string]any{"inputs": inputs})
	if err := c.call(ctx, req, func(r outbound.Response) error {
		return decode(r, &answer, func() bool { return len(answer.Results)+len(answer.Errors) > 0 })
	}); err != nil {
		return nil, err
	}
	done := make([]crm.ContactDone, len(batch))
	for i, w := range batch {
		done[i].ID = w.ID
		if !slices.ContainsFunc(answer.Results, func(r record) bool { return string(r.ID) == w.ID }) {
			done[i].Refused = answer.refusalOf(w.ID)
		}
	}
	return done, nil
}

func (a batchAnswer) refusalOf(recordID string) string {
	for _, e := range a.Errors {
		if slices.Contains(e.Context.IDs, id(recordID)) {
			return cmp.Or(word(e.Category), "refused")
		}
	}
	return "refused"
}
