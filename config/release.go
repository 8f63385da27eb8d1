package config

import (
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/strictyaml"
)

// readReleases reads how a version of a model gets to score accounts: the section release.
func readReleases(v strictyaml.Value) activities.ReleaseSettings {
	o := v.Object("roles", "shadow", "ab", "guard")
	var s activities.ReleaseSettings
	s.Roles = []string{"sales", "marketing", "customer-success"}
	if o.Has("roles") {
		items := o.Get("roles").Some(20)
		s.Roles = nil
		for _, item := range items {
			s.Roles = append(s.Roles, item.Word())
		}
		strictyaml.Unique(items, strictyaml.Exactly)
	}
	s.Shadow = 72 * time.Hour
	if o.Has("shadow") {
		s.Shadow = o.Get("shadow").Duration("smhd")
	}
	ab := o.Get("ab").Object("share", "for")
	s.AB.Share, s.AB.For = 0.2, 14*24*time.Hour
	if ab.Has("share") {
		s.AB.Share = ab.Get("share").Share(true)
	}
	if ab.Has("for") {
		s.AB.For = ab.Get("for").Duration("smhd")
	}
	if s.AB.Share == 1 {
		ab.Get("share").Fail("1 leaves nobody to compare with: want less than 1, or 0 to leave the A/B out")
	}
	guard := o.Get("guard").Object("tier_share", "tasks_per_rep")
	s.Guard.TierShare, s.Guard.TasksPerRep = 0.25, 20
	if guard.Has("tier_share") {
		s.Guard.TierShare = guard.Get("tier_share").Share(true)
	}
	if guard.Has("tasks_per_rep") {
		s.Guard.TasksPerRep = guard.Get("tasks_per_rep").Integer(0, 100_000)
	}
	return s
}
