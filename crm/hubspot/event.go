package hubspot

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// MaxEvents is how many events HubSpot puts into one delivery at most.
const MaxEvents = 100

// EventKind says what happened to a company.
type EventKind string

// The kinds of events. An event about anything else has kind "": ignore it.
const (
	Creation EventKind = "creation"
	Change   EventKind = "change" // of one property
	Merge    EventKind = "merge"
	Deletion EventKind = "deletion"
	Restore  EventKind = "restore"
)

// Event is one thing that happened in HubSpot.
type Event struct {
	Key        string        // the same for each delivery of the event, and for no other
	Company    account.Key   // after a merge, the record that is left; zero when Kind is ""
	Kind       EventKind     //
	Property   string        // that changed
	Merged     []account.Key // records that were merged into Company
	OccurredAt time.Time     // deliveries come in any order: this is the one that counts
}

// rawEvent is an event as delivered. The guides call its type eventType, what is
// delivered says subscriptionType.
type rawEvent struct {
	SubscriptionType string `json:"subscriptionType"`
	EventType        string `json:"eventType"`
	ObjectTypeID     string `json:"objectTypeId"`
	PropertyName     string `json:"propertyName"`

	EventID         flexible   `json:"eventId"`
	PortalID        flexible   `json:"portalId"`
	ObjectID        flexible   `json:"objectId"`
	OccurredAt      flexible   `json:"occurredAt"`
	PrimaryObjectID flexible   `json:"primaryObjectId"`
	NewObjectID     flexible   `json:"newObjectId"`
	MergedObjectIDs []flexible `json:"mergedObjectIds"`
}

// flexible is a number that comes bare or in quotes, checked where it is used:
// what an event of no interest carries must not refuse the others.
type flexible string

// UnmarshalJSON implements json.Unmarshaler.
func (f *flexible) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil { // null leaves it empty
		*f = flexible(s)
		return nil
	}
	*f = flexible(b)
	return nil
}

// DecodeEvents reads the body of a delivery whose signature has been checked. Its
// errors are account.ErrInvalid and name the event and the field: [3].objectId.
func DecodeEvents(body []byte) ([]Event, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		return nil, account.Invalid("body", "not a JSON array of events")
	}
	if len(raw) > MaxEvents {
		return nil, account.Invalid("body", fmt.Sprintf("%d events, HubSpot sends at most %d", len(raw), MaxEvents))
	}
	events := make([]Event, len(raw))
	for i, message := range raw {
		var err error
		if events[i], err = decodeEvent(fmt.Sprintf("[%d]", i), message); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func decodeEvent(place string, message json.RawMessage) (Event, error) {
	if !strings.HasPrefix(strings.TrimSpace(string(message)), "{") {
		return Event{}, account.Invalid(place, "not a JSON object")
	}
	var r rawEvent
	if err := json.Unmarshal(message, &r); err != nil {
		return Event{}, account.Invalid(place+badField(err), "not of the type that HubSpot sends")
	}
	if r.SubscriptionType == "" {
		r.SubscriptionType = r.EventType
	}
	if r.SubscriptionType == "" {
		return Event{}, account.Invalid(place+".subscriptionType", "missing")
	}
	e := Event{Key: r.key(), Kind: r.kind()}
	if e.Kind == "" {
		return e, nil
	}
	return r.fill(e, place)
}

// badField names the field that the decoder tripped over.
func badField(err error) string {
	if e, ok := err.(*json.UnmarshalTypeError); ok && e.Field != "" { //nolint:errorlint // Unmarshal wraps nothing
		return "." + e.Field
	}
	return ""
}

// kinds by the last part of the type.
var kinds = map[string]EventKind{
	"creation": Creation, "propertyChange": Change, "merge": Merge, "deletion": Deletion, "restore": Restore,
}

// kind is "" for what is not about a company: company.* says so itself, object.*
// by its objectTypeId.
func (r rawEvent) kind() EventKind {
	object, what, _ := strings.Cut(r.SubscriptionType, ".")
	if object == "company" || object == "object" && r.ObjectTypeID == "0-2" {
		return kinds[what]
	}
	return ""
}

// key is made of all that tells events apart: eventId alone is not unique, and
// attemptNumber differs between deliveries of one event.
func (r rawEvent) key() string {
	return strings.Join([]string{
		string(r.PortalID), r.SubscriptionType, r.ObjectTypeID, string(r.ObjectID),
		string(r.EventID), string(r.OccurredAt), r.PropertyName,
	}, "/")
}

// fill reads what an event about a company must have.
func (r rawEvent) fill(e Event, place string) (Event, error) {
	if !number(string(r.PortalID)) {
		return Event{}, account.Invalid(place+".portalId", "missing or not a number")
	}
	ms, err := strconv.ParseInt(string(r.OccurredAt), 10, 64)
	if err != nil || ms <= 0 || ms > maxMillis {
		return Event{}, account.Invalid(place+".occurredAt", "missing or not milliseconds since 1970")
	}
	e.OccurredAt = time.UnixMilli(ms).UTC()
	e.Property = r.PropertyName
	if e.Kind == Change && e.Property == "" {
		return Event{}, account.Invalid(place+".propertyName", "missing")
	}
	field, objectID := r.subject(e.Kind)
	if !number(objectID) {
		return Event{}, account.Invalid(place+"."+field, "missing or not a number")
	}
	e.Company = r.company(objectID)
	if e.Kind != Merge {
		return e, nil
	}
	for _, gone := range append(r.MergedObjectIDs, r.PrimaryObjectID) {
		if g := string(gone); g != objectID && number(g) {
			e.Merged = append(e.Merged, r.company(g))
		}
	}
	return e, nil
}

const maxMillis = 1 << 47 // some thousands of years on

// subject is the record that an event leaves, and the field that names it. A merge
// may make a new record, and then both of the old ones are gone.
func (r rawEvent) subject(kind EventKind) (field, objectID string) {
	switch {
	case kind == Merge && r.NewObjectID != "":
		return "newObjectId", string(r.NewObjectID)
	case kind == Merge && r.PrimaryObjectID != "":
		return "primaryObjectId", string(r.PrimaryObjectID)
	default:
		return "objectId", string(r.ObjectID)
	}
}

func (r rawEvent) company(recordID string) account.Key {
	return account.Key{CRM: Name, Portal: string(r.PortalID), ID: recordID}
}
