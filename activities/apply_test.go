package activities_test

import (
	"html"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
)

// perfect is a company with 65 points, and the 15 of a trigger when it has one.
func perfect(triggered bool) account.Facts {
	facts := account.Facts{}
	for field, value := range map[account.Field]account.Value{
		account.Industry: account.TextValue("saas"), account.Employees: account.NumberValue(120), account.Country: account.TextValue("US"),
		account.Technologies: account.ListValue("hubspot"), account.RevenueUSD: account.NumberValue(5_000_000),
	} {
		facts[field] = account.Fact{Field: field, Value: value, Provider: "apollo", Confidence: 0.9, ObservedAt: time.Now()}
	}
	if triggered {
		facts[account.LastFundingAt] = account.Fact{
			Field: account.LastFundingAt, Value: account.DateValue(time.Now().AddDate(0, 0, -30)), Provider: "apollo", Confidence: 0.9, ObservedAt: time.Now(),
		}
	}
	return facts
}

func without(facts account.Facts, field account.Field) account.Facts {
	delete(facts, field)
	return facts
}

// decide keeps a score of these facts, as Score would, with what a test changes.
func (b *bundle) decide(t *testing.T, who activities.IdentifyResult, facts account.Facts, change func(*store.ScoreRow)) store.ScoreRow {
	t.Helper()
	now := time.Now()
	rows, err := b.store.Scores(t.Context(), who.AccountID)
	require.NoError(t, err)
	row := store.ScoreRow{
		AccountID: who.AccountID, RunID: runID, Pass: len(rows) + 1, Model: b.model.Name, ModelVersion: b.model.Version,
		Score: icp.Rate(b.model, facts, facts.Signals(), now), Cause: "data", OwnerID: "201", RouteReason: "next in turn", ScoredAt: now,
	}
	row.Queue = b.model.TierFor(row.Score.Value).Queue
	if len(rows) > 0 {
		row.Before = rows[len(rows)-1].ID
	}
	if change != nil {
		change(&row)
	}
	row, err = b.store.SaveScore(t.Context(), row)
	require.NoError(t, err)
	return row
}

func decision(who activities.IdentifyResult) activities.ApplyInput {
	return activities.ApplyInput{AccountID: who.AccountID, Key: who.Key}
}

// shown returns what the CRM has of the company.
func (b *bundle) shown(t *testing.T, who activities.IdentifyResult) hubspot.Company {
	t.Helper()
	c, ok := b.world.CRM.Company(who.Key.ID)
	require.True(t, ok)
	return c
}

func kinds(got activities.ApplyResult) []crm.EffectKind {
	out := make([]crm.EffectKind, len(got.Effects))
	for i, e := range got.Effects {
		out[i] = e.Kind
	}
	return out
}

func TestApply(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	row := b.decide(t, who, perfect(true), nil)
	got, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, []crm.EffectKind{crm.PropertiesEffect, crm.NoteEffect, crm.TaskEffect}, kinds(got))

	company := b.shown(t, who)
	require.Equal(t, "201", company.OwnerID)
	for name, want := range map[string]string{
		crm.ScoreProperty: "80", crm.TierProperty: "Tier 1", crm.QueueProperty: "sdr-outreach", crm.ModelProperty: "revops@2",
		crm.ReasonProperty: icp.Reason(b.model, row.Score),
	} {
		require.Equal(t, want, company.Properties[name], name)
	}
	all := b.world.CRM.Snapshot()
	require.Len(t, all.Notes, 1)
	require.Equal(t, got.Effects[1].CRMID, all.Notes[0].ID)
	require.Equal(t, "sluice:"+who.Key.String()+"/note/fit", all.Notes[0].Key)
	require.Len(t, all.Tasks, 1)
	task := all.Tasks[0]
	require.Equal(t, got.TaskID, task.ID)
	require.Equal(t, "sluice:"+who.Key.String()+"/task/tier-1", task.Key)
	require.Equal(t, "Reach out to The acme.example", task.Subject)
	require.Equal(t, "201", task.OwnerID)
	require.WithinDuration(t, row.ScoredAt.Add(24*time.Hour), task.Due, time.Second)

	before := len(b.world.CRM.Ledger().Writes)
	again, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, got, again)
	require.Len(t, b.world.CRM.Ledger().Writes, before, "nothing is written twice")
	effects, err := b.store.Effects(t.Context(), who.AccountID)
	require.NoError(t, err)
	require.Len(t, effects, 3)
	for _, e := range effects {
		require.Equal(t, "done", e.State, e.Key)
	}
}

func TestApplyTask(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		give         account.Facts
		wantTier     string
		wantPriority string // "" for no task
	}{
		{name: "fit and a trigger", give: perfect(true), wantTier: "Tier 1", wantPriority: "HIGH"},
		{name: "a trigger without the fit", give: without(perfect(true), account.RevenueUSD), wantTier: "Tier 1", wantPriority: "MEDIUM"},
		{name: "fit without a trigger", give: perfect(false), wantTier: "Tier 2"},
		{name: "provisional, and the least that it may be is not enough", give: without(perfect(true), account.Employees), wantTier: "Tier 2"},
	}
	b := setup(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			who := b.known(t, "acme.example")
			b.world.CRM.ResetLedger()
			row := b.decide(t, who, tt.give, nil)
			require.Equal(t, tt.wantTier, row.Score.Tier)
			got, err := b.apply(decision(who))
			require.NoError(t, err)
			var priority string
			for _, w := range b.world.CRM.Ledger().Writes {
				priority += w.Properties["hs_task_priority"]
			}
			require.Equal(t, tt.wantPriority, priority)
			require.Equal(t, tt.wantPriority != "", got.TaskID != "")
		})
	}
}

// A tier that what is not known may still cost has not earned its task.
func TestApplyTaskOfAProvisionalTier(t *testing.T) {
	t.Parallel()
	b := setup(t)
	source := strings.NewReplacer(
		"version: 2", "version: 3", "procurement_complex, equals: true, points: -20", "procurement_complex, equals: true, points: -20, unknown: widen",
	).Replace(b.model.Source)
	m, err := icp.Parse("revops.yaml", []byte(source))
	require.NoError(t, err)
	b.release(t, m)
	who := b.known(t, "acme.example")
	row := b.decide(t, who, perfect(true), nil)
	require.Equal(t, "80 in 60..80, Tier 1 (provisional)", row.Score.String())
	got, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Empty(t, got.TaskID)

	facts := perfect(true)
	facts["procurement_complex"] = account.Fact{Field: "procurement_complex", Value: account.BoolValue(false), Provider: "crm", Confidence: 1, ObservedAt: time.Now()}
	b.decide(t, who, facts, nil)
	got, err = b.apply(decision(who))
	require.NoError(t, err)
	require.NotEmpty(t, got.TaskID)
}

func TestApplyAnotherScore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	first, err := b.apply(decision(who))
	require.NoError(t, err)
	b.world.CRM.ResetLedger()

	b.decide(t, who, without(perfect(true), account.RevenueUSD), nil)
	got, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, first, got, "the same records")
	require.Equal(t, map[string]int{"PATCH companies": 1, "PATCH notes": 1}, b.world.CRM.Ledger().Counts())
	require.Equal(t, "70", b.shown(t, who).Properties[crm.ScoreProperty])
	require.Contains(t, b.world.CRM.Snapshot().Notes[0].Body, "Tier 1: 70 of 100")
}

func TestApplyKeepsWhatAPersonWrote(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("before us", func(t *testing.T) {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), nil)
		require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, map[string]string{crm.TierProperty: "Tier 3", "hubspot_owner_id": "204"}))
		got, err := b.apply(decision(who))
		require.NoError(t, err)
		require.ElementsMatch(t, []string{crm.TierProperty, crm.OwnerProperty}, got.Effects[0].Kept)
		require.Equal(t, "Tier 3", b.shown(t, who).Properties[crm.TierProperty])
		require.Equal(t, "204", b.shown(t, who).OwnerID)
		require.Equal(t, "80", b.shown(t, who).Properties[crm.ScoreProperty], "the rest is ours")
	})
	t.Run("over what we wrote", func(t *testing.T) {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), nil)
		_, err := b.apply(decision(who))
		require.NoError(t, err)
		require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, map[string]string{crm.TierProperty: "Tier 3"}))
		b.decide(t, who, perfect(false), nil)
		got, err := b.apply(decision(who))
		require.NoError(t, err)
		require.Equal(t, []string{crm.TierProperty}, got.Effects[0].Kept)
		require.Equal(t, "Tier 3", b.shown(t, who).Properties[crm.TierProperty])
		require.Equal(t, "marketing-nurture", b.shown(t, who).Properties[crm.QueueProperty])
	})
	t.Run("and we happened to agree with", func(t *testing.T) {
		who := b.known(t, "acme.example")
		require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, map[string]string{crm.TierProperty: "Tier 1", "hubspot_owner_id": "204"}))
		b.decide(t, who, perfect(true), func(row *store.ScoreRow) { row.OwnerID = "204" }) // the queue keeps owners
		_, err := b.apply(decision(who))
		require.NoError(t, err)
		b.decide(t, who, perfect(false), func(row *store.ScoreRow) { row.OwnerID = "202" }) // and the next one does not
		got, err := b.apply(decision(who))
		require.NoError(t, err)
		require.ElementsMatch(t, []string{crm.TierProperty, crm.OwnerProperty}, got.Effects[0].Kept)
		require.Equal(t, "204", b.shown(t, who).OwnerID)
	})
	t.Run("a note that a person deleted", func(t *testing.T) {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), nil)
		first, err := b.apply(decision(who))
		require.NoError(t, err)
		const gone = "99999999"
		require.NoError(t, b.store.FinishEffect(t.Context(), store.Done{Key: first.Effects[1].Key, CRMID: gone}))
		b.decide(t, who, perfect(false), nil)
		got, err := b.apply(decision(who))
		require.NoError(t, err)
		require.Equal(t, first.Effects[1], got.Effects[1], "one that carries the key is there")
		require.Empty(t, b.world.CRM.Ledger().Duplicates())
	})
}

// loser loses the answer to the first request that creates a record of the type.
type loser struct {
	b      *bundle
	t      *testing.T
	object string
	lost   atomic.Bool
}

func (l *loser) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/"+l.object) && l.lost.CompareAndSwap(false, true) {
		l.b.set(l.t, "hubspot", fault.Fault{LostAnswerRate: 1})
		defer l.b.set(l.t, "hubspot", fault.Fault{})
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestApplyFindsWhatALostAnswerCreated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, object := range []string{"notes", "tasks"} {
		t.Run(object, func(t *testing.T) {
			b.CRM = b.client(t, outbound.WithTransport(&loser{b: b, t: t, object: object}))
			b.env = b.environment()
			who := b.known(t, "acme.example")
			b.decide(t, who, perfect(true), nil)
			b.env = b.environment()
			_, err := b.apply(decision(who))
			retried(t, err, "provider_error")
			b.env = b.environment() // the same activity, once more
			got, err := b.apply(decision(who))
			require.NoError(t, err)
			require.Equal(t, []crm.EffectKind{crm.PropertiesEffect, crm.NoteEffect, crm.TaskEffect}, kinds(got))
			ledger := b.world.CRM.Ledger()
			require.Equal(t, 1, ledger.Lost())
			require.Empty(t, ledger.Duplicates())
			require.Equal(t, 1, ledger.Created("notes"))
			require.Equal(t, 1, ledger.Created("tasks"))
		})
	}
	t.Run("properties", func(t *testing.T) {
		b.CRM = b.client(t)
		b.env = b.environment()
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), nil)
		b.set(t, "hubspot", fault.Fault{LostAnswerRate: 1})
		b.env = b.environment()
		_, err := b.apply(decision(who))
		retried(t, err, "provider_error")
		b.set(t, "hubspot", fault.Fault{})
		b.env = b.environment() // the same activity, once more
		_, err = b.apply(decision(who))
		require.NoError(t, err)
		b.decide(t, who, perfect(false), func(row *store.ScoreRow) { row.OwnerID = "202" })
		got, err := b.apply(decision(who))
		require.NoError(t, err)
		require.Empty(t, got.Effects[0].Kept, "what the lost attempt wrote is ours")
		require.Equal(t, "202", b.shown(t, who).OwnerID)
	})
}

func TestApplyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("a value that the CRM has no option for", func(t *testing.T) {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), func(row *store.ScoreRow) { row.Queue = "nowhere" })
		_, err := b.apply(decision(who))
		final(t, err, "bad_request")
		effect, err := b.store.Effect(t.Context(), crm.EffectKey(who.Key, crm.PropertiesEffect, ""))
		require.NoError(t, err)
		require.Equal(t, "failed", effect.State)
		require.Contains(t, effect.Reason, crm.QueueProperty)
		require.Empty(t, b.world.CRM.Snapshot().Notes)
	})
	t.Run("the record was deleted", func(t *testing.T) {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), nil)
		require.True(t, b.world.CRM.RemoveCompany(who.Key.ID))
		_, err := b.apply(decision(who))
		final(t, err, activities.RecordGone)
	})
	t.Run("the key", func(t *testing.T) {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), nil)
		b.set(t, "hubspot", fault.Fault{BadKey: true})
		_, err := b.apply(decision(who))
		final(t, err, "auth_failed")
		b.set(t, "hubspot", fault.Fault{})
		_, err = b.apply(decision(who))
		require.NoError(t, err)
	})
}

func TestApplyExplains(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	const reason = "Tier 1; territory city <R&D>"
	row := b.decide(t, who, perfect(true), func(row *store.ScoreRow) { row.RouteReason = reason })
	_, err := b.apply(decision(who))
	require.NoError(t, err)
	all := b.world.CRM.Snapshot()
	for _, body := range []string{all.Notes[0].Body, all.Tasks[0].Body} {
		require.Contains(t, body, html.EscapeString(reason), "escaped once, by the adapter")
		text := html.UnescapeString(body)
		require.Contains(t, text, "Tier 1: 80 of 100 (revops@2)")
		for _, c := range row.Score.Criteria {
			require.Equal(t, 1, strings.Count(text, c.Reason), c.Reason)
		}
	}
}
