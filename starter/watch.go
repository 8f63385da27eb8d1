package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/monitor"
	"github.com/sluicehq/sluice/workflows"
)

// watch has the registry tell of the whole installation.
func (a *app) watch(registry *prometheus.Registry) error {
	queues, err := a.queues()
	if err != nil {
		return err
	}
	names := make([]string, len(a.pipeline.Providers))
	for i, step := range a.pipeline.Providers {
		names[i] = step.Name
	}
	monitor.Record{Store: a.store, Budgets: a.pipeline.BuildBudgets(), Providers: names}.Register(registry)
	monitor.Engine{Temporal: a.temporal, Namespace: a.namespace, Queues: queues, Versions: a.cfg.Deployment}.Register(registry)
	return nil
}

// queues are the task queues that workers may poll, those of providers without a key here
// included: the workers' environment is another one.
func (a *app) queues() ([]monitor.Queue, error) {
	all := []monitor.Queue{
		{Name: workflows.TaskQueue, Workflow: true},
		{Name: workflows.TaskQueue},
		{Name: workflows.BulkQueue, Workflow: true},
		{Name: workflows.BulkQueue},
	}
	for _, step := range a.pipeline.Providers {
		all = append(all, monitor.Queue{Name: workflows.ProviderQueue(step.Name)})
	}
	sources, unconfigured, err := config.BuildSignals(a.pipeline)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		unconfigured = append(unconfigured, s.Spec.Name)
	}
	if a.crm != nil {
		unconfigured = append(unconfigured, activities.Records)
	}
	for _, name := range unconfigured {
		all = append(all, monitor.Queue{Name: workflows.SourceQueue(name)})
	}
	return all, nil
}
