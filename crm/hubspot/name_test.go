package hubspot

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACallIsNamedWithoutIDs(t *testing.T) {
	t.Parallel()
	c := &Client{version: "2026-09"}
	tests := map[string]string{
		c.objects("tasks"):                                     "tasks",
		c.objects("companies", "search"):                       "companies/search",
		c.objects("companies", "512"):                          "companies",
		c.objects("contacts", "batch", "read"):                 "contacts/batch/read",
		c.objects("companies", "512", "associations", "notes"): "companies/associations/notes",
		c.propertiesPath("companies") + "/icp_tier":            "properties",
		"/crm/owners/2026-09":                                  "owners",
		"/account-info/2026-09/details":                        "account-info",
	}
	for path, want := range tests {
		require.Equal(t, want, nameOf(path), path)
	}
}
