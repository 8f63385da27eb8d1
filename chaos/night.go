package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/store"
)

// nightSteps are those of a sweep and its responses.
var nightSteps = []countedStep{
	{"jobboards", 0.9},
	{"edgar", 0.9},
	{"crunchbase", 1.2},
	{"apollo", 2},
	{"hubspot note created", 0.4},
	{"hubspot task created", 0.15},
	{"hubspot properties written", 0.4},
	{"hubspot company read", 0.9},
	{"temporal StartWorkflowExecution", 0.1},
	{"temporal RecordActivityTaskHeartbeat", 0.4},
	{"temporal RespondWorkflowTaskCompleted", 4},
	{"temporal RespondActivityTaskCompleted", 3},
	{"temporal PollActivityTaskQueue", 3},
	{"temporal PollWorkflowTaskQueue", 4},
	{"postgres signals", 0.9},
	{"postgres sights", 0.7},
	{"postgres responses", 0.4},
	{"postgres scores", 0.4},
	{"postgres effects", 2.5},
	{"postgres answers", 1.2},
	{"postgres ledger", 2},
}

// promising invents companies of which every second fits as well as can be, so that news
// of it is a reason for a task.
func promising(p Plan) *sandbox.Table {
	r := rand.New(rand.NewPCG(p.Seed, 3))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var b strings.Builder
	b.WriteString("domain,name,industry,employees,revenue_usd,country,technologies\n")
	for i := range p.Companies {
		if i%2 == 0 {
			fmt.Fprintf(&b, "night%d-%d.example,Night %d,saas,120,5000000,US,hubspot;wordpress\n", p.Seed, i, i)
			continue
		}
		fmt.Fprintf(&b, "night%d-%d.example,Night %d,%s,%d,%d,%s,%s;wordpress\n", p.Seed, i, i,
			pick("saas", "it-services", "healthcare", "retail"), 1+r.IntN(1200), 100_000+r.IntN(20_000_000),
			pick("US", "GB", "DE", "IN"), pick("hubspot", "salesforce", "shopify", "marketo"))
	}
	table, _, err := sandbox.Load(strings.NewReader(b.String()))
	if err != nil {
		panic("chaos: a table that cannot be: " + err.Error()) // of our own making
	}
	return table
}

// onboard lets all companies of the table in, in peace, and waits until they are through.
func (w *world) onboard(ctx context.Context) error {
	r := rand.New(rand.NewPCG(w.plan.Seed, 2))
	w.owed.companies = w.newCompanies(r, w.plan.Companies)
	for _, c := range w.owed.companies {
		c.How = "webhook"
	}
	if err := w.byWebhook(ctx, w.owed.companies); err != nil {
		return err
	}
	if !eventually(ctx, time.Minute, func() bool { return w.stillRunning(ctx) == "" }) {
		return errors.New("still running: " + w.stillRunning(ctx))
	}
	return nil
}

// evening onboards the companies and lets a first night pass, which sees what there is.
func (w *world) evening(ctx context.Context) error {
	if err := w.onboard(ctx); err != nil {
		return err
	}
	w.tonight = time.Now().UTC().Truncate(time.Second)
	if err := w.sweep(ctx, w.tonight); err != nil {
		return err
	}
	tomorrow := w.tonight.Add(24 * time.Hour)
	w.planted = sandbox.Telling(sandbox.PlantNews(w.sandbox, 0.7, tomorrow, w.plan.Seed))
	if err := w.letAnswersAge(ctx); err != nil {
		return err
	}
	w.sandbox.Clock.Set(tomorrow)
	return nil
}

// night is the sweep that goes wrong.
func (w *world) night(ctx context.Context) error {
	return w.sweepNow(ctx, w.tonight.Add(24*time.Hour))
}

// nextNight is one in peace, which catches up with what the one before has missed.
func (w *world) nextNight(ctx context.Context) error {
	return w.sweep(ctx, w.tonight.Add(48*time.Hour))
}

func (w *world) sweep(ctx context.Context, at time.Time) error {
	w.sandbox.Clock.Set(at)
	if err := w.letAnswersAge(ctx); err != nil {
		return err
	}
	return w.sweepNow(ctx, at)
}

func (w *world) sweepNow(ctx context.Context, at time.Time) error {
	return w.insist(ctx, nil, "signals", "run", "--json", "--at", at.Format(time.RFC3339))
}

// letAnswersAge puts back when answers came and calls were made, since by the real clock two
// nights are seconds apart: an answer of two seconds ago is not bought again, and for a
// minute nobody asks what somebody may be asking.
func (w *world) letAnswersAge(ctx context.Context) error {
	return w.sql(ctx, func(db *pgx.Conn) error {
		_, err := db.Exec(ctx, `UPDATE answers SET kept_at = kept_at - interval '1 minute'; UPDATE ledger SET made_at = made_at - interval '2 minutes'`)
		return err
	})
}

// sql opens the plan's database, around the links.
func (w *world) sql(ctx context.Context, do func(*pgx.Conn) error) error {
	db, err := pgx.Connect(ctx, w.direct)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	return do(db)
}

// checkNews: all that happened was found, nothing else and nothing twice, and each account
// with news was told of once for each response, and its rep exactly if the model says so.
func (w *world) checkNews(ctx context.Context, v *violations) error {
	if w.planted == nil {
		return nil
	}
	told, tasked := 0, 0
	for _, c := range w.owed.companies {
		accounts, err := w.store.AccountsByDomain(ctx, c.Domain)
		if err != nil || len(accounts) != 1 {
			return fmt.Errorf("%d accounts of %s: %w", len(accounts), c.Domain, err)
		}
		all, err := w.store.Signals(ctx, accounts[0].ID)
		if err != nil {
			return err
		}
		var kinds []string
		seen := map[string]int{}
		for _, g := range all {
			kinds = append(kinds, g.Kind)
			if !strings.HasPrefix(g.Entity, "first:") && g.Entity != "burst" { // those are a second view of the same postings
				seen[g.Kind+" "+g.Entity]++
			}
		}
		for what, n := range seen {
			if n > 1 {
				v.add("%s: %s was found %d times", c.Domain, what, n)
			}
		}
		if kinds = unique(kinds); !slices.Equal(kinds, w.planted[c.Domain]) {
			v.add("%s: found %v, there was %v", c.Domain, kinds, w.planted[c.Domain])
		}
		responses, err := w.store.Responses(ctx, accounts[0].ID)
		if err != nil {
			return err
		}
		told += len(responses)
		for _, r := range responses {
			if r.Outcome == store.TaskMade {
				tasked++
			}
		}
		if len(responses) == 1 {
			w.checkResponse(c, kinds, responses[0], v)
		}
		if len(kinds) > 0 && len(responses) == 0 {
			v.add("%s: nobody answered %v", c.Domain, kinds)
		}
	}
	notes, tasks := 0, 0
	for _, write := range w.sandbox.CRM.Ledger().Writes {
		switch {
		case write.Method == "POST" && strings.Contains(write.Key, "/note/news/"):
			notes++
		case write.Method == "POST" && strings.Contains(write.Key, "/task/news/"):
			tasks++
		}
	}
	if notes != told {
		v.add("%d notes of news for %d responses", notes, told)
	}
	if tasks != tasked {
		v.add("%d tasks of news, %d were decided on", tasks, tasked)
	}
	unanswered, err := w.store.CountUnanswered(ctx)
	if unanswered > 0 {
		v.add("%d accounts have news that nobody answered", unanswered)
	}
	return err
}

func (w *world) checkResponse(c *company, kinds []string, r store.Response, v *violations) {
	counts := []string{signals.Funding, signals.Hiring, signals.ProductLaunch, signals.ExecutiveChange}
	heard := slices.Contains([]string{store.TaskMade, store.TaskAppended, store.InDigest}, r.Outcome)
	counted := slices.ContainsFunc(kinds, func(k string) bool { return slices.Contains(counts, k) })
	if due := r.Fit > 60 && counted; due != heard && r.Outcome != store.Stopped {
		v.add("%s: fit %d, %v: %s", c.Domain, r.Fit, kinds, r.Outcome)
	}
}
