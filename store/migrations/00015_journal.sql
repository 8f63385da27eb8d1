-- +goose Up

-- When each value that we wrote was written: a policy may go by that.
ALTER TABLE effects ADD COLUMN stamps jsonb NOT NULL DEFAULT '{}';
ALTER TABLE contacts ADD COLUMN stamps jsonb NOT NULL DEFAULT '{}';

-- What was written to the CRM: one row for each value of a record, or record that was
-- made, with what was there before. It is there before the write is tried.
CREATE TABLE journal (
	id          bigint GENERATED ALWAYS AS IDENTITY,
	account_id  bigint NOT NULL,
	run_id      text NOT NULL,
	workflow_id text NOT NULL,
	effect_key  text NOT NULL,
	attempt     integer NOT NULL, -- of the effect
	object      text NOT NULL,
	record_id   text NOT NULL, -- '' until it is known
	property    text NOT NULL, -- '': the record itself
	before      text NOT NULL, -- of a note its digest; '' if there was none
	after       text NOT NULL,
	state       text NOT NULL DEFAULT 'trying',
	reason      text NOT NULL DEFAULT '',
	undoes      bigint, -- the row whose value is taken back
	tried_at    timestamptz NOT NULL DEFAULT now(),
	ended_at    timestamptz,
	CONSTRAINT journal_pkey PRIMARY KEY (id),
	CONSTRAINT journal_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT journal_object_known CHECK (object IN ('company', 'contact', 'note', 'task')),
	CONSTRAINT journal_state_known CHECK (state IN ('trying', 'written', 'kept', 'held', 'staged', 'failed', 'lost', 'unsure')),
	CONSTRAINT journal_ended CHECK ((state = 'trying') = (ended_at IS NULL)),
	CONSTRAINT journal_effect_key_length CHECK (length(effect_key) BETWEEN 1 AND 500),
	CONSTRAINT journal_property_length CHECK (length(property) <= 200),
	CONSTRAINT journal_record_id_length CHECK (length(record_id) <= 200),
	CONSTRAINT journal_reason_length CHECK (length(reason) <= 1000)
);
CREATE INDEX journal_account ON journal (account_id, effect_key);
CREATE INDEX journal_run ON journal (run_id);

-- Values that wait for a person's approval before they are written, and what became of
-- those that did.
CREATE TABLE staged (
	id          bigint GENERATED ALWAYS AS IDENTITY,
	account_id  bigint NOT NULL,
	effect_key  text NOT NULL,
	property    text NOT NULL,
	before      text NOT NULL, -- in the CRM when it was staged
	value       text NOT NULL,
	state       text NOT NULL DEFAULT 'waiting',
	run_id      text NOT NULL, -- that staged it
	staged_at   timestamptz NOT NULL DEFAULT now(),
	author      text NOT NULL DEFAULT '', -- who approved or rejected it
	decided_at  timestamptz,
	ended_at    timestamptz, -- when it was written, rejected or replaced
	CONSTRAINT staged_pkey PRIMARY KEY (id),
	CONSTRAINT staged_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT staged_state_known CHECK (state IN ('waiting', 'approved', 'rejected', 'written', 'replaced', 'kept')),
	CONSTRAINT staged_effect_key_length CHECK (length(effect_key) BETWEEN 1 AND 500),
	CONSTRAINT staged_property_length CHECK (length(property) BETWEEN 1 AND 200),
	CONSTRAINT staged_author_length CHECK (length(author) <= 200)
);
CREATE UNIQUE INDEX staged_open_once ON staged (effect_key, property) WHERE state IN ('waiting', 'approved');
CREATE INDEX staged_by_effect ON staged (effect_key, property, id);
CREATE INDEX staged_account ON staged (account_id);

-- Of what a release plans, the properties that a policy keeps from being written.
ALTER TABLE planned_scores ADD COLUMN staged integer NOT NULL DEFAULT 0;
ALTER TABLE planned_scores ADD COLUMN held integer NOT NULL DEFAULT 0;
