-- +goose Up

-- What the deals of a quarter said of a model: one review a quarter and model.
CREATE TABLE reviews (
	id            bigint GENERATED ALWAYS AS IDENTITY,
	quarter       text NOT NULL,
	model         text NOT NULL,
	model_version integer NOT NULL,
	key           text NOT NULL, -- who has it may read the report
	report        json NOT NULL,
	draft         text NOT NULL DEFAULT '', -- the source of the proposed model; '': nothing is proposed
	made_at       timestamptz NOT NULL,
	task_on       bigint, -- the account whose record the task hangs on
	task_id       text NOT NULL DEFAULT '',
	decision_id   bigint,
	passed_at     timestamptz, -- when the next review began with this one undecided
	CONSTRAINT reviews_pkey PRIMARY KEY (id),
	CONSTRAINT review_once UNIQUE (quarter, model),
	CONSTRAINT review_model FOREIGN KEY (model, model_version) REFERENCES models (name, version),
	CONSTRAINT review_account FOREIGN KEY (task_on) REFERENCES accounts (id) ON DELETE SET NULL,
	CONSTRAINT review_quarter_shape CHECK (quarter ~ '^[0-9]{4}Q[1-4]$'),
	CONSTRAINT review_key_length CHECK (length(key) BETWEEN 26 AND 64)
);
CREATE INDEX reviews_task_on ON reviews (task_on);

-- What people want to be done about a review, from when it is handed in; one counts.
CREATE TABLE review_decisions (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	review_id  bigint NOT NULL,
	decision   text NOT NULL,
	author     text NOT NULL,
	words      text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	counted_at timestamptz,
	CONSTRAINT review_decisions_pkey PRIMARY KEY (id),
	CONSTRAINT review_decision_review FOREIGN KEY (review_id) REFERENCES reviews (id) ON DELETE CASCADE,
	CONSTRAINT review_decision_known CHECK (decision IN ('accepted', 'adjusted', 'kept')),
	CONSTRAINT review_decision_author_length CHECK (length(author) BETWEEN 1 AND 200),
	CONSTRAINT review_decision_words_length CHECK (length(words) BETWEEN 1 AND 2000)
);
CREATE UNIQUE INDEX review_decided_once ON review_decisions (review_id) WHERE counted_at IS NOT NULL;
ALTER TABLE reviews ADD CONSTRAINT review_decided FOREIGN KEY (decision_id) REFERENCES review_decisions (id);
