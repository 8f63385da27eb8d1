package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/monitor"
)

func deploymentCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "deployment",
		Short: "Versions of the workers: which one gets new runs, and when an old one can go",
		Long: `Versions of the workers: which one gets new runs, and when an old one can go.

A worker has a version when TEMPORAL_WORKER_BUILD_ID is set; without it, nothing of this is
needed. Runs of companies and responses to news end on the version that they began with.
Sweeps, releases, reviews, re-scores and overrides move to the current version with their
next step. Nothing runs on a version before it is promoted, the first one included.`,
		Example: `  starter deployment show
  starter deployment promote 0.7.0 --ramp 10%
  starter deployment promote 0.7.0
  starter deployment rollback`,
	}
	c.AddCommand(showDeploymentCommand(), promoteCommand(), rollbackDeploymentCommand())
	return c
}

func showDeploymentCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show",
		Short: "Show the versions, the runs that are pinned to each, and whose workers can go",
		Long: `Show the versions, the runs that are pinned to each, and whose workers can go.

A version drains once another one is current. It has drained when no run is pinned to it
any more; Temporal counts every three minutes. TEMPORAL_DEPLOYMENT_NAME says which
deployment is shown.`,
		Example: "  starter deployment show\n  starter deployment show --json | jq '.versions[] | select(.safe_to_stop) | .build'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			d, err := a.deployment(cmd.Context())
			if err != nil {
				return err
			}
			return showDeployment(cmd.OutOrStdout(), d, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func promoteCommand() *cobra.Command {
	var ramp string
	var ignore, asJSON bool
	c := &cobra.Command{
		Use:   "promote BUILD",
		Short: "Give new runs to a version, or a share of them",
		Long: `Give new runs to a version, or with --ramp a share of them. Its workers have to be up.
Runs that are pinned to other versions end there: keep those workers until
` + "`starter deployment show`" + ` says that they can go.

Temporal refuses a version that does not poll a task queue which the current one polls and
which is in use, since calls there would wait for nobody. If a provider or source was taken
out on purpose, give --ignore-missing-queues.`,
		Example: "  starter deployment promote 0.7.0 --ramp 10%\n  starter deployment promote 0.7.0",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			percent, err := parseRamp(ramp)
			if err != nil {
				return usagef("deployment promote: %w", err)
			}
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			if err := a.promote(cmd.Context(), args[0], percent, ignore); err != nil {
				return err
			}
			return a.settle(cmd, asJSON)
		},
	}
	c.Flags().StringVar(&ramp, "ramp", "", "only this `share` of new runs, such as 10%")
	c.Flags().BoolVar(&ignore, "ignore-missing-queues", false, "although it does not poll every queue that the current version polls")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func rollbackDeploymentCommand() *cobra.Command {
	var unversioned, asJSON bool
	c := &cobra.Command{
		Use:   "rollback",
		Short: "End a ramp, or give new runs to the version that was current before",
		Long: `End the ramp that is under way. Without one, give new runs to the version that was current
before; its workers have to be up still, or again. Runs that are pinned to the version that
is taken back end on it: keep its workers until they are through.

--unversioned gives new runs to workers without a version: the way out of versions.`,
		Example: "  starter deployment rollback\n  starter deployment rollback --unversioned",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := open(cmd.Context(), (*app).withTemporal)
			if err != nil {
				return err
			}
			defer a.close()
			d, err := a.deployment(cmd.Context())
			if err != nil {
				return err
			}
			before, percent := "", float32(0) // no share for no version: the ramp ends
			if d.Ramping == "" || unversioned {
				percent = whole
				if before, err = goBackTo(d, unversioned); err != nil {
					return err
				}
			}
			if err := a.route(cmd.Context(), d, before, percent, true); err != nil {
				return err
			}
			return a.settle(cmd, asJSON)
		},
	}
	c.Flags().BoolVar(&unversioned, "unversioned", false, "to workers without a version")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// whole is a ramp that is none.
const whole = 100

// parseRamp reads a share such as 10%.
func parseRamp(s string) (float32, error) {
	if s == "" {
		return whole, nil
	}
	p, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 32)
	if err != nil || !(p > 0 && p < whole) { // NaN is neither
		return 0, fmt.Errorf("--ramp %q: want more than 0%% and less than 100%%, such as 10%%", s)
	}
	return float32(p), nil
}

// goBackTo is the version that was current before the one that is.
func goBackTo(d monitor.Deployment, unversioned bool) (string, error) {
	if d.Current == "" {
		return "", errors.New("no version is current, so there is nothing to take back; `starter deployment show`")
	}
	if unversioned {
		if d.Unversioned == 0 {
			return "", errors.New("no worker without a version polls: start one without TEMPORAL_WORKER_BUILD_ID first, or nothing would run")
		}
		return "", nil
	}
	var before monitor.Version
	for _, v := range d.Versions {
		if v.Build != d.Current && v.LastCurrent.After(before.LastCurrent) {
			before = v
		}
	}
	switch {
	case before.Build == "":
		return "", fmt.Errorf("no version was current before %s; --unversioned gives the work to workers without a version", d.Current)
	case before.Workers == 0:
		return "", fmt.Errorf("no worker of version %s polls: start one with TEMPORAL_WORKER_BUILD_ID=%s first, or nothing would run", before.Build, before.Build)
	}
	return before.Build, nil
}

func (a *app) deployment(ctx context.Context) (monitor.Deployment, error) {
	return monitor.LookDeployment(ctx, a.temporal, a.namespace, a.cfg.Deployment)
}

// comesUp is how long a worker may take from its start until Temporal knows all that it polls.
const comesUp = 10 * time.Second

// promote gives a version new runs, or a share of them, once its workers are up.
func (a *app) promote(ctx context.Context, build string, percent float32, ignoreMissing bool) error {
	for end := time.Now().Add(comesUp); ; {
		d, err := a.deployment(ctx)
		if err != nil {
			return err
		}
		if v, known := d.Version(build); !known || v.Workers == 0 {
			err = fmt.Errorf("no worker of version %s polls for deployment %s: start one with TEMPORAL_WORKER_BUILD_ID=%s; `starter deployment show` says which there are", build, d.Name, build)
		} else if err = a.route(ctx, d, build, percent, ignoreMissing); !lacksQueues(err) {
			return err
		}
		if time.Now().After(end) || !sleep(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

// lacksQueues reports whether the server refused a version that does not poll all that the
// current one does: it may be on its way.
func lacksQueues(err error) bool {
	refused, is := errors.AsType[*serviceerror.FailedPrecondition](err)
	return is && strings.Contains(refused.Message, "missing active task queues")
}

// sleep reports false when there is no more reason to wait.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// route gives new runs, or a share of them, to a version; the empty one are workers without.
func (a *app) route(ctx context.Context, d monitor.Deployment, build string, percent float32, ignoreMissing bool) error {
	handle := a.temporal.WorkerDeploymentClient().GetHandle(d.Name)
	var err error
	if percent < whole {
		_, err = handle.SetRampingVersion(ctx, client.WorkerDeploymentSetRampingVersionOptions{
			BuildID: build, Percentage: percent, ConflictToken: d.Token, IgnoreMissingTaskQueues: ignoreMissing,
		})
	} else {
		_, err = handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{
			BuildID: build, ConflictToken: d.Token, IgnoreMissingTaskQueues: ignoreMissing,
		})
	}
	if lacksQueues(err) {
		return fmt.Errorf("%w: give its workers what the current ones are given (keys of providers), or --ignore-missing-queues", err)
	}
	if err != nil {
		return fmt.Errorf("change deployment %s: %w", d.Name, err)
	}
	return nil
}

// settle shows the deployment once all task queues go by it.
func (a *app) settle(cmd *cobra.Command, asJSON bool) error {
	for end := time.Now().Add(time.Minute); ; {
		d, err := a.deployment(cmd.Context())
		if err != nil {
			return err
		}
		if d.Settled || time.Now().After(end) || !sleep(cmd.Context(), 100*time.Millisecond) {
			return showDeployment(cmd.OutOrStdout(), d, asJSON)
		}
	}
}

func showDeployment(w io.Writer, d monitor.Deployment, asJSON bool) error {
	if asJSON {
		type shown struct {
			monitor.Version
			SafeToStop bool `json:"safe_to_stop"`
		}
		out := struct {
			monitor.Deployment
			Versions []shown `json:"versions"`
		}{d, []shown{}}
		for _, v := range d.Versions {
			out.Versions = append(out.Versions, shown{v, v.Idle()})
		}
		return printJSON(w, out)
	}
	switch {
	case len(d.Versions) == 0:
		fmt.Fprintf(w, "No worker has a version of deployment %s. %d without a version do the work.\n", d.Name, d.Unversioned)
		fmt.Fprintln(w, "To have versions, start workers with TEMPORAL_WORKER_BUILD_ID: docs/operations.md#upgrading-and-rolling-back")
		return nil
	case d.Halted():
		fmt.Fprintf(w, "Deployment %s: no version is current, so NOTHING RUNS. starter deployment promote %s\n", d.Name, d.Versions[0].Build)
	case d.Current == "":
		fmt.Fprintf(w, "Deployment %s: no version is current. Workers without a version (%d) do the work\n", d.Name, d.Unversioned)
	default:
		fmt.Fprintf(w, "Deployment %s: %s is current\n", d.Name, d.Current)
		if d.Unversioned > 0 {
			fmt.Fprintf(w, "Workers without a version (%d) get no more work, and can go once their backlog is done\n", d.Unversioned)
		}
	}
	if !d.Settled {
		fmt.Fprintln(w, "Temporal still tells its task queues: some go by what was before")
	}
	t := newTable(w, "version", "state", "since", "workers", "pinned runs", "")
	for _, v := range d.Versions {
		state := string(v.State)
		if v.State == monitor.VersionRamping {
			state = fmt.Sprintf("ramping %g%%", d.Percent)
		}
		t.AppendRow(table.Row{v.Build, state, minute(v.CreatedAt), v.Workers, v.Pinned, whatToDo(v)})
	}
	t.Render()
	return nil
}

// whatToDo is what to do about a version.
func whatToDo(v monitor.Version) string {
	switch {
	case v.Unserved():
		return "NO WORKER: start one with TEMPORAL_WORKER_BUILD_ID=" + v.Build
	case v.Gets():
		return ""
	case v.State == monitor.VersionInactive:
		return "gets work when promoted"
	case v.Idle():
		return "its workers can go"
	case v.Pinned == 0:
		return "keep its workers until it has drained: minutes"
	default:
		return "keep its workers"
	}
}
