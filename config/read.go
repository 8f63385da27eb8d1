package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/providers/registry"
	"github.com/sluicehq/sluice/routing"
	"github.com/sluicehq/sluice/strictyaml"
)

// LoadPipeline reads a pipeline file. Its error is a [strictyaml.Error] with every
// mistake of the file and its place.
func LoadPipeline(file string) (Pipeline, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Pipeline{}, fmt.Errorf("no pipeline file %s: copy the sluice.yaml that Sluice comes with, or set SLUICE_CONFIG", file)
	}
	if err != nil {
		return Pipeline{}, fmt.Errorf("read pipeline: %w", err)
	}
	return ParsePipeline(file, data)
}

// ParsePipeline reads a pipeline; name is what its mistakes call the file.
func ParsePipeline(name string, data []byte) (Pipeline, error) {
	r := strictyaml.New(name, "pipeline", "docs/operations.md")
	root := r.Document(data).Object("model", "segment_models", "contact_model", "providers", "budgets", "late_fill", "crm", "routes", "signals", "release", "review", "reconcile")
	p := Pipeline{
		Budgets:  readBudgets(root.Get("budgets")),
		LateFill: readLateFill(root.Get("late_fill")),
		CRM:      readCRM(root.Get("crm")),
		Signals:  readSignals(root.Get("signals")),
		Releases: readReleases(root.Get("release")),

		Reconcile: readReconcile(root.Get("reconcile")),
	}
	p.Review = readReview(root.Get("review"), p.Signals.Night)
	p.modelsAt = append([]strictyaml.Value{root.Need("model")}, root.Get("segment_models").List(50)...)
	for _, at := range p.modelsAt {
		p.Models = append(p.Models, at.Word())
	}
	strictyaml.Unique(p.modelsAt, strictyaml.Exactly)
	p.ContactModel, p.contactAt = readContactModel(root)
	p.Providers = p.readProviders(root.Need("providers"))
	p.Routes, p.queueAt = readRoutes(root.Get("routes"))
	return p, r.Err()
}

// readProviders comes after budgets and late fill, which providers have to fit into.
func (p Pipeline) readProviders(v strictyaml.Value) []Provider {
	items := v.Some(50)
	steps, names := make([]Provider, len(items)), make([]strictyaml.Value, len(items))
	for i, item := range items {
		steps[i], names[i] = p.readProvider(item)
	}
	strictyaml.Unique(names, strictyaml.Exactly)
	return steps
}

// unbounded is what leaving out a bound on spending means.
const unbounded = "no bound"

// longestCall leaves room in the activity's own time-out for storing the answer.
const longestCall = 20 * time.Second

// readProvider also returns the place of its name.
func (p Pipeline) readProvider(v strictyaml.Value) (step Provider, name strictyaml.Value) {
	o := v.Object("name", "trust", "credits", "rate", "daily", "ttl", "timeout", "breaker")
	breaker := o.Get("breaker").Object("failures", "cool_down")
	step = Provider{
		Name:     o.Need("name").OneOf(providerNames()...),
		Trust:    o.Get("trust").Share(false),
		Credits:  o.Get("credits").Positive(1e6, "what its documentation says"),
		Rate:     o.Get("rate").Amount(0.01, 10_000),
		Daily:    o.Get("daily").Positive(1e9, unbounded),
		TTL:      o.Get("ttl").Duration("hd"),
		Timeout:  o.Get("timeout").Duration("s"),
		Failures: breaker.Get("failures").Integer(1, 100),
		CoolDown: breaker.Get("cool_down").Duration("smh"),
	}
	if step.Timeout > longestCall {
		o.Get("timeout").Fail("%s is longer than %s, which one attempt has", strictyaml.FormatDuration(step.Timeout), strictyaml.FormatDuration(longestCall))
	}
	if fill := p.LateFill; fill.Returns > 0 && fill.Within > 0 && step.CoolDown > fill.Within {
		breaker.Get("cool_down").Fail("%s is longer than late_fill.within (%s), so no run would come back for it", strictyaml.FormatDuration(step.CoolDown), strictyaml.FormatDuration(fill.Within))
	}
	step.checkPrice(o, p.Budgets)
	return step, o.Get("name")
}

// checkPrice reports a provider that a budget would never let anybody ask.
func (p Provider) checkPrice(o strictyaml.Object, b Budgets) {
	spec, known := registry.Get(p.Name)
	if !known {
		return
	}
	at := o.Get("name")
	if o.Has("credits") {
		at = o.Get("credits")
	}
	price := p.Price(spec)
	for _, budget := range []struct {
		name    string
		credits float64
	}{{"daily", p.Daily}, {"budgets.company", b.Company}, {"budgets.day", b.Day}} {
		if budget.credits > 0 && price > budget.credits {
			at.Fail("an answer costs %s credits, which %s (%s) never allows", strictyaml.FormatNumber(price), budget.name, strictyaml.FormatNumber(budget.credits))
			return
		}
	}
}

func providerNames() []string {
	var names []string
	for _, spec := range registry.All() {
		names = append(names, spec.Name)
	}
	return names
}

func readBudgets(v strictyaml.Value) Budgets {
	o := v.Object("company", "import", "day")
	return Budgets{
		Company: o.Get("company").Positive(1e6, unbounded),
		Import:  o.Get("import").Positive(1e9, unbounded),
		Day:     o.Get("day").Positive(1e9, unbounded),
	}
}

func readLateFill(v strictyaml.Value) LateFill {
	o := v.Object("returns", "within", "wait")
	fill := LateFill{Returns: 8, Within: 24 * time.Hour, Wait: 30 * time.Second}
	if o.Has("returns") {
		fill.Returns = o.Get("returns").Integer(0, 100)
	}
	if o.Has("within") {
		fill.Within = o.Get("within").Duration("mhd")
	}
	if o.Has("wait") {
		fill.Wait = o.Get("wait").Duration("smh")
	}
	if fill.Within > 0 && fill.Wait > fill.Within {
		o.Get("wait").Fail("%s is longer than late_fill.within (%s), so no run would come back", strictyaml.FormatDuration(fill.Wait), strictyaml.FormatDuration(fill.Within))
	}
	return fill
}

func readCRM(v strictyaml.Value) CRM {
	o := v.Object("rate", "search_rate", "contacts", "write", "journal")
	return CRM{
		Rate: o.Get("rate").Amount(0.1, 10_000), SearchRate: o.Get("search_rate").Amount(0.1, 10_000),
		Contacts: o.Get("contacts").Integer(1, maxContacts),
		Write:    readPolicies(o.Get("write")), Journal: o.Get("journal").Duration("hd"),
	}
}

// maxContacts keeps the contacts of one account within what one activity does.
const maxContacts = 1000

// defaultContactModel is shipped.
const defaultContactModel = "contact-fit"

// readContactModel also returns the place of the name, if the file has one.
func readContactModel(root strictyaml.Object) (name string, at strictyaml.Value) {
	if !root.Has("contact_model") {
		return defaultContactModel, root.Get("model")
	}
	at = root.Get("contact_model")
	if name = at.Word(); name == "off" {
		return "", at
	}
	return name, at
}

// readRoutes also returns the places of the queues' names.
func readRoutes(v strictyaml.Value) (routing.Rules, map[string]strictyaml.Value) {
	rules, places := routing.Rules{Queues: map[string]routing.Queue{}}, map[string]strictyaml.Value{}
	for name, queue := range v.Entries() {
		rules.Queues[name], places[name] = readQueue(queue), queue.Key()
	}
	return rules, places
}

func readQueue(v strictyaml.Value) routing.Queue {
	o := v.Object("keep_owner", "owners")
	q := routing.Queue{KeepOwner: true}
	if o.Has("keep_owner") {
		q.KeepOwner, _ = o.Get("keep_owner").Boolean()
	}
	items := o.Get("owners").List(500)
	ids := make([]strictyaml.Value, len(items))
	for i, item := range items {
		owner := item.Object("id", "capacity", "territory")
		ids[i] = owner.Get("id")
		q.Owners = append(q.Owners, readOwner(owner))
	}
	strictyaml.Unique(ids, strictyaml.Exactly)
	return q
}

func readOwner(o strictyaml.Object) routing.Owner {
	return routing.Owner{
		ID:        o.Need("id").Text(),
		Capacity:  o.Get("capacity").Integer(0, 100_000),
		Territory: readTerritory(o.Get("territory")),
	}
}

func readTerritory(v strictyaml.Value) []routing.Match {
	fields := territoryFields()
	o := v.Object(fields...)
	var territory []routing.Match
	for _, field := range fields {
		items := o.Get(field).Some(500)
		if len(items) == 0 {
			continue
		}
		m := routing.Match{Field: account.Field(field)}
		for _, item := range items {
			m.AnyOf = append(m.AnyOf, item.Text())
		}
		strictyaml.Unique(items, strings.ToLower)
		territory = append(territory, m)
	}
	return territory
}

// territoryFields are the fields that hold words: territories are made of these.
func territoryFields() []string {
	var names []string
	for _, field := range account.Fields() {
		if kind, _ := field.Kind(); !field.OfContact() && (kind == account.TextKind || kind == account.ListKind) {
			names = append(names, string(field))
		}
	}
	return names
}
