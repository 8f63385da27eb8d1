package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// contactsChange marks the runs that score contacts: those that were under way when
// that came do not. From revision 1 on a decision says so.
const contactsChange = "contacts"

// pinContactModel takes, in a run that was told of none before, the model that was active
// when the effects were first there: it stays the run's.
func (o *onboarding) pinContactModel(active activities.ModelRef) {
	if o.rates == (activities.ModelRef{}) {
		o.rates = active
	}
}

// meetContacts reads who works at the account, where its model looks at them. What a
// person has to mend for that is said; the account is scored without them then.
func (o *onboarding) meetContacts(ctx workflow.Context) error {
	if !o.who.LooksAtContacts || o.who.Key.IsZero() || o.returns > 0 {
		return nil
	}
	if workflow.GetVersion(ctx, contactsChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	in := activities.MeetContactsInput{AccountID: o.who.AccountID, Key: o.who.Key}
	var met activities.ScoreContactsResult
	err := o.callCRM(ctx, "read the contacts", a.MeetContacts, in, &met)
	if err == nil && met.Problem != "" {
		o.tell("contacts: %s", met.Problem)
	}
	return err
}

// contacts scores the people of the account, and brings that into the CRM. What a
// person has to mend there is said, and keeps no company from being done.
func (o *onboarding) contacts(ctx workflow.Context) error {
	if o.who.Key.IsZero() || o.rates == (activities.ModelRef{}) || o.returns > 0 && !o.learned {
		return nil
	}
	if o.revision == 0 && workflow.GetVersion(ctx, contactsChange, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	in := activities.ScoreContactsInput{AccountID: o.who.AccountID, Key: o.who.Key, Model: o.rates, Plan: o.who.Plan}
	var scored activities.ScoreContactsResult
	if err := o.callCRM(ctx, "contacts", a.ScoreContacts, in, &scored); err != nil {
		return err
	}
	o.status.Contacts = &scored
	if scored.Problem != "" {
		o.tell("contacts: %s", scored.Problem)
	}
	o.show(ctx)
	return nil
}

func (o *onboarding) showContacts(p *page) {
	c := o.status.Contacts
	if c == nil || c.Contacts == 0 {
		return
	}
	p.add("\n- %d contacts scored by %s@%d, best: %s", c.Scored, o.rates.Name, o.rates.Version, orDash(c.Best))
	if c.More {
		p.add(" (of more)")
	}
}
