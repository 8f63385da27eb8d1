package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
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
	return saveModel(ctx, s.db, name, version, subject, source)
}

// querier is a connection, or a transaction on one.
type querier interface {
	QueryRow(ctx context.Context, q string, args ...any) pgx.Row
}

func saveModel(ctx context.Context, db querier, name string, version int, subject string, source []byte) error {
	// The update changes nothing: it makes RETURNING look at the row that is there.
	const q = `
		INSERT INTO models (name, version, subject, source) VALUES ($1, $2, $3, $4)
		ON CONFLICT ON CONSTRAINT model_version_once DO UPDATE SET name = excluded.name
		RETURNING source = $4 AND subject = $3`
	var same bool
	err := db.QueryRow(ctx, q, name, version, subject, string(source)).Scan(&same)
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

// ModelRef names a version of a model.
type ModelRef struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// String returns the version as people write it: revops@3.
func (r ModelRef) String() string { return fmt.Sprintf("%s@%d", r.Name, r.Version) }

// ActivateModels makes these versions, which are on record, the ones that score the
// subject from now on, in place of those that did. With none, nobody scores it any more.
//
// Errors: [account.ErrNotFound] when one was never saved for the subject.
func (s *Store) ActivateModels(ctx context.Context, subject string, models ...ModelRef) error {
	const drop = `DELETE FROM active_models WHERE subject = $1 AND name <> ALL ($2)`
	const keep = `
		INSERT INTO active_models (subject, name, version, place)
		SELECT subject, name, version, $4 FROM models WHERE subject = $1 AND name = $2 AND version = $3
		ON CONFLICT ON CONSTRAINT active_model_once DO UPDATE SET
			version = excluded.version, place = excluded.place, activated_at = excluded.activated_at`
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		names := make([]string, len(models))
		for i, m := range models {
			names[i] = m.Name
		}
		if _, err := tx.Exec(ctx, drop, subject, names); err != nil {
			return wrap(err, "activate models for %s", subject)
		}
		for place, m := range models {
			if err := affected(tx.Exec(ctx, keep, subject, m.Name, m.Version, place)); err != nil {
				return wrap(err, "activate model %s version %d for %s", m.Name, m.Version, subject)
			}
		}
		return nil
	})
}

// SeedModels makes these models, which are on record, the ones that score the subject, in
// this order: each in the version that is active, or in the one given where none is. What
// is not named scores no more. A version that was released so stays, whatever the files of
// a worker that starts say.
//
// Errors: [account.ErrNotFound] when a version that is needed was never saved for the
// subject.
func (s *Store) SeedModels(ctx context.Context, subject string, models ...ModelRef) error {
	const drop = `DELETE FROM active_models WHERE subject = $1 AND name <> ALL ($2)`
	const seed = `
		INSERT INTO active_models (subject, name, version, place)
		SELECT subject, name, version, $4 FROM models WHERE subject = $1 AND name = $2 AND version = $3
		ON CONFLICT ON CONSTRAINT active_model_once DO UPDATE SET place = excluded.place`
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		names := make([]string, len(models))
		for i, m := range models {
			names[i] = m.Name
		}
		if _, err := tx.Exec(ctx, drop, subject, names); err != nil {
			return wrap(err, "seed models for %s", subject)
		}
		for place, m := range models {
			if err := affected(tx.Exec(ctx, seed, subject, m.Name, m.Version, place)); err != nil {
				return wrap(err, "seed model %s version %d for %s", m.Name, m.Version, subject)
			}
		}
		return nil
	})
}

// ModelInForce is a model that scores a subject, with what is about to take its place.
type ModelInForce struct {
	ModelRef
	Subject     string
	ActivatedAt time.Time
	Candidate   int     // the version that is on trial; 0 if none is
	Share       float64 // of the accounts that it scores
	Next        int     // the version whose release is under way, on trial or not; 0 if none is
}

// ModelsInForce returns the models that score the subjects, of each the one for everybody
// first. None is not an error.
func (s *Store) ModelsInForce(ctx context.Context, subjects ...string) ([]ModelInForce, error) {
	const q = `
		SELECT subject, name, version, activated_at, coalesce(candidate, 0), share,
			coalesce((SELECT r.version FROM releases r
				WHERE r.name = m.name AND r.ended_at IS NULL AND r.state NOT IN ('withdrawn', 'rolled_back')), 0)
		FROM active_models m WHERE subject = ANY ($1) ORDER BY subject, place, name`
	rows, _ := s.db.Query(ctx, q, subjects)
	models, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ModelInForce, error) {
		var m ModelInForce
		err := row.Scan(&m.Subject, &m.Name, &m.Version, &m.ActivatedAt, &m.Candidate, &m.Share, &m.Next)
		return m, err
	})
	return models, wrap(err, "models in force for %s", strings.Join(subjects, " and "))
}

// ActiveModels returns the models that score the subject, the one for everybody first.
// None is not an error.
func (s *Store) ActiveModels(ctx context.Context, subject string) ([]ModelRef, error) {
	const q = `SELECT name, version FROM active_models WHERE subject = $1 ORDER BY place, name`
	rows, _ := s.db.Query(ctx, q, subject)
	models, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ModelRef])
	return models, wrap(err, "active models for %s", subject)
}
