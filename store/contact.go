package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/icp"
)

// Contact is a person at an account, as far as a model rates them, with the last
// score and what of it is in the CRM.
type Contact struct {
	ID              int64
	AccountID       int64
	Key             account.Key
	JobTitle        string
	Department      string // "" if it is not known
	ManagementLevel string // "" if it is not known
	BudgetAuthority *bool  // nil if it is not known
	SeenAt          time.Time

	Score    *icp.Score // nil until it is scored
	Model    string     // contact-fit@1
	ScoredAt time.Time

	State     string            // new, trying, done, refused
	Tried     map[string]string // values of the last attempt; of a long one its digest
	Written   map[string]string // last values known to be written
	WrittenAt time.Time
	Reason    string               // why the CRM refused it
	Stamps    map[string]time.Time // when each of the values was written, as far as that is known
}

const contactColumns = `id, account_id, crm, portal, crm_id, job_title, department, management_level, budget_authority, seen_at,
	breakdown, model, scored_at, state, tried, written, written_at, reason, stamps`

// KeepContacts keeps who the CRM lists for the account, and returns them as they are on
// record, by id. With all set these are all of them: of others that were listed before,
// the facts and the score are forgotten.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) KeepContacts(ctx context.Context, accountID int64, listed []crm.Contact, all bool, at time.Time) ([]Contact, error) {
	const keep = `
		INSERT INTO contacts (account_id, crm, portal, crm_id, job_title, department, management_level, budget_authority, seen_at)
		SELECT @account, crm, portal, id, title, department, level, budget, @at
		FROM unnest(@crms::text[], @portals::text[], @ids::text[], @titles::text[], @departments::text[], @levels::text[], @budgets::boolean[])
			AS c (crm, portal, id, title, department, level, budget)
		ORDER BY crm, portal, id -- one order of locks
		ON CONFLICT ON CONSTRAINT contact_once DO UPDATE SET
			account_id = excluded.account_id, job_title = excluded.job_title, department = excluded.department,
			management_level = excluded.management_level, budget_authority = excluded.budget_authority,
			listed = true, seen_at = excluded.seen_at
		RETURNING ` + contactColumns
	const forget = `
		WITH gone AS (
			UPDATE contacts SET listed = false, job_title = '', department = '', management_level = '', budget_authority = NULL,
				value = NULL, level = '', breakdown = NULL, model = '', scored_at = NULL
			WHERE account_id = @account AND listed AND seen_at <> @at
			RETURNING crm_id
		)
		DELETE FROM journal j USING gone WHERE j.account_id = @account AND j.object = 'contact' AND j.record_id = gone.crm_id`
	at = at.Truncate(time.Microsecond) // as Postgres keeps it
	var b pgx.Batch
	var kept []Contact
	if len(listed) > 0 {
		b.Queue(keep, contactColumnsOf(accountID, listed, at)).Query(func(rows pgx.Rows) (err error) {
			kept, err = pgx.CollectRows(rows, scanContact)
			return err
		})
	}
	if all {
		b.Queue(forget, named{"account": accountID, "at": at})
	}
	if b.Len() == 0 {
		return nil, nil
	}
	err := s.db.SendBatch(ctx, &b).Close()
	return kept, wrap(err, "keep contacts of account %d", accountID)
}

func contactColumnsOf(accountID int64, listed []crm.Contact, at time.Time) named {
	n := len(listed)
	crms, portals, ids := make([]string, n), make([]string, n), make([]string, n)
	titles, departments, levels, budgets := make([]string, n), make([]string, n), make([]string, n), make([]*bool, n)
	for i, c := range listed {
		crms[i], portals[i], ids[i] = c.Key.CRM, c.Key.Portal, c.Key.ID
		titles[i], departments[i], levels[i], budgets[i] = clean(c.JobTitle, 500), c.Department, c.ManagementLevel, c.BudgetAuthority
	}
	return named{
		"account": accountID, "at": at, "crms": crms, "portals": portals, "ids": ids,
		"titles": titles, "departments": departments, "levels": levels, "budgets": budgets,
	}
}

// ContactScore is the score of one contact, and what of it is about to be written to
// the CRM; no values if nothing is.
type ContactScore struct {
	ContactID int64             `json:"id"`
	Score     icp.Score         `json:"score"`
	Tried     map[string]string `json:"tried"`

	// What the journal is told: the run, the changes that are made, and what the contact has
	// of the properties.
	RunID      string            `json:"run"`
	WorkflowID string            `json:"workflow"`
	Key        string            `json:"key"`
	Record     string            `json:"record"` // in the CRM
	Changes    []Change          `json:"changes"`
	Have       map[string]string `json:"have"`
}

// ScoreContacts keeps the scores, and that the values of those which have any are about
// to be tried.
func (s *Store) ScoreContacts(ctx context.Context, model string, at time.Time, scores []ContactScore) error {
	const q = `
		WITH n AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(@scores::jsonb) AS n (id bigint, score jsonb, tried jsonb))
		UPDATE contacts c SET
			value = (n.score ->> 'value')::integer, level = n.score ->> 'tier', breakdown = n.score, model = @model, scored_at = @at,
			state = CASE WHEN n.tried = '{}' THEN c.state ELSE 'trying' END,
			tried = CASE WHEN n.tried = '{}' THEN c.tried ELSE n.tried END
		FROM n WHERE c.id = ANY (ARRAY(SELECT id FROM n)) AND c.id = n.id`
	if len(scores) == 0 {
		return nil
	}
	text, err := encodeContacts(scores)
	if err == nil {
		var b pgx.Batch
		b.Queue(q, named{"model": model, "at": at, "scores": text})
		if slices.ContainsFunc(scores, func(c ContactScore) bool { return len(c.Changes) > 0 }) {
			b.Queue(journalContacts, named{"scores": text})
		}
		err = s.db.SendBatch(ctx, &b).Close()
	}
	return wrap(err, "score %d contacts", len(scores))
}

// journalContacts puts on record what is about to be changed of contacts. Of one contact
// one run writes at a time, so that there is no attempt to tell apart.
const journalContacts = `
	WITH begun AS (
		SELECT c.account_id, n.key, n.run, n.workflow, 'contact' AS object, n.record, '' AS crm_id, '{}'::jsonb AS written, -1 AS attempts, n.changes, n.have
		FROM jsonb_to_recordset(@scores::jsonb) AS n (id bigint, key text, run text, workflow text, record text, changes jsonb, have jsonb)
		CROSS JOIN LATERAL (SELECT account_id FROM contacts WHERE id = n.id OFFSET 0) AS c WHERE n.changes <> '[]'
	), ` + journaled + ` SELECT`

// encodeContacts is the contacts as JSON, where null is no object.
func encodeContacts(all []ContactScore) (string, error) {
	for i := range all {
		all[i].Tried, all[i].Have = orEmpty(all[i].Tried), orEmpty(all[i].Have)
		all[i].Changes = append([]Change{}, all[i].Changes...)
	}
	return encode(all)
}

// ContactWritten is how writing one contact ended.
type ContactWritten struct {
	ContactID int64             `json:"id"`
	Written   map[string]string `json:"written"` // the values that are there now
	Refused   string            `json:"refused"` // why the CRM did not take them; "" if it did
}

// FinishContacts records how writing ended. Values written earlier, and not again, stay
// known; of a contact that was refused, all of them.
func (s *Store) FinishContacts(ctx context.Context, at time.Time, done []ContactWritten) error {
	const q = `
		WITH n AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset(@done::jsonb) AS n (id bigint, written jsonb, refused text)
		), tried AS MATERIALIZED (
			SELECT w.id, n.refused FROM n CROSS JOIN LATERAL (
				SELECT j.id FROM contacts c JOIN journal j ON j.account_id = c.account_id
					AND j.effect_key = 'sluice:' || c.crm || '/' || c.portal || '/' || c.crm_id || '/contact'
				WHERE c.id = n.id AND j.state = 'trying' OFFSET 0
			) AS w
		), ended AS (
			UPDATE journal j SET state = CASE WHEN t.refused = '' THEN 'written' ELSE 'failed' END, reason = t.refused, ended_at = now()
			FROM tried t WHERE j.id = ANY (ARRAY(SELECT id FROM tried)) AND j.id = t.id
		)
		UPDATE contacts c SET
			stamps = CASE WHEN n.refused <> '' THEN c.stamps ELSE c.stamps || coalesce((
				SELECT jsonb_object_agg(v.name, @at::timestamptz) FROM jsonb_each_text(n.written) AS v (name, value) WHERE c.written ->> v.name IS DISTINCT FROM v.value
			), '{}') END,
			state = CASE WHEN n.refused = '' THEN 'done' ELSE 'refused' END, reason = n.refused,
			written = CASE WHEN n.refused = '' THEN c.written || n.written ELSE c.written END,
			written_at = CASE WHEN n.refused = '' THEN @at ELSE c.written_at END
		FROM n WHERE c.id = ANY (ARRAY(SELECT id FROM n)) AND c.id = n.id`
	if len(done) == 0 {
		return nil
	}
	for i, d := range done {
		done[i].Refused = clean(d.Refused, 1000)
		if d.Written == nil {
			done[i].Written = map[string]string{}
		}
	}
	text, err := encode(done)
	if err == nil {
		_, err = s.db.Exec(ctx, q, named{"at": at, "done": text})
	}
	return wrap(err, "finish %d contacts", len(done))
}

// Contacts returns the contacts that the CRM lists for the account, the best score
// first. None is not an error.
func (s *Store) Contacts(ctx context.Context, accountID int64) ([]Contact, error) {
	const q = `
		SELECT ` + contactColumns + ` FROM contacts WHERE account_id = $1 AND listed
		ORDER BY value DESC NULLS LAST, id`
	rows, _ := s.db.Query(ctx, q, accountID)
	contacts, err := pgx.CollectRows(rows, scanContact)
	return contacts, wrap(err, "contacts of account %d", accountID)
}

func scanContact(row pgx.CollectableRow) (Contact, error) {
	var c Contact
	var scoredAt, writtenAt *time.Time
	err := row.Scan(&c.ID, &c.AccountID, &c.Key.CRM, &c.Key.Portal, &c.Key.ID, &c.JobTitle, &c.Department, &c.ManagementLevel,
		&c.BudgetAuthority, &c.SeenAt, &c.Score, &c.Model, &scoredAt, &c.State, &c.Tried, &c.Written, &writtenAt, &c.Reason, &c.Stamps)
	c.ScoredAt, c.WrittenAt = value(scoredAt), value(writtenAt)
	return c, err
}

// TryContacts keeps that values are about to be tried which follow from no score.
func (s *Store) TryContacts(ctx context.Context, all []ContactScore) error {
	const q = `
		WITH n AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(@scores::jsonb) AS n (id bigint, tried jsonb))
		UPDATE contacts c SET state = 'trying', tried = n.tried
		FROM n WHERE c.id = ANY (ARRAY(SELECT id FROM n)) AND c.id = n.id`
	text, err := encodeContacts(all)
	if err != nil || len(all) == 0 {
		return wrap(err, "try %d contacts", len(all))
	}
	var b pgx.Batch
	b.Queue(q, named{"scores": text})
	b.Queue(journalContacts, named{"scores": text})
	return wrap(s.db.SendBatch(ctx, &b).Close(), "try %d contacts", len(all))
}
