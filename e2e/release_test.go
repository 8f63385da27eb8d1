package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/explain"
	"github.com/sluicehq/sluice/review"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// quickRelease is the section release of sluice.yaml where people take seconds.
const quickRelease = `
release:
  roles: [sales, marketing]
  shadow: 5s
  ab: {share: 0.5, for: 4s}
  guard: {tier_share: 1, tasks_per_rep: 1000}
`

// released is what `icp releases NAME@V --json` prints, and the commands that decide.
type released struct {
	ID       int64
	Replaces int
	State    string
	Over     bool
	Paused   bool
	Stopped  string
	Missing  []string
	Journal  []struct {
		State, Author, Comment string
		At                     time.Time
	}
	Approvals  []struct{ Role, Verdict, By, Comment string }
	Backtest   *review.Duelled
	Difference *activities.Difference
	Next       string
}

func (r released) steps() []string {
	var states []string
	for _, s := range r.Journal {
		states = append(states, s.State)
	}
	return states
}

// releasing is a world with accounts of which a new version of their model is released.
type releasing struct {
	*world
	domains []string
	file    string
}

// revops3 is the shipped model with other points: industry counts less and revenue more.
func revops3(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "icp", "models", "revops.yaml"))
	require.NoError(t, err)
	next := strings.NewReplacer("version: 2", "version: 3",
		"any_of: [saas, digital-marketing, it-services], points: 20}", "any_of: [saas, digital-marketing, it-services], points: 10}",
		"between: [1M, 10M], points: 10}", "between: [1M, 10M], points: 25}").Replace(string(source))
	require.NotEqual(t, string(source), next)
	return next
}

func newReleasing(t *testing.T, n int, settings string) *releasing {
	t.Helper()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	w.write("sluice.yaml", pipeline+settings)
	w.worker = w.startWorker()
	r := &releasing{world: w, domains: w.domains(n), file: w.write("revops3.yaml", revops3(t))}
	require.Equal(t, len(r.domains), w.importAll(r.domains).Completed)
	return r
}

func (r *releasing) begin() released {
	r.t.Helper()
	var got released
	r.starter("icp", "release", r.file, "--by", "dana@ours.example", "--comment", "revenue tells more", "--json").ok().json(&got)
	return got
}

func (r *releasing) approve(role string) released {
	r.t.Helper()
	var got released
	r.starter("icp", "approve", "revops@3", "--role", role, "--by", role+"@ours.example", "--comment", "fine with "+role, "--json").ok().json(&got)
	return got
}

func (r *releasing) decide(move string, args ...string) released {
	r.t.Helper()
	var got released
	args = append([]string{"icp", move, "revops@3", "--by", "lee@ours.example", "--reason", "because of " + move, "--json"}, args...)
	r.starter(args...).ok().json(&got)
	return got
}

func (r *releasing) now() released {
	r.t.Helper()
	var got released
	r.starter("icp", "releases", "revops@3", "--json").ok().json(&got)
	return got
}

func (r *releasing) until(state string) released {
	r.t.Helper()
	var got released
	r.eventuallyWithin(2*time.Minute, "it is "+state, func() bool {
		got = r.now()
		return got.State == state
	})
	return got
}

func (r *releasing) through(state string) released {
	r.t.Helper()
	var got released
	r.eventuallyWithin(3*time.Minute, "it is through as "+state, func() bool {
		got = r.now()
		return got.Over && got.State == state
	})
	return got
}

// live is what scores companies by `icp releases`.
func (r *releasing) live() (version, candidate int) {
	r.t.Helper()
	var got struct {
		Live []struct{ Version, Candidate int }
	}
	r.starter("icp", "releases", "--json").ok().json(&got)
	require.Len(r.t, got.Live, 1)
	return got.Live[0].Version, got.Live[0].Candidate
}

// versions counts the accounts by the version that scored them last.
func (r *releasing) versions() map[int]int {
	r.t.Helper()
	count := map[int]int{}
	for _, domain := range r.domains {
		count[r.explain(domain).Model.Version]++
	}
	return count
}

func (r *releasing) explain(domain string) explain.Company {
	r.t.Helper()
	all, err := explain.Domain(r.t.Context(), r.store, domain)
	require.NoError(r.t, err)
	require.Len(r.t, all, 1)
	return all[0]
}

// inCRM is what the CRM shows of each company.
func (r *releasing) inCRM() map[string]standing {
	r.t.Helper()
	all := map[string]standing{}
	for _, domain := range r.domains {
		all[domain] = r.shown(domain)
	}
	return all
}

func (r *releasing) shown(domain string) standing {
	c := r.explain(domain)
	record, ok := r.sandbox.CRM.Company(c.CRM.ID)
	require.True(r.t, ok, domain)
	return standing{record.Properties["icp_fit_score"], record.Properties["icp_tier"], record.Properties["sluice_queue"]}
}

// agrees requires that the CRM shows of each company what is on record.
func (r *releasing) agrees() {
	r.t.Helper()
	for _, domain := range r.domains {
		c := r.explain(domain)
		require.Equal(r.t, standing{fmt.Sprint(c.Score.Value), c.Tier, c.Queue}, r.shown(domain), domain)
	}
}

// calls is how often vendors were asked, but for those named.
func (r *releasing) calls(but ...string) int {
	n := 0
	for name, c := range r.sandbox.Faults.Counters() {
		if name != "hubspot" && !slices.Contains(but, name) {
			n += c.Requests
		}
	}
	return n
}

func TestAReleaseGoesFromItsFileToAllAccountsAndBack(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, 24, quickRelease)
	before := r.inCRM()
	others := r.others(2)
	require.NoError(t, r.sandbox.Faults.Set("apollo", fault.Fault{Outage: true}))
	var old explain.Company
	r.starter("company", "add", "--crm-id", others[0].id, "--wait", "--json").ok().json(&old)
	require.Equal(t, workflows.Running, old.Status, "it waits for apollo")
	calls := r.calls("apollo") // which the run under way goes on asking

	begun := r.begin()
	require.Equal(t, "backtested", begun.State)
	require.Equal(t, 2, begun.Replaces)
	require.Equal(t, "no deals on record", begun.Backtest.Why)
	require.Equal(t, []string{"draft", "validated", "backtested"}, begun.steps())
	require.Equal(t, []string{"sales", "marketing"}, begun.Missing)
	r.eventually("it says what it waits for", func() bool {
		return r.countRuns(`WorkflowType = 'ModelRelease' AND SluiceStage = 'release: waits for sign-off by sales, marketing'`) == 1
	})
	version, candidate := r.live()
	require.Equal(t, []int{2, 0}, []int{version, candidate}, "nothing is live that nobody has signed off")
	require.Equal(t, []string{"marketing"}, r.approve("sales").Missing)
	r.approve("marketing")

	r.eventually("a shadow is there to be looked at", func() bool { return r.now().Difference != nil })
	shown := r.inCRM()
	require.Equal(t, "shadow", r.now().State, "the shadow was over before anybody looked")
	require.Equal(t, before, shown, "a shadow writes nothing")
	r.until("ab")
	r.eventually("the A/B has its share", func() bool { return r.versions()[3] > 0 })
	version, candidate = r.live()
	require.Equal(t, []int{2, 3}, []int{version, candidate})

	done := r.through("active")
	require.Equal(t, []string{"draft", "validated", "backtested", "approved", "approved", "signed_off", "shadow", "ab", "active", "through"}, done.steps())
	require.Equal(t, "dana@ours.example", done.Journal[0].Author)
	require.Equal(t, "by sales: fine with sales", done.Journal[3].Comment)
	require.NotNil(t, done.Difference)
	version, candidate = r.live()
	require.Equal(t, []int{3, 0}, []int{version, candidate})
	require.Equal(t, map[int]int{3: len(r.domains)}, r.versions())
	r.agrees()
	after := r.inCRM()
	require.NotEqual(t, before, after)
	require.Equal(t, calls, r.calls("apollo"), "no provider was asked")
	require.Empty(t, r.sandbox.CRM.Ledger().Duplicates())

	require.Equal(t, 3, r.explain(old.Domain).Model.Version, "the account of a run under way is scored anew like any other")
	require.Equal(t, old.WorkflowID, others[0].override("--tier", "Tier 1", "--reason", "they know us").WorkflowID)
	require.Equal(t, 2, r.explain(old.Domain).Model.Version, "the run itself keeps the version that it began with")
	require.NoError(t, r.sandbox.Faults.Clear("apollo"))
	r.eventually("the run that was under way ends", func() bool { return r.explain(old.Domain).Status == workflows.Completed })
	var c explain.Company
	r.starter("company", "add", "--crm-id", others[1].id, "--wait", "--json").ok().json(&c)
	require.Equal(t, 3, c.Model.Version, "whoever comes now has the new version")

	calls = r.calls()
	back := r.decide("rollback", "--wait")
	require.Equal(t, "rolled_back", back.State)
	require.True(t, back.Over)
	require.Equal(t, []string{"rolled_back", "through"}, back.steps()[10:])
	require.Equal(t, []string{"lee@ours.example", "because of rollback"}, []string{back.Journal[10].Author, back.Journal[10].Comment})
	version, candidate = r.live()
	require.Equal(t, []int{2, 0}, []int{version, candidate})
	require.Equal(t, before, r.inCRM(), "as it was")
	require.Equal(t, map[int]int{2: len(r.domains)}, r.versions())
	require.Equal(t, 2, r.explain(c.Domain).Model.Version, "who came meanwhile is scored anew")
	require.Equal(t, calls, r.calls(), "no provider was asked")
	require.Empty(t, r.sandbox.CRM.Ledger().Duplicates())

	for _, id := range []string{"release/revops@3", "release/revops@3/shadow", "release/revops@3/rescore"} {
		history := r.history(t.Context(), id)
		for _, word := range []string{"dana@", "sales@", "lee@", "fine with", "because of", "revenue tells more"} {
			require.NotContains(t, history, word, id)
		}
	}
}

// others are companies that vendors know and nobody has imported, with a record in the CRM.
func (r *releasing) others(n int) []subject {
	r.t.Helper()
	var found []subject
	oracle := r.adapters()
	for _, d := range r.world.domains(400)[len(r.domains):] {
		if len(found) < n && oracle.follow(r.t, d).score.Tier == "Tier 2" {
			found = append(found, subject{w: r.world, domain: d, id: r.sandbox.CRM.AddCompany("", d, nil)})
		}
	}
	require.Len(r.t, found, n)
	return found
}

func TestReleasesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.write("sluice.yaml", pipeline+quickRelease)
	w.startWorker()
	model := func(name string, pairs ...string) string {
		return w.write(name, strings.NewReplacer(pairs...).Replace(revops3(t)))
	}
	three := model("three.yaml", "", "")
	people, err := os.ReadFile(filepath.Join("..", "icp", "models", "contact-fit.yaml"))
	require.NoError(t, err)
	contacts := w.write("people.yaml", strings.Replace(string(people), "version: 1", "version: 9", 1))

	for name, tt := range map[string]struct {
		args   []string
		status int
		says   []string
	}{
		"a file that is none":      {[]string{"release", "none.yaml"}, 1, []string{"none.yaml"}},
		"a version that is none":   {[]string{"release", "revops@9"}, 1, []string{"version: revops@9 is not on record", "icp release FILE"}},
		"a name without a version": {[]string{"release", "revops"}, 2, []string{"which version"}},
		"the active version":       {[]string{"release", "revops@2"}, 1, []string{"version: revops@2 is active already"}},
		"a lower version":          {[]string{"release", model("one.yaml", "version: 3", "version: 1")}, 1, []string{"version: revops@1 is lower than revops@2", "raise `version:`"}},
		"a model of contacts":      {[]string{"release", contacts}, 1, []string{"subject: ", "contact_model"}},
		"a model that replaces none": {
			[]string{"release", model("other.yaml", "name: revops", "name: other")},
			1,
			[]string{"name: no version of other is active", "(revops)", "sluice.yaml"},
		},
		"an approval of none":     {[]string{"approve", "revops@3", "--role", "sales", "--by", "dana"}, 1, []string{"release: there is none of revops@3"}},
		"an approval by nobody":   {[]string{"approve", "revops@3", "--role", "sales"}, 2, []string{"--by"}},
		"a rejection without why": {[]string{"approve", "revops@3", "--role", "sales", "--by", "dana", "--reject"}, 2, []string{"--comment"}},
		"a rollback without why":  {[]string{"rollback", "revops", "--by", "dana"}, 2, []string{"--reason"}},
		"no model":                {[]string{"pause", "Revops!", "--by", "dana", "--reason", "x"}, 2, []string{"want NAME or NAME@VERSION"}},
	} {
		got := w.starter(append([]string{"icp"}, tt.args...)...)
		require.Equal(t, tt.status, got.status, "%s: %s", name, got.stderr)
		for _, says := range tt.says {
			require.Contains(t, got.stderr, says, name)
		}
	}
	_, err = w.store.Model(t.Context(), "revops", 1)
	require.Error(t, err, "nothing was kept of what was refused")
	all, err := w.store.Releases(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, all)

	var begun released
	w.starter("icp", "release", three, "--json").ok().json(&begun)
	require.Equal(t, "backtested", begun.State)
	require.Equal(t, "revops@acme.example", begun.Journal[0].Author, "the model's owner")
	var again released
	w.starter("icp", "release", "revops@3", "--json").ok().json(&again)
	require.Equal(t, begun.ID, again.ID, "given again it is the same")
	for name, tt := range map[string]struct {
		args []string
		says []string
	}{
		"another version meanwhile": {[]string{"release", model("four.yaml", "version: 3", "version: 4")}, []string{"name: the release of revops@3 is under way (backtested)", "icp withdraw revops@3"}},
		"another content":           {[]string{"release", model("edited.yaml", "points: 25", "points: 26")}, []string{"raise `version:`"}},
		"a role that is none":       {[]string{"approve", "revops@3", "--role", "finance", "--by", "dana"}, []string{`role: no role "finance" signs off revops@3: want sales or marketing`}},
		"no sign-off yet":           {[]string{"activate", "revops@3", "--by", "dana"}, []string{"state: revops@3 waits for its sign-off"}},
		"a resume of what goes on":  {[]string{"resume", "revops@3", "--by", "dana", "--reason", "x"}, []string{"state: revops@3 is not paused"}},
		"words without end":         {[]string{"pause", "revops@3", "--by", "dana", "--reason", strings.Repeat("x", 2001)}, []string{"reason: has 2001 characters"}},
	} {
		got := w.starter(append([]string{"icp"}, tt.args...)...)
		require.Equal(t, 1, got.status, "%s: %s", name, got.stdout)
		for _, says := range tt.says {
			require.Contains(t, got.stderr, says, name)
		}
	}
	w.starter("icp", "approve", "revops@3", "--role", "sales", "--by", "dana").ok()
	twice := w.starter("icp", "approve", "revops@3", "--role", "sales", "--by", "lee")
	require.Equal(t, 1, twice.status)
	require.Contains(t, twice.stderr, "role: sales has approved it already")

	w.starter("icp", "approve", "revops@3", "--role", "marketing", "--by", "lee", "--reject", "--comment", "not now").ok().mentions("rejected", "by marketing: not now")
	late := w.starter("icp", "withdraw", "revops@3", "--by", "dana", "--reason", "x")
	require.Equal(t, 1, late.status)
	require.Contains(t, late.stderr, "state: revops@3 has ended: it is rejected")
	w.eventually("nobody waits any more", func() bool { return w.countRuns(`ExecutionStatus = 'Running'`) == 0 })

	var next released // a rejected version may be released again
	w.starter("icp", "release", "revops@3", "--json").ok().json(&next)
	require.NotEqual(t, begun.ID, next.ID)
	require.Equal(t, []string{"sales", "marketing"}, next.Missing)
	var list struct{ Releases []json.RawMessage }
	w.starter("icp", "releases", "revops", "--json").ok().json(&list)
	require.Len(t, list.Releases, 2)
}

func (r result) mentions(words ...string) {
	r.t.Helper()
	for _, word := range words {
		require.Contains(r.t, r.stdout, word)
	}
}

func TestAWorkerThatIsKilledDuringAReleaseChangesNothingAboutIt(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, 40, strings.NewReplacer("shadow: 5s", "shadow: 2s", "for: 4s", "for: 2s").Replace(quickRelease))
	before := r.inCRM()
	tasks := len(r.tasks())
	require.NoError(t, r.sandbox.Faults.Set("hubspot", fault.Fault{LatencyMS: 150})) // so that there is something to be killed in
	id := r.begin().ID
	r.approve("sales")
	r.approve("marketing")
	restart := func(when string, reached func() bool) {
		r.eventually(when, reached)
		r.worker.kill()
		r.worker = r.startWorker()
	}
	published := func(least int) func() bool {
		return func() bool { return r.published(id) >= least }
	}
	restart("in the shadow", func() bool { return r.now().State == "shadow" })
	restart("while the A/B is written", published(1))
	r.until("active")
	restart("while all are written", published(25))
	done := r.through("active")
	require.Equal(t, []string{"draft", "validated", "backtested", "approved", "approved", "signed_off", "shadow", "ab", "active", "through"}, done.steps())
	require.Equal(t, map[int]int{3: len(r.domains)}, r.versions())
	r.agrees()
	r.onceEach(id, 1)
	require.Equal(t, done.Difference.Tasks, len(r.tasks())-tasks, "the tasks are those that were promised")

	require.NoError(t, r.sandbox.Faults.Set("hubspot", fault.Fault{LatencyMS: 150}))
	r.decide("rollback")
	restart("while it is taken back", func() bool { return r.versions()[2] > 0 })
	r.through("rolled_back")
	require.Equal(t, before, r.inCRM())
	require.Equal(t, map[int]int{2: len(r.domains)}, r.versions())
	r.onceEach(id, 2)
}

// What looks after an override may be older than the model.
func TestAnOverrideMayNameATierThatAReleaseHasBrought(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, 3, strings.NewReplacer("shadow: 5s", "shadow: 1s", "for: 4s", "for: 1s").Replace(quickRelease))
	next := strings.Replace(revops3(t), "tiers:\n", "tiers:\n  - {name: Tier 0, min: 80, queue: sdr-outreach}\n", 1)
	r.file = filepath.Join(t.TempDir(), "revops3.yaml")
	require.NoError(t, os.WriteFile(r.file, []byte(next), 0o600))
	r.starterWith([]string{"SLUICE_MODEL_DIR=" + filepath.Dir(r.file)}, "crm", "setup").ok() // room for it in the CRM
	s := subject{w: r.world, domain: r.domains[0], id: r.companyIDs(r.domains)[0]}
	was := s.override("--tier", "Tier 1", "--reason", "they know us", "--expires", "1h")
	r.begin()
	r.approve("sales")
	r.approve("marketing")
	r.through("active")

	now := s.override("--tier", "Tier 0", "--reason", "they know us well", "--expires", "1h")
	require.Equal(t, was.WorkflowID, now.WorkflowID)
	require.Equal(t, []string{store.ActiveOverride, "Tier 0"}, []string{now.State, now.Tier})
	require.Equal(t, "Tier 0", s.property("icp_tier"))
}

// published counts the accounts that have a score of the release.
func (r *releasing) published(id int64) int {
	n := 0
	for _, domain := range r.domains {
		if len(r.scoresOf(domain, id)) > 0 {
			n++
		}
	}
	return n
}

func (r *releasing) scoresOf(domain string, id int64) []store.ScoreRow {
	rows, err := r.store.Scores(r.t.Context(), r.explain(domain).AccountID)
	require.NoError(r.t, err)
	return slices.DeleteFunc(rows, func(row store.ScoreRow) bool { return row.RunID != store.ReleaseRun(id) })
}

// onceEach requires so many scores of the release for each account, and nothing twice in
// the CRM.
func (r *releasing) onceEach(id int64, scores int) {
	r.t.Helper()
	for _, domain := range r.domains {
		require.Len(r.t, r.scoresOf(domain, id), scores, domain)
	}
	require.Empty(r.t, r.sandbox.CRM.Ledger().Duplicates())
}

func TestTheGuardAndAPauseHoldARelease(t *testing.T) {
	t.Parallel()
	r := newReleasing(t, 12, strings.NewReplacer("tier_share: 1", "tier_share: 0", "shadow: 5s", "shadow: 1s", "for: 4s", "for: 1h").Replace(quickRelease))
	r.begin()
	r.approve("sales")
	r.approve("marketing")
	r.eventually("the guard stops it", func() bool { return r.now().Stopped != "" })
	stopped := r.now()
	require.Regexp(t, `^guard: \d+ of 12 accounts \(\d+ %\) would change tier, and 0 % may$`, stopped.Stopped)
	require.Contains(t, stopped.Next, "--despite-guard")
	front, _ := r.serve()
	_, told := get(t, front+"/metrics")
	require.Contains(t, told, `sluice_releases_waiting{reason="guard"} 1`)
	require.Contains(t, told, `sluice_releases{state="shadow"} 1`)
	require.Equal(t, map[int]int{2: 12}, r.versions())
	blind := r.starter("icp", "activate", "revops@3", "--by", "lee")
	require.Equal(t, 1, blind.status)
	require.Contains(t, blind.stderr, "state: revops@3 was stopped by the guard")

	on := r.starter("icp", "activate", "revops", "--by", "lee@ours.example", "--reason", "we know", "--despite-guard", "--wait").ok()
	on.mentions("A/B since", "Next: when the A/B is over")
	require.Equal(t, "despite the guard: we know", r.now().Journal[8].Comment)
	require.Contains(t, on.stderr, "revops@3 publishes the new scores of 50 % of the accounts")
	share := r.versions()
	require.Equal(t, 12, share[2]+share[3])
	require.NotZero(t, share[3])

	paused := r.decide("pause")
	require.True(t, paused.Paused)
	held := r.starter("icp", "activate", "revops@3", "--by", "lee")
	require.Equal(t, 1, held.status)
	require.Contains(t, held.stderr, "`starter icp resume revops@3` first")
	r.starter("icp", "releases").ok().mentions("revops@2 is live since", "revops@3 is tried on 50 % of the accounts", "A/B, paused")
	r.decide("resume")
	r.decide("withdraw", "--wait")
	require.Equal(t, map[int]int{2: 12}, r.versions())
	r.agrees()
	require.Equal(t, 1, r.starter("icp", "rollback", "revops@3", "--by", "lee", "--reason", "x").status)
}
