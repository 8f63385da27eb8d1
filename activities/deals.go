package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
)

// DealStore is the record of deals, as reading them uses it.
type DealStore interface {
	DealSync(ctx context.Context, crmName, portal string) (store.DealSync, error)
	KeepDeals(ctx context.Context, crmName, portal string, page crm.DealPage, at time.Time) (changed int, err error)
	DealsToCheck(ctx context.Context, crmName, portal string, readBefore, since time.Time, after int64, limit int) (ids []string, last int64, err error)
	DropDeals(ctx context.Context, crmName, portal string, ids []string, at time.Time) (int, error)
}

// DealSource is a CRM whose deals can be read.
type DealSource interface {
	crm.Deals
	Key(recordID string) account.Key
}

// DealReader brings the CRM's deals on record. How far it has come is on record with
// them, so that any other reader goes on from there.
type DealReader struct {
	From  DealSource
	Store DealStore
	Beat  func(read int) // is called after each page; may be nil
}

// indexLag is how far a CRM's index may be behind: each reading goes back by as much.
const indexLag = 15 * time.Minute

// Read reads at most so many pages, from where the last reading ended; the first of
// several goes back a little.
func (r DealReader) Read(ctx context.Context, first bool, pages int) (ReadDealsResult, error) {
	at := r.From.Key("0")
	have, err := r.Store.DealSync(ctx, at.CRM, at.Portal)
	if err != nil {
		return ReadDealsResult{}, err
	}
	out := ReadDealsResult{More: true}
	cursor := have.DealCursor
	if first && !have.UnderWay && !cursor.Since.IsZero() {
		cursor = crm.DealCursor{Since: cursor.Since.Add(-indexLag)}
	}
	for range pages {
		page, err := r.From.ChangedDeals(ctx, cursor)
		if err != nil {
			return out, err
		}
		changed, err := r.Store.KeepDeals(ctx, at.CRM, at.Portal, page, time.Now())
		if err != nil {
			return out, err
		}
		out.Read, out.Changed, out.More, cursor = out.Read+len(page.Deals), out.Changed+changed, page.More, page.Next
		if r.Beat != nil {
			r.Beat(out.Read)
		}
		if !page.More {
			break
		}
	}
	return out, nil
}

// ReadDealsInput says which part of a reading it is.
type ReadDealsInput struct {
	First bool `json:"first"` // of a reading: it goes back a little, since the CRM's index is late
}

// ReadDealsResult counts what was read.
type ReadDealsResult struct {
	Read    int  `json:"read"`
	Changed int  `json:"changed"` // of them, new or different
	More    bool `json:"more"`    // whether there may be more
}

// pagesAtOnce is how many pages of deals one activity reads: what a run shows of its
// progress is as fine as that.
const pagesAtOnce = 10

// ReadDeals brings the next of the CRM's deals on record. Tried again it goes on after the
// last page that was kept.
//
// Errors: Invalid where the key may not see deals; auth_failed is for a person to mend;
// the rest is retried.
func (a *Activities) ReadDeals(ctx context.Context, in ReadDealsInput) (ReadDealsResult, error) {
	if a.CRM == nil { // another worker may have one
		return ReadDealsResult{}, errNoCRM
	}
	r := DealReader{From: a.CRM, Store: a.Store, Beat: func(read int) { activity.RecordHeartbeat(ctx, read) }}
	out, err := r.Read(ctx, in.First, pagesAtOnce)
	return out, dealFailure(err)
}

var errNoCRM = errors.New("this worker has no CRM: set SLUICE_CRM and its credentials for every worker")

// dealFailure is crmFailure for deals. A scope that is missing is said at once: nobody
// waits for it.
func dealFailure(err error) error {
	if errors.Is(err, crm.ErrNotGranted) {
		return temporal.NewNonRetryableApplicationError(
			"deals: the CRM's key may not read deals: grant it the scope crm.objects.deals.read", Invalid, nil)
	}
	return crmFailure(err)
}

// CheckDealsInput says which deals on record are looked for in the CRM.
type CheckDealsInput struct {
	Since      time.Time `json:"since"`       // closed ones that closed since then, and all that are open
	ReadBefore time.Time `json:"read_before"` // those that the reading has just brought are there
	After      int64     `json:"after,omitempty"`
}

// CheckDealsResult counts what was looked for.
type CheckDealsResult struct {
	Checked int   `json:"checked"`
	Gone    int   `json:"gone"`
	After   int64 `json:"after"`
	More    bool  `json:"more"`
}

// dealsPerCheck is how many deals are looked for in one call.
const dealsPerCheck = 100

// CheckDeals looks whether the next deals on record are still there: no list of the CRM
// tells reliably what was deleted or merged. Errors are those of ReadDeals.
func (a *Activities) CheckDeals(ctx context.Context, in CheckDealsInput) (CheckDealsResult, error) {
	if a.CRM == nil {
		return CheckDealsResult{}, errNoCRM
	}
	at := a.CRM.Key("0")
	out := CheckDealsResult{After: in.After, More: true}
	for range pagesAtOnce {
		ids, last, err := a.Store.DealsToCheck(ctx, at.CRM, at.Portal, in.ReadBefore, in.Since, out.After, dealsPerCheck)
		if err != nil {
			return out, failure(err)
		}
		if len(ids) == 0 {
			out.More = false
			break
		}
		gone, err := a.CRM.MissingDeals(ctx, ids)
		if err != nil {
			return out, dealFailure(err)
		}
		n, err := a.Store.DropDeals(ctx, at.CRM, at.Portal, gone, time.Now())
		if err != nil {
			return out, failure(err)
		}
		out.Checked, out.Gone, out.After = out.Checked+len(ids), out.Gone+n, last
		activity.RecordHeartbeat(ctx, out.Checked)
	}
	return out, nil
}
