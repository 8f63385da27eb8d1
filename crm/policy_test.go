package crm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/crm"
)

func TestPolicies(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	empty := crm.Present{}
	ours := crm.Present{Have: "Tier 2", Ours: true, At: now.Add(-3 * 24 * time.Hour)}
	theirs := crm.Present{Have: "Tier 3"}
	emptied := crm.Present{Emptied: true}
	same := func(p crm.Present) crm.Present { p.Same = true; return p }
	asked := func(p crm.Present, a crm.Answer) crm.Present { p.Asked = a; return p }
	keep, fill, approve := crm.Policy{Kind: crm.KeepPerson}, crm.Policy{Kind: crm.Fill}, crm.Policy{Kind: crm.Approve}
	twoDays, aWeek := crm.Policy{Kind: crm.Refresh, Age: 2 * 24 * time.Hour}, crm.Policy{Kind: crm.Refresh, Age: 7 * 24 * time.Hour}
	tests := []struct {
		name   string
		policy crm.Policy
		give   crm.Present
		want   crm.Verdict
	}{
		{"keep_person, an empty field", keep, empty, crm.Write},
		{"keep_person, our value", keep, ours, crm.Write},
		{"keep_person, our value that is right", keep, same(ours), crm.AsIs},
		{"fill, an empty field", fill, empty, crm.Write},
		{"fill, our value", fill, ours, crm.Held},
		{"fill, our value that is right", fill, same(ours), crm.AsIs},
		{"refresh, an empty field", aWeek, empty, crm.Write},
		{"refresh, our value that is old", twoDays, ours, crm.Write},
		{"refresh, our value that is young", aWeek, ours, crm.Held},
		{"refresh, our value of nobody knows when", aWeek, crm.Present{Have: "Tier 2", Ours: true}, crm.Write},
		{"approve, an empty field", approve, empty, crm.ToStage},
		{"approve, our value", approve, ours, crm.ToStage},
		{"approve, while it waits", approve, asked(ours, crm.Waiting), crm.OnHold},
		{"approve, a yes", approve, asked(ours, crm.Approved), crm.Write},
		{"approve, a no", approve, asked(empty, crm.Rejected), crm.OnHold},
		{"approve, our value that is right", approve, same(ours), crm.AsIs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.policy.Decide(tt.give, now))
		})
	}
	for _, p := range []crm.Policy{{}, keep, fill, twoDays, aWeek, approve} {
		require.Equal(t, crm.Kept, p.Decide(theirs, now), "%s, a person's value", p)
		require.Equal(t, crm.Kept, p.Decide(emptied, now), "%s, a value that a person emptied", p)
		require.Equal(t, crm.Kept, p.Decide(asked(theirs, crm.Approved), now), "%s, a person's value after a yes", p)
		require.Equal(t, crm.Agreed, p.Decide(same(theirs), now), "%s, a person who agrees", p)
	}
}
