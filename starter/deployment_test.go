package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/monitor"
)

func TestAShareIsRead(t *testing.T) {
	for give, want := range map[string]float32{"": 100, "10%": 10, "0.5%": 0.5, "50": 50} {
		got, err := parseRamp(give)
		require.NoError(t, err, give)
		require.InDelta(t, want, got, 0, give)
	}
	for _, give := range []string{"0%", "100%", "-1", "ten", "NaN", "%"} {
		_, err := parseRamp(give)
		require.ErrorContains(t, err, "such as 10%", give)
	}
}

func TestWhereARollbackGoes(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	never := monitor.Version{Build: "0.8.0", State: monitor.VersionInactive, Workers: 1}
	current := monitor.Version{Build: "0.7.0", State: monitor.VersionCurrent, LastCurrent: at, Workers: 1}
	before := monitor.Version{Build: "0.6.0", State: monitor.VersionDraining, LastCurrent: at.Add(-time.Hour), Workers: 1}
	older := monitor.Version{Build: "0.5.0", State: monitor.VersionDrained, LastCurrent: at.Add(-48 * time.Hour), Workers: 1}
	stopped := before
	stopped.Workers = 0
	tests := []struct {
		name        string
		give        monitor.Deployment
		unversioned bool
		want        string
		wantErr     string
	}{
		{name: "the one before", give: monitor.Deployment{Current: "0.7.0", Versions: []monitor.Version{never, current, older, before}}, want: "0.6.0"},
		{name: "its workers are gone", give: monitor.Deployment{Current: "0.7.0", Versions: []monitor.Version{current, stopped, older}}, wantErr: "start one with TEMPORAL_WORKER_BUILD_ID=0.6.0 first"},
		{name: "the first", give: monitor.Deployment{Current: "0.7.0", Versions: []monitor.Version{never, current}}, wantErr: "--unversioned"},
		{name: "none is current", give: monitor.Deployment{Versions: []monitor.Version{never}}, wantErr: "nothing to take back"},
		{name: "out of versions", give: monitor.Deployment{Current: "0.7.0", Unversioned: 2, Versions: []monitor.Version{current}}, unversioned: true},
		{name: "out of versions, with nobody there", give: monitor.Deployment{Current: "0.7.0", Versions: []monitor.Version{current}}, unversioned: true, wantErr: "no worker without a version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := goBackTo(tt.give, tt.unversioned)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDoctorFindsRunsThatNoVersionMayWorkOn(t *testing.T) {
	version := func(build string, state monitor.VersionState, workers, pinned int) monitor.Version {
		return monitor.Version{Build: build, State: state, Workers: workers, Pinned: pinned}
	}
	tests := []struct {
		name, status, detail string // an empty status: nothing to say
		give                 monitor.Deployment
	}{
		{name: "no versions", give: monitor.Deployment{Unversioned: 2}},
		{name: "all is well", status: fine, detail: "b is current", give: monitor.Deployment{Current: "b", Versions: []monitor.Version{
			version("c", monitor.VersionInactive, 1, 0), version("b", monitor.VersionCurrent, 2, 9), version("a", monitor.VersionDraining, 1, 3),
		}}},
		{name: "drained and gone", status: fine, detail: "b is current", give: monitor.Deployment{Current: "b", Versions: []monitor.Version{
			version("b", monitor.VersionCurrent, 2, 9), version("a", monitor.VersionDrained, 0, 0),
		}}},
		{
			name: "none is current", status: broken, detail: "workers of a poll, but no version is current: nothing runs",
			give: monitor.Deployment{Versions: []monitor.Version{version("a", monitor.VersionInactive, 1, 0)}},
		},
		{
			name: "the first beside workers without", status: warning, detail: "workers of a get nothing before it is promoted; those without a version do the work",
			give: monitor.Deployment{Unversioned: 1, Versions: []monitor.Version{version("a", monitor.VersionInactive, 1, 0)}},
		},
		{
			name: "the current one has gone", status: broken, detail: "b is current, and no worker of it polls: new runs wait",
			give: monitor.Deployment{Current: "b", Versions: []monitor.Version{version("b", monitor.VersionCurrent, 0, 0)}},
		},
		{
			name: "stopped too early", status: broken, detail: "3 runs are pinned to a, and no worker of it polls",
			give: monitor.Deployment{Current: "b", Versions: []monitor.Version{version("b", monitor.VersionCurrent, 1, 0), version("a", monitor.VersionDraining, 0, 3)}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := versionFindings(tt.give)
			if tt.status == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, []string{tt.status, tt.detail}, []string{got[0].Status, got[0].Detail})
		})
	}
}
