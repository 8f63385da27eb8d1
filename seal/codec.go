package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// How a sealed payload is marked: the first two by the convention of Temporal's own
// samples, so that its tools say "encrypted" where they cannot open it.
const (
	encoding      = "binary/encrypted"
	keyIDMeta     = "encryption-key-id"
	subjectIDMeta = "subject-key-id" // of a payload that is about one company
)

// Codec seals and opens payloads with AES-256-GCM. A payload that is not sealed opens as
// what it is: histories from before there were keys stay readable, and so do those from
// before companies had keys of their own.
type Codec struct {
	keys     *Keys
	subjects *Subjects // nil: everything is sealed with the master key alone
	workflow string    // that payloads belong to, if it is about one company
	tasks    bool      // in a worker, which has opened what it works on with the key in force
	replayed bool      // in a workflow task
	once     *once     // elsewhere: the key of the call at hand
}

// once asks for a key once for all the payloads of one call.
type once struct {
	sync.Mutex
	key *subjectKey
}

var (
	_ converter.PayloadCodec                         = Codec{}
	_ converter.PayloadCodecWithSerializationContext = Codec{}
)

// NewCodec returns the codec of these keys. Without subjects it seals with the master key
// alone, and opens nothing that is about one company.
func NewCodec(keys *Keys, subjects *Subjects) Codec { return Codec{keys: keys, subjects: subjects} }

// InWorker returns the codec of a worker's client.
func (c Codec) InWorker() Codec {
	c.tasks = true
	return c
}

// WithSerializationContext implements [converter.PayloadCodecWithSerializationContext]:
// Temporal's SDK says which workflow the payloads belong to.
func (c Codec) WithSerializationContext(where converter.SerializationContext) converter.PayloadCodec {
	if c.subjects == nil {
		return c
	}
	c.workflow, c.replayed, c.once = "", false, nil
	switch at := where.(type) {
	case converter.WorkflowSerializationContext:
		c.workflow, c.replayed = at.WorkflowID, c.tasks
	case converter.ActivitySerializationContext:
		c.workflow = at.WorkflowID
	}
	if !c.subjects.about(c.workflow) {
		c.workflow = ""
	} else if !c.tasks {
		c.once = &once{}
	}
	return c
}

// Encode implements [converter.PayloadCodec]. Each payload gets a nonce of its own: 96
// random bits, good for 2^32 payloads a key (NIST SP 800-38D, section 8.3).
func (c Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	sealed, err := c.encode(payloads)
	return sealed, c.judge(err)
}

func (c Codec) encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	id := c.keys.active
	key, meta, err := c.sealing(id)
	if err != nil {
		return nil, err
	}
	bound := []byte(boundTo(id, string(meta)))
	sealed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("seal payload: %w", err)
		}
		nonce := make([]byte, key.NonceSize(), key.NonceSize()+len(plain)+key.Overhead())
		_, _ = rand.Read(nonce) // which never fails
		sealed[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding), keyIDMeta: []byte(id)},
			Data:     key.Seal(nonce, nonce, plain, bound),
		}
		if meta != nil {
			sealed[i].Metadata[subjectIDMeta] = meta
		}
	}
	return sealed, nil
}

// sealing returns the key that seals here and now, and how payloads name the company's
// part of it.
func (c Codec) sealing(master string) (cipher.AEAD, []byte, error) {
	if c.workflow == "" {
		return c.keys.byID[master].AEAD, nil, nil
	}
	subject, err := c.current()
	if err != nil {
		return nil, nil, err
	}
	key, err := subject.with(master, c.keys.byID[master])
	return key, []byte(subject.ID), err
}

// current returns the company's key that is in force. A worker takes it from the work that
// it was given; who gives work to workers asks for it, since a company may have been
// erased and come back meanwhile.
func (c Codec) current() (*subjectKey, error) {
	if c.once == nil {
		return c.subjects.lately(c.workflow)
	}
	c.once.Lock()
	defer c.once.Unlock()
	if c.once.key != nil {
		return c.once.key, nil
	}
	var err error
	c.once.key, err = c.subjects.current(c.workflow)
	return c.once.key, err
}

// boundTo is what a payload is sealed together with: the ids of its keys.
func boundTo(master, subject string) string {
	if subject == "" {
		return master
	}
	return master + "/" + subject
}

// Decode implements [converter.PayloadCodec].
//
// Errors: [ErrErased].
func (c Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	opened, err := c.decode(payloads, nil)
	return opened, c.judge(err)
}

// judge lets a workflow task fail, which Temporal repeats, where an error would become a
// step of the workflow's and fail it: Postgres comes back, and so may a key that is
// missing. What was erased is gone for good.
func (c Codec) judge(err error) error {
	if err != nil && c.replayed && !errors.Is(err, ErrErased) {
		panic(err)
	}
	return err
}

// decode puts erased, if there is one, in the place of each payload that nobody can open.
func (c Codec) decode(payloads []*commonpb.Payload, erased *commonpb.Payload) ([]*commonpb.Payload, error) {
	subjects, err := c.subjectsOf(payloads)
	if err != nil {
		return nil, err
	}
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		opened[i], err = c.open(p, subjects)
		if erased != nil && errors.Is(err, ErrErased) {
			opened[i], err = erased, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// subjectsOf asks for the companies' keys all at once.
func (c Codec) subjectsOf(payloads []*commonpb.Payload) (map[string]*subjectKey, error) {
	var ids []string
	for _, p := range payloads {
		if id := p.GetMetadata()[subjectIDMeta]; len(id) > 0 && isSealed(p) {
			ids = append(ids, string(id))
		}
	}
	switch {
	case len(ids) == 0:
		return nil, nil
	case c.subjects == nil:
		return nil, errors.New("a payload is sealed with a company's key, and this process has no record to read those from")
	default:
		return c.subjects.find(ids)
	}
}

func isSealed(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == encoding
}

func (c Codec) open(p *commonpb.Payload, subjects map[string]*subjectKey) (*commonpb.Payload, error) {
	if !isSealed(p) {
		return p, nil
	}
	id, about := string(p.GetMetadata()[keyIDMeta]), string(p.GetMetadata()[subjectIDMeta])
	if about != "" && subjects[about] == nil { // said first: no key will help
		return nil, ErrErased
	}
	master, ok := c.keys.byID[id]
	if !ok {
		return nil, fmt.Errorf("a payload is sealed with the key %.50q, which SLUICE_PAYLOAD_KEYS does not have (any more)", id)
	}
	key := master.AEAD
	if about != "" {
		var err error
		if key, err = subjects[about].with(id, master); err != nil {
			return nil, err
		}
	}
	if len(p.GetData()) < key.NonceSize() {
		return nil, errors.New("a sealed payload is too short to be one")
	}
	nonce, text := p.GetData()[:key.NonceSize()], p.GetData()[key.NonceSize():]
	plain, err := key.Open(nil, nonce, text, []byte(boundTo(id, about)))
	if err != nil {
		return nil, fmt.Errorf("a payload was not sealed with the key %s, or has been changed", id)
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, fmt.Errorf("a sealed payload holds no payload: %w", err)
	}
	return opened, nil
}

// Reader opens payloads for people, who look at many at once: what was erased says so.
type Reader struct{ Codec }

// Decode implements [converter.PayloadCodec].
func (r Reader) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	return r.decode(payloads, &commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
		Data:     []byte(`"[erased]"`),
	})
}
