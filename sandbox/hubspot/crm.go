// Package hubspot is a HubSpot account in memory: its API as Sluice uses it, strict
// in what it accepts, its webhooks, a ledger of everything written, and a page that
// shows the account as a rep sees it. Demo and tests run the real adapter against it.
package hubspot

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the settings of an account. The zero Options will do.
type Options struct {
	Portal  string // the account's number, default 8100
	Token   string // the one bearer token that is accepted, default: any
	Version string // of the API, default 2026-09

	// SearchLag is how long the search index is behind writes. Default none.
	SearchLag time.Duration
	// BulkAssociations leaves out the list of one record's associations, which
	// HubSpot's published files of 2026-09 lack too.
	BulkAssociations bool

	// PerTenSeconds is how many calls but searches are taken in any ten seconds, 190 of
	// a Professional account. Default any number.
	PerTenSeconds int

	// People invents who works at a domain: properties of contacts, the same each time.
	// They are in the account from the moment that somebody looks for them. Default
	// nobody.
	People func(domain string) []map[string]string

	// Target is where companies made at /_crm/companies are announced.
	Target Target

	Now func() time.Time // default time.Now
}

// CRM is one HubSpot account. All of its methods may be called at any time.
type CRM struct {
	portal, token, version string
	searchLag              time.Duration
	bulkAssociations       bool
	people                 func(domain string) []map[string]string
	now                    func() time.Time
	limit                  limit
	asked                  atomic.Int64 // calls but searches

	mu      sync.Mutex
	lastID  int64
	calls   uint64 // makes ids of calls, and every second answer write ids as numbers
	target  Target
	objects map[string]*table
	gone    map[string]string // merged company → the company that is left
	groups  map[string]bool   // of properties, as companies/sluice
	denied  map[string]bool   // types that no scope was granted for
	owners  []Owner
	ledger  []*Write
}

// table holds the records of one type.
type table struct {
	schema map[string]*Property
	byID   map[string]*record
	order  []*record // as created
}

type record struct {
	id                 string
	companyID          string // of a note or task, of a contact or deal its primary one
	key                string // in the body of a note or task
	properties         map[string]string
	versions           map[string][]version // of properties, the present one first
	createdAt, updated time.Time

	// Of a company: its contacts, once somebody has looked for them.
	contacts []*record
	met      bool
}

// Owner is a user who can own records.
type Owner struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Type      string `json:"type"` // PERSON or QUEUE
	Archived  bool   `json:"archived"`
}

// Name is how people call the owner.
func (o Owner) Name() string {
	return cmp.Or(strings.TrimSpace(o.FirstName+" "+o.LastName), o.Email, o.ID)
}

// The record types.
const (
	companies = "companies"
	contacts  = "contacts"
	notes     = "notes"
	tasks     = "tasks"
	deals     = "deals"
)

// New returns an account without records, with HubSpot's own properties.
func New(o Options) *CRM {
	c := &CRM{
		portal: cmp.Or(o.Portal, "8100"), token: o.Token, version: cmp.Or(o.Version, "2026-09"),
		searchLag: o.SearchLag, bulkAssociations: o.BulkAssociations, people: o.People,
		target: o.Target, now: o.Now, limit: limit{perWindow: o.PerTenSeconds}, denied: map[string]bool{},
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.objects = map[string]*table{
		companies: {schema: companySchema()}, contacts: {schema: contactSchema()}, notes: {schema: noteSchema()}, tasks: {schema: taskSchema()},
		deals: {schema: dealSchema()},
	}
	c.groups = map[string]bool{companies + "/companyinformation": true, contacts + "/contactinformation": true}
	c.Reset()
	return c
}

// Reset forgets every record and the ledger. Owners and properties stay.
func (c *CRM) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.objects {
		t.byID, t.order = map[string]*record{}, nil
	}
	c.gone, c.ledger = map[string]string{}, nil
}

// ResetLedger forgets what was written so far, and keeps the records.
func (c *CRM) ResetLedger() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger = nil
}

// Portal is the account's number.
func (c *CRM) Portal() string { return c.portal }

// AddCompany adds a company as a person would, and returns its record id. A
// property that is not there yet is made, as text.
func (c *CRM) AddCompany(name, domain string, properties map[string]string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	values := maps.Clone(properties)
	if values == nil {
		values = map[string]string{}
	}
	values["name"], values["domain"] = name, domain
	for property := range values {
		c.define(property)
	}
	return c.insertAs(fromUI, companies, "", values).id
}

// define makes a company property that is missing.
func (c *CRM) define(name string) {
	if schema := c.objects[companies].schema; schema[name] == nil {
		schema[name] = &Property{Name: name, Label: name, GroupName: "companyinformation", Type: "string", FieldType: "text"}
	}
}

// SetProperties writes values as a person who types them would: not in the ledger.
func (c *CRM) SetProperties(companyID string, values map[string]string) error {
	return c.typeIn(companies, "company", companyID, values)
}

// typeIn writes values to a record, which people call what, unless one is wrong.
func (c *CRM) typeIn(objectType, what, id string, values map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(objectType, id)
	if !ok {
		return fmt.Errorf("no %s %s", what, id)
	}
	clean, mistakes := c.validate(objectType, values)
	if len(mistakes) > 0 {
		return errors.New(mistakes[0].Message)
	}
	c.writeAs(fromUI, rec, clean)
	return nil
}

// EditNote replaces the text of a note as a person would: not in the ledger.
func (c *CRM) EditNote(noteID, body string) error {
	return c.typeIn(notes, "note", noteID, map[string]string{"hs_note_body": body})
}

// CompleteTask ticks a task off as a person would: not in the ledger. False when there
// is no such task.
func (c *CRM) CompleteTask(taskID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(tasks, taskID)
	if ok {
		c.writeAs(fromUI, rec, map[string]string{"hs_task_status": "COMPLETED"})
	}
	return ok
}

// RemoveCompany deletes a company as a person would, with its notes and tasks. Its
// contacts stay, without a company.
func (c *CRM) RemoveCompany(companyID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(companies, companyID)
	if !ok {
		return false
	}
	c.objects[companies].remove(func(r *record) bool { return r == rec })
	for _, t := range []string{notes, tasks} {
		c.objects[t].remove(func(r *record) bool { return r.companyID == rec.id })
	}
	for _, contact := range rec.contacts {
		if contact.companyID == rec.id {
			contact.companyID = ""
		}
	}
	return true
}

// Merge merges one company into another as a person would: reading the one that
// is gone answers with the one that is left.
func (c *CRM) Merge(into, from string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	left, ok := c.find(companies, into)
	other, found := c.find(companies, from)
	if !ok || !found || left == other {
		return fmt.Errorf("no two companies %s and %s", into, from)
	}
	c.objects[companies].remove(func(r *record) bool { return r == other })
	for _, t := range []string{notes, tasks} {
		for _, r := range c.objects[t].order {
			if r.companyID == other.id {
				r.companyID = left.id
			}
		}
	}
	c.moveContacts(left, other)
	c.gone[other.id] = left.id
	return nil
}

// AddOwner adds a user who can own companies.
func (c *CRM) AddOwner(id, email, first, last string) {
	c.addOwner(Owner{ID: id, Email: email, FirstName: first, LastName: last, Type: "PERSON"})
}

// AddArchivedOwner adds a user who has left. Old records may still name them.
func (c *CRM) AddArchivedOwner(id, email, first, last string) {
	c.addOwner(Owner{ID: id, Email: email, FirstName: first, LastName: last, Type: "PERSON", Archived: true})
}

// AddQueue adds an owner that is not a person.
func (c *CRM) AddQueue(id, name string) {
	c.addOwner(Owner{ID: id, FirstName: name, Type: "QUEUE"})
}

func (c *CRM) addOwner(o Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners = slices.DeleteFunc(c.owners, func(have Owner) bool { return have.ID == o.ID })
	c.owners = append(c.owners, o)
}

func (c *CRM) ownerKnown(id string) bool {
	return slices.ContainsFunc(c.owners, func(o Owner) bool { return o.ID == id && !o.Archived && o.Type == "PERSON" })
}

// insert makes a record, as an app does.
func (c *CRM) insert(objectType, companyID string, values map[string]string) *record {
	return c.insertAs(fromApp, objectType, companyID, values)
}

// insertAs makes a record. Ids are not consecutive, as HubSpot's are not.
func (c *CRM) insertAs(source, objectType, companyID string, values map[string]string) *record {
	c.lastID += 7
	rec := &record{id: strconv.FormatInt(1000+c.lastID, 10), companyID: companyID, properties: map[string]string{}, createdAt: c.now()}
	t := c.objects[objectType]
	t.byID[rec.id] = rec
	t.order = append(t.order, rec)
	c.writeAs(source, rec, values)
	return rec
}

// write stores values, as an app does; an empty one clears the property.
func (c *CRM) write(rec *record, values map[string]string) { c.writeAs(fromApp, rec, values) }

// writeAs stores values, and who wrote them.
func (c *CRM) writeAs(source string, rec *record, values map[string]string) {
	for name, v := range values {
		c.remember(rec, name, v, source)
		if v == "" {
			delete(rec.properties, name)
			continue
		}
		rec.properties[name] = v
	}
	if body := cmp.Or(values["hs_note_body"], values["hs_task_body"]); body != "" {
		_, rec.key = plain(body)
	}
	rec.updated = c.now()
}

// find returns a record; a company that was merged is the one that is left.
func (c *CRM) find(objectType, id string) (*record, bool) {
	for objectType == companies && c.gone[id] != "" {
		id = c.gone[id]
	}
	rec, ok := c.objects[objectType].byID[id]
	return rec, ok
}

func (t *table) remove(is func(*record) bool) {
	for id, r := range t.byID {
		if is(r) {
			delete(t.byID, id)
		}
	}
	t.order = slices.DeleteFunc(t.order, is)
}

// value is a property as the API shows it; some are the record's own.
func (r *record) value(name string) (string, bool) {
	switch name {
	case "hs_object_id":
		return r.id, true
	case "createdate", "hs_createdate":
		return stamp(r.createdAt), true
	case "hs_lastmodifieddate", "lastmodifieddate":
		return stamp(r.updated), true
	}
	if name == companyOfContact {
		return r.companyID, r.companyID != ""
	}
	v, ok := r.properties[name]
	return v, ok
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
