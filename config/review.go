package config

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/strictyaml"
)

// Review is when a quarter is reviewed: the section review of sluice.yaml.
type Review struct {
	Hour, Minute int           // local time at which the review starts; default 07:00
	Zone         string        // in which quarters begin and end; default that of signals.night
	Days         int           // after the quarter's last day, so that deals are entered; default 5
	RemindAfter  time.Duration // without a decision; default 7 d
}

// mostDays keeps the review's day within the quarter's first month.
const mostDays = 27

func readReview(v strictyaml.Value, night Night) Review {
	o := v.Object("at", "zone", "days", "remind_after")
	r := Review{Hour: 7, Zone: night.Zone, Days: 5, RemindAfter: 7 * 24 * time.Hour}
	if o.Has("at") {
		r.Hour, r.Minute = readClock(o.Get("at"), r.Hour, r.Minute)
	}
	if o.Has("zone") {
		r.Zone = readZone(o.Get("zone"))
	}
	if o.Has("days") {
		r.Days = o.Get("days").Integer(0, mostDays)
	}
	if o.Has("remind_after") {
		r.RemindAfter = o.Get("remind_after").Duration("mhd")
	}
	return r
}

// readClock reads a time of day.
func readClock(v strictyaml.Value, hour, minute int) (h, m int) {
	text := v.Text()
	if !clock.MatchString(text) {
		v.Fail("want a time of day such as \"02:30\", have %q", strictyaml.Clip(text, 20))
		return hour, minute
	}
	_, _ = fmt.Sscanf(text, "%d:%d", &hour, &minute)
	return hour, minute
}

// readZone reads a time zone.
func readZone(v strictyaml.Value) string {
	name := v.Text()
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		v.Fail("want a time zone such as Europe/Berlin or UTC, have %q", strictyaml.Clip(name, 40))
	}
	return name
}
