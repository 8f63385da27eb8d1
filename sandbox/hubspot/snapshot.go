package hubspot

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Snapshot is what the account holds.
type Snapshot struct {
	Companies []Company `json:"companies"`
	Notes     []Note    `json:"notes"`
	Tasks     []Task    `json:"tasks"`
	Owners    []Owner   `json:"owners"`
}

// Company is a company as people see it.
type Company struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Domain     string            `json:"domain"`
	OwnerID    string            `json:"owner_id,omitempty"`
	Properties map[string]string `json:"properties"`
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// Note is a note as people see it.
type Note struct {
	ID        string    `json:"id"`
	CompanyID string    `json:"company_id"`
	Key       string    `json:"key,omitempty"`
	Body      string    `json:"body"` // HTML, as it was written
	At        time.Time `json:"at"`
	CreatedAt time.Time `json:"created_at"`
}

// Task is a task as people see it.
type Task struct {
	ID        string    `json:"id"`
	CompanyID string    `json:"company_id"`
	Key       string    `json:"key,omitempty"`
	Subject   string    `json:"subject"`
	Body      string    `json:"body"` // HTML, as it was written
	Status    string    `json:"status"`
	Priority  string    `json:"priority"`
	OwnerID   string    `json:"owner_id,omitempty"`
	Due       time.Time `json:"due"`
	CreatedAt time.Time `json:"created_at"`
}

// Open reports whether somebody still has to do the task.
func (t Task) Open() bool { return t.Status != "COMPLETED" && t.Status != "DEFERRED" }

// Snapshot returns a copy of everything, in the order of creation.
func (c *CRM) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Snapshot{Companies: []Company{}, Notes: []Note{}, Tasks: []Task{}, Owners: slices.Clone(c.owners)}
	for _, r := range c.objects[companies].order {
		s.Companies = append(s.Companies, r.company())
	}
	for _, r := range c.objects[notes].order {
		s.Notes = append(s.Notes, r.note())
	}
	for _, r := range c.objects[tasks].order {
		s.Tasks = append(s.Tasks, r.task())
	}
	return s
}

// Company returns one company; a merged one is the one that is left.
func (c *CRM) Company(id string) (Company, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.find(companies, id)
	if !ok {
		return Company{}, false
	}
	return r.company(), true
}

func (r *record) company() Company {
	return Company{
		ID: r.id, Name: r.properties["name"], Domain: r.properties["domain"], OwnerID: r.properties[ownerProperty],
		Properties: maps.Clone(r.properties), CreatedAt: r.createdAt, UpdatedAt: r.updated,
	}
}

func (r *record) note() Note {
	n := Note{ID: r.id, Key: r.key, CompanyID: r.companyID, Body: r.properties["hs_note_body"], CreatedAt: r.createdAt}
	n.At, _ = parseTime(r.properties["hs_timestamp"])
	return n
}

func (r *record) task() Task {
	t := Task{
		ID: r.id, CompanyID: r.companyID, Key: r.key, Subject: r.properties["hs_task_subject"], Body: r.properties["hs_task_body"],
		Status: cmp.Or(r.properties["hs_task_status"], "NOT_STARTED"), Priority: cmp.Or(r.properties["hs_task_priority"], "NONE"),
		OwnerID: r.properties[ownerProperty], CreatedAt: r.createdAt,
	}
	t.Due, _ = parseTime(r.properties["hs_timestamp"])
	return t
}
