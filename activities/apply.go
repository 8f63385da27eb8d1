package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
)

// ApplyInput names the decision whose effects are due.
type ApplyInput struct {
	AccountID int64       `json:"account_id"`
	Key       account.Key `json:"key"`
	// NoTask leaves out the tier's task: a response decides by itself.
	NoTask bool `json:"no_task,omitempty"`
	// Approved brings in what people have approved, and no more than properties.
	Approved bool `json:"approved,omitempty"`
	// Pinned says that the run has its model of contacts.
	Pinned bool `json:"pinned,omitempty"`
}

// ApplyResult lists the effects that are now in the CRM.
type ApplyResult struct {
	Effects []EffectDone `json:"effects"`
	TaskID  string       `json:"task_id,omitempty"`
	// ContactModel rates the people of the account; zero if none does, or the run has one.
	ContactModel ModelRef `json:"contact_model,omitzero"`
}

// EffectDone is one effect and the record that it left in the CRM.
type EffectDone struct {
	Kind  crm.EffectKind `json:"kind"`
	Key   string         `json:"key"`
	CRMID string         `json:"crm_id,omitempty"`
	// Kept names the properties that hold a value which somebody else wrote: they
	// were left alone.
	Kept []string `json:"kept,omitempty"`
	// Held names those that their policy keeps as they are, Staged those that wait for a
	// person.
	Held   []string `json:"held,omitempty"`
	Staged []string `json:"staged,omitempty"`
}

// Apply brings the latest score of the account into the CRM: properties and owner,
// the note that explains the score, and a task where the tier asks for one. Each
// effect is on record before it is tried; one that was tried before is looked for
// in the CRM first. So the activity can be repeated from any point and nothing is
// there twice. Where the account gets another score meanwhile, that one is brought in:
// of several runs that decide on one account the last decision is what the CRM has.
//
// Errors: RecordGone and bad_request are final; auth_failed is for a person to
// mend; the rest is retried.
func (a *Activities) Apply(ctx context.Context, in ApplyInput) (ApplyResult, error) {
	if a.CRM == nil {
		return ApplyResult{}, errNoCRM
	}
	company, err := a.CRM.Company(ctx, in.Key)
	if errors.Is(err, account.ErrNotFound) {
		return ApplyResult{}, temporal.NewNonRetryableApplicationError(
			"the CRM has no company "+in.Key.String()+" (any more)", RecordGone, nil)
	}
	if err != nil {
		return ApplyResult{}, crmFailure(err)
	}
	for range moves {
		var out ApplyResult
		if out, err = a.applyLatest(ctx, in, company); !errors.Is(err, store.ErrSuperseded) {
			return out, crmFailure(err)
		}
	}
	return ApplyResult{}, crmFailure(err)
}

// moves is how often in a row a decision may be overtaken by another one before the
// activity is left to be tried again.
const moves = 5

// applyLatest brings the score that is the latest now into the CRM, with the model that
// made it.
func (a *Activities) applyLatest(ctx context.Context, in ApplyInput, company crm.Company) (ApplyResult, error) {
	last, err := a.Store.LatestScores(ctx, []int64{in.AccountID}) // without their facts, from which no effect follows
	if err != nil {
		return ApplyResult{}, err
	}
	row, ok := last[in.AccountID]
	if !ok {
		return ApplyResult{}, fmt.Errorf("score of account %d: %w", in.AccountID, account.ErrNotFound)
	}
	m, err := a.model(ctx, row.ModelRef())
	if err != nil {
		return ApplyResult{}, err
	}
	w, err := a.writer(ctx, m, row, company)
	if err != nil {
		return ApplyResult{}, err
	}
	w.score = row.ID
	steps := []func(context.Context) (EffectDone, error){w.properties, w.note, w.task}
	switch {
	case in.Approved:
		w.asks, steps = true, steps[:1]
	case in.NoTask:
		steps = steps[:2]
	}
	out, err := w.write(ctx, steps)
	if err == nil && !in.Pinned {
		out.ContactModel, err = a.contactModel(ctx)
	}
	return out, err
}

func (a *Activities) writer(ctx context.Context, m *icp.Model, row store.ScoreRow, company crm.Company) (writer, error) {
	info := activity.GetInfo(ctx)
	w := writer{
		store: a.Store, crm: a.CRM, model: m, row: row, counts: row.Counts(), company: company, account: row.AccountID,
		policies: a.Policies, asks: a.Policies.Has(crm.Approve), workflow: info.WorkflowExecution.ID,
		run: info.WorkflowExecution.RunID, holder: info.WorkflowExecution.RunID + "/" + info.ActivityID, beat: heartbeat(ctx),
	}
	var err error
	if row.Override != nil {
		w.override, err = a.Store.Override(ctx, row.Override.ID)
	}
	return w, err
}

// writer has the effects of one score.
type writer struct {
	store   Store
	crm     crm.CRM
	model   *icp.Model
	row     store.ScoreRow
	counts  icp.Score // the row's, as it counts: the person's while an override holds
	company crm.Company
	account int64
	score   int64 // that the effects follow from; 0 for effects of news

	disown string // an owner who is to be taken off again; "" if none is

	policies crm.Policies
	asks     bool // whether values may wait for a person

	override store.Override // that the row was scored under, if any
	run      string
	workflow string // its id
	holder   string // the activity, through all of its attempts
	beat     func() // see heartbeat
}

func (w writer) write(ctx context.Context, steps []func(context.Context) (EffectDone, error)) (ApplyResult, error) {
	var out ApplyResult
	for _, step := range steps {
		w.beat()
		done, err := step(ctx)
		if err != nil {
			return out, err
		}
		if done.Key == "" {
			continue // not called for
		}
		out.Effects = append(out.Effects, done)
		if done.Kind == crm.TaskEffect {
			out.TaskID = done.CRMID
		}
	}
	return out, nil
}

// properties writes what differs.
func (w *writer) properties(ctx context.Context) (EffectDone, error) {
	attempt := w.attempt()
	before, err := w.store.TryEffect(ctx, attempt)
	if err != nil {
		return EffectDone{}, err
	}
	d := w.compare(attempt.Tried, before)
	if d.doubtful(before) {
		if attempt, before, d, err = w.again(ctx, attempt, before); err != nil {
			return EffectDone{}, err
		}
	}
	if len(d.changes) > 0 {
		err = w.crm.UpdateCompany(ctx, w.company.Key, d.changes)
	}
	done := EffectDone{
		Kind: crm.PropertiesEffect, Key: attempt.Key, CRMID: w.company.Key.ID, Kept: d.kept, Held: d.held, Staged: d.staged,
	}
	if err != nil {
		return done, w.failed(ctx, attempt.Key, err)
	}
	return done, w.store.FinishEffect(ctx, d.done(attempt.Key, w.company.Key.ID, before))
}

// again reads the company once more, and begins anew with that.
func (w *writer) again(ctx context.Context, attempt store.Attempt, before store.Effect) (store.Attempt, store.Effect, comparison, error) {
	err := w.store.FinishEffect(ctx, untried(attempt, before))
	if err == nil {
		w.company, err = w.crm.Company(ctx, w.company.Key)
	}
	if err != nil {
		return attempt, before, comparison{}, err
	}
	attempt = w.attempt()
	before, err = w.store.TryEffect(ctx, attempt)
	return attempt, before, w.compare(attempt.Tried, before), err
}

// attempt is the effect that writes the properties of the score.
func (w writer) attempt() store.Attempt {
	values := w.values()
	return store.Attempt{
		Key: crm.EffectKey(w.company.Key, crm.PropertiesEffect, ""), AccountID: w.account, RunID: w.run, Holder: w.holder,
		Kind: crm.PropertiesEffect, Tried: values, ScoreID: w.score,
		WorkflowID: w.workflow, Object: store.CompanyRecord, RecordID: w.company.Key.ID,
		Changes: changesOf(values, w.have), Have: w.haves(), Asks: w.asks,
	}
}

func (w writer) begin(ctx context.Context, key string, kind crm.EffectKind, tried map[string]string, c store.Change) (store.Effect, error) {
	return w.store.TryEffect(ctx, store.Attempt{
		Key: key, AccountID: w.account, RunID: w.run, Holder: w.holder, Kind: kind, Tried: tried, ScoreID: w.score,
		WorkflowID: w.workflow, Object: string(kind), Changes: []store.Change{c},
	})
}

func (w writer) have(name string) string {
	if name == crm.OwnerProperty {
		return w.company.OwnerID
	}
	return w.company.Properties[name]
}

func (w writer) values() map[string]string {
	s := w.counts
	values := map[string]string{
		crm.ScoreProperty:        strconv.Itoa(s.Value),
		crm.TierProperty:         s.Tier,
		crm.QueueProperty:        w.row.Queue,
		crm.ModelProperty:        w.model.ID(),
		crm.CompletenessProperty: strconv.Itoa(int(100*s.Completeness + 0.5)),
		crm.ScoredAtProperty:     w.row.ScoredAt.UTC().Format(time.RFC3339),
		crm.ReasonProperty:       w.reason(),
	}
	if w.row.OwnerID != "" || w.disown != "" && w.disown == w.company.OwnerID {
		values[crm.OwnerProperty] = w.row.OwnerID
	}
	return values
}

// note keeps one note on the company that explains the score as it is now.
func (w writer) note(ctx context.Context) (EffectDone, error) {
	n := crm.Note{
		Key:  crm.EffectKey(w.company.Key, crm.NoteEffect, "fit"),
		Body: w.explanation(), At: w.row.ScoredAt,
	}
	tried := map[string]string{"text": digest(n.Body)}
	return w.once(ctx, crm.NoteEffect, n.Key, tried, steps{
		find:   func() (string, error) { return w.crm.FindNote(ctx, w.company.Key, n.Key) },
		create: func() (string, error) { return w.crm.CreateNote(ctx, w.company.Key, n) },
		update: func(id string) error { return w.crm.UpdateNote(ctx, id, n) },
	})
}

// task gives the owner one task when the account has earned a tier that asks for
// it. A provisional tier has earned it only if the lowest score it may have does.
func (w writer) task(ctx context.Context) (EffectDone, error) {
	s, tier := w.counts, earned(w.model, w.row)
	if tier.Task == nil || w.row.Exploration {
		return EffectDone{}, nil
	}
	subject, err := tier.Task.Render(icp.TaskData{
		Name: w.company.Name, Domain: w.company.Domain, Tier: tier.Name, Score: s.Value,
	})
	if err != nil {
		return EffectDone{}, err
	}
	t := crm.Task{
		Key:     taskKey(w.company.Key, tier),
		Subject: subject, Body: w.explanation(), Due: w.row.ScoredAt.Add(tier.Task.Due),
		Priority: tier.Task.Priority, OwnerID: w.row.OwnerID,
	}
	if trigger := w.model.TriggerTask; trigger != nil && trigger.Due(s, triggered(s)) {
		t.Priority = trigger.Priority
	}
	return w.once(ctx, crm.TaskEffect, t.Key, nil, steps{
		find:   func() (string, error) { return w.crm.FindTask(ctx, w.company.Key, t.Key) },
		create: func() (string, error) { return w.crm.CreateTask(ctx, w.company.Key, t) },
	})
}

// steps are how an effect that creates a record is looked for, made and changed.
type steps struct {
	find, create func() (id string, err error)
	update       func(id string) error // nil: a record that is there is left as it is
	onto         string                // the record that create adds to, where it makes none
}

// once makes a record that does not repeat: it is put on record before the first
// attempt, and from the second one on looked for in the CRM before it is made.
func (w writer) once(ctx context.Context, kind crm.EffectKind, key string, tried map[string]string, s steps) (EffectDone, error) {
	change := store.Change{Before: s.onto, After: cmp.Or(tried["text"], "made"), Renews: s.update != nil}
	before, err := w.begin(ctx, key, kind, tried, change)
	if err != nil {
		return EffectDone{}, err
	}
	done := EffectDone{Kind: kind, Key: key, CRMID: before.CRMID}
	changed := s.update != nil && before.Written["text"] != tried["text"]
	if done.CRMID != "" && changed {
		err = s.update(done.CRMID)
	}
	if done.CRMID == "" || errors.Is(err, account.ErrNotFound) { // or somebody has deleted it
		done.CRMID, err = s.findOrCreate(before.Attempts > 0, changed)
	}
	if err != nil {
		return done, w.failed(ctx, key, err)
	}
	return done, w.store.FinishEffect(ctx, store.Done{Key: key, CRMID: done.CRMID, Written: tried})
}

// findOrCreate makes the record, unless an earlier attempt did.
func (s steps) findOrCreate(triedBefore, changed bool) (id string, err error) {
	if triedBefore {
		id, err = s.find()
		if err == nil && changed {
			err = s.update(id)
		}
		if !errors.Is(err, account.ErrNotFound) {
			return id, err
		}
	}
	return s.create()
}

// failed records an effect that can never succeed; one that may is tried again.
func (w writer) failed(ctx context.Context, key string, cause error) error {
	if outbound.OutcomeOf(cause) != outbound.BadRequest {
		return cause
	}
	if err := w.store.FailEffect(ctx, key, cause.Error()); err != nil {
		return err
	}
	return cause
}

func (w writer) explanation() string {
	s := w.row.Score
	var b strings.Builder
	if w.row.Override != nil {
		fmt.Fprintf(&b, "%s\nThe model says:\n", w.overridden())
	}
	fmt.Fprintf(&b, "%s: %d of %d (%s)\n", s.Tier, s.Value, w.model.Scale.Max, w.model.ID())
	if s.Provisional {
		fmt.Fprintf(&b, "Provisional: with what is not known yet, between %d and %d.\n", s.Low, s.High)
	}
	for _, c := range s.Criteria {
		fmt.Fprintf(&b, "%+d  %s\n", c.Points, c.Reason) // which names the field
	}
	if w.row.TierReason != "" {
		fmt.Fprintf(&b, "The account %s.\n", w.row.TierReason)
	}
	fmt.Fprintf(&b, "Route: %s (%s)\n", w.row.Queue, w.row.RouteReason)
	if w.row.Why != "" && !strings.HasSuffix(w.row.Why, icp.Unchanged) {
		fmt.Fprintf(&b, "Last change: %s\n", w.row.Why)
	}
	return b.String()
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

func slug(s string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), " ", "-")
}
