package jobboards

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/signalstest"
)

func TestParseBoard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		give string
		want string // "" for none
	}{
		{"https://boards.greenhouse.io/acme", "greenhouse:acme"},
		{" https://job-boards.greenhouse.io/acme/jobs/810001?gh_src=1 ", "greenhouse:acme"},
		{"boards.greenhouse.io/embed/job_board?for=acme", "greenhouse:acme"},
		{"https://boards-api.greenhouse.io/v1/boards/acme/jobs", "greenhouse:acme"},
		{"https://job-boards.eu.greenhouse.io/acme", "greenhouse:acme"},
		{"HTTPS://JOBS.LEVER.CO/acme/", "lever:acme"},
		{"https://jobs.eu.lever.co/acme", "lever-eu:acme"},
		{"https://api.lever.co/v0/postings/acme?mode=json", "lever:acme"},
		{"https://jobs.lever.co/1840%26company", "lever:1840&company"},
		{"https://jobs.lever.co/acme%20", "lever:acme"},
		{"https://jobs.ashbyhq.com/Acme", "ashby:Acme"},
		{"https://api.ashbyhq.com/posting-api/job-board/Acme", "ashby:Acme"},
		{"https://careers.smartrecruiters.com/AcmeExample", "smartrecruiters:AcmeExample"},
		{"https://jobs.smartrecruiters.com/AcmeExample/744000000001-revops", "smartrecruiters:AcmeExample"},
		{"https://apply.workable.com/acme/j/ABC/", "workable:acme"},
		{"https://acme.workable.com/", "workable:acme"},
		{"Greenhouse: acme", "greenhouse:acme"},
		{"lever-eu:acme", "lever-eu:acme"},

		{"", ""},
		{"acme", ""},
		{"https://acme.example/careers", ""},
		{"https://boards.greenhouse.io/", ""},
		{"https://boards.greenhouse.io/embed/job_board", ""},
		{"https://www.greenhouse.io/blog", ""},
		{"https://notlever.co/acme", ""},
		{"https://apply.workable.com/j/ABCDEF", ""},
		{"https://jobs.workable.com/view/1", ""},
		{"greenhouse:", ""},
		{"greenhouse:acme/jobs", ""},
		{"greenhouse:..", ""},
		{"taleo:acme", ""},
		{"https://jobs.lever.co/%zz", ""},
		{"lever:" + strings.Repeat("a", 101), ""},
	}
	for _, tt := range tests {
		t.Run(tt.give, func(t *testing.T) {
			t.Parallel()
			b, ok := parseBoard(tt.give)
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, b.String())
			}
		})
	}
}

// TestDirt: what boards have been seen to send.
func TestDirt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 17, 13, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		read func([]byte) (listing, error)
		give string
		want []posting
	}{
		{
			"entities and spaces", readGreenhouse,
			`{"jobs": [{"id": 7, "title": " Sales &amp; Marketing\u200b\n  Lead ", "first_published": "2026-11-17T08:00:00-05:00", "absolute_url": null, "departments": null}]}`,
			[]posting{{ID: "7", Title: "Sales & Marketing Lead", Published: at}},
		},
		{
			"wrong types", readGreenhouse,
			`{"jobs": [7, null, {"id": "x", "title": "Lead", "departments": [{"name": 3}], "absolute_url": "javascript:alert(1)", "first_published": 5}, {"id": 8, "title": ["Lead"]}]}`,
			[]posting{{ID: "x", Title: "Lead", Department: "3"}},
		},
		{
			"no ids", readLever,
			`[{"text": "Lead", "hostedUrl": "https://jobs.lever.co/acme/1"}, {"text": "Lead", "categories": {"team": "Data"}, "createdAt": "1794920400000"}]`,
			[]posting{{ID: "https://jobs.lever.co/acme/1", Title: "Lead", URL: "https://jobs.lever.co/acme/1"}, {ID: "Lead Data", Title: "Lead", Department: "Data", Published: at}},
		},
		{
			"impossible times", readLever,
			`[{"id": "1", "text": "Lead", "createdAt": -1}, {"id": "2", "text": "Lead", "createdAt": 1e300}, {"id": "3", "text": "Lead", "createdAt": "NaN"}]`,
			[]posting{{ID: "1", Title: "Lead"}, {ID: "2", Title: "Lead"}, {ID: "3", Title: "Lead"}},
		},
		{
			"not announced", readAshby,
			`{"jobs": [{"id": "1", "title": "Lead", "isListed": false}, {"id": "2", "title": "Lead", "isListed": "no"}, {"id": "3", "title": "Lead", "isListed": null}]}`,
			[]posting{{ID: "2", Title: "Lead"}, {ID: "3", Title: "Lead"}},
		},
		{
			"date without zone", readSmartRecruiters,
			`{"content": [{"id": "1", "name": "Lead", "releasedDate": "2026-11-17T13:00:00", "department": [], "company": "Acme"}]}`,
			[]posting{{ID: "1", Title: "Lead", Published: at}},
		},
		{
			"date only", readWorkable,
			`{"name": null, "jobs": [{"shortcode": "1", "title": "Lead", "published_on": null, "created_at": "2026-11-17"}, {"shortcode": "2", "title": ""}]}`,
			[]posting{{ID: "1", Title: "Lead", Published: at.Truncate(24 * time.Hour)}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.read([]byte(tt.give))
			require.NoError(t, err)
			require.Equal(t, tt.want, got.postings)
		})
	}
}

// TestNoListIsAnError: only an empty list says that there are no postings.
func TestNoListIsAnError(t *testing.T) {
	t.Parallel()
	for _, s := range systems {
		for _, body := range []string{``, `null`, `"ok"`, `7`, `<html>`, `{"error": "down"}`, `{"jobs": null, "content": null}`, `{"jobs": 7, "content": "x"}`, `[`} {
			_, err := s.read([]byte(body))
			require.Error(t, err, "%s: %s", s.name, body)
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	key, seen := splitMark(withDay(mark("810001"), day.Add(time.Hour)))
	require.Equal(t, mark("810001"), key)
	require.Len(t, key, markLen)
	require.Equal(t, day, seen)
	for _, bad := range []string{"", "short", mark("1") + "!", mark("1") + "zzzzzzzzzzzzzz"} {
		_, seen = splitMark(bad)
		require.True(t, seen.IsZero())
	}
	require.NotEqual(t, mark("1"), mark("2"))
}

// TestMemoryIsBounded: over years, with every posting replaced every night.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	at := signals.Look{Account: account.Account{Domain: "acme.example"}, Rules: signalstest.Rules(), Now: signalstest.Now}
	var mem memory
	for i := range 5 {
		l := &listing{board: board{"lever", "acme"}, sure: 1}
		for n := range 1500 {
			name := strings.Repeat("x", i+1) + strings.Repeat("y", n)
			l.open(posting{ID: name, Title: "RevOps Manager", Department: "Department " + name})
		}
		mem.news(at, l)
		mem = recall(mem.keep())
		require.Less(t, len(mem.keep()), 64<<10)
	}
	require.Len(t, mem.Seen, maxSeen)
}

// sharedData returns files of the reference data that may lie beside the checkout, and
// skips the test where there are none.
func sharedData(t *testing.T, pattern string) []string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "jobs-a")
	files, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no reference data in %s", dir)
	}
	return files
}

// TestRealDocuments: each is read completely, and says whose it is as far as its
// system does.
func TestRealDocuments(t *testing.T) {
	t.Parallel()
	files := append(sharedData(t, "raw/*.json"), sharedData(t, "greenhouse-shape/*.json")...)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			vendor, slug, ok := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
			shaped := !ok // named by the company only, and without dates
			if shaped {
				vendor, slug = "greenhouse", vendor
			}
			b := board{vendor, slug}
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			got, err := b.system().read(body)
			require.NoError(t, err)
			require.NotEmpty(t, got.postings)
			require.Len(t, got.postings, got.size)
			for _, p := range got.postings {
				require.NotEmpty(t, p.ID)
				require.NotEmpty(t, p.Title)
				require.NotEmpty(t, p.URL)
				require.Equal(t, shaped, p.Published.IsZero())
			}
			got.board = b
			require.Positive(t, got.identity(signals.Look{Account: account.Account{Domain: slug + ".example", Name: slug}}), "its own")
			require.Zero(t, got.identity(signals.Look{Account: account.Account{Domain: "acme.example", Name: "Acme Robotics"}}), "another's")
		})
	}
}

// TestRealBoards: every address on the lists of boards is understood.
func TestRealBoards(t *testing.T) {
	t.Parallel()
	for _, file := range sharedData(t, "boards-*.csv") {
		f, err := os.Open(file)
		require.NoError(t, err)
		r := csv.NewReader(f)
		r.LazyQuotes, r.FieldsPerRecord = true, -1
		rows, err := r.ReadAll()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		want := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "boards-"), ".csv")
		for _, row := range rows[1:] {
			if strings.HasSuffix(row[1], "/embed") {
				continue // a slip of whoever made the list
			}
			b, ok := parseBoard(row[1])
			require.True(t, ok, row[1])
			require.Equal(t, want, strings.TrimSuffix(b.vendor, "-eu"), row[1])
			again, ok := parseBoard(b.String())
			require.True(t, ok, b.String())
			require.Equal(t, b, again)
		}
	}
}

func FuzzGreenhouse(f *testing.F)      { fuzzRead(f, "greenhouse") }
func FuzzLever(f *testing.F)           { fuzzRead(f, "lever") }
func FuzzAshby(f *testing.F)           { fuzzRead(f, "ashby") }
func FuzzSmartRecruiters(f *testing.F) { fuzzRead(f, "smartrecruiters") }
func FuzzWorkable(f *testing.F)        { fuzzRead(f, "workable") }

// fuzzRead: whatever a board sends, what is told of it is fit to store and to show,
// and told once.
func fuzzRead(f *testing.F, vendor string) {
	f.Helper()
	files, err := filepath.Glob("testdata/" + vendor + "_*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add([]byte(`null`))
	b := board{vendor, "acme"}
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := b.system().read(body)
		if err != nil {
			return
		}
		l.board, l.sure = b, 0.5
		at := signals.Look{Account: account.Account{Domain: "acme.example"}, Rules: signalstest.Rules(), Now: signalstest.Now}
		at.Since = at.Now.Add(-30 * 24 * time.Hour)
		_ = l.identity(at)
		for range 2 {
			mem := recall(at.Before)
			events := mem.news(at, &l)
			require.True(t, at.Before == nil || len(events) == 0, "told twice")
			got := signals.Sight{Events: events, Remember: mem.keep()}
			signalstest.CheckSight(t, Spec, at, got)
			at.Before = got.Remember
		}
	})
}

func FuzzParseBoard(f *testing.F) {
	f.Add("https://boards.greenhouse.io/acme")
	f.Add("greenhouse:acme")
	f.Add("jobs.lever.co/1840%26company")
	f.Fuzz(func(t *testing.T, s string) {
		b, ok := parseBoard(s)
		if !ok {
			return
		}
		require.NotNil(t, b.system())
		again, ok := parseBoard(b.String())
		require.True(t, ok, "what is remembered can be read: %q", b)
		require.Equal(t, b, again)
	})
}
