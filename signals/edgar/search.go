package edgar

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/outbound"
	"github.com/sluicehq/sluice/signals"
)

// results is an answer of the full-text search. The endpoint behind the SEC's own
// search page is not documented.
type results struct {
	Hits struct {
		Hits []hit `json:"hits"` // nil if the answer is something else
	} `json:"hits"`
}

// hit is one document of a filing, so that a filing may come several times. The lists
// are parallel where there is one entry for each filer.
type hit struct {
	Source struct {
		Names     []string `json:"display_names"` // with the CIK
		BizStates []string `json:"biz_states"`
		IncStates []string `json:"inc_states"`
	} `json:"_source"`
}

// search returns the one filer that passes the gate, "" if there is none or if two of
// that name are left: it tells who the account is, and the list of the filer's filings
// has what they are, with the document to read.
func (c *Client) search(ctx context.Context, at signals.Look, name, state string) (cik string, confidence float64, err error) {
	query := url.Values{
		"q": {`"` + searchName(name) + `"`}, "forms": {"D,8-K"}, "dateRange": {"custom"},
		"startdt": {at.Since.UTC().Format(time.DateOnly)}, "enddt": {at.Now.UTC().Format(time.DateOnly)},
	}
	var found results
	ok, err := c.get(ctx, c.host.efts+"/LATEST/search-index", query, func(r outbound.Response) error {
		if err := data(r, &found); err != nil {
			return err
		}
		return found.check()
	})
	if err == nil && !ok { // the search itself is not where it was
		err = &outbound.Error{Service: service, Outcome: outbound.ProviderError, Reason: "the search is not there", Sent: true}
	}
	if err != nil {
		return "", 0, err
	}
	cik, confidence = found.filer(name, state)
	return cik, confidence, nil
}

func (r *results) check() error {
	if r.Hits.Hits == nil {
		return errors.New("no list of hits")
	}
	return nil
}

// filer returns who of all that filed is the account. Documents that only mention the
// account are filed by others. Two filers of one name are nobody, unless only one of
// them agrees in its state.
func (r *results) filer(name, state string) (cik string, confidence float64) {
	sure := map[string]float64{}
	for _, h := range r.Hits.Hits {
		for i := range h.Source.Names {
			if cik, confidence := h.gate(i, name, state); cik != "" {
				sure[cik] = max(sure[cik], confidence)
			}
		}
	}
	for _, level := range []float64{certain, byNameOnly} {
		n := 0
		for found, confidence := range sure {
			if confidence == level {
				cik = found
				n++
			}
		}
		if n == 1 {
			return cik, level
		}
		if n > 1 {
			break
		}
	}
	return "", 0
}

// gate judges the i-th filer of a hit; "" if it is not the account.
func (h *hit) gate(i int, name, state string) (cik string, confidence float64) {
	shown := displayName.FindStringSubmatch(strings.TrimSpace(h.Source.Names[i]))
	if shown == nil || !account.SameName(shown[1], name) {
		return "", 0
	}
	confidence, ok := gate(state, h.of(h.Source.BizStates, i), h.of(h.Source.IncStates, i))
	if !ok {
		return "", 0
	}
	return cleanCIK(shown[2]), confidence
}

// of returns the i-th filer's entry of a list that has one for each; "" if it has not.
func (h *hit) of(list []string, i int) string {
	if len(list) != len(h.Source.Names) {
		return ""
	}
	return list[i]
}

// displayName takes "Acme Robotics, Inc.  (ACME, ACMEW)  (CIK 0009999999)" apart.
var displayName = regexp.MustCompile(`^(.*?)\s*(?:\([0-9A-Z., -]*\)\s*)?\(CIK ([0-9]{1,10})\)$`)

// searchName is the part of a name that documents can be expected to repeat word for
// word: without the legal form, and without what the search takes for its own syntax.
func searchName(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '"' || r == '“' || r == '”' || r == '\\' || r <= ' ' })
	whole := account.NormalizeName(strings.Join(words, " "))
	for len(words) > 1 && account.NormalizeName(strings.Join(words[:len(words)-1], " ")) == whole {
		words = words[:len(words)-1]
	}
	return strings.TrimRight(strings.Join(words, " "), ", ")
}
