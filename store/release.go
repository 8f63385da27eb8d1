package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// The states of a release, in the order in which it goes through them; and how one ends
// that does not get there.
const (
	Draft      = "draft"
	Validated  = "validated"
	Backtested = "backtested" // the roles decide
	SignedOff  = "signed_off"
	Shadow     = "shadow" // new scores stand beside the old
	AB         = "ab"     // a share of the accounts has the new version
	Active     = "active"
	Retired    = "retired" // a later version took its place

	RejectedRelease = "rejected"
	Withdrawn       = "withdrawn"
	RolledBack      = "rolled_back"
)

// ReleaseSettings are what sluice.yaml says of releases. A release keeps those that it
// began with.
type ReleaseSettings struct {
	Roles  []string      `json:"roles"`  // that sign it off
	Shadow time.Duration `json:"shadow"` // how long new scores stand beside the old
	AB     Trial         `json:"ab"`
	Guard  Guard         `json:"guard"`
}

// Trial is how a version is tried on some of the accounts before it scores all.
type Trial struct {
	Share float64       `json:"share"` // of the accounts; 0: no trial
	For   time.Duration `json:"for"`
}

// Guard stops a release that changes more than this for a person to look at.
type Guard struct {
	TierShare   float64 `json:"tier_share"`    // of the accounts that would change tier
	TasksPerRep int     `json:"tasks_per_rep"` // that are new
}

// Release is a version of a model on its way, or as it ended.
type Release struct {
	ID int64
	ModelRef
	Replaces   int // the version that was active when it began
	State      string
	Paused     bool
	Stopped    string // by the guard, or by what failed: its sentence
	Settings   ReleaseSettings
	Backtest   json.RawMessage // null without one
	Difference json.RawMessage
	BeganAt    time.Time
	EndedAt    time.Time // zero while it is under way

	Signed    []string  // roles that have approved it
	Steps     int       // how many the journal has
	Since     time.Time // when it came to its state
	Published bool      // whether some of its scores may have been
	Live      int       // the version that is active now; 0 if none is
	Other     int       // another version whose release is under way; 0 if none is
}

// Over reports whether the release is through, one way or another.
func (r Release) Over() bool { return !r.EndedAt.IsZero() }

const releaseColumns = `r.id, r.name, r.version, coalesce(r.replaces, 0), r.state, r.paused, r.stopped, r.settings, r.backtest, r.difference,
	r.began_at, r.ended_at,
	ARRAY(SELECT a.role FROM approvals a WHERE a.release_id = r.id AND a.verdict = 'approved' AND a.counted_at IS NOT NULL ORDER BY a.counted_at, a.id),
	(SELECT count(*) FROM release_steps s WHERE s.release_id = r.id),
	coalesce((SELECT max(s.at) FROM release_steps s WHERE s.release_id = r.id AND s.state = r.state), r.began_at),
	EXISTS (SELECT FROM release_steps s WHERE s.release_id = r.id AND s.state IN ('ab', 'active')),
	coalesce((SELECT m.version FROM active_models m WHERE m.subject = 'company' AND m.name = r.name), 0),
	coalesce((SELECT max(o.version) FROM releases o WHERE o.name = r.name AND o.id <> r.id AND o.ended_at IS NULL), 0)`

func scanRelease(row pgx.CollectableRow) (Release, error) {
	var r Release
	var settings []byte
	var ended *time.Time
	err := row.Scan(&r.ID, &r.Name, &r.Version, &r.Replaces, &r.State, &r.Paused, &r.Stopped, &settings, &r.Backtest, &r.Difference,
		&r.BeganAt, &ended, &r.Signed, &r.Steps, &r.Since, &r.Published, &r.Live, &r.Other)
	if err == nil {
		err = json.Unmarshal(settings, &r.Settings)
	}
	r.EndedAt = value(ended)
	return r, err
}

// NewRelease is a version that is to be released.
type NewRelease struct {
	ModelRef
	Subject  string
	Source   []byte // nil: the version is on record
	Settings ReleaseSettings
	Author   string
	Comment  string
}

// BeginRelease puts a release on record, and its version with it. The same version again
// returns the release that is under way.
//
// Errors: [account.ErrInvalid], which names the field, for what cannot be released;
// [ModelChangedError] when the version is on record with another source.
func (s *Store) BeginRelease(ctx context.Context, in NewRelease) (r Release, err error) {
	settings, err := encode(in.Settings)
	if err != nil {
		return r, wrap(err, "begin release of %s@%d", in.Name, in.Version)
	}
	err = s.releasing(ctx, in.Name, func(tx pgx.Tx) error {
		if err := lineage(ctx, tx, &in); err != nil {
			return err
		}
		now, err := underWay(ctx, tx, in.ModelRef)
		begun := err == nil
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if in.Source != nil {
			if err := saveModel(ctx, tx, in.Name, in.Version, in.Subject, in.Source); err != nil {
				return err
			}
		}
		if r = now; begun {
			return nil
		}
		const q = `
			INSERT INTO releases (name, version, replaces, settings, share)
			SELECT name, @version, version, @settings, @share FROM active_models WHERE subject = 'company' AND name = @name
			RETURNING id`
		var id int64
		args := named{"name": in.Name, "version": in.Version, "settings": settings, "share": in.Settings.AB.Share}
		if err := tx.QueryRow(ctx, q, args).Scan(&id); err != nil {
			return err
		}
		if err := step(ctx, tx, id, Draft, in.Author, in.Comment); err != nil {
			return err
		}
		r, err = releaseIn(ctx, tx, id)
		return err
	})
	return r, unlessRefused(err, "begin release of %s@%d", in.Name, in.Version)
}

// unlessRefused is wrap, but leaves a refusal as it is: that begins with its field.
func unlessRefused(err error, format string, args ...any) error {
	if errors.Is(err, account.ErrInvalid) {
		return err
	}
	return wrap(err, format, args...)
}

// lineage refuses a version that has no place to take, and completes what is on record.
func lineage(ctx context.Context, tx pgx.Tx, in *NewRelease) error {
	if in.Source == nil {
		err := tx.QueryRow(ctx, `SELECT subject FROM models WHERE name = $1 AND version = $2`, in.Name, in.Version).Scan(&in.Subject)
		if errors.Is(err, pgx.ErrNoRows) {
			return account.Invalid("version", fmt.Sprintf("%s@%d is not on record; give its file: `starter icp release FILE`", in.Name, in.Version))
		}
		if err != nil {
			return err
		}
	}
	if in.Subject != "company" {
		return account.Invalid("subject", fmt.Sprintf("%s rates contacts; those models are switched by `contact_model` in sluice.yaml, without a release", in.Name))
	}
	active, err := activeVersions(ctx, tx)
	if err != nil {
		return err
	}
	live, ok := active[in.Name]
	switch {
	case !ok:
		return account.Invalid("name", fmt.Sprintf("no version of %s is active, so there is none to take the place of: call the file's model like the active one (%s), or put %s into sluice.yaml",
			in.Name, strings.Join(slices.Sorted(maps.Keys(active)), ", "), in.Name))
	case in.Version == live:
		return account.Invalid("version", fmt.Sprintf("%s@%d is active already", in.Name, live))
	case in.Version < live:
		return account.Invalid("version", fmt.Sprintf("%s@%d is lower than %s@%d, which is active: raise `version:` in the file, or go back with `starter icp rollback %s`",
			in.Name, in.Version, in.Name, live, in.Name))
	}
	return nil
}

func activeVersions(ctx context.Context, tx pgx.Tx) (map[string]int, error) {
	rows, _ := tx.Query(ctx, `SELECT name, version FROM active_models WHERE subject = 'company'`)
	refs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ModelRef])
	active := make(map[string]int, len(refs))
	for _, ref := range refs {
		active[ref.Name] = ref.Version
	}
	return active, err
}

// underWay is the open release of the version. Another version's is refused.
func underWay(ctx context.Context, tx pgx.Tx, ref ModelRef) (Release, error) {
	rows, _ := tx.Query(ctx, `SELECT `+releaseColumns+` FROM releases r WHERE r.name = $1 AND r.ended_at IS NULL`, ref.Name)
	r, err := pgx.CollectExactlyOneRow(rows, scanRelease)
	if err == nil && r.Version != ref.Version {
		err = account.Invalid("name", fmt.Sprintf("the release of %s@%d is under way (%s), and a model has one at a time: let it end, or `starter icp withdraw %s@%d`",
			r.Name, r.Version, r.State, r.Name, r.Version))
	}
	return r, err
}

// releasing lets one transaction at a time move the releases of a model.
func (s *Store) releasing(ctx context.Context, name string, move func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, takeTurn, "release/"+name); err != nil {
			return err
		}
		return move(tx)
	})
}

// step puts a move into the journal.
func step(ctx context.Context, tx pgx.Tx, id int64, state, author, comment string) error {
	const q = `
		INSERT INTO release_steps (release_id, seq, state, at, author, comment)
		SELECT @id, coalesce(max(seq), 0) + 1, @state, clock_timestamp(), @author, @comment FROM release_steps WHERE release_id = @id`
	_, err := tx.Exec(ctx, q, named{
		"id": id, "state": state, "author": clean(strings.TrimSpace(author), maxAuthor), "comment": clean(strings.TrimSpace(comment), maxReason),
	})
	return err
}

func releaseIn(ctx context.Context, tx pgx.Tx, id int64) (Release, error) {
	rows, _ := tx.Query(ctx, `SELECT `+releaseColumns+` FROM releases r WHERE r.id = $1`, id)
	return pgx.CollectExactlyOneRow(rows, scanRelease)
}

// Release returns a release by its id. Errors: [account.ErrNotFound].
func (s *Store) Release(ctx context.Context, id int64) (Release, error) {
	rows, _ := s.db.Query(ctx, `SELECT `+releaseColumns+` FROM releases r WHERE r.id = $1`, id)
	r, err := pgx.CollectExactlyOneRow(rows, scanRelease)
	return r, wrap(err, "release %d", id)
}

// Releases returns the releases of a model, or of all for "", the latest first; of a
// version if there is one. None is not an error.
func (s *Store) Releases(ctx context.Context, name string, version int) ([]Release, error) {
	const q = `SELECT ` + releaseColumns + ` FROM releases r WHERE ($1 = '' OR r.name = $1) AND ($2 = 0 OR r.version = $2) ORDER BY r.id DESC`
	rows, _ := s.db.Query(ctx, q, name, version)
	all, err := pgx.CollectRows(rows, scanRelease)
	return all, wrap(err, "releases of %s", name)
}

// ReleaseChange is a move that a release makes by itself.
type ReleaseChange struct {
	To         string // the state that it comes to; "": it stays
	Comment    string // for the journal
	Backtest   any    // nil: as it is
	Difference any
	Stopped    string // for a person, and why; it is not when it moves on
}

// MoveRelease takes a release to a state that follows the one it has, and puts the
// version into its place there: on trial, active. Repeated, or if a person ended the
// release meanwhile, it changes nothing. It returns the release as it is then.
//
// Errors: [account.ErrInvalid] when sluice.yaml no longer has the model.
func (s *Store) MoveRelease(ctx context.Context, id int64, c ReleaseChange) (r Release, err error) {
	err = s.withRelease(ctx, id, func(tx pgx.Tx, now Release) error {
		if now.Over() || gone(now.State) || c.To != "" && order(c.To) <= order(now.State) {
			return nil
		}
		if err := place(ctx, tx, now, c.To); err != nil {
			return err
		}
		backtest, err := encoded(c.Backtest)
		if err != nil {
			return err
		}
		difference, err := encoded(c.Difference)
		if err != nil {
			return err
		}
		const q = `
			UPDATE releases SET state = coalesce(nullif(@to, ''), state), stopped = @stopped,
				backtest = coalesce(@backtest::jsonb, backtest), difference = coalesce(@difference::jsonb, difference)
			WHERE id = @id`
		args := named{"id": id, "to": c.To, "stopped": clean(c.Stopped, 1000), "backtest": backtest, "difference": difference}
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return err
		}
		switch {
		case c.To != "":
			return step(ctx, tx, id, c.To, "", c.Comment)
		case c.Stopped != "" && c.Stopped != now.Stopped:
			return step(ctx, tx, id, "stopped", "", c.Stopped)
		}
		return nil
	}, &r)
	return r, unlessRefused(err, "move release %d to %s", id, c.To)
}

// withRelease changes a release, alone, and reads back what it has become.
func (s *Store) withRelease(ctx context.Context, id int64, change func(pgx.Tx, Release) error, became *Release) error {
	now, err := s.Release(ctx, id)
	if err != nil {
		return err
	}
	return s.releasing(ctx, now.Name, func(tx pgx.Tx) error {
		if now, err = releaseIn(ctx, tx, id); err != nil {
			return err
		}
		if err := change(tx, now); err != nil {
			return err
		}
		*became, err = releaseIn(ctx, tx, id)
		return err
	})
}

func order(state string) int {
	for i, s := range []string{Draft, Validated, Backtested, SignedOff, Shadow, AB, Active, Retired} {
		if s == state {
			return i
		}
	}
	return 0
}

// gone reports whether a release has taken, or is on, the way out.
func gone(state string) bool {
	return state == RejectedRelease || state == Withdrawn || state == RolledBack || state == Retired
}

func encoded(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	text, err := encode(v)
	return &text, err
}

// place puts the version where it belongs in a state: on trial beside the active one, or
// into its place, which retires the release before.
func place(ctx context.Context, tx pgx.Tx, r Release, to string) error {
	const try = `UPDATE active_models SET candidate = @version, share = @share WHERE subject = 'company' AND name = @name AND version = @was`
	const activate = `
		UPDATE active_models SET version = @version, candidate = NULL, share = 0, activated_at = clock_timestamp()
		WHERE subject = 'company' AND name = @name AND version = @was`
	args := named{"name": r.Name, "version": r.Version, "was": r.Replaces}
	q := activate
	switch to {
	case AB:
		q, args["share"] = try, r.Settings.AB.Share
	case Active:
		if err := succeed(ctx, tx, r); err != nil {
			return err
		}
	default:
		return nil
	}
	err := affected(tx.Exec(ctx, q, args))
	if errors.Is(err, pgx.ErrNoRows) {
		return account.Invalid("name", fmt.Sprintf("%s@%d, whose place it takes, is not active any more: put %s back into sluice.yaml and restart a worker, or withdraw the release",
			r.Name, r.Replaces, r.Name))
	}
	return err
}

// succeed retires the release of the version that was active until now.
func succeed(ctx context.Context, tx pgx.Tx, r Release) error {
	const q = `UPDATE releases SET state = 'retired' WHERE name = $1 AND id <> $2 AND state = 'active' RETURNING id`
	rows, _ := tx.Query(ctx, q, r.Name, r.ID)
	retired, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, id := range retired {
		if err == nil {
			err = step(ctx, tx, id, Retired, "", fmt.Sprintf("%s@%d took its place", r.Name, r.Version))
		}
	}
	return err
}

// EndRelease says that a release is through with what its state asks for, and what that
// came to. Repeated it changes nothing.
func (s *Store) EndRelease(ctx context.Context, id int64, comment string) (r Release, err error) {
	err = s.withRelease(ctx, id, func(tx pgx.Tx, now Release) error {
		if now.Over() {
			return nil
		}
		const q = `UPDATE releases SET ended_at = clock_timestamp(), stopped = '', paused = false WHERE id = $1`
		if _, err := tx.Exec(ctx, q, id); err != nil {
			return err
		}
		return step(ctx, tx, id, "through", "", comment)
	}, &r)
	return r, wrap(err, "end release %d", id)
}

// ReleaseStep is a line of a release's journal.
type ReleaseStep struct {
	Seq     int       `json:"seq"`
	State   string    `json:"state"`
	At      time.Time `json:"at"`
	Author  string    `json:"author,omitempty"` // "": the release itself
	Comment string    `json:"comment,omitempty"`
}

// ReleaseSteps returns a release's journal, the oldest line first.
func (s *Store) ReleaseSteps(ctx context.Context, id int64) ([]ReleaseStep, error) {
	rows, _ := s.db.Query(ctx, `SELECT seq, state, at, author, comment FROM release_steps WHERE release_id = $1 ORDER BY seq`, id)
	steps, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ReleaseStep])
	return steps, wrap(err, "journal of release %d", id)
}

// The verdicts of a role.
const (
	Approved = "approved"
	Rejected = "rejected"
)

// Approval is what a person said of a release in the name of a role. Who and why stay
// here; workflows know it by its id.
type Approval struct {
	ID        int64
	ReleaseID int64
	Role      string
	Verdict   string
	Author    string
	Comment   string
	CreatedAt time.Time
	CountedAt time.Time // zero until its workflow has taken it up
}

const approvalColumns = `id, release_id, role, verdict, author, comment, created_at, counted_at`

func scanApproval(row pgx.CollectableRow) (Approval, error) {
	var a Approval
	var counted *time.Time
	err := row.Scan(&a.ID, &a.ReleaseID, &a.Role, &a.Verdict, &a.Author, &a.Comment, &a.CreatedAt, &counted)
	a.CountedAt = value(counted)
	return a, err
}

// SaveApproval puts what a role says on record, and returns it with its id. It counts
// from when [Store.CountApproval] is told so.
//
// Errors: [account.ErrInvalid] for missing or endless words; [account.ErrNotFound] when
// there is no such release.
func (s *Store) SaveApproval(ctx context.Context, a Approval) (Approval, error) {
	const q = `
		INSERT INTO approvals (release_id, role, verdict, author, comment) VALUES (@release, @role, @verdict, @author, @comment)
		RETURNING ` + approvalColumns
	if err := checkReleaseWords(a.Author, a.Comment); err != nil {
		return Approval{}, err
	}
	rows, _ := s.db.Query(ctx, q, named{
		"release": a.ReleaseID, "role": a.Role, "verdict": a.Verdict,
		"author": clean(strings.TrimSpace(a.Author), maxAuthor), "comment": clean(strings.TrimSpace(a.Comment), maxReason),
	})
	kept, err := pgx.CollectExactlyOneRow(rows, scanApproval)
	return kept, wrap(err, "save approval of release %d", a.ReleaseID)
}

// checkReleaseWords is CheckWords for releases, where a comment may be missing.
func checkReleaseWords(by, comment string) error {
	if strings.TrimSpace(comment) == "" {
		comment = "–"
	}
	return CheckWords(by, comment)
}

// Approvals returns what was said of a release, the oldest first.
func (s *Store) Approvals(ctx context.Context, releaseID int64) ([]Approval, error) {
	rows, _ := s.db.Query(ctx, `SELECT `+approvalColumns+` FROM approvals WHERE release_id = $1 ORDER BY id`, releaseID)
	all, err := pgx.CollectRows(rows, scanApproval)
	return all, wrap(err, "approvals of release %d", releaseID)
}

// CountApproval lets an approval count, if admit lets the release have it as it stands.
// A rejection ends the release. Repeated it changes nothing.
//
// Errors: [account.ErrInvalid] for one that the release does not have; those of admit.
func (s *Store) CountApproval(ctx context.Context, releaseID, id int64, admit func(Release, Approval) error) (r Release, err error) {
	err = s.withRelease(ctx, releaseID, func(tx pgx.Tx, now Release) error {
		rows, _ := tx.Query(ctx, `SELECT `+approvalColumns+` FROM approvals WHERE id = $1 AND release_id = $2`, id, releaseID)
		a, err := pgx.CollectExactlyOneRow(rows, scanApproval)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return account.Invalid("id", fmt.Sprintf("the release has no approval %d on record; `starter icp approve` makes one", id))
		case err != nil || !a.CountedAt.IsZero():
			return err
		}
		if err := admit(now, a); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE approvals SET counted_at = clock_timestamp() WHERE id = $1`, id); err != nil {
			return err
		}
		if a.Verdict != Rejected {
			return step(ctx, tx, releaseID, Approved, a.Author, said(a))
		}
		if _, err := tx.Exec(ctx, `UPDATE releases SET state = 'rejected', ended_at = clock_timestamp() WHERE id = $1`, releaseID); err != nil {
			return err
		}
		return step(ctx, tx, releaseID, RejectedRelease, a.Author, said(a))
	}, &r)
	return r, unlessRefused(err, "count approval %d", id)
}

func said(a Approval) string {
	if a.Comment == "" {
		return "by " + a.Role
	}
	return "by " + a.Role + ": " + a.Comment
}

// The moves that people make.
const (
	ActivateMove = "activate" // go on now
	PauseMove    = "pause"
	ResumeMove   = "resume"
	WithdrawMove = "withdraw"
	RollbackMove = "rollback"
)

// ReleaseMove is what a person decided about a release on its way.
type ReleaseMove struct {
	ID           int64
	ReleaseID    int64
	Move         string
	DespiteGuard bool // of an activation
	Author       string
	Comment      string
	CreatedAt    time.Time
	TakenAt      time.Time // zero until its workflow has taken it
}

const moveColumns = `id, release_id, move, despite_guard, author, comment, created_at, taken_at`

func scanMove(row pgx.CollectableRow) (ReleaseMove, error) {
	var m ReleaseMove
	var taken *time.Time
	err := row.Scan(&m.ID, &m.ReleaseID, &m.Move, &m.DespiteGuard, &m.Author, &m.Comment, &m.CreatedAt, &taken)
	m.TakenAt = value(taken)
	return m, err
}

// SaveReleaseMove puts a person's decision on record, and returns it with its id. It
// counts from when [Store.TakeReleaseMove] is told so.
//
// Errors: [account.ErrInvalid] for missing or endless words; [account.ErrNotFound] when
// there is no such release.
func (s *Store) SaveReleaseMove(ctx context.Context, m ReleaseMove) (ReleaseMove, error) {
	const q = `
		INSERT INTO release_moves (release_id, move, despite_guard, author, comment) VALUES (@release, @move, @despite, @author, @comment)
		RETURNING ` + moveColumns
	check := checkReleaseWords
	if m.Move != ActivateMove || m.DespiteGuard {
		check = CheckWords
	}
	if err := check(m.Author, m.Comment); err != nil {
		return ReleaseMove{}, err
	}
	rows, _ := s.db.Query(ctx, q, named{
		"release": m.ReleaseID, "move": m.Move, "despite": m.DespiteGuard,
		"author": clean(strings.TrimSpace(m.Author), maxAuthor), "comment": clean(strings.TrimSpace(m.Comment), maxReason),
	})
	kept, err := pgx.CollectExactlyOneRow(rows, scanMove)
	return kept, wrap(err, "save %s of release %d", m.Move, m.ReleaseID)
}

// moveStep is what the journal calls a move that leaves the state as it is.
var moveStep = map[string]string{ActivateMove: "go_on", PauseMove: "paused", ResumeMove: "resumed"}

// TakeReleaseMove carries a person's decision out, if admit lets the release have it as
// it stands. Taking a version back makes the one that it replaced active again in the
// same transaction. Repeated it changes nothing.
//
// Errors: [account.ErrInvalid] for one that the release does not have; those of admit.
func (s *Store) TakeReleaseMove(ctx context.Context, releaseID, id int64, admit func(Release, ReleaseMove) error) (r Release, err error) {
	err = s.withRelease(ctx, releaseID, func(tx pgx.Tx, now Release) error {
		rows, _ := tx.Query(ctx, `SELECT `+moveColumns+` FROM release_moves WHERE id = $1 AND release_id = $2`, id, releaseID)
		m, err := pgx.CollectExactlyOneRow(rows, scanMove)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return account.Invalid("id", fmt.Sprintf("the release has no decision %d on record; `starter icp` makes one", id))
		case err != nil || !m.TakenAt.IsZero():
			return err
		}
		if err := admit(now, m); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE release_moves SET taken_at = clock_timestamp() WHERE id = $1`, id); err != nil {
			return err
		}
		return takeMove(ctx, tx, now, m)
	}, &r)
	return r, unlessRefused(err, "take decision %d", id)
}

func takeMove(ctx context.Context, tx pgx.Tx, r Release, m ReleaseMove) error {
	state := moveStep[m.Move]
	q, args := "", []any{r.ID}
	switch m.Move {
	case ActivateMove:
		q = `UPDATE releases SET stopped = '' WHERE id = $1`
	case PauseMove:
		q = `UPDATE releases SET paused = true WHERE id = $1`
	case ResumeMove:
		q = `UPDATE releases SET paused = false WHERE id = $1`
	default:
		if state = Withdrawn; m.Move == RollbackMove {
			state = RolledBack
		}
		// What has written nothing has nothing to take back.
		q = `UPDATE releases SET state = $2, stopped = '', paused = false, ended_at = CASE WHEN $3 THEN NULL ELSE clock_timestamp() END WHERE id = $1`
		args = append(args, state, r.Published)
		if err := displace(ctx, tx, r); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, q, args...); err != nil {
		return err
	}
	comment := m.Comment
	if m.DespiteGuard {
		comment = "despite the guard: " + comment
	}
	return step(ctx, tx, r.ID, state, m.Author, comment)
}

// displace makes the version that a release replaced the active one again, and its
// release with it.
func displace(ctx context.Context, tx pgx.Tx, r Release) error {
	if !r.Published {
		return nil
	}
	const back = `
		UPDATE active_models SET version = @was, candidate = NULL, share = 0,
			activated_at = CASE WHEN version = @was THEN activated_at ELSE clock_timestamp() END
		WHERE subject = 'company' AND name = @name AND version IN (@was, @version)`
	args := named{"name": r.Name, "version": r.Version, "was": r.Replaces}
	if _, err := tx.Exec(ctx, back, args); err != nil {
		return err
	}
	const restore = `
		UPDATE releases SET state = 'active'
		WHERE id = (SELECT max(id) FROM releases WHERE name = $1 AND version = $2 AND state = 'retired') RETURNING id`
	var id int64
	err := tx.QueryRow(ctx, restore, r.Name, r.Replaces).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return step(ctx, tx, id, Active, "", fmt.Sprintf("again, since %s@%d was taken back", r.Name, r.Version))
}
