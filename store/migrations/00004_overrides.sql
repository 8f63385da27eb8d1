-- +goose Up

-- What a person decided, from when it is handed in to how it ended. Of an account one
-- holds at a time.
ALTER TABLE overrides
	ADD COLUMN state text NOT NULL DEFAULT 'pending',
	ADD COLUMN score_id bigint, -- the score when it began: the machine's decision that it took the place of
	ADD COLUMN began_at timestamptz,
	ADD COLUMN ended_at timestamptz,
	ADD COLUMN ended text NOT NULL DEFAULT '',
	ADD COLUMN ended_by text NOT NULL DEFAULT '',
	ADD COLUMN ended_reason text NOT NULL DEFAULT '',
	DROP COLUMN revoked_at,
	ADD CONSTRAINT override_state_known CHECK (state IN ('pending', 'active', 'ended')),
	ADD CONSTRAINT override_ended_known CHECK (ended IN ('', 'expired', 'cleared', 'replaced', 'refused')),
	ADD CONSTRAINT override_ended_whole CHECK ((state = 'ended') = (ended <> '') AND (state = 'ended') = (ended_at IS NOT NULL)),
	ADD CONSTRAINT override_code_known CHECK (reason_code IN ('strategic', 'competitor', 'relationship', 'data_wrong', 'exploration', 'other')),
	ADD CONSTRAINT override_ended_by_length CHECK (length(ended_by) <= 200),
	ADD CONSTRAINT override_ended_reason_length CHECK (length(ended_reason) <= 2000);
CREATE UNIQUE INDEX override_one_active ON overrides (account_id) WHERE state = 'active';
CREATE INDEX overrides_active ON overrides (state) WHERE state = 'active';

-- A score keeps what the model made of the account; what a person made of it stands
-- beside that while an override holds, and is what counts.
ALTER TABLE scores
	ADD COLUMN override_id bigint,
	ADD COLUMN override_value integer,
	ADD COLUMN override_tier text,
	ADD COLUMN override_fit integer,
	ADD COLUMN tier_since timestamptz, -- when the machine came to its tier; null: longer than anybody knows
	ADD COLUMN tier_reason text NOT NULL DEFAULT '', -- what kept the account in a tier that its score left
	ADD COLUMN why text NOT NULL DEFAULT '',         -- the cause and the difference to the row before, for people
	ADD COLUMN changes jsonb NOT NULL DEFAULT '[]',  -- the same for programs
	ADD CONSTRAINT score_override_whole CHECK (num_nonnulls(override_id, override_value, override_tier, override_fit) IN (0, 4));
CREATE INDEX scores_account ON scores (account_id, id);

-- When time alone may change the account's score: a signal leaves its window.
ALTER TABLE accounts ADD COLUMN rescore_at timestamptz;
CREATE INDEX accounts_rescore ON accounts (rescore_at) WHERE rescore_at IS NOT NULL;
