package hubspot

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Deal is a deal of a company.
type Deal struct {
	Name     string
	Type     string    // newbusiness, existingbusiness, renewal; "" for none given
	Stage    string    // default: closedwon, closedlost, or appointmentscheduled while it is open
	OpenedAt time.Time // default now
	ClosedAt time.Time // zero while it is open
	Expected time.Time // when an open one is hoped to close
	Won      bool
	Amount   float64   // 0 for none given
	Changed  time.Time // when it was changed last, default now
}

// AddDeal adds a deal of a company, as a person would; "" is for a deal of no company.
func (c *CRM) AddDeal(companyID string, d Deal) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.find(companies, companyID); !ok && companyID != "" {
		return "", fmt.Errorf("no company %s", companyID)
	}
	rec := c.insert(deals, companyID, map[string]string{"dealname": d.Name})
	c.writeDeal(rec, d)
	return rec.id, nil
}

// ChangeDeal makes a deal what it is now, as a person would.
func (c *CRM) ChangeDeal(dealID string, d Deal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(deals, dealID)
	if !ok {
		return fmt.Errorf("no deal %s", dealID)
	}
	c.writeDeal(rec, d)
	return nil
}

// DeleteDeal deletes a deal as a person would.
func (c *CRM) DeleteDeal(dealID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.find(deals, dealID)
	if ok {
		c.objects[deals].remove(func(r *record) bool { return r == rec })
	}
	return ok
}

// DenyDeals takes the scope for deals away from every key, or gives it back.
func (c *CRM) DenyDeals(deny bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied[deals] = deny
}

func (c *CRM) writeDeal(rec *record, d Deal) {
	closed := !d.ClosedAt.IsZero()
	stage := map[bool]string{true: "closedwon", false: "closedlost"}[d.Won]
	if !closed {
		stage = "appointmentscheduled"
	}
	values := map[string]string{
		"dealtype": d.Type, "dealstage": cmp.Or(d.Stage, stage), "closedate": "", "amount": "",
		"hs_is_closed": strconv.FormatBool(closed), "hs_is_closed_won": strconv.FormatBool(closed && d.Won),
	}
	if at := d.ClosedAt; closed || !d.Expected.IsZero() {
		if !closed {
			at = d.Expected
		}
		values["closedate"] = showTime(at)
	}
	if d.Amount != 0 {
		values["amount"] = strconv.FormatFloat(d.Amount, 'f', -1, 64)
	}
	c.write(rec, values)
	if !d.OpenedAt.IsZero() {
		rec.createdAt = d.OpenedAt
	}
	if !d.Changed.IsZero() {
		rec.updated = d.Changed
	}
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
