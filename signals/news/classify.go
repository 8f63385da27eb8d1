package news

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/signals"
)

// topic is a kind of news, and the phrases of headlines that tell of it.
type topic struct {
	kind, entity, summary string
	has                   []string // one of these, as whole words
	and                   []string // and one of these, if there are any
	not                   []string // and none of these
}

// topics are in the order in which a headline is held against them: who opens an office
// and closes another is reorganising.
var topics = []topic{
	{
		kind: signals.Reorganisation, entity: "reorganisation", summary: "is reorganising, the press says",
		has: []string{
			"layoffs", "layoff", "lays off", "laying off", "to lay off", "job cuts", "cuts jobs", "cut jobs", "cutting jobs", "slashes jobs", "redundancies",
			"cuts staff", "workforce reduction", "restructuring", "restructures", "to restructure", "reorganizes", "reorganises", "reorganization", "reorganisation",
		},
		not: []string{"no layoffs", "without layoffs", "denies"},
	},
	{
		kind: signals.Expansion, entity: "expansion", summary: "is expanding, the press says",
		has: []string{"opens", "to open", "opening", "expands", "expanding", "to expand", "expansion", "enters", "new office", "new headquarters", "new hub"},
		and: []string{
			"office", "offices", "headquarters", "hq", "hub", "plant", "factory", "facility", "warehouse", "site", "centre", "center", "campus", "market", "markets", "expands",
			"expanding", "to expand", "expansion",
		},
		not: []string{"investigation", "probe", "ceo", "shares", "stock"},
	},
	{
		kind: signals.ProductLaunch, entity: "launch", summary: "has launched a product, the press says",
		has: []string{
			"launches", "launched", "to launch", "launch of", "unveils", "unveiled", "introduces", "introduced", "releases", "rolls out", "debuts", "announces new", "brings out",
		},
		not: []string{
			"investigation", "probe", "lawsuit", "suit", "appeal", "attack", "recall", "bid", "tender", "offer", "results", "earnings", "report", "statement", "ipo", "campaign",
			"fund", "foundation", "search for",
		},
	},
}

// searched are the words that GDELT is asked for; headlines decide.
var searched = []string{
	"launches", "unveils", "introduces", "releases", "debuts", "opens", "expands", "expansion", "headquarters", "layoffs", "restructuring", "redundancies",
}

// classify returns the kind of news that a headline tells of, "" for none. The headline
// is in lower case without the company's name, its words between single spaces.
func classify(headline string) string {
	has := func(phrase string) bool { return strings.Contains(headline, " "+phrase+" ") }
	for _, t := range topics {
		if slices.ContainsFunc(t.has, has) && (t.and == nil || slices.ContainsFunc(t.and, has)) && !slices.ContainsFunc(t.not, has) {
			return t.kind
		}
	}
	return ""
}

func topicOf(kind string) topic {
	return topics[slices.IndexFunc(topics, func(t topic) bool { return t.kind == kind })]
}
