package workflows

import (
	"cmp"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
)

// ReconcileInput says how far back the CRM is compared with the record. Without Since it
// goes on where the last one of its schedule ended, and the first one goes Back.
type ReconcileInput struct {
	Since time.Duration `json:"since,omitempty"`
	Back  time.Duration `json:"back,omitempty"` // 0: a week
	// Settle is how long what is new is left alone: the CRM's search lags, and webhooks
	// may be under way. 0: a minute.
	Settle  time.Duration `json:"settle,omitempty"`
	Effects bool          `json:"effects,omitempty"` // compare what was written, too
	DryRun  bool          `json:"dry_run,omitempty"` // report, and start or write nothing

	Resume *ReconcileStatus `json:"resume,omitempty"` // what the run before had come to
}

// ReconcileStatus is how far a comparison is, and what it came to.
type ReconcileStatus struct {
	Stage  string    `json:"stage"` // companies, effects, done
	DryRun bool      `json:"dry_run,omitempty"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"` // not at it

	Companies Companies `json:"companies"`
	Effects   *Effects  `json:"effects,omitempty"` // nil: they are not compared
}

// Companies is what came of the companies that were created in the CRM.
type Companies struct {
	Seen     int           `json:"seen"`
	Started  int           `json:"started"`             // that never had a run; in a dry run, that would be started
	UnderWay int           `json:"under_way,omitempty"` // that got one just now
	Failed   int           `json:"failed,omitempty"`    // whose last run failed
	Missed   []account.Key `json:"missed,omitempty"`    // those that were started, the first of them
	Next     time.Time     `json:"next"`                // where the next page begins
}

// Effects is what came of the accounts whose effects are compared.
type Effects struct {
	Checked  int                            `json:"checked"` // accounts
	Kinds    map[activities.FindingKind]int `json:"kinds,omitempty"`
	Applied  int                            `json:"applied"`          // accounts whose last decision was brought in again
	Failed   int                            `json:"failed,omitempty"` // of these, that the CRM refused
	Findings []activities.Finding           `json:"findings,omitempty"`
	After    int64                          `json:"after"` // the account that it has got to, by its id
	Last     int64                          `json:"last"`  // the one that it goes to
}

const (
	createdPage  = 200 // one search
	comparedPage = 50  // as many as the CRM tells versions of at once
	mostFindings = 200 // that are kept to be shown
	overlap      = time.Hour
)

// stuckAfter is how long an attempt may take before it counts as one that never ended:
// every activity that tries one is given up, or repeated, long before.
const stuckAfter = 10 * time.Minute

// reconciled is the lowest priority but that of sweeps: what arrives by itself goes first.
const reconciled = 4

// Reconcile compares the CRM with what is on record: companies whose webhook never came
// get their run, and what we wrote and is no longer there is written again, unless
// somebody else wrote over it or deleted it. Whatever it does can be done twice.
func Reconcile(ctx workflow.Context, in ReconcileInput) (*ReconcileStatus, error) {
	r, err := newReconcile(ctx, in)
	if err != nil {
		return nil, err
	}
	steps := map[string]func(workflow.Context) error{"companies": r.companies, "effects": r.effects}
	for r.status.Stage != "done" {
		if err := steps[r.status.Stage](ctx); err != nil {
			return nil, err
		}
		r.show(ctx)
		if err := r.tag(ctx); err != nil {
			return nil, err
		}
		if r.status.Stage != "done" && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Resume = r.status
			return nil, workflow.NewContinueAsNewError(ctx, Reconcile, in)
		}
	}
	return r.status, nil
}

// reconcile is one Reconcile under way.
type reconcile struct {
	in     ReconcileInput
	status *ReconcileStatus
}

func newReconcile(ctx workflow.Context, in ReconcileInput) (*reconcile, error) {
	r := &reconcile{in: in, status: in.Resume}
	if r.status == nil {
		r.status = &ReconcileStatus{Stage: "companies", DryRun: in.DryRun}
		r.status.From, r.status.To = in.period(ctx)
		r.status.Companies.Next = r.status.From
	}
	return r, workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (*ReconcileStatus, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "How far the comparison is, what it found and mended"})
}

// period is the time that is looked at. A schedule's goes on where its last one ended, with
// an overlap for what the CRM's index had not seen by then.
func (in ReconcileInput) period(ctx workflow.Context) (from, to time.Time) {
	now := workflow.Now(ctx).UTC()
	to = now.Add(-cmp.Or(in.Settle, time.Minute))
	var last ReconcileStatus
	if in.Since == 0 && workflow.HasLastCompletionResult(ctx) && workflow.GetLastCompletionResult(ctx, &last) == nil && !last.To.IsZero() {
		return last.To.Add(-overlap), to
	}
	return now.Add(-cmp.Or(in.Since, in.Back, 7*24*time.Hour)), to
}

// companies holds the next companies that were created against the runs on record.
func (r *reconcile) companies(ctx workflow.Context) error {
	s := &r.status.Companies
	in := activities.NewCompaniesInput{From: s.Next, To: r.status.To, Limit: createdPage}
	var page activities.NewCompaniesResult
	if err := r.call(ctx, "companies created", a.NewCompanies, in, &page); err != nil {
		return err
	}
	for _, key := range page.Missing {
		if err := r.start(ctx, key); err != nil {
			return err
		}
	}
	s.Seen += page.Seen
	s.Failed += page.Failed
	s.Next = page.Next
	if page.Done {
		return r.nextStage(ctx)
	}
	return nil
}

// nextStage goes on to the effects, or to the end.
func (r *reconcile) nextStage(ctx workflow.Context) error {
	if !r.in.Effects {
		r.status.Stage = "done"
		return nil
	}
	r.status.Stage, r.status.Effects = "effects", &Effects{}
	return workflow.ExecuteLocalActivity(onRecord(ctx, "the last account"), a.LastAccount).Get(ctx, &r.status.Effects.Last)
}

// start gives a company the run that its webhook would have given it. The run is its own:
// nobody waits for it here.
func (r *reconcile) start(ctx workflow.Context, key account.Key) error {
	s := &r.status.Companies
	if !r.in.DryRun {
		ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: CompanyOnboardingID(key, "", ""), StaticSummary: "its webhook never came",
			WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			TypedSearchAttributes: CompanyAttributes(key, ""),
			Priority:              temporal.Priority{PriorityKey: reconciled},
		})
		err := workflow.ExecuteChildWorkflow(ctx, CompanyOnboarding, CompanyOnboardingInput{Key: key}).GetChildWorkflowExecution().Get(ctx, nil)
		if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			s.UnderWay++
			return nil
		}
		if err != nil {
			return err
		}
	}
	s.Started++
	if len(s.Missed) < mostFindings {
		s.Missed = append(s.Missed, key)
	}
	return nil
}

// effects compares the next accounts, and brings the last decision of those into the CRM
// again that lost it.
func (r *reconcile) effects(ctx workflow.Context) error {
	s := r.status.Effects
	in := activities.CompareInput{
		Since: r.status.From, Before: r.status.To, Stuck: r.status.To.Add(-stuckAfter), After: s.After, Limit: comparedPage, DryRun: r.in.DryRun,
	}
	var page activities.CompareResult
	if err := r.call(ctx, "effects", a.CompareEffects, in, &page); err != nil {
		return err
	}
	s.Checked += page.Checked
	s.After = max(s.After, page.After)
	for _, f := range page.Findings {
		s.add(f)
	}
	if err := r.apply(ctx, page.Apply); err != nil {
		return err
	}
	if page.Done {
		r.status.Stage = "done"
	}
	return nil
}

func (s *Effects) add(f activities.Finding) {
	if s.Kinds == nil {
		s.Kinds = map[activities.FindingKind]int{}
	}
	s.Kinds[f.Kind]++
	if len(s.Findings) < mostFindings {
		s.Findings = append(s.Findings, f)
	}
}

// apply brings decisions into the CRM, as the accounts' own runs do. What the CRM refuses
// for good is counted: it is no reason to leave the others.
func (r *reconcile) apply(ctx workflow.Context, all []activities.ApplyInput) error {
	s := r.status.Effects
	if r.in.DryRun {
		s.Applied += len(all)
		return nil
	}
	wg, failed := workflow.NewWaitGroup(ctx), error(nil)
	for _, in := range all {
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			switch err := r.call(ctx, "properties, note, task", a.Apply, in, nil); {
			case err == nil:
				s.Applied++
			case temporal.IsCanceledError(err):
				failed = err
			default:
				s.Failed++
				s.add(activities.Finding{AccountID: in.AccountID, Record: in.Key.String(), Kind: activities.Refused, What: reasonOf(err)})
			}
		})
	}
	wg.Wait(ctx)
	return failed
}

// call makes a CRM call, again and again while the CRM refuses our key.
func (r *reconcile) call(ctx workflow.Context, summary string, activity, in, out any) error {
	lowly := crmCall(ctx, summary)
	options := workflow.GetActivityOptions(lowly)
	options.TaskQueue = BulkQueue
	options.Priority = temporal.Priority{PriorityKey: lowestPriority} // companies that arrive come first
	lowly = workflow.WithActivityOptions(ctx, options)
	return untilAllowed(ctx, func() error { return workflow.ExecuteActivity(lowly, activity, in).Get(ctx, out) }, func() error {
		if err := workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(Waiting+credentials)); err != nil {
			return err
		}
		return await(ctx, credentials, credentialsWait, func() bool { return false })
	})
}

// tag says in the list of runs how far it is.
func (r *reconcile) tag(ctx workflow.Context) error {
	stage := fmt.Sprintf("reconcile: %s, %d companies seen, %d started", r.status.Stage, r.status.Companies.Seen, r.status.Companies.Started)
	if s := r.status.Effects; s != nil {
		stage += fmt.Sprintf(", %d accounts compared (up to id %d of %d), %d mended", s.Checked, s.After, s.Last, s.Applied)
	}
	return workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(clip(stage)))
}

// show tells the Temporal UI how far it is, and what it found.
func (r *reconcile) show(ctx workflow.Context) {
	p, c := &page{}, r.status.Companies
	p.add("**%s**, from %s to %s", r.status.Stage, r.status.From.UTC().Format(time.RFC3339), r.status.To.UTC().Format(time.RFC3339))
	if r.in.DryRun {
		p.add(" (dry run: nothing is started or written)")
	}
	p.add("\n\n%d companies created, **%d without a run**", c.Seen, c.Started)
	if c.Failed > 0 {
		p.add(", %d whose run failed: `starter run redrive --failed`", c.Failed)
	}
	if s := r.status.Effects; s != nil {
		p.add("\n\n%d accounts compared (up to id %d of %d), %d brought into the CRM again, %d refused\n", s.Checked, s.After, s.Last, s.Applied, s.Failed)
		for _, kind := range workflow.DeterministicKeys(s.Kinds) {
			p.add("\n- %s: %d", kind, s.Kinds[kind])
		}
	}
	workflow.SetCurrentDetails(ctx, p.String())
}
