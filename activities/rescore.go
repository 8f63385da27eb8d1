package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
)

// The stages of a bulk re-score.
const (
	PublishStage = "publish" // what was planned
	LastPass     = "last pass"
	EffectsStage = "effects" // that are still due
)

// RescoreInput names a release whose scores are published, or taken back.
type RescoreInput struct {
	ReleaseID int64   `json:"release_id"`
	Models    Models  `json:"models"` // that score from now on
	Share     float64 `json:"share"`  // of the accounts; 1: all
	Back      bool    `json:"back,omitempty"`
	Stage     string  `json:"stage"`
	After     int64   `json:"after,omitempty"` // the account that was done last
	Limit     int     `json:"limit"`           // accounts
}

// RescoreResult is how far a stage got.
type RescoreResult struct {
	After    int64 `json:"after"`
	Accounts int   `json:"accounts"` // that were done
	Done     bool  `json:"done,omitempty"`
}

// Rescored is what a bulk re-score has come to.
type Rescored = store.Rescored

// publishedTogether is how many accounts are published in one transaction, which holds a
// lock on each of them.
const publishedTogether = 500

// RescorePage takes the next accounts through one stage: it lets planned scores count as
// they are, plans accounts anew that have moved, and brings what changed into the CRM. What
// was done is on record with the scores themselves, so that it can be repeated from any
// point; a heartbeat tells how far it is.
//
// Errors: auth_failed is for a person to mend; the rest is retried.
func (a *Activities) RescorePage(ctx context.Context, in RescoreInput) (RescoreResult, error) {
	got := RescoreResult{After: in.After}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &got); err != nil {
			return got, fmt.Errorf("read the re-score's cursor: %w", err)
		}
	}
	r := rescore{a: a, in: in, beat: func() { activity.RecordHeartbeat(ctx, got) }}
	for !got.Done && got.Accounts < in.Limit {
		ids, err := r.next(ctx, got.After)
		if err == nil {
			err = r.some(ctx, ids)
		}
		if err != nil {
			return got, crmFailure(err)
		}
		got.Accounts += len(ids)
		if got.Done = len(ids) < publishedTogether; len(ids) > 0 {
			got.After = ids[len(ids)-1]
		}
		r.beat()
	}
	return got, nil
}

// RescoreCounts adds up what a bulk re-score has come to.
func (a *Activities) RescoreCounts(ctx context.Context, in RescoreInput) (Rescored, error) {
	r, err := a.Store.Rescored(ctx, in.ReleaseID, in.Share, in.Back)
	return r, failure(err)
}

// rescore is one RescorePage under way.
type rescore struct {
	a    *Activities
	in   RescoreInput
	beat func()
}

// next are the accounts that the stage takes next.
func (r *rescore) next(ctx context.Context, after int64) ([]int64, error) {
	page := store.PlannedPage{ReleaseID: r.in.ReleaseID, After: after, Share: r.in.Share, Back: r.in.Back, Limit: publishedTogether}
	switch r.in.Stage {
	case PublishStage:
		return r.a.Store.NextPlanned(ctx, page)
	case LastPass:
		return r.a.Store.Stragglers(ctx, page)
	case EffectsStage:
		return r.a.Store.WithDueEffects(ctx, r.in.ReleaseID, after, publishedTogether)
	}
	return nil, account.Invalid("stage", "want publish, last pass or effects")
}

func (r *rescore) some(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	var err error
	moved := ids // what was scored meanwhile has moved, whatever was planned
	switch {
	case r.in.Stage == EffectsStage:
		moved = nil
	case r.in.Stage == LastPass:
	case r.in.Back:
		moved, err = r.a.Store.Undo(ctx, r.in.ReleaseID, ids, time.Now())
	default:
		moved, err = r.a.Store.Publish(ctx, r.in.ReleaseID, ids, time.Now())
	}
	for range moves {
		if err != nil || len(moved) == 0 {
			break
		}
		moved, err = r.anew(ctx, moved)
	}
	if err != nil {
		return err
	}
	if len(moved) > 0 {
		return fmt.Errorf("publish %d accounts: %w", len(moved), store.ErrMoved)
	}
	return r.effects(ctx, ids)
}

// anew plans accounts that have moved once more, by what is known now, and publishes that.
// It returns those that have moved again.
func (r *rescore) anew(ctx context.Context, ids []int64) ([]int64, error) {
	p, err := r.a.releasePlanner(ctx, r.in.ReleaseID, r.in.Models, time.Now())
	if err != nil {
		return nil, err
	}
	if err := p.promise(ctx, r.in.ReleaseID, everything, ids); err != nil {
		return nil, err
	}
	page, err := p.Page(ctx, ids)
	if err != nil {
		return nil, err
	}
	var settled []int64
	var due []store.Planned
	gone := slices.Clone(ids) // but for those that the release is still about
	for _, plan := range page {
		gone = slices.DeleteFunc(gone, func(id int64) bool { return id == plan.ID })
		plan.Moved = true
		switch {
		case r.settled(p, plan):
			settled = append(settled, plan.ID)
		case r.in.Stage == PublishStage || plan.Bucket < r.in.Share:
			due = append(due, plan.Planned)
		}
	}
	if err := r.settle(ctx, settled, gone); err != nil {
		return nil, err
	}
	return r.a.Store.PublishAnew(ctx, r.in.ReleaseID, due, p.at, r.in.Back)
}

// settled reports whether a run has scored the account meanwhile as the re-score would have
// it: with the version that is released, or on the way back with another one of that model.
func (r *rescore) settled(p *Planner, plan Planned) bool {
	was := plan.Before.ModelRef()
	if r.in.Back {
		return was.Name == p.candidate.Name && was != p.candidate
	}
	return was == p.candidate
}

// settle takes accounts out that need no score of the re-score's.
func (r *rescore) settle(ctx context.Context, settled, gone []int64) error {
	if r.in.Back {
		return r.a.Store.LeaveBe(ctx, r.in.ReleaseID, append(settled, gone...))
	}
	if err := r.a.Store.Adopt(ctx, r.in.ReleaseID, settled); err != nil {
		return err
	}
	return r.a.Store.DropPlanned(ctx, r.in.ReleaseID, gone)
}

// recordsTogether is how many records of the CRM are read, and written, in one call.
const recordsTogether = 100

// effects brings what changed into the CRM.
func (r *rescore) effects(ctx context.Context, ids []int64) error {
	due, err := r.a.Store.DueEffects(ctx, r.in.ReleaseID, ids)
	if err != nil || len(due) == 0 {
		return err
	}
	if r.a.CRM == nil {
		return errNoCRM
	}
	var busy error
	for len(due) > 0 {
		some := due[:min(recordsTogether, len(due))]
		due = due[len(some):]
		b := &batch{rescore: r}
		if err := b.write(ctx, some); err != nil && !errors.Is(err, store.ErrBusy) {
			return err
		} else if err != nil {
			busy = err // the others first
		}
		r.beat()
	}
	return busy
}

// batch is the effects of up to a hundred accounts.
type batch struct {
	*rescore
	writers []*told
	ended   []store.EndedEffects
}

// told is an account whose record is written, with whom is to be told.
type told struct {
	writer
	due     store.DueEffects
	attempt store.Attempt
	before  store.Effect
	comparison
	failure string
	taskID  string
}

// write brings the latest scores of the accounts into the CRM as [Activities.Apply] does
// for one: what is there is read, and what differs is written, in one call each; what is to
// be written is on record before. Then those people are told whose account has another tier
// or score.
func (b *batch) write(ctx context.Context, due []store.DueEffects) error {
	if err := b.read(ctx, due); err != nil {
		return err
	}
	busy := b.try(ctx)
	if busy != nil && !errors.Is(busy, store.ErrBusy) {
		return busy
	}
	if err := b.update(ctx); err != nil {
		return err
	}
	b.beat()
	telling := b.tell(ctx)
	for _, t := range b.writers {
		if t.failure != errLater {
			b.end(t.due.ID, t.failure, t.taskID)
		}
	}
	return errors.Join(busy, telling, b.a.Store.EndEffects(ctx, b.in.ReleaseID, b.ended))
}

// errLater marks an account that is not through yet.
const errLater = "later"

func (b *batch) end(accountID int64, failure, taskID string) {
	b.ended = append(b.ended, store.EndedEffects{AccountID: accountID, Failure: failure, TaskID: taskID})
}

// read reads the records and the scores that they are to have.
func (b *batch) read(ctx context.Context, due []store.DueEffects) error {
	keys, ids := make([]account.Key, len(due)), make([]int64, len(due))
	for i, d := range due {
		keys[i], ids[i] = d.Key, d.ID
	}
	companies, err := b.a.CRM.Companies(ctx, keys)
	if err != nil {
		return err
	}
	byKey := make(map[account.Key]crm.Company, len(companies))
	for _, c := range companies {
		byKey[c.Key] = c
	}
	last, err := b.a.Store.LatestScores(ctx, ids)
	if err != nil {
		return err
	}
	for _, d := range due {
		company, ok := byKey[d.Key]
		if !ok {
			b.end(d.ID, "the CRM has no company "+d.Key.String()+" (any more)", "")
			continue
		}
		row := last[d.ID]
		m, err := b.a.model(ctx, row.ModelRef())
		if err != nil {
			return err
		}
		w, err := b.a.writer(ctx, m, row, company)
		if err != nil {
			return err
		}
		w.score, w.disown, w.beat = row.ID, d.Disown, b.beat
		w.run = store.ReleaseRun(b.in.ReleaseID)
		w.holder = w.run // of which one activity is under way at a time
		b.writers = append(b.writers, &told{writer: w, due: d, attempt: w.attempt()})
	}
	return nil
}

// try puts on record what is about to be written. An account that has a later score is
// left to whoever scored it; one that another run is writing to now is [store.ErrBusy].
func (b *batch) try(ctx context.Context) error {
	ready, busy := b.begin(ctx, b.writers)
	if busy != nil && !errors.Is(busy, store.ErrBusy) {
		return busy
	}
	var doubtful []*told
	b.writers = b.writers[:0]
	for _, t := range ready {
		if t.doubtful(t.before) {
			doubtful = append(doubtful, t)
			continue
		}
		b.writers = append(b.writers, t)
	}
	if len(doubtful) == 0 {
		return busy
	}
	if err := b.readAgain(ctx, doubtful); err != nil {
		return err
	}
	ready, again := b.begin(ctx, doubtful)
	b.writers = append(b.writers, ready...)
	return errors.Join(busy, again)
}

// readAgain reads the records of accounts that another run may have written to since they
// were read.
func (b *batch) readAgain(ctx context.Context, all []*told) error {
	keys, untouched := make([]account.Key, len(all)), make([]store.Done, len(all))
	for i, t := range all {
		keys[i], untouched[i] = t.company.Key, untried(t.attempt, t.before)
	}
	if err := b.a.Store.FinishEffects(ctx, untouched); err != nil {
		return err
	}
	companies, err := b.a.CRM.Companies(ctx, keys)
	for _, c := range companies {
		for _, t := range all {
			if t.company.Key == c.Key {
				t.company = c
				t.attempt = t.writer.attempt()
			}
		}
	}
	return err
}

// begin returns those of the accounts that may be written to now.
func (b *batch) begin(ctx context.Context, all []*told) (ready []*told, err error) {
	attempts := make([]store.Attempt, len(all))
	for i, t := range all {
		attempts[i] = t.attempt
	}
	if len(attempts) == 0 {
		return nil, nil
	}
	begun, err := b.a.Store.TryEffects(ctx, attempts)
	if err != nil {
		return nil, err
	}
	var busy error
	for _, t := range all {
		before, ok := begun[t.attempt.Key]
		if ok {
			t.before, t.comparison = before, t.compare(t.attempt.Tried, before)
			ready = append(ready, t)
			continue
		}
		row, err := b.a.Store.LatestScore(ctx, t.account)
		switch {
		case err != nil:
			return nil, err
		case row.ID > t.score:
			b.end(t.due.ID, "", "")
		default:
			busy = fmt.Errorf("account %d: %w", t.account, store.ErrBusy)
		}
	}
	return ready, busy
}

// update writes the properties that differ.
func (b *batch) update(ctx context.Context) error {
	var writes []crm.CompanyWrite
	of := make(map[account.Key]*told, len(b.writers))
	for _, t := range b.writers {
		of[t.company.Key] = t
		if len(t.changes) > 0 {
			writes = append(writes, crm.CompanyWrite{Key: t.company.Key, Properties: t.changes})
		}
	}
	done, err := b.a.CRM.UpdateCompanies(ctx, writes)
	if err != nil {
		return err
	}
	for _, d := range done {
		t := of[d.Key]
		if t == nil || d.Refused == "" {
			continue
		}
		if d.Unset { // a person mends it, and the others wait with this one
			return fmt.Errorf("the CRM refuses companies: %s; `starter crm setup` makes the properties and tiers that are missing", d.Refused)
		}
		t.failure = d.Refused
		if err := b.a.Store.FailEffect(ctx, t.attempt.Key, d.Refused); err != nil {
			return err
		}
	}
	var finished []store.Done
	for _, t := range b.writers {
		if t.failure == "" {
			finished = append(finished, t.done(t.attempt.Key, t.company.Key.ID, t.before))
		}
	}
	return b.a.Store.FinishEffects(ctx, finished)
}

// tell writes the notes and tasks, a few accounts at a time.
func (b *batch) tell(ctx context.Context) error {
	errs := make([]error, len(b.writers))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, t := range b.writers {
		if t.failure != "" || !t.due.Changed {
			continue
		}
		g.Go(func() error {
			errs[i] = t.tell(ctx)
			return nil
		})
	}
	_ = g.Wait()
	return errors.Join(errs...)
}

// tell explains the score in the account's note, and gives its owner the task.
func (t *told) tell(ctx context.Context) error {
	steps := []func(context.Context) (EffectDone, error){t.note}
	if t.due.Task {
		steps = append(steps, t.task)
	}
	out, err := t.write(ctx, steps)
	t.taskID = out.TaskID
	switch {
	case err == nil, errors.Is(err, store.ErrSuperseded): // who scored it since tells it
		return nil
	case outbound.OutcomeOf(err) == outbound.BadRequest:
		t.failure = err.Error()
		return nil
	default:
		t.failure = errLater
		return err
	}
}
