package store

import (
	"context"
	"maps"
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

// KnownContacts returns the facts of the account and the contacts that the CRM lists for it, in
// their order: who they are as the CRM says now, with the score and what was written as they are
// on record. A contact that is not on record yet has the id 0.
func (s *Store) KnownContacts(ctx context.Context, accountID int64, listed []crm.Contact, at time.Time) ([]account.Fact, []Contact, error) {
	const q = `
		SELECT c.* FROM unnest(@crms::text[], @portals::text[], @ids::text[]) AS n (crm, portal, id) CROSS JOIN LATERAL (
			SELECT ` + contactColumns + ` FROM contacts WHERE crm = n.crm AND portal = n.portal AND crm_id = n.id OFFSET 0
		) AS c`
	var facts []account.Fact
	contacts := make([]Contact, len(listed))
	for i, c := range listed {
		contacts[i] = Contact{Key: c.Key, State: "new"}
	}
	var b pgx.Batch
	readFacts(&b, accountID, &facts)
	b.Queue(q, namesOf(listed)).Query(func(rows pgx.Rows) error {
		known, err := pgx.CollectRows(rows, scanContact)
		for _, c := range known {
			at := slices.IndexFunc(listed, func(l crm.Contact) bool { return l.Key == c.Key })
			contacts[at] = c
		}
		return err
	})
	err := s.db.SendBatch(ctx, &b).Close()
	for i, c := range listed {
		is := &contacts[i]
		is.AccountID, is.SeenAt, is.JobTitle = accountID, at.Truncate(time.Microsecond), clean(c.JobTitle, maxTitle)
		is.Department, is.ManagementLevel, is.BudgetAuthority = c.Department, c.ManagementLevel, c.BudgetAuthority
	}
	return facts, contacts, wrap(err, "contacts of account %d", accountID)
}

// KeepContacts keeps who the CRM lists for the account. With all set these are all of them:
// of others that were listed before, the facts and the score are forgotten.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) KeepContacts(ctx context.Context, accountID int64, listed []crm.Contact, all bool, at time.Time) error {
	const keep = `
		INSERT INTO contacts (account_id, crm, portal, crm_id, job_title, department, management_level, budget_authority, seen_at)
		SELECT @account, crm, portal, id, title, department, level, budget, @at
		FROM unnest(@crms::text[], @portals::text[], @ids::text[], @titles::text[], @departments::text[], @levels::text[], @budgets::boolean[])
			AS c (crm, portal, id, title, department, level, budget)
		ORDER BY crm, portal, id -- one order of locks
		ON CONFLICT ON CONSTRAINT contact_once DO UPDATE SET ` + asListed
	at = at.Truncate(time.Microsecond) // as Postgres keeps it
	var b pgx.Batch
	if len(listed) > 0 {
		b.Queue(keep, contactColumnsOf(accountID, listed, at))
	}
	if all {
		forgetOthers(&b, accountID, at)
	}
	if b.Len() == 0 {
		return nil
	}
	return wrap(s.db.SendBatch(ctx, &b).Close(), "keep contacts of account %d", accountID)
}

// forgetOthers forgets the facts and the score of contacts that the CRM listed before, and at
// the given time did not.
func forgetOthers(b *pgx.Batch, accountID int64, at time.Time) {
	const q = `
		WITH gone AS (
			UPDATE contacts SET listed = false, job_title = '', department = '', management_level = '', budget_authority = NULL,
				value = NULL, level = '', breakdown = NULL, model = '', scored_at = NULL
			WHERE account_id = @account AND listed AND seen_at <> @at
			RETURNING crm_id
		)
		DELETE FROM journal j USING gone WHERE j.account_id = @account AND j.object = 'contact' AND j.record_id = gone.crm_id`
	b.Queue(q, named{"account": accountID, "at": at})
}

// asListed makes a contact that is on record what the CRM lists.
const asListed = `account_id = excluded.account_id, job_title = excluded.job_title, department = excluded.department,
	management_level = excluded.management_level, budget_authority = excluded.budget_authority, listed = true, seen_at = excluded.seen_at`

// maxTitle is how many characters of a job title are kept.
const maxTitle = 500

func namesOf(listed []crm.Contact) named {
	n := len(listed)
	crms, portals, ids := make([]string, n), make([]string, n), make([]string, n)
	for i, c := range listed {
		crms[i], portals[i], ids[i] = c.Key.CRM, c.Key.Portal, c.Key.ID
	}
	return named{"crms": crms, "portals": portals, "ids": ids}
}

func contactColumnsOf(accountID int64, listed []crm.Contact, at time.Time) named {
	n := len(listed)
	titles, departments, levels, budgets := make([]string, n), make([]string, n), make([]string, n), make([]*bool, n)
	for i, c := range listed {
		titles[i], departments[i], levels[i], budgets[i] = clean(c.JobTitle, maxTitle), c.Department, c.ManagementLevel, c.BudgetAuthority
	}
	args := namesOf(listed)
	maps.Copy(args, named{
		"account": accountID, "at": at, "titles": titles, "departments": departments, "levels": levels, "budgets": budgets,
	})
	return args
}

// ContactTry is what is about to be written to one contact in the CRM; no values if nothing
// is.
type ContactTry struct {
	Contact Contact
	Tried   map[string]string

	// What the journal is told: the changes that are made, and what the contact has of the
	// properties.
	Changes []Change
	Have    map[string]string
}

// ContactScore is the score of one contact, and what of it is about to be written.
type ContactScore struct {
	ContactTry
	Score icp.Score
}

// ContactScores are the scores of the contacts that the CRM lists for an account.
type ContactScores struct {
	AccountID  int64
	All        bool      // these are all of them: the facts and the score of others are forgotten
	At         time.Time // they were listed and scored
	Model      string    // contact-fit@1
	RunID      string    // that writes them
	WorkflowID string
	Scores     []ContactScore
}

// ScoreContacts keeps the contacts with their scores, and that the values of those which have
// any are about to be tried. It returns the ids of their rows, in their order.
//
// Errors: [account.ErrNotFound] when the account is gone.
func (s *Store) ScoreContacts(ctx context.Context, in ContactScores) (ids []int64, err error) {
	const q = `
		WITH n AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset(@contacts::jsonb) AS n (` + toldOfContact + `, crm text, portal text,
				title text, department text, seniority text, budget boolean, score jsonb)
		), tried AS (
			INSERT INTO contacts AS c (account_id, crm, portal, crm_id, job_title, department, management_level, budget_authority, seen_at,
				value, level, breakdown, model, scored_at, state, tried)
			SELECT @account, crm, portal, record, title, department, seniority, budget, @at,
				(score ->> 'value')::integer, score ->> 'tier', score, @model, @at, CASE WHEN tried = '{}' THEN 'new' ELSE 'trying' END, tried
			FROM n ORDER BY crm, portal, record -- one order of locks
			ON CONFLICT ON CONSTRAINT contact_once DO UPDATE SET ` + asListed + `,
				value = excluded.value, level = excluded.level, breakdown = excluded.breakdown, model = excluded.model, scored_at = excluded.scored_at,
				state = CASE WHEN excluded.tried = '{}' THEN c.state ELSE 'trying' END,
				tried = CASE WHEN excluded.tried = '{}' THEN c.tried ELSE excluded.tried END
			RETURNING c.id, c.account_id, c.crm, c.portal, c.crm_id AS record
		), begun AS (
			SELECT tried.account_id, ` + tellsJournal + ` FROM tried JOIN n USING (crm, portal, record) WHERE n.changes <> '[]'
		), ` + journaled + ` SELECT tried.id FROM tried JOIN n USING (crm, portal, record) ORDER BY n.nr`
	rows := make([]scoredContact, len(in.Scores))
	for i, c := range in.Scores {
		rows[i] = scoredContact{
			triedContact: c.row(i), CRM: c.Contact.Key.CRM, Portal: c.Contact.Key.Portal, Title: clean(c.Contact.JobTitle, maxTitle),
			Department: c.Contact.Department, Seniority: c.Contact.ManagementLevel, Budget: c.Contact.BudgetAuthority, Score: c.Score,
		}
	}
	text, err := encode(rows)
	if err != nil {
		return nil, wrap(err, "score %d contacts of account %d", len(rows), in.AccountID)
	}
	at := in.At.Truncate(time.Microsecond) // as Postgres keeps it
	var b pgx.Batch
	if len(rows) > 0 {
		args := named{"account": in.AccountID, "at": at, "model": in.Model, "run": in.RunID, "workflow": in.WorkflowID, "contacts": text}
		b.Queue(q, args).Query(func(rows pgx.Rows) (err error) {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
	}
	if in.All {
		forgetOthers(&b, in.AccountID, at)
	}
	if b.Len() == 0 {
		return nil, nil
	}
	err = s.db.SendBatch(ctx, &b).Close()
	return ids, wrap(err, "score %d contacts of account %d", len(rows), in.AccountID)
}

// toldOfContact are the columns of a [triedContact], and tellsJournal those that the journal
// is told. Of one contact one run writes at a time, so that there is no attempt to tell apart.
const (
	toldOfContact = `nr integer, id bigint, key text, record text, tried jsonb, changes jsonb, have jsonb`
	tellsJournal  = `n.key, @run::text AS run, @workflow::text AS workflow, 'contact' AS object, n.record, '' AS crm_id, '{}'::jsonb AS written,
		-1 AS attempts, n.changes, n.have`
)

// triedContact is a [ContactTry] as JSON, where null is no object.
type triedContact struct {
	Nr      int               `json:"nr"`
	ID      int64             `json:"id"`
	Key     string            `json:"key"`    // of the journal
	Record  string            `json:"record"` // in the CRM
	Tried   map[string]string `json:"tried"`
	Changes []Change          `json:"changes"`
	Have    map[string]string `json:"have"`
}

func (c ContactTry) row(nr int) triedContact {
	return triedContact{
		Nr: nr, ID: c.Contact.ID, Key: contactKey(c.Contact.Key), Record: c.Contact.Key.ID,
		Tried: orEmpty(c.Tried), Changes: append([]Change{}, c.Changes...), Have: orEmpty(c.Have),
	}
}

// scoredContact is a [ContactScore] as JSON.
type scoredContact struct {
	triedContact
	CRM        string    `json:"crm"`
	Portal     string    `json:"portal"`
	Title      string    `json:"title"`
	Department string    `json:"department"`
	Seniority  string    `json:"seniority"`
	Budget     *bool     `json:"budget"`
	Score      icp.Score `json:"score"`
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
func (s *Store) TryContacts(ctx context.Context, runID, workflowID string, all []ContactTry) error {
	const q = `
		WITH n AS MATERIALIZED (
			SELECT * FROM jsonb_to_recordset(@contacts::jsonb) AS n (` + toldOfContact + `)
		), tried AS (
			UPDATE contacts c SET state = 'trying', tried = n.tried
			FROM n WHERE c.id = ANY (ARRAY(SELECT id FROM n)) AND c.id = n.id
			RETURNING c.id, c.account_id
		), begun AS (
			SELECT tried.account_id, ` + tellsJournal + ` FROM tried JOIN n USING (id) WHERE n.changes <> '[]'
		), ` + journaled + ` SELECT`
	if len(all) == 0 {
		return nil
	}
	rows := make([]triedContact, len(all))
	for i, c := range all {
		rows[i] = c.row(i)
	}
	text, err := encode(rows)
	if err == nil {
		_, err = s.db.Exec(ctx, q, named{"run": runID, "workflow": workflowID, "contacts": text})
	}
	return wrap(err, "try %d contacts", len(all))
}
