package news

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/signals"
)

type article struct {
	URL      string `json:"url"`
	Title    string `json:"title"`
	SeenDate string `json:"seendate"` // 20261120T101500Z
}

// seen is when GDELT found the article; the zero time if that cannot be read.
func (a article) seen() time.Time {
	t, err := time.Parse("20060102T150405Z", a.SeenDate)
	if err != nil {
		return time.Time{}
	}
	return t
}

var (
	// errNotice is the request to be slower, which comes as a text, at times with 200.
	errNotice     = errors.New("asked to be slower")
	errText       = errors.New("a text instead of JSON")
	errNoArticles = errors.New("an answer whose articles are no list")
)

// read knows that an answer is JSON if it begins like an object; everything else, such
// as a complaint about the query, is no answer. No articles are {}.
func read(body []byte) ([]article, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' {
		if bytes.Contains(bytes.ToLower(body[:min(len(body), 1000)]), []byte("limit requests")) {
			return nil, errNotice
		}
		return nil, errText
	}
	var answer struct {
		Articles json.RawMessage `json:"articles"`
	}
	if err := signals.DecodeLeniently(mend(body), &answer); err != nil {
		return nil, err
	}
	if answer.Articles == nil {
		return nil, nil
	}
	if answer.Articles[0] != '[' {
		return nil, errNoArticles
	}
	var articles []article
	err := signals.DecodeLeniently(answer.Articles, &articles)
	return articles, err
}

// badEscape finds backslashes that stand for nothing in JSON, and skips those that do.
var badEscape = regexp.MustCompile(`\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\`)

// mend makes JSON of what GDELT sends when a headline has control characters or
// backslashes of its own.
func mend(body []byte) []byte {
	if json.Valid(body) {
		return body
	}
	body = bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, body)
	return badEscape.ReplaceAllFunc(body, func(escape []byte) []byte {
		if len(escape) == 1 {
			return nil
		}
		return escape
	})
}

// link is the article's address; "" if it is none that can be shown.
func link(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > 1000 || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}

// maxLabel is how many characters of a text are shown.
const maxLabel = 300
