package activities

import (
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
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/strictyaml"
)

// ReleaseSettings are what sluice.yaml says of releases; a release keeps those that it
// began with.
type ReleaseSettings = store.ReleaseSettings

// Release is how a release stands on record, as its workflow acts on it. Who decided and
// why stays on record.
type Release struct {
	Model     ModelRef  `json:"model"`
	Replaces  int       `json:"replaces"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Paused    bool      `json:"paused,omitempty"`
	Stopped   string    `json:"stopped,omitempty"` // for a person, and why
	Signed    []string  `json:"signed,omitempty"`  // roles that have approved it
	Published bool      `json:"published,omitempty"`
	Over      bool      `json:"over,omitempty"`
	Steps     int       `json:"steps"` // of its journal: of two looks the one with more is the later
}

// StandingOf reads how a release stands from its record.
func StandingOf(r store.Release) Release {
	return Release{
		Model: r.ModelRef, Replaces: r.Replaces, State: r.State, Since: r.Since, Paused: r.Paused, Stopped: r.Stopped,
		Signed: r.Signed, Published: r.Published, Over: r.Over(), Steps: r.Steps,
	}
}

// byGuard begins what the guard says when it stops a release.
const byGuard = "guard: "

// Guarded reports whether the guard has stopped the release.
func (r Release) Guarded() bool { return strings.HasPrefix(r.Stopped, byGuard) }

// Missing returns the roles that have not approved the release.
func (r Release) Missing(roles []string) []string {
	return slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return slices.Contains(r.Signed, role) })
}

// CheckApproval refuses what a role says where it is not asked, or not any more. The
// error is an [account.ErrInvalid] that names the field.
func (r Release) CheckApproval(role string, roles []string) error {
	switch {
	case !slices.Contains(roles, role):
		return account.Invalid("role", fmt.Sprintf("no role %q signs off %s: want %s", role, r.name(), strings.Join(roles, " or ")))
	case r.Over || r.State != store.Backtested:
		return account.Invalid("state", fmt.Sprintf("%s does not wait for a sign-off: it is %s", r.name(), r.words()))
	case slices.Contains(r.Signed, role):
		return account.Invalid("role", role+" has approved it already")
	}
	return nil
}

// CheckMove refuses a decision that the release, as it stands, cannot follow. The error is
// an [account.ErrInvalid] that names the field and says what can be done.
func (r Release) CheckMove(move string, despiteGuard bool) error {
	is := func(format string, args ...any) error {
		return account.Invalid("state", r.name()+" "+fmt.Sprintf(format, args...))
	}
	back := r.State == store.Withdrawn || r.State == store.RolledBack
	switch {
	case r.Over && move == store.RollbackMove && r.State == store.Active:
		return nil
	case r.Over && r.State == store.Retired && move == store.RollbackMove:
		return is("is retired: a later version took its place; roll that one back first")
	case r.Over:
		return is("has ended: it is %s", r.words())
	case move == store.PauseMove && r.Paused:
		return is("is paused already")
	case move == store.ResumeMove && !r.Paused:
		return is("is not paused")
	case move == store.PauseMove || move == store.ResumeMove:
		return nil
	case back:
		return is("is on its way back already")
	case move == store.RollbackMove:
		return nil
	case move == store.WithdrawMove:
		if r.State == store.Active {
			return is("is active: take it back with `starter icp rollback %s`", r.name())
		}
		return nil
	}
	return r.checkActivate(despiteGuard, is)
}

func (r Release) checkActivate(despiteGuard bool, is func(string, ...any) error) error {
	switch {
	case r.Paused:
		return is("is paused: `starter icp resume %s` first", r.name())
	case r.Guarded() && !despiteGuard:
		return is("was stopped by the %s; give --despite-guard with a reason to go on all the same, or withdraw it", r.Stopped)
	case r.Stopped != "":
		return nil
	case r.State == store.Draft || r.State == store.Validated:
		return is("is not that far: it is %s", r.words())
	case r.State == store.Backtested:
		return is("waits for its sign-off: `starter icp approve %s --role ROLE --by WHO`", r.name())
	case r.State == store.Active:
		return is("is active: its scores are being published")
	}
	return nil
}

func (r Release) name() string { return fmt.Sprintf("%s@%d", r.Model.Name, r.Model.Version) }

func (r Release) words() string { return strings.ReplaceAll(r.State, "_", " ") }

// Next says what happens next to the release, and who makes it happen.
func (r Release) Next(set ReleaseSettings) string {
	at := r.name()
	switch {
	case r.Over && r.State == store.Active:
		return fmt.Sprintf("nothing; `starter icp rollback %s` takes it back", at)
	case r.Over:
		return "nothing"
	case r.Paused:
		return fmt.Sprintf("`starter icp resume %s`", at)
	case r.Guarded():
		return fmt.Sprintf("`starter icp activate %s --despite-guard --by WHO --reason WHY`, or `starter icp withdraw %s`", at, at)
	case r.Stopped != "":
		return fmt.Sprintf("mend it, then `starter icp activate %s --by WHO` tries again", at)
	}
	now := fmt.Sprintf("; `starter icp activate %s --by WHO` does not wait for that", at)
	switch r.State {
	case store.Draft, store.Validated:
		return "the backtest, then the sign-off"
	case store.Backtested:
		missing := r.Missing(set.Roles)
		if len(missing) == 0 {
			return "the shadow"
		}
		return fmt.Sprintf("`starter icp approve %s --role %s --by WHO`", at, missing[0])
	case store.SignedOff, store.Shadow:
		then := "it becomes active for all accounts"
		if set.AB.Share > 0 {
			then = fmt.Sprintf("%.0f %% of the accounts get it for %s", 100*set.AB.Share, strictyaml.FormatDuration(set.AB.For))
		}
		return "when the shadow is over, " + then + now
	case store.AB:
		return "when the A/B is over, it becomes active for all accounts" + now
	case store.Active:
		return "it is through when all scores are published"
	default:
		return "it is through when the old scores are published again"
	}
}

// ReadRelease reads how a release stands on record.
func (a *Activities) ReadRelease(ctx context.Context, id int64) (Release, error) {
	r, err := a.Store.Release(ctx, id)
	if errors.Is(err, account.ErrNotFound) {
		err = account.Invalid("release_id", fmt.Sprintf("no release %d is on record; `starter icp release` begins one", id))
	}
	return StandingOf(r), failure(err)
}

// ValidateRelease reads the version as every worker will, and holds it against the one
// whose place it takes.
func (a *Activities) ValidateRelease(ctx context.Context, id int64) (Release, error) {
	r, err := a.Store.Release(ctx, id)
	if err != nil {
		return Release{}, failure(err)
	}
	m, err := a.model(ctx, r.ModelRef)
	switch {
	case err != nil:
		return Release{}, failure(unreadable(err))
	case m.Name != r.Name || m.Version != r.Version:
		err = account.Invalid("version", fmt.Sprintf("what is on record as %s@%d calls itself %s", r.Name, r.Version, m.ID()))
	case m.Subject != icp.SubjectCompany:
		err = account.Invalid("subject", m.ID()+" rates contacts")
	case r.Live != r.Replaces && !r.Published:
		err = account.Invalid("name", fmt.Sprintf("%s@%d, whose place it takes, is not active any more; withdraw the release and begin another", r.Name, r.Replaces))
	}
	if err != nil {
		return Release{}, failure(err)
	}
	was, err := a.model(ctx, ModelRef{Name: r.Name, Version: r.Replaces})
	if err != nil {
		return Release{}, failure(err)
	}
	comment := fmt.Sprintf("takes the place of %s@%d; %d criteria, %d tiers", r.Name, r.Replaces, len(m.Criteria), len(m.Tiers))
	if added := newWords(m, was); len(added) > 0 {
		comment += fmt.Sprintf("; new to the CRM: %s: `starter crm setup` makes room for them", strings.Join(added, ", "))
	}
	moved, err := a.Store.MoveRelease(ctx, id, store.ReleaseChange{To: store.Validated, Comment: comment})
	return StandingOf(moved), failure(err)
}

// newWords are the tiers and queues that the version before did not have. The CRM takes
// those only that it knows.
func newWords(m, was *icp.Model) []string {
	words := func(m *icp.Model) []string {
		all := []string{m.Exploration.Queue}
		for _, t := range m.Tiers {
			all = append(all, t.Name, t.Queue)
		}
		return all
	}
	var added []string
	for _, word := range words(m) {
		if word != "" && !slices.Contains(words(was), word) && !slices.Contains(added, word) {
			added = append(added, word)
		}
	}
	return added
}

// unreadable makes a model that cannot be read a final error: trying again reads the same.
func unreadable(err error) error {
	if errors.Is(err, account.ErrNotFound) {
		return account.Invalid("version", "it is not on record")
	}
	return err
}

// dealMonths is how far back closed deals are held against a model: the published 18
// months.
const dealMonths = 18

const (
	dealPage   = 500
	dealWindow = 366 * 24 * time.Hour // of signals before a deal opened
)

// BacktestResult is how the version and the one whose place it takes told closed deals
// apart.
type BacktestResult struct {
	Release  Release        `json:"release"`
	Backtest review.Duelled `json:"backtest"`
}

// BacktestRelease holds the version, and the one whose place it takes, against the closed
// deals on record. Each deal is rated on what its account had when the deal opened. That
// there are no deals is no failure: who signs off sees it.
func (a *Activities) BacktestRelease(ctx context.Context, id int64) (BacktestResult, error) {
	r, err := a.Store.Release(ctx, id)
	if err != nil {
		return BacktestResult{}, failure(err)
	}
	models, err := a.load(ctx, Models{Model: r.ModelRef, Segments: []ModelRef{{Name: r.Name, Version: r.Replaces}}})
	if err != nil {
		return BacktestResult{}, failure(err)
	}
	told, err := a.duel(ctx, models[0], models[1], time.Now())
	if err != nil {
		return BacktestResult{}, failure(err)
	}
	moved, err := a.Store.MoveRelease(ctx, id, store.ReleaseChange{To: store.Backtested, Backtest: told, Comment: told.Verdict()})
	return BacktestResult{Release: StandingOf(moved), Backtest: told}, failure(err)
}

func (a *Activities) duel(ctx context.Context, candidate, active *icp.Model, now time.Time) (review.Duelled, error) {
	d := review.NewDuel(candidate, active)
	want := store.DealsWanted{Since: now.AddDate(0, -dealMonths, 0), Until: now, Closed: true, Window: dealWindow}
	unscored, other := 0, 0
	for after, more := int64(0), true; more; {
		page, err := a.Store.DealsHeld(ctx, want, after, dealPage)
		if err != nil {
			return review.Duelled{}, err
		}
		for _, deal := range page {
			after = deal.ID
			switch {
			case deal.Kind != crm.NewDeal && deal.Kind != crm.UnknownDeal:
				other++
			case deal.Score == nil:
				unscored++
			default:
				d.Add(pastDeal(deal))
			}
		}
		more = len(page) == dealPage
		activity.RecordHeartbeat(ctx, after)
	}
	told := d.Result()
	if told.Deals == 0 && unscored+other > 0 {
		told.Why = "no deal on record can be used"
	}
	if candidate.LooksAtContacts() || active.LooksAtContacts() {
		told.Notes = append(told.Notes, "who the contacts were then is not on record: criteria of contacts count as unknown")
	}
	if other > 0 {
		told.Notes = append(told.Notes, fmt.Sprintf("%d deals with customers are left out", other))
	}
	if unscored > 0 {
		told.Notes = append(told.Notes, fmt.Sprintf("%d deals are left out, since their account had no score when they opened", unscored))
	}
	return told, nil
}

func pastDeal(d store.HeldDeal) review.PastDeal {
	facts := make(account.Facts, len(d.Score.Facts))
	for field, m := range d.Score.Facts {
		facts[field] = m.Fact
	}
	return review.PastDeal{
		Won: d.Won, At: d.HeldAt,
		Subject: icp.Subject{Facts: facts, Signals: slices.Concat(d.Signals, facts.Signals())},
	}
}

// MoveReleaseInput takes a release to a state.
type MoveReleaseInput struct {
	ReleaseID int64  `json:"release_id"`
	To        string `json:"to"`
	Comment   string `json:"comment,omitempty"`
}

// MoveRelease takes a release to the state, and its version into the place that it has
// there, at once. It returns how the release stands then: if a person ended it meanwhile,
// so.
func (a *Activities) MoveRelease(ctx context.Context, in MoveReleaseInput) (Release, error) {
	r, err := a.Store.MoveRelease(ctx, in.ReleaseID, store.ReleaseChange{To: in.To, Comment: in.Comment})
	return StandingOf(r), failure(err)
}

// EndReleaseInput says what a release came to.
type EndReleaseInput struct {
	ReleaseID int64  `json:"release_id"`
	Comment   string `json:"comment,omitempty"`
}

// EndRelease says that a release is through.
func (a *Activities) EndRelease(ctx context.Context, in EndReleaseInput) (Release, error) {
	r, err := a.Store.EndRelease(ctx, in.ReleaseID, in.Comment)
	return StandingOf(r), failure(err)
}

// GuardReleaseInput is what a release would change.
type GuardReleaseInput struct {
	ReleaseID  int64      `json:"release_id"`
	Difference Difference `json:"difference"`
	// Pass lets it through: it is not time yet, or a person has decided so.
	Pass bool `json:"pass,omitempty"`
}

// GuardRelease keeps what a release would change, and stops the release for a person if
// that is more than its settings let through.
func (a *Activities) GuardRelease(ctx context.Context, in GuardReleaseInput) (Release, error) {
	r, err := a.Store.Release(ctx, in.ReleaseID)
	if err != nil {
		return Release{}, failure(err)
	}
	change := store.ReleaseChange{Difference: in.Difference}
	if !in.Pass {
		change.Stopped = in.Difference.Stops(r.Settings.Guard)
	}
	r, err = a.Store.MoveRelease(ctx, in.ReleaseID, change)
	return StandingOf(r), failure(err)
}

// Stops says why the guard lets a difference not through; "" if it does.
func (d Difference) Stops(g store.Guard) string {
	var why []string
	if share := float64(d.TierChanged) / float64(max(d.Accounts, 1)); share > g.TierShare {
		why = append(why, fmt.Sprintf("%d of %d accounts (%.0f %%) would change tier, and %.0f %% may", d.TierChanged, d.Accounts, 100*share, 100*g.TierShare))
	}
	most, rep := 0, ""
	for _, owner := range slices.Sorted(maps.Keys(d.TasksByOwner)) {
		if n := d.TasksByOwner[owner]; owner != "" && n > most {
			most, rep = n, owner
		}
	}
	if most > g.TasksPerRep {
		why = append(why, fmt.Sprintf("owner %s would get %d new tasks, and %d may be", rep, most, g.TasksPerRep))
	}
	if len(why) == 0 {
		return ""
	}
	return byGuard + strings.Join(why, "; ")
}

// StopReleaseInput says why a release cannot go on without a person.
type StopReleaseInput struct {
	ReleaseID int64  `json:"release_id"`
	Why       string `json:"why"`
}

// StopRelease puts on record that a release waits for a person, and why.
func (a *Activities) StopRelease(ctx context.Context, in StopReleaseInput) (Release, error) {
	r, err := a.Store.MoveRelease(ctx, in.ReleaseID, store.ReleaseChange{Stopped: in.Why})
	return StandingOf(r), failure(err)
}

// DecisionInput names an approval or a move that is on record.
type DecisionInput struct {
	ReleaseID int64 `json:"release_id"`
	ID        int64 `json:"id"`
}

// CountApproval lets what a role says count. It refuses, with an error of type Invalid
// that names the field, what the release as it stands does not ask for.
func (a *Activities) CountApproval(ctx context.Context, in DecisionInput) (Release, error) {
	r, err := a.Store.CountApproval(ctx, in.ReleaseID, in.ID, func(r store.Release, said store.Approval) error {
		return StandingOf(r).CheckApproval(said.Role, r.Settings.Roles)
	})
	return StandingOf(r), failure(err)
}

// TakeMove carries out what a person decided. It refuses, with an error of type Invalid
// that names the field, what the release as it stands cannot follow.
func (a *Activities) TakeMove(ctx context.Context, in DecisionInput) (Release, error) {
	r, err := a.Store.TakeReleaseMove(ctx, in.ReleaseID, in.ID, func(r store.Release, m store.ReleaseMove) error {
		s := StandingOf(r)
		if err := s.CheckMove(m.Move, m.DespiteGuard); err != nil || m.Move != store.RollbackMove || !r.Published {
			return err
		}
		switch {
		case r.Live != r.Version && r.Live != r.Replaces:
			return account.Invalid("state", fmt.Sprintf("%s is not active any more: %s@%d is", s.name(), r.Name, r.Live))
		case r.Other != 0:
			return account.Invalid("state", fmt.Sprintf("the release of %s@%d is under way, which builds on %s: withdraw it first", r.Name, r.Other, s.name()))
		}
		return nil
	})
	return StandingOf(r), failure(err)
}

// ReleaseModelsInput asks for the models of one side of a release.
type ReleaseModelsInput struct {
	ReleaseID int64 `json:"release_id"`
	Back      bool  `json:"back,omitempty"` // with the version that it replaced
}

// ReleaseModels returns the models that score companies now, with the release's version in
// its place.
func (a *Activities) ReleaseModels(ctx context.Context, in ReleaseModelsInput) (Models, error) {
	r, err := a.Store.Release(ctx, in.ReleaseID)
	if err != nil {
		return Models{}, failure(err)
	}
	refs, err := a.Store.ActiveModels(ctx, icp.SubjectCompany)
	if err != nil {
		return Models{}, failure(err)
	}
	i := slices.IndexFunc(refs, func(ref ModelRef) bool { return ref.Name == r.Name })
	if i < 0 {
		return Models{}, failure(account.Invalid("name", fmt.Sprintf("%s is not active any more: put it back into sluice.yaml and restart a worker, or withdraw the release", r.Name)))
	}
	if refs[i].Version = r.Version; in.Back {
		refs[i].Version = r.Replaces
	}
	return Models{Model: refs[0], Segments: slices.Clip(refs[1:])}, nil
}
