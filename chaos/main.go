// Command chaos runs Sluice under faults, plan after plan, and checks by the books of the
// outside world that nothing was lost or done twice.
//
//	bin/chaos -plans 200 -seed 1     # four plans at a time
//	bin/chaos -plans 1 -seed 17      # plan 17 again
//
// A plan is made from its seed: which work is done, and what goes wrong at which step of
// it. docs/reliability.md says what is promised and what is checked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `chaos runs Sluice's programs under faults and checks that nothing is lost or done twice.

Usage: chaos [flags]

%s
Examples:
  chaos                        200 plans, from seed 1 on
  chaos -plans 1 -seed 17      plan 17 again
  chaos -plans 1 -seed 17 -show   says what it is, and runs nothing
`

type settings struct {
	plans, lanes int
	seed         uint64
	lane         string // file of the stack around
	show         bool
	short        bool
	report       string
	work         string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\nRun chaos -help for the flags.\n", err)
		return 2
	}
	switch {
	case set.show:
		for _, p := range set.all() {
			fmt.Fprintln(stdout, p)
		}
		return 0
	case set.lane != "":
		err = runLane(ctx, set.lane, os.Stdin, stdout)
	default:
		err = runAll(ctx, set, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "chaos: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&s.plans, "plans", 200, "how many `plans` to run")
	flags.Uint64Var(&s.seed, "seed", 1, "`seed` of the first plan; the others have the numbers after it")
	flags.IntVar(&s.lanes, "lanes", 6, "how many plans run at a `time`, each on a Temporal and a Postgres of its own")
	flags.StringVar(&s.report, "report", "", "also write the summary as JSON to this `file`")
	flags.StringVar(&s.work, "work", "", "only `this` work: "+strings.Join(workNames, ", "))
	flags.BoolVar(&s.short, "short", false, "the four plans that make test runs, one for each kill")
	flags.BoolVar(&s.show, "show", false, "print the plans and run none")
	flags.StringVar(&s.lane, "lane", "", "run the plans on standard input, on the stack around, whose `file` this is; for chaos itself")
	flags.Usage = func() {}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		var list writer
		flags.SetOutput(&list)
		flags.PrintDefaults()
		fmt.Fprintf(stdout, usage, "Flags:\n"+string(list))
		return s, err
	}
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.work != "" && works[s.work].do == nil:
		err = fmt.Errorf("-work %q: want one of %s", s.work, strings.Join(workNames, ", "))
	case s.plans < 1 || s.lanes < 1:
		err = errors.New("-plans and -lanes: want at least 1")
	}
	return s, err
}

// all returns the plans that are asked for.
func (s settings) all() []Plan {
	if s.short {
		return shortPlans()
	}
	plans := make([]Plan, s.plans)
	for i := range plans {
		plans[i] = Make(s.seed+uint64(i), s.work)
	}
	return plans
}

type writer []byte

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
