package hubspot

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Target is an app that is told of what happens in the account.
type Target struct {
	URL    string `json:"url"`    // that is called, as it is known to the app
	Secret string `json:"secret"` // the app's client secret
}

// Event is one event of a delivery. Fields that the type does not have are zero.
type Event struct {
	EventID          int64   `json:"eventId"`
	SubscriptionID   int64   `json:"subscriptionId"`
	PortalID         int64   `json:"portalId"`
	AppID            int64   `json:"appId"`
	OccurredAt       int64   `json:"occurredAt"` // milliseconds
	SubscriptionType string  `json:"subscriptionType"`
	ObjectTypeID     string  `json:"objectTypeId,omitempty"` // of object.* types
	AttemptNumber    int     `json:"attemptNumber"`
	ObjectID         int64   `json:"objectId"`
	PropertyName     string  `json:"propertyName,omitempty"`
	PropertyValue    string  `json:"propertyValue,omitempty"`
	PrimaryObjectID  int64   `json:"primaryObjectId,omitempty"`
	MergedObjectIDs  []int64 `json:"mergedObjectIds,omitempty"`
	ChangeSource     string  `json:"changeSource,omitempty"`
	ChangeFlag       string  `json:"changeFlag,omitempty"`
}

// Created returns one event for each new company.
func (c *CRM) Created(companyIDs ...string) []Event {
	events := make([]Event, len(companyIDs))
	for i, id := range companyIDs {
		events[i] = c.event("creation", id)
		events[i].ChangeFlag = "NEW"
	}
	return events
}

// Changed returns the event of a property that a person changed.
func (c *CRM) Changed(companyID, property, value string) Event {
	e := c.event("propertyChange", companyID)
	e.PropertyName, e.PropertyValue = property, value
	return e
}

// Merged returns the event of a company that was merged into another.
func (c *CRM) Merged(into, from string) Event {
	e := c.event("merge", into)
	e.PrimaryObjectID, e.MergedObjectIDs = wireID(into), []int64{wireID(from)}
	return e
}

// Classic returns the event as apps get it that subscribe to company.* types.
func (e Event) Classic() Event {
	_, what, _ := strings.Cut(e.SubscriptionType, ".")
	e.SubscriptionType, e.ObjectTypeID = "company."+what, ""
	return e
}

func (c *CRM) event(what, companyID string) Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	return Event{
		EventID: c.lastID, SubscriptionID: 7, PortalID: wireID(c.portal), AppID: 9, OccurredAt: c.now().UnixMilli(),
		SubscriptionType: "object." + what, ObjectTypeID: "0-2", ObjectID: wireID(companyID), ChangeSource: "CRM_UI",
	}
}

func wireID(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// Webhook builds a signed delivery of the events, to be sent as it is.
func (c *CRM) Webhook(t Target, events ...Event) (*http.Request, error) {
	body, err := json.Marshal(events)
	if err != nil {
		return nil, err
	}
	return Sign(t, body, c.now())
}

// Sign builds a delivery with the given body, signed at the given time.
func Sign(t Target, body []byte, at time.Time) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, t.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(t.Secret))
	mac.Write([]byte(http.MethodPost + decoded.Replace(t.URL) + string(body) + stamp))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "HubSpot Connect 2.0 (sandbox)")
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r, nil
}

// decoded undoes the escapes that HubSpot undoes before it signs.
var decoded = strings.NewReplacer("%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?", "%40", "@",
	"%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";")

// SetTarget says which app is told from now on; the zero Target none.
func (c *CRM) SetTarget(t Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = t
}

// impatience is how long HubSpot waits for an answer.
const impatience = 5 * time.Second

// Deliver sends the events to the target once, and returns the status of its
// answer; 0 when there is no target. HubSpot would repeat what fails, for a day.
func (c *CRM) Deliver(ctx context.Context, events ...Event) (status int, err error) {
	c.mu.Lock()
	t := c.target
	c.mu.Unlock()
	if t.URL == "" {
		return 0, nil
	}
	r, err := c.Webhook(t, events...)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, impatience)
	defer cancel()
	res, err := http.DefaultClient.Do(r.WithContext(ctx))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	return res.StatusCode, nil
}
