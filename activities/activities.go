// Package activities is the only bridge from Temporal to the world: each activity
// reads or writes one thing outside, and leaves what it learnt in Postgres.
// Inputs and results carry ids and small decisions, never a provider's payload.
package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// Activities carries what activities need. Concurrent calls share one value, so
// set its fields before registering it.
type Activities struct {
	Store     Store
	CRM       crm.CRM // nil where none is configured: results stay in Sluice
	Providers map[string]Source
	Order     []string // of the waterfall, unconfigured providers included
	Routes    routing.Rules
	Budgets   waterfall.Budgets
	LateFill  LateFill

	MaxContacts int // of one account, that are scored; 0: DefaultContacts

	Signals  []SignalSource   // that are configured, in the order of the registry
	Targets  store.TargetList // that the nightly sweep watches
	DailyCap int              // trigger tasks for one rep on one day; 0: no cap
	Zone     string           // in which a day ends: Europe/Berlin
	GiveUp   time.Duration    // how long a sweep waits for a source that is down

	Review ReviewSettings

	Policies   crm.Policies  // of the properties that are written
	JournalFor time.Duration // how long the journal is kept; 0: for good

	models     sync.Map // "revops@3" → *icp.Model: versions never change
	complaints sync.Map // what this worker has said once
	circuits   circuits
}

// Source is a provider that is configured, with the settings of sluice.yaml.
type Source struct {
	providers.Provider
	Spec  providers.Spec
	Trust float64       // scales the confidence of its facts
	Price float64       // credits of an answer
	TTL   time.Duration // how long an answer is good
}

// LateFill bounds how a run comes back for what a provider could not say.
type LateFill struct {
	Returns int           `json:"returns"` // how often
	Within  time.Duration `json:"within"`  // since the run's start
	Wait    time.Duration `json:"wait"`    // before the first return; doubled for each further one
}

// Store is the record, as activities use it; *store.Store satisfies it.
type Store interface {
	UpsertAccount(ctx context.Context, key account.Key, domain, name string) (account.Account, error)
	TakeRecords(ctx context.Context, records ...store.Record) error
	PropertiesOf(ctx context.Context, accountIDs []int64) (map[int64]map[string]string, error)
	Account(ctx context.Context, id int64) (account.Account, error)
	AccountsByDomain(ctx context.Context, domain string) ([]account.Account, error)
	Facts(ctx context.Context, accountID int64) ([]account.Fact, error)

	OnRecord(ctx context.Context, accountID int64, provider string, maxAge time.Duration) (account.Account, store.Answer, error)
	FreshAnswer(ctx context.Context, provider, subject string, maxAge time.Duration) (store.Answer, error)
	AdoptAnswer(ctx context.Context, accountID int64, holder string, a store.Answer) error
	Reserve(ctx context.Context, in store.ReserveInput) (store.Reservation, error)
	SaveAnswer(ctx context.Context, r store.Reservation, in store.SaveAnswerInput) error
	Settle(ctx context.Context, r store.Reservation, outcome outbound.Outcome, credits float64, elapsed time.Duration) error
	Skip(ctx context.Context, accountID int64, provider, runID, holder string, outcome outbound.Outcome) error
	CloseProvider(ctx context.Context, provider string, outcome outbound.Outcome, until time.Time, reason string) error

	Known(ctx context.Context, at time.Time, contacts bool, ids ...int64) ([]store.Known, error)
	SaveScore(ctx context.Context, row store.ScoreRow) (store.ScoreRow, error)
	LatestScore(ctx context.Context, accountID int64) (store.ScoreRow, error)
	LatestScores(ctx context.Context, accountIDs []int64) (map[int64]store.ScoreRow, error)
	DueForRescore(ctx context.Context, after int64, at time.Time, limit int) ([]int64, error)
	BeginOverride(ctx context.Context, accountID, id int64, at time.Time) (store.Override, error)
	EndOverride(ctx context.Context, accountID, id int64, how string, at time.Time) (store.Override, error)
	Override(ctx context.Context, id int64) (store.Override, error)
	AssignOwner(ctx context.Context, accountID int64, queue string, candidates []store.Candidate, day time.Time) (string, error)
	Model(ctx context.Context, name string, version int) ([]byte, error)
	ActiveModels(ctx context.Context, subject string) ([]store.ModelRef, error)
	ModelsInForce(ctx context.Context, subjects ...string) ([]store.ModelInForce, error)

	Release(ctx context.Context, id int64) (store.Release, error)
	MoveRelease(ctx context.Context, id int64, c store.ReleaseChange) (store.Release, error)
	EndRelease(ctx context.Context, id int64, comment string) (store.Release, error)
	CountApproval(ctx context.Context, releaseID, id int64, admit func(store.Release, store.Approval) error) (store.Release, error)
	TakeReleaseMove(ctx context.Context, releaseID, id int64, admit func(store.Release, store.ReleaseMove) error) (store.Release, error)
	DealsHeld(ctx context.Context, w store.DealsWanted, after int64, limit int) ([]store.HeldDeal, error)

	ReleaseModel(ctx context.Context, releaseID int64) (store.ModelRef, error)
	CountScored(ctx context.Context) (int, error)
	Scored(ctx context.Context, after int64, limit int) ([]int64, error)
	Turns(ctx context.Context, releaseID, through int64, leaveOut []int64) ([]store.Turn, error)
	KeepPlanned(ctx context.Context, releaseID int64, page []store.Planned) error
	Difference(ctx context.Context, releaseID int64, limit int) (store.Difference, error)
	NextPlanned(ctx context.Context, p store.PlannedPage) ([]int64, error)
	Stragglers(ctx context.Context, p store.PlannedPage) ([]int64, error)
	WithDueEffects(ctx context.Context, releaseID, after int64, limit int) ([]int64, error)
	Publish(ctx context.Context, releaseID int64, ids []int64, at time.Time) (moved []int64, err error)
	PublishAnew(ctx context.Context, releaseID int64, page []store.Planned, at time.Time, back bool) (moved []int64, err error)
	Undo(ctx context.Context, releaseID int64, ids []int64, at time.Time) (moved []int64, err error)
	LeaveBe(ctx context.Context, releaseID int64, ids []int64) error
	Adopt(ctx context.Context, releaseID int64, ids []int64) error
	DropPlanned(ctx context.Context, releaseID int64, ids []int64) error
	DueEffects(ctx context.Context, releaseID int64, ids []int64) ([]store.DueEffects, error)
	EndEffects(ctx context.Context, releaseID int64, ended []store.EndedEffects) error
	Rescored(ctx context.Context, releaseID int64, share float64, back bool) (store.Rescored, error)

	TryEffect(ctx context.Context, a store.Attempt) (store.Effect, error)
	TryEffects(ctx context.Context, all []store.Attempt) (map[string]store.Effect, error)
	FinishEffects(ctx context.Context, done []store.Done) error
	FinishEffect(ctx context.Context, d store.Done) error
	ForgetEffect(ctx context.Context, key string) error
	Journal(ctx context.Context, accountID int64, runID string, since time.Time) ([]store.Entry, error)
	WroteIn(ctx context.Context, runID string) ([]int64, error)
	PruneJournal(ctx context.Context, before time.Time) (int64, error)
	Contacts(ctx context.Context, accountID int64) ([]store.Contact, error)
	FailEffect(ctx context.Context, key, reason string) error

	KeepContacts(ctx context.Context, accountID int64, listed []crm.Contact, all bool, at time.Time) error
	KnownContacts(ctx context.Context, accountID int64, listed []crm.Contact, at time.Time) ([]account.Fact, []store.Contact, error)
	ScoreContacts(ctx context.Context, in store.ContactScores) (ids []int64, err error)
	TryContacts(ctx context.Context, runID, workflowID string, all []store.ContactTry) error
	FinishContacts(ctx context.Context, at time.Time, done []store.ContactWritten) error

	SaveRun(ctx context.Context, r store.Run) error
	BeginRun(ctx context.Context, r store.Run, domain string, said ...store.Record) (others int, err error)
	LastRuns(ctx context.Context, keys []account.Key, workflowIDs []string) (map[account.Key]string, error)
	Written(ctx context.Context, since time.Time, after int64, limit int) (accs []account.Account, next int64, err error)
	LastAccount(ctx context.Context) (int64, error)
	LastStaged(ctx context.Context, keys []string) (map[string]map[string]store.Staged, error)
	EffectsOf(ctx context.Context, accountIDs []int64) (map[int64][]store.Effect, error)
	ScoredAt(ctx context.Context, accountIDs []int64) (map[int64]time.Time, error)
	OwnValues(ctx context.Context, key string, values map[string]string) error

	Targets(ctx context.Context, l store.TargetList, after int64, limit int) ([]account.Account, error)
	CountTargets(ctx context.Context, l store.TargetList) (int, error)
	FactsOf(ctx context.Context, accountIDs []int64) (map[int64][]account.Fact, error)
	VisitsOf(ctx context.Context, accountIDs []int64, since time.Time) (map[int64][]signals.Visit, error)
	StaleAnswers(ctx context.Context, provider string, subjects []string, before time.Time) (map[string]bool, error)
	Sights(ctx context.Context, source string, accountIDs []int64) (map[int64]store.Sight, error)
	SaveSights(ctx context.Context, source string, at time.Time, sights []store.NewSight) (found int, err error)
	WithNews(ctx context.Context, after store.NewsOf, only int64, limit int) ([]store.NewsOf, error)
	Signals(ctx context.Context, accountID int64) ([]store.Signal, error)
	Answer(ctx context.Context, signalIDs []int64, at time.Time) error
	SaveResponse(ctx context.Context, r store.Response, dailyCap int) (store.Response, error)
	CooledKinds(ctx context.Context, accountID int64, runID string, kinds []string, since time.Time) ([]string, error)
	DigestOwners(ctx context.Context, day string) ([]string, error)
	Digest(ctx context.Context, day, owner string) ([]store.Response, error)
	Effects(ctx context.Context, accountID int64) ([]store.Effect, error)

	ReviewStore
}

// ModelRef names a model version; results carry it, so that a run keeps the
// version it started with.
type ModelRef = store.ModelRef

// Models are the versions that score an account, which a run keeps: the one for
// everybody, and those for segments.
type Models struct {
	Model    ModelRef   `json:"model"`
	Segments []ModelRef `json:"segment_models,omitempty"`
}

// activeModels are the models that score companies now.
func (a *Activities) activeModels(ctx context.Context) (Models, error) {
	all, err := a.inForce(ctx)
	if err != nil {
		return Models{}, err
	}
	return all.pick(func(m store.ModelInForce) ModelRef { return m.ModelRef }), nil
}

// pin returns the models that a run of the account keeps: the active ones, or, of a
// model on trial, the candidate where the account is drawn for it. An account is drawn the
// same way for as long as the trial lasts.
func (a *Activities) pin(ctx context.Context, all inForce, acc account.Account) (Models, []*icp.Model, error) {
	pinned := all.pick(func(m store.ModelInForce) ModelRef {
		candidate := ModelRef{Name: m.Name, Version: m.Candidate}
		if m.Candidate != 0 && routing.Draw(candidate.String(), acc) < m.Share {
			return candidate
		}
		return m.ModelRef
	})
	models, err := a.load(ctx, pinned)
	return pinned, models, err
}

// watched are the models whose properties are read from the CRM: the active ones, and
// those whose release is under way, which are to find what they look at.
func (a *Activities) watched(ctx context.Context, all inForce) ([]*icp.Model, error) {
	var models []*icp.Model
	for _, m := range all {
		for _, version := range []int{m.Version, m.Next} {
			if version == 0 {
				continue
			}
			model, err := a.model(ctx, ModelRef{Name: m.Name, Version: version})
			if err != nil {
				return nil, err
			}
			models = append(models, model)
		}
	}
	return models, nil
}

// inForce are the models of companies, each with what is on trial and on its way; the one
// for everybody first. There is at least one.
type inForce []store.ModelInForce

func (a *Activities) inForce(ctx context.Context) (inForce, error) {
	all, _, err := a.inForceWithContacts(ctx)
	return all, err
}

// inForceWithContacts also returns the version that rates contacts; zero if none does.
func (a *Activities) inForceWithContacts(ctx context.Context) (all inForce, contacts ModelRef, err error) {
	models, err := a.Store.ModelsInForce(ctx, icp.SubjectCompany, icp.SubjectContact)
	for _, m := range models {
		switch {
		case m.Subject == icp.SubjectCompany:
			all = append(all, m)
		case contacts == ModelRef{}:
			contacts = m.ModelRef
		}
	}
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: no model for companies is active", account.ErrNotFound)
	}
	return all, contacts, err
}

// pick takes a version of each model.
func (all inForce) pick(version func(store.ModelInForce) ModelRef) Models {
	refs := make([]ModelRef, len(all))
	for i, m := range all {
		refs[i] = version(m)
	}
	return Models{Model: refs[0], Segments: slices.Clip(refs[1:])}
}

// load returns the versions, the one for everybody first.
func (a *Activities) load(ctx context.Context, in Models) ([]*icp.Model, error) {
	models := make([]*icp.Model, 0, 1+len(in.Segments))
	for _, ref := range append([]ModelRef{in.Model}, in.Segments...) {
		m, err := a.model(ctx, ref)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return models, nil
}

// model returns a version that was kept when it was released.
func (a *Activities) model(ctx context.Context, ref ModelRef) (*icp.Model, error) {
	if m, ok := a.models.Load(ref); ok {
		return m.(*icp.Model), nil
	}
	source, err := a.Store.Model(ctx, ref.Name, ref.Version)
	if err != nil {
		return nil, err
	}
	m, err := icp.Parse(ref.Name, source)
	if err != nil {
		return nil, err
	}
	a.models.Store(ref, m)
	return m, nil
}
