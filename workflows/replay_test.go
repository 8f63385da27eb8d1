package workflows_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/sluicehq/sluice/workflows"
)

// TestReplay runs today's code against histories recorded by released versions,
// never by the branch under test. A failure means that runs in flight would
// break on deploy: guard the change with workflow.GetVersion.
func TestReplay(t *testing.T) {
	t.Parallel()
	histories, err := filepath.Glob("testdata/replay/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, histories, "no recorded histories: the test would pass by testing nothing")
	for _, h := range histories {
		t.Run(filepath.Base(h), func(t *testing.T) {
			t.Parallel()
			r := worker.NewWorkflowReplayer()
			workflows.Register(r)
			logger := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(logger, h))
		})
	}
}
