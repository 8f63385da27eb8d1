package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

const ownerProperty = "hubspot_owner_id"

// record is a record of any type. A property that is defined and empty is null.
type record struct {
	ID         id                 `json:"id"`
	Properties map[string]*string `json:"properties"`
}

func (r record) property(name string) string {
	if v := r.Properties[name]; v != nil {
		return *v
	}
	return ""
}

// targetProperty is HubSpot's own mark of a target account.
const targetProperty = "hs_is_target_account"

// ownProperties are read of every company: what names it, and what Sluice writes.
var ownProperties = func() []string {
	all := []string{"name", "domain", ownerProperty, targetProperty}
	for _, p := range crm.Properties(nil, nil) {
		all = append(all, p.Name)
	}
	return all
}()

// withFurther adds to ownProperties what HubSpot calls the further ones.
func withFurther(further []string) []string {
	all := slices.Clone(ownProperties)
	for _, name := range further {
		if name = wireName(name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// wireName is what HubSpot calls the property.
func wireName(property string) string {
	switch property {
	case crm.OwnerProperty:
		return ownerProperty
	case crm.LastVisitProperty:
		return "hs_analytics_last_visit_timestamp"
	}
	return property
}

// Company implements crm.CRM.
func (c *Client) Company(ctx context.Context, key account.Key, further ...string) (crm.Company, error) {
	recordID, err := c.recordID(key)
	if err != nil {
		return crm.Company{}, err
	}
	return c.company(ctx, outbound.Request{
		Path:  c.objects("companies", recordID),
		Query: url.Values{"properties": {strings.Join(withFurther(further), ",")}},
	}, further...)
}

// Companies implements crm.CRM.
func (c *Client) Companies(ctx context.Context, keys []account.Key, further ...string) ([]crm.Company, error) {
	ids := make([]string, len(keys))
	for i, key := range keys {
		var err error
		if ids[i], err = c.recordID(key); err != nil {
			return nil, err
		}
	}
	records, err := c.read(ctx, "companies", ids, withFurther(further)...)
	found := make([]crm.Company, len(records))
	for i, rec := range records {
		found[i] = c.companyOf(rec, further...)
	}
	return found, err
}

// CreateCompany implements crm.CRM. HubSpot does not deduplicate by domain what
// comes through the API: who repeats this after a lost answer looks first.
func (c *Client) CreateCompany(ctx context.Context, name, domain string) (crm.Company, error) {
	return c.company(ctx, post(c.objects("companies"), map[string]any{
		"properties":   map[string]string{"name": name, "domain": domain},
		"associations": []any{},
	}))
}

func (c *Client) company(ctx context.Context, req outbound.Request, further ...string) (crm.Company, error) {
	var rec record
	err := c.call(ctx, req, func(r outbound.Response) error {
		return decode(r, &rec, func() bool { return rec.ID != "" })
	})
	if err != nil {
		return crm.Company{}, err
	}
	return c.companyOf(rec, further...), nil
}

func (c *Client) companyOf(rec record, further ...string) crm.Company {
	company := crm.Company{
		Key:        c.Key(string(rec.ID)), // of the record that is left, after a merge
		Name:       rec.property("name"),
		Domain:     rec.property("domain"),
		OwnerID:    rec.property(ownerProperty),
		Target:     rec.property(targetProperty) == "true",
		Properties: make(map[string]string, len(ownProperties)+len(further)+1),
		URL:        c.appURL + "/contacts/" + c.portal + "/record/0-2/" + string(rec.ID),
	}
	for _, name := range slices.Concat(ownProperties, further) {
		company.Properties[name] = rec.property(wireName(name))
	}
	company.Properties[crm.OwnerProperty] = company.OwnerID
	return company
}

// UpdateCompany implements crm.CRM. An empty value clears the property.
func (c *Client) UpdateCompany(ctx context.Context, key account.Key, properties map[string]string) error {
	recordID, err := c.recordID(key)
	if err != nil || len(properties) == 0 {
		return err
	}
	values := make(map[string]string, len(properties))
	for name, value := range properties {
		values[wireName(name)] = cut(value, maxText)
	}
	return c.call(ctx, patch(c.objects("companies", recordID), map[string]any{"properties": values}), nil)
}

// UpdateCompanies implements crm.CRM.
func (c *Client) UpdateCompanies(ctx context.Context, writes []crm.CompanyWrite) ([]crm.CompanyDone, error) {
	inputs := make([]batchInput, len(writes))
	for i, w := range writes {
		recordID, err := c.recordID(w.Key)
		if err != nil {
			return nil, err
		}
		inputs[i] = batchInput{ID: recordID, Properties: w.Properties}
	}
	written, err := c.updateAll(ctx, "companies", inputs)
	var done []crm.CompanyDone
	for _, w := range written {
		done = append(done, crm.CompanyDone{Key: c.Key(w.ID), Refused: w.Refused, Unset: w.unset})
	}
	return done, err
}

type searchBody struct {
	FilterGroups []filterGroup `json:"filterGroups"`
	Sorts        []sort        `json:"sorts"`
	Properties   []string      `json:"properties"`
	Limit        int           `json:"limit"`
	After        string        `json:"after"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	PropertyName string   `json:"propertyName"`
	Operator     string   `json:"operator"`
	Values       []string `json:"values"`
}

type sort struct {
	PropertyName string `json:"propertyName"`
	Direction    string `json:"direction"`
}

type listing struct {
	Results []record `json:"results"`
	Paging  page     `json:"paging"`
}

// domainsPerSearch keeps a filter within 100 values: each domain is looked for with
// and without the www. that people type.
const domainsPerSearch = 50

// CompaniesByDomain implements crm.CRM, oldest record first. A company is found
// whose domain was typed with its www. still on.
func (c *Client) CompaniesByDomain(ctx context.Context, domains ...string) ([]crm.Company, error) {
	var found []crm.Company
	for chunk := range slices.Chunk(domains, domainsPerSearch) {
		values := make([]string, 0, 2*len(chunk))
		for _, domain := range chunk {
			if domain = strings.ToLower(strings.TrimSpace(domain)); domain != "" {
				values = append(values, domain, "www."+domain)
			}
		}
		if len(values) == 0 {
			continue
		}
		companies, err := c.searchCompanies(ctx, filter{PropertyName: "domain", Operator: "IN", Values: values})
		if err != nil {
			return nil, err
		}
		found = append(found, companies...)
	}
	return found, nil
}

func (c *Client) searchCompanies(ctx context.Context, f filter) ([]crm.Company, error) {
	body := searchBody{
		FilterGroups: []filterGroup{{Filters: []filter{f}}},
		Sorts:        []sort{{PropertyName: "createdate", Direction: "ASCENDING"}},
		Properties:   ownProperties, Limit: 200, After: "0",
	}
	var found []crm.Company
	err := pages(func(after string) (string, error) {
		if after != "" {
			body.After = after
		}
		var list listing
		err := via(ctx, c.search, post(c.objects("companies", "search"), body), func(r outbound.Response) error { return r.JSON(&list) })
		for _, rec := range list.Results {
			found = append(found, c.companyOf(rec))
		}
		return list.Paging.Next.After, err
	})
	return found, err
}

// Owners implements crm.CRM: the people who are active in the account. Queues own
// no companies.
func (c *Client) Owners(ctx context.Context) ([]crm.Owner, error) {
	var owners []crm.Owner
	err := pages(func(after string) (string, error) {
		var list struct {
			Results []owner `json:"results"`
			Paging  page    `json:"paging"`
		}
		query := url.Values{"limit": {"100"}, "archived": {"false"}}
		if after != "" {
			query.Set("after", after)
		}
		req := outbound.Request{Method: http.MethodGet, Path: "/crm/owners/" + c.version, Query: query}
		err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) })
		for _, o := range list.Results {
			if !o.Archived && o.Type != "QUEUE" {
				owners = append(owners, o.owner())
			}
		}
		return list.Paging.Next.After, err
	})
	if err != nil {
		return nil, err
	}
	return owners, nil
}

type owner struct {
	ID        id     `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Type      string `json:"type"` // PERSON or QUEUE
	Archived  bool   `json:"archived"`
}

func (o owner) owner() crm.Owner {
	return crm.Owner{ID: string(o.ID), Email: o.Email, Name: strings.TrimSpace(o.FirstName + " " + o.LastName)}
}
