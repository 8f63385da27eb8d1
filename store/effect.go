package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

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
	Reason    string // why it failed or was kept
}

const effectColumns = `key, account_id, run_id, kind, state, crm_id, written, tried, attempts, tried_at, done_at, reason`

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
	// The row is there before it is locked, so that of two who begin at once the
	// second one sees the first.
	const known = `
		INSERT INTO effects (key, account_id, run_id, kind, state) SELECT @key, @account, @run, @kind, 'trying' WHERE ` + isLast + `
		ON CONFLICT ON CONSTRAINT effect_once DO NOTHING`
	begin := `
		UPDATE effects e SET state = 'trying', run_id = @run, holder = @holder, tried = @tried, attempts = e.attempts + 1, tried_at = now(), reason = ''
		FROM (SELECT ` + effectColumns + `, holder FROM effects WHERE key = @key FOR UPDATE) before
		WHERE e.key = before.key AND ` + isLast + ` AND (@score::bigint = 0 OR before.holder = @holder
			OR before.state <> 'trying' OR before.tried_at IS NULL OR before.tried_at < now() - @turn::interval)
		RETURNING ` + beforeColumns
	values, err := encodeValues(a.Tried)
	if err != nil {
		return Effect{}, wrap(err, "begin effect %s", a.Key)
	}
	var b pgx.Batch
	b.Queue(known, named{"key": a.Key, "account": a.AccountID, "run": a.RunID, "kind": string(a.Kind), "score": a.ScoreID})
	b.Queue(begin, named{
		"key": a.Key, "account": a.AccountID, "run": a.RunID, "holder": a.Holder, "tried": values, "score": a.ScoreID, "turn": turn,
	}).Query(func(rows pgx.Rows) (err error) {
		before, err = pgx.CollectExactlyOneRow(rows, scanEffect)
		return err
	})
	err = s.db.SendBatch(ctx, &b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.whoElse(ctx, a)
	}
	return before, wrap(err, "begin effect %s", a.Key)
}

// TryEffects is [Store.TryEffect] for many effects of scores at once. It returns the rows as
// they were, by key. An effect that is missing among them cannot be tried now: the account
// has a later score, or another holder has been trying it lately.
func (s *Store) TryEffects(ctx context.Context, all []Attempt) (map[string]Effect, error) {
	const known = `
		INSERT INTO effects (key, account_id, run_id, kind, state)
		SELECT key, account, run, kind, 'trying' FROM ` + attempts + ` WHERE ` + stillLast + ` ORDER BY key
		ON CONFLICT ON CONSTRAINT effect_once DO NOTHING`
	begin := `
		UPDATE effects e SET state = 'trying', run_id = n.run, holder = n.holder, tried = n.tried, attempts = e.attempts + 1, tried_at = now(), reason = ''
		FROM ` + attempts + `, (
			SELECT ` + effectColumns + `, holder FROM effects WHERE key = ANY (@keys) ORDER BY key FOR UPDATE
		) before
		WHERE e.key = before.key AND n.key = before.key AND ` + stillLast + ` AND (before.holder = n.holder
			OR before.state <> 'trying' OR before.tried_at IS NULL OR before.tried_at < now() - @turn::interval)
		RETURNING ` + beforeColumns
	args, err := attemptArgs(all)
	if err != nil {
		return nil, wrap(err, "begin %d effects", len(all))
	}
	begun := make(map[string]Effect, len(all))
	var b pgx.Batch
	b.Queue(known, args)
	withTurn := maps.Clone(args)
	withTurn["turn"], withTurn["keys"] = turn, args["key"]
	b.Queue(begin, withTurn).Query(func(rows pgx.Rows) error {
		before, err := pgx.CollectRows(rows, scanEffect)
		for _, e := range before {
			begun[e.Key] = e
		}
		return err
	})
	err = s.db.SendBatch(ctx, &b).Close()
	return begun, wrap(err, "begin %d effects", len(all))
}

const attempts = `unnest(@key::text[], @account::bigint[], @run::text[], @holder::text[], @kind::text[], @tried::jsonb[], @score::bigint[])
	AS n (key, account, run, holder, kind, tried, score)`

// stillLast is the condition that an attempt's score is the account's last one.
const stillLast = `NOT EXISTS (SELECT FROM scores WHERE account_id = n.account AND id > n.score)`

func attemptArgs(all []Attempt) (named, error) {
	n := len(all)
	keys, accounts, runs, holders := make([]string, n), make([]int64, n), make([]string, n), make([]string, n)
	kinds, tried, scores := make([]string, n), make([]string, n), make([]int64, n)
	for i, a := range all {
		values, err := encodeValues(a.Tried)
		if err != nil {
			return nil, err
		}
		keys[i], accounts[i], runs[i], holders[i] = a.Key, a.AccountID, a.RunID, a.Holder
		kinds[i], tried[i], scores[i] = string(a.Kind), values, a.ScoreID
	}
	return named{
		"key": keys, "account": accounts, "run": runs, "holder": holders, "kind": kinds, "tried": tried, "score": scores,
	}, nil
}

// Done is an effect that is done.
type Done struct {
	Key     string
	CRMID   string            // of the record; "" if it is not known
	Written map[string]string // the values that are there now
}

// FinishEffects is [Store.FinishEffect] for many effects at once.
func (s *Store) FinishEffects(ctx context.Context, done []Done) error {
	const q = `
		UPDATE effects e SET state = 'done', crm_id = coalesce(nullif(n.id, ''), crm_id), written = e.written || n.written, done_at = now(), reason = ''
		FROM unnest(@keys::text[], @ids::text[], @written::jsonb[]) AS n (key, id, written) WHERE e.key = n.key`
	if len(done) == 0 {
		return nil
	}
	keys, ids, written := make([]string, len(done)), make([]string, len(done)), make([]string, len(done))
	for i, d := range done {
		values, err := encodeValues(d.Written)
		if err != nil {
			return wrap(err, "finish %d effects", len(done))
		}
		keys[i], ids[i], written[i] = d.Key, d.CRMID, values
	}
	_, err := s.db.Exec(ctx, q, named{"keys": keys, "ids": ids, "written": written})
	return wrap(err, "finish %d effects", len(done))
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

// FinishEffect records that the effect is done: the record's id in the CRM if it
// is known, and the values that are there now. Values written earlier, and not
// again, stay known.
//
// Errors: [account.ErrNotFound] for an effect that was never begun.
func (s *Store) FinishEffect(ctx context.Context, key, crmID string, written map[string]string) error {
	const q = `
		UPDATE effects SET state = 'done', crm_id = coalesce(nullif(@id, ''), crm_id), written = written || @written::jsonb,
			done_at = now(), reason = ''
		WHERE key = @key`
	values, err := encodeValues(written)
	if err != nil {
		return wrap(err, "finish effect %s", key)
	}
	return wrap(affected(s.db.Exec(ctx, q, named{"key": key, "id": crmID, "written": values})), "finish effect %s", key)
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
	const q = `UPDATE effects SET state = $2, reason = $3 WHERE key = $1`
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
	var written, tried []byte
	var triedAt, doneAt *time.Time
	err := row.Scan(&e.Key, &e.AccountID, &e.RunID, &e.Kind, &e.State, &e.CRMID, &written, &tried, &e.Attempts, &triedAt, &doneAt, &e.Reason)
	if err != nil {
		return e, err
	}
	e.TriedAt, e.DoneAt = value(triedAt), value(doneAt)
	if err := json.Unmarshal(written, &e.Written); err != nil {
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
