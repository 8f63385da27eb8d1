package ingress

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/store"
)

// shelf is a store of reports.
type shelf struct {
	Store
	reviews []store.Review
	broken  error
}

func (s *shelf) Reviews(_ context.Context, quarter string) (found []store.Review, err error) {
	for _, r := range s.reviews {
		if r.Quarter == quarter {
			found = append(found, r)
		}
	}
	return found, s.broken
}

func (s *shelf) ReviewReport(_ context.Context, id int64) ([]byte, error) {
	return fmt.Appendf(nil, `{"quarter": "quarter %d"}`, id), nil
}

func TestAReportIsForWhoHasItsKey(t *testing.T) {
	t.Parallel()
	key, other := "canary-key-of-one", "canary-key-of-two"
	s := &shelf{reviews: []store.Review{
		{ID: 1, Quarter: "2026Q3", Key: key}, {ID: 2, Quarter: "2026Q3", Key: other}, {ID: 3, Quarter: "2026Q2", Key: "canary-3"}, {ID: 4, Quarter: "2026Q1"},
	}}
	h := New(Config{Store: s, Log: zap.NewNop()})
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	for id, path := range map[string]string{"1": "/reviews/2026Q3/" + key, "2": "/reviews/2026Q3/" + other} {
		w := get(path)
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), "quarter "+id)
		require.Equal(t, reviewPolicy(w.Body.Bytes()), w.Header().Get("Content-Security-Policy"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	none := problem{Status: 404, Detail: errNoReview.Detail}
	for _, path := range []string{
		"/reviews/2026Q3/canary-3", "/reviews/2026Q3/" + key[1:], "/reviews/2026Q3/" + key + "x", "/reviews/2026Q2/" + key, "/reviews/2025Q1/" + key, "/reviews/2026Q1/x",
	} {
		w := get(path)
		requireProblem(t, w, none)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	require.Equal(t, 404, get("/reviews/2026Q1/").Code, "no key is no key")
	require.Equal(t, 404, get("/reviews/2026Q3").Code)

	s.broken = errors.New("canary of Postgres")
	requireProblem(t, get("/reviews/2026Q3/"+key), problem{Status: 503, Detail: errUnavailable.Detail})
}

func TestAReportMayUseItsOwnStylesAndNothingElse(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("p{}"))
	const rest = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'"+rest, reviewPolicy([]byte("<style>p{}</style><p>")))
	require.Equal(t, "default-src 'none'; style-src 'none'"+rest, reviewPolicy([]byte("<p>")))
}
