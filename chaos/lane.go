package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Result is what became of a plan.
type Result struct {
	Plan       Plan             `json:"plan"`
	Told       string           `json:"told"` // the plan in words
	Seconds    float64          `json:"seconds"`
	Companies  int              `json:"companies"` // that were accepted
	Effects    int              `json:"effects"`   // of the CRM's ledger that were checked
	Injected   map[Action]int   `json:"injected"`
	Missed     int              `json:"missed"` // faults whose step never came
	Steps      map[string]int   `json:"steps"`  // how often each step came under fault
	Phases     map[string]int64 `json:"phases_ms"`
	Violations []string         `json:"violations,omitempty"`
	Failed     string           `json:"failed,omitempty"` // why the plan could not be carried out
}

// runLane runs plan after plan as they come in, on the stack that it was started by.
func runLane(ctx context.Context, db string, in io.Reader, out io.Writer) error {
	l, err := openLane(ctx, db)
	if err != nil {
		return err
	}
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for ctx.Err() == nil {
		var p Plan
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := enc.Encode(l.run(ctx, p)); err != nil {
			return err
		}
	}
	return nil
}

const (
	underFault = 3 * time.Minute  // for all to be accepted
	afterwards = 12 * time.Second // for the faults that are still to come
	untilQuiet = 3 * time.Minute  // for all runs to end, once the faults are lifted
)

// run carries one plan out.
func (l *lane) run(ctx context.Context, p Plan) Result {
	began := time.Now()
	res := Result{Plan: p, Told: p.String(), Phases: map[string]int64{}}
	last := began
	phase := func(name string) {
		res.Phases[name] = time.Since(last).Milliseconds()
		last = time.Now()
	}
	err := l.carryOut(ctx, p, &res, phase)
	if err != nil {
		res.Failed = err.Error()
	}
	res.Seconds = time.Since(began).Seconds()
	return res
}

func (l *lane) carryOut(ctx context.Context, p Plan, res *Result, phase func(string)) error {
	w, err := l.newWorld(ctx, p)
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	defer w.close()
	phase("set up")
	kind := works[p.Work]
	if kind.before != nil {
		if err := kind.before(w, ctx); err != nil {
			return fmt.Errorf("before the faults: %w", err)
		}
	}
	phase("before")
	w.weather(true)
	w.steps.arm(p.Faults, w.inject)
	accepting, cancel := context.WithTimeout(ctx, underFault)
	defer cancel()
	err = kind.do(w, accepting)
	if err != nil {
		res.Violations = append(res.Violations, fmt.Sprintf("not accepted in %s: %v", underFault, err))
	}
	phase("accepted")
	idle := 0
	eventually(ctx, afterwards, func() bool {
		if idle++; w.stillRunning(ctx) != "" {
			idle = 0
		}
		return w.steps.left() == 0 || idle > 10 // no step is to come any more
	})
	missed, err := w.liftFaults(ctx)
	res.Injected, res.Missed, res.Steps = w.done(), len(missed), w.steps.counted()
	phase("faults")
	if err != nil {
		return fmt.Errorf("lift the faults: %w", err)
	}
	if !eventually(ctx, untilQuiet, func() bool { return w.stillRunning(ctx) == "" }) {
		res.Violations = append(res.Violations, "stuck: still running: "+w.stillRunning(ctx))
	}
	phase("quiet")
	if kind.after != nil {
		if err := kind.after(w, ctx); err != nil {
			res.Violations = append(res.Violations, fmt.Sprintf("afterwards: %v", err))
		}
	}
	phase("after")
	res.Violations = append(res.Violations, w.check(ctx, res)...)
	phase("check")
	if len(w.problems) > 0 {
		return fmt.Errorf("%v", w.problems)
	}
	return nil
}
