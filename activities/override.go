package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/strictyaml"
)

// BeginOverrideInput names an override that is on record. What it says is on record,
// too: here it is what the workflow was told, and must agree.
type BeginOverrideInput struct {
	AccountID int64 `json:"account_id"`
	ID        int64 `json:"id"`
	icp.Override
}

// BeginOverrideResult says whether there is a score for the override to take the place
// of. Where there is none, it counts from the first one on.
type BeginOverrideResult struct {
	Scored bool `json:"scored"`
}

// BeginOverride lets an override hold. Repeated it changes nothing. It refuses, with an
// error of type Invalid that names the field, what is not on record, has ended, or makes
// no sense under the model that scored the account.
func (a *Activities) BeginOverride(ctx context.Context, in BeginOverrideInput) (BeginOverrideResult, error) {
	kept, err := a.Store.Override(ctx, in.ID)
	if errors.Is(err, account.ErrNotFound) || err == nil && kept.AccountID != in.AccountID {
		return BeginOverrideResult{}, failure(account.Invalid("id",
			fmt.Sprintf("the account has no override %d on record; `starter company override` makes one", in.ID)))
	}
	if err != nil {
		return BeginOverrideResult{}, failure(err)
	}
	now := time.Now()
	last, err := a.Store.LatestScore(ctx, in.AccountID)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return BeginOverrideResult{}, failure(err)
	}
	if kept.State == store.PendingOverride {
		if err := a.admit(ctx, in, kept, last, now); err != nil {
			return BeginOverrideResult{}, failure(err)
		}
	}
	// Only the begun override knows: a score may have come since the one that was read.
	begun, err := a.Store.BeginOverride(ctx, in.AccountID, in.ID, now)
	return BeginOverrideResult{Scored: begun.ScoreID != 0}, failure(err)
}

// admit checks an override before it begins, and ends one that cannot.
func (a *Activities) admit(ctx context.Context, in BeginOverrideInput, kept store.Override, last store.ScoreRow, now time.Time) error {
	var bounds icp.Bounds
	if last.ID != 0 {
		m, err := a.model(ctx, last.ModelRef())
		if err != nil {
			return err
		}
		bounds = m.Bounds()
	}
	err := kept.Check(bounds, now)
	if err == nil && in.String() != kept.String() {
		err = account.Invalid("id", fmt.Sprintf("override %d says %s, not %s", in.ID, kept.Override, in.Override))
	}
	if !errors.Is(err, account.ErrInvalid) {
		return err
	}
	if _, ending := a.Store.EndOverride(ctx, in.AccountID, in.ID, store.Refused, now); ending != nil {
		return ending
	}
	return err
}

// EndOverrideInput says which override ends, and how.
type EndOverrideInput struct {
	AccountID int64  `json:"account_id"`
	ID        int64  `json:"id"`
	How       string `json:"how"` // expired or cleared
}

// EndOverrideResult says how it ended: as asked, or before that in another way.
type EndOverrideResult struct {
	Ended string `json:"ended"`
}

// EndOverride ends an override. One that has ended before stays as it ended.
func (a *Activities) EndOverride(ctx context.Context, in EndOverrideInput) (EndOverrideResult, error) {
	o, err := a.Store.EndOverride(ctx, in.AccountID, in.ID, in.How, time.Now())
	if errors.Is(err, account.ErrNotFound) {
		return EndOverrideResult{}, failure(account.Invalid("id", fmt.Sprintf("no override %d is on record", in.ID)))
	}
	return EndOverrideResult{Ended: o.Ended}, failure(err)
}

// ReadAccount reads what a score needs to know of an account beside the record: its
// owner in the CRM. The model is the one that scored it last, so that what changes is
// what was decided and not the model too. An account without a CRM record, or whose
// record is gone, has no key.
func (a *Activities) ReadAccount(ctx context.Context, accountID int64) (Brief, error) {
	acc, err := a.Store.Account(ctx, accountID)
	if err != nil {
		return Brief{}, failure(gone(err))
	}
	last, err := a.Store.LatestScore(ctx, accountID)
	if err != nil {
		return Brief{}, failure(gone(err))
	}
	ref := last.ModelRef()
	m, err := a.model(ctx, ref)
	if err != nil {
		return Brief{}, failure(err)
	}
	plan, _ := a.waterfall(m)
	b := Brief{Score: ScoreInput{AccountID: acc.ID, Models: Models{Model: ref}, Plan: plan}}
	return a.owned(ctx, acc, b)
}

// gone makes an account or score that is not there (any more) a final error.
func gone(err error) error {
	if errors.Is(err, account.ErrNotFound) {
		return account.Invalid("account", "it is not on record any more, or has no score")
	}
	return err
}

// owned adds the account's CRM record and owner to a brief, and takes in what people
// have filled in there.
func (a *Activities) owned(ctx context.Context, acc account.Account, b Brief) (Brief, error) {
	if acc.Key.IsZero() || a.CRM == nil {
		return b, nil
	}
	inForce, err := a.inForce(ctx)
	if err != nil {
		return b, failure(err)
	}
	models, err := a.watched(ctx, inForce)
	if err != nil {
		return b, failure(err)
	}
	company, err := a.CRM.Company(ctx, acc.Key, a.properties(models...)...)
	if errors.Is(err, account.ErrNotFound) {
		return b, nil
	}
	if err != nil {
		return b, crmFailure(err)
	}
	b.Key, b.Score.Owner = company.Key, company.OwnerID
	return b, failure(a.Store.TakeRecords(ctx, a.record(models, acc.ID, company, time.Now())))
}

// overridden says what a person decided, for the CRM: without naming the person.
func (w writer) overridden() string {
	o := w.override
	text := fmt.Sprintf("%s: %d of %d by override %d, %s", w.counts.Tier, w.counts.Value, w.model.Scale.Max, o.ID, until(o.Override))
	return text + ": " + strings.TrimRight(o.Reason, ". ") + "."
}

// until says what kind of reason an override has, and how long it holds.
func until(o icp.Override) string {
	text := strings.ReplaceAll(o.Code, "_", " ")
	if o.ExpiresAt.IsZero() {
		return text + ", until it is taken back"
	}
	return text + ", until " + o.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC")
}

// reasonLimit is how long the CRM's reason property may be, in characters.
const reasonLimit = 1000

// reason tells in one paragraph why the account has its score: what a person decided,
// what the model says, and what changed last.
func (w writer) reason() string {
	text := icp.Reason(w.model, w.row.Score)
	if w.row.Override != nil {
		text = w.overridden() + " The model says: " + text
	}
	if w.row.TierReason != "" {
		text += " The account " + w.row.TierReason + "."
	}
	if w.row.Why != "" && !strings.HasSuffix(w.row.Why, icp.Unchanged) {
		text += " Last change " + w.row.ScoredAt.UTC().Format(time.DateOnly) + ", " + w.row.Why + "."
	}
	return strictyaml.Clip(strings.Join(strings.Fields(text), " "), reasonLimit)
}

// earned is the tier whose task is due. A provisional tier has earned it only if the
// lowest score that it may have does; a person's decision stands as it is.
func earned(m *icp.Model, row store.ScoreRow) icp.Tier {
	counts := row.Counts()
	if row.Override != nil {
		tier, _ := m.TierNamed(counts.Tier)
		return tier
	}
	return m.Assured(counts)
}
