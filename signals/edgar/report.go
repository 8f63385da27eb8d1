package edgar

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"github.com/sluicehq/sluice/outbound"
)

// Bounds of what is read of a report, in bytes.
const (
	maxReport  = 1 << 20 // text, without markup
	maxSection = 64 << 10
)

// report reads the text of a Form 8-K; false if it is not there.
func (c *Client) report(ctx context.Context, cik string, f filing) (text string, found bool, err error) {
	found, err = c.get(ctx, c.host.www+f.folder(cik)+"/"+f.document, nil, func(r outbound.Response) error {
		text = plainText(decode(r.Body, r.Header.Get("Content-Type")))
		if !calls8K.MatchString(text) { // an error page that came with 200
			return unreadable(r, "not a Form 8-K", errors.New("a page that is no report"))
		}
		return nil
	})
	return text, found, err
}

var calls8K = regexp.MustCompile(`(?i)\b8\s?[-\x{2010}-\x{2015}]?\s?K\b|\bcurrent report\b`)

// decode brings a document to UTF-8. Most are, whatever they declare, and the usual
// sniffing looks at the first kilobyte only, where filings have nothing but markup.
func decode(body []byte, contentType string) string {
	if utf8.Valid(body) {
		return string(body)
	}
	r, err := charset.NewReader(bytes.NewReader(body), contentType)
	if err != nil {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(r, 4*int64(len(body))))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// plainText is what people read of a page, with a line for each block of it. It comes
// from a tokenizer and not from a tree, which hostile nesting could make slow.
func plainText(page string) string {
	var t textWriter
	z := html.NewTokenizer(strings.NewReader(page))
	hidden := "" // the element whose content nobody sees
	for t.Len() < maxReport {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return t.String()
		case html.TextToken:
			if hidden == "" {
				t.text(string(z.Text()))
			}
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			raw, _ := z.TagName()
			name := string(raw)
			switch {
			case kind == html.SelfClosingTagToken:
				z.NextIsNotRawText() // XHTML: <title/> has no content
			case kind == html.StartTagToken && hidden == "" && unseen[name]:
				hidden = name
			case kind == html.EndTagToken && hidden == name:
				hidden = ""
			}
			if !inline[atom.Lookup(raw)] && !strings.Contains(name, ":") {
				t.newLine()
			}
		}
	}
	return t.String()
}

// unseen are elements without text for people: ix:header holds the data of inline XBRL.
var unseen = map[string]bool{"script": true, "style": true, "title": true, "ix:header": true}

// inline are the elements that stand within a line, even within a word.
var inline = map[atom.Atom]bool{
	atom.A: true, atom.B: true, atom.Big: true, atom.Em: true, atom.Font: true, atom.I: true, atom.S: true, atom.Small: true,
	atom.Span: true, atom.Strong: true, atom.Sub: true, atom.Sup: true, atom.U: true, atom.Ins: true, atom.Del: true,
}

// textWriter collapses space, but for the ends of lines.
type textWriter struct {
	strings.Builder
	gap byte // what separates what was written from what comes: a space, a line end or 0
}

func (t *textWriter) newLine() { t.gap = '\n' }

// text takes an empty line for the end of a paragraph, which it is in a report that is
// plain text and hardly ever is in markup.
func (t *textWriter) text(s string) {
	lineEnds := 0
	for _, r := range s {
		switch {
		case r == '\n':
			if lineEnds++; lineEnds > 1 {
				t.gap = '\n'
			}
			fallthrough
		case unicode.IsSpace(r), r < ' ', r == '\u200B', r == '\uFEFF':
			if t.gap == 0 {
				t.gap = ' '
			}
		default:
			lineEnds = 0
			if t.gap != 0 && t.Len() > 0 {
				t.WriteByte(t.gap)
			}
			t.gap = 0
			t.WriteRune(r)
		}
	}
}

var (
	itemAtStart  = regexp.MustCompile(`(?im)^[^\pL\n]{0,10}items?\s*([1-9])\s*\.\s*([0-9]{2})\b|^[^\pL\n]{0,10}signatures?[^\pL\n]*$`)
	itemAnywhere = regexp.MustCompile(`(?i)\bitems?\s*([1-9])\s*\.\s*([0-9]{2})\b`)
	// titleOf502 are the parts of the item's title, which name everything that could
	// have happened.
	titleOf502 = regexp.MustCompile(`(?i)departures? of (?:certain )?directors? (?:or|and) (?:certain|principal) officers?|(?:appointment|election) of (?:certain |principal )?(?:directors?|officers?)\b|compensatory arrangements? (?:of|with|for) (?:certain )?officers?`)
)

// section502 returns the text under item 5.02, without its title; "" if there is none.
func section502(text string) string {
	section := sections(text, itemAtStart)
	if section == "" { // a heading that follows something else in its line
		section = sections(text, itemAnywhere)
	}
	return titleOf502.ReplaceAllString(section, ";")
}

func sections(text string, heading *regexp.Regexp) string {
	var b strings.Builder
	marks := heading.FindAllStringSubmatchIndex(text, -1)
	for i, m := range marks {
		if m[2] < 0 || text[m[2]:m[3]]+"."+text[m[4]:m[5]] != item502 {
			continue
		}
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		b.WriteString(text[m[1]:end])
		b.WriteByte('\n')
		if b.Len() > maxSection {
			return strings.ToValidUTF8(b.String()[:maxSection], "")
		}
	}
	return b.String()
}

// maxSentence bounds a sentence; nothing that is longer is one.
const maxSentence = 2000

// sentences splits a text at the ends of lines, at semicolons, and at full stops that
// end no abbreviation.
func sentences(text string) []string {
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, strings.ToValidUTF8(s[:min(len(s), maxSentence)], ""))
		}
	}
	for line := range strings.Lines(text) {
		start := 0
		for _, stop := range fullStop.FindAllStringIndex(line, -1) {
			if line[stop[0]] == '.' && abbreviation.MatchString(line[max(stop[0]-12, start):stop[0]]) {
				continue
			}
			add(line[start:stop[1]])
			start = stop[1]
		}
		add(line[start:])
	}
	return out
}

var (
	fullStop     = regexp.MustCompile(`[.;]["”’)]*\s+`)
	abbreviation = regexp.MustCompile(`(?:^|[^\pL])(?:Mr|Mrs|Ms|Dr|Prof|Jr|Sr|Inc|Corp|Co|Ltd|No|St|vs|approx|\pL|U\.S|L\.P|L\.L\.C|N\.A|Ph\.D|(?i:a\.m|p\.m|i\.e|e\.g))$`)
)

// oneLine makes a published text fit to show: one line of at most n bytes.
func oneLine(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	return strings.TrimSpace(strings.ToValidUTF8(s[:min(len(s), n)], ""))
}
