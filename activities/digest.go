package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/store"
)

// digestPrefix begins the keys of digests, which hang on one account and are about many.
const digestPrefix = "sluice:digest/"

// DigestInput names the day whose digests are due.
type DigestInput struct {
	Day   string   `json:"day"`
	Model ModelRef `json:"model"`
}

// DigestResult is how many reps got one.
type DigestResult struct {
	Digests int `json:"digests"`
}

// WriteDigests gives each rep who has had as many tasks as a day allows one more, which
// lists the rest, the best account first. It hangs on the best account's record.
// Repeated on the same day it adds what is new.
func (a *Activities) WriteDigests(ctx context.Context, in DigestInput) (DigestResult, error) {
	owners, err := a.Store.DigestOwners(ctx, in.Day)
	if err != nil {
		return DigestResult{}, failure(err)
	}
	var out DigestResult
	for _, owner := range owners {
		if err := a.digest(ctx, in, owner); err != nil {
			return out, crmFailure(err)
		}
		out.Digests++
	}
	return out, nil
}

func (a *Activities) digest(ctx context.Context, in DigestInput, owner string) error {
	if a.CRM == nil {
		return errNoCRM
	}
	m, err := a.model(ctx, in.Model)
	if err != nil {
		return err
	}
	lines, err := a.Store.Digest(ctx, in.Day, owner)
	if err != nil || len(lines) == 0 {
		return err
	}
	best, err := a.Store.Account(ctx, lines[0].AccountID)
	if err != nil {
		return err
	}
	body, err := a.digestBody(ctx, lines)
	if err != nil {
		return err
	}
	key := digestPrefix + in.Day + "/" + owner
	t := crm.Task{
		Key: key, Subject: fmt.Sprintf("%d more accounts with news (%s)", len(lines), in.Day), Body: body,
		Due: time.Now().Add(24 * time.Hour), Priority: "medium", OwnerID: owner,
	}
	w, err := a.writer(ctx, m, store.ScoreRow{AccountID: best.ID}, crm.Company{Key: best.Key})
	if err != nil {
		return err
	}
	_, err = w.once(ctx, crm.TaskEffect, key, map[string]string{"text": digest(body)}, steps{
		find:   func() (string, error) { return a.CRM.FindTask(ctx, best.Key, key) },
		create: func() (string, error) { return a.CRM.CreateTask(ctx, best.Key, t) },
		update: func(id string) error {
			return a.CRM.AppendTask(ctx, id, crm.Task{Key: key + "/" + digest(body), Body: body})
		},
	})
	return err
}

// digestBody has a line for each account.
func (a *Activities) digestBody(ctx context.Context, lines []store.Response) (string, error) {
	var b strings.Builder
	for _, l := range lines {
		acc, err := a.Store.Account(ctx, l.AccountID)
		if errors.Is(err, account.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		news, err := a.news(ctx, l.AccountID, l.Signals)
		if err != nil {
			return "", err
		}
		what := make([]string, len(news))
		for i, g := range news {
			what[i] = g.Summary
		}
		fmt.Fprintf(&b, "%d  %s (%s): %s\n", l.Value, acc.Name, acc.Domain, strings.Join(what, "; "))
	}
	return b.String(), nil
}
