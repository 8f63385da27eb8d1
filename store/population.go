package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/waterfall"
)

// Member is an account of the whole population, with what its latest score was made of.
type Member struct {
	account.Account
	Facts        account.Facts
	Signals      []account.Signal // on record now, the oldest first
	Model        string
	ModelVersion int
	Value        int // the person's while an override holds
	Tier         string
	Queue        string
	OwnerID      string
	ScoredAt     time.Time
}

// Population returns the next accounts that have a score after the given id, by id: all
// of them, page by page, are every account that a model can be tried on without asking
// anybody. None is not an error.
func (s *Store) Population(ctx context.Context, after int64, limit int) ([]Member, error) {
	const q = `
		SELECT a.id, a.crm, a.portal, a.crm_id, a.domain, a.name,
			last.facts, last.model, last.model_version, coalesce(last.override_value, last.value), coalesce(last.override_tier, last.tier),
			last.queue, last.owner_id, last.scored_at
		FROM accounts a JOIN LATERAL (
			SELECT * FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1
		) AS last ON true
		WHERE a.id > $1 ORDER BY a.id LIMIT $2`
	rows, _ := s.db.Query(ctx, q, after, limit)
	members, err := pgx.CollectRows(rows, scanMember)
	if err != nil {
		return nil, wrap(err, "population after %d", after)
	}
	return members, s.addSignals(ctx, members)
}

func scanMember(row pgx.CollectableRow) (Member, error) {
	var m Member
	var crm, portal, id, domain *string
	var facts map[account.Field]waterfall.Merged
	err := row.Scan(&m.ID, &crm, &portal, &id, &domain, &m.Name,
		&facts, &m.Model, &m.ModelVersion, &m.Value, &m.Tier, &m.Queue, &m.OwnerID, &m.ScoredAt)
	m.Key = account.Key{CRM: value(crm), Portal: value(portal), ID: value(id)}
	m.Domain = value(domain)
	m.Facts = make(account.Facts, len(facts))
	for field, f := range facts {
		m.Facts[field] = typed(f.Fact)
	}
	return m, err
}

func (s *Store) addSignals(ctx context.Context, members []Member) error {
	const q = `
		SELECT account_id, kind, occurred_at, summary, coalesce(evidence -> 0 ->> 'source', '') FROM signals
		WHERE account_id = ANY ($1) ORDER BY account_id, occurred_at, id`
	ids, at := make([]int64, len(members)), make(map[int64]int, len(members))
	for i, m := range members {
		ids[i], at[m.ID] = m.ID, i
	}
	rows, _ := s.db.Query(ctx, q, ids)
	var id int64
	var g account.Signal
	_, err := pgx.ForEachRow(rows, []any{&id, &g.Kind, &g.OccurredAt, &g.Summary, &g.Source}, func() error {
		m := &members[at[id]]
		m.Signals = append(m.Signals, g)
		return nil
	})
	return wrap(err, "signals of %d accounts", len(members))
}
