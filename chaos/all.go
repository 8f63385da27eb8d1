package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// plansPerStack is how many plans a Temporal and a Postgres serve before they are replaced
// by empty ones.
const plansPerStack = 25

// Summary is what all plans came to.
type Summary struct {
	Seed       uint64         `json:"seed"` // of the first
	Plans      int            `json:"plans"`
	Injected   map[Action]int `json:"injected"`
	Missed     int            `json:"missed"` // faults whose step never came
	Works      map[string]int `json:"works"`
	Companies  int            `json:"companies"`
	Effects    int            `json:"effects"`
	Violations int            `json:"violations"` // plans with any
	Failed     int            `json:"failed"`     // plans that could not be carried out
	WallS      float64        `json:"wall_s"`
	Results    []Result       `json:"results"`
}

// runAll runs the plans, several at a time, and tells of each.
func runAll(ctx context.Context, set settings, out io.Writer) error {
	began := time.Now()
	plans := make(chan Plan)
	results := make(chan Result)
	all := set.all()
	go func() {
		defer close(plans)
		for _, p := range all {
			select {
			case plans <- p:
			case <-ctx.Done():
				return
			}
		}
	}()
	place, err := takePlace()
	if err != nil {
		return err
	}
	defer place.Close()
	var lanes sync.WaitGroup
	for i := range min(set.lanes, len(all)) {
		lanes.Go(func() {
			for more := true; more && ctx.Err() == nil; {
				more = runStack(ctx, place.lane(i), plans, results)
			}
		})
	}
	go func() {
		lanes.Wait()
		close(results)
	}()
	s := Summary{Seed: set.seed, Injected: map[Action]int{}, Works: map[string]int{}}
	for r := range results {
		s.add(r)
		tell(out, r)
	}
	s.WallS = time.Since(began).Seconds()
	s.print(out)
	if set.report != "" {
		if err := s.write(set.report); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.Plans < len(all):
		return fmt.Errorf("only %d of %d plans were run: no stack starts any more", s.Plans, len(all))
	case s.Violations+s.Failed > 0:
		return fmt.Errorf("%d of %d plans broke a promise, %d could not be carried out", s.Violations, s.Plans, s.Failed)
	default:
		return nil
	}
}

// runStack runs some plans on one stack, and reports whether there may be more.
func runStack(ctx context.Context, db string, plans <-chan Plan, results chan<- Result) (more bool) {
	p, more := <-plans
	if !more {
		return false
	}
	failed := func(err error) bool {
		results <- Result{Plan: p, Told: p.String(), Failed: err.Error()}
		return true
	}
	cmd, in, out, err := startLane(ctx, db)
	if err != nil {
		return failed(err)
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait()
		_ = forget(db)
	}()
	orders, answers := json.NewEncoder(in), json.NewDecoder(out)
	for i := 1; ; i++ {
		var r Result
		err := orders.Encode(p)
		if err == nil {
			err = answers.Decode(&r)
		}
		if err != nil { // a stack that does not even start would do so with each plan
			return failed(fmt.Errorf("the lane ended: %w", err)) && i > 1
		}
		results <- r
		if i == plansPerStack {
			return true
		}
		if p, more = <-plans; !more {
			return false
		}
	}
}

// place is where a run of chaos keeps its Temporals. Several may run at once; what the last
// one has left is used again.
type place struct{ *os.File }

func takePlace() (place, error) {
	stack, err := built("stack")
	if err != nil {
		return place{}, err
	}
	for n := range 16 {
		dir := filepath.Join(filepath.Dir(filepath.Dir(stack)), ".sluice", fmt.Sprintf("chaos-%d", n))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return place{}, err
		}
		f, err := os.Open(dir)
		if err != nil {
			return place{}, err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return place{f}, nil
		}
		_ = f.Close()
	}
	return place{}, errors.New("16 runs of chaos are under way in this checkout: wait for one")
}

// lane is the file of a lane's Temporal.
func (p place) lane(n int) string { return filepath.Join(p.Name(), fmt.Sprintf("lane-%d.db", n)) }

// clusterOf is the file that says where the Postgres data of a stack are.
func clusterOf(db string) string { return db + ".cluster" }

// forget removes what a stack with this file has stored: it may have been ended at any
// moment, and a plan begins with nothing.
func forget(db string) error {
	if b, err := os.ReadFile(clusterOf(db)); err == nil && strings.Contains(string(b), "-db-") {
		mounted, _ := filepath.Glob(filepath.Join(string(b), smallDisks+"*"))
		for _, dir := range mounted {
			_ = unmount(dir)
		}
		if err := os.RemoveAll(string(b)); err != nil {
			return err
		}
	}
	stored, err := filepath.Glob(db + "*")
	for _, name := range stored {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// startLane starts a stack with an empty Temporal and chaos itself on it.
func startLane(ctx context.Context, db string) (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	stack, err := built("stack")
	if err != nil {
		return nil, nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := forget(db); err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.CommandContext(ctx, stack, "-db", db, "--", self, "-lane", db)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 40 * time.Second
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, nil, err
	}
	return cmd, in, out, cmd.Start()
}

func (s *Summary) add(r Result) {
	s.Plans++
	s.Missed += r.Missed
	s.Companies += r.Companies
	s.Effects += r.Effects
	s.Works[r.Plan.Work]++
	for a, n := range r.Injected {
		s.Injected[a] += n
	}
	switch {
	case len(r.Violations) > 0:
		s.Violations++
	case r.Failed != "":
		s.Failed++
	}
	s.Results = append(s.Results, r)
}

// tell says how a plan went, and, if a promise was broken, how to see it again.
func tell(out io.Writer, r Result) {
	word := "ok"
	switch {
	case len(r.Violations) > 0:
		word = "BROKEN"
	case r.Failed != "":
		word = "FAILED"
	}
	injected := 0
	for _, n := range r.Injected {
		injected += n
	}
	fmt.Fprintf(out, "%-6s seed %-6d %-10s %2d companies, %d faults, %d effects, %4.1f s\n", word, r.Plan.Seed, r.Plan.Work, r.Companies, injected, r.Effects, r.Seconds)
	if word == "ok" {
		return
	}
	fmt.Fprintf(out, "%s\n", r.Told)
	if r.Failed != "" {
		fmt.Fprintf(out, "  could not be carried out: %s\n", r.Failed)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(out, "  %s\n", v)
	}
	fmt.Fprintf(out, "  again: %s\n", r.Plan.again())
}

func (s *Summary) print(out io.Writer) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendRow(table.Row{"plans", s.Plans})
	for _, name := range workNames {
		if s.Works[name] > 0 {
			t.AppendRow(table.Row{"  " + works[name].title, s.Works[name]})
		}
	}
	t.AppendRow(table.Row{"companies", s.Companies})
	t.AppendRow(table.Row{"effects checked", s.Effects})
	total := 0
	for _, n := range s.Injected {
		total += n
	}
	t.AppendRow(table.Row{"faults", total})
	for _, a := range slices.Concat(kills, others) {
		if s.Injected[a] > 0 {
			t.AppendRow(table.Row{"  " + string(a), s.Injected[a]})
		}
	}
	t.AppendRow(table.Row{"faults whose step never came", s.Missed})
	t.AppendRow(table.Row{"plans that could not be carried out", s.Failed})
	t.AppendRow(table.Row{"plans that broke a promise", s.Violations})
	t.AppendRow(table.Row{"minutes", fmt.Sprintf("%.1f", s.WallS/60)})
	fmt.Fprintf(out, "\n%s\n", t.Render())
}

func (s *Summary) write(file string) error {
	slices.SortFunc(s.Results, func(a, b Result) int { return int(int64(a.Plan.Seed) - int64(b.Plan.Seed)) })
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
