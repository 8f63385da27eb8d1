package ingress

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// ReviewStore is the record, as reviews need it at the front door.
type ReviewStore interface {
	Reviews(ctx context.Context, quarter string) ([]store.Review, error)
	ReviewReport(ctx context.Context, id int64) (report []byte, err error)
}

// errNoReview does not tell a quarter without a review from a key that is wrong.
var errNoReview = newProblem(http.StatusNotFound, "no such review, or the key in its address is not the one; the task in the CRM has it")

// review serves the report of a quarter to whoever has its key.
func (h *Handler) review(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer") // the address is the key
	header.Set("X-Robots-Tag", "noindex")
	found, err := h.store.Reviews(r.Context(), r.PathValue("quarter"))
	if err != nil {
		h.failReview(r.Context(), w, err)
		return
	}
	id := int64(0)
	for _, of := range found {
		if same(r.PathValue("key"), of.Key) {
			id = of.ID
		}
	}
	if id == 0 {
		writeProblem(w, errNoReview)
		return
	}
	html, err := h.page(r.Context(), id)
	if err != nil {
		h.failReview(r.Context(), w, err)
		return
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", reviewPolicy(html))
	header.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(html) // the reader may be gone
}

// page makes the page of a review of its report.
func (h *Handler) page(ctx context.Context, id int64) ([]byte, error) {
	report, err := h.store.ReviewReport(ctx, id)
	if err != nil {
		return nil, err
	}
	q, err := review.ReadQuarter(report)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = q.WriteHTML(&page)
	return page.Bytes(), err
}

// styleElement is where a page has its own styles.
var styleElement = regexp.MustCompile(`(?s)<style>(.*?)</style>`)

// reviewPolicy lets a report be what it is: text, drawings, and the styles that it came
// with. Nothing runs, nothing is fetched, nothing is sent.
func reviewPolicy(html []byte) string {
	styles := "'none'"
	for i, style := range styleElement.FindAllSubmatch(html, -1) {
		if i == 0 {
			styles = ""
		}
		sum := sha256.Sum256(style[1])
		styles += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + strings.TrimSpace(styles) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

func (h *Handler) failReview(ctx context.Context, w http.ResponseWriter, err error) {
	h.logOf(ctx).Error("Report was not served", zap.Error(err))
	writeProblem(w, errUnavailable)
}

// reviewPatience is how long a decision is waited for. It is on record by then.
const reviewPatience = 20 * time.Second

// ReviewDecisionStore is the record, as decisions on reviews need it.
type ReviewDecisionStore interface {
	HandInReviewDecision(ctx context.Context, d store.ReviewDecision) (store.ReviewDecision, error)
	Review(ctx context.Context, id int64) (store.Review, error)
}

// ErrReviewOver means that nobody waits for a decision on the review any more.
var ErrReviewOver = errors.New("nobody waits for a decision on this review any more")

// ErrReviewPending means that a decision is on record and no worker has taken it up yet.
var ErrReviewPending = errors.New("no worker has taken the decision up yet: start one, and give it again")

// ErrReviewMaking means that the review is being made anew.
var ErrReviewMaking = errors.New("the review is being made anew: read it, and decide then")

// DecideReview puts a person's decision on record and hands it to the review that waits
// for it. The review that is returned has the decision that counts: another one where
// that was faster.
//
// Errors: account.ErrInvalid, which names the field; [ErrReviewOver]; [ErrReviewPending];
// [ErrReviewMaking].
func (o Onboarder) DecideReview(ctx context.Context, s ReviewDecisionStore, r store.Review, d store.ReviewDecision) (store.Review, error) {
	d.ReviewID = r.ID
	kept, err := s.HandInReviewDecision(ctx, d)
	if err != nil {
		return store.Review{}, err
	}
	patient, cancel := context.WithTimeout(ctx, reviewPatience)
	defer cancel()
	_, _, err = settle[activities.DecideReviewResult](patient, func() (client.WorkflowUpdateHandle, error) {
		return o.Temporal.UpdateWorkflow(patient, client.UpdateWorkflowOptions{
			WorkflowID: workflows.ReviewID(r.Quarter), UpdateID: fmt.Sprintf("decide/%d", kept.ID), UpdateName: workflows.DecideUpdate,
			Args: []any{workflows.DecideReview{ID: kept.ID, Decision: kept.Decision}}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
	})
	if _, over := errors.AsType[*serviceerror.NotFound](err); over {
		err = ErrReviewOver
	}
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok && refused.Type() == workflows.NotMade {
		err = ErrReviewMaking
	}
	if patient.Err() != nil && ctx.Err() == nil {
		err = ErrReviewPending
	}
	decided, reading := s.Review(ctx, r.ID)
	if reading == nil && decided.Decision != nil { // whatever became of the update
		return decided, nil
	}
	return decided, errors.Join(refusal(err), reading)
}
