package crm

import (
	"time"

	"github.com/sluicehq/sluice/account"
)

// Deal is a deal that is closed, with what the CRM knows of its company now.
type Deal struct {
	ID       string
	Company  account.Key // zero if no company is associated
	Won      bool
	ClosedAt time.Time
	Amount   string            // in the currency of the deal; "" if nobody said
	About    map[string]string // properties of the company by the name that a model has for them; empty ones are left out
}
