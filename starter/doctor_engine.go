package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/monitor"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Bounds of what the doctor takes for well.
const (
	mostSkew       = 5 * time.Second
	leastRetention = 3 * 24 * time.Hour
	oldBacklog     = 2 * time.Minute
)

func (d *doctor) checkPostgres(ctx context.Context) {
	if d.cfg.DatabaseURL == "" {
		return // the environment says so
	}
	st, err := store.Open(ctx, d.cfg.DatabaseURL.Reveal(), store.WithMaxConns(2))
	if err != nil {
		d.fail("postgres", oneLine(asked(ctx, err)), "start Postgres, or mend SLUICE_DATABASE_URL")
		return
	}
	d.closers = append(d.closers, st.Close)
	if err := st.CheckSchema(ctx); err != nil {
		d.fail("postgres schema", oneLine(asked(ctx, err)), "run `starter migrate`")
	} else {
		d.store = st
		d.ok("postgres schema", "up to date")
	}
	server, err := st.Server(ctx)
	if err != nil {
		d.fail("postgres", oneLine(asked(ctx, err)), "look at the log of Postgres")
		return
	}
	d.ok("postgres", fmt.Sprintf("version %d, %d MB, %d of %d connections", server.Version/10000, server.Bytes>>20, server.Connections, server.MaxConnections))
	d.findings = append(d.findings, serverFindings(server, time.Now())...)
}

// serverFindings are what is wrong with a database server.
func serverFindings(s store.Server, now time.Time) []finding {
	d := doctor{}
	if skew := now.Sub(s.Now).Abs(); skew > mostSkew {
		d.warn("postgres clock", fmt.Sprintf("differs from this machine's by %s", skew.Round(time.Second)), "synchronise both clocks (NTP): budgets of a day and times of signals depend on them")
	}
	if s.ReadOnly {
		d.fail("postgres role", "it is a standby that takes no writes", "let SLUICE_DATABASE_URL name the primary")
	}
	if s.Version < 140000 {
		d.warn("postgres version", fmt.Sprintf("%d is no longer tested", s.Version/10000), "upgrade to 14 or later")
	}
	for _, setting := range []struct{ name, value, lost string }{
		{"fsync", s.Fsync, "a power cut may leave the database unreadable"},
		{"full_page_writes", s.FullPageWrites, "a power cut may leave torn pages"},
		{"synchronous_commit", s.Commit, "a crash may forget which effects were tried, so that one is there twice"},
	} {
		if setting.value == "off" {
			d.warn("postgres disk", setting.name+" is off: "+setting.lost, "switch "+setting.name+" on, unless the data may be lost")
		}
	}
	if s.Connections*10 > s.MaxConnections*8 {
		d.warn("postgres connections", fmt.Sprintf("%d of %d are in use", s.Connections, s.MaxConnections), "raise max_connections, or lower pool_max_conns in SLUICE_DATABASE_URL")
	}
	return d.findings
}

func (d *doctor) checkTemporal(ctx context.Context) {
	keys, err := d.cfg.Seal()
	if err != nil {
		d.fail("payload keys", oneLine(err), "mend the keys, or restore the one that is missing: without it histories cannot be read")
		return
	}
	c, namespace, err := config.DialTemporal(keys, zap.NewNop())
	if err != nil {
		d.fail("temporal", oneLine(err), "start Temporal, or mend TEMPORAL_ADDRESS and the key or certificate that go with it")
		return
	}
	d.closers = append(d.closers, c.Close)
	got, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		d.fail("temporal namespace", namespace+": "+oneLine(asked(ctx, err)), "`temporal operator namespace create -n "+namespace+" --retention 30d`, or mend TEMPORAL_NAMESPACE")
		return
	}
	d.temporal, d.namespace = c, namespace
	retention := got.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if retention < leastRetention {
		d.warn("temporal namespace", fmt.Sprintf("%s remembers ended runs for %s", namespace, retention), "`temporal operator namespace update -n "+namespace+" --retention 30d`: what went wrong on Friday is gone by Monday")
	} else {
		d.ok("temporal namespace", fmt.Sprintf("%s remembers ended runs for %d days", namespace, int(retention.Hours()/24)))
	}
	missing, err := workflows.MissingSearchAttributes(ctx, c.OperatorService(), namespace)
	switch {
	case err != nil:
		d.fail("search attributes", oneLine(asked(ctx, err)), "docs/operations.md lists them with their types")
	case len(missing) > 0:
		names := slices.Sorted(maps.Keys(missing))
		d.fail("search attributes", "missing: "+strings.Join(names, ", "), "start a worker, which creates them; on Temporal Cloud create them in its UI or by tcld")
	default:
		d.ok("search attributes", "all are there")
	}
}

// checkQueues looks for pollers and for what waits.
func (d *doctor) checkQueues(ctx context.Context) {
	if d.temporal == nil {
		return
	}
	queues, err := d.queues()
	if err != nil {
		return // the sources' own line says it
	}
	for i, q := range queues {
		if queues[i], err = q.Look(ctx, d.temporal, d.namespace); err != nil {
			d.fail("task queues", oneLine(asked(ctx, err)), "look at Temporal")
			return
		}
	}
	d.findings = append(d.findings, queueFindings(queues, d.configured())...)
}

// configured are the queues that a worker with this environment polls.
func (d *doctor) configured() map[string]bool {
	all := map[string]bool{workflows.TaskQueue: true, workflows.BulkQueue: true}
	for _, step := range d.pipeline.Providers {
		if source, err := config.BuildProvider(step); err == nil && source != nil {
			all[workflows.ProviderQueue(step.Name)] = true
		}
	}
	sources, _, _ := config.BuildSignals(d.pipeline) // checkSources reports its error
	for _, s := range sources {
		all[workflows.SourceQueue(s.Spec.Name)] = true
	}
	return all
}

func queueFindings(queues []monitor.Queue, configured map[string]bool) []finding {
	d := doctor{}
	var polled int
	var unserved []string
	down := false
	for _, q := range queues {
		switch {
		case q.Pollers > 0:
			polled++
			if q.Age > oldBacklog {
				d.warn("queue "+q.Name, fmt.Sprintf("%d tasks wait, the oldest for %s", q.Backlog, q.Age.Round(time.Second)), "docs/runbooks.md#sluicequeueslow")
			}
		case q.Name == workflows.TaskQueue:
			down = true
			d.fail("queue "+q.Name, "no worker polls it for "+q.Type()+" tasks", "start a worker; its log says why it does not come up")
		case configured[q.Name]:
			unserved = append(unserved, q.Name)
		}
	}
	if len(unserved) > 0 && !down {
		d.warn("task queues", "no worker polls "+strings.Join(unserved, ", "), "give the workers the environment that this command has, and restart them")
	}
	if polled > 0 {
		d.ok("task queues", fmt.Sprintf("%d are polled", polled))
	}
	return d.findings
}

// checkSchedules looks at those that Sluice made.
func (d *doctor) checkSchedules(ctx context.Context) {
	if d.temporal == nil {
		return
	}
	list, err := d.temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		d.fail("schedules", oneLine(asked(ctx, err)), "look at Temporal")
		return
	}
	absent := map[string][2]string{
		sweepSchedule:     {"nobody looks for news", "`starter signals schedule`"},
		reviewSchedule:    {"nobody reviews the quarter", "`starter icp review schedule`"},
		reconcileSchedule: {"nobody looks for companies whose webhook got lost", "`starter crm reconcile schedule`"},
	}
	for list.HasNext() {
		s, err := list.Next()
		if err != nil {
			d.fail("schedules", oneLine(asked(ctx, err)), "look at Temporal")
			return
		}
		if !strings.HasPrefix(s.ID, "sluice-") {
			continue
		}
		delete(absent, s.ID)
		switch {
		case s.Paused:
			d.warn("schedule "+s.ID, "is paused: "+s.Note, "mend what failed, then `temporal schedule toggle --schedule-id "+s.ID+" --unpause`")
		case len(s.NextActionTimes) == 0:
			d.warn("schedule "+s.ID, "has no next time", "make it again")
		default:
			d.ok("schedule "+s.ID, "next at "+s.NextActionTimes[0].UTC().Format(time.RFC3339))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(absent)) {
		d.warn("schedule "+id, "is not there: "+absent[id][0], absent[id][1])
	}
}
