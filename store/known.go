package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
)

// Known is what is on record of an account that its next score is worked out from.
type Known struct {
	account.Account
	Facts    []account.Fact
	Signals  []account.Signal  // the oldest first
	Contacts []Contact         // listed ones, the best score first; only where they are asked for
	Last     ScoreRow          // the score before, without its facts; zero for the first
	Override Override          // that holds; zero if none does
	Ended    Override          // that the score before was made under, where it holds no more
	Owners   map[string]string // queue → owner id, where the account has one
	Written  string            // the owner that was last written to the CRM; "" for none
	Tasks    []string          // keys of the tasks that it has in the CRM
}

// Known returns what is known of the accounts at a time, in the order of their ids, in
// one round trip however many they are. Accounts that are not on record are left out.
func (s *Store) Known(ctx context.Context, at time.Time, contacts bool, ids ...int64) ([]Known, error) {
	var all []Known
	of := make(map[int64]*Known, len(ids))
	var b pgx.Batch
	const accounts = `SELECT id, crm, portal, crm_id, domain, name FROM accounts WHERE id = ANY ($1) ORDER BY id`
	b.Queue(accounts, ids).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanAccount)
		all = make([]Known, len(found))
		for i, acc := range found {
			all[i].Account = acc
			of[acc.ID] = &all[i]
		}
		return err
	})
	knownFacts(&b, ids, of)
	knownSignals(&b, ids, of)
	knownScores(&b, ids, of)
	knownOverrides(&b, ids, at, of)
	knownEffects(&b, ids, of)
	if contacts {
		knownContacts(&b, ids, of)
	}
	err := s.db.SendBatch(ctx, &b).Close()
	return all, wrap(err, "what is known of %d accounts", len(ids))
}

func knownFacts(b *pgx.Batch, ids []int64, of map[int64]*Known) {
	const q = `
		SELECT account_id, field, value, provider, confidence, observed_at, derived FROM facts
		WHERE account_id = ANY ($1) ORDER BY account_id, field, provider`
	b.Queue(q, ids).Query(func(rows pgx.Rows) error {
		var id int64
		var f account.Fact
		_, err := pgx.ForEachRow(rows, []any{&id, &f.Field, &f.Value, &f.Provider, &f.Confidence, &f.ObservedAt, &f.Derived}, func() error {
			if k := of[id]; k != nil { // one that was added since is left to the next time
				k.Facts = append(k.Facts, typed(f))
			}
			f = account.Fact{}
			return nil
		})
		return err
	})
}

func knownSignals(b *pgx.Batch, ids []int64, of map[int64]*Known) {
	const q = `
		SELECT account_id, kind, occurred_at, summary, coalesce(evidence -> 0 ->> 'source', '') FROM signals
		WHERE account_id = ANY ($1) ORDER BY account_id, occurred_at, id`
	b.Queue(q, ids).Query(func(rows pgx.Rows) error {
		var id int64
		var g account.Signal
		_, err := pgx.ForEachRow(rows, []any{&id, &g.Kind, &g.OccurredAt, &g.Summary, &g.Source}, func() error {
			if k := of[id]; k != nil {
				k.Signals = append(k.Signals, g)
			}
			return nil
		})
		return err
	})
}

// lastScores are the latest scores of the accounts $1.
const lastScores = `
	SELECT last.* FROM unnest($1::bigint[]) AS a (id) JOIN LATERAL (
		SELECT * FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1
	) AS last ON true`

// briefColumns are scoreColumns without the facts, which are long and seldom needed.
var briefColumns = strings.Replace(scoreColumns, " facts,", " '{}'::jsonb AS facts,", 1)

func knownScores(b *pgx.Batch, ids []int64, of map[int64]*Known) {
	b.Queue(`SELECT `+briefColumns+` FROM (`+lastScores+`) AS last`, ids).Query(func(rows pgx.Rows) error {
		last, err := pgx.CollectRows(rows, scanScore)
		for _, row := range last {
			if k := of[row.AccountID]; k != nil {
				k.Last = row
			}
		}
		return err
	})
}

// knownOverrides reads those that hold, and those that the latest scores were made under.
func knownOverrides(b *pgx.Batch, ids []int64, at time.Time, of map[int64]*Known) {
	const q = `
		SELECT ` + overrideColumns + `, ` + holds + ` AS holds FROM overrides
		WHERE account_id = ANY (@ids) AND (` + holds + ` OR id IN (
			SELECT last.override_id FROM unnest(@ids::bigint[]) AS a (id), LATERAL (
				SELECT override_id FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1
			) AS last))`
	b.Queue(q, named{"ids": ids, "at": at}).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var holding bool
			o, err := scanOverride(also{rows, []any{&holding}})
			if err != nil {
				return err
			}
			k := of[o.AccountID]
			switch {
			case k == nil:
			case holding:
				k.Override = o
			default:
				k.Ended = o
			}
		}
		return rows.Err()
	})
}

// also scans further columns than those that a scanning function knows of.
type also struct {
	pgx.CollectableRow
	more []any
}

// Scan implements pgx.CollectableRow.
func (a also) Scan(dest ...any) error { return a.CollectableRow.Scan(append(dest, a.more...)...) }

// knownEffects reads who has the account in which queue, and what of it is in the CRM.
func knownEffects(b *pgx.Batch, ids []int64, of map[int64]*Known) {
	const owners = `SELECT account_id, queue, owner_id FROM assignments WHERE account_id = ANY ($1)`
	b.Queue(owners, ids).Query(func(rows pgx.Rows) error {
		var id int64
		var queue, owner string
		_, err := pgx.ForEachRow(rows, []any{&id, &queue, &owner}, func() error {
			if k := of[id]; k != nil {
				if k.Owners == nil {
					k.Owners = map[string]string{}
				}
				k.Owners[queue] = owner
			}
			return nil
		})
		return err
	})
	const effects = `
		SELECT account_id, key, kind, coalesce(written ->> '` + crm.OwnerProperty + `', '') FROM effects
		WHERE account_id = ANY ($1) AND (kind = 'properties' OR kind = 'task' AND crm_id <> '') ORDER BY account_id, key`
	b.Queue(effects, ids).Query(func(rows pgx.Rows) error {
		var id int64
		var key, owner string
		var kind crm.EffectKind
		_, err := pgx.ForEachRow(rows, []any{&id, &key, &kind, &owner}, func() error {
			k := of[id]
			switch {
			case k == nil:
			case kind == crm.TaskEffect:
				k.Tasks = append(k.Tasks, key)
			default:
				k.Written = owner
			}
			return nil
		})
		return err
	})
}

func knownContacts(b *pgx.Batch, ids []int64, of map[int64]*Known) {
	const q = `
		SELECT ` + contactColumns + ` FROM contacts WHERE account_id = ANY ($1) AND listed
		ORDER BY account_id, value DESC NULLS LAST, id`
	b.Queue(q, ids).Query(func(rows pgx.Rows) error {
		contacts, err := pgx.CollectRows(rows, scanContact)
		for _, c := range contacts {
			if k := of[c.AccountID]; k != nil {
				k.Contacts = append(k.Contacts, c)
			}
		}
		return err
	})
}
