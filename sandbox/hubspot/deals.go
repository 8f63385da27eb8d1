package hubspot

import (
	"fmt"
	"strconv"
	"time"
)

// Deal is a deal that has come to an end.
type Deal struct {
	Name     string
	Won      bool
	ClosedAt time.Time
	Amount   float64 // 0 for none given
}

// AddDeal adds a closed deal of a company, as the one who closed it would.
func (c *CRM) AddDeal(companyID string, d Deal) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.find(companies, companyID); !ok {
		return "", fmt.Errorf("no company %s", companyID)
	}
	values := map[string]string{
		"dealname": d.Name, "closedate": showTime(d.ClosedAt), "dealstage": "closedlost",
		"hs_is_closed": "true", "hs_is_closed_won": strconv.FormatBool(d.Won),
	}
	if d.Won {
		values["dealstage"] = "closedwon"
	}
	if d.Amount != 0 {
		values["amount"] = strconv.FormatFloat(d.Amount, 'f', -1, 64)
	}
	return c.insert(deals, companyID, values).id, nil
}

// The association types from a deal to its company: the one that each has, and the
// primary one's.
const (
	dealToCompany  = 341
	primaryCompany = 5
)

// companyOf returns the company of a deal, as an association; nil where it has none.
func (c *CRM) companyOf(r *call, dealID string) map[string]any {
	deal, ok := c.find(deals, dealID)
	if !ok || deal.companyID == "" {
		return nil
	}
	to := r.link(deal.companyID, associationType(dealToCompany, nil), associationType(primaryCompany, "Primary"))
	return map[string]any{"from": map[string]string{"id": dealID}, "to": []any{to}}
}
