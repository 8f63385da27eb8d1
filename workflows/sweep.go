package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// SweepInput says what a sweep looks at. The zero value is the whole target list, now.
type SweepInput struct {
	Account string        `json:"account,omitempty"` // a domain: only its accounts
	Window  time.Duration `json:"window,omitempty"`  // how far back news goes; 0: the model's first_sight
	At      time.Time     `json:"at,omitzero"`       // look as if it were then; zero: when the sweep starts
	DryRun  bool          `json:"dry_run,omitempty"` // find, and keep or write nothing

	Resume *SweepStatus `json:"resume,omitempty"` // what the run before had come to
}

// SweepStatus is how far a sweep is, and what it came to.
type SweepStatus struct {
	Stage    string               `json:"stage"` // look, respond, done
	At       time.Time            `json:"at"`    // the night: the same for every look
	Day      string               `json:"day"`   // of it, in the schedule's zone
	Plan     activities.SweepPlan `json:"plan"`
	Sources  []SourceStatus       `json:"sources,omitempty"`
	Signals  int                  `json:"signals"`            // that are new
	Accounts int                  `json:"accounts"`           // with news that were answered
	Outcomes map[string]int       `json:"outcomes,omitempty"` // what became of them: task, appended, digest, …
	Failed   int                  `json:"failed,omitempty"`   // responses that failed: the next sweep tries again
	Pending  int                  `json:"pending,omitempty"`  // responses that still wait for the CRM
	Digest   bool                 `json:"digest,omitempty"`   // whether some news is for a digest
	Digests  int                  `json:"digests,omitempty"`
	Answered activities.NewsOf    `json:"answered,omitzero"` // the account that was answered last
	Decayed  int64                `json:"decayed,omitempty"` // the account that was scored anew last, for its age alone
}

// SignalSweep is the night: every source looks at the whole target list, each at its
// own pace; then every account with news gets a response, the best first; then those are
// scored anew whose score time alone has changed; then the digests are written. A source
// that fails costs its own news only, and catches up in the next night.
func SignalSweep(ctx workflow.Context, in SweepInput) (*SweepStatus, error) {
	s, err := newSweep(ctx, in)
	if err != nil {
		return nil, err
	}
	if s.status.Stage == "look" {
		if err := s.look(ctx); err != nil || in.DryRun {
			return s.done(ctx), err
		}
	}
	for _, step := range s.steps(ctx) {
		for more := true; more; {
			var err error
			if more, err = step(ctx); err != nil {
				return nil, err
			}
			if more && (workflow.GetInfo(ctx).GetContinueAsNewSuggested() || s.answers >= answersPerRun) {
				in.Resume = s.status
				return nil, workflow.NewContinueAsNewError(ctx, SignalSweep, in)
			}
		}
	}
	if err := s.digest(ctx); err != nil {
		return nil, err
	}
	return s.done(ctx), nil
}

const (
	answersPerRun = 500 // keeps a run's history far below Temporal's limits
	answersAtOnce = 25
)

// crmPatience is how long the sweep waits for responses before it leaves them to
// themselves: they go on when the CRM is back.
const crmPatience = 30 * time.Minute

// sweep is one SignalSweep under way.
type sweep struct {
	in      SweepInput
	status  *SweepStatus
	answers int  // in this run
	away    bool // the CRM lets nothing through
	ended   int  // sources that are through with the list
	began   time.Time
}

func newSweep(ctx workflow.Context, in SweepInput) (*sweep, error) {
	s := &sweep{in: in, status: in.Resume, began: workflow.Now(ctx)}
	if s.status == nil {
		s.status = &SweepStatus{Stage: "look", At: in.At}
		if in.At.IsZero() {
			s.status.At = workflow.Now(ctx).UTC()
		}
	}
	if s.status.Outcomes == nil { // an empty one is not handed on from run to run
		s.status.Outcomes = map[string]int{}
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery,
		func() (*SweepStatus, error) { return s.status, nil },
		workflow.QueryHandlerOptions{Description: "How far the sweep is and what it found"})
	if err != nil || in.Resume != nil {
		return s, err
	}
	return s, s.plan(ctx)
}

// plan settles who looks at what, and which day it is where the reps are.
func (s *sweep) plan(ctx workflow.Context) error {
	in := activities.PlanSweepInput{Account: s.in.Account, At: s.status.At}
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "plan the sweep"), a.PlanSweep, in).Get(ctx, &s.status.Plan); err != nil {
		return err
	}
	s.status.Day = s.status.Plan.Day
	return s.tag(ctx)
}

// look sends the sources over the list: those that ask somebody, and beside them what
// brings old facts up to date; then those that compare these.
func (s *sweep) look(ctx workflow.Context) error {
	plan := s.status.Plan
	first := plan.Sources
	if !s.in.DryRun { // which spends nothing
		first = append(slices.Clone(first), plan.Refresh...)
	}
	for _, together := range [][]string{first, plan.Compare} {
		s.all(ctx, together)
	}
	if ctx.Err() == nil {
		s.status.Stage = "respond"
	}
	return ctx.Err()
}

// all lets sources look at the same time, each at its own pace.
func (s *sweep) all(ctx workflow.Context, names []string) {
	wg := workflow.NewWaitGroup(ctx)
	at := len(s.status.Sources)
	for i, name := range names {
		s.status.Sources = append(s.status.Sources, SourceStatus{Name: name})
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			got := s.source(ctx, name)
			s.status.Sources[at+i] = got
			s.status.Signals += got.Found
			s.ended++
			s.show(ctx)
			s.progress(ctx)
		})
	}
	s.show(ctx)
	wg.Wait(ctx)
}

// source runs one source's child workflow. There is one for each source, ever: two
// sweeps that meet take turns, and so each source's pace holds for all of them.
func (s *sweep) source(ctx workflow.Context, name string) SourceStatus {
	in := SourceSweepInput{
		Source: name, Lists: s.status.Plan.Lists, Total: s.status.Plan.Total, Model: s.status.Plan.Model,
		At: s.status.At, Window: s.in.Window, DryRun: s.in.DryRun, GiveUp: s.status.Plan.GiveUp,
	}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: SourceSweepID(name), StaticSummary: name,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	})
	for {
		var got SourceStatus
		err := workflow.ExecuteChildWorkflow(ctx, SourceSweep, in).Get(ctx, &got)
		switch {
		case err == nil:
			return got
		case temporal.IsWorkflowExecutionAlreadyStartedError(err): // of another sweep
			if err := workflow.Sleep(ctx, time.Minute); err != nil {
				return SourceStatus{Name: name, Missed: reasonOf(err)}
			}
		default:
			workflow.GetLogger(ctx).Error("Source failed", "source", name, "error", err)
			return SourceStatus{Name: name, Missed: reasonOf(err)}
		}
	}
}

// respond answers the next accounts with news, and reports whether there may be more.
func (s *sweep) respond(ctx workflow.Context) (more bool, err error) {
	var news []activities.NewsOf
	for _, l := range s.status.Plan.Lists {
		in := activities.NewsInput{After: s.status.Answered, Only: l.Only, Limit: answersAtOnce}
		var of []activities.NewsOf
		if err := workflow.ExecuteLocalActivity(onRecord(ctx, "accounts with news"), a.News, in).Get(ctx, &of); err != nil {
			return false, err
		}
		news = append(news, of...)
	}
	if len(news) == 0 {
		return false, nil
	}
	all := make([]activities.ResponseInput, len(news))
	for i, n := range news {
		all[i] = activities.ResponseInput{AccountID: n.AccountID, Day: s.status.Day}
	}
	s.status.Answered = news[len(news)-1]
	err = s.answerAll(ctx, all)
	return s.wholeList() && !s.away, err
}

// wholeList says whether the sweep is of the whole target list, not of one account.
func (s *sweep) wholeList() bool {
	return len(s.status.Plan.Lists) == 1 && s.status.Plan.Lists[0].Only == 0
}

// steps are what follows the look, each until there is no more to do.
func (s *sweep) steps(ctx workflow.Context) []func(workflow.Context) (more bool, err error) {
	steps := []func(workflow.Context) (bool, error){s.respond}
	if workflow.GetVersion(ctx, "decay", workflow.DefaultVersion, 1) != workflow.DefaultVersion && s.wholeList() {
		steps = append(steps, s.age)
	}
	return steps
}

// age scores the next accounts anew whose score time alone has changed, on the target
// list or not, and reports whether there may be more.
func (s *sweep) age(ctx workflow.Context) (more bool, err error) {
	if s.away {
		return false, nil
	}
	in := activities.DueInput{After: s.status.Decayed, Limit: answersAtOnce}
	var due []int64
	if err := workflow.ExecuteLocalActivity(onRecord(ctx, "accounts that are due"), a.Due, in).Get(ctx, &due); err != nil {
		return false, err
	}
	if len(due) == 0 {
		return false, nil
	}
	all := make([]activities.ResponseInput, len(due))
	for i, id := range due {
		all[i] = activities.ResponseInput{AccountID: id, Day: s.status.Day, Decay: true}
	}
	s.status.Decayed = due[len(due)-1]
	err = s.answerAll(ctx, all)
	return !s.away, err
}

// answerAll starts responses, and waits for them as long as the CRM is waited for.
func (s *sweep) answerAll(ctx workflow.Context, all []activities.ResponseInput) error {
	left, late := len(all), false
	for _, in := range all {
		s.answer(ctx, in, func() {
			left--
			if late {
				s.status.Pending--
			}
		})
	}
	ok, err := workflow.AwaitWithTimeout(ctx, crmPatience, func() bool { return left == 0 })
	if !ok {
		late = true
		s.status.Pending += left
	}
	s.answers += len(all)
	s.show(ctx)
	if left == len(all) && workflow.GetVersion(ctx, "stop-while-the-crm-is-away", workflow.DefaultVersion, 1) == 1 {
		workflow.GetLogger(ctx).Error("The CRM lets no response through", "next", "what is left is answered by the next sweep")
		s.away = true
	}
	return err
}

// answer starts one account's response, and counts how it ends.
func (s *sweep) answer(ctx workflow.Context, in activities.ResponseInput, done func()) {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            SignalResponseID(in.AccountID),
		TaskQueue:             BulkQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		Priority:              temporal.Priority{PriorityKey: lowestPriority}, // companies that arrive come first
	})
	child := workflow.ExecuteChildWorkflow(ctx, SignalResponse, in)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer done()
		var d activities.Decision
		switch err := child.Get(ctx, &d); {
		case err == nil:
			if d.Outcome != activities.Decayed {
				s.status.Accounts++
			}
			s.status.Outcomes[d.Outcome]++
			s.status.Digest = s.status.Digest || d.Digested()
		case temporal.IsWorkflowExecutionAlreadyStartedError(err): // an earlier sweep's waits for the CRM
			s.status.Pending++
		case !temporal.IsCanceledError(err):
			workflow.GetLogger(ctx).Error("Response failed", "account", in.AccountID, "error", err)
			s.status.Failed++
		}
	})
}

// digest tells the reps of what went beyond their daily cap.
func (s *sweep) digest(ctx workflow.Context) error {
	if !s.status.Digest {
		return nil
	}
	var got activities.DigestResult
	in := activities.DigestInput{Day: s.status.Day, Model: s.status.Plan.Model}
	err := workflow.ExecuteActivity(crmCall(ctx, "digests"), a.WriteDigests, in).Get(ctx, &got)
	s.status.Digests = got.Digests
	return err
}

func (s *sweep) done(ctx workflow.Context) *SweepStatus {
	s.status.Stage = "done"
	s.show(ctx)
	_ = s.tag(ctx)
	return s.status
}

func (s *sweep) tag(ctx workflow.Context) error {
	return workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet("sweep: "+s.status.Stage))
}

// progress says in the list of runs how many sources are through with the list, how many
// of them gave up, and how many signals are new. It is for people: what cannot be said
// now is said the next time.
func (s *sweep) progress(ctx workflow.Context) {
	if workflow.GetVersion(ctx, "progress", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	missed := 0
	for _, g := range s.status.Sources {
		if g.Missed != "" {
			missed++
		}
	}
	all := len(s.status.Plan.Sources) + len(s.status.Plan.Compare)
	if !s.in.DryRun {
		all += len(s.status.Plan.Refresh)
	}
	stage := fmt.Sprintf("sweep: look, %d of %d sources through, %d given up, %d signals", s.ended, all, missed, s.status.Signals)
	_ = workflow.UpsertTypedSearchAttributes(ctx, StageAttribute.ValueSet(stage))
}

// show tells the Temporal UI how far the sweep is.
func (s *sweep) show(ctx workflow.Context) {
	var b strings.Builder
	write(&b, "**%s** of %s: %d accounts on the list\n\n", s.status.Stage, s.status.Day, s.status.Plan.Total)
	b.WriteString("| source | checked | new signals | failed | |\n|---|---|---|---|---|\n")
	for _, g := range s.status.Sources {
		write(&b, "| %s | %d | %d | %d | %s |\n", g.Name, g.Checked, g.Found, g.Failed, g.Missed)
	}
	write(&b, "\n%d accounts answered", s.status.Accounts)
	for _, outcome := range workflow.DeterministicKeys(s.status.Outcomes) {
		write(&b, ", %s %d", outcome, s.status.Outcomes[outcome])
	}
	if s.status.Failed > 0 {
		write(&b, "; **%d failed**: see the failed SignalResponse runs", s.status.Failed)
	}
	workflow.SetCurrentDetails(ctx, b.String())
}

func write(b *strings.Builder, format string, args ...any) {
	text := fmt.Sprintf(format, args...) // Fprintf calls methods, which a workflow does not
	b.WriteString(text)
}

// SourceSweepInput says what one source looks at in a sweep.
type SourceSweepInput struct {
	Source string                  `json:"source"`
	Lists  []activities.TargetList `json:"lists"`
	Total  int                     `json:"total"` // accounts on the lists
	Model  activities.ModelRef     `json:"model"`
	At     time.Time               `json:"at"`
	Window time.Duration           `json:"window,omitempty"`
	DryRun bool                    `json:"dry_run,omitempty"`
	GiveUp time.Duration           `json:"give_up"` // how long it is waited for when it is down

	Resume *SourceStatus `json:"resume,omitempty"` // what the run before had come to
}

// SourceStatus is how far a source is in a sweep.
type SourceStatus struct {
	Name    string        `json:"name"`
	Checked int           `json:"checked"`
	Found   int           `json:"found"`            // signals that are new
	Failed  int           `json:"failed,omitempty"` // accounts: the next sweep looks again
	Missed  string        `json:"missed,omitempty"` // why the rest of the list was not looked at
	Waits   string        `json:"waits,omitempty"`  // for what, now
	Preview []string      `json:"preview,omitempty"`
	List    int           `json:"list,omitempty"`   // that is looked at now
	After   int64         `json:"after,omitempty"`  // the account that was looked at last
	Waited  time.Duration `json:"waited,omitempty"` // since it last answered
	Began   time.Time     `json:"began,omitzero"`
}

const (
	pageSize     = 1000 // accounts; a page that is lost half-way goes on at its last heartbeat
	pagesPerRun  = 300
	mostPreviews = 300
)

// SourceSweep takes one source through the target list, page after page, so that its
// pace holds however many workers there are. When it is down it waits for a while; then
// the night goes on without it.
func SourceSweep(ctx workflow.Context, in SourceSweepInput) (*SourceStatus, error) {
	s := in.Resume
	if s == nil {
		s = &SourceStatus{Name: in.Source, Began: workflow.Now(ctx)}
	}
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (*SourceStatus, error) { return s, nil }); err != nil {
		return nil, err
	}
	for pages := 0; s.List < len(in.Lists) && s.Missed == ""; pages++ {
		if pages == pagesPerRun || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			in.Resume = s
			return nil, workflow.NewContinueAsNewError(ctx, SourceSweep, in)
		}
		if err := s.page(ctx, in); err != nil {
			return nil, err
		}
		s.show(ctx, in)
	}
	return s, nil
}

// page looks at the next page, and waits when the source asks for it.
func (s *SourceStatus) page(ctx workflow.Context, in SourceSweepInput) error {
	look := activities.LookInput{
		Source: in.Source, List: in.Lists[s.List], After: s.After, Limit: pageSize,
		Model: in.Model, At: in.At, Window: in.Window, DryRun: in.DryRun,
	}
	var got activities.LookResult
	err := workflow.ExecuteActivity(lookCall(ctx, in.Source), a.LookPage, look).Get(ctx, &got)
	if temporal.IsCanceledError(err) {
		return err
	}
	if err != nil {
		s.Missed = reasonOf(err)
		return nil
	}
	s.take(got, in.GiveUp)
	if got.RetryAfter == 0 || s.Missed != "" {
		return nil
	}
	s.Waits = fmt.Sprintf("until it answers again, since %s", workflow.Now(ctx).Format(time.TimeOnly))
	s.show(ctx, in)
	defer func() { s.Waits = "" }()
	return workflow.Sleep(ctx, got.RetryAfter)
}

// take adds a page's result up.
func (s *SourceStatus) take(got activities.LookResult, giveUp time.Duration) {
	s.Checked += got.Checked
	s.Found += got.Found
	s.Failed += got.Failed
	s.After, s.Missed = got.After, got.Closed
	if room := mostPreviews - len(s.Preview); room > 0 {
		s.Preview = append(s.Preview, got.Preview[:min(len(got.Preview), room)]...)
	}
	if got.Checked > 0 {
		s.Waited = 0
	}
	s.Waited += got.RetryAfter
	if s.Waited > giveUp {
		s.Missed = "out of reach for too long; the next sweep catches up"
	}
	if got.Done {
		s.List, s.After = s.List+1, 0
	}
}

func (s *SourceStatus) show(ctx workflow.Context, in SourceSweepInput) {
	text := fmt.Sprintf("%d of %d accounts checked, %d new signals, %d failed", s.Checked, in.Total, s.Found, s.Failed)
	if took := workflow.Now(ctx).Sub(s.Began); s.Checked > 0 && s.Checked < in.Total {
		left := time.Duration(float64(took) / float64(s.Checked) * float64(in.Total-s.Checked))
		text += fmt.Sprintf("; expected to end at %s", workflow.Now(ctx).Add(left).UTC().Format("15:04 UTC"))
	}
	if s.Waits != "" {
		text += "; waits " + s.Waits
	}
	if s.Missed != "" {
		text += "; **given up**: " + s.Missed
	}
	workflow.SetCurrentDetails(ctx, text)
}
