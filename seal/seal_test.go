package seal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/sluicehq/sluice/account"
	"github.com/sluicehq/sluice/seal"
)

func key(t *testing.T, id string) string {
	t.Helper()
	k, err := seal.NewKey(id)
	require.NoError(t, err)
	return k
}

func codec(t *testing.T, keys ...string) seal.Codec {
	t.Helper()
	k, err := seal.ParseKeys(strings.Join(keys, "\n"))
	require.NoError(t, err)
	return seal.NewCodec(k, nil)
}

func payload(t *testing.T, v any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	require.NoError(t, err)
	return p
}

func sealed(t *testing.T, c seal.Codec, plain *commonpb.Payload) *commonpb.Payload {
	t.Helper()
	all, err := c.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

func TestWhatIsSealedOpensAsItWasAndShowsNothing(t *testing.T) {
	t.Parallel()
	c := codec(t, key(t, "2026-11"))
	plain := payload(t, map[string]string{"domain": "canary.example"})
	first, second := sealed(t, c, plain), sealed(t, c, plain)
	require.NotContains(t, first.String(), "canary")
	require.NotContains(t, first.String(), "json")
	require.NotEqual(t, first.Data, second.Data, "equal payloads must not look equal")
	opened, err := c.Decode([]*commonpb.Payload{first, second})
	require.NoError(t, err)
	for _, p := range opened {
		require.True(t, proto.Equal(plain, p))
	}
}

func TestAPlainPayloadOpensAsItIs(t *testing.T) {
	t.Parallel()
	plain := payload(t, "from before there were keys")
	opened, err := codec(t, key(t, "a")).Decode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, opened[0]))
}

func TestANewKeyTakesOverWhileTheOldOneStillOpens(t *testing.T) {
	t.Parallel()
	before, after := key(t, "2026-08"), key(t, "2026-11")
	old := sealed(t, codec(t, before), payload(t, 1))
	both := codec(t, after, before)
	_, err := both.Decode([]*commonpb.Payload{old})
	require.NoError(t, err)

	fresh := sealed(t, both, payload(t, 2))
	_, err = codec(t, after).Decode([]*commonpb.Payload{fresh})
	require.NoError(t, err, "the first key seals")
	_, err = codec(t, after).Decode([]*commonpb.Payload{old})
	require.ErrorContains(t, err, `"2026-08"`, "who reads the error must know which key is missing")
}

func TestWhatWasChangedOrSealedWithAnotherKeyDoesNotOpen(t *testing.T) {
	t.Parallel()
	c := codec(t, key(t, "a"), key(t, "b"))
	tests := []struct {
		name   string
		change func(p *commonpb.Payload)
	}{
		{"a bit of the text", func(p *commonpb.Payload) { p.Data[len(p.Data)-1] ^= 1 }},
		{"a bit of the nonce", func(p *commonpb.Payload) { p.Data[0] ^= 1 }},
		{"cut off", func(p *commonpb.Payload) { p.Data = p.Data[:len(p.Data)-3] }},
		{"nearly nothing left", func(p *commonpb.Payload) { p.Data = p.Data[:5] }},
		{"nothing left", func(p *commonpb.Payload) { p.Data = nil }},
		{"passed off as another key's", func(p *commonpb.Payload) { p.Metadata["encryption-key-id"] = []byte("b") }},
		{"no key named", func(p *commonpb.Payload) { delete(p.Metadata, "encryption-key-id") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := sealed(t, c, payload(t, "canary"))
			tt.change(p)
			_, err := c.Decode([]*commonpb.Payload{p})
			require.Error(t, err)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestErrorsAreSealedToo(t *testing.T) {
	t.Parallel()
	var o client.Options
	keys, err := seal.ParseKeys(key(t, "a"))
	require.NoError(t, err)
	seal.Client(&o, seal.NewCodec(keys, nil))
	given := temporal.NewApplicationError("canary.example is refused", "Invalid", "canary detail")
	failure := o.FailureConverter.ErrorToFailure(given)
	require.NotContains(t, failure.String(), "canary")
	back := o.FailureConverter.FailureToError(failure)
	require.ErrorContains(t, back, "canary.example is refused")
}

func TestParseKeysRefusesWhatIsNoKeyAndShowsNone(t *testing.T) {
	t.Parallel()
	good := key(t, "good")
	_, secret, _ := strings.Cut(good, ":")
	tests := []struct {
		name, give, want string
	}{
		{"nothing", "", "there is none"},
		{"comments only", "# keys\n", "there is none"},
		{"no id", secret, "entry 1"},
		{"an id with a space", "my key:" + secret, "entry 1"},
		{"a long id", strings.Repeat("x", 51) + ":" + secret, "entry 1"},
		{"no key", "a:", "the key of a"},
		{"a short key", "a:" + secret[:20], "the key of a"},
		{"16 bytes", "a:AAAAAAAAAAAAAAAAAAAAAA==", "the key of a"},
		{"not base64", "a:" + strings.Repeat("?", 44), "the key of a"},
		{"the second one", good + ",b:" + secret[:8], "entry 2"},
		{"one id twice", good + "\n" + good, "entry 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := seal.ParseKeys(tt.give)
			require.ErrorIs(t, err, account.ErrInvalid)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), secret[:8])
		})
	}
}

func TestKeysMayStandInAFileWithComments(t *testing.T) {
	t.Parallel()
	_, err := seal.ParseKeys("# since November\r\n" + key(t, "2026-11") + "\r\n\r\n  " + key(t, "2026-08") + "  \n")
	require.NoError(t, err)
}

func FuzzDecode(f *testing.F) {
	keys, err := seal.ParseKeys("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	require.NoError(f, err)
	c := seal.NewCodec(keys, nil)
	whole, err := c.Encode([]*commonpb.Payload{{Data: []byte("text")}})
	require.NoError(f, err)
	f.Add("binary/encrypted", "a", whole[0].Data)
	f.Add("binary/encrypted", "b", []byte{})
	f.Add("json/plain", "", []byte("{}"))
	f.Fuzz(func(t *testing.T, encoding, id string, data []byte) {
		p := &commonpb.Payload{Data: data, Metadata: map[string][]byte{"encoding": []byte(encoding), "encryption-key-id": []byte(id)}}
		opened, err := c.Decode([]*commonpb.Payload{p})
		if err == nil && encoding != "binary/encrypted" {
			require.True(t, proto.Equal(p, opened[0]))
		}
	})
}
