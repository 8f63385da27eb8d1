package crm

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Deals reads deals, without their names: these hold names of persons. Its errors are
// those of [CRM], and ErrNotGranted where the key may not see deals.
type Deals interface {
	// ChangedDeals returns the next of the deals, open and closed, that were changed
	// since a moment, the oldest change first. A deal may come more than once: it is at
	// the ends of pages, or changed meanwhile. CRMs index with a delay: who comes back
	// later goes back a little.
	ChangedDeals(ctx context.Context, from DealCursor) (DealPage, error)
	// MissingDeals returns those of the ids, at most a hundred, that are no deals any more:
	// deleted, or merged into another.
	MissingDeals(ctx context.Context, ids []string) ([]string, error)
	// ClosedDeals returns the deals that closed since the given time, oldest first, each
	// with what the CRM knows of its company now.
	ClosedDeals(ctx context.Context, since time.Time) ([]Deal, error)
}

// DealCursor is how far a reading of deals has come. The zero cursor is the beginning.
type DealCursor struct {
	Since time.Time `json:"since,omitzero"`
	After int       `json:"after,omitempty"` // results of one moment that were read already
}

// DealPage is a part of the changed deals.
type DealPage struct {
	Deals []Deal
	Next  DealCursor // where to go on: now if there are more, else the next time
	More  bool
}

// Deal is a deal. About is of ClosedDeals only.
type Deal struct {
	ID        string
	Company   account.Key // its primary one; zero if no company is associated
	OpenedAt  time.Time
	ClosedAt  time.Time // zero while it is open
	Won       bool
	Amount    string // in the currency of the account, else of the deal; "" if nobody said
	Kind      DealKind
	Stage     string // the CRM's id of it
	ChangedAt time.Time
	About     map[string]string // properties of the company by the name that a model has for them; empty ones are left out
}

// DealKind is what a deal is about.
type DealKind string

// The kinds of deals.
const (
	UnknownDeal   DealKind = ""
	NewDeal       DealKind = "new"       // with somebody who was no customer
	RenewalDeal   DealKind = "renewal"   // of what a customer has
	ExpansionDeal DealKind = "expansion" // more for a customer
	ExistingDeal  DealKind = "existing"  // one of the last two: the CRM does not say which
)
