package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// report is report.json.
type report struct {
	Companies     int            `json:"companies"` // accepted; those refused are not among them
	Completed     int            `json:"completed"`
	Failed        int            `json:"failed"` // every other one
	Tiers         map[string]int `json:"tiers"`
	Tasks         int            `json:"tasks"`          // in the CRM
	ProviderCalls map[string]int `json:"provider_calls"` // about a company, that reached the vendor
	Credits       float64        `json:"credits"`        // by the ledger
	P50MS         int64          `json:"p50_ms"`         // of completed runs, from start to close
	P95MS         int64          `json:"p95_ms"`
	WallMS        int64          `json:"wall_ms"` // from the first company in to the last one done
	Refused       int            `json:"refused"`
	Night         *night         `json:"night,omitempty"` // that passed afterwards
}

// err is what there is to complain about.
func (r report) err() error {
	if r.Failed > 0 {
		return fmt.Errorf("%d of %d companies failed", r.Failed, r.Companies)
	}
	return nil
}

// outcome is what one company came to: as the store explains it, as its run sums it
// up, and how long the run took by Temporal's clock.
type outcome struct {
	explain.Company
	run   workflows.Status
	first icp.Score // before late fill corrected it, if it did
	took  time.Duration
}

// waited reports whether the run came back for what a provider could not say.
func (o outcome) waited() bool {
	return slices.ContainsFunc(o.run.Providers, func(p workflows.ProviderStatus) bool { return p.Asked+p.Skipped > 1 })
}

func (o outcome) completed() bool { return o.run.Status == workflows.Completed }

// outcomes looks up what became of the companies, the best first.
func (d *demo) outcomes(ctx context.Context) ([]outcome, error) {
	st, err := store.Open(ctx, d.stack.database)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	temporal, err := d.dialTemporal()
	if err != nil {
		return nil, err
	}
	defer temporal.Close()
	var all []outcome
	for _, s := range accepted(d.samples, d.refused) {
		o, err := lookUp(ctx, st, temporal, s)
		if err != nil {
			return nil, fmt.Errorf("look up what became of %s: %w", s.Domain, err)
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b outcome) int { return cmp.Compare(b.Score.Value, a.Score.Value) })
	return all, nil
}

func lookUp(ctx context.Context, st *store.Store, temporal client.Client, s sandbox.Sample) (outcome, error) {
	known, err := explain.Domain(ctx, st, s.Domain)
	if errors.Is(err, account.ErrNotFound) { // its run failed before there was an account
		return outcome{Company: explain.Company{Domain: s.Domain, Name: s.Name}}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	// A run that failed has no status to give; it counts as failed for want of one.
	var end workflows.Status
	_ = temporal.GetWorkflow(ctx, known[0].WorkflowID, known[0].RunID).Get(ctx, &end)
	if known, err = explain.Domain(ctx, st, s.Domain); err != nil { // late fill may have changed it
		return outcome{}, err
	}
	o := outcome{Company: known[0], run: end}
	rows, err := st.Scores(ctx, o.AccountID)
	if err != nil {
		return outcome{}, err
	}
	if len(rows) > 0 {
		o.first = rows[0].Score
	}
	run, err := temporal.DescribeWorkflowExecution(ctx, o.WorkflowID, o.RunID)
	if err != nil {
		return outcome{}, err
	}
	info := run.GetWorkflowExecutionInfo()
	if info.GetCloseTime() == nil {
		return o, nil
	}
	o.took = info.GetCloseTime().AsTime().Sub(info.GetStartTime().AsTime())
	return o, nil
}

// sum makes the report out of what became of the companies, what reached the vendors
// and what is in the CRM.
func sum(all []outcome, calls map[string]fault.Counters, tasks, refused int, wall time.Duration) report {
	r := report{
		Companies: len(all), Tiers: map[string]int{}, Tasks: tasks, ProviderCalls: map[string]int{},
		WallMS: wall.Milliseconds(), Refused: refused,
	}
	var took []time.Duration
	for _, o := range all {
		r.Credits += o.Credits
		if o.completed() {
			r.Completed++
			r.Tiers[o.Tier]++
			took = append(took, o.took)
		}
	}
	r.Failed = r.Companies - r.Completed
	for _, v := range sandbox.Vendors() {
		for _, n := range calls[string(v)].Lookups {
			r.ProviderCalls[string(v)] += n
		}
	}
	r.P50MS, r.P95MS = percentile(took, 0.50).Milliseconds(), percentile(took, 0.95).Milliseconds()
	return r
}

// percentile is the smallest value that the given share of all values does not
// exceed; 0 of none.
func percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// writeReport puts the report in place as a whole.
func writeReport(file string, r report) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(file), ".report-*")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err = draft.Write(append(b, '\n'))
	err = errors.Join(err, draft.Chmod(0o644), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), file)
	}
	if err != nil {
		_ = os.Remove(draft.Name())
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
