package activities_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

func TestAskKeepsTheAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "cove.example")
	got, err := b.ask(question(who, "apollo"))
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
	require.Equal(t, []account.Field{account.Employees}, got.Missing, "the table has none")
	require.InDelta(t, 1, got.Credits, 0)
	require.Subset(t, got.Fields, []account.Field{account.Industry, account.Country, account.Technologies})
	require.IsIncreasing(t, got.Fields)

	require.Equal(t, got.Fields, b.facts(t, who.AccountID, "apollo"))
	require.Equal(t, []line{{"apollo", outbound.Found, 1}}, b.ledger(t, who.AccountID))
	kept, err := b.store.FreshAnswer(t.Context(), "apollo", "cove.example", time.Hour)
	require.NoError(t, err)
	require.Equal(t, outbound.Found, kept.Outcome)
	spent, err := b.store.Spent(t.Context(), "company:"+runID)
	require.NoError(t, err)
	require.Zero(t, spent, "without a budget nothing is counted")
}

func TestAskTakesAMissForAnAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "nobody.example")
	got, err := b.ask(question(who, "clearbit")) // which charges for it
	require.NoError(t, err)
	require.Equal(t, activities.AskResult{Outcome: outbound.NotFound, Missing: who.Plan.Need.Fields, Credits: 1}, got)
	require.Equal(t, []line{{"clearbit", outbound.NotFound, 1}}, b.ledger(t, who.AccountID))

	again, err := b.ask(question(b.known(t, "nobody.example"), "clearbit"))
	require.NoError(t, err)
	require.Equal(t, outbound.Cached, again.Outcome)
	require.Empty(t, again.Fields)
	require.Equal(t, 1, b.requests("clearbit"))
}

func TestAskDropsAnAnswerAboutSomebodyElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, "apollo", fault.Fault{WrongCompany: true})
	who := b.known(t, "acme.example")
	got, err := b.ask(question(who, "apollo"))
	require.NoError(t, err)
	require.Equal(t, activities.AskResult{Outcome: outbound.Mismatch, Missing: who.Plan.Need.Fields, Credits: 1}, got)
	require.Empty(t, b.facts(t, who.AccountID, "apollo"))
	require.Equal(t, []line{{"apollo", outbound.Mismatch, 1}}, b.ledger(t, who.AccountID))
}

func TestAskSharesAnAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, err := b.ask(question(b.known(t, "acme.example"), "apollo"))
	require.NoError(t, err)
	other := b.known(t, "acme.example")
	got, err := b.ask(question(other, "apollo"))
	require.NoError(t, err)
	require.Equal(t, activities.AskResult{Outcome: outbound.Cached, Fields: first.Fields, Missing: first.Missing}, got)
	require.Equal(t, 1, b.requests("apollo"))
	require.Equal(t, first.Fields, b.facts(t, other.AccountID, "apollo"))
	require.Equal(t, []line{{"apollo", outbound.Cached, 0}}, b.ledger(t, other.AccountID))
}

// The process died between reserving and keeping the answer: the attempt that
// follows finds its own reservation.
func TestAskAgainAfterACrash(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	b.env = b.environment()
	_, err := b.store.Reserve(t.Context(), store.ReserveInput{
		AccountID: who.AccountID, Provider: "apollo", Subject: "acme.example", Holder: runID + "/0", RunID: runID, Credits: 1,
	})
	require.NoError(t, err)
	got, err := b.ask(question(who, "apollo"))
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
	require.Equal(t, 1, b.requests("apollo"))
	require.Equal(t, []line{{"apollo", store.Lost, 1}, {"apollo", outbound.Found, 1}}, b.ledger(t, who.AccountID))
}

// The process died after the answer was kept and before Temporal heard of it.
func TestAskAgainAfterTheAnswerWasKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	for _, want := range []outbound.Outcome{outbound.Found, outbound.Cached, outbound.Cached} {
		b.env = b.environment()
		got, err := b.ask(question(who, "apollo"))
		require.NoError(t, err)
		require.Equal(t, want, got.Outcome)
		require.NotEmpty(t, got.Fields)
	}
	require.Equal(t, 1, b.requests("apollo"))
	require.Equal(t, []line{{"apollo", outbound.Found, 1}, {"apollo", outbound.Cached, 0}}, b.ledger(t, who.AccountID))
}

func TestAskStaysWithinBudgets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		give waterfall.Budgets
		want []outbound.Outcome // of two companies, one after the other
	}{
		{name: "less than the price", give: waterfall.Budgets{Company: 0.5}, want: []outbound.Outcome{outbound.SkippedBudget, outbound.SkippedBudget}},
		{name: "exactly the price", give: waterfall.Budgets{Company: 1}, want: []outbound.Outcome{outbound.Found, outbound.SkippedBudget}},
		{name: "of the import", give: waterfall.Budgets{Import: 1}, want: []outbound.Outcome{outbound.Found, outbound.SkippedBudget}},
		{name: "of the provider's day", give: waterfall.Budgets{Provider: map[string]float64{"apollo": 1.5}}, want: []outbound.Outcome{outbound.Found, outbound.SkippedBudget}},
		{name: "of another provider's day", give: waterfall.Budgets{Provider: map[string]float64{"pdl": 0.5}}, want: []outbound.Outcome{outbound.Found, outbound.Found}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Budgets = tt.give
			calls := 0
			for i, domain := range []string{"acme.example", "bolt.example"} {
				who := b.known(t, domain)
				in := question(who, "apollo")
				in.ImportID = "spring"
				got, err := b.ask(in)
				require.NoError(t, err)
				require.Equal(t, tt.want[i], got.Outcome)
				require.InDelta(t, got.Credits, b.ledger(t, who.AccountID)[0].Credits, 0)
				require.Equal(t, tt.want[i], b.ledger(t, who.AccountID)[0].Outcome)
				calls += int(got.Credits)
			}
			require.Equal(t, calls, b.requests("apollo"))
		})
	}
}

func TestAskClosesAProviderWhoseKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, "apollo", fault.Fault{BadKey: true})
	who := b.known(t, "acme.example")
	_, err := b.ask(question(who, "apollo"))
	final(t, err, "auth_failed")
	require.Equal(t, []line{{"apollo", outbound.AuthFailed, 0}}, b.ledger(t, who.AccountID))
	closed, err := b.store.Closures(t.Context())
	require.NoError(t, err)
	require.Len(t, closed, 1)
	require.Zero(t, closed[0].Until, "until a person acts")

	b.set(t, "apollo", fault.Fault{}) // mended, but nobody has said so
	other := b.known(t, "bolt.example")
	got, err := b.ask(question(other, "apollo"))
	require.NoError(t, err)
	require.Equal(t, activities.AskResult{Outcome: outbound.SkippedClosed, Missing: who.Plan.Need.Fields}, got)
	require.Equal(t, []line{{"apollo", outbound.SkippedClosed, 0}}, b.ledger(t, other.AccountID))
	require.Equal(t, 1, b.requests("apollo"))

	require.NoError(t, b.store.ReopenProvider(t.Context(), "apollo"))
	got, err = b.ask(question(other, "apollo"))
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
}

func TestAskClosesAProviderWithoutCredits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, provider := range []string{"apollo", "clearbit", "pdl"} { // each says so in its own way
		t.Run(provider, func(t *testing.T) {
			b.set(t, provider, fault.Fault{NoCredits: true})
			who := b.known(t, "acme.example")
			_, err := b.ask(question(who, provider))
			final(t, err, "quota_exhausted")
			closed, err := b.store.Closures(t.Context())
			require.NoError(t, err)
			require.Len(t, closed, 1)
			require.Equal(t, outbound.QuotaExhausted, closed[0].Outcome)
			require.WithinRange(t, closed[0].Until, time.Now(), time.Now().Add(25*time.Hour))
			defer func() { require.NoError(t, b.store.ReopenProvider(context.WithoutCancel(t.Context()), provider)) }()

			got, err := b.ask(question(who, provider))
			require.NoError(t, err)
			require.Equal(t, outbound.SkippedClosed, got.Outcome)
			require.Equal(t, 1, b.requests(provider))
		})
	}
}

func TestAskWaitsAsLongAsAThrottlingProviderSays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		give      int // seconds
		wantRetry bool
	}{
		{name: "a moment is for the retry", give: 1, wantRetry: true},
		{name: "the longest moment", give: 20, wantRetry: true},
		{name: "longer than that is for the workflow", give: 21},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.set(t, "apollo", fault.Fault{MaxPerSecond: 1, RetryAfterS: tt.give})
			var err error
			var who activities.IdentifyResult
			for range 3 { // a second of the clock may end between two calls, but not twice
				for _, domain := range []string{"acme.example", "bolt.example", "cove.example", "dust.example"} {
					if who = b.known(t, domain); err == nil {
						_, err = b.ask(question(who, "apollo"))
					}
				}
			}
			e := failed(t, err, "throttled")
			require.Equal(t, tt.wantRetry, !e.NonRetryable())
			want := time.Duration(tt.give) * time.Second
			require.Equal(t, hint{delay: want, after: want}, hintOf(t, e))
		})
	}
}

func TestAskRetriesAProviderInTrouble(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, domain string
		give         fault.Fault
		counted      float64 // of the price: what may be charged
	}{
		{name: "500 or 503", domain: "acme.example", give: fault.Fault{ErrorRate: 1}},
		{name: "broken connections", domain: "bolt.example", give: fault.Fault{Reset: true}, counted: 1},
		{name: "half of a body", domain: "cove.example", give: fault.Fault{Truncate: true}, counted: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := setup(t)
			b.set(t, "apollo", tt.give)
			who := b.known(t, tt.domain)
			_, err := b.ask(question(who, "apollo"))
			h := retried(t, err, "provider_error")
			require.Zero(t, h.delay, "the policy decides")
			require.Equal(t, []line{{"apollo", outbound.ProviderError, tt.counted}}, b.ledger(t, who.AccountID))
			require.LessOrEqual(t, b.charged("apollo"), tt.counted)

			b.set(t, "apollo", fault.Fault{})
			got, err := b.ask(question(who, "apollo"))
			require.NoError(t, err)
			require.Equal(t, outbound.Found, got.Outcome)
		})
	}
}

func TestAskStopsAtAnOpenBreaker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, "apollo", fault.Fault{Outage: true})
	who := b.known(t, "acme.example")
	for range trip {
		_, err := b.ask(question(who, "apollo"))
		retried(t, err, "provider_error")
	}
	_, err := b.ask(question(who, "apollo"))
	h := final(t, err, activities.CircuitOpen)
	require.InDelta(t, time.Minute, h.after, float64(20*time.Second))
	require.Equal(t, trip, b.requests("apollo"))
	ledger := b.ledger(t, who.AccountID)
	require.Equal(t, line{"apollo", outbound.SkippedBreaker, 0}, ledger[len(ledger)-1])
}

// One run's bad news is every run's: the others need no call to hear it.
func TestAnOpenBreakerIsToldToAllRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	had := b.known(t, "bolt.example")
	_, err := b.ask(question(had, "apollo"))
	require.NoError(t, err)
	b.set(t, "apollo", fault.Fault{Outage: true})
	who := b.known(t, "acme.example")
	require.Empty(t, who.OutOfReach)
	for range trip + 1 {
		_, err := b.ask(question(who, "apollo"))
		require.Error(t, err)
	}
	next := b.known(t, "cove.example")
	require.Len(t, next.OutOfReach, 1)
	require.InDelta(t, time.Minute, next.OutOfReach["apollo"], float64(20*time.Second))
	got, err := b.ask(question(who, "pdl"))
	require.NoError(t, err)
	require.Contains(t, got.OutOfReach, "apollo")
	require.Empty(t, b.known(t, "bolt.example").OutOfReach, "its answer is on record and needs no call")

	in := pass(next, 1)
	in.PassedBy = []string{"apollo"}
	for range 2 {
		_, err = b.score(in)
		require.NoError(t, err)
	}
	require.Equal(t, []line{{"apollo", outbound.SkippedBreaker, 0}}, b.ledger(t, next.AccountID))
}

func TestAskComesBackForAPendingAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, "clearbit", fault.Fault{Pending: true})
	who := b.known(t, "acme.example")
	got, err := b.ask(question(who, "clearbit"))
	require.NoError(t, err)
	require.Equal(t, activities.AskResult{
		Outcome: outbound.Pending, Missing: who.Plan.Need.Fields, Credits: 1, RetryAfter: 3 * time.Minute,
	}, got)
	require.Equal(t, []line{{"clearbit", outbound.Pending, 1}}, b.ledger(t, who.AccountID))
	_, err = b.store.FreshAnswer(t.Context(), "clearbit", "acme.example", time.Hour)
	require.ErrorIs(t, err, account.ErrNotFound)

	b.set(t, "clearbit", fault.Fault{})
	got, err = b.ask(question(who, "clearbit"))
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
}

func TestAskWithoutAKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	got, err := b.ask(question(who, "hunter"))
	require.NoError(t, err)
	require.Equal(t, activities.AskResult{Outcome: outbound.SkippedUnconfigured, Missing: who.Plan.Need.Fields}, got)
}

func TestAskWhatTheProviderCannotLookUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who, err := b.identify(activities.IdentifyInput{Name: "Acme Analytics"})
	require.NoError(t, err)
	_, err = b.ask(question(who, "clearbit")) // by domain only
	final(t, err, "bad_request")
	require.Equal(t, []line{{"clearbit", outbound.BadRequest, 0}}, b.ledger(t, who.AccountID))
	got, err := b.ask(question(who, "apollo"))
	require.NoError(t, err)
	require.Equal(t, outbound.Found, got.Outcome)
}

// A provider that was down is asked on a return only for what its stand-ins could
// not say.
func TestAskLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("nothing is missing any more", func(t *testing.T) {
		who := b.known(t, "acme.example")
		_, err := b.ask(question(who, "apollo"))
		require.NoError(t, err)
		in := question(who, "clearbit")
		in.Late = true
		got, err := b.ask(in)
		require.NoError(t, err)
		require.Equal(t, activities.AskResult{Outcome: outbound.SkippedNothingMissing}, got)
		require.Zero(t, b.requests("clearbit"))
	})
	t.Run("the earlier provider outranks its stand-in", func(t *testing.T) {
		who := b.known(t, "bolt.example")
		_, err := b.ask(question(who, "clearbit"))
		require.NoError(t, err)
		in := question(who, "apollo")
		in.Late = true
		got, err := b.ask(in)
		require.NoError(t, err)
		require.Equal(t, outbound.Found, got.Outcome)
	})
	t.Run("a provider that is no longer in the plan", func(t *testing.T) {
		who := b.known(t, "dust.example")
		in := question(who, "apollo")
		in.Late, in.Plan.Sources = true, in.Plan.Sources[1:]
		got, err := b.ask(in)
		require.NoError(t, err)
		require.Equal(t, outbound.SkippedNothingMissing, got.Outcome)
		require.Empty(t, b.ledger(t, who.AccountID))
	})
}

func TestAskCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("before it began", func(t *testing.T) {
		who := b.known(t, "acme.example")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := run[activities.AskResult](b.within(ctx), b.Ask, question(who, "apollo"))
		require.ErrorContains(t, err, context.Canceled.Error())
		require.Zero(t, b.requests("apollo"))
		require.Empty(t, b.ledger(t, who.AccountID))
	})
	t.Run("while the provider was thinking", func(t *testing.T) {
		b.set(t, "apollo", fault.Fault{Hang: true})
		who := b.known(t, "acme.example")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := run[activities.AskResult](b.within(ctx), b.Ask, question(who, "apollo"))
			done <- err
		}()
		require.Eventually(t, func() bool { return b.requests("apollo") == 1 }, 5*time.Second, time.Millisecond)
		cancel()
		err := <-done
		require.ErrorContains(t, err, context.Canceled.Error())
		require.Equal(t, []line{{"apollo", outbound.ProviderError, 1}}, b.ledger(t, who.AccountID), "the reservation is settled all the same, as what may be charged")
	})
}

func TestAskBuysOnceForTwoAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := b.known(t, "acme.example"), b.known(t, "acme.example")
	b.set(t, "apollo", fault.Fault{LatencyMS: 400})
	first := make(chan outbound.Outcome, 1)
	go func() {
		got, _ := run[activities.AskResult](b.environment(), b.Ask, question(one, "apollo"))
		first <- got.Outcome
	}()
	require.Eventually(t, func() bool { return b.requests("apollo") == 1 }, 5*time.Second, time.Millisecond)
	_, err := b.ask(question(other, "apollo")) // its activity has another id
	h := retried(t, err, "throttled")
	require.Equal(t, time.Second, h.delay)
	require.Equal(t, outbound.Found, <-first)

	got, err := b.ask(question(other, "apollo"))
	require.NoError(t, err)
	require.Equal(t, outbound.Cached, got.Outcome)
	require.Equal(t, 1, b.requests("apollo"))
	require.Equal(t, []line{{"apollo", outbound.Cached, 0}}, b.ledger(t, other.AccountID))
}
