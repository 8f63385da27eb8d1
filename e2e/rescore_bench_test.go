package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
	"github.com/sluicehq/sluice/workflows"
)

// BenchmarkRescore plans a new version of a model over a population, publishes it and
// takes it back. It fails unless each account comes out as it was planned, nobody was
// asked, and the worker needs as much memory for a hundred thousand accounts as for ten
// thousand.
func BenchmarkRescore(b *testing.B) {
	peak := map[int]float64{}
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				peak[n] = rescoreAll(b, n)
			}
		})
	}
	if small, large := peak[10_000], peak[100_000]; small > 0 && large > 0 {
		require.Less(b, large, 1.25*small+16, "MiB of the worker")
	}
}

// withRecord is how many of the accounts have a record in the CRM.
const withRecord = 1000

func rescoreAll(b *testing.B, n int) (peak float64) {
	w := newWorld(b, sandbox.Options{Table: sandbox.Invent(n, 5), Coverage: sandbox.Full})
	r := &releasing{world: w, file: w.write("revops3.yaml", revops3(b))}
	w.worker = w.startWorker()
	w.populate(n)
	read := w.readAll()

	rate := func(what string, do func()) {
		start := time.Now()
		do()
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), what+"-accounts/s")
	}
	var plan []planRow
	var want store.Difference
	rate("icp-plan", func() { plan, want = r.planned() })
	require.Len(b, plan, n)
	require.NotZero(b, want.TierChanged)
	require.NotZero(b, want.Tasks)
	calls, id := r.calls(), r.register()
	var shadow workflows.ShadowScoreResult
	start := time.Now()
	require.NoError(b, r.run("shadow", workflows.ShadowScore, workflows.ShadowScoreInput{ReleaseID: id, Models: version(3), At: time.Now()}).Get(b.Context(), &shadow))
	planned := time.Since(start)
	b.ReportMetric(float64(n)/planned.Seconds(), "plan-accounts/s")
	b.ReportMetric(float64(n)/read.Seconds(), "read-accounts/s")
	b.ReportMetric(read.Seconds()/planned.Seconds(), "plan-of-reading")
	require.Equal(b, want.Moves, shadow.Difference.Moves)
	require.Equal(b, want.TasksByOwner, shadow.Difference.TasksByOwner)

	before := w.latest()
	var got workflows.BulkRescoreResult
	rate("publish", func() {
		in := workflows.BulkRescoreInput{ReleaseID: id, Models: version(3), Share: 1}
		require.NoError(b, r.run("publish", workflows.BulkRescore, in).Get(b.Context(), &got))
	})
	require.Equal(b, []int{n, n, 0, withRecord, want.Tasks, 0}, []int{got.Accounts, got.Published, got.Moved, got.Written, got.Tasks, got.Failed})
	now := w.latest()
	for _, p := range plan {
		require.Equal(b, latestScore{p["model"], p["score"], p["tier"], p["queue"], p["owner"], p["why"]}, now[p.id()])
	}
	require.Equal(b, want.Tasks, r.sandbox.CRM.Ledger().Created("tasks"))
	rate("roll-back", func() {
		in := workflows.BulkRescoreInput{ReleaseID: id, Models: version(2), Share: 1, Back: true}
		require.NoError(b, r.run("back", workflows.BulkRescore, in).Get(b.Context(), &got))
	})
	require.Equal(b, []int{n, n, 0}, []int{got.Accounts, got.Published, got.Moved})
	after := w.latest()
	for id, was := range before {
		is := after[id]
		was.why, is.why = "", ""
		require.Equal(b, was, is)
	}
	require.Equal(b, calls, r.calls(), "no provider was asked")
	require.Empty(b, r.sandbox.CRM.Ledger().Duplicates())
	b.ReportMetric(float64(r.calls()-calls), "provider-calls")
	b.ReportMetric(float64(w.longestHistory()), "longest-history")
	peak = peakMemory(b, w.worker)
	b.ReportMetric(peak, "worker-peak-MiB")
	return peak
}

// database returns a connection to the world's own database.
func (w *world) database() *pgx.Conn {
	w.t.Helper()
	var url string
	for _, entry := range w.env {
		if value, ok := strings.CutPrefix(entry, "SLUICE_DATABASE_URL="); ok {
			url = value
		}
	}
	conn, err := pgx.Connect(w.t.Context(), url)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// populate puts accounts on record with facts and a score of revops@2 each, the first of
// them with a record in the CRM.
func (w *world) populate(n int) {
	w.t.Helper()
	m, err := icp.Load("revops")
	require.NoError(w.t, err)
	conn := w.database()
	at := time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Microsecond)
	companies := w.sandbox.Table().Companies()
	for begin := 0; begin < n; begin += 5000 {
		some := companies[begin:min(begin+5000, n)]
		ids := w.addAccounts(conn, begin, some)
		var facts, scores [][]any
		for i, c := range some {
			said := factsOf(c, at)
			for _, f := range said {
				facts = append(facts, []any{ids[i], string(f.Field), mustJSON(f.Value), f.Provider, f.Confidence, f.ObservedAt, false})
			}
			scores = append(scores, scoreOf(m, ids[i], said, at))
		}
		w.copy(conn, "facts", []string{"account_id", "field", "value", "provider", "confidence", "observed_at", "derived"}, facts)
		w.copy(conn, "scores", []string{
			"account_id", "run_id", "pass", "model", "model_version", "value", "tier", "breakdown", "facts", "cause",
			"queue", "owner_id", "route_reason", "exploration", "scored_at", "tier_since", "why",
		}, scores)
	}
	_, err = conn.Exec(w.t.Context(), `ANALYZE`)
	require.NoError(w.t, err)
}

func (w *world) copy(conn *pgx.Conn, table string, columns []string, rows [][]any) {
	w.t.Helper()
	_, err := conn.CopyFrom(w.t.Context(), pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	require.NoError(w.t, err)
}

func (w *world) addAccounts(conn *pgx.Conn, begin int, companies []sandbox.Company) []int64 {
	w.t.Helper()
	domains, names, records := make([]string, len(companies)), make([]string, len(companies)), make([]*string, len(companies))
	for i, c := range companies {
		domains[i], names[i] = c.Domain, c.Name
		if begin+i < withRecord {
			id := w.sandbox.CRM.AddCompany(c.Name, c.Domain, nil)
			records[i] = &id
		}
	}
	const q = `
		INSERT INTO accounts (crm, portal, crm_id, domain, name)
		SELECT CASE WHEN id IS NOT NULL THEN $4 END, CASE WHEN id IS NOT NULL THEN $5 END, id, domain, name
		FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS n (id, domain, name, place) ORDER BY place RETURNING id`
	rows, _ := conn.Query(w.t.Context(), q, records, domains, names, hubspot.Name, w.sandbox.CRM.Portal())
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(w.t, err)
	return ids
}

// factsOf is what a provider has said of a company.
func factsOf(c sandbox.Company, at time.Time) []account.Fact {
	var said []account.Fact
	add := func(known bool, field account.Field, v account.Value) {
		if known {
			said = append(said, account.Fact{Field: field, Value: v, Provider: "apollo", Confidence: 0.9, ObservedAt: at})
		}
	}
	add(c.Name != "", account.Name, account.TextValue(c.Name))
	add(c.Industry != "", account.Industry, account.TextValue(c.Industry))
	add(c.Employees > 0, account.Employees, account.NumberValue(float64(c.Employees)))
	add(c.RevenueUSD > 0, account.RevenueUSD, account.NumberValue(float64(c.RevenueUSD)))
	add(c.Country != "", account.Country, account.TextValue(c.Country))
	add(c.City != "", account.City, account.TextValue(c.City))
	add(len(c.Technologies) > 0, account.Technologies, account.ListValue(c.Technologies...))
	add(c.FoundedYear > 0, account.FoundedYear, account.NumberValue(float64(c.FoundedYear)))
	add(!c.LastFundingAt.IsZero(), account.LastFundingAt, account.DateValue(c.LastFundingAt))
	return said
}

// scoreOf is a row of scores as a run would have kept it.
func scoreOf(m *icp.Model, id int64, said []account.Fact, at time.Time) []any {
	resolved := waterfall.Plan{}.Resolve(said)
	facts := resolved.Facts()
	s := m.Rate(icp.Subject{Facts: facts, Signals: facts.Signals()}, at)
	tier, _ := m.TierNamed(s.Tier)
	return []any{
		id, "seed", 1, m.Name, m.Version, s.Value, s.Tier, mustJSON(s), mustJSON(resolved.Merged), "first",
		tier.Queue, "", s.Tier, false, at, at, "first: " + s.String(),
	}
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types
	}
	return string(text)
}

// readAll reads the rows that a plan is worked out from, page by page as it does, and
// decodes nothing.
func (w *world) readAll() time.Duration {
	w.t.Helper()
	conn := w.database()
	start := time.Now()
	for after := int64(0); ; {
		rows, _ := conn.Query(w.t.Context(), `SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT 500`, after)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		require.NoError(w.t, err)
		if len(ids) == 0 {
			return time.Since(start)
		}
		after = ids[len(ids)-1]
		var batch pgx.Batch
		for _, q := range []string{
			`SELECT * FROM accounts WHERE id = ANY ($1)`,
			`SELECT * FROM facts WHERE account_id = ANY ($1) ORDER BY account_id, field, provider`,
			`SELECT last.* FROM unnest($1::bigint[]) AS a (id) JOIN LATERAL (SELECT * FROM scores WHERE account_id = a.id ORDER BY id DESC LIMIT 1) AS last ON true`,
			`SELECT * FROM signals WHERE account_id = ANY ($1)`, `SELECT * FROM overrides WHERE account_id = ANY ($1)`,
			`SELECT * FROM assignments WHERE account_id = ANY ($1)`, `SELECT * FROM effects WHERE account_id = ANY ($1)`,
		} {
			batch.Queue(q, ids).Query(func(rows pgx.Rows) error {
				for rows.Next() {
					_ = rows.RawValues()
				}
				return rows.Err()
			})
		}
		require.NoError(w.t, conn.SendBatch(w.t.Context(), &batch).Close())
	}
}

// latestScore is what matters of an account's latest score.
type latestScore struct{ model, score, tier, queue, owner, why string }

// latest returns the latest score of every account.
func (w *world) latest() map[int64]latestScore {
	w.t.Helper()
	const q = `
		SELECT DISTINCT ON (account_id) account_id, model || '@' || model_version, value::text, tier, queue, owner_id, why
		FROM scores ORDER BY account_id, id DESC`
	all := map[int64]latestScore{}
	rows, _ := w.database().Query(w.t.Context(), q)
	var id int64
	var s latestScore
	_, err := pgx.ForEachRow(rows, []any{&id, &s.model, &s.score, &s.tier, &s.queue, &s.owner, &s.why}, func() error {
		all[id] = s
		return nil
	})
	require.NoError(w.t, err)
	return all
}
