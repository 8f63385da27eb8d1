package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/sluicehq/sluice/icp"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
)

func model(t *testing.T, name string, version int, subject string) *icp.Model {
	t.Helper()
	m, err := icp.Parse(name, []byte(fmt.Sprintf(`{name: %s, version: %d, owner: ops@ours.example, subject: %s, required: [],
  criteria: [{name: size, dimension: firmographics, field: employees, between: [1, 9], points: 5}],
  tiers: [{name: Good, min: 3, queue: a}, {name: Other, min: 0, queue: b}]}`, name, version, subject)))
	require.NoError(t, err)
	return m
}

// start is what a worker does with its models when it starts; it returns what is active
// then, and what the log says.
func start(t *testing.T, st *store.Store, people *icp.Model, companies ...*icp.Model) (active, contacts []store.ModelRef, said []observer.LoggedEntry) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	models := map[string]*icp.Model{}
	for _, m := range companies {
		models[m.Name] = m
	}
	if people != nil {
		models[people.Name] = people
	}
	require.NoError(t, seedModels(t.Context(), st, models, companies, people, zap.New(core)))
	active, err := st.ActiveModels(t.Context(), icp.SubjectCompany)
	require.NoError(t, err)
	contacts, err = st.ActiveModels(t.Context(), icp.SubjectContact)
	require.NoError(t, err)
	return active, contacts, logs.All()
}

func ref(name string, version int) store.ModelRef {
	return store.ModelRef{Name: name, Version: version}
}

func TestAWorkerThatStartsChangesNoVersionThatIsActive(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	two, three := model(t, "fit", 2, "company"), model(t, "fit", 3, "company")

	active, _, said := start(t, st, nil, two)
	require.Equal(t, []store.ModelRef{ref("fit", 2)}, active, "a new installation begins with what the file says")
	require.Empty(t, said)

	active, _, said = start(t, st, nil, three)
	require.Equal(t, []store.ModelRef{ref("fit", 2)}, active, "a later version waits for its release")
	require.Len(t, said, 1)
	require.Equal(t, "starter icp release fit@3", said[0].ContextMap()["next"])
	kept, err := st.Model(t.Context(), "fit", 3)
	require.NoError(t, err, "and is on record, to be released by its name")
	require.Equal(t, three.Source, string(kept))

	require.NoError(t, st.ActivateModels(t.Context(), "company", ref("fit", 3)))
	active, _, said = start(t, st, nil, two)
	require.Equal(t, []store.ModelRef{ref("fit", 3)}, active, "a worker with old files takes nothing back")
	require.Empty(t, said)
}

func TestSegmentsComeAndGoWithTheFileAndContactsSwitchByIt(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	fit, emea := model(t, "fit", 1, "company"), model(t, "emea", 4, "company")
	active, contacts, _ := start(t, st, model(t, "people", 1, "contact"), fit, emea)
	require.Equal(t, []store.ModelRef{ref("fit", 1), ref("emea", 4)}, active)
	require.Equal(t, []store.ModelRef{ref("people", 1)}, contacts)

	active, contacts, said := start(t, st, model(t, "people", 2, "contact"), emea, fit)
	require.Equal(t, []store.ModelRef{ref("emea", 4), ref("fit", 1)}, active, "in the file's order")
	require.Equal(t, []store.ModelRef{ref("people", 2)}, contacts, "without a release")
	require.Empty(t, said)

	active, contacts, _ = start(t, st, nil, fit)
	require.Equal(t, []store.ModelRef{ref("fit", 1)}, active)
	require.Empty(t, contacts)
}
