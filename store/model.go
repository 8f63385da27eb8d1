package store

import (
	"context"
	"fmt"
)

// ModelChangedError refuses another source for a version that is on record.
type ModelChangedError struct {
	Name    string
	Version int
}

// Error implements error.
func (e *ModelChangedError) Error() string {
	return fmt.Sprintf("model %s version %d is on record with other content, and a version is never edited: raise `version:` in the file", e.Name, e.Version)
}

// SaveModel keeps a version of a model as it was written. The same source again
// is fine.
//
// Errors: [ModelChangedError] when the version is there with another source or
// subject.
func (s *Store) SaveModel(ctx context.Context, name string, version int, subject string, source []byte) error {
	// The update changes nothing: it makes RETURNING look at the row that is there.
	const q = `
		INSERT INTO models (name, version, subject, source) VALUES ($1, $2, $3, $4)
		ON CONFLICT ON CONSTRAINT model_version_once DO UPDATE SET name = excluded.name
		RETURNING source = $4 AND subject = $3`
	var same bool
	err := s.db.QueryRow(ctx, q, name, version, subject, string(source)).Scan(&same)
	if err == nil && !same {
		return &ModelChangedError{Name: name, Version: version}
	}
	return wrap(err, "save model %s version %d", name, version)
}

// Model returns the source of a version. Errors: [account.ErrNotFound].
func (s *Store) Model(ctx context.Context, name string, version int) (source []byte, err error) {
	const q = `SELECT source FROM models WHERE name = $1 AND version = $2`
	var text string
	err = s.db.QueryRow(ctx, q, name, version).Scan(&text)
	return []byte(text), wrap(err, "model %s version %d", name, version)
}

// ActivateModel makes a version that is on record the one that scores its
// subject, in place of the one that did.
//
// Errors: [account.ErrNotFound] when it was never saved.
func (s *Store) ActivateModel(ctx context.Context, name string, version int) error {
	const q = `
		INSERT INTO active_models (subject, name, version)
		SELECT subject, name, version FROM models WHERE name = $1 AND version = $2
		ON CONFLICT ON CONSTRAINT active_model_once DO UPDATE SET
			name = excluded.name, version = excluded.version, activated_at = excluded.activated_at`
	return wrap(affected(s.db.Exec(ctx, q, name, version)), "activate model %s version %d", name, version)
}

// DeactivateModel lets no model score the subject any more.
func (s *Store) DeactivateModel(ctx context.Context, subject string) error {
	const q = `DELETE FROM active_models WHERE subject = $1`
	_, err := s.db.Exec(ctx, q, subject)
	return wrap(err, "deactivate models for %s", subject)
}

// ActiveModel returns the model that scores the subject. Errors:
// [account.ErrNotFound] when none was activated.
func (s *Store) ActiveModel(ctx context.Context, subject string) (name string, version int, err error) {
	const q = `SELECT name, version FROM active_models WHERE subject = $1`
	err = s.db.QueryRow(ctx, q, subject).Scan(&name, &version)
	return name, version, wrap(err, "active model for %s", subject)
}
