package ingress

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/store"
)

// shelf is a store of reports.
type shelf struct {
	Store
	reviews []store.Review
	html    string
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

func (s *shelf) ReviewReport(_ context.Context, id int64) (report, html []byte, err error) {
	return nil, []byte(strings.ReplaceAll(s.html, "ID", string(rune('0'+id)))), nil
}

func TestAReportIsForWhoHasItsKey(t *testing.T) {
	t.Parallel()
	key, other := "canary-key-of-one", "canary-key-of-two"
	s := &shelf{html: "<style>p{}</style><p>ID</p>", reviews: []store.Review{
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
		require.Equal(t, "<style>p{}</style><p>"+id+"</p>", w.Body.String())
		sum := sha256.Sum256([]byte("p{}"))
		require.Equal(t, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			w.Header().Get("Content-Security-Policy"))
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

	s.html = "<p>"
	require.Contains(t, get("/reviews/2026Q3/"+key).Header().Get("Content-Security-Policy"), "style-src 'none';")
	s.broken = errors.New("canary of Postgres")
	requireProblem(t, get("/reviews/2026Q3/"+key), problem{Status: 503, Detail: errUnavailable.Detail})
}
