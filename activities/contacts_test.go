package activities_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/sandbox/hubspot"
)

// crowd is a company of the CRM with contacts of the test's own, scored and applied.
type crowd struct {
	*bundle
	who  activities.IdentifyResult
	in   activities.ScoreContactsInput
	rate *icp.Model
}

// withContacts lets contact-fit rate contacts, whose properties are set up unless bare,
// and adds one contact for each title.
func withContacts(t *testing.T, bare bool, titles ...string) *crowd {
	t.Helper()
	c := &crowd{bundle: setup(t)}
	var err error
	c.rate, err = icp.Load("contact-fit")
	require.NoError(t, err)
	require.NoError(t, c.store.SaveModel(t.Context(), c.rate.Name, c.rate.Version, c.rate.Subject, []byte(c.rate.Source)))
	require.NoError(t, c.store.ActivateModels(t.Context(), c.rate.Subject, activities.ModelRef{Name: c.rate.Name, Version: c.rate.Version}))
	if !bare {
		var levels []string
		for _, tier := range c.rate.Tiers {
			levels = append(levels, tier.Name)
		}
		_, err = c.CRM.EnsureProperties(t.Context(), crm.ContactProperties(levels))
		require.NoError(t, err)
	}
	c.who = c.known(t, "acme.example")
	_, err = c.ask(question(c.who, "apollo"))
	require.NoError(t, err)
	c.emptied(t)
	for _, title := range titles {
		c.add(t, map[string]string{"jobtitle": title})
	}
	c.decide(t, c.who, perfect(true), nil)
	applied, err := c.apply(decision(c.who))
	require.NoError(t, err)
	require.Equal(t, activities.ModelRef{Name: c.rate.Name, Version: c.rate.Version}, applied.ContactModel)
	c.in = activities.ScoreContactsInput{AccountID: c.who.AccountID, Key: c.who.Key, Model: applied.ContactModel, Plan: c.who.Plan}
	c.world.CRM.ResetLedger()
	return c
}

// emptied removes the contacts that the sandbox has invented.
func (c *crowd) emptied(t *testing.T) {
	t.Helper()
	for _, contact := range c.people() {
		require.True(t, c.world.CRM.RemoveContact(contact.ID))
	}
}

func (c *crowd) add(t *testing.T, properties map[string]string) string {
	t.Helper()
	properties["lastname"] = "Canary"
	id, err := c.world.CRM.AddContact(c.who.Key.ID, properties)
	require.NoError(t, err)
	return id
}

func (c *crowd) people() []hubspot.Contact { return c.world.CRM.Contacts(c.who.Key.ID) }

func (c *crowd) scoreContacts() (activities.ScoreContactsResult, error) {
	return run[activities.ScoreContactsResult](c.env, c.ScoreContacts, c.in)
}

// scored is scoreContacts that must do well.
func (c *crowd) scored(t *testing.T) activities.ScoreContactsResult {
	t.Helper()
	got, err := c.scoreContacts()
	require.NoError(t, err)
	return got
}

// writes counts how often each contact was written.
func (c *crowd) writes() map[string]int {
	times := map[string]int{}
	for _, w := range c.world.CRM.Ledger().Writes {
		if w.Object == "contacts" {
			times[w.ID]++
		}
	}
	return times
}

func TestScoreContacts(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "Chief Marketing Officer", "Assistant to the CEO", "")
	stated := c.add(t, map[string]string{"jobtitle": "Wizard", "hs_seniority": "vp", "hs_role": "sales", "hs_buying_role": "BUDGET_HOLDER"})
	before := c.requests("hubspot")
	got := c.scored(t)
	require.Equal(t, 3, c.requests("hubspot")-before, "list, read, write")
	best := ""
	for _, contact := range c.people() {
		p := contact.Properties
		require.NotEmpty(t, p[crm.ContactLevelProperty], p["jobtitle"])
		require.NotEmpty(t, p[crm.ContactReasonProperty], p["jobtitle"])
		require.Equal(t, c.rate.ID(), p[crm.ContactModelProperty])
		require.Equal(t, 1, c.writes()[contact.ID])
		if p["jobtitle"] == "Chief Marketing Officer" {
			best = p[crm.ContactLevelProperty]
		}
	}
	require.Equal(t, activities.ScoreContactsResult{Contacts: 4, Scored: 4, Written: 4, Best: best}, got)

	rows, err := c.store.Contacts(t.Context(), c.who.AccountID)
	require.NoError(t, err)
	require.Len(t, rows, 4)
	require.Equal(t, "Chief Marketing Officer", rows[0].JobTitle)
	for _, row := range rows {
		require.Equal(t, "done", row.State)
		inputs := map[string]icp.Result{}
		for _, r := range row.Score.Criteria {
			inputs[r.Name] = r
		}
		require.Equal(t, "saas", inputs["industry"].Input.Text(), "over the account's facts")
		switch row.Key.ID {
		case stated:
			require.Equal(t, "vp", inputs["management_level"].Input.Text())
			require.Contains(t, inputs["department"].Reason, "sales")
			require.True(t, *row.BudgetAuthority)
		case rows[0].Key.ID:
			require.Contains(t, inputs["management_level"].Reason, "c-level")
			require.Contains(t, inputs["management_level"].Reason, "derived", "from the title")
		}
	}
}

func TestContactsAreWrittenOnlyWhenTheirScoreChanges(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales", "Engineer")
	require.Equal(t, 2, c.scored(t).Written)
	before := c.requests("hubspot")
	require.Zero(t, c.scored(t).Written)
	require.Equal(t, 2, c.requests("hubspot")-before, "list and read")
	promoted := c.people()[1].ID
	require.NoError(t, c.world.CRM.SetContactProperties(promoted, map[string]string{"jobtitle": "CTO"}))
	require.Equal(t, 1, c.scored(t).Written)
	require.Equal(t, 2, c.writes()[promoted])
	require.Equal(t, 1, c.writes()[c.people()[0].ID])
}

func TestACompanyWithoutContactsTakesOneCall(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false)
	before := c.requests("hubspot")
	require.Equal(t, activities.ScoreContactsResult{}, c.scored(t))
	require.Equal(t, 1, c.requests("hubspot")-before)
}

func TestContactsWhoseAnswerWasLostAreWrittenOnce(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales", "Engineer", "CEO")
	c.set(t, "hubspot", fault.Fault{LostAnswerRate: 1})
	_, err := c.scoreContacts()
	retried(t, err, string(outbound.ProviderError))
	rows, err := c.store.Contacts(t.Context(), c.who.AccountID)
	require.NoError(t, err)
	for _, row := range rows {
		require.Equal(t, "trying", row.State)
	}
	c.set(t, "hubspot", fault.Fault{})
	got := c.scored(t)
	require.Zero(t, got.Written)
	require.Zero(t, got.Kept)
	require.Len(t, c.writes(), 3)
	for id, n := range c.writes() {
		require.Equal(t, 1, n, id)
	}
	rows, err = c.store.Contacts(t.Context(), c.who.AccountID)
	require.NoError(t, err)
	for _, row := range rows {
		require.Equal(t, "done", row.State, "it was there after all")
		require.Len(t, row.Written, 4)
	}
}

func TestWhatAPersonTypedOnAContactStays(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales", "Engineer")
	typed := c.people()[0].ID
	mine := map[string]string{crm.ContactReasonProperty: "we went to school together"}
	require.NoError(t, c.world.CRM.SetContactProperties(typed, mine))
	require.Equal(t, 1, c.scored(t).Kept)
	require.NoError(t, c.world.CRM.SetContactProperties(c.people()[1].ID, map[string]string{crm.ContactLevelProperty: "Not a fit", "jobtitle": "CEO"}))
	require.Equal(t, 2, c.scored(t).Kept)
	for i, property := range []string{crm.ContactReasonProperty, crm.ContactLevelProperty} {
		require.Equal(t, []string{mine[crm.ContactReasonProperty], "Not a fit"}[i], c.people()[i].Properties[property])
	}
	for _, contact := range c.people() {
		require.NotEmpty(t, contact.Properties[crm.ContactScoreProperty], "the others are ours")
	}
}

func TestAContactOfTwoCompaniesBelongsToItsPrimaryOne(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales")
	other := c.world.CRM.AddCompany("Other", "other.example", nil)
	guest, err := c.world.CRM.AddContact(other, map[string]string{"jobtitle": "CEO"})
	require.NoError(t, err)
	require.NoError(t, c.world.CRM.ShareContact(guest, c.who.Key.ID))
	got := c.scored(t)
	require.Equal(t, 1, got.Scored)
	require.Zero(t, c.writes()[guest])
}

func TestAContactThatMovesKeepsItsScoreOurs(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales")
	mover := c.people()[0].ID
	c.scored(t)
	bolt := c.known(t, "bolt.example")
	require.NoError(t, c.world.CRM.MoveContact(mover, bolt.Key.ID))
	require.Zero(t, c.scored(t).Contacts)
	rows, err := c.store.Contacts(t.Context(), c.who.AccountID)
	require.NoError(t, err)
	require.Empty(t, rows, "forgotten here")
	c.in.AccountID, c.in.Key = bolt.AccountID, bolt.Key
	got := c.scored(t)
	require.Zero(t, got.Kept, "what it holds is known to be ours")
	require.Equal(t, 1, c.writes()[mover]-1, "another company, another score")
}

func TestContactsAreBounded(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales", "Engineer", "CEO", "CFO")
	c.MaxContacts = 3
	got := c.scored(t)
	require.True(t, got.More)
	require.Equal(t, 3, got.Scored)
}

func TestAKeyWithoutTheScopeForContactsIsNoReasonToFail(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales")
	c.world.CRM.DenyContacts(true)
	got := c.scored(t)
	require.Contains(t, got.Problem, "scopes for contacts")
	require.Zero(t, got.Scored)
	c.world.CRM.DenyContacts(false)
	require.Equal(t, 1, c.scored(t).Written)
}

func TestPropertiesThatWereNeverSetUpAreNoReasonToFail(t *testing.T) {
	t.Parallel()
	c := withContacts(t, true, "VP Sales", "Engineer")
	before := c.requests("hubspot")
	got := c.scored(t)
	require.Equal(t, 3, c.requests("hubspot")-before, "what every contact would be refused for is tried once")
	require.Equal(t, 2, got.Refused)
	require.Contains(t, got.Problem, "starter crm setup")
	require.Contains(t, got.Problem, "PROPERTY_DOESNT_EXIST")
	rows, err := c.store.Contacts(t.Context(), c.who.AccountID)
	require.NoError(t, err)
	require.Equal(t, "refused", rows[0].State)
	require.NotNil(t, rows[0].Score)
}

func TestScoreContactsFails(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales")
	c.set(t, "hubspot", fault.Fault{BadKey: true})
	_, err := c.scoreContacts()
	final(t, err, string(outbound.AuthFailed))
	c.set(t, "hubspot", fault.Fault{Outage: true})
	_, err = c.scoreContacts()
	retried(t, err, string(outbound.ProviderError))
	c.set(t, "hubspot", fault.Fault{})
	in := c.in
	c.in.AccountID = 4711
	_, err = c.scoreContacts()
	final(t, err, activities.RecordGone)
	c.in = in
	require.True(t, c.world.CRM.RemoveCompany(c.who.Key.ID))
	require.Zero(t, c.scored(t).Contacts, "nobody is there any more")
	c.CRM = nil
	_, err = c.scoreContacts()
	require.ErrorContains(t, err, "no CRM")
}

// committee rates a company by its people alone.
const committee = `name: committee
version: 1
owner: revops@acme.example
subject: company
required: [industry]
criteria:
  - {name: champion, dimension: role, of: best_contact, field: management_level, any_of: [c-level], points: 40, partial: [{any_of: [vp], points: 20}]}
tiers:
  - {name: Known, min: 40, queue: sdr-outreach}
  - {name: Unknown, min: 0, queue: low-touch}
`

func TestAModelOfCompaniesLooksAtContactsThatWereMetBefore(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales", "Assistant to the CEO")
	who := c.who
	require.False(t, who.LooksAtContacts, "revops does not")
	m, err := icp.Parse("committee", []byte(committee))
	require.NoError(t, err)
	c.release(t, m)
	who, err = c.identify(activities.IdentifyInput{Key: who.Key})
	require.NoError(t, err)
	require.True(t, who.LooksAtContacts)
	score := func(pass int) activities.ScoreResult {
		got, err := c.score(activities.ScoreInput{AccountID: who.AccountID, Models: who.Models, Plan: who.Plan, Pass: pass})
		require.NoError(t, err)
		return got
	}
	require.Zero(t, score(11).Value, "nobody is known yet")
	meet := activities.MeetContactsInput{AccountID: who.AccountID, Key: who.Key}
	got, err := run[activities.ScoreContactsResult](c.env, c.MeetContacts, meet)
	require.NoError(t, err)
	require.Equal(t, activities.ScoreContactsResult{Contacts: 2}, got)
	require.Equal(t, 20, score(12).Value)
	c.add(t, map[string]string{"jobtitle": "Founder"})
	_, err = run[activities.ScoreContactsResult](c.env, c.MeetContacts, meet)
	require.NoError(t, err)
	require.Equal(t, 40, score(13).Value)
	c.world.CRM.DenyContacts(true)
	got, err = run[activities.ScoreContactsResult](c.env, c.MeetContacts, meet)
	require.NoError(t, err)
	require.NotEmpty(t, got.Problem)
	require.Equal(t, 40, score(14).Value, "by what is on record")
}

func TestNoContactModelIsNothingToDo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	who := b.known(t, "acme.example")
	b.decide(t, who, perfect(true), nil)
	applied, err := b.apply(decision(who))
	require.NoError(t, err)
	require.Zero(t, applied.ContactModel)
}

// TestNoNameOrAddressIsAskedFor holds that the record has nothing of a person but what
// a model rates.
func TestNoNameOrAddressIsAskedFor(t *testing.T) {
	t.Parallel()
	c := withContacts(t, false, "VP Sales")
	c.add(t, map[string]string{"jobtitle": "CEO", "firstname": "Canary", "email": "canary@acme.example"})
	c.scored(t)
	rows, err := c.store.Contacts(t.Context(), c.who.AccountID)
	require.NoError(t, err)
	for _, row := range rows {
		for _, text := range []string{row.JobTitle, row.Written[crm.ContactReasonProperty], icp.Reason(c.rate, *row.Score)} {
			require.NotContains(t, strings.ToLower(text), "canary")
		}
	}
}
