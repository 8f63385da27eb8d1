package hubspot

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

const (
	// searchWindow is how many records one search gives, however it is paged.
	searchWindow = 10_000
	linksAtOnce  = 1000 // associations of so many deals a call
	// primaryCompany is the type of the association with a deal's main company.
	primaryCompany = 5
)

// firmographics are HubSpot's own properties that say what kind of company it is, and
// what Sluice calls them. The many others are about how it was sold to.
var firmographics = map[string]account.Field{
	"industry": account.Industry, "numberofemployees": account.Employees, "annualrevenue": account.RevenueUSD,
	"country": account.Country, "state": account.State, "city": account.City, "founded_year": account.FoundedYear,
	"web_technologies": account.Technologies, "total_money_raised": account.FundingTotalUSD, "is_public": "is_public", "type": "type",
}

// ClosedDeals returns the deals that closed since the given time, oldest first, each
// with what the CRM knows of its company now: HubSpot's own firmographics, and the
// properties that the account has added, but Sluice's.
func (c *Client) ClosedDeals(ctx context.Context, since time.Time) ([]crm.Deal, error) {
	names, err := c.attributes(ctx)
	if err != nil {
		return nil, err
	}
	deals, err := c.searchDeals(ctx, since)
	if err != nil {
		return nil, err
	}
	if err := c.linkCompanies(ctx, deals); err != nil {
		return nil, err
	}
	return deals, c.describe(ctx, deals, names)
}

// attributes returns which company properties tell of the kind of company, and what a
// model calls them.
func (c *Client) attributes(ctx context.Context) (map[string]string, error) {
	var list struct {
		Results []struct {
			Name       string `json:"name"`
			Own        bool   `json:"hubspotDefined"`
			Calculated bool   `json:"calculated"`
		} `json:"results"`
	}
	err := c.call(ctx, outbound.Request{Path: c.propertiesPath(crm.CompanyObject)}, func(r outbound.Response) error { return r.JSON(&list) })
	if err != nil {
		return nil, err
	}
	ours := crm.Properties(nil, nil)
	names := map[string]string{}
	for _, p := range list.Results {
		field, standard := firmographics[p.Name]
		switch {
		case standard:
			names[p.Name] = string(field)
		case !p.Own && !p.Calculated && !slices.ContainsFunc(ours, func(o crm.Property) bool { return o.Name == p.Name }):
			names[p.Name] = p.Name
		}
	}
	return names, nil
}

// rangeFilter is a filter on one value.
type rangeFilter struct {
	PropertyName string `json:"propertyName"`
	Operator     string `json:"operator"`
	Value        string `json:"value"`
}

// searchDeals pages through the closed deals by the date on which they closed, and
// begins a new search where one reaches its end.
func (c *Client) searchDeals(ctx context.Context, since time.Time) ([]crm.Deal, error) {
	var deals []crm.Deal
	seen := map[id]bool{}
	for {
		before := len(deals)
		more, err := c.searchFrom(ctx, since, func(rec record) {
			if at, ok := closedAt(rec); ok && !seen[rec.ID] {
				seen[rec.ID], since = true, at
				deals = append(deals, crm.Deal{
					ID: string(rec.ID), Won: rec.property("hs_is_closed_won") == "true", ClosedAt: at, Amount: rec.property("amount"),
				})
			}
		})
		if err != nil || !more {
			return deals, err
		}
		if len(deals) == before {
			return nil, &outbound.Error{Service: Name, Outcome: outbound.ProviderError, Reason: "more deals closed at one moment than a search gives"}
		}
	}
}

// searchFrom reports whether the search ended before the deals did.
func (c *Client) searchFrom(ctx context.Context, since time.Time, visit func(record)) (more bool, err error) {
	body := map[string]any{
		"filterGroups": []any{map[string]any{"filters": []rangeFilter{
			{"hs_is_closed", "EQ", "true"},
			{"closedate", "GTE", strconv.FormatInt(since.UnixMilli(), 10)},
		}}},
		"sorts":      []sort{{PropertyName: "closedate", Direction: "ASCENDING"}},
		"properties": []string{"closedate", "amount", "hs_is_closed_won"},
		"limit":      200, "after": "0",
	}
	err = pages(func(after string) (string, error) {
		if after != "" {
			body["after"] = after
		}
		var list listing
		if err := via(ctx, c.search, post(c.objects("deals", "search"), body), func(r outbound.Response) error { return r.JSON(&list) }); err != nil {
			return "", err
		}
		for _, rec := range list.Results {
			visit(rec)
		}
		next := list.Paging.Next.After
		if n, _ := strconv.Atoi(next); n >= searchWindow {
			more = true
			return "", nil
		}
		return next, nil
	})
	return more, err
}

// closedAt reads a date and time, which HubSpot writes in full or in milliseconds.
func closedAt(rec record) (time.Time, bool) {
	s := rec.property("closedate")
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC(), true
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(ms).UTC(), err == nil
}

// linkCompanies finds the company of each deal: its primary one, else the first.
func (c *Client) linkCompanies(ctx context.Context, deals []crm.Deal) error {
	for chunk := range slices.Chunk(deals, linksAtOnce) {
		byID, inputs := map[string]*crm.Deal{}, make([]map[string]string, len(chunk))
		for i := range chunk {
			byID[chunk[i].ID] = &chunk[i]
			inputs[i] = map[string]string{"id": chunk[i].ID}
		}
		var list struct {
			Results []struct {
				From struct {
					ID id `json:"id"`
				} `json:"from"`
				To []struct {
					ToObjectID id `json:"toObjectId"`
					Types      []struct {
						TypeID int `json:"typeId"`
					} `json:"associationTypes"`
				} `json:"to"`
			} `json:"results"`
		}
		req := post("/crm/associations/"+c.version+"/deals/companies/batch/read", map[string]any{"inputs": inputs})
		if err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) }); err != nil {
			return err
		}
		for _, from := range list.Results {
			deal := byID[string(from.From.ID)]
			for _, to := range from.To {
				primary := false
				for _, t := range to.Types {
					primary = primary || t.TypeID == primaryCompany
				}
				if deal != nil && to.ToObjectID != "" && (primary || deal.Company.IsZero()) {
					deal.Company = c.Key(string(to.ToObjectID))
				}
			}
		}
	}
	return nil
}

// describe reads what is known of the deals' companies. One that is gone is unknown.
func (c *Client) describe(ctx context.Context, deals []crm.Deal, names map[string]string) error {
	var ids, asked []string
	seen := map[string]bool{"": true}
	for i := range deals {
		if recordID := deals[i].Company.ID; !seen[recordID] {
			seen[recordID] = true
			ids = append(ids, recordID)
		}
	}
	for name := range names {
		asked = append(asked, name)
	}
	slices.Sort(asked)
	about := map[string]map[string]string{}
	for batch := range slices.Chunk(ids, batchSize) {
		found, err := c.read(ctx, "companies", batch, asked...)
		if err != nil {
			return err
		}
		for _, rec := range found {
			known := map[string]string{}
			for _, name := range asked {
				if v := rec.property(name); v != "" {
					known[names[name]] = v
				}
			}
			about[string(rec.ID)] = known
		}
	}
	for i := range deals {
		deals[i].About = about[deals[i].Company.ID]
	}
	return nil
}
