package activities_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/crm/hubspot"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/providers"
	"github.com/sluicehq/sluice/providers/registry"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

// companies is the whole world of these tests. With the model revops, acme has 80
// points thanks to its round of a month ago, bolt the 65 of a perfect company
// without a trigger, and dust next to nothing.
const companies = `domain,name,industry,employees,revenue_usd,country,state,city,technologies,funding_stage,funding_total_usd,last_funding_days_ago,known_to
acme.example,Acme Analytics,saas,120,5000000,US,California,Oakland,hubspot;segment,series_a,9000000,30,
bolt.example,Bolt Systems,saas,200,6000000,US,Texas,Austin,salesforce;segment,,,,
cove.example,Cove Labs,saas,,4000000,US,Ohio,Akron,hubspot,,,,
dust.example,Dust Quarries,construction,9,400000,FR,,Lyon,wordpress,,,,
nobody.example,Nobody Knows,saas,80,2000000,US,Iowa,Ames,hubspot,,,,nobody
`

// Of every activity in the SDK's test environment.
const runID = "default-test-run-id"

// trip is how many failures in a row open a provider's breaker here.
const trip = 3

// bundle is one test's world: a database, the vendors and a CRM of its own.
type bundle struct {
	*activities.Activities
	store *store.Store
	world *sandbox.Server
	model *icp.Model
	env   *testsuite.TestActivityEnvironment

	setupRequests int // that reached the CRM before the test began
}

func setup(t *testing.T) *bundle {
	t.Helper()
	table, _, err := sandbox.Load(strings.NewReader(companies))
	require.NoError(t, err)
	world, err := sandbox.Start(sandbox.Options{Table: table})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Close(context.WithoutCancel(t.Context()))) })
	m, err := icp.Load("revops")
	require.NoError(t, err)
	b := &bundle{store: storetest.New(t), world: world, model: m}
	b.release(t, m)
	b.Activities = &activities.Activities{
		Store: b.store, CRM: b.client(t), Providers: map[string]activities.Source{},
		Order:    []string{"apollo", "clearbit", "hunter", "pdl", "builtwith"},
		LateFill: activities.LateFill{Returns: 3, Within: time.Hour, Wait: time.Second},
	}
	for _, name := range []string{"apollo", "clearbit", "pdl", "builtwith"} { // hunter is without a key
		b.Providers[name] = b.source(t, name)
	}
	b.env = b.environment()
	b.setupRequests = b.requests("hubspot")
	return b
}

// release makes the model the one that scores.
func (b *bundle) release(t *testing.T, m *icp.Model) {
	t.Helper()
	b.model = m
	require.NoError(t, b.store.SaveModel(t.Context(), m.Name, m.Version, m.Subject, []byte(m.Source)))
	require.NoError(t, b.store.ActivateModels(t.Context(), m.Subject, activities.ModelRef{Name: m.Name, Version: m.Version}))
}

// client returns the CRM, with its properties in place.
func (b *bundle) client(t *testing.T, opts ...outbound.Option) *hubspot.Client {
	t.Helper()
	c, err := hubspot.New(hubspot.Config{
		BaseURL: b.world.URL + "/hubspot", Token: sandbox.Key, Portal: b.world.CRM.Portal(),
		Rate: 10_000, SearchRate: 10_000, Options: opts,
	})
	require.NoError(t, err)
	var tiers []string
	for _, tier := range b.model.Tiers {
		tiers = append(tiers, tier.Name)
	}
	_, err = c.EnsureProperties(t.Context(), crm.Properties(tiers, config.Queues(b.model)))
	require.NoError(t, err)
	b.world.CRM.ResetLedger()
	return c
}

func (b *bundle) source(t *testing.T, name string) activities.Source {
	t.Helper()
	spec, ok := registry.Get(name)
	require.True(t, ok, name)
	p, err := spec.New(providers.Config{
		BaseURL: b.world.URL + "/" + name, Key: sandbox.Key,
		Options: []outbound.Option{outbound.WithTrip(trip), outbound.WithCoolDown(time.Minute)},
	})
	require.NoError(t, err)
	return activities.Source{Provider: p, Spec: spec, Trust: 1, Price: spec.HitCredits, TTL: spec.TTL}
}

// environment runs activities one after the other, as different activities of one
// run. A new one begins with the ids of the same activities again.
func (b *bundle) environment() *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(b.Activities)
	return env
}

// within is an environment whose activities end with the context.
func (b *bundle) within(ctx context.Context) *testsuite.TestActivityEnvironment {
	return b.environment().SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
}

// run executes an activity and reads its result as a workflow would.
func run[Out any](env *testsuite.TestActivityEnvironment, activity, in any) (Out, error) {
	var out Out
	value, err := env.ExecuteActivity(activity, in)
	if err != nil {
		return out, err
	}
	return out, value.Get(&out)
}

func (b *bundle) identify(in activities.IdentifyInput) (activities.IdentifyResult, error) {
	return run[activities.IdentifyResult](b.env, b.Identify, in)
}

func (b *bundle) ask(in activities.AskInput) (activities.AskResult, error) {
	return run[activities.AskResult](b.env, b.Ask, in)
}

func (b *bundle) score(in activities.ScoreInput) (activities.ScoreResult, error) {
	return run[activities.ScoreResult](b.env, b.Score, in)
}

func (b *bundle) apply(in activities.ApplyInput) (activities.ApplyResult, error) {
	return run[activities.ApplyResult](b.env, b.Apply, in)
}

// record adds a company to the CRM and returns its key.
func (b *bundle) record(name, domain string) account.Key {
	return account.Key{CRM: hubspot.Name, Portal: b.world.CRM.Portal(), ID: b.world.CRM.AddCompany(name, domain, nil)}
}

// known returns a company of a CRM record of its own, identified.
func (b *bundle) known(t *testing.T, domain string) activities.IdentifyResult {
	t.Helper()
	who, err := b.identify(activities.IdentifyInput{Key: b.record("The "+domain, domain)})
	require.NoError(t, err)
	return who
}

func question(who activities.IdentifyResult, provider string) activities.AskInput {
	return activities.AskInput{AccountID: who.AccountID, Provider: provider, Plan: who.Plan}
}

func (b *bundle) set(t *testing.T, service string, f fault.Fault) {
	t.Helper()
	require.NoError(t, b.world.Faults.Set(service, f))
}

// requests is how often a service was called.
func (b *bundle) requests(service string) int { return b.world.Faults.Counters()[service].Requests }

// charged is what the service would bill.
func (b *bundle) charged(service string) float64 { return b.world.Faults.Counters()[service].Credits }

// line is what matters of a line of the ledger.
type line struct {
	Provider string
	Outcome  outbound.Outcome
	Credits  float64
}

func (b *bundle) ledger(t *testing.T, accountID int64) []line {
	t.Helper()
	calls, err := b.store.Calls(t.Context(), accountID, "")
	require.NoError(t, err)
	lines := make([]line, len(calls))
	for i, c := range calls {
		lines[i] = line{c.Provider, c.Outcome, c.Credits}
	}
	return lines
}

// facts returns the fields that a provider has filled for the account.
func (b *bundle) facts(t *testing.T, accountID int64, provider string) []account.Field {
	t.Helper()
	facts, err := b.store.Facts(t.Context(), accountID)
	require.NoError(t, err)
	var fields []account.Field
	for _, f := range facts {
		if f.Provider == provider {
			fields = append(fields, f.Field)
		}
	}
	slices.Sort(fields)
	return fields
}

// hint is when to come back.
type hint struct {
	delay time.Duration // of the retry; 0: the policy decides
	after time.Duration // as the workflow reads it
}

// retried and final require an error of the type that is or is not repeated.
func retried(t *testing.T, err error, kind string) hint {
	t.Helper()
	e := failed(t, err, kind)
	require.False(t, e.NonRetryable(), "%v is to be retried", err)
	return hintOf(t, e)
}

func final(t *testing.T, err error, kind string) hint {
	t.Helper()
	e := failed(t, err, kind)
	require.True(t, e.NonRetryable(), "%v is not to be retried", err)
	return hintOf(t, e)
}

func failed(t *testing.T, err error, kind string) *temporal.ApplicationError {
	t.Helper()
	var e *temporal.ApplicationError
	require.ErrorAs(t, err, &e)
	require.Equal(t, kind, e.Type())
	return e
}

func hintOf(t *testing.T, e *temporal.ApplicationError) hint {
	t.Helper()
	h := hint{delay: e.NextRetryDelay()}
	if e.HasDetails() {
		require.NoError(t, e.Details(&h.after))
	}
	return h
}

// owners gives the queue to the people of the sandbox's CRM.
func owners(keep bool, ids ...string) routing.Queue {
	q := routing.Queue{KeepOwner: keep}
	for _, id := range ids {
		q.Owners = append(q.Owners, routing.Owner{ID: id})
	}
	return q
}
