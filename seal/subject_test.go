package seal_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/seal"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/storetest"
	"github.com/sluicehq/sluice/workflows"
)

// counted counts how often the record is asked, and may be away.
type counted struct {
	seal.SubjectStore
	asked atomic.Int64
	away  atomic.Bool
	slow  atomic.Bool
}

// before is what happens to a question.
func (c *counted) before() error {
	c.asked.Add(1)
	if c.slow.Load() {
		time.Sleep(1500 * time.Millisecond) // longer than Temporal lets a workflow task hang
	}
	if c.away.Load() {
		return errAway
	}
	return nil
}

var errAway = errors.New("the record is away")

func (c *counted) SubjectKey(ctx context.Context, subject string) (store.SubjectKey, error) {
	if err := c.before(); err != nil {
		return store.SubjectKey{}, err
	}
	return c.SubjectStore.SubjectKey(ctx, subject)
}

func (c *counted) SubjectKeys(ctx context.Context, ids []string) ([]store.SubjectKey, error) {
	if err := c.before(); err != nil {
		return nil, err
	}
	return c.SubjectStore.SubjectKeys(ctx, ids)
}

// process is a codec as one process has it: its memory is its own.
func process(t testing.TB, s seal.SubjectStore, keys ...string) seal.Codec {
	t.Helper()
	k, err := seal.ParseKeys(strings.Join(keys, "\n"))
	require.NoError(t, err)
	return seal.NewCodec(k, seal.NewSubjects(s, workflows.AboutOneCompany))
}

// of is a codec for the payloads of one workflow.
func of(c seal.Codec, workflow string) converter.PayloadCodec {
	return c.WithSerializationContext(converter.WorkflowSerializationContext{WorkflowID: workflow})
}

func opens(t *testing.T, c converter.PayloadCodec, p ...*commonpb.Payload) error {
	t.Helper()
	_, err := c.Decode(p)
	return err
}

func seals(t *testing.T, c converter.PayloadCodec, v any) *commonpb.Payload {
	t.Helper()
	all, err := c.Encode([]*commonpb.Payload{payload(t, v)})
	require.NoError(t, err)
	return all[0]
}

const acmeRun = "company/domain/acme.example"

func TestACompanysPayloadOpensWithItsSecretAndTheMasterKeyOnly(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	master, other := key(t, "a"), key(t, "a")
	starter := process(t, s, master)
	sealed := seals(t, of(starter, acmeRun), "canary")
	require.NotContains(t, sealed.String(), "canary")
	require.NotContains(t, sealed.String(), "acme")

	worker := process(t, s, master).InWorker()
	require.NoError(t, opens(t, of(worker, acmeRun), sealed))
	require.NoError(t, opens(t, process(t, s, master), sealed), "who does not know of which workflow it is, too")

	require.ErrorContains(t, opens(t, process(t, s, other), sealed), "was not sealed with the key a", "a copy of the record will not do")
	require.ErrorIs(t, opens(t, process(t, storetest.New(t), master), sealed), seal.ErrErased, "the master key will not do")
	alone, err := seal.ParseKeys(master)
	require.NoError(t, err)
	require.ErrorContains(t, opens(t, seal.NewCodec(alone, nil), sealed), "no record")
	for name, change := range map[string]func(p *commonpb.Payload){
		"passed off as the master key's": func(p *commonpb.Payload) { delete(p.Metadata, "subject-key-id") },
		"passed off as another company's": func(p *commonpb.Payload) {
			p.Metadata["subject-key-id"] = seals(t, of(starter, "override/7"), 1).Metadata["subject-key-id"]
		},
	} {
		forged := seals(t, of(starter, acmeRun), "canary")
		change(forged)
		require.Error(t, opens(t, starter, forged), name)
	}
}

func TestWhatIsAboutNoSingleCompanyHasTheMasterKeyAlone(t *testing.T) {
	t.Parallel()
	record := &counted{SubjectStore: storetest.New(t)}
	c := process(t, record, key(t, "a"))
	activity := func(workflow string) converter.PayloadCodec {
		return c.WithSerializationContext(converter.ActivitySerializationContext{WorkflowID: workflow})
	}
	for name, alone := range map[string]converter.PayloadCodec{
		"a sweep": of(c, "signals/sweep-2026-11-20T02:00:00Z"), "a source": of(c, "signals/source/edgar"), "a release": of(c, "release/revops@4"),
		"its activity": activity("release/revops@4"), "no workflow": c,
	} {
		require.NotContains(t, seals(t, alone, 1).Metadata, "subject-key-id", name)
	}
	require.Zero(t, record.asked.Load())
	for name, own := range map[string]converter.PayloadCodec{
		"a run": of(c, "company/hubspot/8100/512"), "a run without a record": of(c, acmeRun), "its activity": activity(acmeRun),
		"news": of(c, workflows.SignalResponseID(7)), "an override": of(c, workflows.AccountOverrideID(7)),
	} {
		require.Contains(t, seals(t, own, 1).Metadata, "subject-key-id", name)
	}
}

func TestMasterKeysTurnOverUnderTheKeysOfCompanies(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	old, fresh := key(t, "2026-08"), key(t, "2026-11")
	master := sealed(t, codec(t, old), payload(t, "from before companies had keys"))
	before := seals(t, of(process(t, s, old), acmeRun), 1)

	both := process(t, s, fresh, old)
	require.NoError(t, opens(t, both, before, master))
	after := seals(t, of(both, acmeRun), 2)
	require.Equal(t, before.Metadata["subject-key-id"], after.Metadata["subject-key-id"])
	require.NoError(t, opens(t, process(t, s, fresh), after))
	require.ErrorContains(t, opens(t, process(t, s, fresh), before), `"2026-08"`)
}

func TestNobodyOpensWhatACompanyLeftOnceItIsErased(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	master := key(t, "a")
	c := process(t, s, master)
	gone, stays := seals(t, of(c, acmeRun), "canary"), seals(t, of(c, "company/domain/other.example"), "news of the other")
	_, err := s.Erase(t.Context(), "acme.example", acmeRun)
	require.NoError(t, err)

	later := process(t, s, master)
	require.ErrorIs(t, opens(t, of(later.InWorker(), acmeRun), gone), seal.ErrErased)
	require.NoError(t, opens(t, later, stays))
	page, err := seal.Reader{Codec: later}.Decode([]*commonpb.Payload{gone, stays, gone, payload(t, "plain")})
	require.NoError(t, err, "one that is erased does not take the page with it")
	for i, want := range []string{`"[erased]"`, `"news of the other"`, `"[erased]"`, `"plain"`} {
		require.Equal(t, want, string(page[i].Data))
	}

	again := seals(t, of(c, acmeRun), "it came back")
	require.NotEqual(t, gone.Metadata["subject-key-id"], again.Metadata["subject-key-id"], "who starts work never seals with a key that is gone")
	worker := later.InWorker()
	require.NoError(t, opens(t, of(worker, acmeRun), again))
	require.Equal(t, again.Metadata["subject-key-id"], seals(t, of(worker, acmeRun), 1).Metadata["subject-key-id"])
}

func TestASecretIsForgottenWithinItsLife(t *testing.T) {
	record := memory{"k": {ID: "k", Subject: store.SubjectDigest(acmeRun), Secret: make([]byte, 32)}}
	synctest.Test(t, func(t *testing.T) {
		asked := &counted{SubjectStore: record}
		c := process(t, asked, key(t, "a")).InWorker()
		p := seals(t, of(c, acmeRun), 1)
		for range 100 {
			require.NoError(t, opens(t, of(c, acmeRun), p, p))
			seals(t, of(c, acmeRun), 1)
		}
		require.EqualValues(t, 1, asked.asked.Load(), "a company's key is asked for once, not for each payload")
		delete(record, "k")
		require.NoError(t, opens(t, of(c, acmeRun), p))
		time.Sleep(seal.SubjectLife)
		for range 100 {
			require.ErrorIs(t, opens(t, of(c, acmeRun), p), seal.ErrErased)
		}
		require.EqualValues(t, 2, asked.asked.Load(), "and so is one that is gone")
	})
}

// memory is a record for where time is not the machine's: waiting for a real one would stop
// the clock.
type memory map[string]store.SubjectKey

func (m memory) SubjectKey(context.Context, string) (store.SubjectKey, error) { return m["k"], nil }

func (m memory) SubjectKeys(_ context.Context, ids []string) (found []store.SubjectKey, _ error) {
	for _, id := range ids {
		if k, ok := m[id]; ok {
			found = append(found, k)
		}
	}
	return found, nil
}

func TestAWorkflowTaskWaitsForTheRecordAndDoesNotFailItsRun(t *testing.T) {
	t.Parallel()
	record := &counted{SubjectStore: storetest.New(t)}
	master := key(t, "a")
	sealed := seals(t, of(process(t, record, master), acmeRun), 1)
	record.away.Store(true)

	worker := process(t, record, master).InWorker()
	require.PanicsWithError(t, "the company's key cannot be read from Postgres: the record is away", func() { _ = opens(t, of(worker, acmeRun), sealed) })
	require.Panics(t, func() { _, _ = of(worker, "company/domain/new.example").Encode([]*commonpb.Payload{payload(t, 1)}) })
	inActivity := worker.WithSerializationContext(converter.ActivitySerializationContext{WorkflowID: acmeRun})
	require.ErrorIs(t, opens(t, inActivity, sealed), errAway, "an activity is tried again as it is")
	require.ErrorIs(t, opens(t, of(process(t, record, master), acmeRun), sealed), errAway, "who starts work hears of it")

	record.away.Store(false)
	require.NoError(t, opens(t, of(worker, acmeRun), sealed))
	require.Panics(t, func() { _ = opens(t, of(process(t, record, key(t, "b")).InWorker(), acmeRun), sealed) }, "a key that is missing comes back, too")
}

func TestAnErrorIsSealedWithTheCompanysKeyAndNeverLost(t *testing.T) {
	t.Parallel()
	record := &counted{SubjectStore: storetest.New(t)}
	var o client.Options
	seal.Client(&o, process(t, record, key(t, "a")).InWorker())
	failures := converter.WithFailureConverterSerializationContext(o.FailureConverter, converter.ActivitySerializationContext{WorkflowID: acmeRun})
	given := temporal.NewApplicationError("canary.example is refused", "Invalid", "canary detail")

	failure := failures.ErrorToFailure(given)
	require.NotContains(t, failure.String(), "canary")
	require.Contains(t, failure.GetEncodedAttributes().GetMetadata(), "subject-key-id")
	require.Contains(t, failure.GetApplicationFailureInfo().GetDetails().GetPayloads()[0].GetMetadata(), "subject-key-id")
	require.ErrorContains(t, failures.FailureToError(failure), "canary.example is refused")

	record.away.Store(true)
	elsewhere := converter.WithFailureConverterSerializationContext(o.FailureConverter, converter.WorkflowSerializationContext{WorkflowID: "override/7"})
	failure = elsewhere.ErrorToFailure(given)
	require.NotContains(t, failure.String(), "canary")
	require.ErrorContains(t, elsewhere.FailureToError(failure), "canary.example is refused")
}

func BenchmarkPayload(b *testing.B) {
	s := storetest.New(b)
	master, err := seal.NewKey("a")
	require.NoError(b, err)
	c := process(b, s, master).InWorker()
	plain, err := converter.GetDefaultDataConverter().ToPayload(strings.Repeat("a result of some length, ", 20))
	require.NoError(b, err)
	for name, workflow := range map[string]string{"master": "release/revops@4", "company": acmeRun} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				here := of(c, workflow)
				sealed, err := here.Encode([]*commonpb.Payload{plain})
				if err == nil {
					_, err = here.Decode(sealed)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
