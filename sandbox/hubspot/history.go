package hubspot

import (
	"slices"
	"strings"
)

// The sources of values, as HubSpot names them.
const (
	fromUI  = "CRM_UI"
	fromApp = "INTEGRATION"
)

// Who writes here: the one user who types, and the one app that has a token.
const (
	userID = 4711
	appID  = "9"
)

// versionsKept is how many values of a property HubSpot remembers.
const versionsKept = 20

// version is one value that a property had, as the API shows it.
type version struct {
	Value      string `json:"value"`
	Timestamp  string `json:"timestamp"`
	SourceType string `json:"sourceType"`
	SourceID   string `json:"sourceId,omitempty"`
	UserID     int    `json:"updatedByUserId,omitempty"`
}

// remember notes a value that a property has from now on, and where it came from.
func (c *CRM) remember(rec *record, name, value, source string) {
	v := version{Value: value, Timestamp: stamp(c.now()), SourceType: source}
	switch source {
	case fromUI:
		v.SourceID, v.UserID = "userId:4711", userID
	case fromApp:
		v.SourceID = appID
	}
	if rec.versions == nil {
		rec.versions = map[string][]version{}
	}
	all := slices.Insert(rec.versions[name], 0, v)
	rec.versions[name] = all[:min(len(all), versionsKept)]
}

// history returns the versions of the asked properties.
func (c *CRM) history(objectType string, rec *record, asked []string) map[string][]version {
	if len(asked) == 0 {
		return nil
	}
	out := map[string][]version{}
	for _, name := range asked {
		if c.objects[objectType].schema[name] != nil {
			out[name] = append([]version{}, rec.versions[name]...)
		}
	}
	return out
}

// Overwrite writes values as another program of the account would, or one of ours whose
// request was under way for very long: not in the ledger. Source is what HubSpot names
// it, such as IMPORT, or INTEGRATION for our own app.
func (c *CRM) Overwrite(companyID, source string, values map[string]string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(companies, companyID)
	if ok {
		c.writeAs(strings.ToUpper(source), rec, values)
	}
	return ok
}

// RemoveNote and RemoveTask delete a record as a person would. False when there is none.
func (c *CRM) RemoveNote(id string) bool { return c.removeOne(notes, id) }

// RemoveTask is described at RemoveNote.
func (c *CRM) RemoveTask(id string) bool { return c.removeOne(tasks, id) }

func (c *CRM) removeOne(objectType, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(objectType, id)
	if ok {
		c.objects[objectType].remove(func(r *record) bool { return r == rec })
	}
	return ok
}
