// Package seal encrypts what Temporal keeps of Sluice: inputs, results, details and
// errors are sealed before they leave the process, so that whoever reads Temporal's
// database, its backups or its screen without the keys reads nothing.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/account"
)

// keySize is that of AES-256, in bytes.
const keySize = 32

// Keys seal with one key and open with all of them, so that a new key can take over
// while there is still something that the old one sealed.
type Keys struct {
	active string
	byID   map[string]masterKey
}

// masterKey seals what is about no single company, and makes the keys of those that are.
type masterKey struct {
	cipher.AEAD
	raw []byte
}

// ParseKeys reads keys, one a line or separated by commas, each as id:key with the key's
// 32 bytes in base64, as [NewKey] makes them. The first one seals; the others only open.
// Its error is an [account.ErrInvalid] that says which entry is wrong, and never shows one.
func ParseKeys(text string) (*Keys, error) {
	k := &Keys{byID: map[string]masterKey{}}
	entries := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" || strings.HasPrefix(entry, "#") {
			continue
		}
		id, key, err := parseKey(entry)
		if _, twice := k.byID[id]; err == nil && twice {
			err = account.Invalid("keys", "the id "+id+" stands there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if k.active == "" {
			k.active = id
		}
		k.byID[id] = key
	}
	if k.active == "" {
		return nil, account.Invalid("keys", "there is none; `starter payload-key` makes one")
	}
	return k, nil
}

func parseKey(entry string) (id string, key masterKey, err error) {
	id, encoded, ok := strings.Cut(entry, ":")
	if !ok || !idFits(id) {
		return "", masterKey{}, account.Invalid("keys", "want id:key, the id of at most 50 letters, digits, '-', '_' and '.'; `starter payload-key` makes one")
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != keySize {
		return "", masterKey{}, account.Invalid("keys", "the key of "+id+" is not 32 bytes in base64; `starter payload-key` makes one")
	}
	sealing, err := aead(raw)
	return id, masterKey{AEAD: sealing, raw: raw}, err
}

// aead is AES-256-GCM.
func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func idFits(id string) bool {
	fits := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
	}
	return id != "" && len(id) <= 50 && strings.TrimFunc(id, fits) == ""
}

// NewKey returns a new random key as [ParseKeys] reads it.
//
// Errors: [account.ErrInvalid] for an id that does not fit.
func NewKey(id string) (string, error) {
	if !idFits(id) {
		return "", account.Invalid("id", "want at most 50 letters, digits, '-', '_' and '.', such as 2026-11")
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // which never fails
	return id + ":" + base64.StdEncoding.EncodeToString(key), nil
}
