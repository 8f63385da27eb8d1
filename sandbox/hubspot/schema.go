package hubspot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Property describes a property of a record type.
type Property struct {
	Name        string   `json:"name"`
	Label       string   `json:"label"`
	Description string   `json:"description"`
	GroupName   string   `json:"groupName"`
	Type        string   `json:"type"`
	FieldType   string   `json:"fieldType"`
	Options     []Option `json:"options"`
	Own         bool     `json:"hubspotDefined"`
	ReadOnly    bool     `json:"-"`
}

// Option is a choice of an enumeration.
type Option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
	Description  string `json:"description,omitempty"`
}

// fieldTypes are the allowed pairs of type and fieldType.
var fieldTypes = map[string][]string{
	"number":      {"number"},
	"enumeration": {"select", "radio", "checkbox", "booleancheckbox"},
	"string":      {"text", "textarea", "html", "phonenumber", "file"},
	"bool":        {"booleancheckbox"},
	"date":        {"date"},
	"datetime":    {"date"},
}

func companySchema() map[string]*Property {
	return schema("companyinformation",
		text("name", "Company name"), text("domain", "Company Domain Name"), text("website", "Website URL"),
		text("phone", "Phone Number"), text("city", "City"), text("state", "State/Region"), text("country", "Country/Region"),
		text("industry", "Industry"), text("description", "Description"), number("numberofemployees", "Number of Employees"),
		number("annualrevenue", "Annual Revenue"), yesOrNo("hs_is_target_account", "Target Account"), owner(),
		readOnly("createdate", "datetime"), readOnly("hs_lastmodifieddate", "datetime"), readOnly("hs_object_id", "number"),
	)
}

func contactSchema() map[string]*Property {
	return schema("contactinformation",
		text("firstname", "First Name"), text("lastname", "Last Name"), text("email", "Email"), text("jobtitle", "Job Title"),
		choice("hs_seniority", "entry", "employee", "senior", "manager", "director", "vp", "executive", "owner", "partner"),
		text("hs_role", "Employment Role"), text("hs_sub_role", "Employment Sub Role"),
		several("hs_buying_role", "BLOCKER", "BUDGET_HOLDER", "CHAMPION", "DECISION_MAKER", "END_USER", "EXECUTIVE_SPONSOR", "INFLUENCER", "LEGAL_AND_COMPLIANCE", "OTHER"),
		readOnly(companyOfContact, "number"), owner(),
		readOnly("createdate", "datetime"), readOnly("lastmodifieddate", "datetime"), readOnly("hs_object_id", "number"),
	)
}

func noteSchema() map[string]*Property {
	return schema("engagement", moment("hs_timestamp"), text("hs_note_body", "Note body"), text("hs_attachment_ids", "Attachments"),
		owner(), readOnly("hs_createdate", "datetime"), readOnly("hs_lastmodifieddate", "datetime"), readOnly("hs_object_id", "number"))
}

func taskSchema() map[string]*Property {
	return schema("engagement", moment("hs_timestamp"), text("hs_task_subject", "Title"), text("hs_task_body", "Notes"),
		choice("hs_task_status", "NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
		choice("hs_task_priority", "NONE", "LOW", "MEDIUM", "HIGH"), choice("hs_task_type", "TODO", "CALL", "EMAIL"),
		text("hs_task_reminders", "Reminders"), text("hs_queue_membership_ids", "Queue"),
		owner(), readOnly("hs_createdate", "datetime"), readOnly("hs_lastmodifieddate", "datetime"), readOnly("hs_object_id", "number"))
}

func dealSchema() map[string]*Property {
	return schema("dealinformation", text("dealname", "Deal Name"), number("amount", "Amount"), moment("closedate"), text("dealstage", "Deal Stage"),
		choice("dealtype", "newbusiness", "existingbusiness", "renewal"),
		readOnlyFlag("hs_is_closed"), readOnlyFlag("hs_is_closed_won"), owner(),
		readOnly("createdate", "datetime"), readOnly("hs_lastmodifieddate", "datetime"), readOnly("hs_object_id", "number"))
}

func schema(group string, properties ...*Property) map[string]*Property {
	all := map[string]*Property{}
	for _, p := range properties {
		p.GroupName, p.Own = group, true
		if p.Label == "" {
			p.Label = p.Name
		}
		all[p.Name] = p
	}
	return all
}

func text(name, label string) *Property {
	return &Property{Name: name, Label: label, Type: "string", FieldType: "text"}
}

func number(name, label string) *Property {
	return &Property{Name: name, Label: label, Type: "number", FieldType: "number"}
}

// yesOrNo is a boolean, which HubSpot gives options like an enumeration.
func yesOrNo(name, label string) *Property {
	return &Property{
		Name: name, Label: label, Type: "bool", FieldType: "booleancheckbox",
		Options: []Option{{Label: "True", Value: "true", DisplayOrder: 0}, {Label: "False", Value: "false", DisplayOrder: 1}},
	}
}

func readOnlyFlag(name string) *Property {
	p := yesOrNo(name, name)
	p.ReadOnly = true
	return p
}

func moment(name string) *Property { return &Property{Name: name, Type: "datetime", FieldType: "date"} }

func owner() *Property {
	return &Property{Name: ownerProperty, Label: "Owner", Type: "enumeration", FieldType: "select"}
}

func readOnly(name, typ string) *Property {
	return &Property{Name: name, Type: typ, FieldType: fieldTypes[typ][0], ReadOnly: true}
}

func choice(name string, values ...string) *Property {
	p := &Property{Name: name, Type: "enumeration", FieldType: "select"}
	for i, v := range values {
		p.Options = append(p.Options, Option{Label: v, Value: v, DisplayOrder: i})
	}
	return p
}

// several is an enumeration that takes more than one of its options, joined with ;.
func several(name string, values ...string) *Property {
	p := choice(name, values...)
	p.FieldType = "checkbox"
	return p
}

const (
	ownerProperty    = "hubspot_owner_id"
	companyOfContact = "associatedcompanyid"
	maxText          = 65536 // UTF-16 units
)

// mistake is one thing that is wrong with a request.
type mistake struct {
	Message string              `json:"message"`
	Code    string              `json:"code"`
	Context map[string][]string `json:"context"`
}

func wrong(property, code, message string) mistake {
	return mistake{Message: message, Code: code, Context: map[string][]string{"propertyName": {property}}}
}

// validate returns the values as they are stored, and everything that is wrong.
func (c *CRM) validate(objectType string, values map[string]string) (clean map[string]string, mistakes []mistake) {
	clean = map[string]string{}
	for name, v := range values {
		p := c.objects[objectType].schema[name]
		switch {
		case p == nil:
			mistakes = append(mistakes, wrong(name, "PROPERTY_DOESNT_EXIST", fmt.Sprintf("Property %q does not exist", name)))
		case p.ReadOnly:
			mistakes = append(mistakes, wrong(name, "READ_ONLY_VALUE", fmt.Sprintf("%q is a read only property", name)))
		case v == "":
			clean[name] = ""
		default:
			stored, code := c.parse(p, v)
			if code != "" {
				mistakes = append(mistakes, wrong(name, code, fmt.Sprintf("%q was not a valid value of %s", v, name)))
				continue
			}
			clean[name] = stored
		}
	}
	slices.SortFunc(mistakes, func(a, b mistake) int { return compare(a.Message, b.Message) })
	return clean, mistakes
}

// parse returns a value as HubSpot stores it, or the code of what is wrong with it.
func (c *CRM) parse(p *Property, v string) (stored, code string) {
	switch p.Type {
	case "number":
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return "", "INVALID_INTEGER"
		}
	case "bool":
		if v != "true" && v != "false" {
			return "", "INVALID_BOOLEAN"
		}
	case "date", "datetime":
		t, ok := parseTime(v)
		if !ok {
			return "", "INVALID_DATE"
		}
		return showTime(t), ""
	case "enumeration":
		return v, c.checkOption(p, v)
	default:
		if length(v) > maxText {
			return "", "PROPERTY_VALUE_TOO_LONG"
		}
	}
	return v, ""
}

func (c *CRM) checkOption(p *Property, v string) (code string) {
	if p.Name == ownerProperty {
		if !c.ownerKnown(v) {
			return "INVALID_OWNER_ID"
		}
		return ""
	}
	values := []string{v}
	if p.FieldType == "checkbox" {
		values = strings.Split(v, ";")
	}
	for _, v := range values {
		if !slices.ContainsFunc(p.Options, func(o Option) bool { return o.Value == v }) {
			return "INVALID_OPTION"
		}
	}
	return ""
}

// parseTime reads what HubSpot takes as a time: milliseconds or ISO 8601.
func parseTime(v string) (time.Time, bool) {
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), true
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// showTime writes a value with milliseconds only where it has some.
func showTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

func length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
