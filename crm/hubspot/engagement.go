package hubspot

import (
	"context"
	"errors"
	"html"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// engagement is a type of record on a company's timeline.
type engagement struct {
	objectType string
	body       string // the property that carries text and effect key
	toCompany  int    // association type id, from the record to the company
}

var (
	notes = engagement{objectType: "notes", body: "hs_note_body", toCompany: 190}
	tasks = engagement{objectType: "tasks", body: "hs_task_body", toCompany: 192}
)

// FindNote implements crm.CRM.
func (c *Client) FindNote(ctx context.Context, company account.Key, effectKey string) (string, error) {
	return c.find(ctx, notes, company, effectKey)
}

// FindTask implements crm.CRM.
func (c *Client) FindTask(ctx context.Context, company account.Key, effectKey string) (string, error) {
	return c.find(ctx, tasks, company, effectKey)
}

// CreateNote implements crm.CRM.
func (c *Client) CreateNote(ctx context.Context, company account.Key, n crm.Note) (string, error) {
	return c.create(ctx, notes, company, map[string]string{
		"hs_timestamp": millis(n.At),
		notes.body:     body(n.Body, n.Key),
	})
}

// UpdateNote implements crm.CRM. A zero At leaves the note where it is on the timeline.
func (c *Client) UpdateNote(ctx context.Context, noteID string, n crm.Note) error {
	if !number(noteID) {
		return refuse("the note's id is not a number")
	}
	properties := map[string]string{notes.body: body(n.Body, n.Key)}
	if !n.At.IsZero() {
		properties["hs_timestamp"] = millis(n.At)
	}
	return c.call(ctx, patch(c.objects("notes", noteID), map[string]any{"properties": properties}), nil)
}

// CreateTask implements crm.CRM.
func (c *Client) CreateTask(ctx context.Context, company account.Key, t crm.Task) (string, error) {
	properties := map[string]string{
		"hs_timestamp":     millis(t.Due), // of a task this is the due date
		"hs_task_subject":  oneLine(t.Subject),
		tasks.body:         body(t.Body, t.Key),
		"hs_task_status":   "NOT_STARTED",
		"hs_task_priority": priority(t.Priority),
		"hs_task_type":     "TODO",
	}
	if t.OwnerID != "" {
		properties[ownerProperty] = t.OwnerID
	}
	return c.create(ctx, tasks, company, properties)
}

// Properties of a task. Its status is NOT_STARTED, IN_PROGRESS, WAITING, DEFERRED or
// COMPLETED.
const (
	taskStatus    = "hs_task_status"
	taskCompleted = "COMPLETED"
)

// OpenTask implements crm.CRM.
func (c *Client) OpenTask(ctx context.Context, ids ...string) (string, error) {
	for batch := range slices.Chunk(newestFirst(ids), 100) {
		list, err := c.read(ctx, tasks.objectType, batch, taskStatus)
		if err != nil {
			return "", err
		}
		for _, id := range batch {
			if slices.ContainsFunc(list, func(r record) bool { return string(r.ID) == id && r.property(taskStatus) != taskCompleted }) {
				return id, nil
			}
		}
	}
	return "", account.ErrNotFound
}

func newestFirst(ids []string) []string {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !number(id) })
	slices.Reverse(ids)
	return ids
}

// AppendTask implements crm.CRM.
func (c *Client) AppendTask(ctx context.Context, taskID string, t crm.Task) error {
	if !number(taskID) {
		return refuse("the task's id is not a number")
	}
	list, err := c.read(ctx, tasks.objectType, []string{taskID}, tasks.body)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return account.ErrNotFound
	}
	before := list[0].property(tasks.body)
	if hasKey(before, t.Key) {
		return nil
	}
	properties := map[string]string{tasks.body: appendix(before, body(t.Body, t.Key))}
	if t.Priority != "" {
		properties["hs_task_priority"] = priority(t.Priority)
	}
	return c.call(ctx, patch(c.objects("tasks", taskID), map[string]any{"properties": properties}), nil)
}

// appendix puts news before what the task said: that is what a rep has not read yet,
// and a text that is too long is cut at its end.
func appendix(before, news string) string {
	const rule = "<br><br>"
	room := maxText - length(news) - length(rule)
	if length(before) > room { // cutting HTML could break it: its text will do
		before = escape(html.UnescapeString(tags.ReplaceAllString(before, "\n")), max(room, 0))
	}
	return news + rule + before
}

func priority(word string) string {
	switch p := strings.ToUpper(word); p {
	case "LOW", "MEDIUM", "HIGH":
		return p
	default:
		return "NONE"
	}
}

// speaking are the properties of notes and tasks that people change when they make one
// their own.
var speaking = map[string][]string{
	notes.objectType: {notes.body},
	tasks.objectType: {tasks.body, taskStatus, "hs_task_subject", "hs_task_priority", "hs_timestamp", ownerProperty},
}

// Engagements implements crm.CRM.
func (c *Client) Engagements(ctx context.Context, kind crm.EffectKind, ids []string) ([]crm.Engagement, error) {
	e, err := engagementOf(kind)
	if err != nil {
		return nil, err
	}
	inputs := []map[string]string{}
	for _, recordID := range ids {
		if number(recordID) {
			inputs = append(inputs, map[string]string{"id": recordID})
		}
	}
	if len(inputs) == 0 {
		return nil, nil
	}
	var list struct {
		Results []struct {
			record
			History map[string][]version `json:"propertiesWithHistory"`
		} `json:"results"`
	}
	req := post(c.objects(e.objectType, "batch", "read"), map[string]any{
		"inputs": inputs, "properties": []string{taskStatus}, "propertiesWithHistory": speaking[e.objectType],
	})
	if err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) }); err != nil {
		return nil, err
	}
	found := make([]crm.Engagement, len(list.Results))
	for i, rec := range list.Results {
		found[i] = crm.Engagement{ID: string(rec.ID), Done: rec.property(taskStatus) == taskCompleted, Touched: touched(rec.History, e.body)}
	}
	return found, nil
}

// touched reports whether a value came from elsewhere than the first text.
func touched(history map[string][]version, body string) bool {
	texts := history[body]
	if len(texts) == 0 { // nobody can tell
		return true
	}
	maker := texts[len(texts)-1].version().Source
	for _, all := range history {
		for _, v := range all {
			if at := v.version(); at.Person || at.Source != maker {
				return true
			}
		}
	}
	return false
}

func engagementOf(kind crm.EffectKind) (engagement, error) {
	switch kind {
	case crm.NoteEffect:
		return notes, nil
	case crm.TaskEffect:
		return tasks, nil
	default:
		return engagement{}, refuse("want a note or a task")
	}
}

// Archive implements crm.CRM. HubSpot answers alike where there is nothing to archive.
func (c *Client) Archive(ctx context.Context, kind crm.EffectKind, recordID string) error {
	e, err := engagementOf(kind)
	if err != nil {
		return err
	}
	if !number(recordID) {
		return refuse("the record's id is not a number")
	}
	req := post(c.objects(e.objectType, "batch", "archive"), map[string]any{"inputs": []map[string]string{{"id": recordID}}})
	return c.call(ctx, req, nil)
}

// millis is a time as HubSpot takes it; no time is now, since one is required.
func millis(t time.Time) string {
	if t.IsZero() {
		t = time.Now()
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

type association struct {
	To struct {
		ID string `json:"id"`
	} `json:"to"`
	Types []associationType `json:"types"`
}

type associationType struct {
	Category string `json:"associationCategory"`
	ID       int    `json:"associationTypeId"`
}

// create makes the record and its association in one call: a crash between two
// would leave a record that nobody finds.
func (c *Client) create(ctx context.Context, e engagement, company account.Key, properties map[string]string) (string, error) {
	companyID, err := c.recordID(company)
	if err != nil {
		return "", err
	}
	link := association{Types: []associationType{{Category: "HUBSPOT_DEFINED", ID: e.toCompany}}}
	link.To.ID = companyID
	req := post(c.objects(e.objectType), map[string]any{"properties": properties, "associations": []association{link}})
	var rec record
	err = c.call(ctx, req, func(r outbound.Response) error {
		return decode(r, &rec, func() bool { return rec.ID != "" })
	})
	return string(rec.ID), err
}

// find looks at the company's own records, since the search index lags behind
// writes and a second attempt comes within seconds.
func (c *Client) find(ctx context.Context, e engagement, company account.Key, effectKey string) (string, error) {
	companyID, err := c.recordID(company)
	if err != nil {
		return "", err
	}
	ids, err := c.associated(ctx, e.objectType, companyID, math.MaxInt)
	if err != nil {
		return "", err
	}
	slices.Sort(ids) // of two that carry the key, always the same one
	for batch := range slices.Chunk(slices.Compact(ids), 100) {
		found, err := c.carrying(ctx, e, batch, effectKey)
		if found != "" || err != nil {
			return found, err
		}
	}
	return "", account.ErrNotFound
}

// carrying returns the first of a batch of at most 100 that carries the key, "" if
// none does.
func (c *Client) carrying(ctx context.Context, e engagement, batch []string, effectKey string) (string, error) {
	list, err := c.read(ctx, e.objectType, batch, e.body)
	if err != nil {
		return "", err
	}
	var found []string
	for _, rec := range list { // in any order
		if hasKey(rec.property(e.body), effectKey) {
			found = append(found, string(rec.ID))
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	return slices.Min(found), nil
}

// read returns properties of at most 100 records of one type, those that are there.
func (c *Client) read(ctx context.Context, objectType string, batch []string, properties ...string) ([]record, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	inputs := make([]map[string]string, len(batch))
	for i, recordID := range batch {
		inputs[i] = map[string]string{"id": recordID}
	}
	req := post(c.objects(objectType, "batch", "read"), map[string]any{
		"inputs": inputs, "properties": properties, "propertiesWithHistory": []string{},
	})
	var list listing
	err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) })
	return list.Results, err
}

// associated returns the ids of the company's records of one type, at least as many as
// are wanted if there are that many. The published files of version 2026-09 lack the
// list of one record's associations that its guides describe: where it is missing, the
// bulk read has the same.
func (c *Client) associated(ctx context.Context, objectType, companyID string, wanted int) ([]string, error) {
	if c.inBulk.Load() {
		return c.associatedInBulk(ctx, objectType, companyID, wanted)
	}
	ids, err := c.associatedList(ctx, objectType, companyID, wanted)
	refused, ok := errors.AsType[*outbound.Error](err)
	if !ok || refused.Status != http.StatusNotFound && refused.Status != http.StatusMethodNotAllowed {
		return ids, err
	}
	ids, err = c.associatedInBulk(ctx, objectType, companyID, wanted)
	if err == nil && refused.Outcome != outbound.NotFound {
		c.inBulk.Store(true)
	}
	return ids, err
}

type linked struct {
	ToObjectID id `json:"toObjectId"`
}

func (c *Client) associatedList(ctx context.Context, objectType, companyID string, wanted int) ([]string, error) {
	var ids []string
	err := pages(func(after string) (string, error) {
		query := url.Values{"limit": {strconv.Itoa(min(wanted, 500))}}
		if after != "" {
			query.Set("after", after)
		}
		var list struct {
			Results []linked `json:"results"`
			Paging  page     `json:"paging"`
		}
		req := outbound.Request{Path: c.objects("companies", companyID, "associations", objectType), Query: query}
		err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) })
		ids = appendIDs(ids, list.Results)
		return unless(len(ids) >= wanted, list.Paging.Next.After), err
	})
	return ids, err
}

func (c *Client) associatedInBulk(ctx context.Context, objectType, companyID string, wanted int) ([]string, error) {
	var ids []string
	err := pages(func(after string) (string, error) {
		input := map[string]string{"id": companyID}
		if after != "" {
			input["after"] = after
		}
		var list struct {
			Results []struct {
				To     []linked `json:"to"`
				Paging page     `json:"paging"`
			} `json:"results"`
		}
		req := post("/crm/associations/"+c.version+"/companies/"+objectType+"/batch/read", map[string]any{"inputs": []any{input}})
		err := c.call(ctx, req, func(r outbound.Response) error { return r.JSON(&list) })
		next := ""
		for _, from := range list.Results { // one, or none when nothing is linked
			ids = appendIDs(ids, from.To)
			next = from.Paging.Next.After
		}
		return unless(len(ids) >= wanted, next), err
	})
	return ids, err
}

// unless is the next page's cursor, or none if there is enough.
func unless(enough bool, next string) string {
	if enough {
		return ""
	}
	return next
}

func appendIDs(ids []string, links []linked) []string {
	for _, l := range links {
		if l.ToObjectID != "" {
			ids = append(ids, string(l.ToObjectID))
		}
	}
	return ids
}
