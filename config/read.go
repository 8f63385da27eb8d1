package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	root := r.Document(data).Object("model", "providers", "budgets", "late_fill", "crm", "routes")
	p := Pipeline{
		Model:     root.Need("model").Word(),
		Providers: readProviders(root.Need("providers")),
		Budgets:   readBudgets(root.Get("budgets")),
		LateFill:  readLateFill(root.Get("late_fill")),
		CRM:       readCRM(root.Get("crm")),
		Routes:    readRoutes(root.Get("routes")),
	}
	return p, r.Err()
}

func readProviders(v strictyaml.Value) []Provider {
	items := v.Some(50)
	steps := make([]Provider, len(items))
	var names []strictyaml.Value
	for i, item := range items {
		o := item.Object("name", "trust", "credits", "rate", "daily", "ttl", "timeout", "breaker")
		names = append(names, o.Get("name"))
		steps[i] = readProvider(o)
	}
	strictyaml.Unique(names, strictyaml.Exactly)
	return steps
}

// longestCall leaves room in the activity's own time-out for storing the answer.
const longestCall = 20 * time.Second

func readProvider(o strictyaml.Object) Provider {
	breaker := o.Get("breaker").Object("failures", "cool_down")
	p := Provider{
		Name:     o.Need("name").OneOf(providerNames()...),
		Trust:    o.Get("trust").Share(false),
		Credits:  o.Get("credits").Amount(0, 1e6),
		Rate:     o.Get("rate").Amount(0.01, 10_000),
		Daily:    o.Get("daily").Amount(0, 1e9),
		TTL:      o.Get("ttl").Duration("hd"),
		Timeout:  o.Get("timeout").Duration("s"),
		Failures: breaker.Get("failures").Integer(1, 100),
		CoolDown: breaker.Get("cool_down").Duration("smh"),
	}
	if p.Timeout > longestCall {
		o.Get("timeout").Fail("%s is longer than %s, which one attempt has", p.Timeout, longestCall)
	}
	return p
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
		Company: o.Get("company").Amount(0, 1e6),
		Import:  o.Get("import").Amount(0, 1e9),
		Day:     o.Get("day").Amount(0, 1e9),
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
	return fill
}

func readCRM(v strictyaml.Value) CRM {
	o := v.Object("rate", "search_rate")
	return CRM{Rate: o.Get("rate").Amount(0.1, 10_000), SearchRate: o.Get("search_rate").Amount(0.1, 10_000)}
}

func readRoutes(v strictyaml.Value) routing.Rules {
	rules := routing.Rules{Queues: map[string]routing.Queue{}}
	for name, queue := range v.Entries() {
		o := queue.Object("keep_owner", "owners")
		q := routing.Queue{KeepOwner: true}
		if keep, ok := o.Get("keep_owner").Boolean(); ok {
			q.KeepOwner = keep
		}
		var ids []strictyaml.Value
		for _, item := range o.Get("owners").List(500) {
			owner := item.Object("id", "capacity", "territory")
			ids = append(ids, owner.Get("id"))
			q.Owners = append(q.Owners, readOwner(owner))
		}
		strictyaml.Unique(ids, strictyaml.Exactly)
		rules.Queues[name] = q
	}
	return rules
}

func readOwner(o strictyaml.Object) routing.Owner {
	owner := routing.Owner{ID: o.Need("id").Text(), Capacity: o.Get("capacity").Integer(0, 100_000)}
	for name, value := range o.Get("territory").Entries() {
		field := account.Field(name)
		if _, ok := field.Kind(); !ok {
			value.Fail("no such field; docs/models.md lists them")
		}
		m := routing.Match{Field: field}
		for _, item := range value.Some(500) {
			m.AnyOf = append(m.AnyOf, item.Text())
		}
		owner.Territory = append(owner.Territory, m)
	}
	return owner
}
