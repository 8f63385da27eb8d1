package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
	"golang.org/x/time/rate"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/ingress"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// importOptions are the flags of company import.
type importOptions struct {
	wait, json, strict bool
}

func importCommand() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "Run all companies of a CSV file",
		Long: `Run all companies of a CSV file. Columns are found by what they are called (domain,
website, company name, record id, …); separators and a byte order mark are recognised.
Rows that cannot be imported are reported with their line and left out, or refuse the
whole file before anything starts with --strict.

An import that was stopped is resumed by running it again: companies that have a run
are not run twice, and a run that failed is tried again.`,
		Example: `  starter company import accounts.csv --wait
  starter company import accounts.csv --strict --json > summary.json
  hubspot-export | starter company import -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return importFile(cmd, args[0], o) },
	}
	f := c.Flags()
	f.BoolVar(&o.wait, "wait", false, "wait until each company is through, and sum them up")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	f.BoolVar(&o.strict, "strict", false, "start nothing if any row is refused")
	return c
}

// summary is what an import came to.
type summary struct {
	File          string         `json:"file"`
	ImportID      string         `json:"import_id"`
	Rows          int            `json:"rows"`
	Started       int            `json:"started"`
	Existing      int            `json:"existing"`  // had a run already
	Completed     int            `json:"completed"` // those that wait for a provider included
	Waiting       map[string]int `json:"waiting"`   // completed for now, by what they come back for
	Failed        []failure      `json:"failed"`
	Refused       []refusal      `json:"refused"`
	Tiers         map[string]int `json:"tiers"`
	Tasks         int            `json:"tasks"`
	ProviderCalls map[string]int `json:"provider_calls"`
	Credits       float64        `json:"credits"`
	WallMS        int64          `json:"wall_ms"`
	began         time.Time
	mu            sync.Mutex
}

// failure is a run that ended badly.
type failure struct {
	Line       int    `json:"line"`
	WorkflowID string `json:"workflow_id"`
	Reason     string `json:"reason"`
}

func importFile(cmd *cobra.Command, file string, o importOptions) error {
	data, err := readFile(cmd, file)
	if err != nil {
		return err
	}
	rows, refused, err := readRows(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if o.strict && len(refused) > 0 {
		reportRefused(cmd.ErrOrStderr(), file, refused)
		return fmt.Errorf("%s: refused %d of %d rows; nothing was started", file, len(refused), len(rows)+len(refused))
	}
	ctx := cmd.Context()
	parts := []func(*app, context.Context) error{(*app).withTemporal, (*app).withCRM}
	if o.wait {
		parts = append(parts, (*app).withStore)
	}
	a, err := open(ctx, parts...)
	if err != nil {
		return err
	}
	defer a.close()
	sum := sha256.Sum256(data)
	s := &summary{
		File: file, ImportID: hex.EncodeToString(sum[:8]), Rows: len(rows) + len(refused), Refused: refused,
		Failed: []failure{}, Waiting: map[string]int{}, Tiers: map[string]int{}, ProviderCalls: map[string]int{}, began: time.Now(),
	}
	if s.Refused == nil {
		s.Refused = []refusal{}
	}
	if err := a.importRows(ctx, cmd, rows, o, s); err != nil {
		if errors.Is(err, context.Canceled) {
			return fmt.Errorf("stopped after %d of %d companies were started; run the same import again to go on", s.Started+s.Existing, len(rows))
		}
		return err
	}
	return s.report(cmd, o)
}

func readFile(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read companies: %w", err)
	}
	return data, nil
}

// importRows starts the rows' runs, and with --wait follows each until it has ended or
// has done what it can while a provider is down.
func (a *app) importRows(ctx context.Context, cmd *cobra.Command, rows []row, o importOptions, s *summary) error {
	runs, err := a.startRows(ctx, cmd, rows, s)
	if err != nil || !o.wait {
		return err
	}
	bar := newBar(cmd.ErrOrStderr(), len(runs), "companies done")
	defer func() { _ = bar.Finish() }()
	for swept := time.Now(); len(runs) > 0; {
		look, err := a.settled(ctx, runs)
		if err != nil {
			return err
		}
		if len(look) == 0 && time.Since(swept) > patience {
			// A run that was ended by hand never settles: the oldest are looked at all the
			// same, and then go to the end of the queue.
			look, swept = runs[:min(len(runs), waiters)], time.Now()
			runs = append(slices.Clone(runs[len(look):]), look...)
		}
		done, err := a.follow(ctx, look, s)
		if err != nil {
			return err
		}
		_ = bar.Add(len(done))
		runs = slices.DeleteFunc(runs, func(r started) bool { return done[r.Line] })
		if len(done) == 0 && !pause(ctx, tick) {
			return ctx.Err()
		}
	}
	return nil
}

const (
	starters  = 16                     // starts under way at once
	startRate = 50                     // starts a second once a hundred are made: a company that arrives waits behind each
	waiters   = 32                     // runs looked at at once
	window    = 1000                   // runs that the record is asked about at once
	tick      = 250 * time.Millisecond // between two such questions, if nothing happens
)

// settled returns those of the oldest runs that the record has an end or a pause of.
func (a *app) settled(ctx context.Context, runs []started) ([]started, error) {
	oldest := runs[:min(len(runs), window)]
	keys := make([]store.RunKey, len(oldest))
	for i, r := range oldest {
		keys[i] = store.RunKey{WorkflowID: r.run.WorkflowID, RunID: r.run.RunID}
	}
	settled, err := a.store.Settled(ctx, keys)
	if err != nil {
		return nil, err
	}
	ended := make(map[store.RunKey]bool, len(settled))
	for _, run := range settled {
		ended[run.RunKey] = run.Ended
	}
	var out []started
	for i, r := range oldest {
		var there bool
		if r.ended, there = ended[keys[i]]; there {
			out = append(out, r)
		}
	}
	return out, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// started is a row whose run there is.
type started struct {
	row
	run   ingress.Run
	ended bool // by the record, which is a moment ahead of Temporal
}

func (a *app) startRows(ctx context.Context, cmd *cobra.Command, rows []row, s *summary) ([]started, error) {
	bar := newBar(cmd.ErrOrStderr(), len(rows), "companies started")
	defer func() { _ = bar.Finish() }()
	runs := make([]started, len(rows))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(starters)
	pace := rate.NewLimiter(startRate, 2*startRate)
	at := 0
	for batch := range slices.Chunk(rows, 100) {
		keys, err := a.lookUp(gctx, batch)
		if err != nil {
			_ = g.Wait()
			return nil, err
		}
		for _, r := range batch {
			slot := &runs[at]
			at++
			g.Go(func() error {
				defer func() { _ = bar.Add(1) }()
				if err := pace.Wait(gctx); err != nil {
					return err
				}
				run, err := a.onboarder().Start(gctx, ingress.Company{
					Key: keys[r.Line], Domain: r.Domain, Name: r.Name, ImportID: s.ImportID, Priority: ingress.InBulk,
				})
				if err != nil {
					return fmt.Errorf("line %d: %w; run the import again to go on", r.Line, err)
				}
				*slot = started{row: r, run: run}
				s.countStart(run)
				return nil
			})
		}
	}
	return runs, g.Wait()
}

// follow looks at runs and counts those that are done, whose lines it returns. A run that
// fails is counted too; only trouble with Temporal itself ends the import.
func (a *app) follow(ctx context.Context, runs []started, s *summary) (lines map[int]bool, err error) {
	var mu sync.Mutex
	lines = map[int]bool{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(waiters)
	for _, r := range runs {
		g.Go(func() error {
			look := a.glance
			if r.ended { // so its result is all that there is to ask for
				look = a.look
			}
			end, done, err := look(gctx, r.run)
			if err != nil || !done {
				return err
			}
			s.countEnd(r, end)
			mu.Lock()
			defer mu.Unlock()
			lines[r.Line] = true
			return nil
		})
	}
	return lines, g.Wait()
}

// lookUp finds the CRM records of a batch of rows, by line.
func (a *app) lookUp(ctx context.Context, batch []row) (map[int]account.Key, error) {
	keys := map[int]account.Key{}
	var domains []string
	for _, r := range batch {
		switch {
		case r.CRMID != "" && a.crm == nil:
			return nil, errors.New("the file has record ids, but no CRM is configured: set SLUICE_CRM and its credentials")
		case r.CRMID != "":
			keys[r.Line] = a.crm.Key(r.CRMID)
		case r.Domain != "":
			domains = append(domains, r.Domain)
		}
	}
	if a.crm == nil || len(domains) == 0 {
		return keys, nil
	}
	found, err := a.patiently(ctx, domains)
	if err != nil {
		return nil, fmt.Errorf("look companies up in the CRM: %w", err)
	}
	byDomain := map[string]account.Key{}
	for _, c := range found {
		if d, err := account.NormalizeDomain(c.Domain); err == nil {
			if _, ok := byDomain[d]; !ok {
				byDomain[d] = c.Key
			}
		}
	}
	for _, r := range batch {
		if key, ok := byDomain[r.Domain]; ok && r.CRMID == "" && r.Domain != "" {
			keys[r.Line] = key
		}
	}
	return keys, nil
}

func (s *summary) countStart(run ingress.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if run.Started {
		s.Started++
	} else {
		s.Existing++
	}
}

func (s *summary) countEnd(r started, end standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case end.Failed != nil:
		s.Failed = append(s.Failed, failure{r.Line, r.run.WorkflowID, end.Failed.Error()})
	case end.Status.Status == workflows.Refused:
		s.Refused = append(s.Refused, refusal{r.Line, "company", end.Reason})
	default:
		s.Completed++
		if end.Waits != "" {
			s.Waiting[end.Waits]++
		}
		s.add(end.Status)
	}
}

func (s *summary) add(end workflows.Status) {
	if end.Score != nil {
		s.Tiers[end.Score.Tier]++
	}
	if end.TaskID != "" {
		s.Tasks++
	}
	for _, p := range end.Providers {
		if p.Asked > 0 {
			s.ProviderCalls[p.Name] += p.Asked
		}
		s.Credits += p.Credits
	}
}

func (s *summary) report(cmd *cobra.Command, o importOptions) error {
	s.WallMS = time.Since(s.began).Milliseconds()
	slices.SortFunc(s.Refused, func(a, b refusal) int { return a.Line - b.Line })
	if o.json {
		if err := printJSON(cmd.OutOrStdout(), s); err != nil {
			return err
		}
	} else {
		s.print(cmd, o)
	}
	if len(s.Failed) > 0 {
		return errReported
	}
	return nil
}

func (s *summary) print(cmd *cobra.Command, o importOptions) {
	reportRefused(cmd.ErrOrStderr(), s.File, s.Refused)
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%d rows: %d started, %d had a run already, %d refused\n", s.Rows, s.Started, s.Existing, len(s.Refused))
	if !o.wait {
		fmt.Fprintln(w, "The runs go on by themselves; follow them in the Temporal UI, or run the same import with --wait.")
		return
	}
	fmt.Fprintf(w, "%d completed, %d failed, in %.1f s\n", s.Completed, len(s.Failed), float64(s.WallMS)/1000)
	for _, tier := range slices.Sorted(maps.Keys(s.Tiers)) {
		fmt.Fprintf(w, "  %-12s %d\n", tier, s.Tiers[tier])
	}
	fmt.Fprintf(w, "%d tasks, %g credits\n", s.Tasks, s.Credits)
	for _, what := range slices.Sorted(maps.Keys(s.Waiting)) {
		fmt.Fprintf(w, "%d wait for the %s, and correct their score by themselves when it is back\n", s.Waiting[what], what)
	}
	for _, f := range s.Failed {
		fmt.Fprintf(cmd.ErrOrStderr(), "line %d failed: %s: %s\n", f.Line, f.WorkflowID, f.Reason)
	}
}

const shownRefusals = 20

func reportRefused(w io.Writer, file string, refused []refusal) {
	for i, r := range refused {
		if i == shownRefusals {
			fmt.Fprintf(w, "… and %d more; --json lists them all\n", len(refused)-i)
			return
		}
		fmt.Fprintf(w, "%s:%d: %s: %s\n", file, r.Line, r.Field, r.Reason)
	}
}

// patiently looks domains up, and waits where the CRM asks for it.
func (a *app) patiently(ctx context.Context, domains []string) ([]crm.Company, error) {
	for attempt := 1; ; attempt++ {
		found, err := a.crm.CompaniesByDomain(ctx, domains...)
		wait, again := worthRepeating(err)
		if !again || attempt == 8 {
			return found, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// newBar is silent where nobody watches.
func newBar(w io.Writer, n int, what string) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	visible := ok && term.IsTerminal(int(f.Fd()))
	return progressbar.NewOptions(n,
		progressbar.OptionSetWriter(w), progressbar.OptionSetVisibility(visible), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString(what), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}
