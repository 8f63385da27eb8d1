package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/waterfall"
)

func fact(field account.Field, v account.Value) account.Fact {
	return account.Fact{Field: field, Value: v, Provider: "apollo", Confidence: 0.9, ObservedAt: now}
}

func TestSaveAnswerKeepsAnswerFactsAndPrice(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	derived := fact(account.Employees, account.NumberValue(75))
	derived.Derived = true
	facts := []account.Fact{ // in the order in which they are read
		derived,
		fact(account.Industry, account.TextValue("saas")),
		fact(account.LastFundingAt, account.DateValue(now)),
		fact(account.PreviouslyChurned, account.BoolValue(false)),
		fact(account.Technologies, account.ListValue("hubspot")),
	}
	in := found(facts...)
	in.Credits = 0.5
	r := reserve(t, s, ask(acc, "r", store.Limit{Scope: "day:x", Credits: 10}))
	for range 3 { // an activity may save twice
		require.NoError(t, s.SaveAnswer(t.Context(), r, in))
	}
	kept, err := s.Facts(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Equal(t, facts, kept)
	require.InDelta(t, 0.5, spent(t, s, "day:x"), 0)

	a, err := s.FreshAnswer(t.Context(), "apollo", "acme.example", time.Hour)
	require.NoError(t, err)
	require.Equal(t, store.Answer{
		ID: a.ID, Provider: "apollo", Subject: "acme.example", Outcome: outbound.Found, Facts: facts,
		Credits: 0.5, RecordID: "a1", AnsweredAt: now,
	}, a)

	calls, err := s.Calls(t.Context(), acc.ID, "r")
	require.NoError(t, err)
	require.Len(t, calls, 1)
	require.WithinDuration(t, time.Now(), calls[0].At, time.Minute)
	calls[0].At = time.Time{}
	require.Equal(t, store.Call{
		Provider: "apollo", Outcome: outbound.Found, Credits: 0.5, Elapsed: 120 * time.Millisecond, RunID: "r",
		Fields: []account.Field{account.Employees, account.Industry, account.LastFundingAt, account.PreviouslyChurned, account.Technologies},
	}, calls[0])
}

func TestSaveAnswerReplacesWhatTheProviderSaidBefore(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	old := []account.Fact{
		fact(account.City, account.TextValue("Graz")),
		fact(account.Employees, account.NumberValue(10)),
		fact(account.Industry, account.TextValue("saas")),
	}
	for i := range old {
		old[i].ObservedAt = now.Add(-time.Hour)
	}
	old[2].ObservedAt = now.Add(time.Hour) // the provider dates it itself
	newer := fact(account.Employees, account.NumberValue(12))
	dated := fact(account.Industry, account.TextValue("retail"))

	save(t, s, acc, "pdl", fact(account.City, account.TextValue("Wien")))
	save(t, s, acc, "apollo", old...)
	save(t, s, acc, "apollo", newer, dated)
	kept, err := s.Facts(t.Context(), acc.ID)
	require.NoError(t, err)
	other := fact(account.City, account.TextValue("Wien"))
	other.Provider = "pdl"
	require.Equal(t, []account.Fact{other, newer, old[2]}, kept, "the newest observation wins, others keep theirs")
}

func TestSaveAnswerTellsWhatIsKnownThen(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	other := fact(account.City, account.TextValue("Graz"))
	other.Provider = "pdl"
	save(t, s, acc, "pdl", other)
	for _, tt := range []struct {
		outcome outbound.Outcome
		facts   []account.Fact
	}{
		{outbound.NotFound, nil},
		{outbound.Found, []account.Fact{fact(account.City, account.TextValue("Wien")), fact(account.Country, account.TextValue("AT"))}},
	} {
		var known []account.Fact
		in := found(tt.facts...)
		in.Outcome, in.Known = tt.outcome, &known
		ask := ask(acc, string(tt.outcome))
		ask.Subject = string(tt.outcome) // so that it does not wait for the one before
		require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask), in))
		kept, err := s.Facts(t.Context(), acc.ID)
		require.NoError(t, err)
		require.Len(t, known, 1+len(tt.facts))
		require.Equal(t, kept, known)
	}
}

func TestOnRecord(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	named, err := s.UpsertAccount(t.Context(), account.Key{}, "", "Acme Inc.")
	require.NoError(t, err)
	onRecord := func(of account.Account, provider string, maxAge time.Duration) store.Answer {
		t.Helper()
		got, a, err := s.OnRecord(t.Context(), of.ID, provider, maxAge)
		require.NoError(t, err)
		require.Equal(t, of, got)
		return a
	}
	require.Zero(t, onRecord(acc, "apollo", time.Hour))
	require.Zero(t, onRecord(named, "apollo", time.Hour))

	for _, of := range []account.Account{acc, named} {
		ask, in := ask(of, "r"), found(fact(account.City, account.TextValue("Graz")))
		ask.Subject, in.At = waterfall.Subject(of), now.Add(-24*time.Hour)
		require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask), in))
		require.Zero(t, onRecord(of, "apollo", time.Hour), "older than that")
		require.Zero(t, onRecord(of, "pdl", 72*time.Hour), "of another provider")
		want, err := s.FreshAnswer(t.Context(), "apollo", waterfall.Subject(of), 72*time.Hour)
		require.NoError(t, err)
		require.Equal(t, want, onRecord(of, "apollo", 72*time.Hour))
	}

	_, _, err = s.OnRecord(t.Context(), 99, "apollo", time.Hour)
	require.ErrorIs(t, err, account.ErrNotFound)
}

// save puts an answer on record. Each has a subject of its own, so that none waits
// for the one before.
func save(t testing.TB, s *store.Store, acc account.Account, provider string, facts ...account.Fact) {
	t.Helper()
	in := ask(acc, "r")
	in.Provider, in.Subject = provider, time.Now().String()
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, in), found(facts...)))
}

func TestSaveAnswerOfAMissTakesNothingAway(t *testing.T) {
	t.Parallel()
	for _, outcome := range []outbound.Outcome{outbound.NotFound, outbound.Mismatch} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			s := storetest.New(t)
			acc := acme(t, s)
			known := fact(account.City, account.TextValue("Graz"))
			save(t, s, acc, "apollo", known)

			in := found(fact(account.City, account.TextValue("Oslo")))
			in.Outcome, in.Credits = outcome, 0
			require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r")), in))
			a, err := s.FreshAnswer(t.Context(), "apollo", acc.Domain, time.Hour)
			require.NoError(t, err)
			require.Equal(t, outcome, a.Outcome)
			require.Empty(t, a.Facts)
			kept, err := s.Facts(t.Context(), acc.ID)
			require.NoError(t, err)
			require.Equal(t, []account.Fact{known}, kept)
			require.NoError(t, s.AdoptAnswer(t.Context(), acc.ID, "r2/5", a))
		})
	}
}

// TestMissDoesNotBringBackAnAnswerThatIsTooOld: an older answer about the subject
// was not asked for.
func TestMissDoesNotBringBackAnAnswerThatIsTooOld(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	twin, err := s.UpsertAccount(t.Context(), account.Key{CRM: "hubspot", Portal: "8100", ID: "513"}, "acme.example", "")
	require.NoError(t, err)
	old := found(fact(account.City, account.TextValue("Graz")))
	old.At = now.AddDate(-1, 0, 0)
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r1")), old))

	r, err := reserveAgain(t, s, twin)
	require.NoError(t, err)
	require.NoError(t, s.SaveAnswer(t.Context(), r, store.SaveAnswerInput{Outcome: outbound.NotFound, At: now}))
	miss, err := s.FreshAnswer(t.Context(), "apollo", twin.Domain, time.Hour)
	require.NoError(t, err)
	require.NoError(t, s.AdoptAnswer(t.Context(), twin.ID, "r2/5", miss))
	kept, err := s.Facts(t.Context(), twin.ID)
	require.NoError(t, err)
	require.Empty(t, kept)
}

func TestSaveAnswerThatIsPendingOnlySettles(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	r := reserve(t, s, ask(acc, "r", store.Limit{Scope: "day:x", Credits: 10}))
	require.NoError(t, s.SaveAnswer(t.Context(), r, store.SaveAnswerInput{Outcome: outbound.Pending}))
	_, err := s.FreshAnswer(t.Context(), "apollo", acc.Domain, time.Hour)
	require.ErrorIs(t, err, account.ErrNotFound)
	require.Zero(t, spent(t, s, "day:x"))
	require.Equal(t, []outbound.Outcome{outbound.Pending}, outcomes(t, s, acc, "r"))
	reserve(t, s, ask(acc, "r2")) // nothing to wait for
}

// TestSaveAnswerTakesWhatComesFromOutside: it has been paid for, so nothing in it
// may keep it off the record.
func TestSaveAnswerTakesWhatComesFromOutside(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	in := found(
		fact(account.City, account.TextValue("Gr\x00\x00az \\u0000 \\\x00 \xff")),
		fact(account.Industry, account.TextValue("saas")),
		fact(account.Industry, account.TextValue("twice")),
	)
	in.Facts[2].Confidence = 0.2
	in.Body, in.RecordID = []byte("<html>\x00\xff"), "a\x00\xff"
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r")), in))
	kept, err := s.Facts(t.Context(), acc.ID)
	require.NoError(t, err)
	require.Len(t, kept, 2)
	require.Equal(t, "Graz \\u0000 \\ \uFFFD", kept[0].Value.Text())
	require.Equal(t, "saas", kept[1].Value.Text(), "the surer of two")
}

func TestFreshAnswerIsTheNewestThatIsNotTooOld(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	old, newer := found(), found()
	old.At, newer.At = now.Add(-3*time.Hour), now.Add(-2*time.Hour)
	newer.RecordID = "a2"
	for _, in := range []store.SaveAnswerInput{newer, old} {
		r, err := reserveAgain(t, s, acc)
		require.NoError(t, err)
		require.NoError(t, s.SaveAnswer(t.Context(), r, in))
	}
	a, err := s.FreshAnswer(t.Context(), "apollo", acc.Domain, 4*time.Hour)
	require.NoError(t, err)
	require.Equal(t, "a2", a.RecordID)
	for _, tt := range []struct{ provider, subject string }{{"apollo", acc.Domain}, {"pdl", acc.Domain}, {"apollo", "globex.example"}} {
		_, err = s.FreshAnswer(t.Context(), tt.provider, tt.subject, time.Hour)
		require.ErrorIs(t, err, account.ErrNotFound)
	}
}

// reserveAgain waits out the moment in which an answer that was just kept is not
// bought again.
func reserveAgain(t testing.TB, s *store.Store, acc account.Account) (r store.Reservation, err error) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, err = s.Reserve(t.Context(), ask(acc, "r"))
		return err == nil
	}, 10*time.Second, 50*time.Millisecond)
	return r, err
}

func TestAdoptAnswerSharesWhatWasBought(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	acc := acme(t, s)
	twin, err := s.UpsertAccount(t.Context(), account.Key{CRM: "hubspot", Portal: "8100", ID: "513"}, "acme.example", "")
	require.NoError(t, err)
	city := fact(account.City, account.TextValue("Graz"))
	require.NoError(t, s.SaveAnswer(t.Context(), reserve(t, s, ask(acc, "r1")), found(city)))

	_, err = s.Reserve(t.Context(), ask(twin, "r2"))
	require.ErrorIs(t, err, store.ErrInFlight, "just bought: look again")
	a, err := s.FreshAnswer(t.Context(), "apollo", twin.Domain, time.Hour)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, s.AdoptAnswer(t.Context(), twin.ID, "r2/5", a))
	}
	kept, err := s.Facts(t.Context(), twin.ID)
	require.NoError(t, err)
	require.Equal(t, []account.Fact{city}, kept)
	calls, err := s.Calls(t.Context(), twin.ID, "r2")
	require.NoError(t, err)
	require.Len(t, calls, 1)
	require.Equal(t, outbound.Cached, calls[0].Outcome)
	require.Equal(t, []account.Field{account.City}, calls[0].Fields)
	require.Zero(t, calls[0].Credits)
	require.ErrorIs(t, s.AdoptAnswer(t.Context(), 99, "r3/5", a), account.ErrNotFound)
}
