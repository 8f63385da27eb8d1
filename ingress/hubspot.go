package ingress

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm/hubspot"
)

// maxInFlight is how many starts of one delivery run side by side.
const maxInFlight = 16

// naming are the company properties that say which company it is. None of what is
// watched is written by Sluice, whose own writes come back as changes.
var naming = []string{"domain", "website", "name"}

// hubspot hands each company in the batch to its run, and answers 2xx only when
// Temporal has them all: HubSpot repeats a failed batch, and runs absorb repeats.
func (h *Handler) hubspot(w http.ResponseWriter, r *http.Request) {
	events, err := h.decode(r)
	if err != nil {
		h.metrics.events.WithLabelValues("refused").Inc()
		writeProblem(w, err)
		return
	}
	events = h.wanted(events)
	h.metrics.events.WithLabelValues("accepted").Add(float64(len(events)))
	handed, err := h.handOver(r.Context(), events)
	if err != nil {
		h.logOf(r.Context()).Error("Hand over webhook", zap.Int("events", len(events)), zap.Error(err))
		writeProblem(w, errUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	_ = http.NewResponseController(w).Flush() // Temporal has them: HubSpot need not wait for our notes
	h.keep(r.Context(), handed)
}

// keep notes the events that were handed over. Should that fail, a repeated delivery
// is still absorbed by the run for as long as Temporal remembers it.
func (h *Handler) keep(ctx context.Context, keys []string) {
	if len(keys) == 0 {
		return
	}
	if err := h.store.KeepEvents(context.WithoutCancel(ctx), keys); err != nil {
		h.logOf(ctx).Error("Keep webhook events", zap.Int("events", len(keys)), zap.Error(err))
	}
}

func (h *Handler) decode(r *http.Request) ([]hubspot.Event, error) {
	if h.verifier == nil {
		return nil, newProblem(http.StatusNotFound, "HubSpot's webhooks are not set up: SLUICE_HUBSPOT_CLIENT_SECRET is empty")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badJSON(err)
	}
	if err := h.verifier.Verify(r, body, time.Now()); err != nil {
		h.logOf(r.Context()).Warn("Refuse webhook", zap.Error(err))
		return nil, newProblem(http.StatusUnauthorized, "the signature does not prove that this is HubSpot's")
	}
	return hubspot.DecodeEvents(body)
}

// wanted leaves out what Sluice does not act on: the sender need not send it again.
func (h *Handler) wanted(events []hubspot.Event) []hubspot.Event {
	return slices.DeleteFunc(events, func(e hubspot.Event) bool {
		switch e.Kind {
		case hubspot.Creation, hubspot.Restore, hubspot.Merge:
			return false
		case hubspot.Change:
			return !slices.Contains(h.watched, e.Property)
		default:
			return true
		}
	})
}

// handOver gives the events that are new to their runs, and returns their keys.
func (h *Handler) handOver(ctx context.Context, events []hubspot.Event) ([]string, error) {
	keys := make([]string, len(events))
	for i, e := range events {
		keys[i] = e.Key
	}
	unseen, err := h.store.NewEvents(ctx, keys)
	if err != nil || len(unseen) == 0 {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxInFlight)
	for company, e := range oneEach(events, unseen) {
		g.Go(func() error { return h.hand(gctx, company, e) })
	}
	return unseen, g.Wait()
}

// oneEach picks one event for each company: its creation if there is one, since
// the run reads the record as it is by then anyway.
func oneEach(events []hubspot.Event, unseen []string) map[account.Key]hubspot.Event {
	picked := map[account.Key]hubspot.Event{}
	for _, e := range events {
		if !slices.Contains(unseen, e.Key) {
			continue
		}
		if have, ok := picked[e.Company]; !ok || have.Kind != hubspot.Creation && e.Kind == hubspot.Creation {
			picked[e.Company] = e
		}
	}
	return picked
}

func (h *Handler) hand(ctx context.Context, key account.Key, e hubspot.Event) error {
	c := Company{Key: key, Priority: Arrived}
	if e.Kind == hubspot.Creation {
		_, err := h.onboard.Start(ctx, c)
		return err
	}
	_, err := h.onboard.Refresh(ctx, c, e.Key)
	return err
}
