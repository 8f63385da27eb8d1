package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
)

// Lost is the outcome of a call whose end nobody recorded: its process died. It
// may have been charged, so its credits stay counted.
const Lost outbound.Outcome = "lost"

// patience is how long a call may be under way before it counts as lost. It is
// longer than the timeout of the activity that makes it.
const patience = 60 * time.Second

// justKept covers the moment between a caller's look for an answer and its
// reservation: an answer that another call left in it is not bought again.
const justKept = 2 * time.Second

// Limit bounds what may be spent in a scope.
type Limit struct {
	Scope   string  // company:<run id>, import:<id>, day:2026-11-21, provider:apollo:2026-11-21
	Credits float64 // at most
}

// ReserveInput names a call that is about to be made, and what it may cost.
type ReserveInput struct {
	AccountID int64
	Provider  string
	Subject   string
	Holder    string // workflow run id, "/", activity id: the same in every attempt
	RunID     string // workflow run id
	Credits   float64
	Limits    []Limit
}

// Reservation is a call for which the price is set aside. Every one ends in
// [Store.SaveAnswer] or [Store.Settle].
type Reservation struct {
	ID        int64
	AccountID int64
	Provider  string
	Subject   string
	Credits   float64
}

// BudgetError refuses a call that does not fit into a budget.
type BudgetError struct {
	Scope string
	Limit float64
	Spent float64 // or set aside, without this call
}

// Error implements error.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("budget %s: %g of %g credits are spent, too much for this call: raise the budget, or wait until it starts anew", e.Scope, e.Spent, e.Limit)
}

// ClosedError refuses a call to a provider that is closed for everybody.
type ClosedError struct {
	Provider string
	Outcome  outbound.Outcome // auth_failed or quota_exhausted
	Until    time.Time        // zero: until a person acts
	Reason   string
}

// Error implements error.
func (e *ClosedError) Error() string {
	if e.Until.IsZero() {
		return fmt.Sprintf("%s is closed (%s): mend it, then `starter provider check %s`", e.Provider, e.Outcome, e.Provider)
	}
	return fmt.Sprintf("%s is closed (%s) until %s", e.Provider, e.Outcome, e.Until.Format(time.RFC3339))
}

// ErrInFlight means that somebody is buying the same answer, or just has: look
// for it with [Store.FreshAnswer] a moment later.
var ErrInFlight = errors.New("the same answer is being bought already")

// Reserve sets a call's price aside in every scope at once, or in none. A call of
// the same holder that never ended is given up as [Lost].
//
// Errors: [BudgetError] names the scope that the call does not fit into;
// [ClosedError] while the provider is closed for everybody; [ErrInFlight] when
// another holder is asking the same; [account.ErrInvalid] without a subject;
// [account.ErrNotFound] when the account is gone.
func (s *Store) Reserve(ctx context.Context, in ReserveInput) (Reservation, error) {
	if in.Subject == "" {
		return Reservation{}, account.Invalid("subject", "nothing to ask "+in.Provider+" by")
	}
	r, err := s.reserve(ctx, in)
	if errors.Is(err, ErrInFlight) { // by an earlier attempt of ours, it may be, or by one that was lost
		r, err = s.reserve(ctx, in, giveUp)
	}
	return r, err
}

func (s *Store) reserve(ctx context.Context, in ReserveInput, before ...func(*pgx.Batch, ReserveInput)) (Reservation, error) {
	var b pgx.Batch
	inTurn(&b, "ask "+in.Provider+" about "+in.Subject)
	for _, queue := range before {
		queue(&b, in)
	}
	r := Reservation{AccountID: in.AccountID, Provider: in.Provider, Subject: in.Subject, Credits: in.Credits}
	var closed *ClosedError
	reserve(&b, in, func(row pgx.Row) (err error) {
		r.ID, closed, err = scanReserved(row, in.Provider)
		return err
	})
	err := s.db.SendBatch(ctx, &b).Close()
	switch {
	case violates(err, withinBound):
		return Reservation{}, s.overBudget(ctx, in)
	case err != nil:
		return Reservation{}, wrap(err, "reserve %s for account %d", in.Provider, in.AccountID)
	case closed != nil:
		return Reservation{}, closed
	case r.ID == 0:
		return Reservation{}, ErrInFlight
	}
	return r, nil
}

func giveUp(b *pgx.Batch, in ReserveInput) {
	const q = `
		UPDATE ledger SET outcome = 'lost', settled_at = now()
		WHERE provider = @provider AND subject = @subject AND outcome IS NULL
			AND (holder = @holder OR made_at < now() - @patience::interval)`
	b.Queue(q, named{"provider": in.Provider, "subject": in.Subject, "holder": in.Holder, "patience": patience})
}

// withinBound is the constraint that keeps every budget: who would break it takes
// the whole reservation back.
const withinBound = "counter_within_bound"

// reserve returns the reservation, or the closure that is in its way, or neither
// while the same is being bought. Counters are locked in the order of their
// scopes, so that no two calls wait for each other.
func reserve(b *pgx.Batch, in ReserveInput, scan func(pgx.Row) error) {
	const q = `
		WITH closed AS (
			SELECT outcome, until, reason FROM closures
			WHERE provider = @provider AND (until IS NULL OR until > now())
		), busy AS (
			SELECT FROM ledger WHERE provider = @provider AND subject = @subject AND outcome IS NULL
			UNION ALL
			SELECT FROM answers WHERE provider = @provider AND subject = @subject AND kept_at > now() - @just_kept::interval
		), reserved AS (
			INSERT INTO ledger (account_id, provider, subject, holder, run_id, reserved, credits, scopes)
			SELECT @account, @provider, @subject, @holder, @run, true, @credits::numeric, @scopes::text[]
			WHERE NOT EXISTS (SELECT FROM closed) AND NOT EXISTS (SELECT FROM busy)
			RETURNING id
		), counted AS (
			INSERT INTO counters (scope, spent, bound)
			SELECT scope, @credits::numeric, bound
			FROM reserved, unnest(@scopes::text[], @bounds::float8[]) AS l (scope, bound) ORDER BY scope
			ON CONFLICT ON CONSTRAINT counters_pkey DO UPDATE SET
				spent = counters.spent + excluded.spent, bound = excluded.bound
		)
		SELECT (SELECT id FROM reserved), closed.outcome, closed.until, closed.reason
		FROM (VALUES (1)) AS one LEFT JOIN closed ON true`
	scopes, bounds := in.counted()
	b.Queue(q, named{
		"account": in.AccountID, "provider": in.Provider, "subject": in.Subject, "holder": in.Holder, "run": in.RunID,
		"credits": in.Credits, "scopes": scopes, "bounds": bounds, "just_kept": justKept,
	}).QueryRow(scan)
}

// counted returns the scopes that the call counts in, each once. One that costs
// nothing fits everywhere and waits for nobody.
func (in ReserveInput) counted() (scopes []string, bounds []float64) {
	scopes, bounds = []string{}, []float64{} // not nil: an array, not null
	if in.Credits == 0 {
		return scopes, bounds
	}
	for _, l := range in.Limits {
		if i := slices.Index(scopes, l.Scope); i >= 0 {
			bounds[i] = min(bounds[i], l.Credits)
			continue
		}
		scopes, bounds = append(scopes, l.Scope), append(bounds, l.Credits)
	}
	return scopes, bounds
}

func scanReserved(row pgx.Row, provider string) (id int64, closed *ClosedError, err error) {
	var reserved *int64
	var outcome, reason *string
	var until *time.Time
	err = row.Scan(&reserved, &outcome, &until, &reason)
	if outcome != nil {
		closed = &ClosedError{Provider: provider, Outcome: outbound.Outcome(*outcome), Until: value(until), Reason: value(reason)}
	}
	return value(reserved), closed, err
}

// overBudget says which scope a call did not fit into: the one with the least
// room. It gives up again what the refusal took back with the rest.
func (s *Store) overBudget(ctx context.Context, in ReserveInput) error {
	const q = `
		SELECT l.scope, l.bound, coalesce(c.spent, 0)::float8
		FROM unnest($1::text[], $2::float8[]) AS l (scope, bound) LEFT JOIN counters c USING (scope)
		ORDER BY l.bound - coalesce(c.spent, 0)::float8 LIMIT 1`
	var b pgx.Batch
	giveUp(&b, in)
	var e BudgetError
	scopes, bounds := in.counted()
	b.Queue(q, scopes, bounds).QueryRow(func(row pgx.Row) error { return row.Scan(&e.Scope, &e.Limit, &e.Spent) })
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return wrap(err, "budget of %s for account %d", in.Provider, in.AccountID)
	}
	return &e
}

// SaveAnswerInput is what a provider answered.
type SaveAnswerInput struct {
	Outcome  outbound.Outcome // found, not_found, mismatch or pending
	Facts    []account.Fact   // kept for a found one only
	Credits  float64          // charged
	Body     []byte           // as it came
	RecordID string           // the provider's own id
	Elapsed  time.Duration
	At       time.Time // of the answer; zero: now
	// Known, if set, gets what everybody says of the account then, as [Store.Facts]
	// returns it: one round trip for both.
	Known *[]account.Fact
}

// SaveAnswer ends a reservation with an answer. It keeps the answer for every
// account with the same subject, gives this account its facts in place of the
// provider's earlier ones, and settles the price, all or nothing. A pending
// answer is settled only. A reservation that was answered or settled before is
// left as it is; one that was given up as lost is not: the answer was paid for.
func (s *Store) SaveAnswer(ctx context.Context, r Reservation, in SaveAnswerInput) error {
	if in.Outcome == outbound.Pending {
		return s.Settle(ctx, r, in.Outcome, in.Credits, in.Elapsed)
	}
	if in.Outcome != outbound.Found {
		in.Facts = nil
	}
	facts, err := encodeFacts(in.Facts)
	if err != nil {
		return wrap(err, "save answer of %s about account %d", r.Provider, r.AccountID)
	}
	const keep = `
		INSERT INTO answers (provider, subject, outcome, facts, credits, record_id, body, answered_at)
		SELECT provider, subject, @outcome, @facts, @credits::numeric, @record, @body, coalesce(@at, now()) FROM ledger
		WHERE id = @id AND (outcome IS NULL OR outcome = 'lost') FOR UPDATE`
	var b pgx.Batch
	b.Queue(keep, named{
		"id": r.ID, "outcome": string(in.Outcome), "facts": facts, "credits": in.Credits,
		"record": clean(in.RecordID, 200), "body": in.Body, "at": optional(in.At),
	})
	if in.Outcome == outbound.Found {
		takeFacts(&b, r.AccountID, r.Provider, r.Subject, true)
	}
	if in.Known != nil {
		readFacts(&b, r.AccountID, in.Known)
	}
	settle(&b, r, in.Outcome, in.Credits, in.Elapsed, fieldsOf(in.Facts)) // last: others wait for its counters
	return wrap(s.db.SendBatch(ctx, &b).Close(), "save answer of %s about account %d", r.Provider, r.AccountID)
}

// encodeFacts writes no facts as an empty list.
func encodeFacts(facts []account.Fact) (string, error) {
	if facts == nil {
		return "[]", nil
	}
	return encode(facts)
}

// Settle ends a reservation that brought no answer, with what was charged all the
// same; the rest of the price goes back to the budgets. One that has ended is
// left as it is, unless it was given up as lost.
func (s *Store) Settle(ctx context.Context, r Reservation, outcome outbound.Outcome, credits float64, elapsed time.Duration) error {
	var b pgx.Batch
	settle(&b, r, outcome, credits, elapsed, []string{})
	return wrap(s.db.SendBatch(ctx, &b).Close(), "settle %s for account %d as %s", r.Provider, r.AccountID, outcome)
}

// settle locks counters in the order in which reserve does. A provider that charges
// more than its price may break a bound: the money is gone already.
func settle(b *pgx.Batch, r Reservation, outcome outbound.Outcome, credits float64, elapsed time.Duration, fields []string) {
	const q = `
		WITH call AS (
			SELECT id, scopes, @credits::numeric - credits AS difference FROM ledger
			WHERE id = @id AND (outcome IS NULL OR outcome = 'lost') FOR UPDATE
		), counted AS (
			INSERT INTO counters (scope, spent, bound)
			SELECT scope, 0, 0 FROM call, unnest(call.scopes) AS s (scope) WHERE call.difference <> 0 ORDER BY scope
			ON CONFLICT ON CONSTRAINT counters_pkey DO UPDATE SET
				spent = greatest(counters.spent + (SELECT difference FROM call), 0),
				bound = greatest(counters.spent + (SELECT difference FROM call), counters.bound)
		)
		UPDATE ledger SET outcome = @outcome, credits = @credits::numeric, fields = @fields, elapsed = @elapsed, settled_at = now()
		FROM call WHERE ledger.id = call.id`
	b.Queue(q, named{
		"id": r.ID, "outcome": string(outcome), "credits": credits, "fields": fields, "elapsed": elapsed,
	})
}

// Skip records what was done instead of asking. Repeated by the same holder it
// changes nothing.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) Skip(ctx context.Context, accountID int64, provider, runID, holder string, outcome outbound.Outcome) error {
	const q = `
		INSERT INTO ledger (account_id, provider, holder, run_id, reserved, outcome, credits, settled_at)
		VALUES (@account, @provider, @holder, @run, false, @outcome, 0, now())
		ON CONFLICT (holder, provider, outcome) WHERE NOT reserved DO NOTHING`
	_, err := s.db.Exec(ctx, q, named{
		"account": accountID, "provider": provider, "holder": holder, "run": runID, "outcome": string(outcome),
	})
	return wrap(err, "record %s of %s for account %d", outcome, provider, accountID)
}

// Call is one line of the ledger.
type Call struct {
	Provider string
	Outcome  outbound.Outcome // "" while it is under way
	Fields   []account.Field  // that the answer had
	Credits  float64          // set aside, then charged
	Elapsed  time.Duration
	At       time.Time
	RunID    string
}

// Calls returns what was asked about the account, and what was not, in order; in
// every run if runID is "". None is not an error.
func (s *Store) Calls(ctx context.Context, accountID int64, runID string) ([]Call, error) {
	const q = `
		SELECT provider, coalesce(outcome, ''), fields, credits::float8, elapsed, made_at, run_id FROM ledger
		WHERE account_id = $1 AND ($2 = '' OR run_id = $2) ORDER BY id`
	rows, _ := s.db.Query(ctx, q, accountID, runID)
	calls, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Call])
	return calls, wrap(err, "calls for account %d", accountID)
}

// Spent returns the credits that are spent or set aside in a scope.
func (s *Store) Spent(ctx context.Context, scope string) (float64, error) {
	const q = `SELECT coalesce((SELECT spent FROM counters WHERE scope = $1), 0)::float8`
	var spent float64
	err := s.db.QueryRow(ctx, q, scope).Scan(&spent)
	return spent, wrap(err, "spent in %s", scope)
}

// runOf returns the run that a holder belongs to.
func runOf(holder string) string {
	run, _, _ := strings.Cut(holder, "/")
	return run
}

// SpentSince returns the credits that went to the provider since the given time,
// those set aside for calls under way included.
func (s *Store) SpentSince(ctx context.Context, provider string, since time.Time) (float64, error) {
	const q = `SELECT coalesce(sum(credits), 0)::float8 FROM ledger WHERE provider = $1 AND made_at >= $2`
	var credits float64
	err := s.db.QueryRow(ctx, q, provider, since).Scan(&credits)
	return credits, wrap(err, "credits spent at %s", provider)
}
