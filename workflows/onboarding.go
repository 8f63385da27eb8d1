package workflows

import (
	"cmp"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/waterfall"
)

// CompanyChanged is the signal that the company is to be looked at again: its
// domain or name changed, or somebody asked. The run absorbs it.
const CompanyChanged = "company-changed"

// StatusQuery answers with the run's [Status].
const StatusQuery = "status"

// CompanyOnboardingInput says which company: a CRM record, or a domain or name
// where there is no record.
type CompanyOnboardingInput struct {
	Key      account.Key `json:"key,omitzero"`
	Domain   string      `json:"domain,omitempty"`
	Name     string      `json:"name,omitempty"`
	ImportID string      `json:"import_id,omitempty"` // whose budget the run spends
}

// Change is a reason to look at the company again. A key that was seen is ignored.
type Change struct {
	Event string `json:"event"`
}

// What can be said of a run.
const (
	Running   = "running"
	Completed = "completed"
	Refused   = "refused" // not a company that can be followed; the reason says why
	Failed    = "failed"  // only on record: the run itself ends with an error
)

// Status is what is known of a run: while it runs, and as its result.
type Status struct {
	Status    string                           `json:"status"`
	Stage     string                           `json:"stage"`
	Reason    string                           `json:"reason,omitempty"`
	AccountID int64                            `json:"account_id,omitempty"`
	Domain    string                           `json:"domain,omitempty"`
	Key       account.Key                      `json:"key,omitzero"`
	Model     activities.ModelRef              `json:"model,omitzero"`
	Score     *activities.ScoreResult          `json:"score,omitempty"`
	Providers []ProviderStatus                 `json:"providers,omitempty"`
	Stop      map[account.Field]waterfall.Stop `json:"stop,omitempty"`
	Effects   []activities.EffectDone          `json:"effects,omitempty"`
	TaskID    string                           `json:"task_id,omitempty"`
	Contacts  *activities.ScoreContactsResult  `json:"contacts,omitempty"`
	Passes    int                              `json:"passes,omitempty"`
}

// ProviderStatus is how asking one provider ended, the last time.
type ProviderStatus struct {
	Name    string           `json:"name"`
	Outcome outbound.Outcome `json:"outcome"`
	Fields  []account.Field  `json:"fields,omitempty"`
	Credits float64          `json:"credits"`
	MS      int64            `json:"ms"` // by the run's clock, queue and retries included
	Asked   int              `json:"asked"`
	Skipped int              `json:"skipped,omitempty"` // visits that its open breaker ended before a call
}

// CompanyOnboarding takes a company to a scored, routed account with its effects
// in the CRM, and comes back for what a provider could not say the first time.
func CompanyOnboarding(ctx workflow.Context, in CompanyOnboardingInput) (*Status, error) {
	o, err := newOnboarding(ctx, in) // answers status and absorbs changes from here on
	if err != nil {
		return nil, err
	}
	for {
		if err := o.identify(ctx); err != nil {
			return o.refusedOr(ctx, err)
		}
		if err := o.enrichAndAct(ctx); err != nil {
			return o.refusedOr(ctx, err)
		}
		if o.changed {
			continue
		}
		done, err := o.finish(ctx, Completed, "")
		if err != nil || !o.changed { // a change that came while finishing would be lost with the run
			return done, err
		}
	}
}

// enrichAndAct runs the steps, and again each time that a provider which was out
// of reach may be back.
func (o *onboarding) enrichAndAct(ctx workflow.Context) error {
	for {
		for _, step := range []func(workflow.Context) error{o.waterfall, o.meetContacts, o.score, o.act} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if again, err := o.waitForLateFill(ctx); err != nil || !again {
			return err
		}
	}
}

// identify settles which company this is, and what is to be found out about it.
func (o *onboarding) identify(ctx workflow.Context) error {
	o.stage(ctx, "identify")
	o.changed = false // whatever changed until now is read now
	in := activities.IdentifyInput{Key: o.in.Key, Domain: o.in.Domain, Name: o.in.Name}
	var who activities.IdentifyResult
	if err := o.callCRM(ctx, "read the company", a.Identify, in, &who); err != nil {
		return err
	}
	o.meet(ctx, who)
	return nil
}

// waterfall asks providers in the plan's order until nothing needed is missing. A
// provider that fails costs coverage, not the run; only cancellation ends it. On a
// return only those are asked that could not be asked before.
func (o *onboarding) waterfall(ctx workflow.Context) error {
	o.stage(ctx, "enrich")
	for _, source := range o.who.Plan.Sources {
		if !o.due(ctx, source) {
			continue
		}
		if back := o.outOfReach[source.Provider]; back.After(workflow.Now(ctx)) {
			o.passBy(ctx, source, back)
			continue
		}
		started := workflow.Now(ctx)
		ask := activities.AskInput{
			AccountID: o.who.AccountID, Provider: source.Provider, Plan: o.who.Plan,
			ImportID: o.in.ImportID, Late: o.returns > 0,
		}
		var got activities.AskResult
		err := workflow.ExecuteActivity(providerCall(ctx, source.Provider, o.returns > 0), a.Ask, ask).Get(ctx, &got)
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			got = o.unanswered(ctx, source.Provider, err)
		}
		o.note(ctx, source, got, workflow.Now(ctx).Sub(started))
	}
	o.status.Stop = o.who.Plan.Stops(o.missing, o.ended)
	return nil
}

// passBy leaves out a provider whose breaker is known to be open: to ask would be to
// hear just that. Late fill comes back for it.
func (o *onboarding) passBy(ctx workflow.Context, s waterfall.Source, back time.Time) {
	o.passedBy = append(o.passedBy, s.Provider)
	skip := activities.AskResult{
		Outcome: outbound.SkippedBreaker, Missing: o.missing, RetryAfter: back.Sub(workflow.Now(ctx)),
	}
	o.note(ctx, s, skip, 0)
}

// hear takes in which providers are out of reach, and for how long.
func (o *onboarding) hear(ctx workflow.Context, waits map[string]time.Duration) {
	for _, provider := range workflow.DeterministicKeys(waits) {
		o.outOfReach[provider] = workflow.Now(ctx).Add(waits[provider])
	}
}

// due reports whether the source is to be asked on this pass.
func (o *onboarding) due(ctx workflow.Context, s waterfall.Source) bool {
	if o.returns > 0 {
		back, parked := o.parked[s.Provider]
		return parked && !back.After(workflow.Now(ctx))
	}
	return s.CanFill(o.missing)
}

// score rates and routes the account on what is known by now.
func (o *onboarding) score(ctx workflow.Context) error {
	if o.returns > 0 && !o.learned {
		return nil // nothing new since the last pass
	}
	return o.rescore(ctx, "")
}

// rescore rates and routes the account for a cause; "" where that is to be worked out.
func (o *onboarding) rescore(ctx workflow.Context, cause string) error {
	o.status.Passes++
	in := activities.ScoreInput{
		AccountID: o.who.AccountID, Models: o.who.Models, Plan: o.who.Plan, Pass: o.status.Passes, Owner: o.who.Owner,
		Cause: cause, PassedBy: o.passedBy,
	}
	o.passedBy = nil
	var decided activities.ScoreResult
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "score and route"), a.Score, in).Get(ctx, &decided); err != nil {
		return err
	}
	if o.status.Score == nil || o.status.Score.ScoreID <= decided.ScoreID { // else an override came in between
		o.status.Score = &decided
		if decided.Model.Name != "" {
			o.status.Model = decided.Model
		}
	}
	o.tell("pass %d: %s, score %d%s%s", in.Pass, decided.Tier, decided.Value, machine(&decided), o.without())
	switch o.revision = decided.Revision; {
	case o.revision == 0:
		return o.tag(ctx, "effects")
	case o.revision < second:
		return o.tag(ctx, scored)
	default:
		o.stage(ctx, scored)
		o.pinContactModel(o.who.ContactModel) // that another worker may have told of before, to one that did not look at it
		return nil
	}
}

// act brings into the CRM what follows for the company and, side by side with that, for its
// people. A run that does not know yet which model rates these learns it with the effects.
func (o *onboarding) act(ctx workflow.Context) error {
	if o.rates == (activities.ModelRef{}) {
		if err := o.apply(ctx); err != nil {
			return err
		}
		return o.contacts(ctx)
	}
	people, met := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) { met.SetError(o.contacts(ctx)) })
	return cmp.Or(o.apply(ctx), people.Get(ctx, nil))
}

// apply brings the decision into the CRM.
func (o *onboarding) apply(ctx workflow.Context) error {
	if o.returns > 0 && !o.learned {
		return nil
	}
	return o.write(ctx)
}

func (o *onboarding) write(ctx workflow.Context) error {
	if o.who.Key.IsZero() {
		return nil
	}
	o.stage(ctx, "effects")
	in := activities.ApplyInput{AccountID: o.who.AccountID, Key: o.who.Key, Pinned: o.rates != activities.ModelRef{}}
	var applied activities.ApplyResult
	err := o.callCRM(ctx, "properties, note, task", a.Apply, in, &applied)
	o.status.Effects, o.status.TaskID = applied.Effects, applied.TaskID
	o.pinContactModel(applied.ContactModel)
	return err
}

// callCRM makes a call to the CRM for as long as it takes. A CRM that keeps it from
// succeeding soon is what the list of runs says that the run waits for.
func (o *onboarding) callCRM(ctx workflow.Context, summary string, step, in, out any) error {
	err := o.untilAllowed(ctx, func() error {
		return workflow.ExecuteActivity(soon(crmCall(ctx, summary)), step, in).Get(ctx, out)
	})
	if !triedInVain(err) {
		return err
	}
	if theCRMs(err) {
		if err := o.tag(ctx, Waiting+CRMAway); err != nil {
			return err
		}
	}
	return o.untilAllowed(ctx, func() error {
		return workflow.ExecuteActivity(crmCall(ctx, summary), step, in).Get(ctx, out)
	})
}

func (o *onboarding) untilAllowed(ctx workflow.Context, call func() error) error {
	return untilAllowed(ctx, call, func() error {
		return o.wait(ctx, credentials, credentialsWait, func() bool { return false })
	})
}

// waitForLateFill waits until a parked provider may be back, and says whether to
// go round again. It gives up after the number of returns and the time that the
// settings allow. A change of the company ends it early, with a new look.
func (o *onboarding) waitForLateFill(ctx workflow.Context) (bool, error) {
	fill, now := o.who.LateFill, workflow.Now(ctx)
	left := fill.Within - now.Sub(o.began)
	if len(o.parked) == 0 || o.returns >= fill.Returns || left <= 0 {
		return false, nil
	}
	first, back := o.firstBack()
	delay := min(max(back.Sub(now), fill.Wait<<min(o.returns, 6)), left)
	o.returns++
	o.learned = false
	o.tell("waited up to %s for %s", delay.Round(time.Second), first)
	if err := o.park(ctx, first); err != nil {
		return false, err
	}
	err := o.wait(ctx, first+" circuit", delay, func() bool { return o.changed })
	return !o.changed, err
}

// park puts on record what the run has come to, and what it waits for. Once is
// enough: later waits change nothing but the provider.
func (o *onboarding) park(ctx workflow.Context, provider string) error {
	if o.returns > 1 {
		return nil
	}
	in := activities.FinishInput{
		AccountID: o.status.AccountID, Status: Running, Reason: "waits for " + provider, Stop: o.status.Stop,
	}
	return workflow.ExecuteLocalActivity(onRecord(ctx, "keep what is known"), a.Park, in).Get(ctx, nil)
}

// firstBack is the parked provider that may be back before the others.
func (o *onboarding) firstBack() (provider string, at time.Time) {
	for _, p := range workflow.DeterministicKeys(o.parked) {
		if provider == "" || o.parked[p].Before(at) {
			provider, at = p, o.parked[p]
		}
	}
	return provider, at
}

// finish ends the run. Handlers that are still at work are waited for: what they
// were told would be lost with the run.
func (o *onboarding) finish(ctx workflow.Context, status, reason string) (*Status, error) {
	o.status.Status, o.status.Reason = status, reason
	in := activities.FinishInput{AccountID: o.status.AccountID, Status: status, Reason: reason, Stop: o.status.Stop}
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "keep the result"), a.Finish, in).Get(ctx, nil); err != nil {
		return nil, err
	}
	if o.revision < second && o.tagged == scored && status == Completed { // the list says that already
		o.stage(ctx, "done")
	} else if err := o.tag(ctx, "done"); err != nil {
		return nil, err
	}
	return o.status, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// refusedOr ends the run well when the company cannot be followed. Any other error
// fails it: that is put on record too, so that it can be found and redriven.
func (o *onboarding) refusedOr(ctx workflow.Context, err error) (*Status, error) {
	if failedAs(err, activities.Invalid) || failedAs(err, activities.RecordGone) {
		return o.finish(ctx, Refused, reasonOf(err))
	}
	if temporal.IsCanceledError(err) {
		return nil, err
	}
	if o.revision >= second {
		if tagged := o.tag(ctx, o.status.Stage); tagged != nil {
			return nil, tagged
		}
	}
	in := activities.FinishInput{AccountID: o.status.AccountID, Status: Failed, Reason: reasonOf(err), Stage: o.status.Stage, Stop: o.status.Stop}
	if kept := workflow.ExecuteLocalActivity(onRecord(ctx, "keep the failure"), a.Finish, in).Get(ctx, nil); kept != nil {
		workflow.GetLogger(ctx).Error("The failure is not on record", "error", kept)
	}
	return nil, err
}

// onboarding is what the steps of one run share.
type onboarding struct {
	in      CompanyOnboardingInput
	began   time.Time
	seen    []string // event keys
	changed bool     // whether one came since the company was last read

	who        activities.IdentifyResult
	missing    []account.Field
	ended      map[string]waterfall.Ended // by provider
	parked     map[string]time.Time       // providers that brought no answer, and when they may be back
	outOfReach map[string]time.Time       // providers that need not be asked before then, parked or not
	passedBy   []string                   // providers that were not asked since the last score
	rates      activities.ModelRef        // the model for contacts; zero if they are not scored
	returns    int                        // for late fill
	learned    bool                       // whether a return brought anything new
	revision   int                        // of the process, by the last decision
	tagged     string                     // the stage that the list of runs has
	status     *Status
	story      []string // for the details: what a later pass changed is not in the status
}

func newOnboarding(ctx workflow.Context, in CompanyOnboardingInput) (*onboarding, error) {
	o := &onboarding{
		in: in, began: workflow.Now(ctx),
		status: &Status{Status: Running, Domain: in.Domain, Key: in.Key},
	}
	changes := workflow.GetSignalChannel(ctx, CompanyChanged)
	for o.absorb(changes.ReceiveAsync) { // the change that started the run is part of it
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		for o.absorb(func(c any) bool { return changes.Receive(ctx, c) }) {
		}
	})
	if err := o.answerOverrides(ctx); err != nil {
		return nil, err
	}
	return o, workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (*Status, error) { return o.status, nil },
		workflow.QueryHandlerOptions{Description: "Where the run is, what it found and decided"})
}

// meet takes in who the company is, and forgets what an earlier look had planned.
func (o *onboarding) meet(ctx workflow.Context, who activities.IdentifyResult) {
	o.who, o.missing = who, who.Plan.Need.Fields
	o.ended, o.parked = map[string]waterfall.Ended{}, map[string]time.Time{}
	o.outOfReach, o.passedBy = map[string]time.Time{}, nil
	o.rates = activities.ModelRef{}
	o.hear(ctx, who.OutOfReach)
	o.returns, o.learned = 0, true
	o.status.AccountID, o.status.Domain, o.status.Key, o.status.Model = who.AccountID, who.Domain, who.Key, who.Model
	o.status.Providers = nil
	for _, p := range who.Unconfigured {
		o.status.Providers = append(o.status.Providers, ProviderStatus{Name: p, Outcome: outbound.SkippedUnconfigured})
	}
	if who.Duplicates > 0 {
		workflow.GetLogger(ctx).Warn("Other CRM records have the same domain", "domain", who.Domain, "records", who.Duplicates)
	}
}

// note takes in how asking a provider ended.
func (o *onboarding) note(ctx workflow.Context, s waterfall.Source, got activities.AskResult, took time.Duration) {
	o.hear(ctx, got.OutOfReach)
	o.ended[s.Provider] = ended(got.Outcome)
	delete(o.parked, s.Provider)
	if o.ended[s.Provider] == waterfall.Away {
		o.parked[s.Provider] = workflow.Now(ctx).Add(got.RetryAfter)
	} else {
		o.missing = got.Missing
		o.learned = o.learned || len(got.Fields) > 0
	}
	i := slices.IndexFunc(o.status.Providers, func(p ProviderStatus) bool { return p.Name == s.Provider })
	if i < 0 {
		i = len(o.status.Providers)
		o.status.Providers = append(o.status.Providers, ProviderStatus{Name: s.Provider})
	}
	p := &o.status.Providers[i]
	p.Outcome, p.Fields = got.Outcome, got.Fields
	p.Credits += got.Credits
	p.MS += took.Milliseconds()
	if got.Outcome == outbound.SkippedBreaker {
		p.Skipped++
	} else {
		p.Asked++
	}
	o.show(ctx)
}

// ended tells the outcomes that stopping depends on apart.
func ended(o outbound.Outcome) waterfall.Ended {
	switch o {
	case outbound.SkippedBreaker, outbound.Throttled, outbound.ProviderError, outbound.Pending:
		return waterfall.Away
	case outbound.SkippedBudget:
		return waterfall.OverBudget
	default:
		return waterfall.Answered
	}
}

// unanswered reads the outcome and the time to come back from a failed Ask.
func (o *onboarding) unanswered(ctx workflow.Context, provider string, err error) activities.AskResult {
	got := activities.AskResult{Outcome: outbound.ProviderError, Missing: o.missing}
	if appErr, ok := applicationError(err); ok {
		switch kind := outbound.Outcome(appErr.Type()); {
		case appErr.Type() == activities.CircuitOpen:
			got.Outcome = outbound.SkippedBreaker
		case slices.Contains(failures, kind):
			got.Outcome = kind
		}
		_ = appErr.Details(&got.RetryAfter) // none: the run's own wait decides
	}
	workflow.GetLogger(ctx).Info("Provider brought no answer", "provider", provider, "outcome", string(got.Outcome))
	return got
}

var failures = []outbound.Outcome{outbound.Throttled, outbound.QuotaExhausted, outbound.AuthFailed, outbound.BadRequest}

// absorb takes in one change, if there is one. An event that was seen is ignored.
func (o *onboarding) absorb(receive func(any) bool) bool {
	var c Change
	if !receive(&c) {
		return false
	}
	if c.Event == "" || !slices.Contains(o.seen, c.Event) {
		o.seen = append(o.seen, c.Event)
		o.changed = true
	}
	return true
}

// wait is durable, ends early when enough holds, and says in the list of runs what
// the run waits for.
func (o *onboarding) wait(ctx workflow.Context, what string, d time.Duration, enough func() bool) error {
	if err := o.tag(ctx, Waiting+what); err != nil {
		return err
	}
	return await(ctx, what, d, enough)
}
