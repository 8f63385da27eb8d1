package activities_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
)

// fourPolicies has one property under each policy.
var fourPolicies = crm.Policies{
	crm.TierProperty: {Kind: crm.Approve}, crm.ScoreProperty: {Kind: crm.Fill},
	crm.ReasonProperty: {Kind: crm.Refresh, Age: time.Hour}, crm.QueueProperty: {Kind: crm.KeepPerson},
}

// waits returns the values of an account that wait for a person.
func (b *bundle) waits(t *testing.T, who activities.IdentifyResult) []store.Staged {
	t.Helper()
	all, err := b.store.StagedValues(t.Context(), who.AccountID)
	require.NoError(t, err)
	return all
}

func (b *bundle) approve(t *testing.T, who activities.IdentifyResult) activities.ApplyResult {
	t.Helper()
	for _, v := range b.waits(t, who) {
		_, err := b.store.AnswerStaged(t.Context(), []int64{v.ID}, true, "dana")
		require.NoError(t, err)
	}
	in := decision(who)
	in.Approved = true
	got, err := b.apply(in)
	require.NoError(t, err)
	return got
}

// states returns what became of the last write of each property.
func (b *bundle) states(t *testing.T, who activities.IdentifyResult) map[string]store.WriteState {
	t.Helper()
	all, err := b.store.Journal(t.Context(), who.AccountID, "", time.Time{})
	require.NoError(t, err)
	last := map[string]store.WriteState{}
	for _, e := range all {
		if e.Object == store.CompanyRecord {
			last[e.Property] = e.State
		}
	}
	return last
}

func TestApplyWritesAsThePolicySays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Policies = fourPolicies
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	got, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, []string{crm.TierProperty}, got.Effects[0].Staged)
	first := b.shown(t, who).Properties
	require.Empty(t, first[crm.TierProperty], "nobody has approved it")
	require.Equal(t, "80", first[crm.ScoreProperty])
	require.Equal(t, "sdr-outreach", first[crm.QueueProperty])
	require.Equal(t, "Tier 1", b.waits(t, who)[0].Value)

	b.decide(t, who, perfect(false), nil)
	got, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, []string{crm.ScoreProperty, crm.ReasonProperty}, got.Effects[0].Held)
	require.Equal(t, []string{crm.TierProperty}, got.Effects[0].Staged)
	second := b.shown(t, who).Properties
	require.Equal(t, "80", second[crm.ScoreProperty], "it is filled")
	require.Equal(t, first[crm.ReasonProperty], second[crm.ReasonProperty], "it is young")
	require.Equal(t, "marketing-nurture", second[crm.QueueProperty])
	require.Len(t, b.waits(t, who), 1)
	require.Equal(t, "Tier 2", b.waits(t, who)[0].Value, "the newer decision")
	require.Equal(t, map[string]store.WriteState{
		crm.ScoreProperty: store.WriteHeld, crm.ReasonProperty: store.WriteHeld, crm.TierProperty: store.WriteStaged,
		crm.QueueProperty: store.Written, crm.ModelProperty: store.Written, crm.CompletenessProperty: store.Written, crm.ScoredAtProperty: store.Written, crm.OwnerProperty: store.Written,
	}, b.states(t, who))

	before := len(b.world.CRM.Ledger().Writes)
	require.Equal(t, []crm.EffectKind{crm.PropertiesEffect}, kinds(b.approve(t, who)), "and nothing else")
	writes := b.world.CRM.Ledger().Writes[before:]
	require.Len(t, writes, 1)
	require.Equal(t, map[string]string{crm.TierProperty: "Tier 2"}, writes[0].Properties)
	require.Empty(t, b.waits(t, who))
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Empty(t, b.waits(t, who), "it is there")

	b.Policies = crm.Policies{crm.ReasonProperty: {Kind: crm.Refresh, Age: time.Nanosecond}}
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.NotEqual(t, first[crm.ReasonProperty], b.shown(t, who).Properties[crm.ReasonProperty], "it is old now")
	require.Equal(t, "65", b.shown(t, who).Properties[crm.ScoreProperty], "the policy is the default again")
}

func TestAValueThatWasRejectedIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Policies = fourPolicies
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	for range 2 {
		_, err := b.apply(decision(who))
		require.NoError(t, err)
		require.Len(t, b.waits(t, who), 1)
	}
	_, err := b.store.AnswerStaged(t.Context(), []int64{b.waits(t, who)[0].ID}, false, "dana")
	require.NoError(t, err)
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Empty(t, b.waits(t, who))
	require.Empty(t, b.shown(t, who).Properties[crm.TierProperty])
	b.decide(t, who, perfect(false), nil)
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, "Tier 2", b.waits(t, who)[0].Value, "another value is")
}

// A person's value is never overwritten, whatever the policy and whoever approved.
func TestNoPolicyOverwritesAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Policies = fourPolicies
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	_, err := b.apply(decision(who))
	require.NoError(t, err)
	b.approve(t, who)
	typed := map[string]string{crm.TierProperty: "Tier 3", crm.ScoreProperty: "7", crm.ReasonProperty: "because", crm.QueueProperty: "low-touch", "hubspot_owner_id": ""}
	require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, typed))
	b.Policies = crm.Policies{
		crm.TierProperty: {Kind: crm.Approve}, crm.ScoreProperty: {Kind: crm.Fill}, crm.ReasonProperty: {Kind: crm.Refresh, Age: time.Nanosecond},
	}
	b.decide(t, who, perfect(false), nil)
	got, err := b.apply(decision(who))
	require.NoError(t, err)
	want := []string{crm.ReasonProperty, crm.ScoreProperty, crm.TierProperty, crm.OwnerProperty, crm.QueueProperty}
	require.ElementsMatch(t, want, got.Effects[0].Kept)
	require.Empty(t, b.waits(t, who))
	for _, name := range want[:3] {
		require.Equal(t, typed[name], b.shown(t, who).Properties[name])
		require.Equal(t, store.WriteKept, b.states(t, who)[name])
	}
	require.Empty(t, b.shown(t, who).OwnerID, "an owner who was taken off stays off")
}

func TestAValueThatAPersonEmptiedStaysEmptyUntilTheySayOtherwise(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	_, err := b.apply(decision(who))
	require.NoError(t, err)
	require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, map[string]string{crm.TierProperty: ""}))
	for range 2 {
		b.decide(t, who, perfect(false), nil)
		got, err := b.apply(decision(who))
		require.NoError(t, err)
		require.Equal(t, []string{crm.TierProperty}, got.Effects[0].Kept)
		require.Empty(t, b.shown(t, who).Properties[crm.TierProperty])
	}
	require.NoError(t, b.store.OwnValues(t.Context(), crm.EffectKey(who.Key, crm.PropertiesEffect, ""), map[string]string{crm.TierProperty: ""}))
	_, err = b.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, "Tier 2", b.shown(t, who).Properties[crm.TierProperty])
}

func TestAPlanAndARescoreTellWhatAPolicyKeepsBack(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "bolt.example", "dust.example")
	r.Policies = crm.Policies{crm.TierProperty: {Kind: crm.Approve}, crm.ScoreProperty: {Kind: crm.Fill}}
	r.plan(t)
	page := r.page(t)
	require.Equal(t, []string{crm.TierProperty}, page[0].Waits, "65 → 75")
	require.Equal(t, []string{crm.ScoreProperty}, page[0].Holds)
	require.Empty(t, page[1].Waits, "it stays what it is")
	require.Empty(t, page[1].Holds)
	d, err := r.store.Difference(t.Context(), r.release, 10)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{d.TierChanged, d.Staged, d.Held})
	var summed store.Difference
	for _, p := range page {
		summed.Add(p.Before, p.Planned, 10)
	}
	require.Equal(t, []int{d.Staged, d.Held}, []int{summed.Staged, summed.Held})

	r.rescore(t, r.models(), 1, false)
	shown := r.shown(t, r.who[0]).Properties
	require.Equal(t, []string{"Tier 2", "65", "revops@3"}, []string{shown[crm.TierProperty], shown[crm.ScoreProperty], shown[crm.ModelProperty]})
	waits := r.waits(t, r.who[0])
	require.Len(t, waits, 1)
	require.Equal(t, []string{"Tier 2", "Tier 1"}, []string{waits[0].Before, waits[0].Value})
	require.Empty(t, r.waits(t, r.who[1]))
	r.approve(t, r.who[0])
	require.Equal(t, "Tier 1", r.shown(t, r.who[0]).Properties[crm.TierProperty])
}

func TestContactsAreWrittenAsThePolicySays(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "Engineer")
	c.Policies = crm.Policies{crm.ContactLevelProperty: {Kind: crm.Fill}, crm.ContactScoreProperty: {Kind: crm.Refresh, Age: time.Hour}}
	require.Equal(t, 1, c.scored(t).Written)
	first := c.people()[0]
	require.NoError(t, c.world.CRM.SetContactProperties(first.ID, map[string]string{"jobtitle": "CTO", crm.ContactModelProperty: ""}))
	got := c.scored(t)
	require.Equal(t, []int{1, 1}, []int{got.Written, got.Kept})
	second := c.people()[0].Properties
	for _, name := range []string{crm.ContactLevelProperty, crm.ContactScoreProperty} {
		require.Equal(t, first.Properties[name], second[name], name)
	}
	require.NotEqual(t, first.Properties[crm.ContactReasonProperty], second[crm.ContactReasonProperty])
	require.Empty(t, second[crm.ContactModelProperty], "emptied by a person")
	all, err := c.store.Journal(t.Context(), c.who.AccountID, "", time.Time{})
	require.NoError(t, err)
	last := all[len(all)-1]
	require.Equal(t, []string{store.ContactRecord, first.ID, crm.ContactReasonProperty, first.Properties[crm.ContactReasonProperty], second[crm.ContactReasonProperty], "written"},
		[]string{last.Object, last.RecordID, last.Property, last.Before, last.After, string(last.State)})
}

// undo takes back what the release wrote to an account.
func (r *releasing) undo(t *testing.T, who activities.IdentifyResult, dry bool) map[string]string {
	t.Helper()
	got, err := run[[]activities.Undone](r.env, r.UndoAccount, activities.UndoInput{RunID: store.ReleaseRun(r.release), AccountID: who.AccountID, DryRun: dry})
	require.NoError(t, err)
	out := map[string]string{}
	for _, u := range got {
		out[strings.TrimSpace(u.Object+" "+u.Property)] = strings.TrimSpace(u.Outcome + " " + u.Why)
	}
	return out
}

func TestUndoTakesBackWhatNobodyHasTouched(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "bolt.example")
	who := r.who[0]
	before := r.shown(t, who)
	r.plan(t)
	r.rescore(t, r.models(), 1, false)
	after := r.shown(t, who)
	require.Equal(t, []string{"75", "Tier 1"}, []string{after.Properties[crm.ScoreProperty], after.Properties[crm.TierProperty]})
	require.Len(t, r.world.CRM.Snapshot().Tasks, 1)
	require.NoError(t, r.world.CRM.SetProperties(who.Key.ID, map[string]string{crm.QueueProperty: "low-touch"}))

	writes := len(r.world.CRM.Ledger().Writes)
	dry := r.undo(t, who, true)
	require.Len(t, r.world.CRM.Ledger().Writes, writes)
	require.Equal(t, "left somebody has changed it since", dry["company "+crm.QueueProperty])
	require.Equal(t, "left the run replaced the text of a note that was there before", dry["note"])
	require.Equal(t, activities.Archived, dry["task"])

	// Answers get lost, and the activity is tried again.
	r.set(t, "hubspot", fault.Fault{LostAnswerRate: 1})
	in := activities.UndoInput{RunID: store.ReleaseRun(r.release), AccountID: who.AccountID}
	for range 3 {
		r.env = r.environment()
		_, err := run[[]activities.Undone](r.env, r.UndoAccount, in)
		if err == nil {
			break
		}
		retried(t, err, string(outbound.ProviderError))
	}
	r.set(t, "hubspot", fault.Fault{})
	r.env = r.environment()
	require.Equal(t, dry, r.undo(t, who, false), "as it was said")
	now := r.shown(t, who)
	for _, name := range []string{crm.ScoreProperty, crm.TierProperty, crm.ModelProperty, crm.ReasonProperty, crm.ScoredAtProperty} {
		require.Equal(t, before.Properties[name], now.Properties[name], name)
	}
	require.Equal(t, before.OwnerID, now.OwnerID)
	require.Equal(t, "low-touch", now.Properties[crm.QueueProperty])
	require.Empty(t, r.world.CRM.Snapshot().Tasks)
	counts := r.world.CRM.Ledger().Counts()
	require.Equal(t, 1, counts["DELETE tasks"])
	writes = len(r.world.CRM.Ledger().Writes)
	require.Equal(t, dry, r.undo(t, who, false))
	require.Len(t, r.world.CRM.Ledger().Writes, writes, "again it does nothing")

	all, err := r.store.Journal(t.Context(), who.AccountID, runID, time.Time{})
	require.NoError(t, err)
	undone := 0
	for _, e := range all {
		if e.Undoes != 0 && e.State == store.Written {
			undone++
		}
	}
	restored := 0
	for _, outcome := range dry {
		if outcome == activities.Restored || outcome == activities.Archived {
			restored++
		}
	}
	require.Equal(t, restored, undone, "each once")

	_, err = r.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, "75", r.shown(t, who).Properties[crm.ScoreProperty], "the next decision writes again")
	require.Len(t, r.world.CRM.Snapshot().Tasks, 1)
	require.Equal(t, "low-touch", r.shown(t, who).Properties[crm.QueueProperty])
}

// What a run wrote first is as if it had never been.
func TestUndoOfAFirstWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, "dust.example")
	who := r.enriched(t, "bolt.example")
	_, err := r.score(pass(who, 1)) // and its effects are left to the release
	require.NoError(t, err)
	edited := r.enriched(t, "bolt.example")
	_, err = r.score(pass(edited, 1))
	require.NoError(t, err)
	r.plan(t)
	r.rescore(t, r.models(), 1, false)
	for _, n := range r.world.CRM.Snapshot().Notes {
		if n.CompanyID == edited.Key.ID {
			require.NoError(t, r.world.CRM.EditNote(n.ID, "I know them"))
		}
	}
	for object, outcome := range r.undo(t, who, false) {
		require.Contains(t, []string{activities.Restored, activities.Archived}, outcome, object)
	}
	for _, name := range []string{crm.ScoreProperty, crm.TierProperty, crm.QueueProperty, crm.ReasonProperty, crm.ScoredAtProperty} {
		require.Empty(t, r.shown(t, who).Properties[name], name)
	}
	require.Empty(t, r.shown(t, who).OwnerID)
	require.Equal(t, 1, r.world.CRM.Ledger().Counts()["DELETE notes"])
	effects, err := r.store.Effects(t.Context(), who.AccountID)
	require.NoError(t, err)
	require.Len(t, effects, 1, "that of the properties")
	require.Equal(t, "left somebody has changed it since", r.undo(t, edited, false)["note"])
	_, err = r.apply(decision(who))
	require.NoError(t, err)
	require.Equal(t, "75", r.shown(t, who).Properties[crm.ScoreProperty])
	require.Empty(t, r.world.CRM.Ledger().Duplicates()[crm.EffectKey(edited.Key, crm.NoteEffect, "fit")])
}

func TestUndoOfARunThatWroteNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := run[[]int64](b.env, b.UndoAccounts, "no-such-run")
	final(t, err, activities.Invalid)
	require.ErrorContains(t, err, "wrote nothing")
	_, err = run[[]int64](b.env, b.UndoAccounts, "release/3")
	require.ErrorContains(t, err, "starter icp rollback")
}
