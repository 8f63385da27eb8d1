package hubspot

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/sluicehq/sluice/outbound"
)

// batchSize is how many inputs HubSpot takes in one call.
const batchSize = 100

type batchInput struct {
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
}

// batchDone is how one input ended.
type batchDone struct {
	ID      string
	Refused string // why HubSpot did not take it; "" if it did
	unset   bool   // since something is not there that it takes for every record
}

// updateAll writes to records of one type. Inputs without properties are left out.
func (c *Client) updateAll(ctx context.Context, objectType string, inputs []batchInput) ([]batchDone, error) {
	var done []batchDone
	var sendable []batchInput
	for _, in := range inputs {
		switch {
		case !number(in.ID):
			done = append(done, batchDone{ID: in.ID, Refused: "the record id is not a number"})
		case len(in.Properties) > 0:
			sendable = append(sendable, in)
		}
	}
	for batch := range slices.Chunk(sendable, batchSize) {
		written, err := c.updateBatch(ctx, objectType, batch)
		done = append(done, written...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// updateBatch writes a batch of at most a hundred. HubSpot refuses some batches as a
// whole for one of their records: these are halved, so that the others get theirs.
func (c *Client) updateBatch(ctx context.Context, objectType string, batch []batchInput) ([]batchDone, error) {
	done, err := c.sendBatch(ctx, objectType, batch)
	refused, ok := errors.AsType[*outbound.Error](err)
	if !ok || refused.Outcome != outbound.BadRequest && refused.Outcome != outbound.NotFound {
		return done, err
	}
	if len(batch) == 1 || refusesAll(err) {
		for _, w := range batch {
			done = append(done, batchDone{ID: w.ID, Refused: cmp.Or(refused.Reason, string(refused.Outcome)), unset: refusesAll(err)})
		}
		return done, nil
	}
	half := len(batch) / 2
	if done, err = c.updateBatch(ctx, objectType, batch[:half]); err != nil {
		return done, err
	}
	rest, err := c.updateBatch(ctx, objectType, batch[half:])
	return append(done, rest...), err
}

// refusesAll reports whether what was refused is the same for every record: a path or
// a property that is not there, or a level or tier that is no option.
func refusesAll(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Status == http.StatusNotFound && !e.Missing ||
		slices.Contains(e.Codes, "PROPERTY_DOESNT_EXIST") || slices.Contains(e.Codes, "INVALID_OPTION"))
}

// batchAnswer is the answer to a batch; with 207 some of it failed.
type batchAnswer struct {
	Results []record `json:"results"`
	Errors  []struct {
		Category string `json:"category"`
		Context  struct {
			IDs []id `json:"ids"`
		} `json:"context"`
	} `json:"errors"`
}

// sendBatch makes one call. A record that is not among the results was not written,
// whatever the errors say of it.
func (c *Client) sendBatch(ctx context.Context, objectType string, batch []batchInput) ([]batchDone, error) {
	inputs := make([]batchInput, len(batch))
	for i, w := range batch {
		values := make(map[string]string, len(w.Properties))
		for name, value := range w.Properties {
			values[wireName(name)] = cut(value, maxText)
		}
		inputs[i] = batchInput{ID: w.ID, Properties: values}
	}
	var answer batchAnswer
	req := post(c.objects(objectType, "batch", "update"), map[string]any{"inputs": inputs})
	if err := c.call(ctx, req, func(r outbound.Response) error {
		return decode(r, &answer, func() bool { return len(answer.Results)+len(answer.Errors) > 0 })
	}); err != nil {
		return nil, err
	}
	done := make([]batchDone, len(batch))
	for i, w := range batch {
		done[i].ID = w.ID
		if !slices.ContainsFunc(answer.Results, func(r record) bool { return string(r.ID) == w.ID }) {
			done[i].Refused = answer.refusalOf(w.ID)
		}
	}
	return done, nil
}

func (a batchAnswer) refusalOf(recordID string) string {
	for _, e := range a.Errors {
		if slices.Contains(e.Context.IDs, id(recordID)) {
			return cmp.Or(word(e.Category), "refused")
		}
	}
	return "refused"
}
