-- +goose Up

-- The secrets that seal what Temporal keeps of one company, together with a key that is
-- not here. A company is forgotten by deleting its secret. A subject is a digest of a
-- workflow's id, so that nobody can read here who it is.
CREATE TABLE subject_keys (
	id      text NOT NULL,
	subject bytea NOT NULL,
	secret  bytea NOT NULL,
	made_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT subject_keys_pkey PRIMARY KEY (id),
	CONSTRAINT subject_keys_one_each UNIQUE (subject),
	CONSTRAINT subject_keys_length CHECK (length(id) BETWEEN 16 AND 64 AND length(subject) = 32 AND length(secret) = 32)
);
