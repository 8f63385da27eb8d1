package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// AskInput asks one provider about an account.
type AskInput struct {
	AccountID int64          `json:"account_id"`
	Provider  string         `json:"provider"`
	Plan      waterfall.Plan `json:"plan"`
	ImportID  string         `json:"import_id,omitempty"` // whose budget it comes from
	// Late marks a second visit: others have answered meanwhile, so the activity
	// first looks whether this provider is still needed.
	Late bool `json:"late,omitempty"`
}

// AskResult is how asking ended, without an error: an answer, or a skip.
type AskResult struct {
	Outcome outbound.Outcome `json:"outcome"`
	Fields  []account.Field  `json:"fields,omitempty"`  // that the provider filled
	Missing []account.Field  `json:"missing,omitempty"` // by the plan, after this
	Credits float64          `json:"credits,omitempty"`
	// RetryAfter says when a pending answer may be there.
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	// OutOfReach says which other providers need not be asked, and for how long.
	OutOfReach map[string]time.Duration `json:"out_of_reach,omitempty"`
}

// Ask puts one provider's answer on record and returns what is still missing. A
// miss is an answer. An answer on record is not bought again, by whomever it was
// asked for; one that was bought is on record before anything else can fail.
//
// Its errors carry the outcome as their type: throttled and provider_error are
// retried, CircuitOpen, auth_failed, quota_exhausted and bad_request are not.
func (a *Activities) Ask(ctx context.Context, in AskInput) (AskResult, error) {
	source, configured := a.Providers[in.Provider] // by the worker that planned, if not by this one
	acc, cached, err := a.Store.OnRecord(ctx, in.AccountID, in.Provider, source.TTL)
	if err != nil {
		return AskResult{}, failure(err)
	}
	c := call{a: a, source: source, in: in, acc: acc, holder: holder(ctx), runID: activity.GetInfo(ctx).WorkflowExecution.RunID}
	out := AskResult{Outcome: outbound.SkippedUnconfigured}
	if configured {
		out, err = c.run(ctx, cached)
	}
	if err == nil && c.known == nil {
		c.known, err = a.Store.Facts(ctx, in.AccountID)
	}
	if err != nil {
		return AskResult{}, failure(err)
	}
	out.Missing = in.Plan.Resolve(c.known).Missing
	out.OutOfReach, err = a.outOfReach(ctx, acc)
	return out, failure(err)
}

// holder names the activity, the same in every attempt: it is whose reservation
// a repeated attempt finds.
func holder(ctx context.Context) string {
	info := activity.GetInfo(ctx)
	return info.WorkflowExecution.RunID + "/" + info.ActivityID
}

// call is one Ask under way.
type call struct {
	a      *Activities
	source Source
	in     AskInput
	acc    account.Account
	holder string
	runID  string
	known  []account.Fact // of the account, once the answer is on record; nil before
}

// run buys an answer unless the one on record is good.
func (c *call) run(ctx context.Context, onRecord store.Answer) (AskResult, error) {
	if c.in.Late {
		needed, err := c.stillNeeded(ctx)
		if err != nil || !needed {
			return AskResult{Outcome: outbound.SkippedNothingMissing}, err
		}
	}
	if onRecord.ID != 0 {
		err := c.a.Store.AdoptAnswer(ctx, c.acc.ID, c.holder, onRecord)
		return AskResult{Outcome: outbound.Cached, Fields: fields(onRecord.Facts)}, err
	}
	got, err := c.ask(ctx)
	if errors.Is(err, store.ErrInFlight) { // somebody else is buying this very answer
		return got, temporal.NewApplicationErrorWithOptions(err.Error(), string(outbound.Throttled),
			temporal.ApplicationErrorOptions{NextRetryDelay: time.Second, Category: temporal.ApplicationErrorCategoryBenign})
	}
	return got, err
}

// ask buys an answer, whatever is on record, if the budgets allow it. Its error is
// store.ErrInFlight while somebody else buys this very answer, or has just bought it.
func (c *call) ask(ctx context.Context) (AskResult, error) {
	limits := c.a.Budgets.Limits(c.runID, c.in.ImportID, c.in.Provider, time.Now())
	r, err := c.a.Store.Reserve(ctx, store.ReserveInput{
		AccountID: c.acc.ID, Provider: c.in.Provider, Subject: waterfall.Subject(c.acc),
		Holder: c.holder, RunID: c.runID, Credits: c.source.Price, Limits: storeLimits(limits),
	})
	if o := skipped(err); o != "" {
		return AskResult{Outcome: o}, c.a.Store.Skip(ctx, c.acc.ID, c.in.Provider, c.runID, c.holder, o)
	}
	if err != nil {
		return AskResult{}, err
	}
	return c.buy(ctx, r)
}

// buy asks the provider, and settles the reservation whatever comes back.
func (c *call) buy(ctx context.Context, r store.Reservation) (AskResult, error) {
	start := time.Now()
	answer, err := c.source.Ask(ctx, c.acc)
	c.a.circuits.heard(c.in.Provider, err)
	elapsed := time.Since(start)
	// The answer is paid for: it is kept even if the activity is being cancelled.
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err != nil {
		return AskResult{}, c.settle(keep, r, err, elapsed)
	}
	if answer.Outcome == outbound.Pending {
		err := c.a.Store.Settle(keep, r, outbound.Pending, answer.Credits, elapsed)
		return AskResult{Outcome: outbound.Pending, RetryAfter: answer.RetryAfter, Credits: answer.Credits}, err
	}
	if answer.Outcome == outbound.Found && !waterfall.SameCompany(c.acc, identity(answer)) {
		answer.Outcome, answer.Facts = outbound.Mismatch, nil
	}
	err = c.a.Store.SaveAnswer(keep, r, store.SaveAnswerInput{
		Outcome: answer.Outcome, Facts: answer.Facts, Credits: answer.Credits,
		Body: answer.Body, RecordID: answer.RecordID, Elapsed: elapsed, At: start, Known: &c.known,
	})
	return AskResult{Outcome: answer.Outcome, Fields: fields(answer.Facts), Credits: answer.Credits}, err
}

// settle ends the reservation of a call that brought no answer, and closes the
// provider for everybody when asking again makes no sense until somebody acts. The price of
// a call whose answer nobody has read stays counted: the provider may charge it.
func (c *call) settle(ctx context.Context, r store.Reservation, cause error, elapsed time.Duration) error {
	e, ok := errors.AsType[*outbound.Error](cause)
	outcome, charged := outbound.ProviderError, r.Credits // cut short by us: whether it was sent is not known
	if ok {
		outcome = e.Outcome
	}
	if ok && !e.Unread() {
		charged = 0
	}
	var until time.Time // for ever, or until somebody acts
	closes := outcome == outbound.AuthFailed
	if outcome == outbound.QuotaExhausted {
		closes, until = true, quotaReset(e, time.Now())
	}
	if closes {
		if err := c.a.Store.CloseProvider(ctx, c.in.Provider, outcome, until, e.Error()); err != nil {
			return err
		}
		activity.GetLogger(ctx).Error("Provider closed for everybody", "provider", c.in.Provider,
			"outcome", string(outcome), "until", until, "next", "starter provider check "+c.in.Provider)
	}
	if err := c.a.Store.Settle(ctx, r, outcome, charged, elapsed); err != nil {
		return err
	}
	return cause
}

// quotaReset is when a spent quota may be back: as the provider says, else the
// next day (UTC).
func quotaReset(e *outbound.Error, now time.Time) time.Time {
	if e.RetryAfter > 0 {
		return now.Add(e.RetryAfter)
	}
	return now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
}

// stillNeeded reports whether the plan, with what is known by now, would still get
// as far as this provider and gain by asking it.
func (c *call) stillNeeded(ctx context.Context) (bool, error) {
	facts, err := c.a.Store.Facts(ctx, c.acc.ID)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(c.in.Plan.Sources, func(s waterfall.Source) bool { return s.Provider == c.in.Provider })
	if at < 0 {
		return false, nil
	}
	before := waterfall.Plan{Sources: c.in.Plan.Sources[:at], Need: c.in.Plan.Need}
	asked := slices.DeleteFunc(facts, func(f account.Fact) bool {
		return slices.ContainsFunc(c.in.Plan.Sources[at:], func(s waterfall.Source) bool { return s.Provider == f.Provider })
	})
	return c.in.Plan.Sources[at].CanFill(before.Resolve(asked).Missing), nil
}

func identity(a providers.Answer) waterfall.Identity {
	return waterfall.Identity{Name: a.Name, Domain: a.Domain, Aliases: a.Aliases}
}

func fields(facts []account.Fact) []account.Field {
	out := make([]account.Field, len(facts))
	for i, f := range facts {
		out[i] = f.Field
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func storeLimits(limits []waterfall.Limit) []store.Limit {
	out := make([]store.Limit, len(limits))
	for i, l := range limits {
		out[i] = store.Limit(l)
	}
	return out
}
