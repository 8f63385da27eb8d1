package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/workflows"
)

var releasedRef = flag.String("released", "", "commit or tag of the version that is upgraded from; by default the one that recorded the last histories")

// releasedWorker builds the worker of the released version, and returns its path and its tree.
// What is built is kept under .sluice for the next time.
func releasedWorker(t *testing.T) (worker, tree string) {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	ref := *releasedRef
	if ref == "" {
		if ref, err = lastRelease(t, root); err != nil {
			t.Skipf("no released version to upgrade from: %v; -released REF names one", err)
		}
	}
	commit, err := git(t, root, "rev-parse", "--verify", ref+"^{commit}")
	require.NoError(t, err)
	tree = filepath.Join(root, ".sluice", "released", commit[:12])
	worker = filepath.Join(tree, "bin", "worker")
	if _, err := os.Stat(worker); err == nil {
		return worker, tree
	}
	require.NoError(t, os.MkdirAll(tree, 0o755))
	archive := filepath.Join(t.TempDir(), "tree.tar")
	_, err = git(t, root, "archive", "--format=tar", "--output="+archive, commit)
	require.NoError(t, err)
	run(t, tree, "tar", "-xf", archive)
	began := time.Now()
	run(t, tree, "go", "build", "-buildvcs=false", "-o", "bin/", "./worker")
	t.Logf("built the worker of %s in %.0f s", commit[:12], time.Since(began).Seconds())
	return worker, tree
}

// lastRelease is the commit before this one that recorded histories, as each release does.
func lastRelease(t *testing.T, root string) (string, error) {
	top, err := git(t, root, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", errors.New("this is no checkout of git")
	}
	if same, err := os.Stat(top); err != nil || !os.SameFile(same, stat(t, root)) {
		return "", errors.New("the repository around this directory is another one")
	}
	if shallow, err := git(t, root, "rev-parse", "--is-shallow-repository"); err != nil || shallow != "false" {
		return "", errors.New("the checkout is shallow")
	}
	commit, err := git(t, root, "log", "-1", "--format=%H", "HEAD~1", "--", "workflows/testdata/replay")
	if err != nil || commit == "" {
		return "", errors.New("no earlier commit recorded histories")
	}
	return commit, nil
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info
}

// git runs git also in a checkout of another user's, as CI has it.
func git(t *testing.T, root string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "safe.directory=*", "-C", root}, args...)...)
	out, err := cmd.Output()
	return string(bytes.TrimSpace(out)), err
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
}

var changeID = regexp.MustCompile(`workflow\.GetVersion\(ctx, ([^,]+),`)

var revision = regexp.MustCompile(`const Revision = \d+`)

// changes are the change ids that the workflows of a tree know, and the revision of the
// process that its runs follow.
func changes(t *testing.T, tree string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tree, "workflows", "*.go"))
	require.NoError(t, err)
	found := map[string]bool{}
	for _, f := range files {
		source, err := os.ReadFile(f)
		require.NoError(t, err)
		for _, m := range changeID.FindAllStringSubmatch(string(source), -1) {
			found[m[1]] = true
		}
	}
	require.NotEmpty(t, found, "no change id in %s: the pattern no longer finds them", tree)
	source, err := os.ReadFile(filepath.Join(tree, "activities", "score.go"))
	require.NoError(t, err)
	now := revision.FindString(string(source))
	require.NotEmpty(t, now, "no revision in %s: the pattern no longer finds it", tree)
	found[now] = true
	return slices.Sorted(maps.Keys(found))
}

// setSchemaAhead makes the database that of a later version: what a migration may add is
// there, and the version is on record.
func (w *world) setSchemaAhead() {
	w.t.Helper()
	db, err := pgx.Connect(w.t.Context(), w.variable("SLUICE_DATABASE_URL"))
	require.NoError(w.t, err)
	defer db.Close(context.WithoutCancel(w.t.Context()))
	for _, q := range []string{
		`ALTER TABLE accounts ADD COLUMN later text NOT NULL DEFAULT ''`, `ALTER TABLE runs ADD COLUMN later jsonb`,
		`ALTER TABLE effects ADD COLUMN later integer NOT NULL DEFAULT 1`, `CREATE TABLE later (id bigint)`,
		`INSERT INTO goose_db_version (version_id, is_applied) SELECT max(version_id) + 1, true FROM goose_db_version`,
	} {
		_, err := db.Exec(w.t.Context(), q)
		require.NoError(w.t, err, q)
	}
}

// workedBy returns the processes that did a run's workflow tasks. Its history says so.
func (w *world) workedBy(id string) map[int]bool {
	w.t.Helper()
	pids := map[int]bool{}
	for e := range w.events(w.t.Context(), id) {
		require.NotEqual(w.t, enums.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, e.GetWorkflowTaskFailedEventAttributes().GetCause(), id)
		if pid, _, ok := strings.Cut(e.GetWorkflowTaskCompletedEventAttributes().GetIdentity(), "@"); ok {
			n, err := strconv.Atoi(pid)
			require.NoError(w.t, err)
			pids[n] = true
		}
	}
	return pids
}

// TestTheReleasedVersionBesideThisOne upgrades from the released version and back, while
// companies arrive, a sweep is under way and a model is released. None of the workers has
// a version to Temporal, so that each takes what comes, and whenever one stops the other
// goes on with what it began, from the history. The database is ahead of both.
func TestTheReleasedVersionBesideThisOne(t *testing.T) {
	oldWorker, oldTree := releasedWorker(t)
	added := slices.DeleteFunc(changes(t, ".."), func(id string) bool { return slices.Contains(changes(t, oldTree), id) })
	both := len(added) == 0

	table, _, err := sandbox.Load(strings.NewReader(promising(50)))
	require.NoError(t, err)
	r := &releasing{world: newWorld(t, sandbox.Options{Table: table, CRMCompanies: true})}
	r.write("sluice.yaml", nightly+quickRelease)
	r.file = r.write("revops3.yaml", revops3(t))
	domains := r.world.domains(50)
	r.domains = domains[:30]
	r.setSchemaAhead()

	programs := map[bool]string{false: oldWorker, true: program(t, "worker")}
	logs, own := map[bool]string{false: "released worker", true: "worker"}, map[int]bool{}
	start := func(today bool) *process {
		p := r.polls(r.startAt(logs[today], programs[today], nil))
		own[p.cmd.Process.Pid] = today
		return p
	}

	worker, isNew := start(false), false
	require.Equal(t, len(r.domains), r.importAll(r.domains).Completed, "the released worker lives with a later schema")
	tonight := time.Now().UTC().Truncate(time.Second)
	r.sweep(tonight)

	tomorrow := tonight.Add(24 * time.Hour)
	news := sandbox.PlantNews(r.sandbox.Sandbox, 0.4, tomorrow, 3)
	for _, service := range append(sandbox.Sources(), "apollo", "clearbit", "hubspot") { // slow enough to change over on the way
		require.NoError(t, r.sandbox.Faults.Set(service, fault.Fault{LatencyMS: 100}))
	}
	r.begin()
	r.approve("sales")
	r.approve("marketing")
	r.starter("company", "import", r.write("arrive.csv", "domain\n"+strings.Join(domains[30:], "\n")+"\n")).ok()
	swept := make(chan workflows.SweepStatus, 1)
	go func() { swept <- r.sweepAnyhow(tomorrow) }()
	turns := 3 // there, back, and there again
	if !both {
		turns = 1 // what this version began, the released one cannot go on with
	}
	for range turns {
		next := start(!isNew)
		time.Sleep(time.Second) // side by side
		worker.stop()
		require.NotContains(t, worker.log.String(), "TMPRL1100", "a history that does not fit the code")
		worker, isNew = next, !isNew
	}
	night := <-swept
	r.through("active")
	r.eventuallyWithin(2*time.Minute, "all is through", func() bool { return r.countRuns(`ExecutionStatus = 'Running'`) == 0 })
	require.NotContains(t, worker.log.String(), "TMPRL1100", "a history that does not fit the code")

	require.Len(t, r.outcomes(domains), len(domains))
	require.Zero(t, night.Failed+night.Pending)
	want := sandbox.Telling(news)
	maps.DeleteFunc(want, func(domain string, _ []string) bool { return !slices.Contains(r.domains, domain) }) // nobody watched the others before
	require.Equal(t, want, r.found(r.domains))
	require.Equal(t, len(r.domains), r.versions()[3])
	require.Zero(t, r.countRuns(`ExecutionStatus NOT IN ('Completed', 'ContinuedAsNew')`))
	require.Empty(t, r.sandbox.CRM.Ledger().Duplicates())
	moved := 0
	for _, id := range r.idsOf(t.Context(), `WorkflowType IN ('CompanyOnboarding', 'ModelRelease', 'SignalSweep')`) {
		programs := map[bool]bool{}
		for pid := range r.workedBy(id) {
			programs[own[pid]] = true
		}
		if len(programs) == 2 {
			moved++
		}
		require.True(t, len(programs) == 2 || !strings.HasPrefix(id, "release/"), "the release was worked by one version alone")
	}
	require.Greater(t, moved, 1, "hardly a run was under way when the worker changed")
	t.Logf("%d workers, %d runs of which both versions did a part; change ids that the released one does not know: %v", len(own), moved, added)

	worker.stop()
	r.setSchemaBack()
	r.setSchemaBack() // now it is older than this version
	refused := r.start("worker", nil)
	require.Error(t, refused.cmd.Wait())
	require.Contains(t, refused.log.String(), "starter migrate")
}
