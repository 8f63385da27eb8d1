package website

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html/charset"

	"github.com/sluicehq/sluice/providers"
)

// visit is what came of going to a home page. It is kept as the answer's body: the
// page in UTF-8 with the headers that rules read, or why there is none.
type visit struct {
	URL     string      `json:"url,omitempty"`     // after redirects
	Miss    string      `json:"miss,omitempty"`    // why no page was read
	Partial bool        `json:"partial,omitempty"` // only the beginning of it came
	Header  http.Header `json:"header,omitempty"`
	HTML    string      `json:"html,omitempty"`
}

// Why there is no page. The words are kept and shown.
const (
	missNoHost    = "no such host"
	missConnect   = "no connection"
	missTLS       = "no valid certificate"
	missSlow      = "too slow"
	missPrivate   = "not a public address"
	missRedirects = "redirects lead nowhere"
	missStatus    = "no page there"
	missNotHTML   = "not HTML"
	missRobots    = "robots.txt asks us not to"
)

// encode writes v without the escapes that JSON inside of HTML needs.
func (v visit) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// readVisit reads a kept visit, or takes a body that is no JSON for the page itself.
func readVisit(body []byte) (visit, error) {
	var v visit
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] == '{' {
		err := providers.Decode(body, &v)
		return v, err
	}
	v.HTML, v.Partial = decodeText(body, "")
	return v, nil
}

// host is where the page came from.
func (v visit) host() string {
	u, err := url.Parse(v.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// decodeText brings a page to UTF-8, from the encoding that its header, its byte
// order mark or its first kilobyte names. Postgres refuses NUL.
func decodeText(body []byte, contentType string) (text string, cut bool) {
	r, err := charset.NewReader(bytes.NewReader(body), contentType)
	if err != nil { // an empty page
		return "", false
	}
	b, err := io.ReadAll(io.LimitReader(r, maxPage+1))
	if cut = err != nil || len(b) > maxPage; cut {
		b = b[:min(len(b), maxPage)]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\x00", ""), cut
}
