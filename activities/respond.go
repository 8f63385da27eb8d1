package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

// ResponseInput names an account with news, and the day on which a rep hears of it.
type ResponseInput struct {
	AccountID int64  `json:"account_id"`
	Day       string `json:"day"` // YYYY-MM-DD, in the zone of the schedule
	// Decay asks for a new score even without news: time alone may have changed it.
	Decay bool `json:"decay,omitempty"`
}

// Decayed is the outcome of a response without news, to an account whose score time
// alone may have changed.
const Decayed = "decay"

// DueInput asks for the next accounts whose score time alone may have changed.
type DueInput struct {
	After int64 `json:"after"` // the account that was scored last
	Limit int   `json:"limit"`
}

// Due returns the next accounts whose score time alone may have changed: a signal has
// left its window, has decayed, or a tier was kept for as long as it is kept.
func (a *Activities) Due(ctx context.Context, in DueInput) ([]int64, error) {
	ids, err := a.Store.DueForRescore(ctx, in.After, time.Now(), in.Limit)
	return ids, failure(err)
}

// Brief is the news that one response is about; what comes later is for the next.
type Brief struct {
	Score   ScoreInput  `json:"score"` // to be worked out anew
	Key     account.Key `json:"key,omitzero"`
	Signals []int64     `json:"signals"`
}

// ReadNews reads what has happened to an account and was not answered, and who owns it.
// An account without a CRM record, or whose record is gone, has no key.
func (a *Activities) ReadNews(ctx context.Context, in ResponseInput) (Brief, error) {
	acc, err := a.Store.Account(ctx, in.AccountID)
	if err != nil {
		return Brief{}, failure(err)
	}
	news, err := a.news(ctx, in.AccountID, nil)
	if err != nil {
		return Brief{}, failure(err)
	}
	inForce, err := a.inForce(ctx)
	if err != nil {
		return Brief{}, failure(err)
	}
	pinned, models, err := a.pin(ctx, inForce, acc)
	if err != nil {
		return Brief{}, failure(err)
	}
	plan, _ := a.waterfall(models...)
	b := Brief{Score: ScoreInput{AccountID: acc.ID, Models: pinned, Plan: plan, Pass: 1, Cause: "signal"}}
	for _, g := range news {
		b.Signals = append(b.Signals, g.ID)
	}
	if in.Decay && len(news) == 0 {
		b.Score.Cause = Decayed
	}
	return a.owned(ctx, acc, b)
}

// news returns these signals of the account, the latest first; those that were not
// answered if ids is nil.
func (a *Activities) news(ctx context.Context, accountID int64, ids []int64) ([]store.Signal, error) {
	all, err := a.Store.Signals(ctx, accountID)
	news := slices.DeleteFunc(all, func(g store.Signal) bool {
		if ids != nil {
			return !slices.Contains(ids, g.ID)
		}
		return !g.AnsweredAt.IsZero()
	})
	slices.Reverse(news)
	return news, err
}

// TellNewsInput names the news and where it is written to.
type TellNewsInput struct {
	AccountID int64       `json:"account_id"`
	Key       account.Key `json:"key"`
	Model     ModelRef    `json:"model"`
	Signals   []int64     `json:"signals"`
}

// TellNews writes the news into the CRM as a note: what happened, when, whom it is
// about, where we read it and why it matters. It comes before anything is decided on
// it, so that whoever is called knows why.
func (a *Activities) TellNews(ctx context.Context, in TellNewsInput) (EffectDone, error) {
	w, news, err := a.newsWriter(ctx, in)
	if err != nil {
		return EffectDone{}, err
	}
	n := crm.Note{Key: newsKey(in.Key, crm.NoteEffect, in.Signals), Body: tell(w.model, news), At: news[0].FoundAt}
	tried := map[string]string{"text": digest(n.Body)}
	done, err := w.once(ctx, crm.NoteEffect, n.Key, tried, steps{
		find:   func() (string, error) { return w.crm.FindNote(ctx, in.Key, n.Key) },
		create: func() (string, error) { return w.crm.CreateNote(ctx, in.Key, n) },
		// What a response told that failed later is told again with what came since.
		update: func(id string) error { return w.crm.UpdateNote(ctx, id, n) },
	})
	return done, crmFailure(err)
}

// newsKey names an effect by the first of the signals that it is about: a signal is
// answered once.
func newsKey(company account.Key, kind crm.EffectKind, ids []int64) string {
	return crm.EffectKey(company, kind, fmt.Sprintf("news/%d", slices.Min(ids)))
}

// newsWriter has the effects of some news. Errors come as activities hand them over.
func (a *Activities) newsWriter(ctx context.Context, in TellNewsInput) (writer, []store.Signal, error) {
	if a.CRM == nil {
		return writer{}, nil, errNoCRM
	}
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return writer{}, nil, failure(err)
	}
	acc, err := a.Store.Account(ctx, in.AccountID)
	if err != nil {
		return writer{}, nil, failure(err)
	}
	news, err := a.news(ctx, in.AccountID, in.Signals)
	if err != nil {
		return writer{}, nil, failure(err)
	}
	if len(news) == 0 {
		return writer{}, nil, failure(account.Invalid("signals", "none of them is on record any more"))
	}
	row, err := a.Store.LatestScore(ctx, in.AccountID)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return writer{}, nil, failure(err)
	}
	row.AccountID = acc.ID
	w, err := a.writer(ctx, m, row, crm.Company{Key: in.Key, Name: acc.Name, Domain: acc.Domain})
	return w, news, failure(err)
}

// tell writes the news for people.
func tell(m *icp.Model, news []store.Signal) string {
	var b strings.Builder
	for i, g := range news {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s (%s)\n", strings.ReplaceAll(g.Kind, "_", " "), g.Summary, g.OccurredAt.Format(time.DateOnly))
		if g.Concerns != "" {
			fmt.Fprintf(&b, "Concerns: %s\n", g.Concerns)
		}
		for _, e := range g.Evidence {
			fmt.Fprintf(&b, "Read at %s, %s: %s %s\n", e.Source, e.At.Format(time.DateOnly), e.Title, e.URL)
		}
		fmt.Fprintf(&b, "Why it matters: %s\n", m.Matters(g.Kind))
		if g.Confidence < lowTrust {
			fmt.Fprintf(&b, "Low trust: we are %.0f %% sure that this is about them.\n", 100*g.Confidence)
		}
		if g.Stop {
			b.WriteString("This is a reason to stop working the account.\n")
		}
	}
	return b.String()
}

// lowTrust is the confidence below which people are told so.
const lowTrust = 0.5

// DecideInput is what a response knows when it decides on a task.
type DecideInput struct {
	TellNewsInput
	Owner string `json:"owner,omitempty"`
	Day   string `json:"day"`
}

// Decision is what was done about the news.
type Decision struct {
	Outcome string   `json:"outcome"` // of package store: task, appended, digest, cooldown, …
	Reason  string   `json:"reason,omitempty"`
	TaskID  string   `json:"task_id,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
}

// Prompted reports whether the rep hears of the news by a task, at once or in a digest.
func (d Decision) Prompted() bool {
	return d.Outcome == store.TaskMade || d.Outcome == store.TaskAppended || d.Digested()
}

// Digested reports whether the rep hears of the news in the day's digest.
func (d Decision) Digested() bool { return d.Outcome == store.InDigest }

// Decide gives the owner a task where the model's trigger_task asks for one: a new one,
// or more text for one that is still open; none for kinds that cool down or beyond the
// owner's daily cap. What was decided is on record before it is done, and the signals
// are answered after it.
func (a *Activities) Decide(ctx context.Context, in DecideInput) (Decision, error) {
	if in.Key.IsZero() {
		return a.unwritten(ctx, in)
	}
	w, news, err := a.newsWriter(ctx, in.TellNewsInput)
	if err != nil {
		return Decision{}, err
	}
	d, err := a.decide(ctx, w, in, news)
	if err != nil {
		return Decision{}, crmFailure(err)
	}
	out := Decision{Outcome: d.Outcome, Reason: d.Reason, Kinds: d.Kinds}
	if out.TaskID, err = w.prompt(ctx, in, d, news); err != nil {
		return Decision{}, crmFailure(err)
	}
	return out, failure(a.Store.Answer(ctx, in.Signals, time.Now()))
}

// unwritten answers news of an account that has no record to write to.
func (a *Activities) unwritten(ctx context.Context, in DecideInput) (Decision, error) {
	r := store.Response{Outcome: store.NoRecord, Reason: "the account has no record in the CRM"}
	kept, err := a.Store.SaveResponse(ctx, in.response(ctx, r), 0)
	if err != nil {
		return Decision{}, failure(err)
	}
	return Decision{Outcome: kept.Outcome, Reason: kept.Reason}, failure(a.Store.Answer(ctx, in.Signals, time.Now()))
}

func (in DecideInput) response(ctx context.Context, r store.Response) store.Response {
	r.RunID, r.AccountID = activity.GetInfo(ctx).WorkflowExecution.RunID, in.AccountID
	r.Signals, r.Day, r.OwnerID = in.Signals, in.Day, in.Owner
	return r
}

// decide settles what becomes of the news, and keeps it.
func (a *Activities) decide(ctx context.Context, w writer, in DecideInput, news []store.Signal) (store.Response, error) {
	r, err := a.judge(ctx, w, in, news)
	if err != nil {
		return store.Response{}, err
	}
	r.Value, r.Fit = w.counts.Value, w.counts.Fit
	return a.Store.SaveResponse(ctx, in.response(ctx, r), a.DailyCap)
}

func (a *Activities) judge(ctx context.Context, w writer, in DecideInput, news []store.Signal) (store.Response, error) {
	if at := slices.IndexFunc(news, func(g store.Signal) bool { return g.Stop }); at >= 0 {
		return store.Response{Outcome: store.Stopped, Reason: news[at].Summary}, nil
	}
	trigger, kinds := w.model.TriggerTask, w.model.Triggers(kindsOf(news))
	switch {
	case trigger == nil:
		return store.Response{Outcome: store.NotDue, Reason: w.model.ID() + " asks for no task"}, nil
	case len(kinds) == 0:
		return store.Response{Outcome: store.NotDue, Reason: w.model.ID() + " gives nothing for " + strings.Join(kindsOf(news), ", ")}, nil
	case !trigger.Due(w.counts, true):
		return store.Response{Outcome: store.NotDue, Reason: fmt.Sprintf("fit is %d: the task is due when %s", w.counts.Fit, trigger.When)}, nil
	}
	run := activity.GetInfo(ctx).WorkflowExecution.RunID
	cooled, err := a.Store.CooledKinds(ctx, in.AccountID, run, kinds, time.Now().Add(-trigger.Cooldown))
	if err != nil {
		return store.Response{}, err
	}
	fresh := slices.DeleteFunc(kinds, func(k string) bool { return slices.Contains(cooled, k) })
	if len(fresh) == 0 {
		return store.Response{Outcome: store.Cooling, Reason: "there was a task for " + strings.Join(cooled, ", ") + " in the last " + icp.Days(trigger.Cooldown)}, nil
	}
	open, err := a.openTask(ctx, in.AccountID)
	if errors.Is(err, account.ErrNotFound) {
		return store.Response{Outcome: store.TaskMade, Kinds: fresh}, nil
	}
	return store.Response{Outcome: store.TaskAppended, Kinds: fresh, TaskID: open, Reason: "a task is open"}, err
}

// openTask returns the last task of ours that nobody has completed.
func (a *Activities) openTask(ctx context.Context, accountID int64) (string, error) {
	effects, err := a.Store.Effects(ctx, accountID)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, e := range effects {
		if e.Kind == crm.TaskEffect && e.CRMID != "" && !strings.HasPrefix(e.Key, digestPrefix) {
			ids = append(ids, e.CRMID)
		}
	}
	if len(ids) == 0 {
		return "", account.ErrNotFound
	}
	return a.CRM.OpenTask(ctx, ids...)
}

func kindsOf(news []store.Signal) []string {
	var kinds []string
	for _, g := range news {
		if !slices.Contains(kinds, g.Kind) {
			kinds = append(kinds, g.Kind)
		}
	}
	return kinds
}

// prompt brings the decision to the rep, and returns the task's id where there is one.
func (w writer) prompt(ctx context.Context, in DecideInput, d store.Response, news []store.Signal) (string, error) {
	if d.Outcome != store.TaskMade && d.Outcome != store.TaskAppended {
		return "", nil
	}
	trigger := w.model.TriggerTask
	about := slices.DeleteFunc(slices.Clone(news), func(g store.Signal) bool { return !slices.Contains(d.Kinds, g.Kind) })
	t := crm.Task{
		Key:     newsKey(in.Key, crm.TaskEffect, in.Signals),
		Subject: w.headline(about), Body: tell(w.model, about) + "\n" + w.explanation(),
		Due: w.row.ScoredAt.Add(trigger.DueIn), Priority: trigger.Priority, OwnerID: in.Owner,
	}
	s := steps{
		find:   func() (string, error) { return w.crm.FindTask(ctx, in.Key, t.Key) },
		create: func() (string, error) { return w.crm.CreateTask(ctx, in.Key, t) },
	}
	if d.Outcome == store.TaskAppended {
		create := s.create
		s.onto = "task " + d.TaskID
		s.create = func() (string, error) {
			err := w.crm.AppendTask(ctx, d.TaskID, t)
			if errors.Is(err, account.ErrNotFound) { // somebody has deleted it since
				return create()
			}
			return d.TaskID, err
		}
	}
	done, err := w.once(ctx, crm.TaskEffect, t.Key, nil, s)
	return done.CRMID, err
}

// headline is the reason to call in one line.
func (w writer) headline(news []store.Signal) string {
	line := cmp.Or(w.company.Name, w.company.Domain) + ": " + news[0].Summary
	if more := len(news) - 1; more > 0 {
		line += fmt.Sprintf(" (and %d more)", more)
	}
	return line
}
