package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// What EnsureProperties says of a property.
const (
	created  = "created"
	present  = "present"
	extended = "extended"
	conflict = "conflict"
)

const group = "sluice"

// definition is a property as HubSpot describes it.
type definition struct {
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Options    []json.RawMessage `json:"options"` // sent back as they came, when some are added
	Calculated bool              `json:"calculated"`
	Metadata   struct {
		ReadOnlyValue bool `json:"readOnlyValue"`
	} `json:"modificationMetadata"`
}

type option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
}

// EnsureProperties implements crm.CRM. A property that is there with another type
// is reported and left alone. With an error come the states reached until then.
func (c *Client) EnsureProperties(ctx context.Context, want []crm.Property) ([]crm.PropertyState, error) {
	states := make([]crm.PropertyState, 0, len(want))
	for _, object := range []crm.Object{crm.CompanyObject, crm.ContactObject} {
		of := slices.DeleteFunc(slices.Clone(want), func(p crm.Property) bool { return p.Object != object })
		reached, err := c.ensureObject(ctx, object, of)
		states = append(states, reached...)
		if err != nil {
			return states, err
		}
	}
	return states, nil
}

// ensureObject is EnsureProperties for those of one type of record.
func (c *Client) ensureObject(ctx context.Context, object crm.Object, want []crm.Property) ([]crm.PropertyState, error) {
	if len(want) == 0 {
		return nil, nil
	}
	have, err := c.definitions(ctx, object)
	if err != nil {
		return nil, err
	}
	missing := func(p crm.Property) bool { _, ok := have[p.Name]; return !ok }
	if slices.ContainsFunc(want, missing) {
		if err := c.ensureGroup(ctx, object); err != nil {
			return nil, err
		}
	}
	states := make([]crm.PropertyState, 0, len(want))
	for _, p := range want {
		state, err := c.ensure(ctx, p, have)
		if err != nil {
			return states, fmt.Errorf("property %s: %w", p.Name, err)
		}
		states = append(states, state)
	}
	return states, nil
}

func (c *Client) ensure(ctx context.Context, p crm.Property, have map[string]definition) (crm.PropertyState, error) {
	if d, ok := have[p.Name]; ok {
		return c.reconcile(ctx, p, d)
	}
	err := c.call(ctx, post(c.propertiesPath(p.Object), c.newProperty(p)), nil)
	if !isConflict(err) {
		return crm.PropertyState{Name: p.Name, State: created}, err
	}
	// Somebody was faster, or the name is that of an archived property.
	var d definition
	read := outbound.Request{Path: c.propertiesPath(p.Object) + "/" + p.Name}
	if err := c.call(ctx, read, func(r outbound.Response) error { return r.JSON(&d) }); err != nil {
		if outbound.OutcomeOf(err) == outbound.NotFound {
			return crm.PropertyState{Name: p.Name, State: conflict, Note: "archived: restore it in HubSpot's property settings"}, nil
		}
		return crm.PropertyState{}, err
	}
	return c.reconcile(ctx, p, d)
}

// reconcile compares what is there with what is wanted, and adds options.
func (c *Client) reconcile(ctx context.Context, p crm.Property, d definition) (crm.PropertyState, error) {
	if state, bad := conflictOf(p, d); bad {
		return state, nil
	}
	options, added := extend(d.Options, p.Options)
	if len(added) == 0 {
		return crm.PropertyState{Name: p.Name, State: present}, nil
	}
	// HubSpot replaces the whole list: an option that is left out is lost.
	err := c.call(ctx, patch(c.propertiesPath(p.Object)+"/"+p.Name, map[string]any{"options": options}), nil)
	return crm.PropertyState{Name: p.Name, State: extended, Note: "added " + strings.Join(added, ", ")}, err
}

// conflictOf says why what is there cannot be what is wanted.
func conflictOf(p crm.Property, d definition) (crm.PropertyState, bool) {
	typ, _ := wireType(p.Type)
	switch {
	case d.Type != typ:
		return crm.PropertyState{Name: p.Name, State: conflict, Note: fmt.Sprintf("is of type %s, Sluice needs %s: rename or remove it in HubSpot", word(d.Type), typ)}, true
	case d.Calculated || d.Metadata.ReadOnlyValue:
		return crm.PropertyState{Name: p.Name, State: conflict, Note: "is read-only in HubSpot"}, true
	}
	return crm.PropertyState{}, false
}

// extend appends the wanted options whose value is not there yet.
func extend(have []json.RawMessage, want []crm.Option) (all []any, added []string) {
	values := map[string]bool{}
	order := 0
	for _, raw := range have {
		var o option
		if json.Unmarshal(raw, &o) == nil {
			values[o.Value] = true
			order = max(order, o.DisplayOrder+1)
		}
		all = append(all, raw)
	}
	for _, o := range want {
		if !values[o.Value] {
			all = append(all, option{Label: o.Label, Value: o.Value, DisplayOrder: order})
			added = append(added, o.Value)
			order++
		}
	}
	return all, added
}

func (c *Client) newProperty(p crm.Property) map[string]any {
	typ, fieldType := wireType(p.Type)
	body := map[string]any{
		"groupName": group, "name": p.Name, "label": p.Label, "description": p.Description,
		"type": typ, "fieldType": fieldType,
	}
	if p.Type == crm.ChoiceProperty {
		body["options"], _ = extend(nil, p.Options)
	}
	return body
}

func wireType(t crm.PropertyType) (typ, fieldType string) {
	switch t {
	case crm.NumberProperty:
		return "number", "number"
	case crm.ChoiceProperty:
		return "enumeration", "select"
	case crm.LongTextProperty:
		return "string", "textarea"
	case crm.TimeProperty:
		return "datetime", "date"
	case crm.TextProperty:
	}
	return "string", "text"
}

func (c *Client) definitions(ctx context.Context, object crm.Object) (map[string]definition, error) {
	var list struct {
		Results []definition `json:"results"`
	}
	err := c.call(ctx, outbound.Request{Path: c.propertiesPath(object)}, func(r outbound.Response) error { return r.JSON(&list) })
	have := make(map[string]definition, len(list.Results))
	for _, d := range list.Results {
		have[d.Name] = d
	}
	return have, err
}

func (c *Client) ensureGroup(ctx context.Context, object crm.Object) error {
	body := map[string]any{"name": group, "label": "Sluice", "displayOrder": -1}
	if err := c.call(ctx, post(c.propertiesPath(object)+"/groups", body), nil); !isConflict(err) {
		return err
	}
	return nil
}

func (c *Client) propertiesPath(object crm.Object) string {
	path := "/crm/properties/" + c.version + "/companies"
	if object == crm.ContactObject {
		path = "/crm/properties/" + c.version + "/contacts"
	}
	return path
}

// isConflict reports whether HubSpot said that it is there already.
func isConflict(err error) bool {
	e, ok := errors.AsType[*outbound.Error](err)
	return ok && e.Status == http.StatusConflict
}
