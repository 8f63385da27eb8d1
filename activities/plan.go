package activities

// Difference is what a release changes, in counts: what a person wants to see before
// saying yes.
type Difference struct {
	Accounts     int `json:"accounts"` // that the release scores
	TierChanged  int `json:"tier_changed"`
	ScoreChanged int `json:"score_changed"`
	QueueChanged int `json:"queue_changed"`
	OwnerChanged int `json:"owner_changed"`
	Tasks        int `json:"tasks"` // that are new

	// Raised and Lowered are the accounts with more and fewer points than before.
	Raised  int     `json:"raised"`
	Lowered int     `json:"lowered"`
	Mean    float64 `json:"mean"`        // of the scores
	Before  float64 `json:"mean_before"` // of the same accounts' scores as they are

	Moves        []TierMove     `json:"moves,omitempty"`          // the most frequent first
	TasksByOwner map[string]int `json:"tasks_by_owner,omitempty"` // owner id → new tasks; "" is nobody
	Largest      []Move         `json:"largest,omitempty"`        // the accounts whose scores move most
}

// TierMove counts the accounts that go from one tier to another.
type TierMove struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Accounts int    `json:"accounts"`
}

// Move is what becomes of one account's score.
type Move struct {
	AccountID int64  `json:"account_id"`
	From      int    `json:"from"`
	To        int    `json:"to"`
	FromTier  string `json:"from_tier"`
	ToTier    string `json:"to_tier"`
}
