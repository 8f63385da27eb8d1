package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
)

// What became of one write of a run that is undone.
const (
	Restored = "restored" // the value before is there again
	Archived = "archived" // the note or task that the run made is gone
	Left     = "left"     // as it is, with the reason
)

// UndoInput names a run whose writes to one account are taken back.
type UndoInput struct {
	RunID     string `json:"run_id"`
	AccountID int64  `json:"account_id"`
	DryRun    bool   `json:"dry_run,omitempty"`
}

// Undone is what became of one write, in ids and names of properties: no value is in it.
type Undone struct {
	AccountID int64  `json:"account_id"`
	Object    string `json:"object"` // company, contact, note, task
	RecordID  string `json:"record_id"`
	Property  string `json:"property,omitempty"`
	Outcome   string `json:"outcome"`       // restored, archived, left; in a dry run what it would be
	Why       string `json:"why,omitempty"` // it is left
}

// UndoAccounts returns the accounts that a run wrote to.
func (a *Activities) UndoAccounts(ctx context.Context, runID string) ([]int64, error) {
	if strings.HasPrefix(runID, "release/") {
		return nil, failure(account.Invalid("run", "a release is taken back as a whole: starter icp rollback"))
	}
	ids, err := a.Store.WroteIn(ctx, runID)
	if err == nil && len(ids) == 0 {
		err = account.Invalid("run", "the journal has no write of run "+runID+": it wrote nothing, or longer ago than the journal is kept")
	}
	return ids, failure(err)
}

// UndoAccount takes back what a run wrote to one account, where nobody has touched it since:
// properties and owner get the value that they had before, notes and tasks that the run made
// are archived. What a person or a later run changed stays, and is reported with the reason.
// It goes on record as every write does, and can be repeated from any point.
//
// Errors: auth_failed is for a person to mend; the rest is retried.
func (a *Activities) UndoAccount(ctx context.Context, in UndoInput) ([]Undone, error) {
	if a.CRM == nil {
		return nil, errNoCRM
	}
	u, err := a.undoing(ctx, in)
	if err != nil {
		return nil, crmFailure(err)
	}
	for _, step := range []func(context.Context) error{u.company, u.contacts, u.records} {
		u.beat()
		if err := step(ctx); err != nil {
			return nil, crmFailure(err)
		}
	}
	return u.out, nil
}

// undoing is one UndoAccount under way.
type undoing struct {
	a       *Activities
	in      UndoInput
	acc     account.Account
	score   int64 // the latest
	run     string
	holder  string
	id      string // of the workflow
	beat    func()
	targets []undoTarget
	out     []Undone
}

// undoTarget is a value, or a record, that the run wrote.
type undoTarget struct {
	object, record, property string
	key                      string // of the effect
	before, after            string
	first, last              store.Entry
	changedBy                *store.Entry // by another run since
	undone                   *store.Entry // by this undo, in an attempt before, or by one that never ended
}

func (a *Activities) undoing(ctx context.Context, in UndoInput) (*undoing, error) {
	info := activity.GetInfo(ctx)
	u := &undoing{
		a: a, in: in, run: info.WorkflowExecution.RunID, id: info.WorkflowExecution.ID,
		holder: info.WorkflowExecution.RunID + "/" + info.ActivityID, beat: heartbeat(ctx),
	}
	var err error
	if u.acc, err = a.Store.Account(ctx, in.AccountID); err != nil {
		return nil, gone(err)
	}
	last, err := a.Store.LatestScore(ctx, in.AccountID)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return nil, err
	}
	u.score = last.ID
	all, err := a.Store.Journal(ctx, in.AccountID, "", time.Time{})
	if err != nil {
		return nil, err
	}
	u.targets = undoTargets(all, in.RunID, u.run)
	return u, nil
}

// undoTargets are what the run wrote, each value once, however often it did.
func undoTargets(all []store.Entry, run, undo string) []undoTarget {
	type place struct{ object, record, property string }
	at := map[place]int{}
	var targets []undoTarget
	for _, e := range all {
		p := place{e.Object, e.RecordID, e.Property}
		i, known := at[p]
		wrote := e.State == store.Written || e.State == store.WriteUnsure || e.State == store.WriteTrying
		switch {
		case e.RunID == run && wrote && !known:
			at[p] = len(targets)
			targets = append(targets, undoTarget{
				object: e.Object, record: e.RecordID, property: e.Property, key: e.EffectKey, before: e.Before, after: e.After, first: e, last: e,
			})
		case e.RunID == run && wrote:
			targets[i].after, targets[i].last = e.After, e
		case known && wrote && (e.RunID == undo || e.State == store.WriteTrying && e.Undoes == targets[i].last.ID):
			targets[i].undone = &e
		case known && wrote:
			targets[i].changedBy = &e
		}
	}
	return targets
}

// untouched reports whether the target may be taken back as far as the journal tells, and
// says why not.
func (u *undoing) untouched(t undoTarget) bool {
	switch {
	case t.changedBy == nil:
		return true
	case t.changedBy.Undoes != 0:
		u.left(t, "run %s has taken it back", t.changedBy.RunID)
	default:
		u.left(t, "run %s (%s) has written since", t.changedBy.RunID, t.changedBy.WorkflowID)
	}
	return false
}

func (u *undoing) left(t undoTarget, why string, args ...any) {
	u.tell(t, Left, fmt.Sprintf(why, args...))
}

func (u *undoing) tell(t undoTarget, outcome, why string) {
	u.out = append(u.out, Undone{
		AccountID: u.in.AccountID, Object: t.object, RecordID: t.record, Property: t.property, Outcome: outcome, Why: why,
	})
}

// of are the targets of some kinds of records, that nobody else has written since.
func (u *undoing) of(objects ...string) []undoTarget {
	return slices.DeleteFunc(slices.Clone(u.targets), func(t undoTarget) bool {
		return !slices.Contains(objects, t.object) || !u.untouched(t)
	})
}

// restorable reports whether the value before can be brought back to where have is now,
// and says why not.
func (u *undoing) restorable(t undoTarget, have string) bool {
	switch {
	case same(t.property, have, t.after):
		return true
	case t.undone != nil && same(t.property, have, t.before):
		return true // an attempt before did it
	case same(t.property, have, t.before):
		u.left(t, "it has the value before already")
	default:
		u.left(t, "somebody has changed it since")
	}
	return false
}

// company restores properties and owner.
func (u *undoing) company(ctx context.Context) error {
	targets := u.of(store.CompanyRecord)
	if len(targets) == 0 {
		return nil
	}
	company, err := u.a.CRM.Company(ctx, u.acc.Key)
	if errors.Is(err, account.ErrNotFound) || err == nil && company.Key != u.acc.Key {
		for _, t := range targets {
			u.left(t, "the CRM has no such company (any more)")
		}
		return nil
	}
	if err != nil {
		return err
	}
	w := writer{company: company}
	back, finished := map[string]string{}, true
	targets = slices.DeleteFunc(targets, func(t undoTarget) bool { return !u.restorable(t, w.have(t.property)) })
	for _, t := range targets {
		back[t.property] = t.before
		finished = finished && t.undone != nil && t.undone.State == store.Written
	}
	if !u.in.DryRun && !finished {
		err = u.restore(ctx, w, targets, back)
	}
	refused := outbound.OutcomeOf(err) == outbound.BadRequest
	for _, t := range targets {
		if refused {
			u.left(t, "the CRM refuses the value before: %s", err)
			continue
		}
		u.tell(t, Restored, "")
	}
	if refused {
		return nil
	}
	return err
}

// restore writes the values before through the effect that wrote the values after.
func (u *undoing) restore(ctx context.Context, w writer, targets []undoTarget, back map[string]string) error {
	key := targets[0].key
	attempt := u.attempt(key, crm.PropertiesEffect, w.company.Key.ID, back)
	attempt.Have = w.haves()
	changes := map[string]string{}
	for _, t := range targets {
		if have := w.have(t.property); !same(t.property, have, t.before) {
			changes[t.property] = t.before
			attempt.Changes = append(attempt.Changes, store.Change{
				Property: t.property, Before: canonical(t.property, have), After: t.before, Undoes: t.last.ID,
			})
		}
	}
	before, err := u.a.Store.TryEffect(ctx, attempt)
	if err != nil {
		return err
	}
	for name := range changes {
		if before.State == "done" && !same(name, before.Written[name], w.have(name)) { // a run was faster
			return errors.Join(store.ErrMoved, u.a.Store.FinishEffect(ctx, untried(attempt, before)))
		}
	}
	if len(changes) > 0 {
		err = u.a.CRM.UpdateCompany(ctx, w.company.Key, changes)
	}
	if outbound.OutcomeOf(err) == outbound.BadRequest {
		return errors.Join(err, u.a.Store.FailEffect(ctx, key, err.Error()))
	}
	if err != nil {
		return err
	}
	return u.a.Store.FinishEffect(ctx, store.Done{Key: key, Written: back, Attempt: before.Attempts + 1})
}

// attempt is one that holds against a run which writes to the same account: of an effect
// that follows from the last score one holder is at it at a time.
func (u *undoing) attempt(key string, kind crm.EffectKind, record string, tried map[string]string) store.Attempt {
	object := string(kind)
	if kind == crm.PropertiesEffect {
		object = store.CompanyRecord
	}
	return store.Attempt{
		Key: key, AccountID: u.in.AccountID, RunID: u.run, Holder: u.holder, Kind: kind, Tried: tried, ScoreID: u.score,
		WorkflowID: u.id, Object: object, RecordID: record,
	}
}

// contacts restores the properties of people.
func (u *undoing) contacts(ctx context.Context) error {
	targets := u.of(store.ContactRecord)
	if len(targets) == 0 {
		return nil
	}
	listed, _, err := u.a.CRM.Contacts(ctx, u.acc.Key, cmp.Or(u.a.MaxContacts, DefaultContacts))
	if err != nil {
		return err
	}
	onRecord, err := u.a.Store.Contacts(ctx, u.in.AccountID)
	if err != nil {
		return err
	}
	var due []undoTarget
	backs := map[string]*contactBack{}
	for _, t := range targets {
		c := slices.IndexFunc(listed, func(c crm.Contact) bool { return c.Key.ID == t.record })
		row := slices.IndexFunc(onRecord, func(c store.Contact) bool { return c.Key.ID == t.record })
		if c < 0 || row < 0 {
			u.left(t, "the contact is not one of the company's (any more)")
			continue
		}
		have := listed[c].Properties[t.property]
		if !u.restorable(t, have) {
			continue
		}
		due = append(due, t)
		if t.undone != nil && t.undone.State == store.Written {
			continue
		}
		b := backs[t.record]
		if b == nil {
			b = newContactBack(onRecord[row], listed[c])
			backs[t.record] = b
		}
		b.take(t, have)
	}
	refused := map[string]string{}
	if !u.in.DryRun {
		if refused, err = u.restoreContacts(ctx, backs); err != nil {
			return err
		}
	}
	for _, t := range due {
		if why := refused[t.record]; why != "" {
			u.left(t, "the CRM refuses the value before: %s", why)
			continue
		}
		u.tell(t, Restored, "")
	}
	return nil
}

// contactBack is what one contact gets back.
type contactBack struct {
	row            store.Contact
	have, changes  map[string]string
	written        map[string]string // as the record of contacts has it
	journalChanges []store.Change
}

func newContactBack(row store.Contact, listed crm.Contact) *contactBack {
	b := &contactBack{row: row, have: map[string]string{}, changes: map[string]string{}, written: map[string]string{}}
	for name, v := range listed.Properties {
		b.have[name] = canonical(name, v)
	}
	return b
}

func (b *contactBack) take(t undoTarget, have string) {
	b.written[t.property] = brief(t.property, t.before)
	if same(t.property, have, t.before) {
		return
	}
	b.changes[t.property] = t.before
	b.journalChanges = append(b.journalChanges, store.Change{
		Property: t.property, Before: canonical(t.property, have), After: t.before, Undoes: t.last.ID,
	})
}

// restoreContacts returns why the CRM refused which contacts.
func (u *undoing) restoreContacts(ctx context.Context, backs map[string]*contactBack) (map[string]string, error) {
	var tries []store.ContactTry
	var writes []crm.ContactWrite
	for _, id := range slices.Sorted(maps.Keys(backs)) {
		b := backs[id]
		tries = append(tries, store.ContactTry{Contact: b.row, Tried: b.written, Changes: b.journalChanges, Have: b.have})
		if len(b.changes) > 0 {
			writes = append(writes, crm.ContactWrite{ID: id, Properties: b.changes})
		}
	}
	if err := u.a.Store.TryContacts(ctx, u.run, u.id, tries); err != nil {
		return nil, err
	}
	done, err := u.a.CRM.UpdateContacts(ctx, writes)
	if err != nil {
		return nil, err
	}
	refused := map[string]string{}
	for _, d := range done {
		if d.Refused != "" {
			refused[d.ID] = d.Refused
		}
	}
	ended := make([]store.ContactWritten, 0, len(backs))
	for id, b := range backs {
		ended = append(ended, store.ContactWritten{ContactID: b.row.ID, Written: b.written, Refused: refused[id]})
	}
	return refused, u.a.Store.FinishContacts(ctx, time.Now(), ended)
}

// records archives the notes and tasks that the run made.
func (u *undoing) records(ctx context.Context) error {
	for _, t := range u.of(store.NoteRecord, store.TaskRecord) {
		u.beat()
		switch {
		case t.record == "":
			u.left(t, "nobody knows whether it was made; starter crm reconcile looks for it")
			continue
		case t.before != "" && t.object == store.TaskRecord:
			u.left(t, "the run added to a task that was there before")
			continue
		case t.before != "":
			u.left(t, "the run replaced the text of a note that was there before")
			continue
		case t.undone != nil && t.undone.State == store.Written:
			u.tell(t, Archived, "")
			continue
		}
		if err := u.record(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (u *undoing) record(ctx context.Context, t undoTarget) error {
	kind := crm.EffectKind(t.object)
	found, err := u.a.CRM.Engagements(ctx, kind, []string{t.record})
	if err != nil {
		return err
	}
	switch {
	case len(found) == 0 && t.undone == nil:
		u.left(t, "somebody has deleted it")
		return nil
	case len(found) == 0: // an attempt before archived it
		u.tell(t, Archived, "")
		return u.a.Store.ForgetEffect(ctx, t.key)
	case found[0].Done:
		u.left(t, "the task is completed")
		return nil
	case found[0].Touched:
		u.left(t, "somebody has changed it since")
		return nil
	}
	u.tell(t, Archived, "")
	if u.in.DryRun {
		return nil
	}
	attempt := u.attempt(t.key, kind, t.record, nil)
	attempt.Changes = []store.Change{{Before: t.after, Undoes: t.last.ID}}
	if _, err := u.a.Store.TryEffect(ctx, attempt); err != nil {
		return err
	}
	if err := u.a.CRM.Archive(ctx, kind, t.record); err != nil {
		return err
	}
	return u.a.Store.ForgetEffect(ctx, t.key)
}
