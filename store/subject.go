package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/jackc/pgx/v5"
)

// SubjectKey is the secret that helps to seal what Temporal keeps of one subject, until
// the subject is erased.
type SubjectKey struct {
	ID      string // random, and of this secret alone
	Subject string // as [SubjectDigest] has it
	Secret  []byte // 32 bytes
}

// SubjectDigest is what is on record of a subject's name.
func SubjectDigest(subject string) string {
	sum := sha256.Sum256([]byte("subject " + subject))
	return string(sum[:])
}

// SubjectKey returns the subject's secret, and makes one if there is none.
func (s *Store) SubjectKey(ctx context.Context, subject string) (SubjectKey, error) {
	const q = `
		WITH made AS (
			INSERT INTO subject_keys (id, subject, secret)
			SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM subject_keys WHERE subject = $2)
			ON CONFLICT ON CONSTRAINT subject_keys_one_each DO NOTHING
			RETURNING id, subject, secret
		)
		SELECT id, subject, secret FROM made
		UNION ALL SELECT id, subject, secret FROM subject_keys WHERE subject = $2`
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // which never fails
	for range 3 {
		rows, _ := s.db.Query(ctx, q, rand.Text(), []byte(SubjectDigest(subject)), secret)
		key, err := pgx.CollectExactlyOneRow(rows, scanSubjectKey)
		if !errors.Is(err, pgx.ErrNoRows) { // somebody else has just made one, which this statement did not see
			return key, wrap(err, "read a subject's key")
		}
	}
	return SubjectKey{}, errors.New("read a subject's key: it comes and goes; try again")
}

// SubjectKeys returns the secrets with these ids, without those that were erased.
func (s *Store) SubjectKeys(ctx context.Context, ids []string) ([]SubjectKey, error) {
	const q = `SELECT id, subject, secret FROM subject_keys WHERE id = ANY ($1)`
	rows, _ := s.db.Query(ctx, q, ids)
	keys, err := pgx.CollectRows(rows, scanSubjectKey)
	return keys, wrap(err, "read subjects' keys")
}

func scanSubjectKey(row pgx.CollectableRow) (k SubjectKey, err error) {
	var subject []byte
	err = row.Scan(&k.ID, &subject, &k.Secret)
	k.Subject = string(subject)
	return k, err
}

// subjectsOf are the digests of subjects, and of the runs on record of accounts.
func subjectsOf(ctx context.Context, tx pgx.Tx, subjects []string, accounts []int64) ([][]byte, error) {
	const q = `SELECT DISTINCT workflow_id FROM runs WHERE account_id = ANY ($1)`
	rows, _ := tx.Query(ctx, q, accounts)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	var all [][]byte
	for _, id := range append(ids, subjects...) {
		all = append(all, []byte(SubjectDigest(id)))
	}
	return all, err
}
