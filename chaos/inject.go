package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
)

// inject does what a fault says. It returns when that is done; what lasts is over by
// itself, at the latest when the faults are lifted.
func (w *world) inject(f Fault) {
	w.mu.Lock()
	w.injected[f.Do]++
	w.mu.Unlock()
	var err error
	switch f.Do {
	case KillWorker:
		workers := w.workers
		if f.When.Nth%2 == 1 {
			workers = workers[:1]
		}
		for _, p := range workers {
			p.kill(f.For)
		}
	case KillStarter:
		w.starter.kill(f.For)
		w.mu.Lock()
		for cmd := range w.commands {
			_ = cmd.Process.Kill()
		}
		w.mu.Unlock()
	case KillTemporal:
		err = w.killTemporal()
	case KillPostgres:
		err = w.killPostgres(context.Background())
	case CutTemporal, CutPostgres, CutCRM, CutVendors:
		k := w.links[f.Do.link()]
		w.lasts(f, func() { k.setCut(true) }, func() { k.setCut(false) })
	case StallTemporal, StallPostgres, StallCRM, StallVendors:
		k := w.links[f.Do.link()]
		w.lasts(f, func() { k.setStalled(true) }, func() { k.setStalled(false) })
	case SlowTemporal, SlowPostgres, SlowCRM, SlowVendors:
		k := w.links[f.Do.link()]
		late := time.Duration(20+f.When.Nth*13%180) * time.Millisecond
		w.lasts(f, func() { k.setLate(late) }, func() { k.setLate(0) })
	case FillDisk:
		w.lasts(f, w.fillDisk, w.freeDisk)
	case ReadOnly:
		w.lasts(f, func() { w.readOnly(true) }, func() { w.readOnly(false) })
	case TakeConnections:
		var taken []*pgx.Conn
		w.lasts(f, func() { taken = w.takeConnections() }, func() {
			for _, c := range taken {
				_ = c.Close(context.Background())
			}
		})
	case ClockForward:
		w.sandbox.Clock.Advance(f.For)
	case ClockBack:
		w.sandbox.Clock.Advance(-f.For)
	}
	if err != nil {
		w.problem("%s: %v", f.Do, err)
	}
}

// link is the way that an action is about.
func (a Action) link() string {
	switch a {
	case CutTemporal, StallTemporal, SlowTemporal:
		return "temporal"
	case CutPostgres, StallPostgres, SlowPostgres:
		return "postgres"
	case CutCRM, StallCRM, SlowCRM:
		return "crm"
	case CutVendors, StallVendors, SlowVendors:
		return "vendors"
	default:
		return ""
	}
}

// lasts begins what is over after the fault's time, or when the faults are lifted.
func (w *world) lasts(f Fault, begin, end func()) {
	begin()
	w.lasting.Go(func() {
		select {
		case <-time.After(f.For):
		case <-w.ended.Done():
		}
		end()
	})
}

// takeConnections opens all connections that Postgres allows, and makes our programs open
// theirs again.
func (w *world) takeConnections() []*pgx.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	k := w.links["postgres"]
	k.setCut(true)
	defer k.setCut(false)
	var all []*pgx.Conn
	for {
		c, err := pgx.Connect(ctx, w.postgres)
		if err != nil {
			return all
		}
		all = append(all, c)
	}
}

// done counts what was injected.
func (w *world) done() map[Action]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.injected)
}

func (w *world) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// liftFaults ends all that goes wrong, and returns when the servers and programs are up.
func (w *world) liftFaults(ctx context.Context) (missed []Fault, err error) {
	_, missed = w.steps.disarm()
	w.lift()
	w.lasting.Wait()
	for _, k := range w.links {
		k.heal()
	}
	w.weather(false)
	for _, p := range append(w.workers, w.starter) {
		p.up()
	}
	up := func() bool { // Postgres first: what is next wants it
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return w.store.Ping(ctx) == nil && w.temporalServes(ctx)
	}
	if !eventually(ctx, time.Minute, up) {
		return missed, fmt.Errorf("the servers do not come up again: Postgres: %w", w.store.Ping(ctx))
	}
	if done := w.done(); done[ReadOnly]+done[FillDisk] > 0 {
		w.readOnly(false) // it could not be told so while it was down
	}
	return missed, w.awaitPrograms(ctx)
}

func (w *world) temporalServes(ctx context.Context) bool {
	_, err := w.client.DescribeTaskQueue(ctx, "sluice", 1)
	return err == nil
}
