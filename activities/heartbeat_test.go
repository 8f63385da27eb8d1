package activities

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
)

func TestOnlyAnActivityThatTakesLongSendsHeartbeats(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		takes time.Duration
		beats int
	}{
		"ends soon":  {silence, 0},
		"takes long": {silence + time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
				beats := 0
				env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { beats++ })
				env.RegisterActivityWithOptions(func(ctx context.Context) error {
					beat := heartbeat(ctx)
					beat()
					<-time.After(tt.takes)
					beat()
					return nil
				}, activity.RegisterOptions{Name: "step"})
				_, err := env.ExecuteActivity("step")
				require.NoError(t, err)
				require.Equal(t, tt.beats, beats)
			})
		})
	}
}
