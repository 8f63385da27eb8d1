package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/crm"
)

func crmSection(lines string) string {
	return "model: revops\nproviders: [{name: website}]\ncrm:\n" + lines
}

func TestWritePolicies(t *testing.T) {
	t.Parallel()
	p := parse(t, crmSection("  write: {owner: fill, icp_tier: approve, icp_reason: {refresh: 7d}, icp_contact_level: keep_person}\n  journal: 30d\n"))
	require.Equal(t, crm.Policies{
		crm.OwnerProperty: {Kind: crm.Fill}, crm.TierProperty: {Kind: crm.Approve},
		crm.ReasonProperty: {Kind: crm.Refresh, Age: 7 * 24 * time.Hour}, crm.ContactLevelProperty: {Kind: crm.KeepPerson},
	}, p.CRM.Write)
	require.Equal(t, 30*24*time.Hour, p.CRM.Journal)
	none := parse(t, good)
	require.Equal(t, crm.Policy{Kind: crm.KeepPerson}, none.CRM.Write.Of(crm.TierProperty), "the default")
	require.Equal(t, 90*24*time.Hour, none.CRM.JournalFor())
}

func TestWritePoliciesThatAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, give, want string }{
		{"a misspelt property", "  write: {icp_teir: fill}", "p:4:11: crm.write.icp_teir: unknown key (did you mean icp_tier?)"},
		{"a property that Sluice does not write", "  write:\n    annualrevenue: fill", "p:5:5: crm.write.annualrevenue: unknown key; known: icp_fit_score, icp_tier, sluice_queue, icp_model, icp_completeness, icp_scored_at, icp_reason, owner, icp_contact_score, icp_contact_level, icp_contact_reason, icp_contact_model"},
		{"an unknown policy", "  write: {owner: never}", `p:4:18: crm.write.owner: "never": want keep_person or fill or refresh or approve`},
		{"a misspelt policy", "  write: {owner: aprove}", `p:4:18: crm.write.owner: "aprove": want keep_person or fill or refresh or approve (did you mean approve?)`},
		{"refresh without an age", "  write: {owner: refresh}", "p:4:18: crm.write.owner: refresh needs an age: want {refresh: 7d}"},
		{"an age of another policy", "  write: {owner: {fill: 7d}}", "p:4:18: crm.write.owner: missing key refresh\np:4:19: crm.write.owner.fill: unknown key; known: refresh"},
		{"an age in words", "  write: {owner: {refresh: weekly}}", `p:4:28: crm.write.owner.refresh: want a number of seconds or minutes or hours or days, such as 30s or 5m or 12h or 90d, have the text "weekly"`},
		{"contacts that wait", "  write: {icp_contact_score: approve}", "p:4:30: crm.write.icp_contact_score: nobody is asked about values of contacts: want keep_person, fill or {refresh: 7d}"},
		{"a journal of nothing", "  journal: 0d", `p:4:12: crm.journal: want a number of hours or days, such as 12h or 90d, have the text "0d"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.ParsePipeline("p", []byte(crmSection(tt.give+"\n")))
			require.ErrorIs(t, err, account.ErrInvalid)
			require.EqualError(t, err, tt.want)
		})
	}
}
