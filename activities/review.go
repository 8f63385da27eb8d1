package activities

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
)

// ReviewSettings are what sluice.yaml and the environment say of reviews.
type ReviewSettings struct {
	Zone        string        // in which quarters begin and end
	RemindAfter time.Duration // without a decision
	PublicURL   string        // of the starter, where reports are read; "" where none is set
}

// ReviewStore is the record, as reviews use it.
type ReviewStore interface {
	DealStore
	DecisionStore
	DealsHeld(ctx context.Context, w store.DealsWanted, after int64, limit int) ([]store.HeldDeal, error)
	EachClosedDeal(ctx context.Context, since time.Time, visit func(store.Deal)) error
	PopulationAt(ctx context.Context, at time.Time, after int64, limit int) ([]store.Member, error)
	MembersOf(ctx context.Context, model, tier string, at time.Time, after int64, limit int) ([]store.TierMember, error)
	ScoresByID(ctx context.Context, ids []int64) ([]store.ScoreRow, error)
	EachProviderCall(ctx context.Context, from, to time.Time, visit func(store.ProviderCall)) error
	Churned(ctx context.Context, until time.Time) (map[string]time.Time, error)
	ExceptionShare(ctx context.Context, at time.Time) (store.Share, error)

	SaveReview(ctx context.Context, m store.MadeReview) (store.Review, error)
	Review(ctx context.Context, id int64) (store.Review, error)
	Reviews(ctx context.Context, quarter string) ([]store.Review, error)
	ReviewReport(ctx context.Context, id int64) (report []byte, err error)
	PlaceReview(ctx context.Context, id int64, ours string, gone []int64) (account.Account, error)
	TaskOfReview(ctx context.Context, id int64, taskID string) error
	CountReviewDecision(ctx context.Context, reviewID, id int64, at time.Time) (store.Review, error)
	PassReview(ctx context.Context, id int64, at time.Time) error
}

// PlanReviewInput asks for a quarter; "" is the last whole one.
type PlanReviewInput struct {
	Quarter string    `json:"quarter"`
	At      time.Time `json:"at"`
}

// ReviewPlan is what a review looks at.
type ReviewPlan struct {
	Quarter     string        `json:"quarter"`
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Since       time.Time     `json:"since"` // when deals closed that say something to it
	Model       ModelRef      `json:"model"`
	RemindAfter time.Duration `json:"remind_after"`
}

// PlanReview settles which time and which model is reviewed: the one for everybody that is
// active now. Errors: Invalid for a quarter that is none or has not ended.
func (a *Activities) PlanReview(ctx context.Context, in PlanReviewInput) (ReviewPlan, error) {
	zone, err := time.LoadLocation(a.Review.Zone)
	if err != nil {
		return ReviewPlan{}, failure(account.Invalid("zone", err.Error()))
	}
	span := review.LastSpan(in.At, zone)
	if in.Quarter != "" {
		if span, err = review.ParseSpan(in.Quarter, zone, in.At); err != nil {
			return ReviewPlan{}, failure(err)
		}
	}
	models, err := a.activeModels(ctx)
	if err != nil {
		return ReviewPlan{}, failure(err)
	}
	return ReviewPlan{
		Quarter: span.Name, From: span.From.UTC(), To: span.To.UTC(), Since: review.DealsSince(span.From, span.To).UTC(),
		Model: models.Model, RemindAfter: a.Review.RemindAfter,
	}, nil
}

// MakeReviewInput is what a review is of.
type MakeReviewInput struct {
	Quarter string    `json:"quarter"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Since   time.Time `json:"since"`
	At      time.Time `json:"at"` // as of when what changes with time is taken: open deals, shares
	Model   ModelRef  `json:"model"`
}

// MakeReviewResult is a review that is on record.
type MakeReviewResult struct {
	ReviewID int64  `json:"review_id"`
	Deals    int    `json:"deals"` // that were looked at
	Closed   int    `json:"closed"`
	Won      int    `json:"won"`
	Claims   int    `json:"claims"`          // that hold beside all that was looked at
	Draft    string `json:"draft,omitempty"` // the model that is proposed: revops@4
	// Decision says that the review was made and decided on before: it stays as it was.
	Decision string `json:"decision,omitempty"`
	// Before are the reviews of earlier quarters that nobody has decided on.
	Before []PassedReview `json:"before,omitempty"`
}

// PassedReview is a review that the next one passes over.
type PassedReview struct {
	ID      int64  `json:"id"`
	Quarter string `json:"quarter"`
}

// MakeReview works a quarter's review out of what is on record, and keeps it: report
// and draft. The same input and record make the same review. One that was decided
// on stays as it is.
func (a *Activities) MakeReview(ctx context.Context, in MakeReviewInput) (MakeReviewResult, error) {
	defer keepAlive(ctx)()
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return MakeReviewResult{}, failure(err)
	}
	input, err := a.quarter(ctx, in, m)
	if err != nil {
		return MakeReviewResult{}, crmFailure(err)
	}
	q := review.Quarter(input)
	made := store.MadeReview{Quarter: in.Quarter, Model: in.Model, Key: rand.Text(), At: time.Now()}
	if made.Report, err = json.MarshalIndent(q, "", "  "); err != nil {
		return MakeReviewResult{}, failure(account.Invalid("report", err.Error()))
	}
	out := MakeReviewResult{Deals: len(input.Deals), Closed: q.Totals.Closed, Won: q.Totals.Won, Claims: len(q.Claims)}
	if q.Proposal != nil {
		made.Draft, out.Draft = q.Proposal.Source, q.Proposal.Model
	}
	kept, err := a.Store.SaveReview(ctx, made)
	if err != nil {
		return MakeReviewResult{}, failure(err)
	}
	out.ReviewID = kept.ID
	if kept.Decision != nil {
		out.Decision = kept.Decision.Decision
	}
	out.Before, err = a.undecided(ctx, kept)
	return out, failure(err)
}

// undecided are the reviews of earlier quarters that wait for a decision.
func (a *Activities) undecided(ctx context.Context, r store.Review) ([]PassedReview, error) {
	all, err := a.Store.Reviews(ctx, "")
	var before []PassedReview
	for _, other := range all {
		if other.Quarter < r.Quarter && other.Decision == nil && other.PassedAt.IsZero() {
			before = append(before, PassedReview{ID: other.ID, Quarter: other.Quarter})
		}
	}
	return before, err
}

// keepAlive tells Temporal that the worker lives while something takes long.
func keepAlive(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { close(done) }
}

const (
	reviewPage = 500 // rows that are read at once
	// newsBefore is how old a signal may be that a deal has found.
	newsBefore = 365 * 24 * time.Hour
)

// quarter loads what a review looks at.
func (a *Activities) quarter(ctx context.Context, in MakeReviewInput, m *icp.Model) (review.QuarterInput, error) {
	q := review.QuarterInput{Quarter: in.Quarter, From: in.From, To: in.To, At: in.At, Model: m}
	for _, load := range []func(context.Context, *review.QuarterInput) error{
		a.loadDeals(in.Since), a.loadPopulation, a.loadPrime, a.loadCalls, a.loadDecisions,
	} {
		if err := load(ctx, &q); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (a *Activities) loadDeals(since time.Time) func(context.Context, *review.QuarterInput) error {
	return func(ctx context.Context, q *review.QuarterInput) error {
		wanted := store.DealsWanted{Since: since, Until: q.At, Window: newsBefore}
		held := map[int64]*review.Held{} // by score: deals of an account have few different ones
		for after := int64(0); ; {
			page, err := a.Store.DealsHeld(ctx, wanted, after, reviewPage)
			if err != nil {
				return err
			}
			for _, d := range page {
				q.Deals = append(q.Deals, quarterDeal(d, held))
			}
			if len(page) < reviewPage {
				break
			}
			after = page[len(page)-1].ID
		}
		left, err := a.Store.Churned(ctx, q.At)
		for acc, at := range left {
			q.Left = append(q.Left, review.Left{Account: acc, At: at})
		}
		return err
	}
}

func quarterDeal(d store.HeldDeal, held map[int64]*review.Held) review.QuarterDeal {
	deal := review.QuarterDeal{
		ID: d.Key.ID, Account: d.Company.String(), OpenedAt: d.OpenedAt, ClosedAt: d.ClosedAt, Won: d.Won, Amount: math.NaN(), Kind: review.DealKind(d.Kind),
	}
	if d.Amount != nil {
		deal.Amount = *d.Amount
	}
	row := d.Score
	if row == nil {
		return deal
	}
	known := held[row.ID]
	if known == nil {
		counts := row.Counts()
		known = &review.Held{
			Model: row.Model, Version: row.ModelVersion, Tier: counts.Tier, Value: counts.Value, Score: row.Score.Criteria, Facts: factsOf(*row),
		}
		held[row.ID] = known
	}
	own := *known
	own.Signals = d.Signals
	deal.Held = &own
	return deal
}

// factsOf are the facts that a score was made of.
func factsOf(row store.ScoreRow) account.Facts {
	facts := make(account.Facts, len(row.Facts))
	for field, f := range row.Facts {
		facts[field] = f.Fact
	}
	return facts
}

func (a *Activities) loadPopulation(ctx context.Context, q *review.QuarterInput) error {
	q.Start, q.End = &review.Cohort{}, &review.Cohort{}
	for at, cohort := range map[time.Time]*review.Cohort{q.From: q.Start, q.To: q.End} {
		for after := int64(0); ; {
			page, err := a.Store.PopulationAt(ctx, at, after, reviewPage)
			if err != nil {
				return err
			}
			for _, member := range page {
				cohort.Add(member.Tier, member.Value, member.Facts)
			}
			if len(page) < reviewPage {
				break
			}
			after = page[len(page)-1].ID
		}
	}
	return nil
}

// loadPrime reads the accounts that the highest tier had when the quarter ended.
func (a *Activities) loadPrime(ctx context.Context, q *review.QuarterInput) error {
	if len(q.Model.Tiers) == 0 {
		return nil
	}
	names, err := a.ownerNames(ctx)
	if err != nil {
		return err
	}
	for after := int64(0); ; {
		page, err := a.Store.MembersOf(ctx, q.Model.Name, q.Model.Tiers[0].Name, q.To, after, reviewPage)
		if err != nil {
			return err
		}
		ids := make([]int64, len(page))
		for i, member := range page {
			ids[i] = member.ScoreID
		}
		rows, err := a.Store.ScoresByID(ctx, ids)
		if err != nil {
			return err
		}
		scores := make(map[int64]store.ScoreRow, len(rows))
		for _, row := range rows {
			scores[row.ID] = row
		}
		for _, member := range page {
			row := scores[member.ScoreID]
			q.Prime = append(q.Prime, review.PrimeAccount{
				Account: nameOf(member.Account), Name: firstOf(member.Account.Name, member.Account.Domain), Since: member.Since, Active: member.Active,
				Owner: names(row.OwnerID), Score: row.Score.Criteria, Facts: factsOf(row),
			})
		}
		if len(page) < reviewPage {
			return nil
		}
		after = page[len(page)-1].Account.ID
	}
}

// nameOf is what deals call an account; one without a record has none, and its own name.
func nameOf(acc account.Account) string {
	if acc.Key.IsZero() {
		return fmt.Sprintf("account/%d", acc.ID)
	}
	return acc.Key.String()
}

func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// ownerNames returns how people call the CRM's owners, who may have left.
func (a *Activities) ownerNames(ctx context.Context) (func(id string) string, error) {
	if a.CRM == nil {
		return nil, errNoCRM
	}
	owners, err := a.CRM.Owners(ctx)
	names := make(map[string]string, len(owners))
	for _, o := range owners {
		names[o.ID] = firstOf(o.Name, o.ID)
	}
	return func(id string) string { return firstOf(names[id], id) }, err
}

func (a *Activities) loadCalls(ctx context.Context, q *review.QuarterInput) error {
	use := map[string]*review.ProviderUse{}
	return a.Store.EachProviderCall(ctx, q.From, q.To, func(c store.ProviderCall) {
		u := use[c.Provider]
		if u == nil {
			u = &review.ProviderUse{Provider: c.Provider}
			use[c.Provider] = u
			q.Providers = append(q.Providers, u)
		}
		u.Add(c.Outcome, c.Credits, c.Supplied, c.Accepted)
	})
}

func (a *Activities) loadDecisions(ctx context.Context, q *review.QuarterInput) error {
	share, err := a.Store.ExceptionShare(ctx, q.At)
	if err != nil {
		return err
	}
	q.Share = review.ExceptionShare{Scored: share.Scored, Overridden: share.Overridden, Explored: share.Exploration, Together: share.Together}
	if q.Decisions, err = Decisions(ctx, a.Store, q.At); err != nil || len(q.Decisions) == 0 {
		return err
	}
	q.Closed, err = ClosedSince(ctx, a.Store, q.Decisions)
	return err
}

// DecisionStore is the record of what was decided beside the model.
type DecisionStore interface {
	Exceptions(ctx context.Context, since, at time.Time, only bool) ([]store.Exception, error)
	Explored(ctx context.Context) ([]store.Explored, error)
}

// Decisions are all overrides and draws for exploration until a moment, of companies that
// are in the CRM.
func Decisions(ctx context.Context, s DecisionStore, at time.Time) ([]review.Decision, error) {
	overrides, err := s.Exceptions(ctx, time.Time{}, at, false)
	if err != nil {
		return nil, err
	}
	explored, err := s.Explored(ctx)
	if err != nil {
		return nil, err
	}
	var all []review.Decision
	add := func(acc account.Account, group string, since time.Time) {
		if !acc.Key.IsZero() && !since.After(at) {
			all = append(all, review.Decision{Account: acc.Key.String(), Group: group, At: since})
		}
	}
	for _, o := range overrides {
		add(o.Account, groupOf(o), o.BeganAt)
	}
	for _, e := range explored {
		add(e.Account, "explored", e.Since)
	}
	return all, nil
}

// groupOf says what a person did to the score, and why.
func groupOf(o store.Exception) string {
	did := "confirmed"
	switch {
	case o.Counted > o.MachineValue:
		did = "raised"
	case o.Counted < o.MachineValue:
		did = "lowered"
	}
	return did + ": " + strings.ReplaceAll(o.Code, "_", " ")
}

// ClosedDealStore is the record of closed deals.
type ClosedDealStore interface {
	EachClosedDeal(ctx context.Context, since time.Time, visit func(store.Deal)) error
}

// ClosedSince returns the deals on record that closed since the first of some decisions.
func ClosedSince(ctx context.Context, s ClosedDealStore, decisions []review.Decision) ([]review.Closed, error) {
	first := time.Now()
	for _, d := range decisions {
		if d.At.Before(first) {
			first = d.At
		}
	}
	var closed []review.Closed
	err := s.EachClosedDeal(ctx, first, func(d store.Deal) {
		closed = append(closed, review.Closed{Account: d.Company.String(), Won: d.Won, At: d.ClosedAt})
	})
	return closed, err
}

// reviewPrefix begins the keys of the tasks that tell of reviews.
const reviewPrefix = "sluice:review/"

// TellReviewInput names a review that is on record.
type TellReviewInput struct {
	ReviewID int64 `json:"review_id"`
	Reminder bool  `json:"reminder,omitempty"` // that nobody has decided on it yet
}

// TellReviewResult is the task in the CRM that tells of it.
type TellReviewResult struct {
	TaskID string `json:"task_id,omitempty"` // "" where no account has a record to hang it on
	Owned  bool   `json:"owned"`             // whether the model's owner is a user of the CRM, and has it
}

// TellReview gives the model's owner one task in the CRM, with the findings and where the
// report is; a reminder is added to it, or is one more task where somebody has ticked it
// off. Tried again it makes none twice.
func (a *Activities) TellReview(ctx context.Context, in TellReviewInput) (TellReviewResult, error) {
	if a.CRM == nil {
		return TellReviewResult{}, errNoCRM
	}
	out, err := a.tellReview(ctx, in)
	return out, crmFailure(err)
}

func (a *Activities) tellReview(ctx context.Context, in TellReviewInput) (TellReviewResult, error) {
	r, err := a.Store.Review(ctx, in.ReviewID)
	if err != nil {
		return TellReviewResult{}, err
	}
	m, err := a.model(ctx, r.Model)
	if err != nil {
		return TellReviewResult{}, err
	}
	t, err := a.reviewTask(ctx, r, m, in.Reminder)
	if err != nil {
		return TellReviewResult{}, err
	}
	if t.OwnerID, err = a.ownerOf(ctx, m.Owner); err != nil {
		return TellReviewResult{}, err
	}
	out := TellReviewResult{Owned: t.OwnerID != ""}
	_, ours, _ := strings.Cut(m.Owner, "@")
	var gone []int64
	for {
		place, err := a.Store.PlaceReview(ctx, r.ID, strings.ToLower(ours), gone)
		if errors.Is(err, account.ErrNotFound) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out.TaskID, err = a.hang(ctx, m, r, t, place, in.Reminder)
		if !errors.Is(err, account.ErrNotFound) {
			return out, err
		}
		gone = append(gone, place.ID) // the record was deleted
	}
}

// hang puts the task on the record of an account. Errors: account.ErrNotFound when the
// record is gone.
func (a *Activities) hang(ctx context.Context, m *icp.Model, r store.Review, t crm.Task, place account.Account, reminder bool) (string, error) {
	w, err := a.writer(ctx, m, store.ScoreRow{AccountID: place.ID}, crm.Company{Key: place.Key})
	if err != nil {
		return "", err
	}
	s := steps{
		find:   func() (string, error) { return a.CRM.FindTask(ctx, place.Key, t.Key) },
		create: func() (string, error) { return a.CRM.CreateTask(ctx, place.Key, t) },
		update: func(id string) error {
			more := t
			more.Key += "/" + digest(t.Body)
			return a.CRM.AppendTask(ctx, id, more)
		},
	}
	if reminder {
		s.update, s.onto = nil, "task "+r.TaskID
		s.create = func() (string, error) {
			open, err := a.stillOpen(ctx, r.TaskID)
			if errors.Is(err, account.ErrNotFound) {
				return a.CRM.CreateTask(ctx, place.Key, t)
			}
			if err != nil {
				return "", err
			}
			return open, a.CRM.AppendTask(ctx, open, t)
		}
	}
	done, err := w.once(ctx, crm.TaskEffect, t.Key, map[string]string{"text": digest(t.Body)}, s)
	if err != nil || reminder {
		return done.CRMID, err
	}
	return done.CRMID, a.Store.TaskOfReview(ctx, r.ID, done.CRMID)
}

// stillOpen returns the task if nobody has completed or deleted it.
func (a *Activities) stillOpen(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", account.ErrNotFound
	}
	return a.CRM.OpenTask(ctx, id)
}

// ownerOf finds a user of the CRM by the address; "" if there is none.
func (a *Activities) ownerOf(ctx context.Context, email string) (string, error) {
	owners, err := a.CRM.Owners(ctx)
	for _, o := range owners {
		if email != "" && strings.EqualFold(o.Email, email) {
			return o.ID, err
		}
	}
	return "", err
}

// mostClaims is how many findings a task names: the report has all.
const mostClaims = 8

// reviewTask says what was found, and what to do.
func (a *Activities) reviewTask(ctx context.Context, r store.Review, m *icp.Model, reminder bool) (crm.Task, error) {
	t := crm.Task{
		Key:     reviewPrefix + r.Quarter + "/" + r.Model.Name,
		Subject: "Review of " + m.ID() + " for " + r.Quarter + ": decide what to change",
		Due:     r.MadeAt.Add(a.Review.RemindAfter), Priority: "medium",
	}
	decide := "Decide with: " + HowToDecide(r)
	if reminder {
		t.Key += "/reminder"
		t.Subject, t.Priority = "Reminder: "+t.Subject, "high"
		t.Body = "Nobody has decided on the review of " + r.Quarter + " yet.\n" + a.whereReport(r) + "\n" + decide
		t.Due = time.Now().Add(24 * time.Hour)
		return t, nil
	}
	report, err := a.Store.ReviewReport(ctx, r.ID)
	if err != nil {
		return t, err
	}
	q, err := review.ReadQuarter(report)
	if err != nil {
		return t, err
	}
	t.Body = findings(q) + a.whereReport(r) + "\n" + decide
	return t, nil
}

// HowToDecide is the command that puts a decision on record: there is nothing to accept
// where nothing is proposed.
func HowToDecide(r store.Review) string {
	choices := "--accept (or --adjust, or --keep)"
	if r.Draft == "" {
		choices = "--keep (or --adjust)"
	}
	return "starter icp review decide " + r.Quarter + " " + choices + " --by YOU --reason WHY"
}

func (a *Activities) whereReport(r store.Review) string {
	if a.Review.PublicURL == "" {
		return fmt.Sprintf("The report: starter icp review --quarter %s --out report.html", r.Quarter)
	}
	return "The report: " + ReportURL(a.Review.PublicURL, r)
}

// ReportURL is where the report of a review is read.
func ReportURL(publicURL string, r store.Review) string {
	return strings.TrimRight(publicURL, "/") + "/reviews/" + r.Quarter + "/" + r.Key
}

// findings says in plain words what a review found.
func findings(q *review.QuarterReview) string {
	var b strings.Builder
	fmt.Fprintf(&b, "In %s %d deals were opened and %d closed, %d of them won.\n", q.Quarter, q.Totals.Opened, q.Totals.Closed, q.Totals.Won)
	if len(q.Claims) == 0 {
		fmt.Fprintf(&b, "Of %d things looked at, none is more than chance would do.\n", q.Tested)
	}
	for i, c := range q.Claims {
		if i == mostClaims {
			fmt.Fprintf(&b, "- and %d more\n", len(q.Claims)-i)
			break
		}
		fmt.Fprintf(&b, "- %s %s\n", c.Sentence, c.Action)
	}
	if q.Proposal != nil {
		fmt.Fprintf(&b, "Proposed: %s, which changes the points of %d criteria.\n", q.Proposal.Model, len(q.Proposal.Changes))
	}
	return b.String()
}

// DecideReviewInput names a decision that is on record.
type DecideReviewInput struct {
	ReviewID int64  `json:"review_id"`
	ID       int64  `json:"id"`
	Decision string `json:"decision"` // as the workflow was told; must agree
}

// DecideReviewResult is the decision that counts.
type DecideReviewResult struct {
	ID       int64  `json:"id"`
	Decision string `json:"decision"`
}

// DecideReview lets a decision count. Where another one counts already, that one is
// returned. It refuses, with an error of type Invalid, what is not on record.
func (a *Activities) DecideReview(ctx context.Context, in DecideReviewInput) (DecideReviewResult, error) {
	r, err := a.Store.CountReviewDecision(ctx, in.ReviewID, in.ID, time.Now())
	if errors.Is(err, account.ErrNotFound) {
		err = account.Invalid("id", fmt.Sprintf("no decision %d on this review is on record; `starter icp review decide` makes one", in.ID))
	}
	if err != nil {
		return DecideReviewResult{}, failure(err)
	}
	return DecideReviewResult{ID: r.Decision.ID, Decision: r.Decision.Decision}, nil
}

// PassReview notes that a later review has begun with this one undecided.
func (a *Activities) PassReview(ctx context.Context, id int64) error {
	return failure(a.Store.PassReview(ctx, id, time.Now()))
}
