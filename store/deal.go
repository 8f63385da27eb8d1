package store

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
)

// Deal is a deal as the CRM had it when it was read last.
type Deal struct {
	ID        int64
	Key       account.Key
	Company   account.Key // zero: of no company
	OpenedAt  time.Time
	ClosedAt  time.Time // zero while it is open
	Won       bool
	Amount    *float64 // nil: nobody said
	Kind      crm.DealKind
	Stage     string
	ChangedAt time.Time
}

// heldAt is when a deal finds its account as it is: when it was opened. One that was
// put into the CRM after it had closed had found it before.
const heldAt = `least(d.opened_at, d.closed_at)`

// DealSync is how far the deals of a CRM have been read.
type DealSync struct {
	crm.DealCursor
	UnderWay bool      // whether there was more when it was read last
	ReadAt   time.Time // zero: never
}

// DealSync returns how far the deals of a CRM have been read. Never is not an error.
func (s *Store) DealSync(ctx context.Context, crmName, portal string) (DealSync, error) {
	const q = `SELECT since, after, under_way, read_at FROM deal_syncs WHERE crm = $1 AND portal = $2`
	var got DealSync
	var since *time.Time
	err := s.db.QueryRow(ctx, q, crmName, portal).Scan(&since, &got.After, &got.UnderWay, &got.ReadAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return DealSync{}, nil
	}
	got.Since = value(since)
	return got, wrap(err, "deals of %s/%s that were read", crmName, portal)
}

// KeepDeals keeps a page of deals and how far the reading has come, both or neither,
// and returns how many of them were new or different. A deal that is known as of a later
// change stays as it is.
func (s *Store) KeepDeals(ctx context.Context, crmName, portal string, page crm.DealPage, at time.Time) (changed int, err error) {
	const keep = `
		INSERT INTO deals AS d (crm, portal, crm_id, company_id, opened_at, closed_at, won, amount, kind, stage, changed_at, seen_at)
		SELECT @crm, @portal, id, nullif(company, ''), opened, closed, won, amount, kind, stage, changed, @at
		FROM unnest(@ids::text[], @companies::text[], @opened::timestamptz[], @closed::timestamptz[], @won::boolean[], @amounts::float8[],
			@kinds::text[], @stages::text[], @changed::timestamptz[]) AS n (id, company, opened, closed, won, amount, kind, stage, changed)
		ON CONFLICT ON CONSTRAINT deal_once DO UPDATE SET
			company_id = excluded.company_id, opened_at = excluded.opened_at, closed_at = excluded.closed_at, won = excluded.won,
			amount = excluded.amount, kind = excluded.kind, stage = excluded.stage, changed_at = excluded.changed_at,
			deleted_at = NULL, seen_at = excluded.seen_at
		WHERE d.changed_at <= excluded.changed_at AND (d.deleted_at IS NOT NULL
			OR (d.company_id, d.opened_at, d.closed_at, d.won, d.amount, d.kind, d.stage, d.changed_at)
				IS DISTINCT FROM (excluded.company_id, excluded.opened_at, excluded.closed_at, excluded.won, excluded.amount,
					excluded.kind, excluded.stage, excluded.changed_at))`
	// Who reads at the same time may be further: nobody goes back.
	const read = `
		INSERT INTO deal_syncs AS d (crm, portal, since, after, under_way, read_at)
		VALUES (@crm, @portal, @since, @after, @more, @at)
		ON CONFLICT ON CONSTRAINT deal_sync_once DO UPDATE SET
			(since, after) = (
				SELECT since, after FROM (VALUES (d.since, d.after), (excluded.since, excluded.after)) AS far (since, after)
				ORDER BY since DESC NULLS LAST, after DESC LIMIT 1),
			under_way = excluded.under_way, read_at = excluded.read_at`
	args := dealArgs(page.Deals)
	args["crm"], args["portal"], args["at"] = crmName, portal, at
	var b pgx.Batch
	b.Queue(keep, args).Exec(func(tag pgconn.CommandTag) error {
		changed = int(tag.RowsAffected())
		return nil
	})
	b.Queue(read, named{
		"crm": crmName, "portal": portal, "since": optional(page.Next.Since), "after": page.Next.After, "more": page.More, "at": at,
	})
	err = s.db.SendBatch(ctx, &b).Close()
	return changed, wrap(err, "keep %d deals of %s/%s", len(page.Deals), crmName, portal)
}

// dealArgs are the columns of a page, each deal once: the last that the page has of it.
func dealArgs(deals []crm.Deal) named {
	at := make(map[string]int, len(deals))
	var once []crm.Deal
	for _, d := range deals {
		if i, ok := at[d.ID]; ok {
			once[i] = d
			continue
		}
		at[d.ID] = len(once)
		once = append(once, d)
	}
	n := len(once)
	ids, companies, kinds, stages := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	opened, closed, changed := make([]time.Time, n), make([]*time.Time, n), make([]time.Time, n)
	won, amounts := make([]bool, n), make([]*float64, n)
	for i, d := range once {
		ids[i], companies[i], kinds[i], stages[i] = d.ID, d.Company.ID, string(d.Kind), clean(d.Stage, 200)
		opened[i], closed[i], changed[i] = d.OpenedAt, optional(d.ClosedAt), d.ChangedAt
		won[i], amounts[i] = d.Won && !d.ClosedAt.IsZero(), amountOf(d.Amount)
	}
	return named{
		"ids": ids, "companies": companies, "kinds": kinds, "stages": stages, "opened": opened, "closed": closed, "changed": changed,
		"won": won, "amounts": amounts,
	}
}

// amountOf reads an amount; nil for one that says nothing.
func amountOf(s string) *float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return &n
}

// DealsToCheck returns the next ids, by our own, of deals that were read before a time and
// say something since another: those that are open, or closed since then.
func (s *Store) DealsToCheck(ctx context.Context, crmName, portal string, readBefore, since time.Time, after int64, limit int) (ids []string, last int64, err error) {
	const q = `
		SELECT id, crm_id FROM deals
		WHERE id > @after AND crm = @crm AND portal = @portal AND deleted_at IS NULL AND seen_at < @before AND (closed_at IS NULL OR closed_at >= @since)
		ORDER BY id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{
		"after": after, "crm": crmName, "portal": portal, "before": readBefore, "since": since, "limit": limit,
	})
	var recordID string
	_, err = pgx.ForEachRow(rows, []any{&last, &recordID}, func() error {
		ids = append(ids, recordID)
		return nil
	})
	return ids, last, wrap(err, "deals of %s/%s to check", crmName, portal)
}

// DropDeals notes that deals are gone from the CRM, and returns how many of them were
// there until now.
func (s *Store) DropDeals(ctx context.Context, crmName, portal string, ids []string, at time.Time) (int, error) {
	const q = `UPDATE deals SET deleted_at = $4 WHERE crm = $1 AND portal = $2 AND crm_id = ANY ($3) AND deleted_at IS NULL`
	tag, err := s.db.Exec(ctx, q, crmName, portal, ids, at)
	return int(tag.RowsAffected()), wrap(err, "drop %d deals of %s/%s", len(ids), crmName, portal)
}

// DealsWanted says which deals are asked for.
type DealsWanted struct {
	Since  time.Time     // those that were open then, or were opened later
	Until  time.Time     // those that had been opened by then
	Closed bool          // only closed ones
	Window time.Duration // in which signals before the opening are asked for; 0: none
}

// HeldDeal is a deal with what Sluice had of its account when it was opened.
type HeldDeal struct {
	Deal
	AccountID int64            // 0: its company is no account
	HeldAt    time.Time        // when the deal found the account as it was: when it was opened
	Score     *ScoreRow        // the account's last one by then; nil: it had none
	Signals   []account.Signal // that had occurred in the window before and were known by then, the oldest first
}

// DealsHeld returns the next deals after the given id, by id, each with the score that its
// account had when the deal was opened, never one of later. What the CRM has deleted is
// left out. None is not an error.
func (s *Store) DealsHeld(ctx context.Context, w DealsWanted, after int64, limit int) ([]HeldDeal, error) {
	const q = `
		SELECT d.id, d.crm, d.portal, d.crm_id, d.company_id, d.opened_at, d.closed_at, d.won, d.amount, d.kind, d.stage, d.changed_at,
			a.id, ` + heldAt + `,
			(SELECT id FROM scores WHERE account_id = a.id AND scored_at <= ` + heldAt + ` ORDER BY scored_at DESC, id DESC LIMIT 1)
		FROM deals d LEFT JOIN accounts a ON a.crm = d.crm AND a.portal = d.portal AND a.crm_id = d.company_id
		WHERE d.id > @after AND d.deleted_at IS NULL AND d.opened_at < @until AND (d.closed_at >= @since OR d.closed_at IS NULL AND NOT @closed)
		ORDER BY d.id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{
		"after": after, "since": w.Since, "until": w.Until, "closed": w.Closed, "limit": limit,
	})
	scores := map[int64]*ScoreRow{}
	deals, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (HeldDeal, error) {
		d, score, err := scanHeld(row)
		if score != 0 {
			d.Score = scores[score]
			if d.Score == nil {
				d.Score = &ScoreRow{}
				scores[score] = d.Score
			}
		}
		return d, err
	})
	if err == nil {
		err = s.fillScores(ctx, scores)
	}
	if err == nil && w.Window > 0 {
		err = s.addSignalsBefore(ctx, deals, w.Window)
	}
	return deals, wrap(err, "deals after %d", after)
}

func scanHeld(row pgx.CollectableRow) (d HeldDeal, score int64, err error) {
	var company *string
	var closed *time.Time
	var accountID, scoreID *int64
	err = row.Scan(&d.ID, &d.Key.CRM, &d.Key.Portal, &d.Key.ID, &company, &d.OpenedAt, &closed, &d.Won, &d.Amount, &d.Kind, &d.Stage, &d.ChangedAt,
		&accountID, &d.HeldAt, &scoreID)
	if company != nil {
		d.Company = account.Key{CRM: d.Key.CRM, Portal: d.Key.Portal, ID: *company}
	}
	d.ClosedAt, d.AccountID = value(closed), value(accountID)
	return d, value(scoreID), err
}

// fillScores reads the rows of the given ids into their places.
func (s *Store) fillScores(ctx context.Context, into map[int64]*ScoreRow) error {
	if len(into) == 0 {
		return nil
	}
	ids := make([]int64, 0, len(into))
	for id := range into {
		ids = append(ids, id)
	}
	found, err := s.ScoresByID(ctx, ids)
	for _, row := range found {
		*into[row.ID] = row
	}
	return err
}

func (s *Store) addSignalsBefore(ctx context.Context, deals []HeldDeal, window time.Duration) error {
	const q = `
		SELECT n.i, g.kind, g.occurred_at, g.summary, coalesce(g.evidence -> 0 ->> 'source', '')
		FROM unnest($1::bigint[], $2::timestamptz[]) WITH ORDINALITY AS n (account_id, at, i)
		JOIN signals g ON g.account_id = n.account_id AND g.found_at <= n.at
			AND g.occurred_at <= n.at AND g.occurred_at > n.at - $3::interval
		ORDER BY n.i, g.occurred_at, g.id`
	ids, at := make([]int64, len(deals)), make([]time.Time, len(deals))
	for i, d := range deals {
		ids[i], at[i] = d.AccountID, d.HeldAt
	}
	rows, _ := s.db.Query(ctx, q, ids, at, window)
	var i int
	var g account.Signal
	_, err := pgx.ForEachRow(rows, []any{&i, &g.Kind, &g.OccurredAt, &g.Summary, &g.Source}, func() error {
		deals[i-1].Signals = append(deals[i-1].Signals, g)
		return nil
	})
	return err
}

// PopulationAt is [Store.Population] as of a moment, without signals: what each account's
// last score by then was made of.
func (s *Store) PopulationAt(ctx context.Context, at time.Time, after int64, limit int) ([]Member, error) {
	const q = `
		SELECT a.id, a.crm, a.portal, a.crm_id, a.domain, a.name,
			last.facts, last.model, last.model_version, coalesce(last.override_value, last.value), coalesce(last.override_tier, last.tier),
			last.queue, last.owner_id, last.scored_at
		FROM accounts a JOIN LATERAL (
			SELECT * FROM scores WHERE account_id = a.id AND scored_at <= @at ORDER BY scored_at DESC, id DESC LIMIT 1
		) AS last ON true
		WHERE a.id > @after ORDER BY a.id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{"at": at, "after": after, "limit": limit})
	members, err := pgx.CollectRows(rows, scanMember)
	return members, wrap(err, "population of %s after %d", at.Format(time.DateOnly), after)
}

// ProviderCall is a call to a provider and what it was good for.
type ProviderCall struct {
	Provider string
	Outcome  string
	Credits  float64 // charged
	Supplied int     // fields that the answer had
	Accepted int     // of these, whose value the account's score then took from it
}

// EachProviderCall visits the calls that were made in a time, in order; not what was done
// instead of one. A field is accepted where the account's last score by the end of that
// time took its value.
func (s *Store) EachProviderCall(ctx context.Context, from, to time.Time, visit func(ProviderCall)) error {
	const q = `
		SELECT l.provider, l.outcome, l.credits::float8, cardinality(l.fields),
			(SELECT count(*) FROM unnest(l.fields) AS field WHERE last.facts -> field ->> 'provider' = l.provider)
		FROM ledger l LEFT JOIN LATERAL (
			SELECT facts FROM scores WHERE account_id = l.account_id AND scored_at < @to AND l.fields <> '{}'
			ORDER BY scored_at DESC, id DESC LIMIT 1
		) AS last ON true
		WHERE l.made_at >= @from AND l.made_at < @to AND l.outcome IS NOT NULL AND l.reserved ORDER BY l.id`
	rows, _ := s.db.Query(ctx, q, named{"from": from, "to": to})
	var c ProviderCall
	_, err := pgx.ForEachRow(rows, []any{&c.Provider, &c.Outcome, &c.Credits, &c.Supplied, &c.Accepted}, func() error {
		visit(c)
		return nil
	})
	return wrap(err, "calls from %s to %s", from.Format(time.DateOnly), to.Format(time.DateOnly))
}

// TierMember is an account that is in a tier at a moment.
type TierMember struct {
	Account account.Account
	ScoreID int64     // of the last score by then
	Since   time.Time // when the account came to the tier
	Active  time.Time // the last signal, visit or task by then; zero: none
}

// MembersOf returns the next accounts that a model had in one of its tiers at a moment, by
// id. None is not an error.
func (s *Store) MembersOf(ctx context.Context, model, tier string, at time.Time, after int64, limit int) ([]TierMember, error) {
	const q = `
		SELECT a.id, a.crm, a.portal, a.crm_id, a.domain, a.name, last.id,
			(SELECT min(scored_at) FROM scores WHERE account_id = a.id AND scored_at <= @at AND scored_at > coalesce((
				SELECT max(scored_at) FROM scores WHERE account_id = a.id AND scored_at <= @at AND coalesce(override_tier, tier) <> @tier
			), '-infinity')),
			greatest(
				(SELECT max(occurred_at) FROM signals WHERE account_id = a.id AND occurred_at <= @at),
				(SELECT max(at) FROM visits WHERE account_id = a.id AND at <= @at),
				(SELECT max(done_at) FROM effects WHERE account_id = a.id AND kind = 'task' AND done_at <= @at))
		FROM accounts a JOIN LATERAL (
			SELECT id, model, coalesce(override_tier, tier) AS tier FROM scores
			WHERE account_id = a.id AND scored_at <= @at ORDER BY scored_at DESC, id DESC LIMIT 1
		) AS last ON last.model = @model AND last.tier = @tier
		WHERE a.id > @after ORDER BY a.id LIMIT @limit`
	rows, _ := s.db.Query(ctx, q, named{"model": model, "tier": tier, "at": at, "after": after, "limit": limit})
	members, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (TierMember, error) {
		var m TierMember
		var crmName, portal, id, domain *string
		var since, active *time.Time
		err := row.Scan(&m.Account.ID, &crmName, &portal, &id, &domain, &m.Account.Name, &m.ScoreID, &since, &active)
		m.Account.Key = account.Key{CRM: value(crmName), Portal: value(portal), ID: value(id)}
		m.Account.Domain, m.Since, m.Active = value(domain), value(since), value(active)
		return m, err
	})
	return members, wrap(err, "accounts of %s in %s", model, tier)
}

// ScoresByID returns scores by their ids, in any order.
func (s *Store) ScoresByID(ctx context.Context, ids []int64) ([]ScoreRow, error) {
	const q = `SELECT ` + scoreColumns + ` FROM scores WHERE id = ANY ($1)`
	rows, _ := s.db.Query(ctx, q, ids)
	found, err := pgx.CollectRows(rows, scanScore)
	return found, wrap(err, "%d scores", len(ids))
}

// Churned returns since when accounts of the CRM have counted as customers that left, by
// their key.
func (s *Store) Churned(ctx context.Context, until time.Time) (map[string]time.Time, error) {
	const q = `
		SELECT a.crm, a.portal, a.crm_id, min(s.scored_at) FROM scores s JOIN accounts a ON a.id = s.account_id
		WHERE s.scored_at <= $1 AND a.crm IS NOT NULL AND s.facts -> $2 ->> 'value' = 'true' GROUP BY a.id`
	rows, _ := s.db.Query(ctx, q, until, string(account.PreviouslyChurned))
	left := map[string]time.Time{}
	var key account.Key
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&key.CRM, &key.Portal, &key.ID, &at}, func() error {
		left[key.String()] = at
		return nil
	})
	return left, wrap(err, "customers that left")
}

// EachClosedDeal visits the deals that closed since a time, by id.
func (s *Store) EachClosedDeal(ctx context.Context, since time.Time, visit func(Deal)) error {
	const q = `
		SELECT id, crm, portal, crm_id, company_id, opened_at, closed_at, won, amount, kind, stage, changed_at FROM deals
		WHERE closed_at >= $1 AND deleted_at IS NULL ORDER BY id`
	rows, _ := s.db.Query(ctx, q, since)
	var d Deal
	var company *string
	_, err := pgx.ForEachRow(rows, []any{
		&d.ID, &d.Key.CRM, &d.Key.Portal, &d.Key.ID, &company, &d.OpenedAt, &d.ClosedAt, &d.Won, &d.Amount, &d.Kind, &d.Stage, &d.ChangedAt,
	}, func() error {
		d.Company = account.Key{}
		if company != nil {
			d.Company = account.Key{CRM: d.Key.CRM, Portal: d.Key.Portal, ID: *company}
		}
		visit(d)
		return nil
	})
	return wrap(err, "deals that closed since %s", since.Format(time.DateOnly))
}
