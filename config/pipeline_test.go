package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/waterfall"
)

// good is a file that every bad one departs from in one place.
const good = `model: revops
providers:
  - name: apollo
    trust: 0.9
    credits: 2
    rate: 5
    daily: 500
    ttl: 14d
    timeout: 10s
    breaker: {failures: 3, cool_down: 5m}
  - name: website
budgets:
  company: 10
  import: 20k
  day: 1_000
late_fill:
  returns: 3
  within: 12h
  wait: 1m
crm: {rate: 9.5, search_rate: 2, contacts: 50}
routes:
  sdr-outreach:
    keep_owner: false
    owners:
      - id: "7001"
        capacity: 25
        territory: {country: [US, CA], technologies: [hubspot]}
      - id: "7002"
  low-touch: {}
`

func parse(t *testing.T, source string) config.Pipeline {
	t.Helper()
	p, err := config.ParsePipeline("sluice.yaml", []byte(source))
	require.NoError(t, err)
	return p
}

func TestParsePipeline(t *testing.T) {
	t.Parallel()
	p := parse(t, good)
	require.Equal(t, []string{"revops"}, p.Models)
	require.Equal(t, []config.Provider{
		{
			Name: "apollo", Trust: 0.9, Credits: 2, Rate: 5, Daily: 500, TTL: 14 * 24 * time.Hour,
			Timeout: 10 * time.Second, Failures: 3, CoolDown: 5 * time.Minute,
		},
		{Name: "website"},
	}, p.Providers)
	require.Equal(t, config.Budgets{Company: 10, Import: 20_000, Day: 1000}, p.Budgets)
	require.Equal(t, config.LateFill{Returns: 3, Within: 12 * time.Hour, Wait: time.Minute}, p.LateFill)
	require.Equal(t, config.CRM{Rate: 9.5, SearchRate: 2, Contacts: 50}, p.CRM)
	require.Equal(t, map[string]routing.Queue{
		"sdr-outreach": {Owners: []routing.Owner{
			{ID: "7001", Capacity: 25, Territory: []routing.Match{
				{Field: account.Country, AnyOf: []string{"US", "CA"}}, {Field: account.Technologies, AnyOf: []string{"hubspot"}},
			}},
			{ID: "7002"},
		}},
		"low-touch": {KeepOwner: true},
	}, p.Routes.Queues)
	require.Equal(t, waterfall.Budgets{Company: 10, Import: 20_000, Day: 1000, Provider: map[string]float64{"apollo": 500}}, p.BuildBudgets())
}

func TestParsePipelineDefaults(t *testing.T) {
	t.Parallel()
	p := parse(t, "model: revops\nproviders: [{name: website}]\n")
	require.Equal(t, config.LateFill{Returns: 8, Within: 24 * time.Hour, Wait: 30 * time.Second}, p.LateFill)
	require.Zero(t, p.Budgets)
	require.Zero(t, p.CRM)
	require.Equal(t, "contact-fit", p.ContactModel)
	require.Empty(t, p.Routes.Queues)
	require.Equal(t, 5, p.Providers[0].InFlight())
}

func TestNorwayIsACountry(t *testing.T) {
	t.Parallel()
	p := parse(t, strings.Replace(good, "[US, CA]", "[NO, ON, Y]", 1))
	require.Equal(t, []string{"NO", "ON", "Y"}, p.Routes.Queues["sdr-outreach"].Owners[0].Territory[0].AnyOf)
}

func TestLateFillCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	p := parse(t, strings.NewReplacer("returns: 3", "returns: 0", "cool_down: 5m", "cool_down: 13h").Replace(good))
	require.Zero(t, p.LateFill.Returns)
}

// TestShippedPipeline holds that the repository's own sluice.yaml says what the
// README says of it.
func TestShippedPipeline(t *testing.T) {
	t.Parallel()
	p, err := config.LoadPipeline("../sluice.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"revops"}, p.Models)
	var names []string
	for _, step := range p.Providers {
		require.Equal(t, config.Provider{Name: step.Name}, step, "everything else is the provider's own default")
		names = append(names, step.Name)
	}
	require.Equal(t, []string{"apollo", "clearbit", "hunter", "pdl", "builtwith", "website"}, names)
	require.Equal(t, config.Budgets{Company: 10, Import: 20_000, Day: 10_000}, p.Budgets)
	require.Equal(t, config.LateFill{Returns: 8, Within: 24 * time.Hour, Wait: 30 * time.Second}, p.LateFill)
	require.Equal(t, config.CRM{Rate: 15, SearchRate: 4}, p.CRM)
	require.Equal(t, map[string]routing.Queue{"sdr-outreach": {KeepOwner: true}}, p.Routes.Queues)
}

// TestPipelinesOfTheRepository holds that each fits the model that it names.
func TestPipelinesOfTheRepository(t *testing.T) {
	t.Parallel()
	models, err := config.LoadModels("")
	require.NoError(t, err)
	for _, file := range []string{"../sluice.yaml", "../demo/sluice.yaml"} {
		p, err := config.LoadPipeline(file)
		require.NoError(t, err)
		_, err = p.ActiveModels(models)
		require.NoError(t, err)
		m, err := p.ActiveContactModel(models)
		require.NoError(t, err)
		require.Equal(t, icp.SubjectContact, m.Subject)
	}
}

// TestPipelineMistakes has a file for each rule: the good one with one text replaced.
func TestPipelineMistakes(t *testing.T) {
	t.Parallel()
	const known = "want apollo or clearbit or hunter or pdl or builtwith or theirstack or website"
	const words = "want lower-case letters, digits, - and _, at most 64"
	tests := []struct{ name, old, new, want string }{
		// the file
		{"empty", good, "", "1:1: the file is empty; docs/operations.md shows a pipeline"},
		{"a list", good, "- model\n", "1:1: want a mapping, have a list"},
		{"a second document", "  low-touch: {}\n", "---\nmodel: other\n", "29:1: a second document; a file holds one pipeline, so remove the --- and what follows"},
		{"a tab", "  company: 10", "\tcompany: 10", "13:1: not YAML: a tab; indent with spaces"},
		{"an anchor", "rate: 5", "rate: &r 5", "6:11: anchors (&name) are not used in pipelines; remove it"},
		{"not UTF-8", "model: revops", "model: r\xff", "1:9: not a text file in UTF-8: unreadable character"},

		// keys
		{"an unknown key, near a known one", "budgets:", "budget:", "12:1: budget: unknown key (did you mean budgets?)"},
		{"an unknown key, near none", "crm: {", "retries: {", "20:1: retries: unknown key; known: model, segment_models, contact_model, providers, budgets, late_fill, crm, routes, signals, release, review"},
		{"an unknown key of a provider", "trust: 0.9", "weight: 0.9", "4:5: providers[0].weight: unknown key; known: name, trust, credits, rate, daily, ttl, timeout, breaker"},
		{"a misspelt key of a breaker", "cool_down: 5m", "cooldown: 5m", "10:28: providers[0].breaker.cooldown: unknown key (did you mean cool_down?)"},
		{"a misspelt key of late fill", "  returns: 3", "  return: 3", "17:3: late_fill.return: unknown key (did you mean returns?)"},
		{"a misspelt key of a queue", "keep_owner: false", "keep_owners: false", "23:5: routes.sdr-outreach.keep_owners: unknown key (did you mean keep_owner?)"},
		{"a misspelt key of an owner", "capacity: 25", "capcity: 25", "26:9: routes.sdr-outreach.owners[0].capcity: unknown key (did you mean capacity?)"},
		{"a key twice", "late_fill:", "budgets:", "16:1: budgets: the key stands here twice; the first is in line 13"},
		{"a queue twice", "low-touch: {}", "sdr-outreach: {}", "29:3: routes.sdr-outreach: the key stands here twice; the first is in line 23"},
		{"no model", "model: revops\n", "", "1:1: missing key model"},
		{"no providers", good[strings.Index(good, "providers:"):strings.Index(good, "budgets:")], "", "1:1: missing key providers"},
		{"a provider without a name", "name: website", "trust: 1", "11:5: providers[1]: missing key name"},
		{"an owner without an id", `id: "7002"`, "capacity: 3", "28:9: routes.sdr-outreach.owners[1]: missing key id"},

		// providers
		{"a model that is no word", "model: revops", "model: Rev Ops", `1:8: model: "Rev Ops": ` + words},
		{"an empty list of providers", good[strings.Index(good, "providers:"):strings.Index(good, "budgets:")], "providers: []\n", "2:12: providers: must not be empty"},
		{"one provider without a list", good[strings.Index(good, "providers:"):strings.Index(good, "budgets:")], "providers: apollo\n", `2:12: providers: want a list, have the text "apollo"`},
		{"a provider by its bare name", "- name: website", "- website", `11:5: providers[1]: want a mapping, have the text "website"`},
		{"a misspelt provider", "name: website", "name: websit", `11:11: providers[1].name: "websit": ` + known + " (did you mean website?)"},
		{"an unknown provider", "name: website", "name: zoominfo", `11:11: providers[1].name: "zoominfo": ` + known},
		{"the same provider twice", "name: website", "name: apollo", `11:11: providers[1].name: "apollo" is already in the list`},
		{"trust above 1", "trust: 0.9", "trust: 90", "4:12: providers[0].trust: 90 is outside 0 to 1"},
		{"trust of 0", "trust: 0.9", "trust: 0", "4:12: providers[0].trust: must be above 0"},
		{"trust in words", "trust: 0.9", "trust: high", `4:12: providers[0].trust: want a number from 0 to 1, have the text "high"`},
		{"a negative price", "credits: 2", "credits: -1", "5:14: providers[0].credits: -1 is outside 0 to 1M"},
		{"a price of 0", "credits: 2", "credits: 0", "5:14: providers[0].credits: must be above 0; leave the key out for what its documentation says"},
		{"a price above the company's budget", "credits: 2", "credits: 11", "5:14: providers[0].credits: an answer costs 11 credits, which budgets.company (10) never allows"},
		{"a company budget below a documented price", "company: 10", "company: 0.5", "5:14: providers[0].credits: an answer costs 2 credits, which budgets.company (0.5) never allows"},
		{"a daily bound below the price", "daily: 500", "daily: 1", "5:14: providers[0].credits: an answer costs 2 credits, which daily (1) never allows"},
		{"no pace", "rate: 5", "rate: 0", "6:11: providers[0].rate: 0 is outside 0.01 to 10000"},
		{"a pace per minute", "rate: 5", "rate: 5/m", `6:11: providers[0].rate: want a number such as 50, 10k, 1.5M or 2B, have the text "5/m"`},
		{"a daily bound of 0", "daily: 500", "daily: 0", "7:12: providers[0].daily: must be above 0; leave the key out for no bound"},
		{"a time to live without a unit", "ttl: 14d", "ttl: 14", "8:10: providers[0].ttl: want a number of hours or days, such as 12h or 90d, have 14"},
		{"a time to live of a century", "ttl: 14d", "ttl: 36500d", "8:10: providers[0].ttl: 36500d is longer than 3660d"},
		{"a time-out in minutes", "timeout: 10s", "timeout: 1m", `9:14: providers[0].timeout: want a number of seconds, such as 30s, have the text "1m"`},
		{"a time-out that an attempt does not have", "timeout: 10s", "timeout: 21s", "9:14: providers[0].timeout: 21s is longer than 20s, which one attempt has"},
		{"a breaker that never closes", "failures: 3", "failures: 0", "10:25: providers[0].breaker.failures: 0 is outside 1 to 100"},
		{"a breaker that is a number", "breaker: {failures: 3, cool_down: 5m}", "breaker: 3", "10:14: providers[0].breaker: want a mapping, have 3"},
		{"a cool-down in days", "cool_down: 5m", "cool_down: 1d", `10:39: providers[0].breaker.cool_down: want a number of seconds or minutes or hours, such as 30s or 5m or 12h, have the text "1d"`},
		{"a cool-down longer than runs wait", "cool_down: 5m", "cool_down: 13h", "10:39: providers[0].breaker.cool_down: 13h is longer than late_fill.within (12h), so no run would come back for it"},

		// budgets, late fill and the CRM
		{"a negative budget", "company: 10", "company: -10", "13:12: budgets.company: -10 is outside 0 to 1M"},
		{"a budget of 0", "day: 1_000", "day: 0", "15:8: budgets.day: must be above 0; leave the key out for no bound"},
		{"a budget in money", "import: 20k", "import: $20k", `14:11: budgets.import: want a number such as 50, 10k, 1.5M or 2B, have the text "$20k"`},
		{"a budget in quotes", "import: 20k", `import: "20k"`, `14:11: budgets.import: want a number such as 50, 10k, 1.5M or 2B, have the text "20k"`},
		{"budgets that are a number", good[strings.Index(good, "budgets:"):strings.Index(good, "late_fill:")], "budgets: 10\n", "12:10: budgets: want a mapping, have 10"},
		{"half a return", "returns: 3", "returns: 2.5", "17:12: late_fill.returns: want a whole number, have 2.5"},
		{"returns without end", "returns: 3", "returns: 101", "17:12: late_fill.returns: 101 is outside 0 to 100"},
		{"no time to return in", "within: 12h", "within: 0h", `18:11: late_fill.within: want a number of minutes or hours or days, such as 5m or 12h or 90d, have the text "0h"`},
		{"a wait longer than all returns", "wait: 1m", "wait: 13h", "19:9: late_fill.wait: 13h is longer than late_fill.within (12h), so no run would come back"},
		{"a CRM without a pace", "rate: 9.5", "rate: 0", "20:13: crm.rate: 0 is outside 0.1 to 10000"},
		{"no contacts", "contacts: 50", "contacts: 0", "20:44: crm.contacts: 0 is outside 1 to 1000"},
		{"a contact model in capitals", "model: revops", "model: revops\ncontact_model: Contact Fit", `2:16: contact_model: "Contact Fit": ` + words},
		{"a CRM search pace in words", "search_rate: 2", "search_rate: slow", `20:31: crm.search_rate: want a number such as 50, 10k, 1.5M or 2B, have the text "slow"`},

		// routes
		{"a queue that is no word", "low-touch: {}", "Low touch: {}", `29:3: routes.Low touch: "Low touch": ` + words},
		{"a queue that is nothing", "low-touch: {}", "low-touch:", "29:13: routes.low-touch: want a mapping, have nothing"},
		{"owners that are no list", "low-touch: {}", `low-touch: {owners: "7001"}`, `29:23: routes.low-touch.owners: want a list, have the text "7001"`},
		{"keep_owner in words", "keep_owner: false", "keep_owner: never", `23:17: routes.sdr-outreach.keep_owner: want true or false, have the text "never"`},
		{"an owner's id without quotes", `id: "7002"`, "id: 7002", "28:13: routes.sdr-outreach.owners[1].id: want a text (in quotes, if that is what it is), have 7002"},
		{"the same owner twice", `id: "7002"`, `id: "7001"`, `28:13: routes.sdr-outreach.owners[1].id: "7001" is already in the list`},
		{"a negative capacity", "capacity: 25", "capacity: -1", "26:19: routes.sdr-outreach.owners[0].capacity: -1 is outside 0 to 100000"},
		{"a misspelt territory", "{country: [US, CA]", "{contry: [US, CA]", "27:21: routes.sdr-outreach.owners[0].territory.contry: unknown key (did you mean country?)"},
		{"a territory by a number", "{country: [US, CA]", "{employees: [50]", "27:21: routes.sdr-outreach.owners[0].territory.employees: unknown key; known: business_model, city, company_status, company_type, country, description, domain, funding_stage, industry, linkedin_url, name, state, tags, technologies"},
		{"a territory without brackets", "[US, CA]", "US", `27:30: routes.sdr-outreach.owners[0].territory.country: want a list, have the text "US"`},
		{"a territory of nothing", "[US, CA]", "[]", "27:30: routes.sdr-outreach.owners[0].territory.country: must not be empty"},
		{"yes or no among countries", "[US, CA]", "[US, false]", "27:35: routes.sdr-outreach.owners[0].territory.country[1]: want a text (in quotes, if that is what it is), have false"},
		{"a country twice", "[US, CA]", "[US, us]", `27:35: routes.sdr-outreach.owners[0].territory.country[1]: "us" is already in the list`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(good, tt.old), "the text to replace is not there once")
			_, err := config.ParsePipeline("p", []byte(strings.Replace(good, tt.old, tt.new, 1)))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.EqualError(t, err, "p:"+tt.want)
		})
	}
}

// TestAllPipelineMistakesAtOnce holds that one reading names all mistakes, in the
// order of the file, and none that follows from another.
func TestAllPipelineMistakesAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.ParsePipeline("sluice.yaml", []byte(`modl: revops
providers:
  - {name: appollo, rate: fast, credits: 5}
  - {name: pdl, timeout: 60s, breaker: {failure: 3}}
  - {name: pdl}
budgets: {company: lots, dya: 3}
late_fill: {within: 90s}
routes:
  sdr-outreach: {owners: [{id: 1}, {capacity: 1}]}
`))
	require.Equal(t, []string{
		`sluice.yaml:1:1: modl: unknown key (did you mean model?)`,
		`sluice.yaml:3:12: providers[0].name: "appollo": want apollo or clearbit or hunter or pdl or builtwith or theirstack or website (did you mean apollo?)`,
		`sluice.yaml:3:27: providers[0].rate: want a number such as 50, 10k, 1.5M or 2B, have the text "fast"`,
		`sluice.yaml:4:26: providers[1].timeout: 60s is longer than 20s, which one attempt has`,
		`sluice.yaml:4:41: providers[1].breaker.failure: unknown key (did you mean failures?)`,
		`sluice.yaml:5:12: providers[2].name: "pdl" is already in the list`,
		`sluice.yaml:6:20: budgets.company: want a number such as 50, 10k, 1.5M or 2B, have the text "lots"`,
		`sluice.yaml:6:26: budgets.dya: unknown key (did you mean day?)`,
		`sluice.yaml:7:21: late_fill.within: want a number of minutes or hours or days, such as 5m or 12h or 90d, have the text "90s"`,
		`sluice.yaml:9:32: routes.sdr-outreach.owners[0].id: want a text (in quotes, if that is what it is), have 1`,
		`sluice.yaml:9:36: routes.sdr-outreach.owners[1]: missing key id`,
	}, strings.Split(err.Error(), "\n"))
}

// TestActiveModel holds the pipeline against the model: what the one names, the
// other must have.
func TestActiveModel(t *testing.T) {
	t.Parallel()
	revops, err := icp.Load("revops")
	require.NoError(t, err)
	contacts, err := icp.Load("contact-fit")
	require.NoError(t, err)
	models := map[string]*icp.Model{"revops": revops, "contact-fit": contacts}
	const queues = "sdr-outreach, marketing-nurture, low-touch, disqualified, exploration"
	tests := []struct{ name, old, new, want string }{
		{"a misspelt model", "model: revops", "model: revosp", `p:1:8: model: no model is called "revosp" (did you mean revops?); shipped and in SLUICE_MODEL_DIR: contact-fit, revops`},
		{"a model of contacts", "model: revops", "model: contact-fit", `p:1:8: model: contact-fit@1 rates contacts; runs are of companies`},
		{"an unknown model", "model: revops", "model: other", `p:1:8: model: no model is called "other"; shipped and in SLUICE_MODEL_DIR: contact-fit, revops`},
		{"a misspelt queue", "low-touch: {}", "low-tuoch: {}", `p:29:3: routes.low-tuoch: revops@2 has no queue "low-tuoch" (did you mean low-touch?); its queues: ` + queues},
		{"an unknown queue", "low-touch: {}", "partners: {}", `p:29:3: routes.partners: revops@2 has no queue "partners"; its queues: ` + queues},
		{
			"two unknown queues, in the order of the file", "low-touch: {}", "zeta: {}\n  alpha: {}",
			`p:29:3: routes.zeta: revops@2 has no queue "zeta"; its queues: ` + queues + "\n" +
				`p:30:3: routes.alpha: revops@2 has no queue "alpha"; its queues: ` + queues,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(good, tt.old), "the text to replace is not there once")
			p, err := config.ParsePipeline("p", []byte(strings.Replace(good, tt.old, tt.new, 1)))
			require.NoError(t, err)
			_, err = p.ActiveModels(models)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.EqualError(t, err, tt.want)
		})
	}
	p := parse(t, strings.Replace(good, "low-touch: {}", "exploration: {}", 1))
	active, err := p.ActiveModels(models)
	require.NoError(t, err, "the exploration queue is one of the model's")
	require.Equal(t, []*icp.Model{revops}, active)
}

func TestActiveContactModel(t *testing.T) {
	t.Parallel()
	models, err := config.LoadModels("")
	require.NoError(t, err)
	tests := []struct{ name, give, want string }{
		{"a misspelt model", "contact-fti", `p:2:16: contact_model: no model is called "contact-fti" (did you mean contact-fit?); models for contacts, shipped and in SLUICE_MODEL_DIR: contact-fit`},
		{"a model for companies", "revops", `p:2:16: contact_model: revops@2 rates companies; a model for contacts begins with ` + "`subject: contact`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := config.ParsePipeline("p", []byte("model: revops\ncontact_model: "+tt.give+"\nproviders: [{name: website}]\n"))
			require.NoError(t, err)
			_, err = p.ActiveContactModel(models)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.EqualError(t, err, tt.want)
		})
	}
	off, err := parse(t, "model: revops\ncontact_model: off\nproviders: [{name: website}]\n").ActiveContactModel(models)
	require.NoError(t, err)
	require.Nil(t, off)
	named, err := parse(t, "model: revops\ncontact_model: contact-fit\nproviders: [{name: website}]\n").ActiveContactModel(models)
	require.NoError(t, err)
	require.Same(t, models["contact-fit"], named)
}

func TestLoadPipelineSaysWhatToDoWithoutAFile(t *testing.T) {
	t.Parallel()
	_, err := config.LoadPipeline("nowhere.yaml")
	require.EqualError(t, err, "no pipeline file nowhere.yaml: copy the sluice.yaml that Sluice comes with, or set SLUICE_CONFIG")
	_, err = config.LoadPipeline(t.TempDir())
	require.ErrorContains(t, err, "read pipeline: ")
}

// FuzzPipeline holds that no file makes ParsePipeline panic, and that what it
// accepts is within bounds. Run it with -fuzzminimizetime 10x.
func FuzzPipeline(f *testing.F) {
	shipped, err := os.ReadFile("../sluice.yaml")
	require.NoError(f, err)
	for _, seed := range []string{good, string(shipped), "model: revops\nproviders: [{name: website}]\n", "routes: {a: {owners: [{territory: {}}]}}", "providers: [*a]", "routes:\n  ? [x]\n  : y\n"} {
		f.Add(seed)
	}
	revops, err := icp.Load("revops")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, source string) {
		p, err := config.ParsePipeline("p", []byte(source))
		if err != nil {
			require.ErrorIs(t, err, account.ErrInvalid)
			return
		}
		require.NotEmpty(t, p.Models)
		require.NotEmpty(t, p.Providers)
		for _, step := range p.Providers {
			_, err := config.BuildProvider(step)
			require.NoError(t, err)
			require.Positive(t, step.InFlight())
		}
		_, _ = p.ActiveModels(map[string]*icp.Model{"revops": revops})
		p.BuildBudgets()
	})
}
