package config

import (
	"time"

	"github.com/sluicehq/sluice/strictyaml"
)

// Reconcile is how the CRM is compared with the record: the section reconcile of
// sluice.yaml.
type Reconcile struct {
	Every   time.Duration // how often the schedule does; default 1 h
	Since   time.Duration // how far back its first one looks; later ones go on; default 7 d
	Settle  time.Duration // what is newer than this is left alone; default 1 min
	Effects bool          // whether the schedule compares what was written, too; default no
}

// mostOften keeps the schedule from spending the CRM's searches on itself.
const mostOften = 5 * time.Minute

func readReconcile(v strictyaml.Value) Reconcile {
	o := v.Object("every", "since", "settle", "effects")
	r := Reconcile{Every: time.Hour, Since: 7 * 24 * time.Hour, Settle: time.Minute}
	if o.Has("every") {
		if r.Every = o.Get("every").Duration("mhd"); r.Every > 0 && r.Every < mostOften {
			o.Get("every").Fail("%s is more often than every %s", strictyaml.FormatDuration(r.Every), strictyaml.FormatDuration(mostOften))
		}
	}
	if o.Has("since") {
		if r.Since = o.Get("since").Duration("hd"); r.Since > 0 && r.Since < r.Every {
			o.Get("since").Fail("%s is shorter than reconcile.every (%s): what comes between would be missed", strictyaml.FormatDuration(r.Since), strictyaml.FormatDuration(r.Every))
		}
	}
	if o.Has("settle") {
		r.Settle = o.Get("settle").Duration("sm")
	}
	if o.Has("effects") {
		r.Effects, _ = o.Get("effects").Boolean()
	}
	return r
}
