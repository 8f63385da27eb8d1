package hubspot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// ErrSignature means that a delivery does not prove that it is HubSpot's: answer 401.
var ErrSignature = errors.New("webhook signature refused")

const (
	maxAge    = 5 * time.Minute // of a delivery; HubSpot signs each attempt anew
	maxFuture = time.Minute     // for clocks that differ
)

// Verifier checks signature v3 of webhook deliveries.
type Verifier struct {
	secret []byte
	target string // as HubSpot signs it, without query
}

// NewVerifier returns a verifier. The secret is the app's client secret, not its
// token. The target is the URL that HubSpot calls, as configured there: what a
// proxy made of it does not count.
func NewVerifier(secret, target string) (*Verifier, error) {
	if secret == "" {
		return nil, account.Invalid("client secret", "empty: it is on the auth page of the HubSpot app")
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" {
		return nil, account.Invalid("webhook URL", "not an http or https URL")
	}
	target, _, _ = strings.Cut(target, "?") // the query is taken as received
	return &Verifier{secret: []byte(secret), target: target}, nil
}

// Verify checks a delivery, given its body's raw bytes and the time of its
// arrival. Its errors are ErrSignature with the reason, which is for our log and
// not for the sender.
func (v *Verifier) Verify(r *http.Request, body []byte, at time.Time) error {
	stamp := r.Header.Get("X-HubSpot-Request-Timestamp")
	if err := fresh(stamp, at); err != nil {
		return err
	}
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-HubSpot-Signature-v3"))
	if err != nil || len(given) != sha256.Size {
		return fmt.Errorf("%w: X-HubSpot-Signature-v3 is missing or malformed", ErrSignature)
	}
	uri := v.target
	if r.URL.RawQuery != "" {
		uri += "?" + r.URL.RawQuery
	}
	mac := hmac.New(sha256.New, v.secret)
	mac.Write([]byte(r.Method + decodeURI(uri)))
	mac.Write(body)
	mac.Write([]byte(stamp))
	if !hmac.Equal(mac.Sum(nil), given) {
		return fmt.Errorf("%w: it does not match; check the client secret and the public URL", ErrSignature)
	}
	return nil
}

func fresh(stamp string, at time.Time) error {
	if !number(stamp) {
		return fmt.Errorf("%w: X-HubSpot-Request-Timestamp is missing or not a number", ErrSignature)
	}
	ms, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: X-HubSpot-Request-Timestamp is out of range", ErrSignature)
	}
	switch now := at.UnixMilli(); {
	case ms < now-maxAge.Milliseconds():
		return fmt.Errorf("%w: signed more than %s ago", ErrSignature, maxAge)
	case ms > now+maxFuture.Milliseconds():
		return fmt.Errorf("%w: signed in the future; check this machine's clock", ErrSignature)
	}
	return nil
}

// uriEscapes are the twelve that HubSpot decodes before it signs, and no others.
var uriEscapes = strings.NewReplacer(
	"%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?",
	"%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")",
	"%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";",
)

// decodeURI decodes them once: a replacer never reads what it wrote.
func decodeURI(uri string) string { return uriEscapes.Replace(uri) }
