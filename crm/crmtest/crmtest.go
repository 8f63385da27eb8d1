// Package crmtest is the conformance kit of CRM adapters: what every [crm.CRM] must
// do, run against a server that behaves as the CRM does.
package crmtest

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// Bench is one adapter and the server that it speaks to, fresh for each test.
type Bench struct {
	CRM    crm.CRM
	BadKey crm.CRM // an adapter for the same server, with a key that it refuses
	Server Server
}

// Server is the CRM as those see it who use it by hand.
type Server interface {
	// AddCompany adds a company as a person would.
	AddCompany(name, domain string, properties map[string]string) account.Key
	// AddContact adds a contact whose company this is, and returns its record id.
	AddContact(company account.Key, p Person) (id string)
	// ShareContact associates a contact with a further company.
	ShareContact(id string, with account.Key)
	// DenyContacts takes the scopes for contacts away from every key.
	DenyContacts()
	// AddDeal adds a deal as a person would, ChangeDeal makes it what it is now, and
	// DeleteDeal deletes it.
	AddDeal(d Deal) (id string)
	ChangeDeal(id string, d Deal)
	DeleteDeal(id string)
	// DenyDeals takes the scope for deals away from every key.
	DenyDeals()
	// AddOwner adds a user who can own companies, archived if so said.
	AddOwner(id, email, first, last string, archived bool)
	// Engagement returns a note or a task.
	Engagement(id string) (Engagement, bool)
	// Created counts the notes and tasks that were ever created.
	Created() int
	// CompleteTask marks a task as done, as a person would.
	CompleteTask(id string)
	// Fail makes the calls from now on fail; Healthy ends it.
	Fail(Failure)
}

// Engagement is a note or a task as the CRM keeps it.
type Engagement struct {
	CompanyID string
	Subject   string // of a task
	HTML      string
	Priority  string // of a task, in lower case
	OwnerID   string
	At        time.Time // of a note its place in time, of a task when it is due
}

// Failure is a way in which the server fails.
type Failure string

// The failures.
const (
	Healthy     Failure = ""
	LoseAnswers Failure = "writes are done and not answered"
	Throttle    Failure = "calls above one a second are too fast, wait 2 s"
	Down        Failure = "every call is answered 503"
	Hang        Failure = "no call is answered"
)

// ThrottleDelay is what a server that throttles asks for.
const ThrottleDelay = 2 * time.Second

// Run runs the kit. It asks for a new bench for each test. Sluice's properties are
// not there yet, as in a CRM that was never set up.
func Run(t *testing.T, bench func(t *testing.T) Bench) {
	t.Helper()
	tests := []struct {
		name string
		run  func(*testing.T, Bench)
	}{
		{"a company is read", reads},
		{"companies are read together, those that are there", readsMany},
		{"a company that is not there is not found", notFound},
		{"a company of another CRM is refused unsent", foreign},
		{"an update is read back", updates},
		{"an update names the property that is refused, never its value", refusesUpdate},
		{"an owner is written and read by its own word", writesOwner},
		{"a company is created and found by domain", createsCompany},
		{"a hundred domains are looked for at once", findsManyDomains},
		{"a note is found by its key at once", findsNote},
		{"a task is found by its key at once", findsTask},
		{"an open task takes further reasons, once each", appendsToAnOpenTask},
		{"a task keeps its subject, priority, date and owner", keepsTask},
		{"keys that begin alike are told apart", tellsKeysApart},
		{"a key among many notes is found", findsAmongMany},
		{"a text cannot pass for another effect", refusesForgery},
		{"markup in a text is shown, not obeyed", escapes},
		{"a long text is cut and its key is not", cuts},
		{"a note is replaced and keeps its key", replacesNote},
		{"a create whose answer was lost is found", findsLostCreate},
		{"owners are those who are there", listsOwners},
		{"setting up twice is setting up once", setsUp},
		{"setting up adds options and keeps the old ones", extendsOptions},
		{"setting up reports a property of another type and leaves it", reportsConflict},
		{"too fast says when to come back", throttled},
		{"an outage is repeatable", down},
		{"a refused key is no reason to repeat", badKey},
		{"a cancelled call ends with the context", cancelled},
	}
	for _, tt := range slices.Concat(tests, companyTests, contactTests, dealTests) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, bench(t))
		})
	}
}

func reads(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	c, err := b.CRM.Company(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, key, c.Key)
	require.Equal(t, "Acme", c.Name)
	require.Equal(t, "acme.example", c.Domain)
	require.Empty(t, c.OwnerID)
	require.Contains(t, c.URL, key.ID)
	require.Equal(t, key, b.CRM.Key(key.ID))
}

func readsMany(t *testing.T, b Bench) {
	keys := make([]account.Key, 99, 100)
	for i := range keys {
		keys[i] = b.Server.AddCompany(fmt.Sprint("Acme ", i), fmt.Sprintf("acme%d.example", i), map[string]string{"further": fmt.Sprint(i)})
	}
	gone := keys[7]
	gone.ID += "99"
	found, err := b.CRM.Companies(t.Context(), append(keys, gone), "further")
	require.NoError(t, err)
	read := map[account.Key]string{}
	for _, c := range found {
		read[c.Key] = c.Properties["further"]
	}
	require.Len(t, read, len(keys))
	for i, key := range keys {
		require.Equal(t, fmt.Sprint(i), read[key])
	}
	none, err := b.CRM.Companies(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = b.CRM.Companies(t.Context(), []account.Key{{CRM: "other", Portal: gone.Portal, ID: gone.ID}})
	require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err))
}

func notFound(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	key.ID += "99"
	_, err := b.CRM.Company(t.Context(), key)
	require.ErrorIs(t, err, account.ErrNotFound)
	require.ErrorIs(t, b.CRM.UpdateCompany(t.Context(), key, map[string]string{"name": "Acme"}), account.ErrNotFound)
	_, err = b.CRM.FindNote(t.Context(), key, "sluice:x")
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = b.CRM.CreateNote(t.Context(), key, crm.Note{Body: "x", At: time.Now()})
	require.ErrorIs(t, err, account.ErrNotFound)
}

func foreign(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	for _, k := range []account.Key{
		{CRM: key.CRM, Portal: key.Portal + "1", ID: key.ID},
		{CRM: "other", Portal: key.Portal, ID: key.ID},
		{CRM: key.CRM, Portal: key.Portal, ID: "../owners"},
		{},
	} {
		_, err := b.CRM.Company(t.Context(), k)
		require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err), "%v", err)
	}
}

func updates(t *testing.T, b Bench) {
	setUp(t, b)
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	values := map[string]string{
		crm.ScoreProperty: "82", crm.TierProperty: "Tier 1", crm.QueueProperty: "sdr-outreach",
		crm.ScoredAtProperty: "2026-11-20T09:00:00Z", crm.ReasonProperty: "Industry <saas> & \"120\" people\nsecond line",
	}
	for range 2 { // writing equal values is harmless
		require.NoError(t, b.CRM.UpdateCompany(t.Context(), key, values))
		c, err := b.CRM.Company(t.Context(), key)
		require.NoError(t, err)
		for name, want := range values {
			require.Equal(t, want, c.Properties[name], name)
		}
		require.Equal(t, "Acme", c.Name)
	}
	require.NoError(t, b.CRM.UpdateCompany(t.Context(), key, map[string]string{crm.TierProperty: ""}))
	c, err := b.CRM.Company(t.Context(), key)
	require.NoError(t, err)
	require.Empty(t, c.Properties[crm.TierProperty], "an empty value clears the property")
	require.NoError(t, b.CRM.UpdateCompany(t.Context(), key, nil))
}

func refusesUpdate(t *testing.T, b Bench) {
	setUp(t, b)
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	for property, value := range map[string]string{
		crm.TierProperty: "Tier 99 canary", crm.ScoreProperty: "canary", "never_set_up": "canary",
	} {
		err := b.CRM.UpdateCompany(t.Context(), key, map[string]string{property: value})
		require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err), "%v", err)
		require.ErrorContains(t, err, property)
		require.NotContains(t, err.Error(), "canary")
	}
}

func writesOwner(t *testing.T, b Bench) {
	b.Server.AddOwner("7001", "ann@acme.example", "Ann", "Lee", false)
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	require.NoError(t, b.CRM.UpdateCompany(t.Context(), key, map[string]string{crm.OwnerProperty: "7001"}))
	c, err := b.CRM.Company(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "7001", c.OwnerID)
	require.Equal(t, "7001", c.Properties[crm.OwnerProperty])
}

func createsCompany(t *testing.T, b Bench) {
	c, err := b.CRM.CreateCompany(t.Context(), "Acme", "acme.example")
	require.NoError(t, err)
	require.Equal(t, "Acme", c.Name)
	require.Equal(t, "acme.example", c.Domain)
	twin := b.Server.AddCompany("Acme Inc.", "www.acme.example", nil)
	b.Server.AddCompany("Bcme", "bcme.example", nil)

	found, err := b.CRM.CompaniesByDomain(t.Context(), "ACME.example")
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, []account.Key{c.Key, twin}, []account.Key{found[0].Key, found[1].Key}, "oldest first")

	none, err := b.CRM.CompaniesByDomain(t.Context(), "nobody.example")
	require.NoError(t, err, "a miss is an answer")
	require.Empty(t, none)
	none, err = b.CRM.CompaniesByDomain(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
}

func findsManyDomains(t *testing.T, b Bench) {
	var domains []string
	want := map[account.Key]bool{}
	for i := range 100 {
		domains = append(domains, fmt.Sprintf("acme%d.example", i))
		if i%3 == 0 {
			want[b.Server.AddCompany("Acme", domains[i], nil)] = true
		}
	}
	found, err := b.CRM.CompaniesByDomain(t.Context(), domains...)
	require.NoError(t, err)
	got := map[account.Key]bool{}
	for _, c := range found {
		got[c.Key] = true
	}
	require.Equal(t, want, got)
}

func findsNote(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	note := crm.Note{Key: crm.EffectKey(key, crm.NoteEffect, "a&b <c>"), Body: "why", At: time.Now()}
	_, err := b.CRM.FindNote(t.Context(), key, note.Key)
	require.ErrorIs(t, err, account.ErrNotFound)
	id, err := b.CRM.CreateNote(t.Context(), key, note)
	require.NoError(t, err)
	found, err := b.CRM.FindNote(t.Context(), key, note.Key)
	require.NoError(t, err)
	require.Equal(t, id, found)
	_, err = b.CRM.FindTask(t.Context(), key, note.Key)
	require.ErrorIs(t, err, account.ErrNotFound, "a note is no task")

	other := b.Server.AddCompany("Bcme", "bcme.example", nil)
	_, err = b.CRM.FindNote(t.Context(), other, note.Key)
	require.ErrorIs(t, err, account.ErrNotFound, "it is another company's")
}

func findsTask(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	task := crm.Task{Key: crm.EffectKey(key, crm.TaskEffect, ""), Subject: "Call", Due: time.Now()}
	_, err := b.CRM.FindTask(t.Context(), key, task.Key)
	require.ErrorIs(t, err, account.ErrNotFound)
	id, err := b.CRM.CreateTask(t.Context(), key, task)
	require.NoError(t, err)
	found, err := b.CRM.FindTask(t.Context(), key, task.Key)
	require.NoError(t, err)
	require.Equal(t, id, found)
}

func appendsToAnOpenTask(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	var ids []string
	for _, what := range []string{"one", "two"} {
		id, err := b.CRM.CreateTask(t.Context(), key, crm.Task{Key: crm.EffectKey(key, crm.TaskEffect, what), Subject: "Call", Body: "why " + what, Due: time.Now(), Priority: "low"})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	open, err := b.CRM.OpenTask(t.Context(), ids...)
	require.NoError(t, err)
	require.Equal(t, ids[1], open, "the last one")
	b.Server.CompleteTask(ids[1])
	open, err = b.CRM.OpenTask(t.Context(), ids...)
	require.NoError(t, err)
	require.Equal(t, ids[0], open)

	more := crm.Task{Key: crm.EffectKey(key, crm.TaskEffect, "more"), Body: "a second reason", Priority: "high"}
	for range 2 {
		require.NoError(t, b.CRM.AppendTask(t.Context(), open, more))
	}
	e := engagement(t, b, open)
	require.Contains(t, e.HTML, "why one")
	require.Equal(t, 1, strings.Count(e.HTML, "a second reason"))
	require.Equal(t, "high", e.Priority)
	require.Equal(t, "Call", e.Subject)
	for _, k := range []string{crm.EffectKey(key, crm.TaskEffect, "one"), more.Key} {
		found, err := b.CRM.FindTask(t.Context(), key, k)
		require.NoError(t, err)
		require.Equal(t, open, found)
	}

	b.Server.CompleteTask(ids[0])
	_, err = b.CRM.OpenTask(t.Context(), ids...)
	require.ErrorIs(t, err, account.ErrNotFound)
	_, err = b.CRM.OpenTask(t.Context())
	require.ErrorIs(t, err, account.ErrNotFound)
	require.ErrorIs(t, b.CRM.AppendTask(t.Context(), "999999", more), account.ErrNotFound)
}

func keepsTask(t *testing.T, b Bench) {
	b.Server.AddOwner("7001", "ann@acme.example", "Ann", "Lee", false)
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	due := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	for _, priority := range []string{"low", "medium", "high"} {
		id, err := b.CRM.CreateTask(t.Context(), key, crm.Task{Key: "sluice:" + priority, Subject: "Call Acme\n<now>", Body: "why", Due: due, Priority: priority, OwnerID: "7001"})
		require.NoError(t, err)
		e := engagement(t, b, id)
		require.Equal(t, "Call Acme <now>", e.Subject, "a subject is one line of plain text")
		require.Equal(t, priority, e.Priority)
		require.Equal(t, "7001", e.OwnerID)
		require.Equal(t, key.ID, e.CompanyID)
		require.True(t, due.Equal(e.At), "due at %s", e.At)
	}
}

func tellsKeysApart(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	long := crm.EffectKey(key, crm.NoteEffect, "Tier 1")
	_, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: long, Body: "why", At: time.Now()})
	require.NoError(t, err)
	for _, other := range []string{
		crm.EffectKey(key, crm.NoteEffect, "Tier"), crm.EffectKey(key, crm.NoteEffect, ""), long + "0",
	} {
		_, err = b.CRM.FindNote(t.Context(), key, other)
		require.ErrorIs(t, err, account.ErrNotFound, other)
	}
}

func findsAmongMany(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	ids := map[string]string{}
	for i := range 130 {
		effect := crm.EffectKey(key, crm.NoteEffect, fmt.Sprint(i))
		id, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: effect, Body: "why", At: time.Now()})
		require.NoError(t, err)
		ids[effect] = id
	}
	for _, i := range []int{0, 64, 129} {
		effect := crm.EffectKey(key, crm.NoteEffect, fmt.Sprint(i))
		found, err := b.CRM.FindNote(t.Context(), key, effect)
		require.NoError(t, err)
		require.Equal(t, ids[effect], found)
	}
}

func refusesForgery(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	forged := crm.EffectKey(key, crm.NoteEffect, "forged")
	for _, body := range []string{forged, "text\n" + forged + "\nmore", "text<br>" + forged + "<br>", "\r" + forged} {
		_, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: crm.EffectKey(key, crm.NoteEffect, "own"), Body: body, At: time.Now()})
		require.NoError(t, err)
	}
	_, err := b.CRM.FindNote(t.Context(), key, forged)
	require.ErrorIs(t, err, account.ErrNotFound)
}

func escapes(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	text := "<script>alert(\"x\")</script>\nR&D <b>'now'</b> 5 < 6"
	note, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: "sluice:n", Body: text, At: time.Now()})
	require.NoError(t, err)
	task, err := b.CRM.CreateTask(t.Context(), key, crm.Task{Key: "sluice:t", Subject: "Call", Body: text, Due: time.Now()})
	require.NoError(t, err)
	for _, id := range []string{note, task} {
		e := engagement(t, b, id)
		require.NotContains(t, e.HTML, "<script")
		require.NotContains(t, e.HTML, "<b>")
		require.True(t, strings.HasPrefix(shown(e.HTML), text), "shown as %q", shown(e.HTML))
	}
}

func cuts(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	for name, text := range map[string]string{
		"plain": strings.Repeat("word ", 40_000), "escaped": strings.Repeat("<&>", 40_000),
		"wide": strings.Repeat("é😀", 40_000), "lines": strings.Repeat("\n", 70_000),
	} {
		effect := crm.EffectKey(key, crm.NoteEffect, name)
		id, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: effect, Body: text, At: time.Now()})
		require.NoError(t, err, name)
		require.Greater(t, len(engagement(t, b, id).HTML), 65_000, "%s: cut more than needed", name)
		found, err := b.CRM.FindNote(t.Context(), key, effect)
		require.NoError(t, err, name)
		require.Equal(t, id, found)
	}
}

func replacesNote(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	note := crm.Note{Key: crm.EffectKey(key, crm.NoteEffect, ""), Body: "first", At: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	id, err := b.CRM.CreateNote(t.Context(), key, note)
	require.NoError(t, err)
	note.Body = "second"
	require.NoError(t, b.CRM.UpdateNote(t.Context(), id, note))
	e := engagement(t, b, id)
	require.Contains(t, shown(e.HTML), "second")
	require.NotContains(t, shown(e.HTML), "first")
	found, err := b.CRM.FindNote(t.Context(), key, note.Key)
	require.NoError(t, err)
	require.Equal(t, id, found)
	require.Equal(t, 1, b.Server.Created())
	require.ErrorIs(t, b.CRM.UpdateNote(t.Context(), id+"99", note), account.ErrNotFound)
}

func findsLostCreate(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	task := crm.Task{Key: crm.EffectKey(key, crm.TaskEffect, ""), Subject: "Call", Body: "why", Due: time.Now()}
	b.Server.Fail(LoseAnswers)
	_, err := b.CRM.CreateTask(t.Context(), key, task)
	var refused *outbound.Error
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Ambiguous(), "%v", err)
	b.Server.Fail(Healthy)

	id, err := b.CRM.FindTask(t.Context(), key, task.Key)
	require.NoError(t, err)
	require.NotEmpty(t, id)
	require.Equal(t, 1, b.Server.Created())
}

func listsOwners(t *testing.T, b Bench) {
	for i := range 103 {
		b.Server.AddOwner(fmt.Sprint(7000+i), fmt.Sprintf("user%d@acme.example", i), "User", fmt.Sprint(i), false)
	}
	b.Server.AddOwner("7999", "left@acme.example", "Was", "Here", true)
	owners, err := b.CRM.Owners(t.Context())
	require.NoError(t, err)
	require.Len(t, owners, 103)
	require.Equal(t, crm.Owner{ID: "7000", Email: "user0@acme.example", Name: "User 0"}, owners[0])
}

var (
	tiers  = []string{"Tier 1", "Tier 2", "Not a fit"}
	queues = []string{"sdr-outreach", "disqualified"}
)

func setUp(t *testing.T, b Bench) []crm.PropertyState {
	t.Helper()
	states, err := b.CRM.EnsureProperties(t.Context(), crm.Properties(tiers, queues))
	require.NoError(t, err)
	return states
}

func setsUp(t *testing.T, b Bench) {
	for _, want := range []string{"created", "present", "present"} {
		states := setUp(t, b)
		require.Len(t, states, len(crm.Properties(nil, nil)))
		for _, s := range states {
			require.Equal(t, want, s.State, s.Name)
		}
	}
}

func extendsOptions(t *testing.T, b Bench) {
	setUp(t, b)
	states, err := b.CRM.EnsureProperties(t.Context(), crm.Properties([]string{"Tier 2", "Tier 1a"}, queues))
	require.NoError(t, err)
	for _, s := range states {
		if s.Name == crm.TierProperty {
			require.Equal(t, "extended", s.State)
			require.Contains(t, s.Note, "Tier 1a")
			continue
		}
		require.Equal(t, "present", s.State, s.Name)
	}
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	for _, tier := range append([]string{"Tier 1a"}, tiers...) {
		require.NoError(t, b.CRM.UpdateCompany(t.Context(), key, map[string]string{crm.TierProperty: tier}), tier)
	}
}

func reportsConflict(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", map[string]string{crm.ScoreProperty: "typed by hand"}) // makes it, as text
	for _, s := range setUp(t, b) {
		if s.Name == crm.ScoreProperty {
			require.Equal(t, "conflict", s.State)
			require.NotEmpty(t, s.Note)
			continue
		}
		require.Equal(t, "created", s.State, s.Name)
	}
	c, err := b.CRM.Company(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "typed by hand", c.Properties[crm.ScoreProperty])
}

func throttled(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	b.Server.Fail(Throttle)
	var err error
	for range 4 { // at most one of them is the first of its second
		if _, err = b.CRM.Company(t.Context(), key); err != nil {
			break
		}
	}
	e := requireOutcome(t, outbound.Throttled, err)
	require.Equal(t, ThrottleDelay, e.RetryAfter)
	require.True(t, e.Repeatable())
	require.False(t, e.Ambiguous(), "what was refused was not done")
}

func down(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	b.Server.Fail(Down)
	_, err := b.CRM.CreateNote(t.Context(), key, crm.Note{Key: "sluice:n", Body: "x", At: time.Now()})
	e := requireOutcome(t, outbound.ProviderError, err)
	require.True(t, e.Repeatable())
	require.True(t, e.Ambiguous(), "who knows how far it got")
}

func badKey(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	for range 10 { // nor a reason for the breaker to open
		_, err := b.BadKey.Company(t.Context(), key)
		e := requireOutcome(t, outbound.AuthFailed, err)
		require.False(t, e.Repeatable())
	}
}

func cancelled(t *testing.T, b Bench) {
	key := b.Server.AddCompany("Acme", "acme.example", nil)
	b.Server.Fail(Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := b.CRM.Company(ctx, key)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, outbound.OutcomeOf(err), "it says nothing of the CRM")
}

func requireOutcome(t *testing.T, want outbound.Outcome, err error) *outbound.Error {
	t.Helper()
	var e *outbound.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Outcome, "%v", err)
	return e
}

func engagement(t *testing.T, b Bench, id string) Engagement {
	t.Helper()
	e, ok := b.Server.Engagement(id)
	require.True(t, ok, "no note or task %s", id)
	return e
}

var (
	breaks = regexp.MustCompile(`(?i)<br ?/?>`)
	markup = regexp.MustCompile(`<[^>]*>`)
)

// shown is a body as a browser shows it.
func shown(body string) string {
	return html.UnescapeString(markup.ReplaceAllString(breaks.ReplaceAllString(body, "\n"), ""))
}
