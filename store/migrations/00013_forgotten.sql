-- +goose Up

-- Companies that were erased on request, and are not to be followed again: a digest of
-- the domain and of each CRM key, so that nobody can read here who it was. Those of one
-- company have the domain's beside them.
CREATE TABLE forgotten (
	digest       bytea NOT NULL,
	domain       bytea NOT NULL,
	forgotten_at timestamptz NOT NULL DEFAULT now(),
	author       text NOT NULL DEFAULT '',
	reason       text NOT NULL DEFAULT '',
	CONSTRAINT forgotten_once PRIMARY KEY (digest),
	CONSTRAINT forgotten_digest_length CHECK (length(digest) = 32 AND length(domain) = 32),
	CONSTRAINT forgotten_author_length CHECK (length(author) <= 200),
	CONSTRAINT forgotten_reason_length CHECK (length(reason) <= 2000)
);
CREATE INDEX forgotten_domain ON forgotten (domain);
