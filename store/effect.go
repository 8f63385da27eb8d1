package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
)

// Effect is what is known of something that is written to the CRM.
type Effect struct {
	Key       string
	AccountID int64
	RunID     string // that tried it last
	Kind      crm.EffectKind
	State     string            // trying, done, failed, kept
	CRMID     string            // of the record, once it is known
	Written   map[string]string // last values known to be written
	Tried     map[string]string // values of the last attempt
	Attempts  int
	TriedAt   time.Time
	DoneAt    time.Time
	Reason    string               // why it failed or was kept
	Stamps    map[string]time.Time // when each of the values was written, as far as that is known

	// Staged has the last value of each property that a person was asked about; only where
	// an attempt asks for it.
	Staged map[string]Staged
}

const effectColumns = `key, account_id, run_id, kind, state, crm_id, written, tried, attempts, tried_at, done_at, reason, stamps`

// ErrSuperseded means that the account has a later score than the one whose effects are
// tried.
var ErrSuperseded = errors.New("the account has a later score")

// ErrBusy means that another holder has been trying the same effect lately.
var ErrBusy = errors.New("the effect is being tried by another")

// turn is how long an attempt that has not ended keeps others from the effect: longer
// than a call to a CRM takes.
const turn = 30 * time.Second

// Attempt is an effect that is about to be tried.
type Attempt struct {
	Key       string
	AccountID int64
	RunID     string // that tries it
	Holder    string // what keeps others off while it tries: the same for each attempt of one activity
	Kind      crm.EffectKind
	Tried     map[string]string // the values
	// ScoreID is the score that the effect follows from, 0 if it follows from none. Of
	// such an effect only the last score is tried, by one holder at a time: so the CRM
	// never goes back to an earlier one.
	ScoreID int64

	WorkflowID string
	Object     string            // of the journal's rows: company, note, task
	RecordID   string            // in the CRM, where it is known before
	Changes    []Change          // that the attempt may make
	Have       map[string]string // what the record has of the properties: it tells what became of attempts before
	Asks       bool              // whether values may wait for a person
}

// BeginEffect is [Store.TryEffect] for an effect that follows from no score.
func (s *Store) BeginEffect(ctx context.Context, key string, accountID int64, runID string, kind crm.EffectKind, tried map[string]string) (before Effect, err error) {
	return s.TryEffect(ctx, Attempt{Key: key, AccountID: accountID, RunID: runID, Kind: kind, Tried: tried})
}

// TryEffect records that the effect is about to be tried, and returns the row as it
// was before: Attempts is 0 if it was never tried, and an attempt that never ended may
// have been written.
//
// Errors: [ErrSuperseded] and [ErrBusy] for an effect of a score;
// [account.ErrNotFound] when the account is gone.
func (s *Store) TryEffect(ctx context.Context, a Attempt) (before Effect, err error) {
	values, err := encodeValues(a.Tried)
	if err != nil {
		return Effect{}, wrap(err, "begin effect %s", a.Key)
	}
	changes, have, err := a.journal()
	if err != nil {
		return Effect{}, wrap(err, "begin effect %s", a.Key)
	}
	first, again := named{"kind": string(a.Kind)}, named{"turn": turn}
	for _, args := range []named{first, again} {
		maps.Copy(args, named{
			"key": a.Key, "account": a.AccountID, "run": a.RunID, "holder": a.Holder, "tried": values, "score": a.ScoreID,
			"workflow": a.WorkflowID, "object": a.Object, "record": a.RecordID, "changes": changes, "have": have,
		})
	}
	before, err = s.try(ctx, a, beginFirst, first)
	if errors.Is(err, pgx.ErrNoRows) { // it is there before it is locked, so that of two who begin at once the second one sees the first
		before, err = s.try(ctx, a, begin, again)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.whoElse(ctx, a)
	}
	return before, wrap(err, "begin effect %s", a.Key)
}

func (s *Store) try(ctx context.Context, a Attempt, q string, args named) (before Effect, err error) {
	var b pgx.Batch
	b.Queue(q, args).Query(func(rows pgx.Rows) (err error) {
		before, err = pgx.CollectExactlyOneRow(rows, scanEffect)
		return err
	})
	if a.Asks {
		queueAnswers(&b, []string{a.Key}, func(_ string, last map[string]Staged) { before.Staged = last })
	}
	return before, s.db.SendBatch(ctx, &b).Close()
}

// beginFirst begins an effect that nobody has begun before: most are.
const beginFirst = `
	WITH made AS (
		INSERT INTO effects (key, account_id, run_id, kind, state, holder, tried, attempts, tried_at)
		SELECT @key, @account, @run, @kind, 'trying', @holder, @tried::jsonb, 1, now() WHERE ` + isLast + `
		ON CONFLICT ON CONSTRAINT effect_once DO NOTHING
		RETURNING key, account_id, run_id, kind, state, crm_id, written
	), begun AS (
		SELECT key, account_id, run_id, kind, state, crm_id, written, '{}'::jsonb AS tried, 0 AS attempts,
			NULL::timestamptz AS tried_at, NULL::timestamptz AS done_at, '' AS reason, '{}'::jsonb AS stamps,
			@run::text AS run, @workflow::text AS workflow, @object::text AS object, @record::text AS record, @changes::jsonb AS changes, @have::jsonb AS have
		FROM made
	), ` + journaled + ` SELECT ` + effectColumns + ` FROM begun`

var begin = `
	WITH begun AS (
		UPDATE effects e SET state = 'trying', run_id = @run, holder = @holder, tried = @tried, attempts = e.attempts + 1, tried_at = now(), reason = ''
		FROM (SELECT ` + effectColumns + `, holder FROM effects WHERE key = @key FOR UPDATE) before
		WHERE e.key = @key AND e.key = before.key AND ` + isLast + ` AND (@score::bigint = 0 OR before.holder = @holder
			OR before.state <> 'trying' OR before.tried_at IS NULL OR before.tried_at < now() - @turn::interval)
		RETURNING ` + beforeColumns + `, @run::text AS run, @workflow::text AS workflow, @object::text AS object, @record::text AS record,
			@changes::jsonb AS changes, @have::jsonb AS have
	), ` + journaled + ` SELECT ` + effectColumns + ` FROM begun`

// TryEffects is [Store.TryEffect] for many effects of scores at once. It returns the rows as
// they were, by key. An effect that is missing among them cannot be tried now: the account
// has a later score, or another holder has been trying it lately.
func (s *Store) TryEffects(ctx context.Context, all []Attempt) (map[string]Effect, error) {
	args, keys, err := attemptArgs(all)
	if err != nil {
		return nil, wrap(err, "begin %d effects", len(all))
	}
	begun := make(map[string]Effect, len(all))
	var b pgx.Batch
	b.Queue(putAllOnRecord, named{"attempts": args})
	b.Queue(beginAll, named{"attempts": args, "turn": turn, "keys": keys}).Query(func(rows pgx.Rows) error {
		before, err := pgx.CollectRows(rows, scanEffect)
		for _, e := range before {
			begun[e.Key] = e
		}
		return err
	})
	if slices.ContainsFunc(all, func(a Attempt) bool { return a.Asks }) {
		queueAnswers(&b, keys, func(key string, last map[string]Staged) {
			if e, ok := begun[key]; ok {
				e.Staged = last
				begun[key] = e
			}
		})
	}
	err = s.db.SendBatch(ctx, &b).Close()
	return begun, wrap(err, "begin %d effects", len(all))
}

const putAllOnRecord = `
	INSERT INTO effects (key, account_id, run_id, kind, state)
	SELECT key, account, run, kind, 'trying' FROM ` + attempts + ` WHERE ` + stillLast + ` ORDER BY key
	ON CONFLICT ON CONSTRAINT effect_once DO NOTHING`

var beginAll = `
	WITH begun AS (
		UPDATE effects e SET state = 'trying', run_id = n.run, holder = n.holder, tried = n.tried, attempts = e.attempts + 1, tried_at = now(), reason = ''
		FROM ` + attempts + `, (
			SELECT ` + effectColumns + `, holder FROM effects WHERE key = ANY (@keys) ORDER BY key FOR UPDATE
		) before
		WHERE e.key = ANY (@keys) AND e.key = before.key AND n.key = before.key AND ` + stillLast + ` AND (before.holder = n.holder
			OR before.state <> 'trying' OR before.tried_at IS NULL OR before.tried_at < now() - @turn::interval)
		RETURNING ` + beforeColumns + `, n.run, n.workflow, n.object, n.record, n.changes, n.have
	), ` + journaled + ` SELECT ` + effectColumns + ` FROM begun`

const attempts = `jsonb_to_recordset(@attempts::jsonb) AS n (key text, account bigint, run text, holder text, kind text, tried jsonb, score bigint,
	workflow text, object text, record text, changes jsonb, have jsonb)`

// stillLast is the condition that an attempt's score is the account's last one.
const stillLast = `NOT EXISTS (SELECT FROM scores WHERE account_id = n.account AND id > n.score)`

// attemptArgs are the attempts as one argument, and their keys.
func attemptArgs(all []Attempt) (args string, keys []string, err error) {
	type row struct {
		Key      string            `json:"key"`
		Account  int64             `json:"account"`
		Run      string            `json:"run"`
		Holder   string            `json:"holder"`
		Kind     crm.EffectKind    `json:"kind"`
		Tried    map[string]string `json:"tried"`
		Score    int64             `json:"score"`
		Workflow string            `json:"workflow"`
		Object   string            `json:"object"`
		Record   string            `json:"record"`
		Changes  []Change          `json:"changes"`
		Have     map[string]string `json:"have"`
	}
	rows := make([]row, len(all))
	keys = make([]string, len(all))
	for i, a := range all {
		keys[i] = a.Key
		rows[i] = row{
			Key: a.Key, Account: a.AccountID, Run: a.RunID, Holder: a.Holder, Kind: a.Kind, Tried: orEmpty(a.Tried), Score: a.ScoreID,
			Workflow: a.WorkflowID, Object: a.Object, Record: a.RecordID, Changes: append([]Change{}, a.Changes...), Have: orEmpty(a.Have),
		}
	}
	args, err = encode(rows)
	return args, keys, err
}

// orEmpty is the values, which are an object in JSON also where there are none.
func orEmpty(values map[string]string) map[string]string {
	if values == nil {
		return map[string]string{}
	}
	return values
}

// Done is an effect that is done.
type Done struct {
	Key     string            `json:"key"`
	CRMID   string            `json:"id"`      // of the record; "" if it is not known
	Written map[string]string `json:"written"` // the values that are there now

	// Attempt is the one that ended, by its number; 0 stands for all that have not.
	Attempt int `json:"attempt"`
	// Ends says how the changes of properties ended that were not written.
	Ends map[string]WriteState `json:"ends"`
	// Stage has the values that are to wait for a person, in place of those before; Settle
	// how those end that waited.
	Stage  map[string]Staged      `json:"-"`
	Settle map[string]StagedState `json:"-"`
}

// FinishEffect records that the effect is done: the record's id in the CRM if it
// is known, and the values that are there now. Values written earlier, and not
// again, stay known.
//
// Errors: [account.ErrNotFound] for an effect that was never begun.
func (s *Store) FinishEffect(ctx context.Context, d Done) error {
	n, err := s.finish(ctx, []Done{d})
	if err == nil && n == 0 {
		err = account.ErrNotFound
	}
	return wrap(err, "finish effect %s", d.Key)
}

// FinishEffects is [Store.FinishEffect] for many effects at once. Effects that were never
// begun are left out.
func (s *Store) FinishEffects(ctx context.Context, done []Done) error {
	_, err := s.finish(ctx, done)
	return wrap(err, "finish %d effects", len(done))
}

func (s *Store) finish(ctx context.Context, done []Done) (finished int64, err error) {
	const q = `
		WITH n AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset(@done::jsonb) AS n (key text, id text, written jsonb, attempt integer, ends jsonb)
		), tried AS MATERIALIZED (
			SELECT w.id, n.id AS record_id, n.ends FROM n CROSS JOIN LATERAL (
				SELECT j.id FROM effects e JOIN journal j ON j.account_id = e.account_id AND j.effect_key = e.key
				WHERE e.key = n.key AND (j.attempt = n.attempt AND j.property <> '' OR j.state = 'trying' AND (n.attempt = 0 OR j.property = '')) OFFSET 0
			) AS w
		), ended AS (
			UPDATE journal j SET state = coalesce(t.ends ->> j.property, 'written'), record_id = coalesce(nullif(t.record_id, ''), j.record_id), ended_at = now()
			FROM tried t WHERE j.id = ANY (ARRAY(SELECT id FROM tried)) AND j.id = t.id
		)
		UPDATE effects e SET state = 'done', crm_id = coalesce(nullif(n.id, ''), e.crm_id), written = e.written || n.written, done_at = now(), reason = '',
			stamps = e.stamps || coalesce((
				SELECT jsonb_object_agg(v.name, now()) FROM jsonb_each_text(n.written) AS v (name, value) WHERE e.written ->> v.name IS DISTINCT FROM v.value
			), '{}')
		FROM n WHERE e.key = ANY (ARRAY(SELECT key FROM n)) AND e.key = n.key`
	if len(done) == 0 {
		return 0, nil
	}
	rows := make([]Done, len(done))
	for i, d := range done {
		d.Written = orEmpty(d.Written)
		if d.Ends == nil {
			d.Ends = map[string]WriteState{}
		}
		rows[i] = d
	}
	text, err := encode(rows)
	if err != nil {
		return 0, err
	}
	var b pgx.Batch
	b.Queue(q, named{"done": text}).Exec(func(tag pgconn.CommandTag) error {
		finished = tag.RowsAffected()
		return nil
	})
	if err := queueStaged(&b, done); err != nil {
		return 0, err
	}
	err = s.db.SendBatch(ctx, &b).Close()
	return finished, err
}

// beforeColumns are effectColumns as they were.
var beforeColumns = "before." + strings.ReplaceAll(effectColumns, ", ", ", before.")

// isLast is the condition that @score is the account's last one.
const isLast = `(@score::bigint = 0 OR NOT EXISTS (SELECT FROM scores WHERE account_id = @account AND id > @score))`

// whoElse says why an effect cannot be begun.
func (s *Store) whoElse(ctx context.Context, a Attempt) error {
	last, err := s.LatestScore(ctx, a.AccountID)
	switch {
	case err != nil:
		return err
	case last.ID > a.ScoreID:
		return ErrSuperseded
	default:
		return ErrBusy
	}
}

// FailEffect records that the effect can never succeed, and why.
//
// Errors: [account.ErrNotFound] for an effect that was never begun.
func (s *Store) FailEffect(ctx context.Context, key, reason string) error {
	return s.endEffect(ctx, key, "failed", reason)
}

// KeepEffect records that the effect was left undone for what a person wrote.
//
// Errors: [account.ErrNotFound] for an effect that was never begun.
func (s *Store) KeepEffect(ctx context.Context, key, reason string) error {
	return s.endEffect(ctx, key, "kept", reason)
}

func (s *Store) endEffect(ctx context.Context, key, state, reason string) error {
	const q = `
		WITH ended AS (
			UPDATE journal j SET state = $2, reason = $3, ended_at = now() FROM effects e
			WHERE e.key = $1 AND j.account_id = e.account_id AND j.effect_key = $1 AND j.state = 'trying'
		)
		UPDATE effects SET state = $2, reason = $3 WHERE key = $1`
	return wrap(affected(s.db.Exec(ctx, q, key, state, clean(reason, 1000))), "end effect %s as %s", key, state)
}

// Effect returns an effect by its key. Errors: [account.ErrNotFound].
func (s *Store) Effect(ctx context.Context, key string) (Effect, error) {
	const q = `SELECT ` + effectColumns + ` FROM effects WHERE key = $1`
	rows, _ := s.db.Query(ctx, q, key)
	e, err := pgx.CollectExactlyOneRow(rows, scanEffect)
	return e, wrap(err, "effect %s", key)
}

// Effects returns the effects of the account in the order in which they were
// first tried. None is not an error.
func (s *Store) Effects(ctx context.Context, accountID int64) ([]Effect, error) {
	const q = `SELECT ` + effectColumns + ` FROM effects WHERE account_id = $1 ORDER BY created_at, key`
	rows, _ := s.db.Query(ctx, q, accountID)
	effects, err := pgx.CollectRows(rows, scanEffect)
	return effects, wrap(err, "effects of account %d", accountID)
}

func scanEffect(row pgx.CollectableRow) (Effect, error) {
	var e Effect
	var written, tried, stamps []byte
	var triedAt, doneAt *time.Time
	err := row.Scan(&e.Key, &e.AccountID, &e.RunID, &e.Kind, &e.State, &e.CRMID, &written, &tried, &e.Attempts, &triedAt, &doneAt, &e.Reason, &stamps)
	if err != nil {
		return e, err
	}
	e.TriedAt, e.DoneAt = value(triedAt), value(doneAt)
	if err := json.Unmarshal(written, &e.Written); err != nil {
		return e, err
	}
	if err := json.Unmarshal(stamps, &e.Stamps); err != nil {
		return e, err
	}
	return e, json.Unmarshal(tried, &e.Tried)
}

// encodeValues writes no values as an empty object.
func encodeValues(values map[string]string) (string, error) {
	if values == nil {
		return "{}", nil
	}
	return encode(values)
}
