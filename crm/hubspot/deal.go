package hubspot

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

const (
	// searchWindow is how many records one search gives, however it is paged.
	searchWindow = 10_000
	searchPage   = 200  // results of a search that come at once
	linksAtOnce  = 1000 // associations of so many deals a call
	// primaryCompany is the type of the association with a deal's main company.
	primaryCompany = 5
)

// HubSpot's own properties of a deal. The amount in the account's currency is worked
// out from the deal's where there are several.
const (
	dealCreated    = "createdate"
	dealCloses     = "closedate" // of an open deal the date that is hoped for
	dealChanged    = "hs_lastmodifieddate"
	dealClosed     = "hs_is_closed"
	dealWon        = "hs_is_closed_won"
	dealAmount     = "amount"
	dealHomeAmount = "amount_in_home_currency"
	dealType       = "dealtype"
	dealStage      = "dealstage"
)

var dealProperties = []string{dealCreated, dealCloses, dealChanged, dealClosed, dealWon, dealAmount, dealHomeAmount, dealType, dealStage}

// firmographics are HubSpot's own properties that say what kind of company it is, and
// what Sluice calls them. The many others are about how it was sold to.
var firmographics = map[string]account.Field{
	"industry": account.Industry, "numberofemployees": account.Employees, "annualrevenue": account.RevenueUSD,
	"country": account.Country, "state": account.State, "city": account.City, "founded_year": account.FoundedYear,
	"web_technologies": account.Technologies, "total_money_raised": account.FundingTotalUSD, "is_public": "is_public", "type": "type",
}

// ChangedDeals implements crm.Deals: one search and one call for the companies.
func (c *Client) ChangedDeals(ctx context.Context, from crm.DealCursor) (crm.DealPage, error) {
	page, err := c.searchDeals(ctx, dealSearch{by: dealChanged}, from)
	if err != nil {
		return crm.DealPage{}, err
	}
	return page, c.linkCompanies(ctx, page.Deals)
}

// MissingDeals implements crm.Deals. A search never shows what was deleted, and HubSpot
// lists it for 90 days only; a record that was merged is read as the one that is left.
func (c *Client) MissingDeals(ctx context.Context, ids []string) ([]string, error) {
	found, err := c.read(ctx, "deals", ids, dealChanged)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(asked string) bool {
		return slices.ContainsFunc(found, func(rec record) bool { return string(rec.ID) == asked })
	}), nil
}

// ClosedDeals implements crm.Deals. What is known of a company are HubSpot's own
// firmographics, and the properties that the account has added, but Sluice's.
func (c *Client) ClosedDeals(ctx context.Context, since time.Time) ([]crm.Deal, error) {
	names, err := c.attributes(ctx)
	if err != nil {
		return nil, err
	}
	closed := dealSearch{by: dealCloses, filters: []rangeFilter{{dealClosed, "EQ", "true"}}}
	var deals []crm.Deal
	seen := map[string]bool{}
	page := crm.DealPage{Next: crm.DealCursor{Since: since}, More: true}
	for page.More {
		if page, err = c.searchDeals(ctx, closed, page.Next); err != nil {
			return nil, err
		}
		for _, d := range page.Deals {
			if !seen[d.ID] {
				seen[d.ID] = true
				deals = append(deals, d)
			}
		}
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

// dealSearch is a search for deals in the order of one of their times.
type dealSearch struct {
	by      string
	filters []rangeFilter // further ones
}

// searchDeals returns the next page of a search. Each page is a search of its own, from
// the last moment of the page before: so there is no end at [searchWindow] results, and
// a deal that moves to the end meanwhile makes none slip through. Only results of one
// moment are paged through.
func (c *Client) searchDeals(ctx context.Context, s dealSearch, from crm.DealCursor) (crm.DealPage, error) {
	since := from.Since.UnixMilli()
	if from.Since.IsZero() {
		since = 0
	}
	body := map[string]any{
		"filterGroups": []any{map[string]any{
			"filters": append(slices.Clone(s.filters), rangeFilter{s.by, "GTE", strconv.FormatInt(since, 10)}),
		}},
		"sorts":      []sort{{PropertyName: s.by, Direction: "ASCENDING"}},
		"properties": dealProperties,
		"limit":      searchPage, "after": strconv.Itoa(from.After),
	}
	var list listing
	err := via(ctx, c.search, post(c.objects("deals", "search"), body), func(r outbound.Response) error { return r.JSON(&list) })
	if err != nil {
		return crm.DealPage{}, err
	}
	page := crm.DealPage{Next: from, More: list.Paging.Next.After != "" && len(list.Results) > 0}
	for _, rec := range list.Results {
		if d, ok := c.dealOf(rec); ok {
			page.Deals = append(page.Deals, d)
		}
	}
	last := from.Since
	if n := len(list.Results); n > 0 {
		last = crmTime(list.Results[n-1].property(s.by))
	}
	if last.UnixMilli() > since {
		page.Next = crm.DealCursor{Since: last}
		return page, nil
	}
	page.Next.After += len(list.Results)
	if page.More && page.Next.After+searchPage > searchWindow {
		return crm.DealPage{}, &outbound.Error{Service: Name, Outcome: outbound.ProviderError, Reason: "more deals have one " + s.by + " than a search gives"}
	}
	return page, nil
}

// dealOf reads a deal. One that is closed and does not say when closed at its last
// change, at the latest. False where that is not known either.
func (c *Client) dealOf(rec record) (crm.Deal, bool) {
	d := crm.Deal{
		ID: string(rec.ID), Won: rec.property(dealWon) == "true",
		Amount: cmp.Or(rec.property(dealHomeAmount), rec.property(dealAmount)),
		Kind:   kindOf(rec.property(dealType)), Stage: rec.property(dealStage),
	}
	d.OpenedAt = crmTime(rec.property(dealCreated))
	d.ChangedAt = crmTime(rec.property(dealChanged))
	if rec.property(dealClosed) != "true" {
		return d, true
	}
	d.ClosedAt = crmTime(rec.property(dealCloses))
	if d.ClosedAt.IsZero() {
		d.ClosedAt = d.ChangedAt
	}
	return d, !d.ClosedAt.IsZero()
}

// kindOf reads the type of a deal: HubSpot's own ones are newbusiness and
// existingbusiness, and accounts add theirs.
func kindOf(dealType string) crm.DealKind {
	t := strings.ToLower(dealType)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(t, part) })
	}
	switch {
	case has("renew"):
		return crm.RenewalDeal
	case has("expan", "upsell", "up-sell", "up_sell", "cross", "upgrade", "add-on", "addon", "add_on"):
		return crm.ExpansionDeal
	case has("existing"):
		return crm.ExistingDeal
	case has("new"):
		return crm.NewDeal
	default:
		return crm.UnknownDeal
	}
}

// crmTime reads a date and time, which HubSpot writes in full or in milliseconds; zero
// where it says none.
func crmTime(s string) time.Time {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC()
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
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
