package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/account"
)

// The decisions on a review.
const (
	ReviewAccepted = "accepted" // the proposed model is released
	ReviewAdjusted = "adjusted" // another one than proposed is
	ReviewKept     = "kept"     // the model stays as it is
)

// ReviewDecisions are the decisions that people can make on a review.
var ReviewDecisions = []string{ReviewAccepted, ReviewAdjusted, ReviewKept}

// Review is the review of a quarter, without its report.
type Review struct {
	ID        int64
	Quarter   string
	Model     ModelRef
	Key       string // who has it may read the report
	Draft     string // the source of the proposed model; "": nothing is proposed
	MadeAt    time.Time
	AccountID int64           // whose record the task hangs on; 0: none yet
	TaskID    string          // "": none yet
	Decision  *ReviewDecision // nil: nobody has decided
	PassedAt  time.Time       // when the next review began with this one undecided; zero: it did not
}

// ReviewDecision is what a person decided. Who and why are personal: they stay here, and
// workflows know a decision by its id.
type ReviewDecision struct {
	ID        int64
	ReviewID  int64
	Decision  string // accepted, adjusted, kept
	Author    string
	Words     string
	CreatedAt time.Time
	CountedAt time.Time // zero: it does not count (yet)
}

// CheckReviewDecision refuses a decision that is none. Field names are those of the API.
func CheckReviewDecision(decision string) error {
	if !slices.Contains(ReviewDecisions, decision) {
		return account.Invalid("decision", "want one of "+strings.Join(ReviewDecisions, ", "))
	}
	return nil
}

const reviewColumns = `r.id, r.quarter, r.model, r.model_version, r.key, r.draft, r.made_at, r.task_on, r.task_id, r.passed_at,
	d.id, d.review_id, d.decision, d.author, d.words, d.created_at, d.counted_at`

const reviewJoin = ` LEFT JOIN review_decisions d ON d.id = r.decision_id `

// MadeReview is a review that was worked out.
type MadeReview struct {
	Quarter string
	Model   ModelRef
	Key     string // to be used if there is none yet
	Report  []byte // JSON
	Draft   string
	At      time.Time
}

// SaveReview keeps a review, in the place of an earlier one of the same quarter and model
// whose key, task and place it takes over. One that was decided on stays as it is, and is
// returned.
//
// Errors: [account.ErrNotFound] for a model that is not on record.
func (s *Store) SaveReview(ctx context.Context, m MadeReview) (Review, error) {
	const q = `
		INSERT INTO reviews AS r (quarter, model, model_version, key, report, draft, made_at)
		VALUES (@quarter, @model, @version, @key, @report, @draft, @at)
		ON CONFLICT ON CONSTRAINT review_once DO UPDATE SET
			model_version = excluded.model_version, report = excluded.report, draft = excluded.draft,
			made_at = excluded.made_at, passed_at = NULL
		WHERE r.decision_id IS NULL`
	_, err := s.db.Exec(ctx, q, named{
		"quarter": m.Quarter, "model": m.Model.Name, "version": m.Model.Version, "key": m.Key,
		"report": string(m.Report), "draft": m.Draft, "at": m.At,
	})
	if err != nil {
		return Review{}, wrap(err, "save review of %s", m.Quarter)
	}
	return s.ReviewOf(ctx, m.Quarter, m.Model.Name)
}

// ReviewOf returns the review of a quarter and model. Errors: [account.ErrNotFound].
func (s *Store) ReviewOf(ctx context.Context, quarter, model string) (Review, error) {
	const q = `SELECT ` + reviewColumns + ` FROM reviews r` + reviewJoin + `WHERE r.quarter = $1 AND r.model = $2`
	rows, _ := s.db.Query(ctx, q, quarter, model)
	r, err := pgx.CollectExactlyOneRow(rows, scanReview)
	return r, wrap(err, "review of %s", quarter)
}

// Review returns a review by its id. Errors: [account.ErrNotFound].
func (s *Store) Review(ctx context.Context, id int64) (Review, error) {
	const q = `SELECT ` + reviewColumns + ` FROM reviews r` + reviewJoin + `WHERE r.id = $1`
	rows, _ := s.db.Query(ctx, q, id)
	r, err := pgx.CollectExactlyOneRow(rows, scanReview)
	return r, wrap(err, "review %d", id)
}

// Reviews returns the reviews of a quarter, or all if it is "", the latest quarter first.
// None is not an error.
func (s *Store) Reviews(ctx context.Context, quarter string) ([]Review, error) {
	const q = `
		SELECT ` + reviewColumns + ` FROM reviews r` + reviewJoin + `
		WHERE $1 = '' OR r.quarter = $1 ORDER BY r.quarter DESC, r.made_at DESC, r.id`
	rows, _ := s.db.Query(ctx, q, quarter)
	all, err := pgx.CollectRows(rows, scanReview)
	return all, wrap(err, "reviews")
}

// ReviewReport returns the report of a review as JSON. Errors: [account.ErrNotFound].
func (s *Store) ReviewReport(ctx context.Context, id int64) (report []byte, err error) {
	const q = `SELECT report::text FROM reviews WHERE id = $1`
	err = s.db.QueryRow(ctx, q, id).Scan(&report)
	return report, wrap(err, "report of review %d", id)
}

// PlaceReview settles whose record in the CRM the review's task hangs on, and returns that
// account: the one of the given domain, which is our own, else the best that there is. It
// stays the same until its record is gone.
//
// Errors: [account.ErrNotFound] when no account has a record.
func (s *Store) PlaceReview(ctx context.Context, id int64, ours string, gone []int64) (account.Account, error) {
	const q = `
		UPDATE reviews SET task_on = CASE WHEN task_on IS NULL OR task_on = ANY (@gone) THEN (
			SELECT a.id FROM accounts a LEFT JOIN LATERAL (
				SELECT coalesce(override_value, value) AS value FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1
			) AS last ON true
			WHERE a.crm IS NOT NULL AND a.id <> ALL (@gone)
			ORDER BY a.domain IS NOT DISTINCT FROM nullif(@ours, '') DESC, last.value DESC NULLS LAST, a.id LIMIT 1
		) ELSE task_on END
		WHERE id = @id RETURNING coalesce(task_on, 0)`
	if gone == nil {
		gone = []int64{}
	}
	var place int64
	err := s.db.QueryRow(ctx, q, named{"id": id, "ours": ours, "gone": gone}).Scan(&place)
	if err != nil {
		return account.Account{}, wrap(err, "place review %d", id)
	}
	return s.Account(ctx, place)
}

// TaskOfReview notes the task that a review has in the CRM.
func (s *Store) TaskOfReview(ctx context.Context, id int64, taskID string) error {
	const q = `UPDATE reviews SET task_id = $2 WHERE id = $1`
	return wrap(affected(s.db.Exec(ctx, q, id, taskID)), "task of review %d", id)
}

// HandInReviewDecision puts on record what a person wants to be done about a review. It
// counts from when [Store.CountReviewDecision] is told so.
//
// Errors: [account.ErrInvalid] for a decision that is none, and for missing or endless
// words; [account.ErrNotFound] when there is no such review.
func (s *Store) HandInReviewDecision(ctx context.Context, d ReviewDecision) (ReviewDecision, error) {
	const q = `
		INSERT INTO review_decisions (review_id, decision, author, words) VALUES ($1, $2, $3, $4)
		RETURNING id, review_id, decision, author, words, created_at, counted_at`
	if err := errors.Join(CheckReviewDecision(d.Decision), CheckWords(d.Author, d.Words)); err != nil {
		return ReviewDecision{}, err
	}
	rows, _ := s.db.Query(ctx, q, d.ReviewID, d.Decision, clean(strings.TrimSpace(d.Author), maxAuthor), clean(strings.TrimSpace(d.Words), maxReason))
	kept, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (k ReviewDecision, err error) {
		var counted *time.Time
		err = row.Scan(&k.ID, &k.ReviewID, &k.Decision, &k.Author, &k.Words, &k.CreatedAt, &counted)
		k.CountedAt = value(counted)
		return k, err
	})
	return kept, wrap(err, "decision on review %d", d.ReviewID)
}

// CountReviewDecision lets a decision count that was handed in. Repeated it changes
// nothing. The review that is returned has the decision that counts: another one if that
// was first.
//
// Errors: [account.ErrNotFound] for a decision that was not handed in for the review.
func (s *Store) CountReviewDecision(ctx context.Context, reviewID, id int64, at time.Time) (Review, error) {
	const count = `
		UPDATE review_decisions SET counted_at = coalesce(counted_at, $3) WHERE id = $2 AND review_id = $1
			AND NOT EXISTS (SELECT FROM review_decisions WHERE review_id = $1 AND id <> $2 AND counted_at IS NOT NULL)`
	const decide = `
		UPDATE reviews SET decision_id = (SELECT id FROM review_decisions WHERE review_id = $1 AND counted_at IS NOT NULL)
		WHERE id = $1 AND decision_id IS NULL AND EXISTS (SELECT FROM review_decisions WHERE review_id = $1 AND id = $2)`
	var b pgx.Batch
	inTurn(&b, "decision on a review")
	b.Queue(count, reviewID, id, at)
	b.Queue(decide, reviewID, id)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return Review{}, wrap(err, "count decision %d on review %d", id, reviewID)
	}
	r, err := s.Review(ctx, reviewID)
	if err == nil && r.Decision == nil {
		err = wrap(pgx.ErrNoRows, "decision %d on review %d", id, reviewID)
	}
	return r, err
}

// PassReview notes that the next review began with this one undecided. One that was
// decided on stays as it is.
func (s *Store) PassReview(ctx context.Context, id int64, at time.Time) error {
	const q = `UPDATE reviews SET passed_at = coalesce(passed_at, $2) WHERE id = $1 AND decision_id IS NULL`
	_, err := s.db.Exec(ctx, q, id, at)
	return wrap(err, "pass review %d", id)
}

func scanReview(row pgx.CollectableRow) (Review, error) {
	var r Review
	var place, decisionID, reviewID *int64
	var passed, created, counted *time.Time
	var decision, author, words *string
	err := row.Scan(&r.ID, &r.Quarter, &r.Model.Name, &r.Model.Version, &r.Key, &r.Draft, &r.MadeAt, &place, &r.TaskID, &passed,
		&decisionID, &reviewID, &decision, &author, &words, &created, &counted)
	r.AccountID, r.PassedAt = value(place), value(passed)
	if decisionID != nil {
		r.Decision = &ReviewDecision{
			ID: *decisionID, ReviewID: value(reviewID), Decision: value(decision), Author: value(author), Words: value(words),
			CreatedAt: value(created), CountedAt: value(counted),
		}
	}
	return r, err
}
