package crm

import (
	"fmt"
	"slices"
	"time"
)

// PolicyKind says when a property that Sluice writes is written. Under none of them a
// person's value is overwritten: neither one that was typed, nor one of ours that was
// emptied.
type PolicyKind string

// The policies.
const (
	KeepPerson PolicyKind = "keep_person" // whenever our value changes: the default
	Fill       PolicyKind = "fill"        // only while the CRM's field is empty
	Refresh    PolicyKind = "refresh"     // over our own value only when that is older than an age
	Approve    PolicyKind = "approve"     // after a person has approved the value
)

// Policy is how one property is written.
type Policy struct {
	Kind PolicyKind
	Age  time.Duration // of Refresh
}

// String implements fmt.Stringer: "refresh after 168h0m0s".
func (p Policy) String() string {
	if p.Kind == Refresh {
		return fmt.Sprintf("%s after %s", p.Kind, p.Age)
	}
	return string(p.Kind)
}

// Policies are the policies of properties by their names; those that are not named are
// KeepPerson.
type Policies map[string]Policy

// Of returns the policy of a property.
func (p Policies) Of(property string) Policy {
	if policy, ok := p[property]; ok {
		return policy
	}
	return Policy{Kind: KeepPerson}
}

// Has reports whether any property has a policy of that kind.
func (p Policies) Has(kind PolicyKind) bool {
	for _, policy := range p {
		if policy.Kind == kind {
			return true
		}
	}
	return false
}

// Writable names the properties that Sluice writes, of companies and of contacts.
func Writable() (companies, contacts []string) {
	for _, p := range Properties(nil, nil) {
		companies = append(companies, p.Name)
	}
	for _, p := range ContactProperties(nil) {
		contacts = append(contacts, p.Name)
	}
	return slices.Concat(companies, []string{OwnerProperty}), contacts
}

// Present is what a policy goes by: what the CRM has of a property, and what is known of
// our own part in it.
type Present struct {
	Have    string    // in the CRM
	Ours    bool      // whether that is what we wrote, or may have written
	Emptied bool      // whether it is empty, and we had written a value: somebody took it away
	Same    bool      // whether it is what is to be there
	At      time.Time // when we wrote it; zero if that is not known
	// Asked is what became of asking a person for the value that is to be there: "" if
	// nobody was asked about this very value, else a state of Staged.
	Asked Answer
}

// Answer is what a person said to a value that waits for approval.
type Answer string

// The answers.
const (
	Waiting  Answer = "waiting"
	Approved Answer = "approved"
	Rejected Answer = "rejected"
)

// Verdict is what is done about one property.
type Verdict string

// The verdicts.
const (
	Write   Verdict = "write"   // the value is written
	AsIs    Verdict = "as is"   // what is there is what is to be there, and ours
	Agreed  Verdict = "agreed"  // it is what is to be there, and somebody else's
	Kept    Verdict = "kept"    // somebody else's value stays
	Held    Verdict = "held"    // our own earlier value stays, or nothing does, as the policy says
	ToStage Verdict = "staged"  // a person is to be asked
	OnHold  Verdict = "waiting" // a person has been asked, and has not approved
)

// Decide says what is done about a property.
func (p Policy) Decide(at Present, now time.Time) Verdict {
	free := at.Have == "" && !at.Emptied
	switch {
	case at.Same && (free || at.Ours):
		return AsIs
	case at.Same:
		return Agreed
	case !free && !at.Ours:
		return Kept
	}
	switch p.Kind {
	case Fill:
		if !free {
			return Held
		}
	case Refresh:
		if !free && now.Sub(at.At) < p.Age {
			return Held
		}
	case Approve:
		switch at.Asked {
		case Approved:
			return Write
		case Waiting, Rejected:
			return OnHold
		default:
			return ToStage
		}
	case KeepPerson:
	}
	return Write
}
