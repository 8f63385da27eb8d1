package hubspot

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// wireProperty is a property as the API shows it.
type wireProperty struct {
	Property
	Calculated bool `json:"calculated"`
	Archived   bool `json:"archived"`
	Metadata   struct {
		ReadOnlyValue bool `json:"readOnlyValue"`
	} `json:"modificationMetadata"`
}

func (p Property) wire() wireProperty {
	w := wireProperty{Property: p}
	if w.Options == nil {
		w.Options = []Option{}
	}
	w.Metadata.ReadOnlyValue = p.ReadOnly
	return w
}

func (c *CRM) listProperties(r *call) (int, any, error) {
	all := []wireProperty{}
	schema := c.objects[r.objectType].schema
	for _, name := range sortedKeys(schema) {
		all = append(all, schema[name].wire())
	}
	return http.StatusOK, map[string]any{"results": all}, nil
}

func (c *CRM) readProperty(r *call) (int, any, error) {
	p := c.objects[r.objectType].schema[r.PathValue("name")]
	if p == nil {
		return 0, nil, missing("property")
	}
	return http.StatusOK, p.wire(), nil
}

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

func (c *CRM) createProperty(r *call) (int, any, error) {
	if r.objectType != companies && r.objectType != contacts {
		return 0, nil, invalid("custom properties of " + r.objectType + " are not kept here")
	}
	var p Property
	if err := r.into(&p); err != nil {
		return 0, nil, err
	}
	schema := c.objects[r.objectType].schema
	switch {
	case !propertyName.MatchString(p.Name):
		return 0, nil, invalid("Property name is not valid")
	case schema[p.Name] != nil:
		return 0, nil, taken("A property named '" + p.Name + "'")
	case p.Label == "" || !c.groups[r.objectType+"/"+p.GroupName]:
		return 0, nil, invalid("label and an existing groupName are required")
	case !slices.Contains(fieldTypes[p.Type], p.FieldType):
		return 0, nil, invalid("fieldType does not go with type")
	case p.Type != "enumeration" && len(p.Options) > 0:
		return 0, nil, invalid("only enumerations have options")
	}
	if err := checkOptions(p.Options); err != nil {
		return 0, nil, err
	}
	schema[p.Name] = &p
	c.record(r.delivery, Write{Method: http.MethodPost, Object: "properties", ID: p.Name})
	return http.StatusCreated, p.wire(), nil
}

func (c *CRM) updateProperty(r *call) (int, any, error) {
	p := c.objects[r.objectType].schema[r.PathValue("name")]
	if p == nil {
		return 0, nil, missing("property")
	}
	var body struct {
		Label   *string
		Options *[]Option
	}
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	if body.Options != nil {
		if p.Type != "enumeration" {
			return 0, nil, invalid("only enumerations have options")
		}
		if err := checkOptions(*body.Options); err != nil {
			return 0, nil, err
		}
		p.Options = *body.Options // as a whole: what is left out is lost
	}
	if body.Label != nil {
		p.Label = *body.Label
	}
	c.record(r.delivery, Write{Method: http.MethodPatch, Object: "properties", ID: p.Name})
	return http.StatusOK, p.wire(), nil
}

func checkOptions(options []Option) error {
	seen := map[string]bool{}
	for _, o := range options {
		if o.Label == "" || o.Value == "" || seen[o.Value] {
			return invalid("options need a label and a value of their own")
		}
		seen[o.Value] = true
	}
	return nil
}

func (c *CRM) createGroup(r *call) (int, any, error) {
	var body struct{ Name, Label string }
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	switch {
	case body.Name == "" || body.Label == "":
		return 0, nil, invalid("name and label are required")
	case c.groups[r.objectType+"/"+body.Name]:
		return 0, nil, taken("A group named '" + body.Name + "'")
	}
	c.groups[r.objectType+"/"+body.Name] = true
	c.record(r.delivery, Write{Method: http.MethodPost, Object: "groups", ID: body.Name})
	return http.StatusCreated, map[string]any{"name": body.Name, "label": body.Label, "displayOrder": -1, "archived": false}, nil
}
