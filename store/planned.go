package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// Planned is the score that a release makes of an account, before it counts.
type Planned struct {
	ScoreRow           // of which run is the release's
	Bucket     float64 // where the account falls among all that an A/B stage draws from, 0 to below 1
	Task       bool    // it makes a task
	OwnerIsNew bool    // the owner takes a turn for it
	Moved      bool    // the account had moved, and was planned anew
	Staged     int     // values that will wait for a person before they are written
	Held       int     // values that their policy keeps from being written
}

// ReleaseRun is the run id of the scores that a release makes.
func ReleaseRun(releaseID int64) string { return fmt.Sprintf("release/%d", releaseID) }

// ReleaseModel returns the version that is released. Errors: [account.ErrNotFound].
func (s *Store) ReleaseModel(ctx context.Context, releaseID int64) (ref ModelRef, err error) {
	const q = `SELECT name, version FROM releases WHERE id = $1`
	err = s.db.QueryRow(ctx, q, releaseID).Scan(&ref.Name, &ref.Version)
	return ref, wrap(err, "release %d", releaseID)
}

// Scored returns the next accounts after the given id that have a score, by id.
func (s *Store) Scored(ctx context.Context, after int64, limit int) ([]int64, error) {
	// A join would read the scores from the first account on for every page.
	const q = `
		SELECT id FROM accounts a CROSS JOIN LATERAL (SELECT FROM scores WHERE account_id = a.id LIMIT 1) AS scored
		WHERE id > $1 ORDER BY id LIMIT $2`
	rows, _ := s.db.Query(ctx, q, after, limit)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "accounts with a score after %d", after)
}

// CountScored returns how many accounts have a score.
func (s *Store) CountScored(ctx context.Context) (n int, err error) {
	const q = `SELECT count(*) FROM accounts a WHERE EXISTS (SELECT FROM scores WHERE account_id = a.id)`
	err = s.db.QueryRow(ctx, q).Scan(&n)
	return n, wrap(err, "count accounts with a score")
}

// Turn is where an owner stands in the round robin of a queue.
type Turn struct {
	Queue, OwnerID string
	TakenAt        time.Time // zero: never
	Day            time.Time // of TakenAt's last account, in UTC
	Taken          int       // on that day
	Promised       int       // to come, by what a release has planned
	Last           int64     // the account that was promised last
}

// Turns returns where the owners stand. Of a release's plan, what it has promised up to an
// account counts as well, but for that of the accounts left out, which are planned anew;
// releaseID is 0 for no release.
func (s *Store) Turns(ctx context.Context, releaseID, through int64, leaveOut []int64) ([]Turn, error) {
	const q = `
		SELECT coalesce(t.queue, p.queue), coalesce(t.owner_id, p.owner_id), t.taken_at, t.day, coalesce(t.taken, 0), coalesce(p.n, 0), coalesce(p.last, 0)
		FROM turns t FULL JOIN (
			SELECT queue, owner_id, count(*) AS n, max(account_id) AS last FROM planned_scores
			WHERE release_id = @release AND owner_is_new AND state = 'planned' AND account_id <= @through AND account_id <> ALL (@out::bigint[])
			GROUP BY 1, 2
		) AS p ON p.queue = t.queue AND p.owner_id = t.owner_id`
	rows, _ := s.db.Query(ctx, q, named{"release": releaseID, "through": through, "out": append([]int64{}, leaveOut...)})
	turns, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Turn, error) {
		var t Turn
		var at, day *time.Time
		err := row.Scan(&t.Queue, &t.OwnerID, &at, &day, &t.Taken, &t.Promised, &t.Last)
		t.TakenAt, t.Day = value(at), value(day)
		return t, err
	})
	return turns, wrap(err, "turns")
}

// ofPage are the planned scores p of release @release that are of the accounts @ids. The
// join looks each of them up, however the table has grown since it was last analyzed.
const ofPage = `unnest(@ids::bigint[]) AS page (id) JOIN planned_scores p ON p.release_id = @release AND p.account_id = page.id`

// rowColumns are those that a planned score and a score have in common, after account and pass.
const rowColumns = `model, model_version, value, tier, breakdown, facts, cause, queue, owner_id, route_reason, exploration, scored_at,
	override_id, override_value, override_tier, override_fit, tier_since, tier_reason, why, changes, runner_up`

// KeepPlanned keeps what a release makes of a page of accounts, in place of what it made of
// them before. What is published stays as it is.
//
// Errors: [account.ErrNotFound] when an account is gone: without it the page can be kept.
func (s *Store) KeepPlanned(ctx context.Context, releaseID int64, page []Planned) error {
	if len(page) == 0 {
		return nil
	}
	args, err := plannedArgs(releaseID, page)
	if err == nil {
		_, err = s.db.Exec(ctx, keepPlanned+overPlanned+` WHERE planned_scores.state = 'planned'`, args)
	}
	return wrap(err, "keep %d planned scores", len(page))
}

const plannedColumns = `account_id, before_id, bucket, pass, holding_id, rescore_at, task, owner_is_new, moved, staged, held, ` + rowColumns

const keepPlanned = `
	INSERT INTO planned_scores (release_id, ` + plannedColumns + `)
	SELECT @release, ` + plannedColumns + `
	FROM unnest(@account::bigint[], @before::bigint[], @bucket::float8[], @pass::int[], @holding::bigint[], @rescore::timestamptz[],
		@task::bool[], @new::bool[], @moved::bool[], @staged::int[], @held::int[],
		@model::text[], @version::int[], @value::int[], @tier::text[], @breakdown::jsonb[], @facts::jsonb[], @cause::text[],
		@queue::text[], @owner::text[], @reason::text[], @exploration::bool[], @at::timestamptz[],
		@override_id::bigint[], @override_value::int[], @override_tier::text[], @override_fit::int[],
		@tier_since::timestamptz[], @tier_reason::text[], @why::text[], @changes::jsonb[], @runner_up::jsonb[]
	) AS p (` + plannedColumns + `) `

// overPlanned takes the place of a row that is there. A score that was published stays: what
// comes after it is a further pass.
var overPlanned = ` ON CONFLICT ON CONSTRAINT planned_score_once DO UPDATE SET
	(before_id, bucket, pass, holding_id, rescore_at, task, owner_is_new, moved, staged, held, state, effects, failure, ` + rowColumns + `)
	= ROW (excluded.before_id, excluded.bucket, planned_scores.pass + CASE WHEN planned_scores.state = 'planned' THEN 0 ELSE 2 END,
		excluded.holding_id, excluded.rescore_at, excluded.task, excluded.owner_is_new, excluded.moved, excluded.staged, excluded.held, 'planned', 'none', '', ` + columnsOf("excluded", rowColumns) + `)`

// columnsOf are the columns, each of the named table.
func columnsOf(table, columns string) string {
	return table + "." + strings.Join(strings.FieldsFunc(columns, func(r rune) bool { return strings.ContainsRune(", \n\t", r) }), ", "+table+".")
}

// plannedArgs are the columns of a page.
func plannedArgs(releaseID int64, page []Planned) (named, error) {
	n := len(page)
	columns := make(map[string][]any, 30)
	for i, p := range page {
		row, err := p.args()
		if err != nil {
			return nil, err
		}
		delete(row, "run")
		row["bucket"], row["task"], row["new"], row["moved"] = p.Bucket, p.Task, p.OwnerIsNew, p.Moved
		row["staged"], row["held"] = p.Staged, p.Held
		row["rescore"] = optional(p.RescoreAt)
		for name, v := range row {
			if columns[name] == nil {
				columns[name] = make([]any, n)
			}
			columns[name][i] = v
		}
	}
	args := make(named, len(columns)+1)
	args["release"] = releaseID
	for name, values := range columns {
		args[name] = values
	}
	return args, nil
}

// PlannedPage asks for the next accounts of a release that are to be published or taken back.
type PlannedPage struct {
	ReleaseID int64
	After     int64   // the account that was done last
	Share     float64 // of the accounts
	Back      bool    // those that were published, to be taken back
	Limit     int
}

// NextPlanned returns the next accounts of a release, by id: those that are to be published
// and those that are, or, on the way back, those that are to be taken back and those that
// are.
func (s *Store) NextPlanned(ctx context.Context, p PlannedPage) ([]int64, error) {
	const q = `
		SELECT account_id FROM planned_scores
		WHERE release_id = @release AND account_id > @after AND bucket < @share AND (NOT @back OR state <> 'planned')
		ORDER BY account_id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{
		"release": p.ReleaseID, "after": p.After, "share": p.Share, "back": p.Back, "limit": p.Limit,
	})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "planned scores of release %d", p.ReleaseID)
}

// Stragglers returns the next accounts whose latest score is one of the model that is
// released, and of another version than that: on the way back, of that version. They were
// scored while the release went through.
func (s *Store) Stragglers(ctx context.Context, p PlannedPage) ([]int64, error) {
	const q = `
		SELECT a.id FROM accounts a JOIN releases r ON r.id = @release JOIN LATERAL (
			SELECT model, model_version FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1
		) AS last ON last.model = r.name AND (last.model_version = r.version) = @back
		WHERE a.id > @after
			AND NOT EXISTS (SELECT FROM planned_scores WHERE release_id = r.id AND account_id = a.id AND bucket >= @share)
		ORDER BY a.id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{
		"release": p.ReleaseID, "after": p.After, "share": p.Share, "back": p.Back, "limit": p.Limit,
	})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "stragglers of release %d", p.ReleaseID)
}

// lockScores lets no other transaction score the accounts, or begin or end an override of
// theirs, until the end of this one. They are in one order, so that two never wait for each
// other.
func lockScores(b *pgx.Batch, ids []int64) {
	const q = `
		SELECT pg_advisory_xact_lock(hashtextextended('scores/' || id, 0))
		FROM (SELECT id FROM unnest($1::bigint[]) AS u (id) ORDER BY id OFFSET 0) AS a`
	b.Queue(q, ids)
}

// unmoved is the condition that since the row p was worked out its account got no other
// score than p.before_id, and no other override than p.holding_id.
const unmoved = `p.before_id = (SELECT id FROM scores WHERE account_id = p.account_id ORDER BY id DESC LIMIT 1)
	AND p.holding_id IS NOT DISTINCT FROM (SELECT id FROM overrides WHERE account_id = p.account_id AND ` + holds + `)`

// Publish lets planned scores count, as they are, where the account has not moved since. It
// takes the turns that they promise. It returns the accounts that have moved: their plan is
// as it was. Repeated it changes nothing.
func (s *Store) Publish(ctx context.Context, releaseID int64, ids []int64, at time.Time) (moved []int64, err error) {
	const left = `SELECT account_id FROM ` + ofPage + ` WHERE state = 'planned' ORDER BY account_id`
	var b pgx.Batch
	lockScores(&b, ids)
	publish(&b, releaseID, ids, at, false)
	b.Queue(left, named{"release": releaseID, "ids": ids}).Query(func(rows pgx.Rows) (err error) {
		moved, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	err = s.db.SendBatch(ctx, &b).Close()
	return moved, wrap(err, "publish %d scores of release %d", len(ids), releaseID)
}

// PublishAnew is Publish for accounts that have moved, with what is made of them now: on the
// way back, in place of what the release made of them. It returns those that have moved
// again.
func (s *Store) PublishAnew(ctx context.Context, releaseID int64, page []Planned, at time.Time, back bool) (moved []int64, err error) {
	if len(page) == 0 {
		return nil, nil
	}
	args, err := plannedArgs(releaseID, page)
	if err != nil {
		return nil, wrap(err, "publish %d scores anew", len(page))
	}
	args["now"] = at
	ids := make([]int64, len(page))
	for i, p := range page {
		ids[i] = p.AccountID
	}
	var kept []int64
	var b pgx.Batch
	lockScores(&b, ids)
	b.Queue(keepPlanned+`WHERE `+strings.ReplaceAll(unmoved, "@at", "@now")+overPlanned+` RETURNING account_id`, args).Query(func(rows pgx.Rows) (err error) {
		kept, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	publish(&b, releaseID, ids, at, back)
	err = s.db.SendBatch(ctx, &b).Close()
	moved = slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return slices.Contains(kept, id) })
	return moved, wrap(err, "publish %d scores of release %d anew", len(ids), releaseID)
}

// publish queues what lets the planned scores of unmoved accounts count. The accounts are
// locked.
func publish(b *pgx.Batch, releaseID int64, ids []int64, at time.Time, back bool) {
	// Whoever takes a turn in these queues waits: see [Store.AssignOwner].
	const queues = `
		SELECT pg_advisory_xact_lock(hashtextextended('assign in ' || queue, 0)) FROM (
			SELECT DISTINCT queue FROM ` + ofPage + ` WHERE owner_is_new ORDER BY queue OFFSET 0
		) AS q`
	const q = `
		WITH due AS (
			SELECT p.* FROM ` + ofPage + ` WHERE state = 'planned' AND ` + unmoved + `
		), added AS (
			INSERT INTO scores (account_id, run_id, pass, ` + rowColumns + `)
			SELECT account_id, @run, pass, ` + rowColumns + ` FROM due ORDER BY account_id
			RETURNING id, account_id
		), marked AS (
			UPDATE planned_scores p SET
				state = CASE WHEN @back THEN 'rolled_back' ELSE 'published' END,
				score_id = CASE WHEN @back THEN p.score_id ELSE added.id END, undone_id = CASE WHEN @back THEN added.id END,
				rescore_before = a.rescore_at, effects = CASE WHEN a.crm IS NULL THEN 'none' ELSE 'due' END
			FROM added JOIN accounts a ON a.id = added.account_id
			WHERE p.release_id = @release AND p.account_id = added.account_id
		), aged AS (
			UPDATE accounts a SET rescore_at = due.rescore_at FROM due
			WHERE a.id = due.account_id AND a.rescore_at IS DISTINCT FROM due.rescore_at
		), assigned AS (
			INSERT INTO assignments (account_id, queue, owner_id) SELECT account_id, queue, owner_id FROM due WHERE owner_is_new
			ON CONFLICT ON CONSTRAINT assignment_once DO UPDATE SET owner_id = excluded.owner_id
		)
		INSERT INTO turns (queue, owner_id, taken_at, day, taken)
		SELECT queue, owner_id, clock_timestamp() + rank() OVER (ORDER BY max(account_id)) * interval '1 microsecond', @day, count(*)
		FROM due WHERE owner_is_new GROUP BY queue, owner_id
		ON CONFLICT ON CONSTRAINT turn_once DO UPDATE SET
			taken_at = excluded.taken_at, day = greatest(turns.day, excluded.day),
			taken = CASE WHEN turns.day >= excluded.day THEN turns.taken + excluded.taken ELSE excluded.taken END`
	b.Queue(queues, named{"release": releaseID, "ids": ids})
	b.Queue(q, named{"release": releaseID, "ids": ids, "run": ReleaseRun(releaseID), "at": at, "day": at.UTC(), "back": back})
}

// Undo gives accounts a copy of the score that they had before the release, where what
// it made of them is still the latest and the same override holds. It returns the accounts
// that have moved. Repeated it changes nothing.
func (s *Store) Undo(ctx context.Context, releaseID int64, ids []int64, at time.Time) (moved []int64, err error) {
	const back = `
		WITH due AS (
			SELECT p.* FROM ` + ofPage + ` JOIN scores was ON was.id = p.before_id
			WHERE p.state = 'published'
				AND p.score_id = (SELECT id FROM scores WHERE account_id = p.account_id ORDER BY id DESC LIMIT 1)
				AND was.override_id IS NOT DISTINCT FROM (SELECT id FROM overrides WHERE account_id = p.account_id AND ` + holds + `)
		), added AS (
			INSERT INTO scores (account_id, run_id, pass, ` + rowColumns + `)
			SELECT was.account_id, @run, due.pass + 1, was.model, was.model_version, was.value, was.tier, was.breakdown, was.facts, 'model',
				was.queue, was.owner_id, was.route_reason, was.exploration, @at,
				was.override_id, was.override_value, was.override_tier, was.override_fit, was.tier_since, was.tier_reason,
				'model: ' || now.model || '@' || now.model_version || ' rolled back to ' || was.model || '@' || was.model_version || '; score '
					|| coalesce(now.override_value, now.value) || ' → ' || coalesce(was.override_value, was.value)
					|| ', ' || coalesce(now.override_tier, now.tier) || ' → ' || coalesce(was.override_tier, was.tier),
				'[]', was.runner_up
			FROM due JOIN scores was ON was.id = due.before_id JOIN scores now ON now.id = due.score_id ORDER BY was.account_id
			RETURNING id, account_id
		), marked AS (
			UPDATE planned_scores p SET state = 'rolled_back', undone_id = added.id, failure = '',
				effects = CASE WHEN a.crm IS NULL THEN 'none' ELSE 'due' END
			FROM added JOIN accounts a ON a.id = added.account_id
			WHERE p.release_id = @release AND p.account_id = added.account_id
		)
		UPDATE accounts a SET rescore_at = due.rescore_before FROM due
		WHERE a.id = due.account_id AND a.rescore_at IS DISTINCT FROM due.rescore_before`
	const left = `SELECT account_id FROM ` + ofPage + ` WHERE state = 'published' ORDER BY account_id`
	var b pgx.Batch
	lockScores(&b, ids)
	b.Queue(back, named{"release": releaseID, "ids": ids, "run": ReleaseRun(releaseID), "at": at})
	b.Queue(left, named{"release": releaseID, "ids": ids}).Query(func(rows pgx.Rows) (err error) {
		moved, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	err = s.db.SendBatch(ctx, &b).Close()
	return moved, wrap(err, "take back %d scores of release %d", len(ids), releaseID)
}

// LeaveBe takes accounts out of a release that is rolled back: another version has scored
// them since.
func (s *Store) LeaveBe(ctx context.Context, releaseID int64, ids []int64) error {
	const q = `
		UPDATE planned_scores SET state = 'rolled_back', effects = 'none', failure = ''
		WHERE release_id = $1 AND account_id = ANY ($2) AND state = 'published'`
	return s.settle(ctx, q, releaseID, ids)
}

// Adopt takes what the release's own version has made of accounts meanwhile for what was
// planned: whoever scored them brings it into the CRM.
func (s *Store) Adopt(ctx context.Context, releaseID int64, ids []int64) error {
	const q = `
		UPDATE planned_scores p SET state = 'published', moved = true,
			score_id = (SELECT id FROM scores WHERE account_id = p.account_id ORDER BY id DESC LIMIT 1)
		WHERE release_id = $1 AND account_id = ANY ($2) AND state = 'planned'`
	return s.settle(ctx, q, releaseID, ids)
}

// DropPlanned forgets what was planned for accounts that the release is not about any more.
func (s *Store) DropPlanned(ctx context.Context, releaseID int64, ids []int64) error {
	const q = `DELETE FROM planned_scores WHERE release_id = $1 AND account_id = ANY ($2) AND state = 'planned'`
	return s.settle(ctx, q, releaseID, ids)
}

func (s *Store) settle(ctx context.Context, q string, releaseID int64, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := s.db.Exec(ctx, q, releaseID, ids)
	return wrap(err, "settle %d accounts of release %d", len(ids), releaseID)
}

// WithDueEffects returns the next accounts whose effects are due, by id.
func (s *Store) WithDueEffects(ctx context.Context, releaseID, after int64, limit int) ([]int64, error) {
	const q = `
		SELECT account_id FROM planned_scores WHERE release_id = $1 AND account_id > $2 AND effects = 'due'
		ORDER BY account_id LIMIT $3`
	rows, _ := s.db.Query(ctx, q, releaseID, after, limit)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "accounts of release %d with effects that are due", releaseID)
}

// DueEffects is an account whose record in the CRM does not have yet what the release made
// of it.
type DueEffects struct {
	account.Account
	Changed bool   // its tier or score: people are to be told
	Task    bool   // it gets one
	Back    bool   // to what it was
	Disown  string // the owner that the release gave it, and who is to be taken off again; "" if none is
}

// DueEffects returns which of the accounts have effects that are due, by id.
func (s *Store) DueEffects(ctx context.Context, releaseID int64, ids []int64) ([]DueEffects, error) {
	const q = `
		SELECT a.id, a.crm, a.portal, a.crm_id, a.domain, a.name,
			(coalesce(was.override_value, was.value), coalesce(was.override_tier, was.tier))
				IS DISTINCT FROM (coalesce(now.override_value, now.value), coalesce(now.override_tier, now.tier)),
			p.task AND p.state = 'published', p.state = 'rolled_back',
			CASE WHEN p.state = 'rolled_back' AND p.owner_is_new AND now.owner_id = '' AND was.id = p.score_id THEN p.owner_id ELSE '' END
		FROM ` + ofPage + ` JOIN accounts a ON a.id = p.account_id
			JOIN scores now ON now.id = CASE WHEN p.state = 'published' THEN p.score_id ELSE p.undone_id END
			JOIN LATERAL (SELECT * FROM scores WHERE account_id = p.account_id AND id < now.id ORDER BY id DESC LIMIT 1) AS was ON true
		WHERE p.effects = 'due' ORDER BY a.id`
	rows, _ := s.db.Query(ctx, q, named{"release": releaseID, "ids": ids})
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (DueEffects, error) {
		var d DueEffects
		acc, err := scanAccount(also{row, []any{&d.Changed, &d.Task, &d.Back, &d.Disown}})
		d.Account = acc
		return d, err
	})
	return due, wrap(err, "effects of release %d that are due", releaseID)
}

// EndedEffects is how an account's effects ended.
type EndedEffects struct {
	AccountID int64
	Failure   string // why the CRM did not take them; "" if it did
	TaskID    string // that was made
}

// EndEffects records how effects ended.
func (s *Store) EndEffects(ctx context.Context, releaseID int64, ended []EndedEffects) error {
	const q = `
		UPDATE planned_scores p SET effects = CASE WHEN e.failure = '' THEN 'done' ELSE 'failed' END, failure = e.failure,
			task_id = CASE WHEN e.task = '' THEN p.task_id ELSE e.task END
		FROM unnest(@ids::bigint[], @failures::text[], @tasks::text[]) AS e (id, failure, task)
		WHERE p.release_id = @release AND p.account_id = e.id AND p.effects = 'due'`
	if len(ended) == 0 {
		return nil
	}
	ids, failures, tasks := make([]int64, len(ended)), make([]string, len(ended)), make([]string, len(ended))
	for i, e := range ended {
		ids[i], failures[i], tasks[i] = e.AccountID, clean(e.Failure, 1000), e.TaskID
	}
	_, err := s.db.Exec(ctx, q, named{"release": releaseID, "ids": ids, "failures": failures, "tasks": tasks})
	return wrap(err, "end %d effects of release %d", len(ended), releaseID)
}

// Rescored is what a bulk re-score has come to.
type Rescored struct {
	Accounts  int `json:"accounts"`  // that it is about
	Published int `json:"published"` // scores, or copies of the ones before
	Moved     int `json:"moved"`     // of them, those that were planned anew since the account had moved
	Written   int `json:"written"`   // records in the CRM
	Tasks     int `json:"tasks"`     // that were made; a roll-back leaves them
	Failed    int `json:"failed"`    // records that the CRM did not take
}

// Rescored adds up what became of a share of the accounts, or of those that were taken back.
func (s *Store) Rescored(ctx context.Context, releaseID int64, share float64, back bool) (Rescored, error) {
	const q = `
		SELECT count(*) AS accounts,
			count(*) FILTER (WHERE @back AND p.undone_id IS NOT NULL OR NOT @back AND p.state = 'published') AS published,
			count(*) FILTER (WHERE @back AND undone.pass % 2 = 1 OR NOT @back AND p.moved) AS moved,
			count(*) FILTER (WHERE p.effects = 'done') AS written,
			count(*) FILTER (WHERE p.task_id <> '') AS tasks,
			count(*) FILTER (WHERE p.effects = 'failed') AS failed
		FROM planned_scores p LEFT JOIN scores undone ON @back AND undone.id = p.undone_id
		WHERE p.release_id = @release AND p.bucket < @share AND (NOT @back OR p.state <> 'planned')`
	rows, _ := s.db.Query(ctx, q, named{"release": releaseID, "share": share, "back": back})
	r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Rescored])
	return r, wrap(err, "what release %d came to", releaseID)
}
