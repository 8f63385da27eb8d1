package crm

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
)

// ReadValue returns what a property says as a value of the given kind; false for one
// that is empty, or says something else. CRMs write a list with semicolons, and a time
// as ISO 8601 or in milliseconds.
func ReadValue(kind account.Kind, text string) (account.Value, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return account.Value{}, false
	}
	switch kind {
	case account.TextKind:
		return account.TextValue(text), true
	case account.NumberKind:
		n, err := strconv.ParseFloat(text, 64)
		return account.NumberValue(n), err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	case account.BoolKind:
		return readBool(text)
	case account.ListKind:
		var items []string
		for item := range strings.SplitSeq(text, ";") {
			items = append(items, strings.TrimSpace(item))
		}
		list := account.ListValue(items...)
		return list, len(list.List()) > 0
	case account.DateKind:
		return readDate(text)
	case account.NoKind:
	}
	return account.Value{}, false
}

func readBool(text string) (account.Value, bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		return account.BoolValue(true), true
	case "false", "no", "0":
		return account.BoolValue(false), true
	}
	return account.Value{}, false
}

// longAgo and farAhead bound what milliseconds can mean.
const longAgo, farAhead = 1900, 2200

func readDate(text string) (account.Value, bool) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		at := time.UnixMilli(ms).UTC()
		return account.DateValue(at), at.Year() >= longAgo && at.Year() < farAhead
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return account.DateValue(at), true
		}
	}
	return account.Value{}, false
}
