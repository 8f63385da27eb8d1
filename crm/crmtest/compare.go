package crmtest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

var compareTests = []struct {
	name string
	run  func(*testing.T, Bench)
}{
	{"new companies are visited once, the oldest first", visitsCreated},
	{"a visit that has enough ends the search", endsVisit},
	{"notes and tasks are there until somebody deletes them", seesDeleted},
	{"what people did to notes and tasks is seen", seesTouched},
	{"a note or task is archived once", archives},
	{"a property tells who wrote it", tellsVersions},
	{"a failed look at what is there is an error", failsComparing},
}

func visited(t *testing.T, b Bench, from, to time.Time) []crm.Created {
	t.Helper()
	var all []crm.Created
	require.NoError(t, b.CRM.CompaniesSince(t.Context(), from, to, func(c crm.Created) bool {
		all = append(all, c)
		return true
	}))
	return all
}

func keysOf(created []crm.Created) []account.Key {
	keys := make([]account.Key, len(created))
	for i, c := range created {
		keys[i] = c.Key
	}
	return keys
}

func visitsCreated(t *testing.T, b Bench) {
	began := time.Now().Add(-time.Minute)
	var want []account.Key
	for range 3 {
		want = append(want, b.Server.AddCompany("Acme", "acme.example", nil))
	}
	all := visited(t, b, began, began.Add(time.Hour))
	require.ElementsMatch(t, want, keysOf(all), "namesakes are companies of their own")
	require.True(t, slices.IsSortedFunc(all, func(x, y crm.Created) int { return x.At.Compare(y.At) }))
	first, last := all[0], all[2]
	require.WithinDuration(t, time.Now(), first.At, time.Minute)
	require.Contains(t, keysOf(visited(t, b, first.At, last.At.Add(time.Millisecond))), first.Key, "from its own moment on")
	require.NotContains(t, keysOf(visited(t, b, began, last.At)), last.Key, "up to the moment, not at it")
	require.Empty(t, visited(t, b, last.At.Add(time.Millisecond), began.Add(time.Hour)))
	require.Empty(t, visited(t, b, last.At, first.At), "a range without time")
}

func endsVisit(t *testing.T, b Bench) {
	for range 3 {
		b.Server.AddCompany("Acme", "acme.example", nil)
	}
	n := 0
	began := time.Now().Add(-time.Minute)
	require.NoError(t, b.CRM.CompaniesSince(t.Context(), began, began.Add(time.Hour), func(crm.Created) bool {
		n++
		return n < 2
	}))
	require.Equal(t, 2, n)
}

func seesDeleted(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	note, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: crm.EffectKey(key, crm.NoteEffect, "fit"), Body: "fits", At: time.Now()})
	require.NoError(t, err)
	task, err := b.CRM.CreateTask(t.Context(), key, crm.Task{Key: crm.EffectKey(key, crm.TaskEffect, "tier-1"), Subject: "Reach out", Due: time.Now()})
	require.NoError(t, err)
	existing := func(kind crm.EffectKind, ids ...string) []string {
		found, err := b.CRM.Existing(t.Context(), kind, ids)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, []string{note}, existing(crm.NoteEffect, note, "999999999"))
	require.Equal(t, []string{task}, existing(crm.TaskEffect, task, "no id"))
	require.Empty(t, existing(crm.TaskEffect))
	b.Server.CompleteTask(task)
	require.Equal(t, []string{task}, existing(crm.TaskEffect, task), "done is not gone")
	b.Server.Delete(task)
	b.Server.Delete(note)
	require.Empty(t, existing(crm.TaskEffect, task))
	require.Empty(t, existing(crm.NoteEffect, note))
	_, err = b.CRM.Existing(t.Context(), crm.CompanyEffect, []string{note})
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err))
}

func seesTouched(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	note := crm.Note{Key: crm.EffectKey(key, crm.NoteEffect, "fit"), Body: "fits", At: time.Now()}
	noteID, err := b.CRM.CreateNote(t.Context(), key, note)
	require.NoError(t, err)
	taskID, err := b.CRM.CreateTask(t.Context(), key, crm.Task{Key: crm.EffectKey(key, crm.TaskEffect, "tier-1"), Subject: "Reach out", Body: "now", Due: time.Now()})
	require.NoError(t, err)
	stands := func(kind crm.EffectKind, ids ...string) []crm.Engagement {
		found, err := b.CRM.Engagements(t.Context(), kind, ids)
		require.NoError(t, err)
		return found
	}
	note.Body = "fits better"
	require.NoError(t, b.CRM.UpdateNote(t.Context(), noteID, note))
	require.Equal(t, []crm.Engagement{{ID: noteID}}, stands(crm.NoteEffect, noteID, "999999999"), "our own change is none")
	require.Equal(t, []crm.Engagement{{ID: taskID}}, stands(crm.TaskEffect, taskID, "no id"))
	require.Empty(t, stands(crm.TaskEffect))
	b.Server.CompleteTask(taskID)
	require.Equal(t, []crm.Engagement{{ID: taskID, Touched: true, Done: true}}, stands(crm.TaskEffect, taskID))
	_, err = b.CRM.Engagements(t.Context(), crm.CompanyEffect, []string{"1"})
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err))
}

func archives(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	note := crm.Note{Key: crm.EffectKey(key, crm.NoteEffect, "fit"), Body: "fits", At: time.Now()}
	id, err := b.CRM.CreateNote(t.Context(), key, note)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, b.CRM.Archive(t.Context(), crm.NoteEffect, id), "one that is gone is no error")
	}
	_, there := b.Server.Engagement(id)
	require.False(t, there)
	_, err = b.CRM.FindNote(t.Context(), key, note.Key)
	require.ErrorIs(t, err, account.ErrNotFound)
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(b.CRM.Archive(t.Context(), crm.NoteEffect, "no id")))
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(b.CRM.Archive(t.Context(), crm.CompanyEffect, id)))
}

func tellsVersions(t *testing.T, b Bench) {
	setUp(t, b)
	b.Server.AddOwner("201", "ann@ours.example", "Ann", "", false)
	key, gone := b.Server.AddCompany("Acme", "acme.example", nil), b.Server.AddCompany("Bolt", "bolt.example", nil)
	gone.ID = "999999999"
	for _, score := range []string{"40", "82"} {
		require.NoError(t, b.CRM.UpdateCompany(t.Context(), key, map[string]string{crm.ScoreProperty: score, crm.OwnerProperty: "201"}))
	}
	b.Server.TypeIn(key, map[string]string{crm.ScoreProperty: "99"})
	asked := []string{crm.ScoreProperty, crm.OwnerProperty, crm.QueueProperty}
	all, err := b.CRM.Versions(t.Context(), []account.Key{key, gone}, asked)
	require.NoError(t, err)
	require.Len(t, all, 1)
	of := all[key]
	score := of[crm.ScoreProperty]
	require.Equal(t, []string{"99", "82", "40"}, []string{score[0].Value, score[1].Value, score[2].Value}, "the present one first")
	require.True(t, score[0].Person)
	require.False(t, score[1].Person)
	require.NotEmpty(t, score[1].Source)
	require.Equal(t, score[2].Source, score[1].Source)
	require.NotEqual(t, score[0].Source, score[1].Source)
	require.Equal(t, score[1].Source, of[crm.OwnerProperty][0].Source)
	require.Equal(t, "201", of[crm.OwnerProperty][0].Value)
	require.WithinDuration(t, time.Now(), score[0].At, time.Minute)
	require.Empty(t, of[crm.QueueProperty], "which never had a value")

	b.Server.TypeIn(key, map[string]string{crm.ScoreProperty: ""})
	all, err = b.CRM.Versions(t.Context(), []account.Key{key}, asked[:1])
	require.NoError(t, err)
	require.Empty(t, all[key][crm.ScoreProperty][0].Value, "clearing is a version, too")
	none, err := b.CRM.Versions(t.Context(), nil, asked)
	require.NoError(t, err)
	require.Empty(t, none)
}

func failsComparing(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	b.Server.Fail(Down)
	calls := map[string]func() error{
		"companies": func() error {
			return b.CRM.CompaniesSince(t.Context(), time.Now().Add(-time.Hour), time.Now(), func(crm.Created) bool { return true })
		},
		"notes": func() error {
			_, err := b.CRM.Existing(t.Context(), crm.NoteEffect, []string{"1"})
			return err
		},
		"versions": func() error {
			_, err := b.CRM.Versions(t.Context(), []account.Key{key}, []string{crm.ScoreProperty})
			return err
		},
	}
	for name, call := range calls {
		require.True(t, requireOutcome(t, outbound.ProviderError, call()).Repeatable(), name)
	}
}
