package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// wireRecord is a record as the API shows it.
type wireRecord struct {
	ID         string             `json:"id"`
	Properties map[string]*string `json:"properties"`
	CreatedAt  string             `json:"createdAt"`
	UpdatedAt  string             `json:"updatedAt"`
	Archived   bool               `json:"archived"`

	History map[string][]version `json:"propertiesWithHistory,omitempty"`
}

// show returns the asked properties: those that are defined and empty are null,
// those that are not defined are left out.
func (c *CRM) show(objectType string, rec *record, asked []string) wireRecord {
	if len(asked) == 0 {
		asked = map[string][]string{companies: {"name", "domain"}, contacts: {"email", "firstname", "lastname"}}[objectType]
	}
	out := wireRecord{ID: rec.id, Properties: map[string]*string{}, CreatedAt: stamp(rec.createdAt), UpdatedAt: stamp(rec.updated)}
	always := []string{"createdate", "hs_createdate", "hs_lastmodifieddate", "lastmodifieddate", "hs_object_id"}
	for _, name := range slices.Concat(asked, always) {
		if c.objects[objectType].schema[name] == nil {
			continue
		}
		out.Properties[name] = nil
		if v, ok := rec.value(name); ok {
			out.Properties[name] = &v
		}
	}
	return out
}

func (c *CRM) readRecord(r *call) (int, any, error) {
	rec, ok := c.find(r.objectType, r.PathValue("id"))
	if !ok {
		return 0, nil, missing("resource")
	}
	var asked []string
	for _, list := range r.URL.Query()["properties"] {
		asked = append(asked, strings.Split(list, ",")...)
	}
	return http.StatusOK, c.show(r.objectType, rec, asked), nil
}

type writeBody struct {
	Properties   map[string]*string `json:"properties"`
	Associations []struct {
		To    struct{ ID json.Number }
		Types []struct {
			Category string `json:"associationCategory"`
			ID       int    `json:"associationTypeId"`
		}
	} `json:"associations"`
}

// values are the properties of the request, checked.
func (c *CRM) values(objectType string, body writeBody) (map[string]string, error) {
	if len(body.Properties) == 0 {
		return nil, invalid("No properties found to update, please provide at least one.")
	}
	given := map[string]string{}
	for name, v := range body.Properties {
		given[name] = ""
		if v != nil {
			given[name] = *v
		}
	}
	values, mistakes := c.validate(objectType, given)
	if len(mistakes) > 0 {
		return nil, invalid("Property values were not valid", mistakes...)
	}
	return values, nil
}

func (c *CRM) updateRecord(r *call) (int, any, error) {
	rec, ok := c.find(r.objectType, r.PathValue("id"))
	if !ok {
		return 0, nil, missing("resource")
	}
	var body writeBody
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	values, err := c.values(r.objectType, body)
	if err != nil {
		return 0, nil, err
	}
	c.write(rec, values)
	c.note(r, http.MethodPatch, rec, values)
	return http.StatusOK, c.show(r.objectType, rec, sortedKeys(values)), nil
}

func (c *CRM) createRecord(r *call) (int, any, error) {
	var body writeBody
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	values, err := c.values(r.objectType, body)
	if err != nil {
		return 0, nil, err
	}
	if r.objectType == contacts || r.objectType == deals {
		return 0, nil, invalid(r.objectType + " are not created here")
	}
	if r.objectType != companies && values["hs_timestamp"] == "" {
		return 0, nil, invalid("Error creating object. Some required properties were not set.", wrong("hs_timestamp", "REQUIRED_FIELD", "hs_timestamp is required"))
	}
	companyID, err := c.associate(r.objectType, body)
	if err != nil {
		return 0, nil, err
	}
	rec := c.insert(r.objectType, companyID, values)
	c.note(r, http.MethodPost, rec, values)
	return http.StatusCreated, c.show(r.objectType, rec, sortedKeys(values)), nil
}

// archiveBatch takes notes and tasks away. Those that are not there are passed over.
func (c *CRM) archiveBatch(r *call) (int, any, error) {
	var body struct {
		Inputs []struct{ ID json.Number } `json:"inputs"`
	}
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	if n := len(body.Inputs); n == 0 || n > 100 {
		return 0, nil, invalid("inputs must have between 1 and 100 items")
	}
	if r.objectType != notes && r.objectType != tasks {
		return 0, nil, invalid(r.objectType + " are not archived here")
	}
	for _, in := range body.Inputs {
		rec, ok := c.find(r.objectType, in.ID.String())
		if !ok {
			continue
		}
		c.objects[r.objectType].remove(func(other *record) bool { return other == rec })
		c.note(r, http.MethodDelete, rec, nil)
	}
	return http.StatusNoContent, nil, nil
}

// toCompany are the association types from a record to its company.
var toCompany = map[string]int{notes: 190, tasks: 192}

// associate returns the company that the record is created on.
func (c *CRM) associate(objectType string, body writeBody) (companyID string, err error) {
	for _, a := range body.Associations {
		rec, ok := c.find(companies, a.To.ID.String())
		if !ok {
			return "", missing("company " + a.To.ID.String())
		}
		if len(a.Types) != 1 || a.Types[0].Category != "HUBSPOT_DEFINED" || a.Types[0].ID != toCompany[objectType] {
			return "", invalid(fmt.Sprintf("association type is not valid from %s to companies", objectType))
		}
		companyID = rec.id
	}
	return companyID, nil
}

func (c *CRM) note(r *call, method string, rec *record, values map[string]string) {
	w := Write{Method: method, Object: r.objectType, ID: rec.id, CompanyID: rec.companyID, Key: rec.key, Properties: values}
	if r.objectType == companies {
		w.CompanyID = rec.id
	}
	c.record(r.delivery, w)
}

func (c *CRM) readBatch(r *call) (int, any, error) {
	var body struct {
		Properties []string                   `json:"properties"`
		History    []string                   `json:"propertiesWithHistory"`
		Inputs     []struct{ ID json.Number } `json:"inputs"`
	}
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	most := 100
	if len(body.History) > 0 {
		most = 50
	}
	if n := len(body.Inputs); n == 0 || n > most {
		return 0, nil, invalid(fmt.Sprintf("inputs must have between 1 and %d items", most))
	}
	results, unknown := []wireRecord{}, []string{}
	for _, in := range slices.Backward(body.Inputs) { // the order is not promised
		rec, ok := c.find(r.objectType, in.ID.String())
		if !ok {
			unknown = append(unknown, in.ID.String())
			continue
		}
		result := c.show(r.objectType, rec, body.Properties)
		result.History = c.history(r.objectType, rec, body.History)
		results = append(results, result)
	}
	status, answer := c.batchAnswer(results, unknown)
	return status, answer, nil
}

// batchAnswer is the answer to a batch, with the ids that are not there.
func (c *CRM) batchAnswer(results []wireRecord, unknown []string) (status int, answer map[string]any) {
	answer = map[string]any{"status": "COMPLETE", "results": results, "startedAt": stamp(c.now()), "completedAt": stamp(c.now())}
	if len(unknown) == 0 {
		return http.StatusOK, answer
	}
	answer["numErrors"] = 1
	answer["errors"] = []any{map[string]any{
		"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects, they may be deleted or not exist.",
		"context": map[string]any{"ids": unknown},
	}}
	return http.StatusMultiStatus, answer
}

// linkedTo returns the company's records of a type, newest first.
func (c *CRM) linkedTo(company *record, objectType string) []*record {
	var all []*record
	if objectType == contacts {
		c.meet(company)
		all = slices.Clone(company.contacts)
		slices.Reverse(all)
		return all
	}
	for _, rec := range slices.Backward(c.objects[objectType].order) {
		if rec.companyID == company.id {
			all = append(all, rec)
		}
	}
	return all
}

// link is an association in an answer, its id a number or a string.
func (r *call) link(id string, types ...any) map[string]any {
	var to any = id
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && r.asNumbers {
		to = n
	}
	return map[string]any{"toObjectId": to, "associationTypes": types}
}

// fromCompany are the association types from a company to its records.
var fromCompany = map[string]int{contacts: 280, notes: 189, tasks: 191}

// primaryContact is the association type from a contact's primary company.
const primaryContact = 2

func associationType(id int, label any) map[string]any {
	return map[string]any{"category": "HUBSPOT_DEFINED", "typeId": id, "label": label}
}

func (r *call) links(company *record, linked []*record, to string) []map[string]any {
	all := make([]map[string]any, len(linked))
	for i, rec := range linked {
		types := []any{associationType(fromCompany[to], nil)}
		if to == contacts && rec.companyID == company.id {
			types = append(types, associationType(primaryContact, "Primary"))
		}
		all[i] = r.link(rec.id, types...)
	}
	return all
}

func (c *CRM) listAssociations(r *call) (int, any, error) {
	to, err := r.linkedType()
	if err != nil {
		return 0, nil, err
	}
	rec, ok := c.find(companies, r.PathValue("id"))
	if !ok {
		return 0, nil, missing("resource")
	}
	limit, err := limitOf(r, 500)
	if err != nil {
		return 0, nil, err
	}
	linked, paging, err := pageOf(c.linkedTo(rec, to), r.URL.Query().Get("after"), limit)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{"results": r.links(rec, linked, to)}
	if paging != nil {
		answer["paging"] = paging
	}
	return http.StatusOK, answer, nil
}

// linkedType is the type at the other end. Companies are asked for theirs, and deals, in
// bulk, for their company.
func (r *call) linkedType() (string, error) {
	to := typeOf(r.PathValue("to"))
	if r.objectType == deals && to == companies && r.Method == http.MethodPost {
		return to, nil
	}
	if r.objectType != companies || fromCompany[to] == 0 {
		return "", invalid("no such association here: " + r.PathValue("type") + " to " + r.PathValue("to"))
	}
	return to, nil
}

// bulkPage is how many associations of one record a bulk read gives at once.
const bulkPage = 500

func (c *CRM) readAssociations(r *call) (int, any, error) {
	to, err := r.linkedType()
	if err != nil {
		return 0, nil, err
	}
	var body struct {
		Inputs []struct {
			ID    json.Number
			After string
		} `json:"inputs"`
	}
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	if n := len(body.Inputs); n == 0 || n > 1000 {
		return 0, nil, invalid("inputs must have between 1 and 1000 items")
	}
	results, errs := []any{}, []any{}
	for _, in := range body.Inputs {
		result, err := c.associationsOf(r, in.ID.String(), in.After, to)
		if err != nil {
			return 0, nil, err
		}
		if result == nil {
			errs = append(errs, map[string]any{
				"status": "error", "category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
				"message": "No " + to + " is associated with companies " + in.ID.String() + ".",
			})
			continue
		}
		results = append(results, result)
	}
	answer := map[string]any{"status": "COMPLETE", "results": results}
	if len(errs) > 0 {
		answer["numErrors"], answer["errors"] = len(errs), errs
		return http.StatusMultiStatus, answer, nil
	}
	return http.StatusOK, answer, nil
}

// associationsOf returns one record's page, nil when it has none.
func (c *CRM) associationsOf(r *call, id, after, to string) (map[string]any, error) {
	if r.objectType == deals {
		return c.companyOf(r, id), nil
	}
	rec, ok := c.find(companies, id)
	if !ok {
		return nil, nil
	}
	linked, paging, err := pageOf(c.linkedTo(rec, to), after, bulkPage)
	if err != nil || len(linked) == 0 {
		return nil, err
	}
	result := map[string]any{"from": map[string]string{"id": id}, "to": r.links(rec, linked, to)}
	if paging != nil {
		result["paging"] = paging
	}
	return result, nil
}

func (c *CRM) listOwners(r *call) (int, any, error) {
	limit, err := limitOf(r, 100)
	if err != nil {
		return 0, nil, err
	}
	query := r.URL.Query()
	listed := slices.DeleteFunc(slices.Clone(c.owners), func(o Owner) bool {
		return o.Archived != (query.Get("archived") == "true") || query.Get("email") != "" && o.Email != query.Get("email")
	})
	items, paging, err := pageOf(listed, query.Get("after"), limit)
	if err != nil {
		return 0, nil, err
	}
	answer := map[string]any{"results": items}
	if paging != nil {
		answer["paging"] = paging
	}
	return http.StatusOK, answer, nil
}

func (c *CRM) accountDetails(*call) (int, any, error) {
	portal, _ := strconv.ParseInt(c.portal, 10, 64)
	return http.StatusOK, map[string]any{"portalId": portal, "accountType": "DEVELOPER_TEST", "timeZone": "UTC", "uiDomain": "app.hubspot.com"}, nil
}
