// Command sandbox serves the data vendors' APIs and a CRM with invented companies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/sandbox"
)

const usage = `sandbox speaks the HTTP APIs of Apollo, Clearbit, Hunter, People Data Labs,
BuiltWith, company websites, job boards, SEC EDGAR, Crunchbase, GDELT and HubSpot over
one table of companies.

Usage: sandbox [flags]

%s
Examples:
  sandbox                                     340 invented companies on 127.0.0.1:9100
  sandbox -addr :0 -env .sluice/sandbox.env   any free port; the environment in a file
  sandbox -companies FILE.csv                 the companies of a file, known to every vendor
  sandbox -companies FILE.csv -coverage partial
  sandbox -invent 50000 -news 0.01            500 of 50 000 companies have news tonight

  curl -X PUT -d '{"outage": true}' http://127.0.0.1:9100/_faults/apollo
  curl -X DELETE http://127.0.0.1:9100/_faults/apollo
  curl http://127.0.0.1:9100/_counters
  curl -X PUT -d '{"advance": "24h"}' http://127.0.0.1:9100/_clock
`

// grace is how long calls in the air may take after Ctrl-C.
const grace = 3 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// settings are the command line.
type settings struct {
	sandbox.Options
	companies, coverage, env string

	invent int
	news   float64
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "sandbox: %v\nRun sandbox -help for the flags.\n", err)
		return 2
	}
	if err := serve(ctx, set, stdout); err != nil {
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		return 1
	}
	return 0
}

func parse(args []string, stdout io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.Addr, "addr", "127.0.0.1:9100", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&s.companies, "companies", "", "CSV `file` of other companies; docs/sandbox.md has the columns")
	flags.StringVar(&s.coverage, "coverage", "", "what the vendors know: full, partial or realistic (default realistic, full with -companies)")
	flags.Uint64Var(&s.Seed, "seed", 1, "another `number` gives the vendors another coverage and other random faults")
	flags.DurationVar(&s.Latency, "latency", 0, "of every service, such as 20ms")
	flags.BoolVar(&s.CRMCompanies, "crm", false, "the CRM begins with a company for each row of the table")
	flags.BoolVar(&s.CRMTargets, "targets", false, "the same, and all of them are target accounts")
	flags.IntVar(&s.invent, "invent", 0, "make up this `number` of companies instead")
	flags.Float64Var(&s.news, "news", 0, "this `share` of the companies has news in the coming night")
	flags.StringVar(&s.env, "env", "", "also write the environment to this `file`")
	flags.Usage = func() {}
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		var list strings.Builder
		flags.SetOutput(&list)
		flags.PrintDefaults()
		fmt.Fprintf(stdout, usage, "Flags:\n"+list.String())
		return s, err
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err == nil {
		err = s.check()
	}
	if err == nil && s.coverage != "" {
		s.Coverage, err = sandbox.ParseMode(s.coverage)
	}
	return s, err
}

// check reports settings that make no sense, or none together.
func (s *settings) check() error {
	switch {
	case !(s.news >= 0 && s.news <= 1):
		return fmt.Errorf("-news %v: want a share between 0 and 1", s.news)
	case s.invent < 0:
		return fmt.Errorf("-invent %d: want a number of companies", s.invent)
	case s.invent > 0 && s.companies != "":
		return errors.New("give either -companies or -invent")
	}
	return nil
}

func serve(ctx context.Context, set settings, stdout io.Writer) error {
	if err := set.load(stdout); err != nil {
		return err
	}
	server, err := sandbox.Start(set.Options)
	if err != nil {
		return err
	}
	if set.news > 0 {
		night := comingNight(server.Clock.Now())
		planted := sandbox.PlantNews(server.Sandbox, set.news, night, set.Seed)
		fmt.Fprintf(stdout, "# News: %d happenings until %s\n", len(planted), night.Format(time.RFC3339))
	}
	env := strings.Join(server.Env(), "\n") + "\n"
	if set.env != "" {
		if err := write(set.env, env); err != nil {
			return errors.Join(fmt.Errorf("write the environment: %w", err), server.Close(ctx))
		}
	}
	fmt.Fprintf(stdout, "# The CRM as a rep sees it: %s/\n# Faults: %s/_faults   Counters: %s/_counters   Clock: %s/_clock   News: %s/_news   Stop: Ctrl-C\n%s",
		server.URL, server.URL, server.URL, server.URL, server.URL, env)
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return server.Close(last)
}

func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// comingNight is the next half past two.
func comingNight(now time.Time) time.Time {
	night := now.UTC().Truncate(24 * time.Hour).Add(2*time.Hour + 30*time.Minute)
	if !night.After(now) {
		night = night.AddDate(0, 0, 1)
	}
	return night
}

// load reads the file of companies, if one is named, and says what became of it.
func (s *settings) load(stdout io.Writer) error {
	if s.invent > 0 {
		s.Table = sandbox.Invent(s.invent, s.Seed)
	}
	if s.companies == "" {
		return nil
	}
	file, err := os.Open(s.companies)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	table, report, err := sandbox.Load(file)
	if err != nil {
		return fmt.Errorf("%s: %w", s.companies, err)
	}
	s.Table = table
	fmt.Fprintf(stdout, "# %s: %s\n", s.companies, report)
	for _, skipped := range report.Skipped[:min(5, len(report.Skipped))] {
		fmt.Fprintf(stdout, "#   line %d: %s\n", skipped.Line, skipped.Reason)
	}
	return nil
}
