package explain

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/store"
)

// bestContacts is how many contacts are shown.
const bestContacts = 5

// Contacts are the people of an account, as far as a model rates them.
type Contacts struct {
	Count int       `json:"count"` // whose company this is in the CRM
	Best  []Contact `json:"best"`  // at most five, the best first
}

// Contact is one of them, by the id that the CRM has for them.
type Contact struct {
	CRMID    string    `json:"crm_id"`
	JobTitle string    `json:"job_title,omitempty"`
	Score    int       `json:"score"`
	Level    string    `json:"level"`
	Model    string    `json:"model"`
	ScoredAt time.Time `json:"scored_at"`
	State    string    `json:"state"` // of what is written to the CRM: new, trying, done, refused
	Reason   string    `json:"reason,omitempty"`
}

func (c *Company) contacts(ctx context.Context, s Store) error {
	all, err := s.Contacts(ctx, c.AccountID)
	if err != nil || len(all) == 0 {
		return err
	}
	c.Contacts = &Contacts{Count: len(all), Best: []Contact{}}
	for _, known := range all[:min(bestContacts, len(all))] {
		if known.Score != nil {
			c.Contacts.Best = append(c.Contacts.Best, contactOf(known))
		}
	}
	return nil
}

func contactOf(known store.Contact) Contact {
	return Contact{
		CRMID: known.Key.ID, JobTitle: known.JobTitle, Score: known.Score.Value, Level: known.Score.Tier,
		Model: known.Model, ScoredAt: known.ScoredAt, State: known.State, Reason: known.Reason,
	}
}
