package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
)

// releaseSteps are those of a release: its moves, its plan, and the bulk of writes.
var releaseSteps = []countedStep{
	{"hubspot companies written", 0.1},
	{"hubspot companies read", 0.1},
	{"hubspot note changed", 0.4},
	{"hubspot task created", 0.1},
	{"temporal StartWorkflowExecution", 0.1},
	{"temporal ExecuteMultiOperation", 0.15},
	{"temporal RespondWorkflowTaskCompleted", 1.8},
	{"temporal RespondActivityTaskCompleted", 0.9},
	{"temporal PollActivityTaskQueue", 1},
	{"temporal RecordActivityTaskHeartbeat", 0.3},
	{"postgres releases", 0.6},
	{"postgres release_steps", 0.6},
	{"postgres approvals", 0.25},
	{"postgres planned_scores", 0.3},
	{"postgres scores", 0.15},
	{"postgres effects", 1},
	{"postgres active_models", 0.1},
}

// rollbackSteps are those of its way back.
var rollbackSteps = []countedStep{
	{"hubspot companies written", 0.1},
	{"hubspot companies read", 0.1},
	{"hubspot note changed", 0.6},
	{"temporal StartWorkflowExecution", 0.1},
	{"temporal ExecuteMultiOperation", 0.1},
	{"temporal RespondWorkflowTaskCompleted", 0.6},
	{"temporal RespondActivityTaskCompleted", 0.3},
	{"temporal RecordActivityTaskHeartbeat", 0.3},
	{"postgres releases", 0.2},
	{"postgres release_moves", 0.15},
	{"postgres release_steps", 0.15},
	{"postgres planned_scores", 0.2},
	{"postgres scores", 0.15},
	{"postgres effects", 1.2},
}

// nextModel is the shipped model with other points: industry counts less, revenue more.
func (w *world) nextModel() (file string, err error) {
	m, err := icp.Load("revops")
	if err != nil {
		return "", err
	}
	next := strings.NewReplacer("version: 2", "version: 3",
		"any_of: [saas, digital-marketing, it-services], points: 20}", "any_of: [saas, digital-marketing, it-services], points: 10}",
		"between: [1M, 10M], points: 10}", "between: [1M, 10M], points: 25}").Replace(m.Source)
	file = filepath.Join(w.dir, "revops3.yaml")
	return file, os.WriteFile(file, []byte(next), 0o600)
}

// release begins a release and has it signed off; it goes on by itself.
func (w *world) release(ctx context.Context) error {
	file, err := w.nextModel()
	if err != nil {
		return err
	}
	if err := w.insist(ctx, nil, "icp", "release", file, "--by", "dana@ours.example", "--comment", "revenue tells more", "--json"); err != nil {
		return err
	}
	for _, role := range []string{"sales", "marketing"} {
		err := again(ctx, "approve", func() (bool, error) {
			_, err := w.command(ctx, "icp", "approve", "revops@3", "--role", role, "--by", role+"@ours.example", "--comment", "fine", "--json")
			return err == nil || strings.Contains(err.Error(), "has approved it already"), err
		})
		if err != nil {
			return err
		}
	}
	w.version = 3
	return nil
}

// released onboards the companies and takes a release all the way, in peace.
func (w *world) released(ctx context.Context) error {
	if err := w.onboard(ctx); err != nil {
		return err
	}
	for _, c := range w.owed.companies {
		record, _ := w.sandbox.CRM.Company(c.ID)
		w.was[c.ID] = standingOf(record.Properties)
	}
	if err := w.release(ctx); err != nil {
		return err
	}
	if !eventually(ctx, time.Minute, func() bool { return w.stillRunning(ctx) == "" }) {
		return errors.New("still running: " + w.stillRunning(ctx))
	}
	return nil
}

// rollback takes the release back.
func (w *world) rollback(ctx context.Context) error {
	w.version = 2
	return again(ctx, "roll back", func() (bool, error) {
		_, err := w.command(ctx, "icp", "rollback", "revops@3", "--by", "lee@ours.example", "--reason", "too many tasks", "--json")
		return err == nil || strings.Contains(err.Error(), "has ended") || strings.Contains(err.Error(), "rolled back"), err
	})
}

// checkRelease: every account stands at the version that is in force, by one score for each
// time that the release has touched it.
func (w *world) checkRelease(ctx context.Context, v *violations) error {
	if w.version == 0 {
		return nil
	}
	all, err := w.store.Releases(ctx, "revops", 0)
	if err != nil || len(all) != 1 {
		return fmt.Errorf("%d releases: %w", len(all), err)
	}
	want := map[int]string{3: "active", 2: "rolled_back"}[w.version]
	if all[0].State != want {
		v.add("the release is %s, not %s", all[0].State, want)
	}
	for _, c := range w.owed.companies {
		accounts, err := w.store.AccountsByDomain(ctx, c.Domain)
		if err != nil || len(accounts) != 1 {
			return fmt.Errorf("%d accounts of %s: %w", len(accounts), c.Domain, err)
		}
		rows, err := w.store.Scores(ctx, accounts[0].ID)
		if err != nil {
			return err
		}
		byRelease := slices.DeleteFunc(slices.Clone(rows), func(r store.ScoreRow) bool { return r.RunID != store.ReleaseRun(all[0].ID) })
		if scores := map[int]int{3: 1, 2: 2}[w.version]; len(byRelease) != scores {
			v.add("%s has %d scores of the release, not %d", c.Domain, len(byRelease), scores)
		}
		last, err := w.store.LatestScore(ctx, accounts[0].ID)
		if err != nil {
			return err
		}
		record, _ := w.sandbox.CRM.Company(c.ID)
		if is := standingOf(record.Properties); w.version == 2 && is != w.was[c.ID] {
			v.add("%s stands at %v after the rollback, before the release it was %v", c.Domain, is, w.was[c.ID])
		}
		if last.ModelVersion != w.version {
			v.add("%s stands at version %d, not %d", c.Domain, last.ModelVersion, w.version)
		}
	}
	return nil
}
