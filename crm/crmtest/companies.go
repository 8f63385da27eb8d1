package crmtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/crm"
	"github.com/sluicehq/sluice/outbound"
)

// companyTests are of companies that are written together.
var companyTests = []struct {
	name string
	run  func(*testing.T, Bench)
}{
	{"companies are written together and read back", writesCompanies},
	{"a company that is gone does not keep the others from being written", writesCompaniesAroundTheGone},
	{"a write to companies whose answer was lost is done and ambiguous", losesCompanyWrites},
	{"a value that is refused is refused for each company, by name", refusesCompanies},
	{"companies of another CRM are refused unsent", refusesForeignCompanies},
}

// companies adds n of them, with what is to be written to each.
func companies(t *testing.T, b Bench, n int) []crm.CompanyWrite {
	t.Helper()
	setUp(t, b)
	b.Server.AddOwner("7001", "ann@acme.example", "Ann", "Lee", false)
	writes := make([]crm.CompanyWrite, n)
	for i := range writes {
		writes[i] = crm.CompanyWrite{
			Key: b.Server.AddCompany(fmt.Sprint("Acme ", i), fmt.Sprintf("acme%d.example", i), nil),
			Properties: map[string]string{
				crm.ScoreProperty: fmt.Sprint(i % 100), crm.TierProperty: "Tier 1", crm.OwnerProperty: "7001",
				crm.ReasonProperty: "Industry <saas> & \"120\" people",
			},
		}
	}
	return writes
}

func requireCompanies(t *testing.T, b Bench, writes []crm.CompanyWrite) {
	t.Helper()
	for _, w := range writes {
		c, err := b.CRM.Company(t.Context(), w.Key)
		require.NoError(t, err)
		for name, want := range w.Properties {
			require.Equal(t, want, c.Properties[name], name)
		}
	}
}

func writesCompanies(t *testing.T, b Bench) {
	writes := companies(t, b, 130) // more than one call takes
	for range 2 {                  // writing equal values is harmless
		done, err := b.CRM.UpdateCompanies(t.Context(), writes)
		require.NoError(t, err)
		require.Len(t, done, len(writes))
		for _, d := range done {
			require.Empty(t, d.Refused)
		}
	}
	requireCompanies(t, b, writes)
	writes[0].Properties = map[string]string{crm.OwnerProperty: "", crm.TierProperty: ""}
	writes[1].Properties = nil
	done, err := b.CRM.UpdateCompanies(t.Context(), writes[:2])
	require.NoError(t, err)
	require.Equal(t, []crm.CompanyDone{{Key: writes[0].Key}}, done, "nothing is no write")
	requireCompanies(t, b, writes) // an empty value clears the property
	none, err := b.CRM.UpdateCompanies(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func writesCompaniesAroundTheGone(t *testing.T, b Bench) {
	writes := companies(t, b, 3)
	gone := crm.CompanyWrite{Key: writes[1].Key, Properties: writes[1].Properties}
	gone.Key.ID += "99"
	done, err := b.CRM.UpdateCompanies(t.Context(), append([]crm.CompanyWrite{gone}, writes...))
	require.NoError(t, err)
	require.Len(t, done, 4)
	for _, d := range done {
		require.Equal(t, d.Key == gone.Key, d.Refused != "", "%s: %s", d.Key, d.Refused)
		require.False(t, d.Unset)
	}
	requireCompanies(t, b, writes)
}

func losesCompanyWrites(t *testing.T, b Bench) {
	writes := companies(t, b, 3)
	b.Server.Fail(LoseAnswers)
	_, err := b.CRM.UpdateCompanies(t.Context(), writes)
	var lost *outbound.Error
	require.ErrorAs(t, err, &lost)
	require.True(t, lost.Ambiguous(), "%v", err)
	b.Server.Fail(Healthy)
	requireCompanies(t, b, writes)
}

func refusesCompanies(t *testing.T, b Bench) {
	writes := companies(t, b, 5)
	for i := range writes {
		writes[i].Properties[crm.TierProperty] = "Tier 99 canary"
	}
	done, err := b.CRM.UpdateCompanies(t.Context(), writes)
	require.NoError(t, err, "what is wrong with single companies is no failure of the call")
	require.Len(t, done, 5)
	for _, d := range done {
		require.Contains(t, d.Refused, crm.TierProperty)
		require.NotContains(t, d.Refused, "canary", "names, never values")
		require.True(t, d.Unset)
	}
}

func refusesForeignCompanies(t *testing.T, b Bench) {
	writes := companies(t, b, 1)
	for _, key := range []account.Key{
		{CRM: "other", Portal: writes[0].Key.Portal, ID: writes[0].Key.ID}, {CRM: writes[0].Key.CRM, Portal: writes[0].Key.Portal, ID: "../owners"},
	} {
		_, err := b.CRM.UpdateCompanies(t.Context(), []crm.CompanyWrite{{Key: key, Properties: writes[0].Properties}})
		require.Equal(t, outbound.BadRequest, outbound.OutcomeOf(err), "%v", err)
	}
}
