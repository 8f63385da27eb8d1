package website

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/temoto/robotstxt"
)

// agent is what robots.txt files call us.
const agent = "sluice"

const (
	maxRobots     = 500 << 10 // bytes that RFC 9309, 2.5 wants read
	maxRobotLines = 5000
	maxRobotLine  = 1 << 10

	robotsTTL = time.Hour
	maxSites  = 1024     // remembered
	maxKept   = 16 << 10 // bytes of one file; a longer one is fetched again
)

// allowed is nil if the site's robots.txt lets us read u. Without the file (4xx)
// everything is allowed, with a server error nothing is for now (RFC 9309, 2.3.1),
// and where it cannot be had at all, the page could not either.
func (f *fetcher) allowed(ctx context.Context, u *url.URL) error {
	root, path := f.site(u)
	known, ok := f.robots.get(root.String())
	if !ok {
		got, err := f.follow(ctx, root.JoinPath("robots.txt"), maxRobots, anything)
		if err != nil {
			return err
		}
		known = file{status: got.status, lines: robotLines(got.body)}
		f.robots.put(root.String(), known)
	}
	if !known.permits(path) {
		return &miss{why: missRobots}
	}
	return nil
}

// anything lets robots.txt files themselves be read.
func anything(context.Context, *url.URL) error { return nil }

// file is what a site answered when asked for its robots.txt.
type file struct {
	status int
	lines  []byte // see robotLines
	until  time.Time
}

func (f file) permits(path string) bool {
	switch f.status / 100 {
	case 2:
		rules, err := robotstxt.FromBytes(f.lines)
		return err != nil || rules.TestAgent(path, agent) // what cannot be read forbids nothing
	case 5:
		return false
	default:
		return true
	}
}

// robotLines keeps the lines that say who may read what. The parser gives up on a
// file with a single line that it does not like, and files in the wild have such.
func robotLines(body []byte) []byte {
	var kept bytes.Buffer
	lines, inGroup := 0, false
	for line := range bytes.FieldsFuncSeq(body, func(r rune) bool { return r == '\n' || r == '\r' }) {
		name, value, found := strings.Cut(string(line[:min(len(line), maxRobotLine)]), ":")
		value, _, _ = strings.Cut(value, "#")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.Trim(name, " \t\uFEFF")) {
		case "user-agent", "useragent":
			name, inGroup = "user-agent", true
			value, _, _ = strings.Cut(value, "/") // sluice/1.0
		case "disallow":
			name = "disallow"
			if value == "*" {
				value = "/"
			}
		case "allow":
			name = "allow"
		default:
			continue
		}
		if !found || !inGroup || len(line) > maxRobotLine {
			continue
		}
		if lines++; lines > maxRobotLines {
			break
		}
		kept.WriteString(name + ": " + value + "\n")
	}
	return kept.Bytes()
}

// robots remembers the files of the sites that were visited last.
type robots struct {
	mu    sync.Mutex
	known map[string]file
}

func newRobots() *robots { return &robots{known: map[string]file{}} }

func (r *robots) get(site string) (file, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.known[site]
	return f, ok && time.Now().Before(f.until)
}

// put makes room by dropping what is over, or else anything: a file can always be
// had again.
func (r *robots) put(site string, f file) {
	if len(f.lines) > maxKept {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	f.until = now.Add(robotsTTL)
	if len(r.known) >= maxSites {
		maps.DeleteFunc(r.known, func(_ string, old file) bool { return now.After(old.until) })
	}
	for old := range r.known {
		if len(r.known) < maxSites {
			break
		}
		delete(r.known, old)
	}
	r.known[site] = f
}
