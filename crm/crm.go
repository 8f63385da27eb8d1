// Package crm is the contract of a CRM: the few calls that Sluice makes, and the
// effects that it has there. Folders below hold one CRM each.
package crm

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/account"
)

// CRM reads companies and writes effects. Every error is an [outbound.Error],
// account.ErrNotFound for a record that is not there, or the context's. None of
// its writes is repeated by itself: who repeats one looks first.
type CRM interface {
	Contacts
	Deals
	Comparable

	// Key returns the key of the company with the given record id.
	Key(recordID string) account.Key
	// Company reads one company, with further properties beside those that Sluice
	// writes. A record that was merged into another answers with the key of the one
	// that is left.
	Company(ctx context.Context, key account.Key, further ...string) (Company, error)
	// Companies reads at most a hundred companies in one call, in any order. Those that
	// are not there are left out.
	Companies(ctx context.Context, keys []account.Key, further ...string) ([]Company, error)
	// CompaniesByDomain finds the companies whose domain is one of the given ones,
	// at most a hundred. CRMs index with a delay: a record of the last seconds may
	// be missing.
	CompaniesByDomain(ctx context.Context, domains ...string) ([]Company, error)
	// CreateCompany creates a company and returns it.
	CreateCompany(ctx context.Context, name, domain string) (Company, error)
	// UpdateCompany writes properties. Writing the same values twice is harmless.
	UpdateCompany(ctx context.Context, key account.Key, properties map[string]string) error
	// UpdateCompanies does so for many companies, in as few calls as the CRM allows. It
	// returns which companies were refused and why; with an error, nothing is known of the
	// companies that are not in done.
	UpdateCompanies(ctx context.Context, writes []CompanyWrite) (done []CompanyDone, err error)

	// FindNote and FindTask look for the company's note or task that carries the
	// effect key, by association and not by search, so that a record of a second
	// ago is seen. account.ErrNotFound if there is none.
	FindNote(ctx context.Context, company account.Key, effectKey string) (id string, err error)
	FindTask(ctx context.Context, company account.Key, effectKey string) (id string, err error)
	// CreateNote and CreateTask create the record and its association in one call.
	CreateNote(ctx context.Context, company account.Key, n Note) (id string, err error)
	CreateTask(ctx context.Context, company account.Key, t Task) (id string, err error)
	// UpdateNote replaces the text of a note.
	UpdateNote(ctx context.Context, id string, n Note) error
	// OpenTask returns the last of these tasks that nobody has completed or deleted;
	// account.ErrNotFound if there is none.
	OpenTask(ctx context.Context, ids ...string) (id string, err error)
	// AppendTask adds t's text and key to what a task says, and takes over its
	// priority; who or when it is for stays. A task that carries the key already is
	// left alone.
	AppendTask(ctx context.Context, id string, t Task) error

	// Engagements tells of notes or tasks what people have done to them since, at most
	// fifty in a call. Those that are not there (any more) are left out.
	Engagements(ctx context.Context, kind EffectKind, ids []string) ([]Engagement, error)
	// Archive takes a note or task away, as a person who deletes it does. One that is not
	// there is no error.
	Archive(ctx context.Context, kind EffectKind, id string) error

	// Owners returns the people who can own a company.
	Owners(ctx context.Context) ([]Owner, error)
	// EnsureProperties creates what is missing and reports what it found.
	EnsureProperties(ctx context.Context, want []Property) ([]PropertyState, error)
}

// Company is a company as the CRM has it.
type Company struct {
	Key        account.Key
	Name       string
	Domain     string
	OwnerID    string            // "" if nobody owns it
	Properties map[string]string // those that Sluice reads or writes; "" if empty
	Target     bool              // the CRM's own mark: an account that we go after
	URL        string            // the record's page in the CRM
}

// CompanyWrite is what is to be written to one company.
type CompanyWrite struct {
	Key        account.Key
	Properties map[string]string
}

// CompanyDone is how one write ended.
type CompanyDone struct {
	Key     account.Key
	Refused string // why the CRM did not take it, without values; "" if it did
	Unset   bool   // it is refused for a property or an option that is not there, as it would be for every company
}

// Note is a note on a company. Key is written at its end, so that it can be found.
type Note struct {
	Key  string
	Body string // plain text with line breaks; the adapter escapes it
	At   time.Time
}

// Task is a task on a company. Key is written at its end, so that it can be found.
type Task struct {
	Key      string
	Subject  string
	Body     string // plain text with line breaks; the adapter escapes it
	Due      time.Time
	Priority string // low, medium, high
	OwnerID  string // "" for nobody
}

// Engagement is a note or task as it stands.
type Engagement struct {
	ID      string
	Touched bool // whether anybody but its maker has changed what it says, whose it is or when it is due
	Done    bool // whether a task is completed
}

// Owner is a person who can own companies.
type Owner struct {
	ID    string
	Email string
	Name  string
}

// Object is a type of record that has properties.
type Object string

// The objects whose properties Sluice writes.
const (
	CompanyObject Object = "" // what a property is of, if nothing else is said
	ContactObject Object = "contact"
)

// Property is a property that Sluice writes.
type Property struct {
	Object                   Object
	Name, Label, Description string
	Type                     PropertyType
	Options                  []Option // of an enumeration
}

// PropertyType is the type of a property.
type PropertyType string

// The property types.
const (
	NumberProperty   PropertyType = "number"
	ChoiceProperty   PropertyType = "enumeration"
	TextProperty     PropertyType = "text"
	LongTextProperty PropertyType = "long text"
	TimeProperty     PropertyType = "datetime"
)

// Option is one choice of an enumeration.
type Option struct{ Value, Label string }

// PropertyState is what EnsureProperties found or did.
type PropertyState struct {
	Name  string `json:"name"`
	State string `json:"state"` // created, present, extended (options added), conflict
	Note  string `json:"note,omitempty"`
}
