package hubspot

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Contact is a contact as people see it.
type Contact struct {
	ID         string            `json:"id"`
	CompanyID  string            `json:"company_id,omitempty"` // its primary one
	Properties map[string]string `json:"properties"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// Name is how people call the contact.
func (c Contact) Name() string {
	return cmp.Or(strings.TrimSpace(c.Properties["firstname"]+" "+c.Properties["lastname"]), c.Properties["email"], c.ID)
}

func (r *record) contact() Contact {
	return Contact{ID: r.id, CompanyID: r.companyID, Properties: maps.Clone(r.properties), UpdatedAt: r.updated}
}

// AddContact adds a contact to a company as a person would, and returns its record id.
func (c *CRM) AddContact(companyID string, properties map[string]string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	company, ok := c.find(companies, companyID)
	if !ok {
		return "", fmt.Errorf("no company %s", companyID)
	}
	c.meet(company)
	values, mistakes := c.validate(contacts, properties)
	if len(mistakes) > 0 {
		return "", errors.New(mistakes[0].Message)
	}
	return c.addContact(company, values).id, nil
}

func (c *CRM) addContact(company *record, values map[string]string) *record {
	rec := c.insert(contacts, company.id, values)
	company.contacts = append(company.contacts, rec)
	return rec
}

// ShareContact associates a contact with a further company, which is not its primary
// one.
func (c *CRM) ShareContact(contactID, companyID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(contacts, contactID)
	company, found := c.find(companies, companyID)
	if !ok || !found {
		return fmt.Errorf("no contact %s or no company %s", contactID, companyID)
	}
	c.meet(company)
	company.contacts = append(company.contacts, rec)
	return nil
}

// MoveContact makes another company a contact's only one.
func (c *CRM) MoveContact(contactID, companyID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(contacts, contactID)
	company, found := c.find(companies, companyID)
	if !ok || !found {
		return fmt.Errorf("no contact %s or no company %s", contactID, companyID)
	}
	c.meet(company)
	c.part(rec)
	rec.companyID = company.id
	company.contacts = append(company.contacts, rec)
	return nil
}

// RemoveContact deletes a contact as a person would.
func (c *CRM) RemoveContact(contactID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(contacts, contactID)
	if ok {
		c.part(rec)
		c.objects[contacts].remove(func(r *record) bool { return r == rec })
	}
	return ok
}

// part takes a contact away from all companies.
func (c *CRM) part(contact *record) {
	for _, company := range c.objects[companies].order {
		company.contacts = slices.DeleteFunc(company.contacts, func(r *record) bool { return r == contact })
	}
}

// SetContactProperties writes values as a person who types them would: not in the
// ledger.
func (c *CRM) SetContactProperties(contactID string, values map[string]string) error {
	return c.typeIn(contacts, "contact", contactID, values)
}

// Contacts returns the contacts of a company, those that it shares included, in the
// order in which they came.
func (c *CRM) Contacts(companyID string) []Contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	company, ok := c.find(companies, companyID)
	if !ok {
		return nil
	}
	c.meet(company)
	all := make([]Contact, len(company.contacts))
	for i, rec := range company.contacts {
		all[i] = rec.contact()
	}
	return all
}

// DenyContacts makes the key one that was not granted the scopes for contacts, or one
// that was.
func (c *CRM) DenyContacts(denied bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied[contacts] = denied
}

// meet invents the people of a company, the first time that somebody looks for them: a
// sandbox of fifty thousand companies has few that anybody looks at.
func (c *CRM) meet(company *record) {
	if company.met {
		return
	}
	company.met = true
	if c.people == nil {
		return
	}
	for _, values := range c.people(company.properties["domain"]) {
		c.addContact(company, values)
	}
}

func (c *CRM) moveContacts(into, from *record) {
	c.meet(into) // or the same people would come again with the domain
	from.met = true
	for _, contact := range from.contacts {
		if contact.companyID == from.id {
			contact.companyID = into.id
		}
	}
	into.contacts = append(into.contacts, from.contacts...)
}

// updateBatch writes to all records that are there, unless a value is wrong: then to
// none.
func (c *CRM) updateBatch(r *call) (int, any, error) {
	var body struct {
		Inputs []struct {
			ID         string             `json:"id"`
			Properties map[string]*string `json:"properties"`
		} `json:"inputs"`
	}
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	if n := len(body.Inputs); n == 0 || n > 100 {
		return 0, nil, invalid("inputs must have between 1 and 100 items")
	}
	seen, checked := map[string]bool{}, make([]map[string]string, len(body.Inputs))
	for i, in := range body.Inputs {
		if seen[in.ID] {
			return 0, nil, invalid("Duplicate IDs found in batch input: " + in.ID)
		}
		seen[in.ID] = true
		var err error
		if checked[i], err = c.values(r.objectType, writeBody{Properties: in.Properties}); err != nil {
			return 0, nil, err
		}
	}
	results, unknown := []wireRecord{}, []string{}
	for i, in := range slices.Backward(body.Inputs) { // the order is not promised
		rec, ok := c.find(r.objectType, in.ID)
		if !ok {
			unknown = append(unknown, in.ID)
			continue
		}
		c.write(rec, checked[i])
		c.note(r, http.MethodPatch, rec, checked[i])
		results = append(results, c.show(r.objectType, rec, sortedKeys(checked[i])))
	}
	status, answer := c.batchAnswer(results, unknown)
	return status, answer, nil
}
