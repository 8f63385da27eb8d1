package activities_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
)

// calendar is a CRM whose companies were created when a test says.
type calendar struct {
	crm.CRM
	created []crm.Created // oldest first
}

func (c calendar) CompaniesSince(_ context.Context, from, to time.Time, visit func(crm.Created) bool) error {
	for _, one := range c.created {
		if !one.At.Before(from) && one.At.Before(to) && !visit(one) {
			break
		}
	}
	return nil
}

func TestNewCompaniesArePagedAndHeldAgainstTheRunsOnRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	var keys []account.Key
	var all []crm.Created
	for i, minute := range []int{0, 1, 1, 1, 2, 3} { // three at one moment
		key := account.Key{CRM: "hubspot", Portal: b.world.CRM.Portal(), ID: string(rune('1' + i))}
		keys = append(keys, key)
		all = append(all, crm.Created{Key: key, At: began.Add(time.Duration(minute) * time.Minute)})
	}
	b.CRM = calendar{CRM: b.CRM, created: all}
	known, err := b.store.UpsertAccount(t.Context(), keys[0], "acme.example", "Acme")
	require.NoError(t, err)
	for _, r := range []store.Run{
		{WorkflowID: "company/domain/acme.example", RunID: "1", AccountID: known.ID, Status: "completed"}, // before it had a record
		{WorkflowID: activities.CompanyRunID(keys[1]), RunID: "2", Status: "refused"},
		{WorkflowID: activities.CompanyRunID(keys[4]), RunID: "3", Status: "failed"},
	} {
		require.NoError(t, b.store.SaveRun(t.Context(), r))
	}

	var pages []activities.NewCompaniesResult
	for in := (activities.NewCompaniesInput{From: began, To: began.Add(time.Hour), Limit: 2}); ; in.From = pages[len(pages)-1].Next {
		got, err := run[activities.NewCompaniesResult](b.env, b.NewCompanies, in)
		require.NoError(t, err)
		if pages = append(pages, got); got.Done {
			break
		}
	}
	require.Equal(t, []activities.NewCompaniesResult{
		{Seen: 4, Missing: keys[2:4], Next: all[4].At}, // a page does not end within a moment
		{Seen: 2, Failed: 1, Missing: keys[5:], Next: began.Add(time.Hour), Done: true},
	}, pages)

	none, err := run[activities.NewCompaniesResult](b.env, b.NewCompanies, activities.NewCompaniesInput{From: began.Add(time.Hour), To: began.Add(2 * time.Hour), Limit: 2})
	require.NoError(t, err)
	require.Equal(t, activities.NewCompaniesResult{Next: began.Add(2 * time.Hour), Done: true}, none)
}

func TestComparingWaitsForTheCRM(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	calls := map[string]func() error{
		"companies": func() error {
			_, err := b.env.ExecuteActivity(b.NewCompanies, activities.NewCompaniesInput{From: time.Now().Add(-time.Hour), To: time.Now(), Limit: 10})
			return err
		},
		"effects": func() error {
			_, err := b.env.ExecuteActivity(b.CompareEffects, soon(false))
			return err
		},
	}
	for name, call := range calls {
		b.set(t, "hubspot", fault.Fault{BadKey: true})
		final(t, call(), string(outbound.AuthFailed))
		b.set(t, "hubspot", fault.Fault{Outage: true})
		retried(t, call(), string(outbound.ProviderError))
		b.set(t, "hubspot", fault.Fault{})
		require.NoError(t, call(), name)
	}
	b.CRM = nil
	for name, call := range calls {
		require.ErrorContains(t, call(), "this worker has no CRM", name)
	}
}

// soon compares everything, also what was done just now.
func soon(dry bool) activities.CompareInput {
	return activities.CompareInput{Since: time.Now().Add(-24 * time.Hour), Before: time.Now().Add(time.Minute), Limit: 50, DryRun: dry}
}

// forgetful is a CRM that does not know who wrote what.
type forgetful struct{ crm.CRM }

func (forgetful) Versions(context.Context, []account.Key, []string) (map[account.Key]map[string][]crm.Version, error) {
	return nil, nil
}

// applied is an account whose decision is in the CRM: properties, note and task.
func (b *bundle) applied(t *testing.T) activities.IdentifyResult {
	t.Helper()
	b.world.CRM.AddOwner("201", "ann@ours.example", "Ann", "")
	b.world.CRM.AddOwner("202", "bob@ours.example", "Bob", "")
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	_, err := b.apply(decision(who))
	require.NoError(t, err)
	return who
}

func (b *bundle) compare(t *testing.T, in activities.CompareInput) activities.CompareResult {
	t.Helper()
	got, err := run[activities.CompareResult](b.env, b.CompareEffects, in)
	require.NoError(t, err)
	require.False(t, got.Done)
	in.After = got.After
	rest, err := run[activities.CompareResult](b.env, b.CompareEffects, in)
	require.NoError(t, err)
	require.Equal(t, activities.CompareResult{Done: true}, rest)
	return got
}

// TestWhatTheCRMLostIsToldFromWhatOthersChanged holds for each way in which the CRM may
// differ what is found, and whether the account's last decision is brought in again.
func TestWhatTheCRMLostIsToldFromWhatOthersChanged(t *testing.T) {
	t.Parallel()
	const theirs, lost = activities.ValueTheirs, activities.ValueLost
	app := func(name, value string) func(*testing.T, *bundle, activities.IdentifyResult) {
		return func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			require.True(t, b.world.CRM.Overwrite(who.Key.ID, "INTEGRATION", map[string]string{name: value}))
		}
	}
	person := func(name, value string) func(*testing.T, *bundle, activities.IdentifyResult) {
		return func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, map[string]string{name: value}))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*testing.T, *bundle, activities.IdentifyResult)
		kind   activities.FindingKind // "" for nothing
		what   string
		apply  bool
	}{
		{"nothing changed", func(*testing.T, *bundle, activities.IdentifyResult) {}, "", "", false},
		{"an older value of ours that came late", app(crm.ScoreProperty, "3"), lost, "icp_fit_score", true},
		{"a value that one of ours cleared", app(crm.TierProperty, ""), lost, "icp_tier", true},
		{"a value that a person typed", person(crm.TierProperty, "Tier 3"), theirs, "icp_tier", false},
		{"a value that a person cleared", person(crm.TierProperty, ""), theirs, "icp_tier", false},
		{"the same number, written otherwise", person(crm.ScoreProperty, "80.0"), "", "", false},
		{"another owner, by hand", person("hubspot_owner_id", "202"), theirs, "owner", false},
		{"another owner, by an import", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			require.True(t, b.world.CRM.Overwrite(who.Key.ID, "IMPORT", map[string]string{"hubspot_owner_id": "202"}))
		}, theirs, "owner", false},
		{"no history, and no value", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			person(crm.TierProperty, "")(t, b, who)
			b.CRM = forgetful{b.CRM}
		}, lost, "icp_tier", true},
		{"no history, and a value", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			app(crm.TierProperty, "Tier 3")(t, b, who)
			b.CRM = forgetful{b.CRM}
		}, theirs, "icp_tier", false},
		{"a later decision", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			b.decide(t, who, perfect(false), nil)
		}, activities.NotWritten, "the decision of ", true},
		{"a record that is gone", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			require.True(t, b.world.CRM.RemoveCompany(who.Key.ID))
		}, activities.CompanyGone, "deleted", false},
		{"a record that was merged", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			require.NoError(t, b.world.CRM.Merge(b.world.CRM.AddCompany("", "bolt.example", nil), who.Key.ID))
		}, activities.RecordMerged, "merged into hubspot/8100/", false},
		{"a note that is gone", func(t *testing.T, b *bundle, _ activities.IdentifyResult) {
			require.True(t, b.world.CRM.RemoveNote(b.world.CRM.Snapshot().Notes[0].ID))
		}, activities.NoteGone, "note ", false},
		{"a task that is gone", func(t *testing.T, b *bundle, _ activities.IdentifyResult) {
			require.True(t, b.world.CRM.RemoveTask(b.world.CRM.Snapshot().Tasks[0].ID))
		}, activities.TaskGone, "task ", false},
		{"a task that is done", func(t *testing.T, b *bundle, _ activities.IdentifyResult) {
			require.True(t, b.world.CRM.CompleteTask(b.world.CRM.Snapshot().Tasks[0].ID))
		}, "", "", false},
		{"a write that was refused", func(t *testing.T, b *bundle, who activities.IdentifyResult) {
			require.NoError(t, b.store.FailEffect(t.Context(), crm.EffectKey(who.Key, crm.NoteEffect, "fit"), "hubspot: bad_request"))
		}, activities.Refused, "note: hubspot: bad_request", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			who := b.applied(t)
			before := b.shown(t, who)
			tt.change(t, b, who)
			writes := len(b.world.CRM.Ledger().Writes)

			dry, got := b.compare(t, soon(true)), b.compare(t, soon(false))
			require.Equal(t, dry, got, "a dry run changes nothing on record")
			require.Len(t, b.world.CRM.Ledger().Writes, writes, "and comparing nothing in the CRM")
			require.Equal(t, 1, got.Checked)
			if tt.kind == "" {
				require.Empty(t, got.Findings)
				require.Empty(t, got.Apply)
				return
			}
			require.Len(t, got.Findings, 1)
			f := got.Findings[0]
			require.Equal(t, []any{who.AccountID, who.Key.String(), tt.kind, tt.apply}, []any{f.AccountID, f.Record, f.Kind, f.Repaired})
			require.Contains(t, f.What, tt.what)
			if !tt.apply {
				require.Empty(t, got.Apply)
				return
			}
			require.Equal(t, []activities.ApplyInput{decision(who)}, got.Apply)
			_, err := b.apply(got.Apply[0])
			require.NoError(t, err)
			if tt.kind == lost {
				require.Equal(t, before.Properties[tt.what], b.shown(t, who).Properties[tt.what])
			}
			require.Empty(t, b.compare(t, soon(false)).Findings, "mended is mended")
			require.Empty(t, b.world.CRM.Ledger().Duplicates())
		})
	}
}

func TestAnAttemptThatNeverEndedIsLookedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.applied(t)
	note := crm.EffectKey(who.Key, crm.NoteEffect, "fit")
	task := crm.EffectKey(who.Key, crm.TaskEffect, "tier-1")
	news := crm.EffectKey(who.Key, crm.NoteEffect, "news/7")
	for key, kind := range map[string]crm.EffectKind{note: crm.NoteEffect, task: crm.TaskEffect, news: crm.NoteEffect} {
		_, err := b.store.BeginEffect(t.Context(), key, who.AccountID, "r", kind, nil)
		require.NoError(t, err)
	}
	require.Empty(t, b.compare(t, soon(false)).Findings, "it may be under way")

	b.world.CRM.RemoveTask(b.world.CRM.Snapshot().Tasks[0].ID) // as if it had never come
	old := soon(true)
	old.Stuck = old.Before // as if it were long ago
	dry := b.compare(t, old)
	require.Len(t, dry.Findings, 3)
	old.DryRun = false
	got := b.compare(t, old)
	require.Equal(t, dry, got)
	said := map[string]bool{}
	for _, f := range got.Findings {
		require.Equal(t, activities.Stuck, f.Kind)
		said[f.What] = f.Repaired
	}
	require.Equal(t, map[string]bool{
		"note " + b.world.CRM.Snapshot().Notes[0].ID + ": it is in the CRM":                    true,
		"task: it never came into the CRM":                                                     true,
		"note: it never came into the CRM; the next sweep tells the news that is not answered": false,
	}, said)
	e, err := b.store.Effect(t.Context(), note)
	require.NoError(t, err)
	require.Equal(t, []string{"done", b.world.CRM.Snapshot().Notes[0].ID}, []string{e.State, e.CRMID})

	require.Equal(t, []activities.ApplyInput{decision(who)}, got.Apply)
	require.Len(t, b.compare(t, old).Findings, 2, "what is found is known from then on")
}

func TestWhatIsNotOldEnoughIsLeftToSettle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.applied(t)
	require.NoError(t, b.world.CRM.SetProperties(who.Key.ID, map[string]string{crm.TierProperty: "Tier 3"}))
	b.world.CRM.RemoveTask(b.world.CRM.Snapshot().Tasks[0].ID)
	in := soon(true)
	in.Before = time.Now().Add(-time.Minute)
	require.Empty(t, b.compare(t, in).Findings)
	in.Before = time.Now().Add(time.Minute)
	require.Len(t, b.compare(t, in).Findings, 2)
	in.Since = time.Now().Add(time.Minute)
	require.Zero(t, b.compare(t, in).Checked, "what is older than the period is not looked at")
}

func TestAccountsAreComparedPageByPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var want []int64
	for range 5 {
		who := b.known(t, "acme.example")
		b.decide(t, who, perfect(true), func(r *store.ScoreRow) { r.OwnerID = "" })
		want = append(want, who.AccountID)
	}
	last, err := b.LastAccount(t.Context())
	require.NoError(t, err)
	require.Equal(t, want[4], last)
	in := soon(true)
	in.Limit = 2
	var got []int64
	for done := false; !done; {
		page, err := run[activities.CompareResult](b.env, b.CompareEffects, in)
		require.NoError(t, err)
		for _, f := range page.Findings {
			require.Equal(t, activities.NotWritten, f.Kind)
			got = append(got, f.AccountID)
		}
		in.After, done = page.After, page.Done
	}
	require.True(t, slices.IsSorted(got))
	require.Equal(t, want, got)
}
