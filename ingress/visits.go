package ingress

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
)

// visitsRequest is the body of POST /webhooks/visits.
type visitsRequest struct {
	Visits []visit `json:"visits"`
}

type visit struct {
	signals.Visit
	Domain string `json:"domain"`
}

// maxVisits is how many visits one delivery holds at most.
const maxVisits = 1000

// visits keeps what a website or an e-mail tool saw, for the nightly sweep. Repeats
// are ignored, and so are companies that Sluice does not follow: a website sees many.
func (h *Handler) visits(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		writeProblem(w, badJSON(err))
		return
	}
	if err := h.checkVisits(r, body); err != nil {
		writeProblem(w, err)
		return
	}
	var in visitsRequest
	if err := decodeStrictly(bytes.NewReader(body), &in); err != nil {
		writeProblem(w, err)
		return
	}
	byDomain, err := in.check(time.Now())
	if err != nil {
		writeProblem(w, err)
		return
	}
	accepted, err := h.keepVisits(r.Context(), byDomain)
	if err != nil {
		h.logOf(r.Context()).Error("Keep visits", zap.Int("visits", len(in.Visits)), zap.Error(err))
		writeProblem(w, errUnavailable)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]int{"accepted": accepted, "unknown": len(in.Visits) - accepted})
}

// clockSkew is how far a signature's time may be from ours, so that a delivery that
// was recorded cannot be played again for ever.
const clockSkew = 5 * time.Minute

// checkVisits checks the signature: X-Sluice-Signature: t=UNIX,v1=HEX, where HEX is the
// HMAC-SHA256 of "UNIX.BODY" with SLUICE_VISITS_SECRET.
func (h *Handler) checkVisits(r *http.Request, body []byte) error {
	if h.visitsSecret == "" {
		return newProblem(http.StatusNotFound, "visits are not set up: SLUICE_VISITS_SECRET is empty")
	}
	refused := newProblem(http.StatusUnauthorized, "X-Sluice-Signature does not prove who sent this: want t=UNIX,v1=HMAC-SHA256 of \"UNIX.BODY\", not older than 5 minutes")
	stamp, mac, ok := strings.Cut(r.Header.Get("X-Sluice-Signature"), ",")
	stamp, okTime := strings.CutPrefix(stamp, "t=")
	mac, okMAC := strings.CutPrefix(mac, "v1=")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	given, errHex := hex.DecodeString(mac)
	if !ok || !okTime || !okMAC || err != nil || errHex != nil || time.Since(time.Unix(seconds, 0)).Abs() > clockSkew {
		return refused
	}
	sum := hmac.New(sha256.New, []byte(h.visitsSecret))
	_, _ = fmt.Fprintf(sum, "%s.%s", stamp, body)
	if !hmac.Equal(sum.Sum(nil), given) {
		return refused
	}
	return nil
}

// check refuses a delivery of which any visit makes no sense, before anything is kept.
func (in visitsRequest) check(now time.Time) (map[string][]signals.Visit, error) {
	if len(in.Visits) == 0 || len(in.Visits) > maxVisits {
		return nil, account.Invalid("visits", fmt.Sprintf("want 1 to %d of them", maxVisits))
	}
	byDomain := map[string][]signals.Visit{}
	for i, v := range in.Visits {
		at := func(field string) string { return fmt.Sprintf("visits[%d].%s", i, field) }
		domain, err := account.NormalizeDomain(v.Domain)
		switch {
		case err != nil:
			return nil, account.Invalid(at("domain"), "not a company's domain")
		case v.ID == "" || len(v.ID) > 200:
			return nil, account.Invalid(at("id"), "want 1 to 200 characters, unique for each visit")
		case v.Kind != "page_view" && v.Kind != "demo_request" && v.Kind != "email_open" && v.Kind != "email_click":
			return nil, account.Invalid(at("kind"), "want page_view, demo_request, email_open or email_click")
		case v.At.IsZero() || v.At.After(now.Add(24*time.Hour)):
			return nil, account.Invalid(at("at"), "want the time of the visit, such as 2026-11-22T09:30:00Z")
		case strings.Contains(v.Visitor, "@"):
			return nil, account.Invalid(at("visitor"), "want a pseudonym, not a mail address")
		}
		byDomain[domain] = append(byDomain[domain], v.Visit)
	}
	return byDomain, nil
}

func (h *Handler) keepVisits(ctx context.Context, byDomain map[string][]signals.Visit) (accepted int, err error) {
	for domain, visits := range byDomain {
		accounts, err := h.store.AccountsByDomain(ctx, domain)
		if err != nil {
			return accepted, err
		}
		for _, acc := range accounts {
			if err := h.store.AddVisits(ctx, acc.ID, visits); err != nil && !errors.Is(err, account.ErrNotFound) {
				return accepted, err
			}
		}
		if len(accounts) > 0 {
			accepted += len(visits)
		}
	}
	return accepted, nil
}
