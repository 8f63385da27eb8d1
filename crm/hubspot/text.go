package hubspot

import (
	"html"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxText is the longest text that HubSpot keeps in a property, in characters. It
// counts as JavaScript and Java do.
const maxText = 65536

const keyPrefix = "sluice:"

// body returns text as the HTML of a note or a task, with the effect key as its
// last line. What does not fit is cut from the text, never from the key.
func body(text, key string) string {
	tail := ""
	if key != "" {
		tail = html.EscapeString(key)
		if text != "" {
			tail = "<br><br>" + tail
		}
	}
	return escape(disown(strings.ToValidUTF8(text, "\uFFFD")), maxText-length(tail)) + tail
}

// disown marks lines of the text that would pass for an effect key: text of the
// web must not be able to claim that another effect is done.
func disown(text string) string {
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), keyPrefix) {
			lines[i] = "> " + line
		}
	}
	return strings.Join(lines, "\n")
}

const ellipsis = "…"

// escape makes HTML of at most limit characters, cut between characters of the text.
func escape(text string, limit int) string {
	whole := escaped(text)
	if length(whole) <= limit {
		return whole
	}
	end, left := 0, limit-length(ellipsis)
	for i, r := range text {
		if left -= width(r); left < 0 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	return escaped(text[:end]) + ellipsis
}

func escaped(s string) string { return strings.ReplaceAll(html.EscapeString(s), "\n", "<br>") }

// width is the length of a character once it is escaped.
func width(r rune) int {
	switch r {
	case '<', '>', '\n':
		return 4
	case '&', '"', '\'':
		return 5
	default:
		return utf16.RuneLen(r)
	}
}

// cut shortens plain text to at most limit characters.
func cut(s string, limit int) string {
	if length(s) <= limit {
		return s
	}
	limit -= length(ellipsis)
	for i, r := range s {
		if limit -= utf16.RuneLen(r); limit < 0 {
			return s[:i] + ellipsis
		}
	}
	return s
}

// length counts UTF-16 units.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

var tags = regexp.MustCompile(`<[^>]*>`)

// hasKey reports whether a body carries the effect key on a line of its own. It
// reads what HubSpot's editor makes of a body when a person has changed it.
func hasKey(body, key string) bool {
	if !strings.Contains(html.UnescapeString(body), key) {
		return false
	}
	text := html.UnescapeString(tags.ReplaceAllString(body, "\n"))
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == key {
			return true
		}
	}
	return false
}

// oneLine is for subjects, which are plain text.
func oneLine(s string) string { return cut(strings.Join(strings.Fields(s), " "), 512) }
