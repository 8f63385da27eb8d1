package ingress

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/store"
)

// TokenStore is what proves who calls the API.
type TokenStore interface {
	UseToken(ctx context.Context, hash [32]byte, at time.Time) (store.Token, error)
	HasTokens(ctx context.Context) (bool, error)
}

// What one token may ask for. A company's run takes seconds of Temporal and vendors; for
// many companies there is the import.
const (
	callsPerSecond = 50
	callsAtOnce    = 100
)

var (
	errUnauthorized = newProblem(http.StatusUnauthorized, "send SLUICE_API_TOKEN, or a token of `starter token create`, as a bearer token")
	errTooMany      = newProblem(http.StatusTooManyRequests, "more than "+strconv.Itoa(callsPerSecond)+" calls a second with one token; for many companies: starter company import")
)

// authorized lets through who may do this.
func (h *Handler) authorized(need store.Scope, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := h.caller(r)
		if err == nil {
			err = h.admit(who, need)
		}
		if err == nil {
			next(w, r)
			return
		}
		if errors.Is(err, errUnauthorized) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
		}
		if errors.Is(err, errTooMany) {
			w.Header().Set("Retry-After", "1")
		}
		writeProblem(w, err)
	}
}

// operator is who has SLUICE_API_TOKEN, or this machine.
var operator = store.Token{Scope: store.AdminScope}

// caller is who calls. Without SLUICE_API_TOKEN and tokens on record this machine is
// served, which the address that the starter listens on sees to as well.
func (h *Handler) caller(r *http.Request) (store.Token, error) {
	if bearer(r, h.token) {
		return operator, nil
	}
	shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return operator, h.unproven(r)
	}
	t, err := h.store.UseToken(r.Context(), sha256.Sum256([]byte(shown)), time.Now())
	switch {
	case errors.Is(err, account.ErrNotFound):
		return t, errUnauthorized
	case err != nil:
		h.logOf(r.Context()).Error("Look up token", zap.Error(err))
		return t, errUnavailable
	}
	return t, nil
}

// unproven lets this machine call where nobody has a token.
func (h *Handler) unproven(r *http.Request) error {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	if h.token != "" || err != nil || ip == nil || !ip.IsLoopback() {
		return errUnauthorized
	}
	some, err := h.store.HasTokens(r.Context())
	switch {
	case err != nil:
		h.logOf(r.Context()).Error("Look for tokens", zap.Error(err))
		return errUnavailable
	case some:
		return errUnauthorized
	}
	return nil
}

// admit holds a caller to its scope and its pace. The operator has no pace.
func (h *Handler) admit(who store.Token, need store.Scope) error {
	if slices.Index(store.Scopes, who.Scope) < slices.Index(store.Scopes, need) {
		return newProblem(http.StatusForbidden, "the token is for "+string(who.Scope)+"; this takes "+string(need)+": starter token create NAME --scope "+string(need))
	}
	if who.ID != 0 && !h.paces.of(who.ID).Allow() {
		return errTooMany
	}
	return nil
}

// paces has a limiter for each token: there are as many as an operator has made.
type paces struct {
	mu   sync.Mutex
	byID map[int64]*rate.Limiter
}

func (p *paces) of(id int64) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil {
		p.byID = map[int64]*rate.Limiter{}
	}
	if p.byID[id] == nil {
		p.byID[id] = rate.NewLimiter(callsPerSecond, callsAtOnce)
	}
	return p.byID[id]
}

// bearer reports whether the request has the token.
func bearer(r *http.Request, token string) bool {
	have, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && same(have, token)
}

// same takes as long for a wrong secret as for the right one. No secret matches none.
func same(have, want string) bool {
	a, b := sha256.Sum256([]byte(have)), sha256.Sum256([]byte(want)) // equal lengths, so that time tells nothing
	return want != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
