package config

import (
	"cmp"
	"fmt"
	"regexp"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
	"github.com/sluicehq/sluice/signals/registry"
	"github.com/sluicehq/sluice/strictyaml"
)

// Signals is how the nightly sweep runs: the section signals of sluice.yaml.
type Signals struct {
	Night    Night
	Tiers    []string             // whose accounts are on the target list; default Tier 1 and Tier 2
	Segments []activities.Segment // of accounts that are on it, whatever their tier
	Marked   bool                 // whether the CRM's own mark puts an account on it; default yes
	DailyCap int                  // trigger tasks for one rep on one day; default 10
	GiveUp   time.Duration        // how long a night waits for a source that is down; default 1 h
	Sources  []SignalSource
}

// Night is when the sweep starts.
type Night struct {
	Hour, Minute int           // local time; default 02:30
	Zone         string        // of the reps; default UTC
	Jitter       time.Duration // the start is this much later at most; default 10 min
	CatchUp      time.Duration // a start that was missed is made up for within this; default 6 h
}

// SignalSource changes one source. Zero values stand for what its own package says.
type SignalSource struct {
	Name     string
	On       *bool         // nil: as its package says
	Rate     float64       // calls per second, for all workers together
	Timeout  time.Duration // of one call; default 8 s
	Failures int           // in a row open the breaker; default 5
	CoolDown time.Duration // of an open breaker; default 30 s
}

const defaultDailyCap = 10

func readSignals(v strictyaml.Value) Signals {
	o := v.Object("night", "targets", "daily_cap", "give_up", "sources")
	s := Signals{Night: readNight(o.Get("night")), Tiers: []string{"Tier 1", "Tier 2"}, Marked: true, DailyCap: defaultDailyCap, GiveUp: time.Hour}
	targets := o.Get("targets").Object("tiers", "crm_flag", "segments")
	if targets.Has("tiers") {
		s.Tiers = nil
		for _, tier := range targets.Get("tiers").List(20) {
			s.Tiers = append(s.Tiers, tier.Text())
		}
	}
	for _, item := range targets.Get("segments").List(50) {
		segment := activities.Segment{}
		for _, m := range readTerritory(item) {
			segment[m.Field] = m.AnyOf
		}
		if len(segment) == 0 && !item.Absent() {
			item.Fail("names no field: every account would be on the list")
		}
		s.Segments = append(s.Segments, segment)
	}
	if targets.Has("crm_flag") {
		s.Marked, _ = targets.Get("crm_flag").Boolean()
	}
	if o.Has("daily_cap") {
		s.DailyCap = o.Get("daily_cap").Integer(0, 1000)
	}
	if o.Has("give_up") {
		s.GiveUp = o.Get("give_up").Duration("smh")
	}
	var names []strictyaml.Value
	for _, item := range o.Get("sources").List(50) {
		source, name := readSource(item)
		s.Sources, names = append(s.Sources, source), append(names, name)
	}
	strictyaml.Unique(names, strictyaml.Exactly)
	return s
}

var clock = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])$`)

func readNight(v strictyaml.Value) Night {
	o := v.Object("at", "zone", "jitter", "catch_up")
	n := Night{Hour: 2, Minute: 30, Zone: "UTC", Jitter: 10 * time.Minute, CatchUp: 6 * time.Hour}
	if o.Has("at") {
		n.Hour, n.Minute = readClock(o.Get("at"), n.Hour, n.Minute)
	}
	if o.Has("zone") {
		n.Zone = readZone(o.Get("zone"))
	}
	if o.Has("jitter") {
		n.Jitter = o.Get("jitter").Duration("smh")
	}
	if o.Has("catch_up") {
		n.CatchUp = o.Get("catch_up").Duration("mhd")
	}
	return n
}

// readSource also returns the place of its name.
func readSource(v strictyaml.Value) (SignalSource, strictyaml.Value) {
	o := v.Object("name", "on", "rate", "timeout", "breaker")
	breaker := o.Get("breaker").Object("failures", "cool_down")
	s := SignalSource{
		Name:     o.Need("name").OneOf(sourceNames()...),
		Rate:     o.Get("rate").Amount(0.01, 10_000),
		Timeout:  o.Get("timeout").Duration("s"),
		Failures: breaker.Get("failures").Integer(1, 100),
		CoolDown: breaker.Get("cool_down").Duration("smh"),
	}
	if on, ok := o.Get("on").Boolean(); ok && o.Has("on") {
		s.On = &on
	}
	if s.Timeout > longestCall {
		o.Get("timeout").Fail("%s is longer than %s, which one call has", strictyaml.FormatDuration(s.Timeout), strictyaml.FormatDuration(longestCall))
	}
	return s, o.Get("name")
}

func sourceNames() []string {
	var names []string
	for _, spec := range registry.All() {
		names = append(names, spec.Name)
	}
	return names
}

// BuildSignals returns the sources that are on and configured, in the order of the
// registry, and the names of those that lack a key or a contact.
func BuildSignals(p Pipeline, further ...outbound.Option) (built []activities.SignalSource, unconfigured []string, err error) {
	for _, spec := range registry.All() {
		set := p.Signals.source(spec.Name)
		if on := set.On; on == nil && spec.Off || on != nil && !*on {
			continue
		}
		source, err := set.build(spec, further)
		if err != nil {
			return nil, nil, fmt.Errorf("SLUICE_%s_*: %w", spec.Env, err)
		}
		if source == nil {
			unconfigured = append(unconfigured, spec.Name)
			continue
		}
		built = append(built, activities.SignalSource{Source: source, Spec: spec})
	}
	return built, unconfigured, nil
}

// source returns what the file sets for a source, which may be nothing.
func (s Signals) source(name string) SignalSource {
	for _, set := range s.Sources {
		if set.Name == name {
			return set
		}
	}
	return SignalSource{Name: name}
}

// build returns nil where the environment lacks what the source needs.
func (s SignalSource) build(spec signals.Spec, further []outbound.Option) (signals.Source, error) {
	cred, err := LoadCredential(spec.Env)
	if err != nil {
		return nil, err
	}
	if spec.Needs == "key" && cred.Key == "" || spec.Needs == "contact" && cred.Contact == "" {
		return nil, nil
	}
	opts := []outbound.Option{outbound.WithRate(cmp.Or(s.Rate, spec.Rate)), outbound.WithTrip(cmp.Or(s.Failures, 5)), outbound.WithPatience(patience)}
	if s.Timeout > 0 {
		opts = append(opts, outbound.WithTimeout(s.Timeout))
	}
	if s.CoolDown > 0 {
		opts = append(opts, outbound.WithCoolDown(s.CoolDown))
	}
	return spec.New(signals.Config{
		BaseURL: cmp.Or(cred.BaseURL, spec.BaseURL), Key: cred.Key.Reveal(), Contact: cred.Contact, Options: append(opts, further...),
	})
}
