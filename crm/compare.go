package crm

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/account"
)

// Comparable is what it takes to compare the CRM with what is on record here. Its errors
// are those of [CRM].
type Comparable interface {
	// CompaniesSince visits the companies that were created from one time up to, and not
	// at, another, the oldest first, until visit returns false. CRMs index with a delay:
	// one of the last seconds may be missing, and shows up later.
	CompaniesSince(ctx context.Context, from, to time.Time, visit func(Created) bool) error
	// Existing returns which of these notes or tasks are still there, at most a hundred of
	// them in a call.
	Existing(ctx context.Context, kind EffectKind, ids []string) ([]string, error)
	// Versions returns the values that properties of companies had, the present one first,
	// as far back as the CRM remembers; of at most fifty companies in a call. Companies
	// that are not there are left out, and so are properties that never had a value.
	Versions(ctx context.Context, keys []account.Key, properties []string) (map[account.Key]map[string][]Version, error)
}

// Created is a company that the CRM has, and since when.
type Created struct {
	Key account.Key
	At  time.Time // to the millisecond
}

// Version is one value that a property had.
type Version struct {
	Value  string // "" when it was cleared
	At     time.Time
	Source string // what wrote it, in the CRM's words: the same for all writes of one program
	Person bool   // whether a person did, by hand
}
