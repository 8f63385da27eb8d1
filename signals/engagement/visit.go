package engagement

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/signals"
)

// key tells visits apart, briefly: ids are the sender's, of any length. A visit without
// one is known by what it is.
func key(v signals.Visit) string {
	h := fnv.New64a()
	if v.ID != "" {
		_, _ = h.Write([]byte(v.ID)) // never fails
	} else {
		_, _ = fmt.Fprintf(h, "\x00%s\x00%s\x00%s\x00%d", v.Kind, v.Page, v.Visitor, v.At.UnixNano())
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// path is the page without what follows it in the address: queries hold what nobody
// meant to store, such as the visitor's mail address.
func path(page string) string {
	u, err := url.Parse(strings.TrimSpace(page))
	if err != nil {
		page, _, _ = strings.Cut(page, "?")
		page, _, _ = strings.Cut(page, "#")
		return shown(page)
	}
	return shown(u.Path)
}

// maxPath is how much of a path is shown, in characters.
const maxPath = 200

func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxPath {
		s = string(runes[:maxPath])
	}
	return strings.TrimSpace(s)
}

func (v visit) pricing() bool {
	return v.Kind == pageView && strings.Contains(strings.ToLower(v.path), "pricing")
}

func (v visit) title() string {
	switch {
	case v.Kind == demoRequest:
		return "demo request"
	case v.path == "":
		return "page view"
	}
	return "page view: " + v.path
}

// counts are what a CRM says of visits.
type counts struct {
	pricing   *float64  // nil for unknown
	demos     *float64  // nil for unknown
	lastVisit time.Time // zero for unknown
	when      time.Time // the time of what has come to be counted
}

func crm(at signals.Look) counts {
	c := counts{pricing: number(at.Fields["pricing_page_visits"]), demos: number(at.Fields["demo_requests"]), lastVisit: moment(at.Fields["last_visit_at"]), when: at.Now}
	if c.lastVisit.After(at.Now) || c.lastVisit.Before(at.Since) {
		c.lastVisit = time.Time{}
	}
	if !c.lastVisit.IsZero() {
		c.when = c.lastVisit
	}
	return c
}
