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
	byID   map[string]cipher.AEAD
}

// ParseKeys reads keys, one a line or separated by commas, each as id:key with the key's
// 32 bytes in base64, as [NewKey] makes them. The first one seals; the others only open.
// Its error is an [account.ErrInvalid] that says which entry is wrong, and never shows one.
func ParseKeys(text string) (*Keys, error) {
	k := &Keys{byID: map[string]cipher.AEAD{}}
	entries := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" || strings.HasPrefix(entry, "#") {
			continue
		}
		id, sealing, err := parseKey(entry)
		if err == nil && k.byID[id] != nil {
			err = account.Invalid("keys", "the id "+id+" stands there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if k.active == "" {
			k.active = id
		}
		k.byID[id] = sealing
	}
	if k.active == "" {
		return nil, account.Invalid("keys", "there is none; `starter payload-key` makes one")
	}
	return k, nil
}

func parseKey(entry string) (id string, sealing cipher.AEAD, err error) {
	id, encoded, ok := strings.Cut(entry, ":")
	if !ok || !idFits(id) {
		return "", nil, account.Invalid("keys", "want id:key, the id of at most 50 letters, digits, '-', '_' and '.'; `starter payload-key` makes one")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != keySize {
		return "", nil, account.Invalid("keys", "the key of "+id+" is not 32 bytes in base64; `starter payload-key` makes one")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", nil, err
	}
	sealing, err = cipher.NewGCM(block)
	return id, sealing, err
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
