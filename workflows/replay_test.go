package workflows_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

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
	require.ElementsMatch(t, slices.Collect(maps.Keys(registered())), recordedTypes(t, histories), "a workflow of which no history is recorded: go test ./e2e -run TestRecordHistories -record NAME")
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

// recordedTypes are the workflows that the histories are of.
func recordedTypes(t *testing.T, histories []string) []string {
	t.Helper()
	types := map[string]bool{}
	for _, h := range histories {
		text, err := os.ReadFile(h)
		require.NoError(t, err)
		var recorded struct {
			Events []struct {
				Started struct {
					Type struct{ Name string } `json:"workflowType"`
				} `json:"workflowExecutionStartedEventAttributes"`
			}
		}
		require.NoError(t, json.Unmarshal(text, &recorded), h)
		types[recorded.Events[0].Started.Type.Name] = true
	}
	return slices.Collect(maps.Keys(types))
}

// TestWhatGoesOnInANewRunMovesToTheCurrentVersion keeps the table in docs/operations.md: a
// pinned run that continued as new would keep old workers for ever.
func TestWhatGoesOnInANewRunMovesToTheCurrentVersion(t *testing.T) {
	t.Parallel()
	var pinned []string
	for name, behavior := range registered() {
		require.NotEqual(t, workflow.VersioningBehaviorUnspecified, behavior, "%s: the SDK refuses it on a worker with a version", name)
		if behavior == workflow.VersioningBehaviorPinned {
			pinned = append(pinned, name)
		}
	}
	require.ElementsMatch(t, []string{"CompanyOnboarding", "SignalResponse", "WriteApproved", "UndoRun"}, pinned)
}

// registered are the workflows that workers register.
func registered() behaviors {
	b := behaviors{}
	workflows.Register(b)
	return b
}

type behaviors map[string]workflow.VersioningBehavior

func (b behaviors) RegisterWorkflowWithOptions(_ any, o workflow.RegisterOptions) {
	b[o.Name] = o.VersioningBehavior
}
