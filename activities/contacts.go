package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/account/vocabulary"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// DefaultContacts is how many contacts of one account are scored at most, if nothing
// else is set: as many as HubSpot reads and writes in one call.
const DefaultContacts = 100

// ScoreContactsInput names the account whose contacts are due, and the version of the
// model that rates them.
type ScoreContactsInput struct {
	AccountID int64          `json:"account_id"`
	Key       account.Key    `json:"key"`
	Model     ModelRef       `json:"model"`
	Plan      waterfall.Plan `json:"plan"` // by which the account's facts are resolved
}

// ScoreContactsResult counts what was done. Who the contacts are stays in Postgres.
type ScoreContactsResult struct {
	Contacts int    `json:"contacts"`       // whose company this is; at most as many as are scored of one account
	More     bool   `json:"more,omitempty"` // there are others, which are not scored
	Scored   int    `json:"scored"`
	Written  int    `json:"written"`           // in the CRM, since their score changed
	Kept     int    `json:"kept,omitempty"`    // that hold a value which somebody else wrote: it was left alone
	Refused  int    `json:"refused,omitempty"` // that the CRM did not take
	Best     string `json:"best,omitempty"`    // the highest level among them
	// Problem is what keeps contacts from being scored or written until a person mends
	// it: a scope that was not granted, a property that is not there. It is no reason
	// for the company to fail.
	Problem string `json:"problem,omitempty"`
}

// ScoreContacts rates the people of the account by their own facts over those of the
// account, keeps the scores, and brings those that changed into the CRM: one call for
// the list, one to read and one to write a hundred contacts. What is to be written is
// on record before it is tried, and each attempt reads what is there first: so the
// activity can be repeated from any point, and nothing is written twice.
//
// Errors: RecordGone is final; auth_failed is for a person to mend; the rest is retried.
func (a *Activities) ScoreContacts(ctx context.Context, in ScoreContactsInput) (ScoreContactsResult, error) {
	if a.CRM == nil {
		return ScoreContactsResult{}, errNoCRM
	}
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return ScoreContactsResult{}, failure(err)
	}
	p := people{a: a, model: m, now: time.Now(), beat: heartbeat(ctx)}
	err = p.score(ctx, in)
	return p.out, a.settled(ctx, in.Key, err, &p.out)
}

// MeetContactsInput names the account whose people are to be known before it is scored.
type MeetContactsInput struct {
	AccountID int64       `json:"account_id"`
	Key       account.Key `json:"key"`
}

// MeetContacts puts on record who works at the account, for a model of companies that
// looks at contacts. Its result counts; its errors are those of ScoreContacts.
func (a *Activities) MeetContacts(ctx context.Context, in MeetContactsInput) (ScoreContactsResult, error) {
	if a.CRM == nil {
		return ScoreContactsResult{}, errNoCRM
	}
	p := people{a: a, now: time.Now(), beat: heartbeat(ctx)}
	listed, err := p.listed(ctx, in.Key)
	if err == nil {
		err = a.Store.KeepContacts(ctx, in.AccountID, listed, !p.out.More, p.now)
	}
	return p.out, a.settled(ctx, in.Key, err, &p.out)
}

// settled turns what a person has to mend into a problem that is said, and any other
// error into the one for Temporal.
func (a *Activities) settled(ctx context.Context, key account.Key, err error, out *ScoreContactsResult) error {
	if reason := unmended(err); reason != "" {
		out.Problem = reason
		a.complain(ctx, reason)
		return nil
	}
	if errors.Is(err, account.ErrNotFound) {
		return temporal.NewNonRetryableApplicationError("the account "+key.String()+" is gone", RecordGone, nil)
	}
	return crmFailure(err)
}

// unmended is what a person has to mend before contacts can be scored or written; "" if
// err is anything else.
func unmended(err error) string {
	switch {
	case errors.Is(err, crm.ErrNotGranted):
		return "the CRM key was not granted the scopes for contacts, reading and writing"
	case outbound.OutcomeOf(err) == outbound.BadRequest:
		return "contacts: " + err.Error()
	default:
		return ""
	}
}

// complain says once for each worker what a person has to mend. Each run has it in its
// status.
func (a *Activities) complain(ctx context.Context, problem string) {
	if _, said := a.complaints.LoadOrStore(problem, true); !said {
		activity.GetLogger(ctx).Warn("Contacts are not scored in the CRM", "problem", problem)
	}
}

// people are the contacts of one account on their way into the CRM.
type people struct {
	a       *Activities
	model   *icp.Model
	company account.Facts
	now     time.Time
	beat    func() // see heartbeat
	out     ScoreContactsResult
}

// listed reads who works at the account.
func (p *people) listed(ctx context.Context, key account.Key) ([]crm.Contact, error) {
	listed, more, err := p.a.CRM.Contacts(ctx, key, cmp.Or(p.a.MaxContacts, DefaultContacts))
	p.out.Contacts, p.out.More = len(listed), more
	p.beat()
	return listed, err
}

func (p *people) score(ctx context.Context, in ScoreContactsInput) error {
	listed, err := p.listed(ctx, in.Key)
	if err != nil {
		return err
	}
	known, rows, err := p.a.Store.KnownContacts(ctx, in.AccountID, listed, p.now)
	if err != nil {
		return err
	}
	p.company = in.Plan.Resolve(known).Facts()
	run := activity.GetInfo(ctx).WorkflowExecution
	scores := store.ContactScores{
		AccountID: in.AccountID, All: !p.out.More, At: p.now, Model: p.model.ID(), RunID: run.RunID, WorkflowID: run.ID,
		Scores: make([]store.ContactScore, len(rows)),
	}
	drafts := make([]draft, len(rows))
	for i, row := range rows {
		d := p.draft(row, listed[i].Properties)
		drafts[i] = d
		scores.Scores[i] = store.ContactScore{Score: d.score, ContactTry: store.ContactTry{
			Contact: row, Tried: held(d.changes), Changes: changesOf(d.changes, func(name string) string { return d.have[name] }), Have: d.have,
		}}
	}
	ids, err := p.a.Store.ScoreContacts(ctx, scores)
	if err != nil {
		return err
	}
	for i, id := range ids {
		drafts[i].row.ID = id
	}
	p.count(drafts)
	return p.write(ctx, drafts)
}

// draft is what is to be written to one contact.
type draft struct {
	row     store.Contact
	score   icp.Score
	changes map[string]string // properties that are to change
	written map[string]string // that hold our value then, as store.Contact has it
	have    map[string]string // what is there, as the journal has it
	kept    bool              // somebody else wrote one of the properties
}

// draft compares what a contact should have with what is there. As with companies, a
// value that is neither empty nor ours was typed by a person: it stays, and so does one
// that somebody emptied. Over ours the property's policy decides.
func (p *people) draft(row store.Contact, properties map[string]string) draft {
	d := draft{row: row, changes: map[string]string{}, written: map[string]string{}, have: map[string]string{}}
	d.score = icp.Rate(p.model, icp.Contact{ID: row.Key.ID, Facts: contactFacts(row, p.now)}.Over(p.company), nil, p.now)
	before := store.Effect{State: row.State, Tried: row.Tried, Written: row.Written, Stamps: row.Stamps, DoneAt: row.WrittenAt}
	for name, value := range p.values(d.score) {
		have := properties[name]
		d.have[name] = canonical(name, have)
		is := present(name, brief(name, have), brief(name, value), before)
		if is.Ours {
			d.written[name] = brief(name, have)
		}
		switch p.a.Policies.Of(name).Decide(is, p.now) {
		case crm.Write:
			d.written[name], d.changes[name] = brief(name, value), value
		case crm.AsIs:
			d.written[name] = brief(name, value)
		case crm.Kept:
			d.kept = true
		case crm.Agreed, crm.Held, crm.ToStage, crm.OnHold: // nobody is asked about contacts: config refuses it
		}
	}
	return d
}

func (p *people) values(s icp.Score) map[string]string {
	return map[string]string{
		crm.ContactScoreProperty:  strconv.Itoa(s.Value),
		crm.ContactLevelProperty:  s.Tier,
		crm.ContactReasonProperty: icp.Reason(p.model, s),
		crm.ContactModelProperty:  p.model.ID(),
	}
}

// brief is a value as the record of what was written has it: of the reason, which
// repeats what is known of a person, a digest.
func brief(name, value string) string {
	if name == crm.ContactReasonProperty && value != "" {
		return digest(value)
	}
	return value
}

func held(values map[string]string) map[string]string {
	all := make(map[string]string, len(values))
	for name, value := range values {
		all[name] = brief(name, value)
	}
	return all
}

func (p *people) count(drafts []draft) {
	p.out.Scored = len(drafts)
	best := -1
	for _, d := range drafts {
		if d.kept {
			p.out.Kept++
		}
		if d.score.Value > best {
			best, p.out.Best = d.score.Value, d.score.Tier
		}
	}
}

// write brings the changes into the CRM, and puts on record how it ended: also of
// contacts that an earlier attempt turns out to have written.
func (p *people) write(ctx context.Context, drafts []draft) error {
	var writes []crm.ContactWrite
	var ended []store.ContactWritten
	byID := map[string]draft{}
	for _, d := range drafts {
		switch {
		case len(d.changes) > 0:
			writes = append(writes, crm.ContactWrite{ID: d.row.Key.ID, Properties: d.changes})
			byID[d.row.Key.ID] = d
		case d.row.State == "trying":
			ended = append(ended, store.ContactWritten{ContactID: d.row.ID, Written: d.written})
		}
	}
	p.beat()
	done, err := p.a.CRM.UpdateContacts(ctx, writes)
	for _, w := range done {
		ended = append(ended, store.ContactWritten{ContactID: byID[w.ID].row.ID, Written: byID[w.ID].written, Refused: w.Refused})
		if w.Refused == "" {
			p.out.Written++
			continue
		}
		p.out.Refused++
		p.out.Problem = fmt.Sprintf("the CRM refused %d contacts: %s; starter crm setup makes what is missing", p.out.Refused, w.Refused)
	}
	if p.out.Refused > 0 {
		p.a.complain(ctx, "the CRM refuses contacts; starter crm setup makes properties and levels that are missing")
	}
	return errors.Join(err, p.a.Store.FinishContacts(ctx, p.now, ended))
}

// titleConfidence is how sure what is read off a job title is: surer than what a model
// asks of a fact by default, and less than what the CRM states.
const titleConfidence = 0.8

// contactFacts are what is known of the contact. What the CRM does not state is read
// off the job title.
func contactFacts(c store.Contact, at time.Time) account.Facts {
	facts := account.Facts{}
	add := func(field account.Field, stated, derived string) {
		f := account.Fact{Field: field, Value: account.TextValue(stated), Provider: c.Key.CRM, Confidence: 1, ObservedAt: at}
		if stated == "" {
			f.Value, f.Confidence, f.Derived = account.TextValue(derived), titleConfidence, true
		}
		if f.Value.Text() != "" {
			facts[field] = f
		}
	}
	add(account.JobTitle, c.JobTitle, "")
	add(account.Department, c.Department, vocabulary.Department(c.JobTitle))
	add(account.ManagementLevel, c.ManagementLevel, vocabulary.ManagementLevel(c.JobTitle))
	if c.BudgetAuthority != nil {
		facts[account.BudgetAuthority] = account.Fact{
			Field: account.BudgetAuthority, Value: account.BoolValue(*c.BudgetAuthority), Provider: c.Key.CRM, Confidence: 1, ObservedAt: at,
		}
	}
	return facts
}

// contactModel is the version that rates contacts; zero if none does.
func (a *Activities) contactModel(ctx context.Context) (ModelRef, error) {
	active, err := a.Store.ActiveModels(ctx, icp.SubjectContact)
	if err != nil || len(active) == 0 {
		return ModelRef{}, err
	}
	return active[0], nil
}
