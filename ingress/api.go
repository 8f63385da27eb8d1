package ingress

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

// addRequest is the body of POST /v1/companies.
type addRequest struct {
	Domain string `json:"domain"`
	Name   string `json:"name"`
	CRM    string `json:"crm"`
	CRMID  string `json:"crm_id"`
}

func (h *Handler) addCompany(w http.ResponseWriter, r *http.Request) {
	c, err := h.onboard.decodeCompany(r.Body)
	if err != nil {
		writeProblem(w, err)
		return
	}
	c, _, err = h.onboard.Find(r.Context(), c)
	if err != nil {
		h.logOf(r.Context()).Error("Look up company", zap.String("domain", c.Domain), zap.Error(err))
		writeProblem(w, errUnavailable)
		return
	}
	run, err := h.onboard.Start(r.Context(), c)
	if err != nil {
		h.logOf(r.Context()).Error("Start run", zap.String("domain", c.Domain), zap.Error(err))
		writeProblem(w, errUnavailable)
		return
	}
	writeJSON(w, http.StatusAccepted, run)
}

// decodeCompany reads one JSON object, strictly, and checks that there is a company
// in it to look up.
func (o Onboarder) decodeCompany(body io.Reader) (Company, error) {
	var in addRequest
	if err := decodeStrictly(body, &in); err != nil {
		return Company{}, err
	}
	c := Company{Name: strings.TrimSpace(in.Name), Priority: AskedFor}
	if err := CheckName(c.Name); err != nil {
		return Company{}, err
	}
	if in.Domain != "" {
		domain, err := account.NormalizeDomain(in.Domain)
		if err != nil {
			return Company{}, err
		}
		c.Domain = domain
	}
	switch {
	case in.CRMID != "":
		return o.withRecord(c, in)
	case in.CRM != "":
		return Company{}, account.Invalid("crm", "needs crm_id beside it")
	case c.Domain == "" && account.NormalizeName(c.Name) == "":
		return Company{}, account.Invalid("domain", "give a domain, or a name to look the company up by")
	}
	return c, nil
}

// withRecord adds the CRM record that is named.
func (o Onboarder) withRecord(c Company, in addRequest) (Company, error) {
	if o.CRM == nil {
		return Company{}, account.Invalid("crm_id", "no CRM is configured here")
	}
	c.Key = o.CRM.Key(in.CRMID)
	if in.CRM != "" && in.CRM != c.Key.CRM {
		return Company{}, account.Invalid("crm", "the CRM here is "+c.Key.CRM)
	}
	return c, account.CheckKey(c.Key)
}

func decodeStrictly(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return newProblem(http.StatusBadRequest, "one JSON object is expected, and nothing after it")
	}
	return nil
}

// badJSON says what is wrong with a body without repeating its values.
func badJSON(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		p := newProblem(http.StatusBadRequest, fmt.Sprintf("%s: want a %s, have a %s", e.Field, e.Type, e.Value))
		p.Field = e.Field
		return p
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		p := newProblem(http.StatusBadRequest, "no such key; docs/api.md lists them")
		if key := strings.Trim(name, `"`); isKey(key) {
			p.Field = key
		}
		return p
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return newProblem(http.StatusBadRequest, fmt.Sprintf("the body is not JSON from byte %d on", e.Offset))
	}
	return newProblem(http.StatusBadRequest, "the body is not a JSON object")
}

// isKey reports whether s may be a key that somebody mistyped, and not a value that got
// into its place.
func isKey(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
}

func (h *Handler) explainCompany(w http.ResponseWriter, r *http.Request) {
	domain, err := account.NormalizeDomain(r.PathValue("domain"))
	if err != nil {
		writeProblem(w, err)
		return
	}
	all, err := explain.Domain(r.Context(), h.store, domain)
	if err != nil {
		if !errors.Is(err, account.ErrNotFound) {
			h.logOf(r.Context()).Error("Explain", zap.String("domain", domain), zap.Error(err))
		}
		writeProblem(w, err)
		return
	}
	writeJSON(w, http.StatusOK, all[0])
}

// overrideRequest is the body of POST /v1/companies/{domain}/override.
type overrideRequest struct {
	Score     *int   `json:"score"`
	Tier      string `json:"tier"`
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	By        string `json:"by"`
	ExpiresAt string `json:"expires_at"`
}

func (h *Handler) override(w http.ResponseWriter, r *http.Request) {
	var in overrideRequest
	h.decide(w, r, &in, func(acc account.Account) (Overridden, error) {
		expires, err := ParseExpiry(in.ExpiresAt, time.Now())
		if err != nil {
			return Overridden{}, err
		}
		return h.onboard.Override(r.Context(), h.store, acc, store.Override{
			Override: icp.Override{Score: in.Score, Tier: in.Tier, Code: cmp.Or(in.Code, "other"), ExpiresAt: expires},
			Reason:   in.Reason, Author: in.By,
		})
	})
}

// clearRequest is the body of DELETE /v1/companies/{domain}/override.
type clearRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by"`
}

func (h *Handler) clearOverride(w http.ResponseWriter, r *http.Request) {
	var in clearRequest
	h.decide(w, r, &in, func(acc account.Account) (Overridden, error) {
		done, err := h.onboard.ClearOverride(r.Context(), h.store, acc, in.By, in.Reason)
		if errors.Is(err, account.ErrNotFound) {
			err = newProblem(http.StatusNotFound, "no override holds for this company")
		}
		return done, err
	})
}

// decide reads a person's decision on the company of the path, hands it in, and answers
// with what became of it: 202 while the CRM does not have it yet.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request, in any, handIn func(account.Account) (Overridden, error)) {
	domain, err := account.NormalizeDomain(r.PathValue("domain"))
	if err == nil {
		err = decodeStrictly(r.Body, in)
	}
	if err != nil {
		writeProblem(w, err)
		return
	}
	all, err := h.store.AccountsByDomain(r.Context(), domain)
	if err == nil && len(all) == 0 {
		err = account.ErrNotFound
	}
	var done Overridden
	if err == nil {
		done, err = handIn(all[0])
	}
	switch _, problem := errors.AsType[*problem](err); {
	case err == nil && done.Done:
		writeJSON(w, http.StatusOK, done)
	case err == nil:
		writeJSON(w, http.StatusAccepted, done)
	case problem, errors.Is(err, account.ErrInvalid), errors.Is(err, account.ErrNotFound):
		writeProblem(w, err)
	default:
		h.logOf(r.Context()).Error("Override", zap.String("domain", domain), zap.Error(err))
		writeProblem(w, errUnavailable)
	}
}
