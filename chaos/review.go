package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/review"
	crmsandbox "github.com/sluicehq/sluice/sandbox/hubspot"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/waterfall"
)

// reviewSteps are those of a quarterly review.
var reviewSteps = []countedStep{
	{"hubspot search", 0.2},
	{"hubspot deals read", 0.1},
	{"hubspot associations", 0.1},
	{"hubspot task created", 0.05},
	{"temporal StartWorkflowExecution", 0.05},
	{"temporal RespondWorkflowTaskCompleted", 0.5},
	{"temporal RespondActivityTaskCompleted", 0.3},
	{"postgres deals", 0.2},
	{"postgres deal_syncs", 0.1},
	{"postgres reviews", 0.1},
}

const dealsEach = 12

// past gives accounts scores of the past, and deals.
func (w *world) past(ctx context.Context) error {
	m, err := icp.Load("revops")
	if err != nil {
		return err
	}
	w.quarter = review.LastSpan(time.Now(), time.UTC)
	w.sandbox.CRM.AddOwner("900", m.Owner, "Robin", "Ops")
	for i := range w.plan.Companies {
		name := fmt.Sprintf("Past %d", i)
		domain := fmt.Sprintf("past%d.example", i)
		key := account.Key{CRM: "hubspot", Portal: w.sandbox.CRM.Portal(), ID: w.sandbox.CRM.AddCompany(name, domain, nil)}
		acc, err := w.store.UpsertAccount(ctx, key, domain, name)
		if err != nil {
			return err
		}
		if err := w.pastScore(ctx, m, acc, w.quarter.From.AddDate(0, 0, -200+5*i), i%2 == 0); err != nil {
			return err
		}
		for n := range dealsEach {
			opened := w.quarter.From.AddDate(0, 0, -150+n*12+i%5)
			d := crmsandbox.Deal{Name: "Deal", Type: "newbusiness", OpenedAt: opened, Won: (i+n)%3 == 0, Amount: float64(100 * n)}
			d.ClosedAt = opened.AddDate(0, 0, 15+n)
			d.Changed = d.ClosedAt
			if _, err := w.sandbox.CRM.AddDeal(key.ID, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) pastScore(ctx context.Context, m *icp.Model, acc account.Account, at time.Time, trigger bool) error {
	facts := account.Facts{}
	for field, v := range map[account.Field]account.Value{
		account.Industry: account.TextValue("saas"), account.Employees: account.NumberValue(120), account.RevenueUSD: account.NumberValue(5e6),
		account.Technologies: account.ListValue("hubspot"), account.Country: account.TextValue("US"),
	} {
		facts[field] = account.Fact{Field: field, Value: v, Provider: "apollo", Confidence: 0.9, ObservedAt: at}
	}
	sub := icp.Subject{Facts: facts}
	if trigger {
		sub.Signals = []account.Signal{{Kind: "funding", OccurredAt: at.AddDate(0, 0, -1)}}
	}
	row := store.ScoreRow{
		AccountID: acc.ID, RunID: at.Format(time.RFC3339Nano), Pass: 1, Model: m.Name, ModelVersion: m.Version,
		Score: m.Rate(sub, at), Facts: map[account.Field]waterfall.Merged{}, Cause: "first", Queue: "sdr-outreach", ScoredAt: at,
	}
	for field, f := range facts {
		row.Facts[field] = waterfall.Merged{Fact: f}
	}
	_, err := w.store.SaveScore(ctx, row)
	return err
}

// reviewQuarter asks for the review; it goes on by itself.
func (w *world) reviewQuarter(ctx context.Context) error {
	return w.insist(ctx, nil, "icp", "review", "--quarter", w.quarter.Name)
}

// reviewMade says whether the review waits for a decision.
func (w *world) reviewMade(ctx context.Context) bool {
	if w.quarter.Name == "" {
		return false
	}
	all, err := w.store.Reviews(ctx, w.quarter.Name)
	return err == nil && len(all) == 1 && all[0].TaskID != ""
}

// decide ends the review.
func (w *world) decide(ctx context.Context) error {
	w.reviewed = true
	err := w.insist(ctx, nil, "icp", "review", "decide", w.quarter.Name, "--keep", "--by", "dana", "--reason", "it holds")
	if err == nil && !eventually(ctx, time.Minute, func() bool { return w.stillRunning(ctx) == "" }) {
		err = errors.New("decided, and still running: " + w.stillRunning(ctx))
	}
	return err
}

// checkReview: all deals are on record, once, and the model's owner has one task.
func (w *world) checkReview(ctx context.Context, v *violations) error {
	if w.quarter.Name == "" {
		return nil
	}
	deals := 0
	for after := int64(0); ; {
		page, err := w.store.DealsHeld(ctx, store.DealsWanted{Until: time.Now()}, after, 1000)
		if err != nil {
			return err
		}
		if deals += len(page); len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
	}
	if want := w.plan.Companies * dealsEach; deals != want {
		v.add("%d deals are on record, the CRM has %d", deals, want)
	}
	tasks := 0
	for _, t := range w.sandbox.CRM.Snapshot().Tasks {
		if strings.HasPrefix(t.Key, "sluice:review/") {
			tasks++
		}
	}
	if tasks != 1 {
		v.add("%d tasks tell of the review", tasks)
	}
	return nil
}
