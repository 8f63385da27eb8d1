package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
)

// How an override ended.
const (
	Expired  = "expired"  // its time was up
	Cleared  = "cleared"  // a person took it back
	Replaced = "replaced" // by a later one
	Refused  = "refused"  // it never held
)

// The states of an override.
const (
	PendingOverride = "pending" // handed in; its workflow has not taken it up yet
	ActiveOverride  = "active"  // it holds, until it expires or is ended
	EndedOverride   = "ended"
)

// Override is what a person decided instead of the model. Who and why are personal:
// they stay here, and workflows know an override by its id.
type Override struct {
	ID        int64
	AccountID int64
	icp.Override
	Reason string // in words
	Author string

	State     string
	CreatedAt time.Time
	BeganAt   time.Time // zero while it is pending
	ScoreID   int64     // the account's score when it began; 0 if it had none
	EndedAt   time.Time // zero while it has not ended
	Ended     string    // how: expired, cleared, replaced, refused
	EndedBy   string    // who took it back, or wants to, and why
	EndReason string
}

const overrideColumns = `id, account_id, score, tier, reason_code, expires_at, reason, author, state, created_at, began_at, score_id,
	ended_at, ended, ended_by, ended_reason`

// holds is the condition that an override holds at @at.
const holds = `state = 'active' AND (expires_at IS NULL OR expires_at > @at)`

// How long the words of a person may be, in characters.
const (
	maxAuthor = 200
	maxReason = 2000
)

// CheckWords refuses a reason or a name that is missing or too long. Field names are
// those of the API: reason, by.
func CheckWords(by, reason string) error {
	for _, w := range []struct {
		field, text, missing string
		limit                int
	}{
		{"by", by, "say who decides this", maxAuthor},
		{"reason", reason, "say why, so that the next quarterly review can learn from it", maxReason},
	} {
		switch n := utf8.RuneCountInString(w.text); {
		case strings.TrimSpace(w.text) == "":
			return account.Invalid(w.field, w.missing)
		case n > w.limit:
			return account.Invalid(w.field, fmt.Sprintf("has %d characters; at most %d", n, w.limit))
		}
	}
	return nil
}

// SaveOverride puts an override on record that a person hands in, and returns it with
// its id. It holds from when [Store.BeginOverride] is told so.
//
// Errors: [account.ErrInvalid] for missing or endless words; [account.ErrNotFound] when
// the account is gone.
func (s *Store) SaveOverride(ctx context.Context, o Override) (Override, error) {
	const q = `
		INSERT INTO overrides (account_id, score, tier, reason_code, expires_at, reason, author)
		VALUES (@account, @score, nullif(@tier, ''), @code, @expires, @reason, @author)
		RETURNING ` + overrideColumns
	if err := CheckWords(o.Author, o.Reason); err != nil {
		return Override{}, err
	}
	return s.override(ctx, o.AccountID, q, named{
		"account": o.AccountID, "score": o.Score, "tier": o.Tier, "code": o.Code, "expires": optional(o.ExpiresAt),
		"reason": clean(strings.TrimSpace(o.Reason), maxReason), "author": clean(strings.TrimSpace(o.Author), maxAuthor),
	})
}

func (s *Store) override(ctx context.Context, accountID int64, q string, args named) (Override, error) {
	rows, _ := s.db.Query(ctx, q, args)
	o, err := pgx.CollectExactlyOneRow(rows, scanOverride)
	return o, wrap(err, "override of account %d", accountID)
}

// BeginOverride lets an override hold from now on, in the place of any that held
// before. Repeated it changes nothing.
//
// Errors: [account.ErrInvalid] for one that has ended, or whose time is up;
// [account.ErrNotFound] for one that the account does not have.
func (s *Store) BeginOverride(ctx context.Context, accountID, id int64, at time.Time) (Override, error) {
	const replaced = `
		UPDATE overrides SET state = 'ended', ended = 'replaced', ended_at = @at
		WHERE account_id = @account AND id < @id AND state <> 'ended'
			AND EXISTS (SELECT FROM overrides WHERE id = @id AND account_id = @account AND state <> 'ended')`
	const begin = `
		UPDATE overrides SET state = 'active', began_at = coalesce(began_at, @at),
			score_id = CASE WHEN state = 'active' THEN score_id
				ELSE (SELECT id FROM scores WHERE account_id = @account ORDER BY id DESC LIMIT 1) END
		WHERE account_id = @account AND id = @id AND state <> 'ended' AND (expires_at IS NULL OR expires_at > @at)
			AND NOT EXISTS (SELECT FROM overrides WHERE account_id = @account AND id > @id AND state = 'active')
		RETURNING ` + overrideColumns
	args := named{"account": accountID, "id": id, "at": at}
	var begun Override
	var b pgx.Batch
	inTurn(&b, scoring(accountID))
	b.Queue(replaced, args)
	b.Queue(begin, args).Query(func(rows pgx.Rows) (err error) {
		begun, err = pgx.CollectExactlyOneRow(rows, scanOverride)
		return err
	})
	err := s.db.SendBatch(ctx, &b).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return Override{}, s.whyNot(ctx, accountID, id, at)
	}
	return begun, wrap(err, "begin override %d", id)
}

// whyNot says why an override cannot begin, and puts it on record.
func (s *Store) whyNot(ctx context.Context, accountID, id int64, at time.Time) error {
	o, err := s.Override(ctx, id)
	switch {
	case err != nil:
		return err
	case o.AccountID != accountID:
		return wrap(pgx.ErrNoRows, "override %d of account %d", id, accountID)
	case o.State == EndedOverride:
		return account.Invalid("id", fmt.Sprintf("override %d has ended: %s", id, o.Ended))
	}
	if _, err := s.EndOverride(ctx, accountID, id, Refused, at); err != nil {
		return err
	}
	if !o.ExpiresAt.IsZero() && !o.ExpiresAt.After(at) {
		return account.Invalid("expires_at", "lies in the past")
	}
	return account.Invalid("id", fmt.Sprintf("a later one than override %d holds", id))
}

// EndOverride ends an override, and returns it as it is then. One that has ended
// already stays as it ended.
//
// Errors: [account.ErrNotFound].
func (s *Store) EndOverride(ctx context.Context, accountID, id int64, how string, at time.Time) (Override, error) {
	const end = `UPDATE overrides SET state = 'ended', ended = @how, ended_at = @at WHERE account_id = @account AND id = @id AND state <> 'ended'`
	var b pgx.Batch
	inTurn(&b, scoring(accountID))
	b.Queue(end, named{"account": accountID, "id": id, "how": how, "at": at})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return Override{}, wrap(err, "end override %d", id)
	}
	return s.Override(ctx, id)
}

// TakeBack notes who wants the account's override to end, and why; its workflow ends
// it. Errors: [account.ErrNotFound] when none holds.
func (s *Store) TakeBack(ctx context.Context, accountID int64, by, reason string) (Override, error) {
	const q = `
		UPDATE overrides SET ended_by = @by, ended_reason = @reason WHERE account_id = @account AND state = 'active'
		RETURNING ` + overrideColumns
	if err := CheckWords(by, reason); err != nil {
		return Override{}, err
	}
	return s.override(ctx, accountID, q, named{
		"account": accountID, "by": clean(strings.TrimSpace(by), maxAuthor), "reason": clean(strings.TrimSpace(reason), maxReason),
	})
}

// Override returns an override by its id. Errors: [account.ErrNotFound].
func (s *Store) Override(ctx context.Context, id int64) (Override, error) {
	const q = `SELECT ` + overrideColumns + ` FROM overrides WHERE id = $1`
	rows, _ := s.db.Query(ctx, q, id)
	o, err := pgx.CollectExactlyOneRow(rows, scanOverride)
	return o, wrap(err, "override %d", id)
}

// OverrideAt returns the override that holds for the account at a time. Errors:
// [account.ErrNotFound] when none does.
func (s *Store) OverrideAt(ctx context.Context, accountID int64, at time.Time) (Override, error) {
	const q = `SELECT ` + overrideColumns + ` FROM overrides WHERE account_id = @account AND ` + holds
	return s.override(ctx, accountID, q, named{"account": accountID, "at": at})
}

// Overrides returns all that people decided on the account, the oldest first. None is
// not an error.
func (s *Store) Overrides(ctx context.Context, accountID int64) ([]Override, error) {
	const q = `SELECT ` + overrideColumns + ` FROM overrides WHERE account_id = $1 ORDER BY id`
	rows, _ := s.db.Query(ctx, q, accountID)
	all, err := pgx.CollectRows(rows, scanOverride)
	return all, wrap(err, "overrides of account %d", accountID)
}

func scanOverride(row pgx.CollectableRow) (Override, error) {
	var o Override
	var tier *string
	var expires, began, ended *time.Time
	var score *int64
	err := row.Scan(&o.ID, &o.AccountID, &o.Score, &tier, &o.Code, &expires, &o.Reason, &o.Author, &o.State, &o.CreatedAt, &began, &score,
		&ended, &o.Ended, &o.EndedBy, &o.EndReason)
	o.Tier, o.ScoreID = value(tier), value(score)
	o.ExpiresAt, o.BeganAt, o.EndedAt = value(expires), value(began), value(ended)
	return o, err
}
