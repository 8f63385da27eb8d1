package review

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// maxWord is how long the name of a field may be.
const maxWord = 64

// word turns the name of a column into one that a field can have: Total Visits
// becomes total_visits. It is "" when nothing is left.
func word(column string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(column) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	w := strings.TrimRight(b.String(), "_")
	if len(w) > maxWord {
		w = strings.TrimRight(w[:maxWord], "_")
	}
	return w
}

// identities are fields that tell an account from all others, and so say nothing of
// its kind.
var identities = []account.Field{account.Name, account.Domain, account.LinkedInURL, account.Description}

// otherWords are no names for a field: they mean something else beside an account's
// fields.
var otherWords = []string{"signals", "contacts"}

// ownWord returns the name of a declared field for a column. One that is Sluice's but
// of another kind, or no name for a field, is told apart by what is before it.
func ownWord(column string) string {
	w := word(column)
	if _, builtIn := account.Field(w).Kind(); builtIn || w == "" || slices.Contains(otherWords, w) || w[0] < 'a' {
		w = "deal_" + w
	}
	return strings.TrimRight(w[:min(len(w), maxWord)], "_")
}
