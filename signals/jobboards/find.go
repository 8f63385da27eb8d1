package jobboards

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

// How sure it is that a board is the account's own.
const (
	givenSure    = 0.95 // the CRM names it
	givenInDoubt = 0.7  // the CRM names it, but it names another company: a parent, a brand, a slip
	siteSure     = 0.9  // its postings are on the account's own site
	nameSure     = 0.85 // it gives the account's name
	slugSure     = 0.6  // it gives no name, and is called like the account's domain
)

const (
	minSlug  = 5                   // letters; a shorter name is too often somebody else's
	tryAgain = 30 * 24 * time.Hour // after a system was found to have no board of the account
	giveUp   = 3                   // looks in a row that do not find the board any more
	probes   = 20                  // postings that are enough to tell whose board it is
)

// find returns what is on the account's board; nil if it has none, or none today.
func (c *Client) find(ctx context.Context, at signals.Look, mem *memory) (*listing, error) {
	if b, ok := parseBoard(at.Fields[Field]); ok {
		return c.given(ctx, at, b)
	}
	if b, ok := parseBoard(mem.Board); ok {
		found, lost, err := c.known(ctx, at, b, mem)
		if !lost || err != nil {
			return found, err
		}
	}
	return c.guess(ctx, at, mem)
}

// given reads the board that the CRM names.
func (c *Client) given(ctx context.Context, at signals.Look, b board) (*listing, error) {
	found, err := c.list(ctx, b)
	if found == nil || err != nil {
		return nil, err
	}
	found.given, found.sure = true, givenSure
	if found.company != "" && found.identity(at) == 0 {
		found.sure = givenInDoubt
	}
	return found, nil
}

// known reads the board that an earlier look has found. It is lost once it has been
// away for several looks, or has passed to another company.
func (c *Client) known(ctx context.Context, at signals.Look, b board, mem *memory) (found *listing, lost bool, err error) {
	found, err = c.list(ctx, b)
	if err != nil {
		return nil, false, err
	}
	if found == nil {
		mem.Missed++
		if mem.Missed < giveUp {
			return nil, false, nil
		}
		mem.forget(b, at.Now)
		return nil, true, nil
	}
	mem.Missed = 0
	found.sure, found.given = found.identity(at), mem.Given
	switch {
	case found.sure > 0 || len(found.postings) == 0: // an empty board does not say whose it is
		return found, false, nil
	case mem.Given:
		found.sure = givenInDoubt
		return found, false, nil
	default:
		mem.forget(b, at.Now)
		return nil, true, nil
	}
}

// guess tries the likely boards, and notes which systems have none. A system that
// fails, or has an empty board which may be the account's, is asked again by the next
// look. It is an error only if no other system has
// answered: an account without a board must not fail for as long as one of six does.
func (c *Client) guess(ctx context.Context, at signals.Look, mem *memory) (*listing, error) {
	var failed error
	answered := false
	for _, s := range systems {
		slugs := likelySlugs(s, at)
		if len(slugs) == 0 || !mem.due(s, at.Now) {
			continue
		}
		found, open, err := c.try(ctx, at, s, slugs)
		if _, ours := errors.AsType[*outbound.Error](err); err != nil && !ours {
			return nil, err // the caller has given up
		}
		if found != nil {
			return found, nil
		}
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		answered = true
		if !open {
			mem.triedAt(s, at.Now)
		}
	}
	if answered {
		return nil, nil
	}
	return nil, failed
}

// try returns the first of a system's boards that is the account's. It stays open
// whether there is one while a board without a posting does not say whose it is: its
// first posting, which is news, will.
func (c *Client) try(ctx context.Context, at signals.Look, s *system, slugs []string) (found *listing, open bool, err error) {
	for _, slug := range slugs {
		found, err := c.list(ctx, board{s.name, slug})
		if outbound.OutcomeOf(err) == outbound.BadRequest {
			continue // not even a possible name there
		}
		if err != nil {
			return nil, false, err
		}
		if found == nil {
			continue
		}
		if found.sure = found.identity(at); found.sure > 0 {
			return found, false, nil
		}
		open = open || s.strict && len(found.postings) == 0 && found.company == ""
	}
	return nil, open, nil
}

// likelySlugs are the names that the account's board may have: its domain's first
// label, its name in one word, and its name with hyphens. Where the board will not say
// whose it is, only the domain's can be accepted, so only that is tried.
func likelySlugs(s *system, at signals.Look) []string {
	label := domainLabel(at.Account.Domain)
	if !s.named {
		if countLetters(label) < minSlug {
			return nil
		}
		return []string{label}
	}
	slugs := []string{label}
	for _, name := range names(at) {
		words := strings.Fields(account.NormalizeName(name))
		slugs = append(slugs, strings.Join(words, ""), strings.Join(words, "-"))
	}
	var out []string
	for _, slug := range slugs {
		if len(slug) >= 2 && len(slug) <= 60 && !strings.ContainsFunc(slug, notPlain) && !slices.Contains(out, slug) {
			out = append(out, slug)
		}
	}
	return out
}

// names of the account, in the CRM and as providers give it.
func names(at signals.Look) []string {
	var out []string
	for _, name := range []string{at.Account.Name, at.Facts[account.Name].Value.String()} {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// domainLabel is acme of acme.example; nothing of an internationalised domain, which
// no board is called like.
func domainLabel(domain string) string {
	label, _, _ := strings.Cut(strings.ToLower(domain), ".")
	if strings.HasPrefix(label, "xn--") {
		return ""
	}
	return label
}

func notPlain(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }

func countLetters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}

// identity says how sure it is that the board is the account's own; 0 for a board that
// is another company's, or does not say.
func (l *listing) identity(at signals.Look) float64 {
	isOwn := func(p posting) bool { return p.URL != "" && account.SameDomain(p.URL, at.Account.Domain) }
	some := l.postings[:min(len(l.postings), probes)]
	if slices.ContainsFunc(some, isOwn) {
		return siteSure
	}
	if l.company != "" {
		if slices.ContainsFunc(names(at), func(name string) bool { return account.SameName(name, l.company) }) {
			return nameSure
		}
		return 0
	}
	label := domainLabel(at.Account.Domain)
	if countLetters(label) < minSlug || !strings.EqualFold(label, l.board.slug) {
		return 0
	}
	if slices.ContainsFunc(some, func(p posting) bool {
		b, ok := parseBoard(p.URL)
		return ok && b.vendor == l.board.vendor && strings.EqualFold(b.slug, label)
	}) {
		return slugSure
	}
	return 0
}
