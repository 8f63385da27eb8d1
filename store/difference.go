package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Difference is what a release changes, in counts: what a person wants to see before
// saying yes.
type Difference struct {
	Accounts     int `json:"accounts"` // that the release scores
	TierChanged  int `json:"tier_changed"`
	ScoreChanged int `json:"score_changed"`
	Raised       int `json:"raised"`  // with more points than before
	Lowered      int `json:"lowered"` // with fewer
	QueueChanged int `json:"queue_changed"`
	OwnerChanged int `json:"owner_changed"`
	Tasks        int `json:"tasks"`            // that are new
	Staged       int `json:"staged,omitempty"` // accounts with values that will wait for a person before they are written
	Held         int `json:"held,omitempty"`   // accounts with values that their policy keeps from being written

	Mean   float64 `json:"mean"`        // of the scores
	Before float64 `json:"mean_before"` // of the same accounts' scores as they are

	Moves        []TierMove     `json:"moves,omitempty"`          // between tiers, the most frequent first
	TasksByOwner map[string]int `json:"tasks_by_owner,omitempty"` // owner id → new tasks; "" is nobody
	Largest      []Move         `json:"largest,omitempty"`        // the accounts whose scores move most

	sumBefore, sum int
}

// TierMove counts the accounts that go from one tier to another.
type TierMove struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Accounts int    `json:"accounts"`
}

// Move is what becomes of one account's score.
type Move struct {
	AccountID int64  `json:"account_id"`
	From      int    `json:"from"`
	To        int    `json:"to"`
	FromTier  string `json:"from_tier"`
	ToTier    string `json:"to_tier"`
}

func (m Move) size() int { return max(m.To-m.From, m.From-m.To) }

// Add takes in what is made of one more account. Largest grows to at most limit.
func (d *Difference) Add(before ScoreRow, p Planned, limit int) {
	was, is := before.Counts(), p.Counts()
	d.Accounts++
	d.sumBefore += was.Value
	d.sum += is.Value
	d.Before, d.Mean = mean(d.sumBefore, d.Accounts), mean(d.sum, d.Accounts)
	if was.Value < is.Value {
		d.Raised++
	} else if was.Value > is.Value {
		d.Lowered++
	}
	d.ScoreChanged = d.Raised + d.Lowered
	if was.Tier != is.Tier {
		d.TierChanged++
		d.move(was.Tier, is.Tier)
	}
	if before.Queue != p.Queue {
		d.QueueChanged++
	}
	if before.OwnerID != p.OwnerID {
		d.OwnerChanged++
	}
	if p.Staged > 0 {
		d.Staged++
	}
	if p.Held > 0 {
		d.Held++
	}
	if p.Task {
		d.Tasks++
		if d.TasksByOwner == nil {
			d.TasksByOwner = map[string]int{}
		}
		d.TasksByOwner[p.OwnerID]++
	}
	if m := (Move{p.AccountID, was.Value, is.Value, was.Tier, is.Tier}); m.size() > 0 {
		at, _ := slices.BinarySearchFunc(d.Largest, m, byMove)
		if at < limit {
			d.Largest = slices.Insert(d.Largest, at, m)
			d.Largest = d.Largest[:min(len(d.Largest), limit)]
		}
	}
}

func byMove(a, b Move) int { return cmp.Or(b.size()-a.size(), cmp.Compare(a.AccountID, b.AccountID)) }

func (d *Difference) move(from, to string) {
	i := slices.IndexFunc(d.Moves, func(m TierMove) bool { return m.From == from && m.To == to })
	if i < 0 {
		i = len(d.Moves)
		d.Moves = append(d.Moves, TierMove{From: from, To: to})
	}
	d.Moves[i].Accounts++
	slices.SortFunc(d.Moves, func(a, b TierMove) int {
		return cmp.Or(b.Accounts-a.Accounts, cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// Difference adds up what the release makes of the accounts, by what was planned. Largest
// has at most limit accounts. It lets Postgres look at how many were planned, which it does
// by itself only later: what comes next reads them page by page.
func (s *Store) Difference(ctx context.Context, releaseID int64, limit int) (Difference, error) {
	const pairs = `
		WITH pairs AS (
			SELECT p.account_id, p.owner_id, p.task, p.staged, p.held,
				coalesce(b.override_value, b.value) AS before, coalesce(p.override_value, p.value) AS after,
				coalesce(b.override_tier, b.tier) AS from_tier, coalesce(p.override_tier, p.tier) AS to_tier,
				p.queue <> b.queue AS queue_changed, p.owner_id <> b.owner_id AS owner_changed
			FROM planned_scores p JOIN scores b ON b.id = p.before_id WHERE p.release_id = @release
		)`
	const counts = pairs + `
		SELECT count(*), count(*) FILTER (WHERE from_tier <> to_tier), count(*) FILTER (WHERE before <> after),
			count(*) FILTER (WHERE before < after), count(*) FILTER (WHERE before > after),
			count(*) FILTER (WHERE queue_changed), count(*) FILTER (WHERE owner_changed), count(*) FILTER (WHERE task),
			count(*) FILTER (WHERE staged > 0), count(*) FILTER (WHERE held > 0), coalesce(sum(before), 0), coalesce(sum(after), 0)
		FROM pairs`
	const moves = pairs + `
		SELECT from_tier, to_tier, count(*) FROM pairs WHERE from_tier <> to_tier GROUP BY 1, 2
		ORDER BY 3 DESC, from_tier COLLATE "C", to_tier COLLATE "C"`
	const tasks = pairs + ` SELECT owner_id, count(*) FROM pairs WHERE task GROUP BY 1`
	const largest = pairs + `
		SELECT account_id, before, after, from_tier, to_tier FROM pairs WHERE before <> after
		ORDER BY abs(after - before) DESC, account_id LIMIT @limit`
	var d Difference
	args := named{"release": releaseID}
	var b pgx.Batch
	b.Queue(`ANALYZE planned_scores`)
	b.Queue(counts, args).QueryRow(func(row pgx.Row) error {
		return row.Scan(&d.Accounts, &d.TierChanged, &d.ScoreChanged, &d.Raised, &d.Lowered,
			&d.QueueChanged, &d.OwnerChanged, &d.Tasks, &d.Staged, &d.Held, &d.sumBefore, &d.sum)
	})
	b.Queue(moves, args).Query(func(rows pgx.Rows) (err error) {
		d.Moves, err = pgx.CollectRows(rows, pgx.RowToStructByPos[TierMove])
		return err
	})
	b.Queue(tasks, args).Query(func(rows pgx.Rows) error {
		var owner string
		var n int
		_, err := pgx.ForEachRow(rows, []any{&owner, &n}, func() error {
			if d.TasksByOwner == nil {
				d.TasksByOwner = map[string]int{}
			}
			d.TasksByOwner[owner] = n
			return nil
		})
		return err
	})
	b.Queue(largest, named{"release": releaseID, "limit": limit}).Query(func(rows pgx.Rows) (err error) {
		d.Largest, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Move])
		return err
	})
	err := s.db.SendBatch(ctx, &b).Close()
	d.Before, d.Mean = mean(d.sumBefore, d.Accounts), mean(d.sum, d.Accounts)
	return d, wrap(err, "difference of release %d", releaseID)
}

// mean has two digits after the point.
func mean(sum, n int) float64 { return math.Round(100*float64(sum)/float64(max(n, 1))) / 100 }
