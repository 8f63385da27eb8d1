// Command worker runs Sluice's workflows and activities until it is told to stop.
// Any number of workers share the work; none needs another.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/monitor"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/tracing"
	"github.com/sluicehq/sluice/workflows"
)

func main() {
	if len(os.Args) > 1 {
		usage()
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, `worker runs Sluice's workflows and activities until it is told to stop.

It takes no arguments; docs/operations.md lists the environment variables. Try it:

  make stack                     # in one terminal: a Temporal and a Postgres of your own
  set -a; . .sluice/stack.env    # in another
  bin/starter migrate && bin/worker
`)
	if os.Args[1] == "-h" || os.Args[1] == "--help" {
		os.Exit(0)
	}
	os.Exit(2)
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	pipeline, err := config.LoadPipeline(cfg.Pipeline)
	if err != nil {
		return err
	}
	models, err := config.LoadModels(cfg.ModelDir)
	if err != nil {
		return err
	}
	active, err := pipeline.ActiveModels(models)
	if err != nil {
		return err
	}
	log, err := config.NewLogger(cfg.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }()
	st, err := store.Open(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.CheckSchema(ctx); err != nil {
		return err
	}
	forContacts, err := pipeline.ActiveContactModel(models)
	if err != nil {
		return err
	}
	if err := seedModels(ctx, st, models, active, forContacts, log); err != nil {
		return err
	}
	traces, err := tracing.Start(ctx, "sluice-worker", log)
	if err != nil {
		return err
	}
	defer traces.Stop()
	m := newMeters(cfg.MetricsAddr)
	a, err := buildActivities(ctx, cfg, pipeline, st, m, traces, log)
	if err != nil {
		return err
	}
	codec, err := cfg.Codec(st)
	if err != nil {
		return err
	}
	if codec != nil {
		*codec = codec.InWorker()
	}
	temporal, namespace, err := config.DialTemporal(codec, log, traces.Temporal, m.client)
	if err != nil {
		return err
	}
	defer temporal.Close()
	if err := workflows.EnsureSearchAttributes(ctx, temporal.OperatorService(), namespace); err != nil {
		return err
	}
	ready := monitor.Ready{Store: st, Temporal: temporal, Namespace: namespace, Polling: &m.polling}
	stopServing, err := m.serve(ready, log)
	if err != nil {
		return err
	}
	defer stopServing()
	return poll(ctx, temporal, a, pipeline, version(cfg), m, log)
}

// seedModels keeps the models that this worker has. A new installation begins with those
// of the pipeline; from then on a release decides which version of a model of companies
// scores. Models of contacts change with the file. A version that changed without a new
// number is refused.
func seedModels(ctx context.Context, st *store.Store, models map[string]*icp.Model, active []*icp.Model, forContacts *icp.Model, log *zap.Logger) error {
	for _, m := range models {
		if err := st.SaveModel(ctx, m.Name, m.Version, m.Subject, []byte(m.Source)); err != nil {
			return err
		}
	}
	if err := st.SeedModels(ctx, icp.SubjectCompany, refs(active)...); err != nil {
		return err
	}
	inForce, err := st.ActiveModels(ctx, icp.SubjectCompany)
	if err != nil {
		return err
	}
	for i, m := range active {
		if m.Version > inForce[i].Version {
			log.Warn("The model directory has a later version, which is not active", zap.String("model", m.ID()),
				zap.Int("active", inForce[i].Version), zap.String("next", fmt.Sprintf("starter icp release %s", m.ID())))
		}
	}
	if forContacts == nil {
		return st.ActivateModels(ctx, icp.SubjectContact)
	}
	return activate(ctx, st, icp.SubjectContact, forContacts)
}

func refs(models []*icp.Model) []store.ModelRef {
	refs := make([]store.ModelRef, len(models))
	for i, m := range models {
		refs[i] = store.ModelRef{Name: m.Name, Version: m.Version}
	}
	return refs
}

// activate leaves later versions in place: a worker that is still being replaced must
// not take a model back.
func activate(ctx context.Context, st *store.Store, subject string, models ...*icp.Model) error {
	have, err := st.ActiveModels(ctx, subject)
	if err != nil {
		return err
	}
	want := refs(models)
	for i := range want {
		for _, h := range have {
			if h.Name == want[i].Name {
				want[i].Version = max(h.Version, want[i].Version)
			}
		}
	}
	if slices.Equal(have, want) {
		return nil
	}
	return st.ActivateModels(ctx, subject, want...)
}

func buildActivities(ctx context.Context, cfg config.Config, p config.Pipeline, st *store.Store, m *meters, traces tracing.Traces, log *zap.Logger) (*activities.Activities, error) {
	observed := []outbound.Option{outbound.WithObserver(m.calls), traces.Calls()}
	crm, err := config.BuildCRM(ctx, cfg, p, observed...)
	if err != nil {
		return nil, err
	}
	a := &activities.Activities{
		Store: m.work.Store(st), CRM: crm, Routes: p.Routes, Budgets: p.BuildBudgets(),
		Providers: map[string]activities.Source{},
		LateFill:  activities.LateFill(p.LateFill), MaxContacts: p.CRM.Contacts,
		Policies: p.CRM.Write, JournalFor: p.CRM.JournalFor(),
		Targets:  activities.TargetList{Tiers: p.Signals.Tiers, Marked: p.Signals.Marked, Segments: p.Signals.Segments},
		DailyCap: p.Signals.DailyCap, Zone: p.Signals.Night.Zone, GiveUp: p.Signals.GiveUp,
		Review: activities.ReviewSettings{Zone: p.Review.Zone, RemindAfter: p.Review.RemindAfter, PublicURL: cfg.PublicURL},
	}
	var missing []string
	if a.Signals, missing, err = config.BuildSignals(p, observed...); err != nil {
		return nil, err
	}
	for _, name := range missing {
		log.Warn("Source of signals is not configured and will be left out", zap.String("source", name))
	}
	for _, step := range p.Providers {
		a.Order = append(a.Order, step.Name)
		source, err := config.BuildProvider(step, observed...)
		if err != nil {
			return nil, err
		}
		if source == nil {
			log.Warn("Provider is not configured and will be skipped", zap.String("provider", step.Name))
			continue
		}
		a.Providers[step.Name] = *source
	}
	return a, nil
}

// version is which version of the software the worker is to Temporal. Without a build id
// it has none, and all workers share all work.
func version(cfg config.Config) worker.DeploymentOptions {
	if cfg.BuildID == "" {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{
		UseVersioning: true,
		Version:       worker.WorkerDeploymentVersion{DeploymentName: cfg.Deployment, BuildID: cfg.BuildID},
	}
}

// poll works all task queues: every worker serves every provider, so that no call
// waits for a worker that is not there. With versions that holds within each of them: a
// pinned run makes its calls where it runs, and the server still counts the calls of all
// versions against the queue's one rate.
func poll(ctx context.Context, temporal client.Client, a *activities.Activities, p config.Pipeline, v worker.DeploymentOptions, m *meters, log *zap.Logger) error {
	core := worker.New(temporal, workflows.TaskQueue, coreOptions(v))
	bulk := worker.New(temporal, workflows.BulkQueue, bulkOptions(v))
	workers := []worker.Worker{core, bulk}
	for _, w := range workers {
		workflows.Register(w)
		registerActivities(w, a)
	}
	for _, step := range p.Providers {
		if source, ok := a.Providers[step.Name]; ok {
			workers = append(workers, providerWorker(temporal, a, v, step, source))
		}
	}
	for _, s := range a.Signals {
		workers = append(workers, sourceWorker(temporal, a, v, s.Spec.Name))
	}
	if a.CRM != nil {
		workers = append(workers, sourceWorker(temporal, a, v, activities.Records))
	}
	for _, w := range workers {
		if err := w.Start(); err != nil {
			return fmt.Errorf("start worker: %w", err)
		}
		defer w.Stop()
	}
	m.polling.Store(true)
	defer m.polling.Store(false)
	log.Info("Worker is ready", zap.Int("providers", len(a.Providers)), zap.Strings("models", p.Models), zap.Bool("crm", a.CRM != nil))
	if v.UseVersioning {
		log.Info("Worker has a version, and gets nothing before that is promoted", zap.String("deployment", v.Version.DeploymentName),
			zap.String("build", v.Version.BuildID), zap.String("look", "starter deployment show"))
	}
	<-ctx.Done()
	log.Info("Worker stops: what it is doing is finished first")
	return nil
}

// registerActivities registers all but those of providers and sources.
func registerActivities(core worker.ActivityRegistry, a *activities.Activities) {
	core.RegisterActivity(a.Identify)
	core.RegisterActivity(a.Apply)
	core.RegisterActivity(a.ScoreContacts)
	core.RegisterActivity(a.MeetContacts)
	core.RegisterActivity(a.Score)         // also run as a local activity
	core.RegisterActivity(a.BeginOverride) // local ones, like EndOverride
	core.RegisterActivity(a.EndOverride)
	core.RegisterActivity(a.ReadAccount)
	core.RegisterActivity(a.Park)
	core.RegisterActivity(a.Finish)
	core.RegisterActivity(a.PlanSweep) // a local one, too, like News and Due
	core.RegisterActivity(a.News)
	core.RegisterActivity(a.Due)
	core.RegisterActivity(a.ReadNews)
	core.RegisterActivity(a.TellNews)
	core.RegisterActivity(a.Decide)
	core.RegisterActivity(a.WriteDigests)
	core.RegisterActivity(a.BacktestRelease)
	core.RegisterActivity(a.ReadRelease) // a local one, like those that follow
	core.RegisterActivity(a.ValidateRelease)
	core.RegisterActivity(a.MoveRelease)
	core.RegisterActivity(a.GuardRelease)
	core.RegisterActivity(a.StopRelease)
	core.RegisterActivity(a.EndRelease)
	core.RegisterActivity(a.CountApproval)
	core.RegisterActivity(a.TakeMove)
	core.RegisterActivity(a.ReleaseModels)
	core.RegisterActivity(a.CountScored)
	core.RegisterActivity(a.PlanPage)
	core.RegisterActivity(a.PlanDifference)
	core.RegisterActivity(a.RescorePage)
	core.RegisterActivity(a.RescoreCounts)
	core.RegisterActivity(a.PlanReview) // local ones, like DecideReview and PassReview
	core.RegisterActivity(a.DecideReview)
	core.RegisterActivity(a.PassReview)
	core.RegisterActivity(a.ReadDeals)
	core.RegisterActivity(a.CheckDeals)
	core.RegisterActivity(a.MakeReview)
	core.RegisterActivity(a.TellReview)
	core.RegisterActivity(a.NewCompanies)
	core.RegisterActivity(a.CompareEffects)
	core.RegisterActivity(a.LastAccount)  // a local one
	core.RegisterActivity(a.UndoAccounts) // likewise
	core.RegisterActivity(a.UndoAccount)
}

// coreOptions keep no more under way than a machine has use for: a step takes milliseconds
// of CPU, and more at once would queue here instead of in Temporal, in front of what arrives
// meanwhile. They have as many pollers as it takes for one to be there when a task comes: the
// server writes down and reads again what nobody takes at once, and an activity comes along
// with a workflow task only where a slot is free for it.
func coreOptions(v worker.DeploymentOptions) worker.Options {
	return worker.Options{
		DeploymentOptions:                      v,
		MaxConcurrentWorkflowTaskPollers:       8,
		MaxConcurrentWorkflowTaskExecutionSize: 16,
		MaxConcurrentActivityTaskPollers:       4,
		MaxConcurrentActivityExecutionSize:     16, // CRM calls; their pace is the CRM client's
		WorkerStopTimeout:                      20 * time.Second,
		DisableRegistrationAliasing:            true,
	}
}

// bulkOptions are coreOptions for what nobody waits for: the CRM's pace is left to
// companies that arrive.
func bulkOptions(v worker.DeploymentOptions) worker.Options {
	o := coreOptions(v)
	o.BackgroundActivityContext = outbound.InBulk(context.Background())
	return o
}

// sourceWorker serves one source of signals. There is one page of a source under way at
// a time, in whichever worker, so that its own pace is all that it needs.
func sourceWorker(temporal client.Client, a *activities.Activities, v worker.DeploymentOptions, source string) worker.Worker {
	w := worker.New(temporal, workflows.SourceQueue(source), worker.Options{
		DeploymentOptions:                  v,
		DisableWorkflowWorker:              true,
		BackgroundActivityContext:          outbound.InBulk(context.Background()),
		MaxConcurrentActivityExecutionSize: 1,
		MaxConcurrentActivityTaskPollers:   1,
		WorkerStopTimeout:                  20 * time.Second,
		DisableRegistrationAliasing:        true,
	})
	w.RegisterActivity(a.LookPage)
	return w
}

// providerWorker serves one provider's queue. The server holds the rate for all
// workers together. Twice as many calls are taken as may be in the air, so that
// there is somebody to notice that none of these comes back.
func providerWorker(temporal client.Client, a *activities.Activities, v worker.DeploymentOptions, step config.Provider, source activities.Source) worker.Worker {
	w := worker.New(temporal, workflows.ProviderQueue(step.Name), worker.Options{
		DeploymentOptions:                  v,
		DisableWorkflowWorker:              true,
		TaskQueueActivitiesPerSecond:       step.PerSecond(source.Spec),
		MaxConcurrentActivityExecutionSize: 2 * step.InFlight(),
		MaxConcurrentActivityTaskPollers:   4,
		WorkerStopTimeout:                  20 * time.Second,
		DisableRegistrationAliasing:        true,
	})
	w.RegisterActivityWithOptions(a.Ask, activity.RegisterOptions{Name: "Ask"})
	w.RegisterActivity(a.LookPage) // that brings old facts up to date
	return w
}
