-- +goose Up

-- Who may call the API. Of a token only its SHA-256 is kept: it is random, and long
-- enough that nobody finds it by trying.
CREATE TABLE tokens (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	name       text NOT NULL,
	scope      text NOT NULL,
	hash       bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz,
	revoked_at timestamptz,
	used_at    timestamptz, -- to the hour
	CONSTRAINT tokens_pkey PRIMARY KEY (id),
	CONSTRAINT token_once UNIQUE (hash),
	CONSTRAINT token_hash_length CHECK (length(hash) = 32),
	CONSTRAINT token_name_length CHECK (length(name) BETWEEN 1 AND 100),
	CONSTRAINT token_scope_known CHECK (scope IN ('read', 'write', 'admin'))
);
