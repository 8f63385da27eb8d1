package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sluicehq/sluice/sandbox"
	"github.com/sluicehq/sluice/sandbox/fault"
)

// history returns all events of a run as text, payloads included.
func (w *world) history(ctx context.Context, id string) string {
	w.t.Helper()
	var b strings.Builder
	for e := range w.events(ctx, id) {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

func TestWithKeysTemporalKeepsNothingThatCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{CRMCompanies: true})
	const secret = "canary-codec-secret"
	w.env = append(w.env,
		"SLUICE_PAYLOAD_KEYS_FILE="+w.write("payload.keys", w.starter("payload-key", "2026-11").ok().stdout), "SLUICE_CODEC_SECRET="+secret)
	require.NoError(t, w.sandbox.Faults.Set("apollo", fault.Fault{ErrorRate: 0.5})) // so that there are errors to seal
	w.startWorker()
	url, _ := w.serve()
	domains := w.domains(6)
	w.starter("company", "import", w.write("some.csv", "domain\n"+strings.Join(domains, "\n")+"\n"), "--wait").ok()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var sealed []*commonpb.Payload
	for _, id := range w.runIDs(ctx) {
		for e := range w.events(ctx, id) {
			visitPayloads(e.ProtoReflect(), func(p *commonpb.Payload) {
				require.Equal(t, "binary/encrypted", string(p.Metadata["encoding"]), "%s has a payload in plain text: %s", id, e)
				sealed = append(sealed, p)
			})
		}
	}
	require.NotEmpty(t, sealed)

	opened := openPayloads(t, url+"/codec/"+secret+"/decode", sealed)
	require.Len(t, opened, len(sealed))
	require.Contains(t, fmt.Sprint(opened), domains[0], "who has the secret reads what happened")
}

// visitPayloads visits the payloads in a message, but for search attributes, which Temporal
// has to read.
func visitPayloads(m protoreflect.Message, visit func(*commonpb.Payload)) {
	switch v := m.Interface().(type) {
	case *commonpb.SearchAttributes:
		return
	case *commonpb.Payload:
		visit(v)
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
			v.Map().Range(func(_ protoreflect.MapKey, each protoreflect.Value) bool {
				if field.MapValue().Message() != nil {
					visitPayloads(each.Message(), visit)
				}
				return true
			})
		case field.Message() == nil:
		case field.IsList():
			for i := range v.List().Len() {
				visitPayloads(v.List().Get(i).Message(), visit)
			}
		default:
			visitPayloads(v.Message(), visit)
		}
		return true
	})
}

// openPayloads asks the codec as Temporal's UI does.
func openPayloads(t testing.TB, url string, sealed []*commonpb.Payload) []*commonpb.Payload {
	t.Helper()
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: sealed})
	require.NoError(t, err)
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(answer))
	var opened commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(answer, &opened))
	return opened.Payloads
}
