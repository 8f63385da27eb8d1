package crmtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// Person is a contact as people enter it.
type Person struct {
	Title string
	// Stated is what else they say of it: the level of management, and whether it
	// decides on money.
	Stated Statement
}

// Statement is what the CRM states of a contact, in Sluice's words.
type Statement struct {
	Level  string // "" for nothing: c-level, vp, director, manager, staff
	Budget *bool  // nil for nothing
}

var contactTests = []struct {
	name string
	run  func(*testing.T, Bench)
}{
	{"contacts are read with what is stated of them", readsContacts},
	{"a contact of two companies is its primary one's", leavesGuests},
	{"contacts are bounded and the rest is told of", boundsContacts},
	{"contacts are written and read back", writesContacts},
	{"more contacts than one call takes are written", writesManyContacts},
	{"a contact that is gone does not keep the others from being written", writesAroundTheGone},
	{"a write to contacts whose answer was lost is done and ambiguous", losesContactWrites},
	{"properties of contacts that were never set up are refused by name", refusesContacts},
	{"a key without the scope for contacts says so", deniesContacts},
	{"setting up contacts twice is setting up once", setsUpContacts},
}

var levels = []string{"Best fit", "Not a fit"}

func setUpContacts(t *testing.T, b Bench) []crm.PropertyState {
	t.Helper()
	states, err := b.CRM.EnsureProperties(t.Context(), crm.ContactProperties(levels))
	require.NoError(t, err)
	return states
}

func contactsOf(t *testing.T, b Bench, company account.Key, limit int) ([]crm.Contact, bool) {
	t.Helper()
	contacts, more, err := b.CRM.Contacts(t.Context(), company, limit)
	require.NoError(t, err)
	return contacts, more
}

func readsContacts(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	none, more := contactsOf(t, b, key, 10)
	require.Empty(t, none)
	require.False(t, more)
	yes, no := true, false
	want := map[string]Person{}
	for _, p := range []Person{
		{Title: "Engineer"},
		{Title: "VP  Sales", Stated: Statement{Level: "vp", Budget: &yes}},
		{Title: "Owner", Stated: Statement{Level: "c-level", Budget: &no}},
		{},
	} {
		want[b.Server.AddContact(key, p)] = p
	}
	contacts, _ := contactsOf(t, b, key, 10)
	require.Len(t, contacts, len(want))
	for _, c := range contacts {
		p, ok := want[c.Key.ID]
		require.True(t, ok, c.Key.ID)
		require.Equal(t, b.CRM.Key(c.Key.ID), c.Key)
		require.Equal(t, p.Stated.Level, c.ManagementLevel, p.Title)
		require.Equal(t, p.Stated.Budget, c.BudgetAuthority, p.Title)
		require.Empty(t, c.Properties[crm.ContactScoreProperty])
		if p.Title == "Engineer" {
			require.Equal(t, "Engineer", c.JobTitle)
			require.Empty(t, c.Department, "what the title says is not stated")
		}
	}
	_, _, err := b.CRM.Contacts(t.Context(), account.Key{CRM: "other", Portal: key.Portal, ID: key.ID}, 10)
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err), "%v", err)
}

func leavesGuests(t *testing.T, b Bench) {
	home, other := b.Server.AddCompany("Acme", "acme.example", nil), b.Server.AddCompany("Bcme", "bcme.example", nil)
	id := b.Server.AddContact(home, Person{Title: "CEO"})
	b.Server.ShareContact(id, other)
	contacts, _ := contactsOf(t, b, home, 10)
	require.Len(t, contacts, 1)
	contacts, _ = contactsOf(t, b, other, 10)
	require.Empty(t, contacts)
}

func boundsContacts(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	for range 130 {
		b.Server.AddContact(key, Person{Title: "Engineer"})
	}
	for limit, wantMore := range map[int]bool{100: true, 129: true, 130: false, 600: false} {
		contacts, more := contactsOf(t, b, key, limit)
		require.Len(t, contacts, min(limit, 130))
		require.Equal(t, wantMore, more, limit)
	}
}

// writable adds n contacts and what is to be written to each.
func writable(t *testing.T, b Bench, n int) (account.Key, []crm.ContactWrite) {
	t.Helper()
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	writes := make([]crm.ContactWrite, n)
	for i := range writes {
		writes[i] = crm.ContactWrite{ID: b.Server.AddContact(key, Person{Title: "Engineer"}), Properties: map[string]string{
			crm.ContactScoreProperty: fmt.Sprint(i % 50), crm.ContactLevelProperty: levels[i%2],
			crm.ContactReasonProperty: "Department <sales> & \"money\"", crm.ContactModelProperty: "contact-fit@1",
		}}
	}
	return key, writes
}

func requireWritten(t *testing.T, b Bench, key account.Key, writes []crm.ContactWrite) {
	t.Helper()
	contacts, _ := contactsOf(t, b, key, 600)
	have := map[string]crm.Contact{}
	for _, c := range contacts {
		have[c.Key.ID] = c
	}
	for _, w := range writes {
		for name, want := range w.Properties {
			require.Equal(t, want, have[w.ID].Properties[name], name)
		}
	}
}

func writesContacts(t *testing.T, b Bench) {
	setUpContacts(t, b)
	key, writes := writable(t, b, 3)
	for range 2 { // writing equal values is harmless
		done, err := b.CRM.UpdateContacts(t.Context(), writes)
		require.NoError(t, err)
		require.Len(t, done, 3)
		for _, d := range done {
			require.Empty(t, d.Refused)
		}
		requireWritten(t, b, key, writes)
	}
	none, err := b.CRM.UpdateContacts(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func writesManyContacts(t *testing.T, b Bench) {
	setUpContacts(t, b)
	key, writes := writable(t, b, 230)
	done, err := b.CRM.UpdateContacts(t.Context(), writes)
	require.NoError(t, err)
	require.Len(t, done, 230)
	requireWritten(t, b, key, writes)
}

func writesAroundTheGone(t *testing.T, b Bench) {
	setUpContacts(t, b)
	key, writes := writable(t, b, 3)
	gone := crm.ContactWrite{ID: writes[1].ID + "99", Properties: writes[1].Properties}
	foreign := crm.ContactWrite{ID: "../1", Properties: writes[1].Properties}
	done, err := b.CRM.UpdateContacts(t.Context(), append([]crm.ContactWrite{gone, foreign}, writes...))
	require.NoError(t, err)
	require.Len(t, done, 5)
	for _, d := range done {
		require.Equal(t, d.ID == gone.ID || d.ID == foreign.ID, d.Refused != "", "%s: %s", d.ID, d.Refused)
	}
	requireWritten(t, b, key, writes)
}

func losesContactWrites(t *testing.T, b Bench) {
	setUpContacts(t, b)
	key, writes := writable(t, b, 3)
	b.Server.Fail(LoseAnswers)
	_, err := b.CRM.UpdateContacts(t.Context(), writes)
	var lost *outbound.Error
	require.ErrorAs(t, err, &lost)
	require.True(t, lost.Ambiguous(), "%v", err)
	b.Server.Fail(Healthy)
	requireWritten(t, b, key, writes)
}

func refusesContacts(t *testing.T, b Bench) {
	_, writes := writable(t, b, 5)
	done, err := b.CRM.UpdateContacts(t.Context(), writes)
	require.NoError(t, err, "what is wrong with single contacts is no failure of the call")
	require.Len(t, done, 5)
	for _, d := range done {
		require.Contains(t, d.Refused, crm.ContactScoreProperty)
		require.NotContains(t, d.Refused, "money", "names, never values")
	}
}

func deniesContacts(t *testing.T, b Bench) {
	setUpContacts(t, b)
	key, writes := writable(t, b, 1)
	b.Server.DenyContacts()
	_, _, err := b.CRM.Contacts(t.Context(), key, 10)
	require.ErrorIs(t, err, crm.ErrNotGranted)
	_, err = b.CRM.UpdateContacts(t.Context(), writes)
	require.ErrorIs(t, err, crm.ErrNotGranted)
	_, err = b.CRM.EnsureProperties(t.Context(), crm.ContactProperties(levels))
	require.ErrorIs(t, err, crm.ErrNotGranted)
	_, err = b.CRM.Company(t.Context(), key)
	require.NoError(t, err, "companies are another scope")
	_, _, err = b.BadKey.Contacts(t.Context(), key, 10)
	require.NotErrorIs(t, err, crm.ErrNotGranted)
	require.Equal(t, outbound.AuthFailed, outbound.OutcomeOf(err), "%v", err)
}

func setsUpContacts(t *testing.T, b Bench) {
	for _, want := range []string{"created", "present"} {
		states := append(setUp(t, b), setUpContacts(t, b)...)
		require.Len(t, states, len(crm.Properties(nil, nil))+len(crm.ContactProperties(nil)))
		for _, s := range states {
			require.Equal(t, want, s.State, s.Name)
		}
	}
	states, err := b.CRM.EnsureProperties(t.Context(), crm.ContactProperties([]string{"Strong fit"}))
	require.NoError(t, err)
	require.Contains(t, states, crm.PropertyState{Name: crm.ContactLevelProperty, State: "extended", Note: "added Strong fit"})
}
