package icp

import "time"

// SignalRules say what a model takes for news: the section signals of a model file.
type SignalRules struct {
	// FirstSight is how old something may be and still be news: the first sight of an
	// account raises nothing older. Default 30 days.
	FirstSight time.Duration
	// Hiring names the roles whose postings matter, and Executives those whose change
	// does; the first role that matches a title counts.
	Hiring, Executives []Role
	// Burst is how many relevant postings within a time are a reason of their own.
	Burst Burst
	// Competitors are technologies whose disappearance is news, Complements those whose
	// appearance is; canonical names.
	Competitors, Complements []string
	// Headcount is the share of change in head count that is news. Default 0.2.
	Headcount float64
}

// Role is a job that a model watches, known by its title.
type Role struct {
	Name   string   // canonical, part of a signal's entity: vp-sales
	Titles []string // phrases of which one must be in the title, as whole words, whatever the case
	Not    []string // phrases that must not: assistant
	// Department, if it is set, is looked for in the department that a board gives;
	// a posting that gives none passes.
	Department string
}

// Burst is a number of relevant postings within a time. The zero Burst is never one.
type Burst struct {
	Postings int
	Within   time.Duration
}
