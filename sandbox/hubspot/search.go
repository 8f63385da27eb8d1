package hubspot

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type searchBody struct {
	FilterGroups []struct {
		Filters []filter `json:"filters"`
	} `json:"filterGroups"`
	Sorts []struct {
		PropertyName string `json:"propertyName"`
		Direction    string `json:"direction"`
	} `json:"sorts"`
	Properties []string    `json:"properties"`
	Limit      int         `json:"limit"`
	After      json.Number `json:"after"`
}

type filter struct {
	PropertyName string   `json:"propertyName"`
	Operator     string   `json:"operator"`
	Value        string   `json:"value"`
	HighValue    string   `json:"highValue"`
	Values       []string `json:"values"`
}

// search answers from an index that is behind by the configured lag.
func (c *CRM) search(r *call) (int, any, error) {
	var body searchBody
	if err := r.into(&body); err != nil {
		return 0, nil, err
	}
	if err := c.checkSearch(r.objectType, body); err != nil {
		return 0, nil, err
	}
	indexed := c.now().Add(-c.searchLag)
	var found []*record
	for _, rec := range c.objects[r.objectType].order {
		if !rec.createdAt.After(indexed) && body.matches(rec) {
			found = append(found, rec)
		}
	}
	body.sort(found)
	items, paging, err := pageOf(found, body.After.String(), cmp.Or(body.Limit, 10))
	if err != nil {
		return 0, nil, err
	}
	results := make([]wireRecord, len(items))
	for i, rec := range items {
		results[i] = c.show(r.objectType, rec, body.Properties)
	}
	answer := map[string]any{"total": len(found), "results": results}
	if paging != nil {
		answer["paging"] = paging
	}
	return http.StatusOK, answer, nil
}

// checkSearch refuses what HubSpot refuses.
func (c *CRM) checkSearch(objectType string, body searchBody) error {
	filters := 0
	for _, g := range body.FilterGroups {
		filters += len(g.Filters)
		if len(g.Filters) > 6 {
			return invalid("at most 6 filters in a group")
		}
		for _, f := range g.Filters {
			if c.objects[objectType].schema[f.PropertyName] == nil {
				return invalid("There was a problem with the request.", wrong(f.PropertyName, "PROPERTY_DOESNT_EXIST", "unknown property in a filter"))
			}
			if !f.valid() {
				return invalid("a filter's operator and values do not go together")
			}
		}
	}
	after, _ := strconv.Atoi(body.After.String())
	switch {
	case len(body.FilterGroups) > 5 || filters > 18:
		return invalid("too many filters")
	case body.Limit < 0 || body.Limit > 200:
		return invalid("limit must be at most 200")
	case after+body.Limit > 10000:
		return invalid("a search pages through at most 10000 results")
	case len(body.Sorts) > 1:
		return invalid("at most one sort")
	}
	return nil
}

func (f filter) valid() bool {
	switch f.Operator {
	case "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN":
		return f.Value != ""
	case "BETWEEN":
		return f.Value != "" && f.HighValue != ""
	case "IN", "NOT_IN":
		return len(f.Values) > 0 && len(f.Values) <= 100
	case "HAS_PROPERTY", "NOT_HAS_PROPERTY":
		return true
	}
	return false
}

// matches reports whether the record satisfies all filters of any group.
func (b searchBody) matches(rec *record) bool {
	for _, g := range b.FilterGroups {
		if !slices.ContainsFunc(g.Filters, func(f filter) bool { return !f.matches(rec) }) {
			return true
		}
	}
	return len(b.FilterGroups) == 0
}

func (f filter) matches(rec *record) bool {
	v, ok := rec.value(f.PropertyName)
	switch f.Operator {
	case "HAS_PROPERTY":
		return ok
	case "NOT_HAS_PROPERTY":
		return !ok
	case "NEQ":
		return !ok || order(v, f.Value) != 0
	case "NOT_IN":
		return !slices.ContainsFunc(f.Values, func(w string) bool { return strings.EqualFold(v, w) })
	case "NOT_CONTAINS_TOKEN":
		return !contains(v, f.Value)
	}
	return ok && f.compares(v)
}

// compares is for the operators that want a value.
func (f filter) compares(v string) bool {
	switch f.Operator {
	case "EQ":
		return order(v, f.Value) == 0
	case "LT":
		return order(v, f.Value) < 0
	case "LTE":
		return order(v, f.Value) <= 0
	case "GT":
		return order(v, f.Value) > 0
	case "GTE":
		return order(v, f.Value) >= 0
	case "BETWEEN":
		return order(v, f.Value) >= 0 && order(v, f.HighValue) <= 0
	case "IN":
		return slices.ContainsFunc(f.Values, func(w string) bool { return strings.EqualFold(v, w) })
	default:
		return contains(v, f.Value)
	}
}

// order compares as times, as numbers or as text, whatever both are.
func order(v, w string) int {
	if a, ok := number64(v); ok {
		if b, ok := number64(w); ok {
			return cmp.Compare(a, b)
		}
	}
	return strings.Compare(strings.ToLower(v), strings.ToLower(w))
}

func number64(s string) (float64, bool) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return n, true
	}
	if t, ok := parseTime(s); ok {
		return float64(t.UnixMilli()), true
	}
	return 0, false
}

func contains(v, token string) bool {
	return strings.Contains(strings.ToLower(v), strings.ToLower(strings.Trim(token, "*")))
}

func (b searchBody) sort(found []*record) {
	if len(b.Sorts) == 0 {
		return
	}
	type placed struct {
		rec   *record
		value string
		n     float64
		is    bool // whether the value is a number
	}
	all := make([]placed, len(found))
	for i, rec := range found { // read once, not for each comparison
		all[i].rec = rec
		all[i].value, _ = rec.value(b.Sorts[0].PropertyName)
		all[i].n, all[i].is = number64(all[i].value)
	}
	slices.SortStableFunc(all, func(x, y placed) int {
		if b.Sorts[0].Direction == "DESCENDING" {
			x, y = y, x
		}
		if x.is && y.is {
			return cmp.Compare(x.n, y.n)
		}
		return order(x.value, y.value)
	})
	for i := range all {
		found[i] = all[i].rec
	}
}
