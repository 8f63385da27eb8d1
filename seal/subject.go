package seal

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/sluicehq/sluice/store"
)

// SubjectStore keeps a secret for each subject until the subject is erased; the record does.
type SubjectStore interface {
	SubjectKey(ctx context.Context, subject string) (store.SubjectKey, error)
	SubjectKeys(ctx context.Context, ids []string) ([]store.SubjectKey, error)
}

// ErrErased means that a payload's subject was erased: nobody can open it any more.
var ErrErased = errors.New("a payload of a company that was erased on request: nobody can open it any more")

// SubjectLife is for how long a process remembers a subject's secret, and so for how long
// at most it still opens what a subject left that is erased meanwhile.
const SubjectLife = 10 * time.Second

const (
	subjectsKept    = 10_000
	subjectPatience = 5 * time.Second // half of what Temporal gives a workflow task
)

// Subjects are the keys of single companies. What is sealed with one opens with the
// company's secret, which is on record, and the master key, which is not: neither a copy
// of the database nor the master key alone will do.
type Subjects struct {
	store SubjectStore
	about func(workflowID string) bool
	byID  *lru.Cache[string, remembered]
	last  *lru.Cache[string, remembered] // by subject
}

// remembered is a key, or that it is gone, for a while.
type remembered struct {
	key   *subjectKey // nil: erased
	until time.Time
}

// NewSubjects returns the keys of the workflows that about says are about one company.
func NewSubjects(s SubjectStore, about func(workflowID string) bool) *Subjects {
	byID, _ := lru.New[string, remembered](subjectsKept) // fails for a size of none only
	last, _ := lru.New[string, remembered](subjectsKept)
	return &Subjects{store: s, about: about, byID: byID, last: last}
}

func remember(in *lru.Cache[string, remembered], id string, key *subjectKey) {
	in.Add(id, remembered{key: key, until: time.Now().Add(SubjectLife)})
}

func recall(in *lru.Cache[string, remembered], id string) (*subjectKey, bool) {
	r, ok := in.Get(id)
	if !ok || !time.Now().Before(r.until) {
		return nil, false
	}
	return r.key, true
}

// subjectKey is a subject's secret, and the keys that it makes with masters.
type subjectKey struct {
	store.SubjectKey
	mu       sync.Mutex
	byMaster map[string]cipher.AEAD
}

// with returns the key that the secret makes with a master key (RFC 5869): who lacks one
// of them knows nothing of it.
func (k *subjectKey) with(id string, master masterKey) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.byMaster[id]; key != nil {
		return key, nil
	}
	key, err := hkdf.Key(sha256.New, slices.Concat(master.raw, k.Secret), nil, "sluice payload "+boundTo(id, k.ID), keySize)
	if err != nil {
		return nil, err
	}
	sealing, err := aead(key)
	if err == nil {
		k.byMaster[id] = sealing
	}
	return sealing, err
}

// lately returns the key that was in force for the workflow a short while ago, or else the
// one that is now.
func (s *Subjects) lately(workflowID string) (*subjectKey, error) {
	if key, ok := recall(s.last, store.SubjectDigest(workflowID)); ok {
		return key, nil
	}
	return s.current(workflowID)
}

// current returns the key that is in force for the workflow, and makes one if there is none.
func (s *Subjects) current(workflowID string) (*subjectKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), subjectPatience)
	defer cancel()
	got, err := s.store.SubjectKey(ctx, workflowID)
	if err != nil {
		return nil, fmt.Errorf("the company's key cannot be read from Postgres: %w", err)
	}
	return s.keep(got), nil
}

// find returns the keys with these ids, nil for those that were erased.
func (s *Subjects) find(ids []string) (map[string]*subjectKey, error) {
	found := make(map[string]*subjectKey, len(ids))
	var unknown []string
	for _, id := range ids {
		key, ok := recall(s.byID, id)
		if found[id] = key; !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), subjectPatience)
	defer cancel()
	got, err := s.store.SubjectKeys(ctx, unknown)
	if err != nil {
		return nil, fmt.Errorf("the company's key cannot be read from Postgres: %w", err)
	}
	for _, key := range got {
		found[key.ID] = s.keep(key)
	}
	for _, id := range unknown {
		if found[id] == nil {
			remember(s.byID, id, nil) // ids are random: one that is gone does not come back
		}
	}
	return found, nil
}

// keep remembers a key that is in force.
func (s *Subjects) keep(key store.SubjectKey) *subjectKey {
	k := &subjectKey{SubjectKey: key, byMaster: map[string]cipher.AEAD{}}
	remember(s.byID, key.ID, k)
	remember(s.last, key.Subject, k)
	return k
}
