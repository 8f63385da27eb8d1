package sandbox

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStart(t *testing.T) {
	t.Parallel()
	s := newServer(t, Full)
	env := strings.Join(s.Env(), "\n")
	for _, want := range []string{
		"SLUICE_APOLLO_BASE_URL=" + s.URL + "/apollo", "SLUICE_PDL_API_KEY=sandbox", "SLUICE_WEBSITE_BASE_URL=" + s.URL + "/website",
		"SLUICE_JOBBOARDS_BASE_URL=" + s.URL + "/jobboards", "SLUICE_EDGAR_BASE_URL=" + s.URL + "/edgar", "SLUICE_EDGAR_CONTACT=ops@acme.example",
		"SLUICE_CRUNCHBASE_BASE_URL=" + s.URL + "/crunchbase", "SLUICE_CRUNCHBASE_API_KEY=sandbox", "SLUICE_GDELT_BASE_URL=" + s.URL + "/gdelt",
		"SLUICE_CRM=hubspot", "SLUICE_HUBSPOT_BASE_URL=" + s.URL + "/hubspot", "SLUICE_HUBSPOT_TOKEN=", "SLUICE_HUBSPOT_CLIENT_SECRET=",
	} {
		require.Contains(t, env, want)
	}
	for _, path := range []string{"/_faults", "/_counters", "/_clock", "/_news", "/_crm/state", "/"} {
		res, err := http.Get(s.URL + path)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, path)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	_, err := New(Options{Coverage: "most"})
	require.ErrorContains(t, err, "full, partial or realistic")
	_, err = Start(Options{Addr: "256.0.0.1:1"})
	require.Error(t, err)
}

func TestCRMCompanies(t *testing.T) {
	t.Parallel()
	s, err := New(Options{CRMCompanies: true})
	require.NoError(t, err)
	got := s.ask(t, request{path: "/_crm/state"})
	require.Contains(t, got.body, s.table.companies[0].Domain)
	require.Contains(t, got.body, "mara.quist@acme.example")
}

func TestCRMTargets(t *testing.T) {
	t.Parallel()
	s, err := New(Options{CRMTargets: true})
	require.NoError(t, err)
	for _, c := range s.CRM.Snapshot().Companies {
		require.Equal(t, "true", c.Properties["hs_is_target_account"])
	}
}

func TestLatencyOfAll(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Latency: 1_000_000})
	require.NoError(t, err)
	require.Len(t, s.Faults.Services(), len(Vendors())+len(Sources())+1)
	for _, name := range s.Faults.Services() {
		f, _ := s.Faults.Get(name)
		require.Equal(t, 1, f.LatencyMS, name)
	}
}
