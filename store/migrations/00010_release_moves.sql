-- +goose Up

-- What people decided about a release on its way. A move counts once the release's
-- workflow has taken it.
CREATE TABLE release_moves (
	id            bigint GENERATED ALWAYS AS IDENTITY,
	release_id    bigint NOT NULL,
	move          text NOT NULL,
	despite_guard boolean NOT NULL DEFAULT false,
	author        text NOT NULL,
	comment       text NOT NULL DEFAULT '',
	created_at    timestamptz NOT NULL DEFAULT now(),
	taken_at      timestamptz,
	CONSTRAINT release_moves_pkey PRIMARY KEY (id),
	CONSTRAINT release_move_of FOREIGN KEY (release_id) REFERENCES releases (id) ON DELETE CASCADE,
	CONSTRAINT release_move_known CHECK (move IN ('activate', 'pause', 'resume', 'withdraw', 'rollback')),
	CONSTRAINT release_move_author_length CHECK (length(author) BETWEEN 1 AND 200),
	CONSTRAINT release_move_comment_length CHECK (length(comment) <= 2000)
);
CREATE INDEX release_moves_release ON release_moves (release_id, id);
CREATE INDEX releases_model ON releases (name, id);
