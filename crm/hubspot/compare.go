package hubspot

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

const createdProperty = "createdate"

// CompaniesSince implements crm.CRM. A search ends after ten thousand records, however it
// is paged: the next one begins where it ended.
func (c *Client) CompaniesSince(ctx context.Context, from, to time.Time, visit func(crm.Created) bool) error {
	seen := map[id]bool{} // of the last moment: the next search gives them again
	for from.Before(to) {
		before, last := len(seen), from
		more, err := c.searchCreated(ctx, from, to, func(rec record) bool {
			at, ok := createdAt(rec)
			if !ok || seen[rec.ID] {
				return true
			}
			if at.After(last) {
				clear(seen)
				before, last = 0, at
			}
			seen[rec.ID] = true
			return visit(crm.Created{Key: c.Key(string(rec.ID)), At: at})
		})
		if err != nil || !more {
			return err
		}
		if last.Equal(from) && len(seen) == before {
			return &outbound.Error{Service: Name, Outcome: outbound.ProviderError, Reason: "more companies were created at one moment than a search gives"}
		}
		from = last
	}
	return nil
}

// searchCreated reports whether the search ended before the companies did. A visit that
// returns false ends it, too.
func (c *Client) searchCreated(ctx context.Context, from, to time.Time, visit func(record) bool) (more bool, err error) {
	body := map[string]any{
		"filterGroups": []any{map[string]any{"filters": []rangeFilter{
			{createdProperty, "GTE", strconv.FormatInt(from.UnixMilli(), 10)},
			{createdProperty, "LT", strconv.FormatInt(to.UnixMilli(), 10)},
		}}},
		"sorts":      []sort{{PropertyName: createdProperty, Direction: "ASCENDING"}},
		"properties": []string{createdProperty},
		"limit":      200, "after": "0",
	}
	err = pages(func(after string) (string, error) {
		if after != "" {
			body["after"] = after
		}
		var list listing
		if err := via(ctx, c.search, post(c.objects("companies", "search"), body), func(r outbound.Response) error { return r.JSON(&list) }); err != nil {
			return "", err
		}
		for _, rec := range list.Results {
			if !visit(rec) {
				return "", nil
			}
		}
		next := list.Paging.Next.After
		if n, _ := strconv.Atoi(next); n >= searchWindow {
			more = true
			return "", nil
		}
		return next, nil
	})
	return more, err
}

// createdAt reads a date and time, which HubSpot writes in full or in milliseconds.
func createdAt(rec record) (time.Time, bool) {
	s := rec.property(createdProperty)
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC(), true
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	return time.UnixMilli(ms).UTC(), err == nil
}

// Existing implements crm.CRM.
func (c *Client) Existing(ctx context.Context, kind crm.EffectKind, ids []string) ([]string, error) {
	objectType := map[crm.EffectKind]string{crm.NoteEffect: notes.objectType, crm.TaskEffect: tasks.objectType}[kind]
	if objectType == "" {
		return nil, refuse("only notes and tasks are looked for")
	}
	list, err := c.read(ctx, objectType, slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !number(id) }))
	found := make([]string, len(list))
	for i, rec := range list {
		found[i] = string(rec.ID)
	}
	return found, err
}

// byHand is the source of what people type into HubSpot's own pages.
const byHand = "CRM_UI"

// Versions implements crm.CRM.
func (c *Client) Versions(ctx context.Context, keys []account.Key, properties []string) (map[account.Key]map[string][]crm.Version, error) {
	inputs, names := make([]map[string]string, len(keys)), make([]string, len(properties))
	for i, key := range keys {
		recordID, err := c.recordID(key)
		if err != nil {
			return nil, err
		}
		inputs[i] = map[string]string{"id": recordID}
	}
	for i, name := range properties {
		names[i] = wireName(name)
	}
	if len(inputs) == 0 || len(names) == 0 {
		return nil, nil
	}
	var list struct {
		Results []struct {
			ID      id                   `json:"id"`
			History map[string][]version `json:"propertiesWithHistory"`
		} `json:"results"`
	}
	req := post(c.objects("companies", "batch", "read"), map[string]any{
		"inputs": inputs, "properties": []string{}, "propertiesWithHistory": names,
	})
	if err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) }); err != nil {
		return nil, err
	}
	all := make(map[account.Key]map[string][]crm.Version, len(list.Results))
	for _, rec := range list.Results {
		of := map[string][]crm.Version{}
		for i, name := range names {
			for _, v := range rec.History[name] {
				of[properties[i]] = append(of[properties[i]], v.version())
			}
		}
		all[c.Key(string(rec.ID))] = of
	}
	return all, nil
}

// version is one value of a property, as HubSpot tells its history.
type version struct {
	Value      string    `json:"value"`
	Timestamp  time.Time `json:"timestamp"`
	SourceType string    `json:"sourceType"`
	SourceID   string    `json:"sourceId"`
	UserID     id        `json:"updatedByUserId"` // who did it by hand
}

func (v version) version() crm.Version {
	return crm.Version{
		Value: v.Value, At: v.Timestamp, Source: v.SourceType + " " + v.SourceID, Person: v.SourceType == byHand || v.UserID != "",
	}
}
