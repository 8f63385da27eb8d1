// Package account holds the words that every other package shares: the account,
// its facts and its signals. It is pure Go and imports nothing of Sluice's.
package account

import (
	"strings"
	"time"
)

// Account is a company that Sluice follows.
type Account struct {
	ID     int64  `json:"id"`               // our own, stable for the life of the account
	Key    Key    `json:"key,omitzero"`     // the CRM record; zero while there is none
	Domain string `json:"domain,omitempty"` // registrable domain, see [NormalizeDomain]
	Name   string `json:"name,omitempty"`
}

// Key names a record in a CRM. The zero Key stands for "no CRM record".
type Key struct {
	CRM    string `json:"crm"`    // hubspot, salesforce
	Portal string `json:"portal"` // the CRM account that the record is in
	ID     string `json:"id"`     // the record's id there
}

// IsZero reports whether there is no CRM record.
func (k Key) IsZero() bool { return k == Key{} }

// String returns the key as it is written in ids, logs and effect keys:
// hubspot/8100/512.
func (k Key) String() string {
	if k.IsZero() {
		return ""
	}
	return strings.Join([]string{k.CRM, k.Portal, k.ID}, "/")
}

// Fact is one attribute of an account, as one provider saw it at one time.
type Fact struct {
	Field      Field     `json:"field"`
	Value      Value     `json:"value"`
	Provider   string    `json:"provider"`
	Confidence float64   `json:"confidence"` // 0 to 1
	ObservedAt time.Time `json:"observed_at"`
	// Derived marks a value that was worked out rather than stated, such as the
	// middle of an employee range.
	Derived bool `json:"derived,omitempty"`
}

// Facts holds at most one fact for each field.
type Facts map[Field]Fact

// Signal is a dated event about an account.
type Signal struct {
	Kind       string    `json:"kind"` // funding, hiring, executive_change, …
	OccurredAt time.Time `json:"occurred_at"`
	Source     string    `json:"source,omitempty"`
	Summary    string    `json:"summary,omitempty"`
}

// maxKeyPart bounds each part of a key, which becomes part of ids and addresses.
const maxKeyPart = 64

// CheckKey refuses a key that could not be one: parts that are empty, too long, or
// hold anything but letters, digits, - and _.
func CheckKey(k Key) error {
	for _, part := range []struct{ name, value string }{{"crm", k.CRM}, {"portal", k.Portal}, {"crm_id", k.ID}} {
		if part.value == "" || len(part.value) > maxKeyPart || strings.ContainsFunc(part.value, notKeyRune) {
			return Invalid(part.name, "want 1 to 64 letters, digits, - or _")
		}
	}
	return nil
}

func notKeyRune(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
}
