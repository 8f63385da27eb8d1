package icp_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sluicehq/sluice/icp"
)

func modelSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(icp.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("model.json", doc))
	schema, err := c.Compile("model.json")
	require.NoError(t, err)
	return schema
}

// validate holds a YAML file against the schema, as an editor does.
func validate(t *testing.T, schema *jsonschema.Schema, file string) error {
	t.Helper()
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(file), &value))
	data, err := json.Marshal(value)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return schema.Validate(doc)
}

func TestSchemaAcceptsModels(t *testing.T) {
	t.Parallel()
	schema := modelSchema(t)
	files := []string{good, good + signalsFile, everything, contactFit, declaring, sticky, weights, square, committees, ofContacts, conditional("employees > 5")}
	for _, name := range icp.Shipped() {
		files = append(files, shipped(t, name).Source)
	}
	for _, file := range files {
		require.NoError(t, validate(t, schema, file), file)
	}
}

// TestSchemaRefusesMistakes holds that an editor shows what it can know; whether a
// matcher suits its field, for one, it cannot.
func TestSchemaRefusesMistakes(t *testing.T) {
	t.Parallel()
	schema := modelSchema(t)
	tests := []struct{ name, file, old, new string }{
		{"an unknown key", good, "confidence: 0.6", "confidenc: 0.6"},
		{"a missing key", good, "owner: revops@acme.example\n", ""},
		{"neither tiers nor a matrix", square, square[strings.Index(square, "matrix:"):], ""},
		{"tiers and a matrix", square, "matrix:", "tiers: [{name: A, min: 0, queue: a}]\nmatrix:"},
		{"a name of two words", good, "name: small", "name: small model"},
		{"a version in quotes", good, "version: 3", `version: "3"`},
		{"another subject", good, "subject: company", "subject: compny"},
		{"a confidence of 60", good, "confidence: 0.6", "confidence: 60"},
		{"an unknown key of a criterion", good, "any_of: [saas", "any_off: [saas"},
		{"a criterion of nothing", good, "    field: previously_churned\n", ""},
		{"a field and a signal", good, "    signal: [funding", "    field: industry\n    signal: [funding"},
		{"no words", good, "any_of: [saas, mining]", "any_of: []"},
		{"a band of one", good, "[50, 500]", "[50]"},
		{"a band of words", good, "[50, 500]", "[few, 500]"},
		{"0 points", good, "points: -30", "points: 0"},
		{"half a point", good, "points: -30", "points: -2.5"},
		{"a time without a unit", good, "within: 90d", "within: 90"},
		{"another meaning of unknown", good, "    equals: true", "    unknown: maybe\n    equals: true"},
		{"an unknown method", weights, "method: weighted", "method: weightd"},
		{"a share in words", weights, "37.5}", "rest}"},
		{"apart of another dimension", weights, "[engagement]", "[people]"},
		{"a priority that is none", good, "priority: low", "priority: lo"},
		{"a queue of two words", good, "queue: sdr", "queue: SDR queue"},
		{"an unknown type of field", declaring, "{type: number}", "{type: int}"},
		{"somebody else's field", committees, "of: buying_committee", "of: board"},
		{"a side that is none", square, "fit: low, engagement: high", "fit: lo, engagement: high"},
		{"an empty expression", conditional("employees > 5"), `"employees > 5"`, `""`},
		{"a burst of one", good + signalsFile, "postings: 5", "postings: 1"},
		{"a department of an executive", good + signalsFile, "{name: cro,", "{name: cro, department: sales,"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(tt.file, tt.old), "the text to replace is not there once")
			broken := strings.Replace(tt.file, tt.old, tt.new, 1)
			require.Error(t, validate(t, schema, broken))
			_, err := icp.Parse("m", []byte(broken))
			require.Error(t, err, "the schema must not be stricter than the parser")
		})
	}
}

// TestSchemaHasTheParsersKeys holds that no mapping is read with keys that the schema
// does not have: all are read by the tables that it is made of.
func TestSchemaHasTheParsersKeys(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("parse*.go")
	require.NoError(t, err)
	tables := regexp.MustCompile(`\.Object\((\w*[kK]eys|known)\.names\(\)\.\.\.\)`)
	reads := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Len(t, tables.FindAll(source, -1), strings.Count(string(source), ".Object("), "%s reads a mapping by other keys than those of keys.go", file)
		reads += strings.Count(string(source), ".Object(")
	}
	require.Greater(t, reads, 10)
}
