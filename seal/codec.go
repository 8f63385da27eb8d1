package seal

import (
	"crypto/rand"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"
)

// How a sealed payload is marked, by the convention of Temporal's own samples, so that
// its tools say "encrypted" where they cannot open it.
const (
	encoding  = "binary/encrypted"
	keyIDMeta = "encryption-key-id"
)

// Codec seals and opens payloads with AES-256-GCM. A payload that is not sealed opens as
// what it is: histories from before there were keys stay readable.
type Codec struct{ keys *Keys }

var _ converter.PayloadCodec = Codec{}

// NewCodec returns the codec of these keys.
func NewCodec(keys *Keys) Codec { return Codec{keys: keys} }

// Encode implements [converter.PayloadCodec]. Each payload gets a nonce of its own: 96
// random bits, good for 2^32 payloads a key (NIST SP 800-38D, section 8.3).
func (c Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	sealed := make([]*commonpb.Payload, len(payloads))
	id := c.keys.active
	key := c.keys.byID[id]
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("seal payload: %w", err)
		}
		nonce := make([]byte, key.NonceSize(), key.NonceSize()+len(plain)+key.Overhead())
		_, _ = rand.Read(nonce) // which never fails
		sealed[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding), keyIDMeta: []byte(id)},
			Data:     key.Seal(nonce, nonce, plain, []byte(id)),
		}
	}
	return sealed, nil
}

// Decode implements [converter.PayloadCodec].
func (c Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if opened[i], err = c.open(p); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

func (c Codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	if string(p.GetMetadata()[converter.MetadataEncoding]) != encoding {
		return p, nil
	}
	id := p.GetMetadata()[keyIDMeta]
	key, ok := c.keys.byID[string(id)]
	if !ok {
		return nil, fmt.Errorf("a payload is sealed with the key %.50q, which SLUICE_PAYLOAD_KEYS does not have (any more)", id)
	}
	if len(p.GetData()) < key.NonceSize() {
		return nil, errors.New("a sealed payload is too short to be one")
	}
	nonce, text := p.GetData()[:key.NonceSize()], p.GetData()[key.NonceSize():]
	plain, err := key.Open(nil, nonce, text, id)
	if err != nil {
		return nil, fmt.Errorf("a payload was not sealed with the key %s, or has been changed", id)
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, fmt.Errorf("a sealed payload holds no payload: %w", err)
	}
	return opened, nil
}

// Client makes a client, and the workers on it, seal all that they send: errors too,
// which Temporal would keep in plain text otherwise.
func Client(o *client.Options, keys *Keys) {
	o.DataConverter = converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), NewCodec(keys))
	o.FailureConverter = temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: o.DataConverter, EncodeCommonAttributes: true,
	})
}
