package vocabulary_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sharedData returns a file of the reference data that may lie beside the checkout,
// and skips the test where it does not.
func sharedData(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{"..", "..", "..", "shared", "data"}, path...)...)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	return file
}

// sharedRows returns the rows of a CSV file of the reference data, by column.
func sharedRows(t *testing.T, path ...string) []map[string]string {
	t.Helper()
	f, err := os.Open(sharedData(t, path...))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	r := csv.NewReader(f)
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	rows, err := r.ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, value := range row[:min(len(row), len(rows[0]))] {
			m[rows[0][i]] = value
		}
		out = append(out, m)
	}
	require.NotEmpty(t, out)
	return out
}
