package store_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func ask(acc account.Account, holder string, limits ...store.Limit) store.ReserveInput {
	return store.ReserveInput{
		AccountID: acc.ID, Provider: "apollo", Subject: acc.Domain,
		Holder: holder + "/5", RunID: holder, Credits: 1, Limits: limits,
	}
}

func reserve(t testing.TB, s *store.Store, in store.ReserveInput) store.Reservation {
	t.Helper()
	r, err := s.Reserve(t.Context(), in)
	require.NoError(t, err)
	return r
}

func spent(t testing.TB, s *store.Store, scope string) float64 {
	t.Helper()
	credits, err := s.Spent(t.Context(), scope)
	require.NoError(t, err)
	return credits
}

func outcomes(t testing.TB, s *store.Store, acc account.Account, runID string) []outbound.Outcome {
	t.Helper()
	calls, err := s.Calls(t.Context(), acc.ID, runID)
	require.NoError(t, err)
	got := make([]outbound.Outcome, len(calls))
	for i, c := range calls {
		got[i] = c.Outcome
	}
	return got
}

func found(facts ...account.Fact) store.SaveAnswerInput {
	return store.SaveAnswerInput{
		Outcome: outbound.Found, Facts: facts, Credits: 1, Body: []byte(`{"name":"Acme"}`),
		RecordID: "a1", Elapsed: 120 * time.Millisecond, At: now,
	}
}

func TestReserveNeverExceedsALimit(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	accs := accounts(t, s, 50)
	day, run := store.Limit{Scope: "day:2026-11-21", Credits: 10}, store.Limit{Scope: "company:r", Credits: 100}
	granted := 0
	for _, err := range concurrently(len(accs), func(i int) error {
		limits := []store.Limit{day, run}
		if i%2 == 0 {
			limits = []store.Limit{run, day} // the order of the caller does not matter
		}
		_, err := s.Reserve(t.Context(), ask(accs[i], "r"+strconv.Itoa(i), limits...))
		return err
	}) {
		if err == nil {
			granted++
			continue
		}
		budget, ok := errors.AsType[*store.BudgetError](err)
		require.True(t, ok, err)
		require.Equal(t, store.BudgetError{Scope: "day:2026-11-21", Limit: 10, Spent: 10}, *budget)
	}
	require.Equal(t, 10, granted)
	require.InDelta(t, 10, spent(t, s, day.Scope), 0)
	require.InDelta(t, 10, spent(t, s, run.Scope), 0, "the scope with room counts only what was granted")
}

func TestReserveCountsFractionsExactly(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for i, acc := range accounts(t, s, 11) {
		in := ask(acc, "r"+strconv.Itoa(i), store.Limit{Scope: "import:1", Credits: 1})
		in.Credits = 0.1
		_, err := s.Reserve(t.Context(), in)
		if i < 10 {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "budget import:1: 1 of 1 credits are spent")
	}
}

func TestReserveOfAFreeCallPassesASpentBudget(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	in := ask(acme(t, s), "r", store.Limit{Scope: "day:2026-11-21", Credits: 0})
	in.Credits = 0
	_, err := s.Reserve(t.Context(), in)
	require.NoError(t, err)
}

func TestReserveLetsOneHolderBuy(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	granted := 0
	for _, err := range concurrently(20, func(i int) error {
		_, err := s.Reserve(t.Context(), ask(acc, "r"+strconv.Itoa(i), store.Limit{Scope: "day:x", Credits: 100}))
		return err
	}) {
		if err == nil {
			granted++
			continue
		}
		require.ErrorIs(t, err, store.ErrInFlight)
	}
	require.Equal(t, 1, granted)
	require.InDelta(t, 1, spent(t, s, "day:x"), 0)
}

// TestTwoHoldersBuyOnce lets every holder look for an answer and then reserve, as
// the activity does: however the two interleave, one buys.
func TestTwoHoldersBuyOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	for round := range 20 {
		subject, bought := "acme"+strconv.Itoa(round)+".example", make([]int, 8)
		for _, err := range concurrently(len(bought), func(i int) error {
			_, err := s.FreshAnswer(t.Context(), "apollo", subject, time.Hour)
			if err == nil || !errors.Is(err, account.ErrNotFound) {
				return err
			}
			in := ask(acc, "r"+strconv.Itoa(i))
			in.Subject = subject
			r, err := s.Reserve(t.Context(), in)
			if errors.Is(err, store.ErrInFlight) {
				return nil
			}
			if err != nil {
				return err
			}
			bought[i]++
			return s.SaveAnswer(t.Context(), r, found())
		}) {
			require.NoError(t, err)
		}
		total := 0
		for _, n := range bought {
			total += n
		}
		require.Equal(t, 1, total)
	}
}

func TestReservationThatNeverEnded(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	limit := store.Limit{Scope: "company:r", Credits: 2}
	crashed := reserve(t, s, ask(acc, "r", limit))
	again := reserve(t, s, ask(acc, "r", limit))
	require.NotEqual(t, crashed.ID, again.ID)
	require.InDelta(t, 2, spent(t, s, "company:r"), 0, "the lost call may have been charged")

	_, err := s.Reserve(t.Context(), ask(acc, "r", limit))
	require.ErrorContains(t, err, "company:r")
	require.Equal(t, []outbound.Outcome{store.Lost, store.Lost}, outcomes(t, s, acc, ""))

	require.NoError(t, s.SaveAnswer(t.Context(), crashed, found()), "it was not dead, only slow")
	_, err = s.FreshAnswer(t.Context(), "apollo", acc.Domain, time.Hour)
	require.NoError(t, err)
	require.Equal(t, []outbound.Outcome{outbound.Found, store.Lost}, outcomes(t, s, acc, ""))
}

func TestReservationOfAnotherHolderIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	defer s.Close()
	acc := acme(t, s)
	reserve(t, s, ask(acc, "r1"))

	age := func(seconds int) {
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), "UPDATE ledger SET made_at = now() - make_interval(secs => $1)", seconds)
		require.NoError(t, err)
	}
	age(50)
	_, err = s.Reserve(t.Context(), ask(acc, "r2"))
	require.ErrorIs(t, err, store.ErrInFlight)
	age(61)
	reserve(t, s, ask(acc, "r2"))
	require.Equal(t, []outbound.Outcome{store.Lost}, outcomes(t, s, acc, "r1"))
}

func TestReserveRefusesWhatItCannotTake(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	in := ask(acc, "r")
	in.Subject = ""
	_, err := s.Reserve(t.Context(), in)
	require.ErrorIs(t, err, account.ErrInvalid)

	in = ask(account.Account{ID: 99, Domain: "gone.example"}, "r")
	_, err = s.Reserve(t.Context(), in)
	require.ErrorIs(t, err, account.ErrNotFound)

	in = ask(acc, "r", store.Limit{Scope: "day:x", Credits: 10})
	in.Credits = -1
	_, err = s.Reserve(t.Context(), in)
	require.ErrorIs(t, err, account.ErrInvalid)
	require.Zero(t, spent(t, s, "day:x"), "nothing half-written")
}

func TestSettleGivesTheMoneyBack(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	limits := []store.Limit{{Scope: "day:x", Credits: 10}, {Scope: "company:r", Credits: 1}}
	r := reserve(t, s, ask(acc, "r", limits...))
	for range 2 { // an activity may settle twice
		require.NoError(t, s.Settle(t.Context(), r, outbound.Throttled, 0, 30*time.Millisecond))
		require.Zero(t, spent(t, s, "day:x"))
		require.Zero(t, spent(t, s, "company:r"))
	}
	r = reserve(t, s, ask(acc, "r", limits...))
	require.NoError(t, s.Settle(t.Context(), r, outbound.ProviderError, 0.4, 0))
	require.InDelta(t, 0.4, spent(t, s, "day:x"), 1e-9)

	calls, err := s.Calls(t.Context(), acc.ID, "r")
	require.NoError(t, err)
	require.Len(t, calls, 2)
	require.Equal(t, outbound.Throttled, calls[0].Outcome)
	require.Equal(t, 30*time.Millisecond, calls[0].Elapsed)
	require.InDelta(t, 0.4, calls[1].Credits, 1e-9)
	r = reserve(t, s, ask(acc, "r"))
	require.ErrorIs(t, s.Settle(t.Context(), r, "no_such_outcome", 0, 0), account.ErrInvalid)
}

func TestSettleOfADearerCallBreaksTheBudgetRatherThanTheRecord(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	in := found()
	in.Credits = 3
	limit := store.Limit{Scope: "day:x", Credits: 2}
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r", limit)), in))
	require.InDelta(t, 3, spent(t, s, "day:x"), 0)

	next := ask(acc, "r", limit)
	next.Subject = "another.example"
	_, err := s.Reserve(t.Context(), next)
	require.ErrorContains(t, err, "budget day:x: 3 of 2 credits")
	limit.Credits = 4
	next.Limits = []store.Limit{limit, limit} // twice is once
	reserve(t, s, next)
	require.InDelta(t, 4, spent(t, s, "day:x"), 0)
}

// TestReserveAndSettleDoNotLockEachOther has every call touch the same counters in
// another order, and change the price when it settles.
func TestReserveAndSettleDoNotLockEachOther(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	scopes := []string{"a", "b", "c", "d"}
	for _, err := range concurrently(32, func(i int) error {
		acc, err := s.UpsertAccount(t.Context(), account.Key{}, strconv.Itoa(i)+".example", "")
		if err != nil {
			return err
		}
		limits := []store.Limit{{Scope: "run:" + strconv.Itoa(i), Credits: 9}}
		for j := range scopes {
			limits = append(limits, store.Limit{Scope: scopes[(i*3+j)%len(scopes)], Credits: 1e6})
		}
		for range 5 {
			r, err := s.Reserve(t.Context(), ask(acc, "r", limits...))
			if err != nil {
				return err
			}
			if err := s.Settle(t.Context(), r, outbound.ProviderError, 0.5, 0); err != nil {
				return err
			}
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	for _, scope := range scopes {
		require.InDelta(t, 32*5*0.5, spent(t, s, scope), 1e-9)
	}
}

func TestSkipIsRecordedOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	for range 3 {
		require.NoError(t, s.Skip(t.Context(), acc.ID, "pdl", "r", "r/7", outbound.SkippedBudget))
	}
	require.NoError(t, s.Skip(t.Context(), acc.ID, "pdl", "r", "r/8", outbound.SkippedBudget))
	require.Equal(t, []outbound.Outcome{outbound.SkippedBudget, outbound.SkippedBudget}, outcomes(t, s, acc, "r"))
	require.Empty(t, outcomes(t, s, acc, "another run"))
	require.ErrorIs(t, s.Skip(t.Context(), 99, "pdl", "r", "r/9", outbound.SkippedBudget), account.ErrNotFound)
}

func TestClosedProviderIsNotAsked(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	limit := store.Limit{Scope: "day:x", Credits: 10}
	require.NoError(t, s.CloseProvider(t.Context(), "apollo", outbound.AuthFailed, time.Time{}, "key refused"))
	_, err := s.Reserve(t.Context(), ask(acc, "r", limit))
	closed, ok := errors.AsType[*store.ClosedError](err)
	require.True(t, ok, err)
	require.Equal(t, store.ClosedError{Provider: "apollo", Outcome: outbound.AuthFailed, Reason: "key refused"}, *closed)
	require.Zero(t, spent(t, s, "day:x"))

	until := now.Add(time.Hour)
	require.NoError(t, s.CloseProvider(t.Context(), "apollo", outbound.QuotaExhausted, until, "quota"))
	require.NoError(t, s.CloseProvider(t.Context(), "hunter", outbound.QuotaExhausted, now.Add(-time.Second), "over by now"))
	closures, err := s.Closures(t.Context())
	require.NoError(t, err)
	require.Len(t, closures, 1)
	require.Equal(t, until, closures[0].Until)
	require.WithinDuration(t, time.Now(), closures[0].ClosedAt, time.Minute)
	_, err = s.Reserve(t.Context(), ask(acc, "r", limit))
	require.ErrorContains(t, err, "apollo is closed (quota_exhausted) until "+until.Format(time.RFC3339))

	in := ask(acc, "r", limit)
	in.Provider = "hunter"
	reserve(t, s, in)
	for range 2 {
		require.NoError(t, s.ReopenProvider(t.Context(), "apollo"))
	}
	reserve(t, s, ask(acc, "r", limit))
}
