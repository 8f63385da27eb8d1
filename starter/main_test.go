package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// call runs the starter in a world without Sluice's variables.
func call(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	for _, line := range os.Environ() {
		if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "SLUICE_") || strings.HasPrefix(name, "TEMPORAL_") {
			t.Setenv(name, "") // which t undoes
			require.NoError(t, os.Unsetenv(name))
		}
	}
	return callHere(t, args...)
}

// callHere runs the starter in the world as it is.
func callHere(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&err)
	root.SetIn(strings.NewReader(""))
	status = execute(t.Context(), root, args)
	return status, out.String(), err.String()
}

// walk visits every command, with the arguments that call it.
func walk(c *cobra.Command, args []string, visit func(c *cobra.Command, args []string)) {
	visit(c, args)
	for _, sub := range c.Commands() {
		walk(sub, append(slices.Clip(args), sub.Name()), visit)
	}
}

// TestEveryCommandExplainsItself holds that each has a line, an example that calls
// it, and a --help that works.
func TestEveryCommandExplainsItself(t *testing.T) {
	var count int
	walk(newRoot(), nil, func(c *cobra.Command, args []string) {
		path := strings.Join(append([]string{"starter"}, args...), " ")
		require.NotEmpty(t, c.Short, path)
		require.Contains(t, c.Example, path, "the example of %s does not call it", path)
		for line := range strings.Lines(c.Example) {
			require.True(t, strings.HasPrefix(line, "  "), "%s: examples are indented", path)
		}
		status, stdout, stderr := call(t, append(slices.Clip(args), "--help")...)
		require.Equal(t, ok, status, path)
		require.Contains(t, stdout, "Examples:", path)
		require.Empty(t, stderr, path)
		count++
	})
	require.Greater(t, count, 12)
}

// TestContracts holds that the commands scripts may rely on are there, with their
// flags.
func TestContracts(t *testing.T) {
	t.Parallel()
	for command, flags := range map[string][]string{
		"serve": nil, "migrate": nil, "crm setup": {"json"},
		"crm journal": {"run", "since", "json"}, "crm staged list": {"json"}, "crm staged approve": {"by", "all", "json"},
		"crm staged reject": {"by", "all", "json"}, "crm refill": nil, "run undo": {"dry-run", "json"},
		"company add":     {"domain", "name", "crm-id", "create", "wait", "json"},
		"company import":  {"wait", "json", "strict"},
		"company explain": {"json"},
		"provider list":   {"json"}, "provider check": {"domain"}, "provider map": {"response"},
		"icp validate": {"json"}, "icp show": nil, "icp score": {"account", "json"},
		"icp derive":   {"deals", "outcome", "id", "date", "value", "ignore", "accounts", "missing", "keep", "out", "json"},
		"icp backtest": {"model", "against", "deals", "outcome", "id", "date", "value", "accounts", "plot", "json"},
	} {
		c, rest, err := newRoot().Find(strings.Fields(command))
		require.NoError(t, err)
		require.Empty(t, rest, command)
		for _, flag := range flags {
			require.NotNil(t, c.Flags().Lookup(flag), "%s --%s", command, flag)
		}
	}
}

// TestUsageErrors holds that a command line that makes no sense ends with status 2,
// before anything is opened, and says what to do.
func TestUsageErrors(t *testing.T) {
	tests := []struct{ give, want string }{
		{"", "Usage:"},
		{"company", "Usage:"},
		{"crm", "Usage:"},
		{"icp", "Usage:"},
		{"provider", "Usage:"},
		{"nonsense", `starter has no command "nonsense"; see starter --help`},
		{"compny", `starter has no command "compny" (did you mean company?); see starter --help`},
		{"company ad", `starter company has no command "ad" (did you mean add?); see starter company --help`},
		{"--nonsense", "unknown flag: --nonsense; see starter --help"},
		{"serve now", "see starter serve --help"},
		{"serve --port 80", "unknown flag: --port; see starter serve --help"},
		{"migrate up", "see starter migrate --help"},
		{"migrate --to 3", "unknown flag: --to; see starter migrate --help"},
		{"crm setup again", "see starter crm setup --help"},
		{"crm setup --dry-run", "unknown flag: --dry-run; see starter crm setup --help"},
		{"crm set", `starter crm has no command "set" (did you mean setup?); see starter crm --help`},
		{"crm journal", "see starter crm journal --help"},
		{"crm journal a.example --since soon", `--since: want a time such as 7d or 12h, have "soon"`},
		{"crm staged approve --by dana", "crm staged: give ids, or --all"},
		{"crm staged approve 4 --all --by dana", "crm staged: give ids, or --all"},
		{"crm staged reject 4", "crm staged: give --by"},
		{"crm staged reject four --by dana", `crm staged: "four" is no id`},
		{"crm refill a.example icp_teir", `Sluice writes no property "icp_teir" to companies (did you mean icp_tier?)`},
		{"run undo", "see starter run undo --help"},
		{"company add", "company add: give --domain, --name or --crm-id"},
		{"company add acme.example", "see starter company add --help"},
		{"company add --domian acme.example", "unknown flag: --domian; see starter company add --help"},
		{"company add --domain", "flag needs an argument: --domain; see starter company add --help"},
		{"company add --domain a.example --wait=maybe", "see starter company add --help"},
		{"company import", "accepts 1 arg(s), received 0; see starter company import --help"},
		{"company import a.csv b.csv", "accepts 1 arg(s), received 2; see starter company import --help"},
		{"company import a.csv --strickt", "unknown flag: --strickt; see starter company import --help"},
		{"company explain", "accepts 1 arg(s), received 0; see starter company explain --help"},
		{"company explain a.example --xml", "unknown flag: --xml; see starter company explain --help"},
		{"provider list apollo", "see starter provider list --help"},
		{"provider list --xml", "unknown flag: --xml; see starter provider list --help"},
		{"provider check", "accepts 1 arg(s), received 0; see starter provider check --help"},
		{"provider check appollo", `no provider is called "appollo" (did you mean apollo?); there are apollo, clearbit, hunter, pdl, builtwith, theirstack, website`},
		{"provider map", "accepts 1 arg(s), received 0; see starter provider map --help"},
		{"provider map apollo", "provider map: --response is missing"},
		{"provider map zoominfo --response a.json", `no provider is called "zoominfo"; there are apollo, clearbit, hunter, pdl, builtwith, theirstack, website`},
		{"icp validate", "accepts 1 arg(s), received 0; see starter icp validate --help"},
		{"icp validate a.yaml b.yaml", "accepts 1 arg(s), received 2; see starter icp validate --help"},
		{"icp show revops other", "accepts at most 1 arg(s), received 2; see starter icp show --help"},
		{"icp score revops", "icp score: --account is missing"},
		{"icp score --account a.json", "accepts 1 arg(s), received 0; see starter icp score --help"},
	}
	for _, tt := range tests {
		t.Run("starter "+tt.give, func(t *testing.T) {
			status, stdout, stderr := call(t, strings.Fields(tt.give)...)
			require.Equal(t, usage, status)
			require.Empty(t, stdout)
			require.Contains(t, stderr, tt.want)
		})
	}
}

// TestFailures holds that what cannot be done ends with status 1 and says what to do.
func TestFailures(t *testing.T) {
	const unset = "starter: SLUICE_DATABASE_URL: empty; `make stack` prints one"
	tests := []struct{ give, want string }{
		{"serve", unset},
		{"migrate", unset},
		{"crm setup", unset},
		{"provider list", unset},
		{"provider check apollo", unset},
		{"provider check apollo --domain localhost", "starter: domain: "},
		{"company explain acme.example", unset},
		{"company explain gmail.com", "starter: domain: "},
		{"company add --domain acme.example", unset},
		{"company add --domain 10.0.0.1", "starter: domain: "},
		{"company add --domain gmail.com", "starter: domain: "},
		{"company import testdata/nowhere.csv", "testdata/nowhere.csv: no such file"},
		{"provider map apollo --response testdata/nowhere.json", "testdata/nowhere.json: no such file"},
		{"icp validate testdata/nowhere.yaml", "testdata/nowhere.yaml: no such file"},
		{"icp show revosp", `no model is called "revosp" (did you mean revops?), nor is there such a file; ` + "`starter icp show` lists the models"},
		{"icp score revosp --account -", `no model is called "revosp" (did you mean revops?), nor is there such a file; ` + "`starter icp show` lists the models"},
		{"icp score revops --account testdata/nowhere.json", "testdata/nowhere.json: no such file"},
		{"icp score revops --account -", `-: account: not JSON`},
	}
	for _, tt := range tests {
		t.Run("starter "+tt.give, func(t *testing.T) {
			status, stdout, stderr := call(t, strings.Fields(tt.give)...)
			require.Equal(t, failed, status)
			require.Empty(t, stdout)
			require.Contains(t, stderr, tt.want)
		})
	}
}

// write puts a file into a directory of the test's own.
func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

func TestValidate(t *testing.T) {
	status, model, _ := call(t, "icp", "show", "revops")
	require.Equal(t, ok, status)
	good := write(t, "good.yaml", model)
	status, stdout, _ := call(t, "icp", "validate", good)
	require.Equal(t, ok, status)
	require.Contains(t, stdout, "good.yaml is valid: revops@2")
	status, stdout, _ = call(t, "icp", "validate", good, "--json")
	require.Equal(t, ok, status)
	require.JSONEq(t, `{"valid": true, "mistakes": []}`, stdout)

	bad := write(t, "bad.yaml", strings.Replace(model, "version: 2", "version: one", 1))
	status, stdout, stderr := call(t, "icp", "validate", bad)
	require.Equal(t, failed, status)
	require.Empty(t, stdout)
	require.Regexp(t, `bad\.yaml:\d+:10: version: want a whole number, have the text "one"`, stderr)
	status, stdout, stderr = call(t, "icp", "validate", bad, "--json")
	require.Equal(t, failed, status)
	require.Contains(t, stdout, `"valid": false`)
	require.Contains(t, stdout, `"column": 10`)
	require.Empty(t, stderr)
}

func TestScore(t *testing.T) {
	file := write(t, "acme.json", `{"industry": "saas", "employees": 120, "technologies": ["hubspot"], "revenue_usd": 5000000, "country": null}`)
	status, stdout, _ := call(t, "icp", "score", "revops", "--account", file)
	require.Equal(t, ok, status)
	require.Contains(t, stdout, "65 in 65..65, Tier 2 under revops@2")
	status, stdout, _ = call(t, "icp", "score", "revops", "--account", file, "--json")
	require.Equal(t, ok, status)
	for _, key := range []string{"value", "low", "high", "fit", "completeness", "tier", "provisional", "criteria", "name", "points", "max", "input", "reason"} {
		require.Contains(t, stdout, `"`+key+`":`)
	}
}

// TestModelsOfOnesOwn holds that models of SLUICE_MODEL_DIR are shown and score by name.
func TestModelsOfOnesOwn(t *testing.T) {
	_, model, _ := call(t, "icp", "show", "revops")
	file := write(t, "mine.yaml", strings.Replace(model, "name: revops", "name: mine", 1))
	t.Setenv("SLUICE_MODEL_DIR", filepath.Dir(file))
	status, stdout, _ := callHere(t, "icp", "show")
	require.Equal(t, ok, status)
	require.Contains(t, stdout, "mine@2")
	status, stdout, _ = callHere(t, "icp", "score", "mine", "--account", write(t, "a.json", `{"industry": "saas"}`))
	require.Equal(t, ok, status)
	require.Contains(t, stdout, "under mine@2")
}

func TestProviderMap(t *testing.T) {
	status, stdout, _ := call(t, "provider", "map", "apollo", "--response", "../providers/apollo/testdata/found.json")
	require.Equal(t, ok, status)
	require.Contains(t, stdout, `"outcome": "found"`)
	bad := write(t, "bad.json", `{"organization": `)
	status, stdout, stderr := call(t, "provider", "map", "apollo", "--response", bad)
	require.Equal(t, failed, status)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "bad.json: unexpected end of JSON input")
}

// TestImportRefusesBeforeAnythingStarts holds that --strict needs no Temporal to
// refuse a file.
func TestImportRefusesBeforeAnythingStarts(t *testing.T) {
	file := write(t, "a.csv", "domain\nacme.example\ngmail.com\n")
	status, stdout, stderr := call(t, "company", "import", file, "--strict")
	require.Equal(t, failed, status)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "a.csv:3: domain: ")
	require.Contains(t, stderr, "refused 1 of 2 rows; nothing was started")
}
