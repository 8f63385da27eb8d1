-- +goose Up

-- The people of an account, as far as a model rates them: no name, no address. A
-- contact is of one account, and moves with its primary company in the CRM. One that
-- the CRM no longer lists loses its facts and its score; what we wrote to it stays
-- known, so that it is told from what people typed when the contact comes back.
CREATE TABLE contacts (
	id               bigint GENERATED ALWAYS AS IDENTITY,
	account_id       bigint NOT NULL,
	crm              text NOT NULL,
	portal           text NOT NULL,
	crm_id           text NOT NULL,
	job_title        text NOT NULL DEFAULT '',
	department       text NOT NULL DEFAULT '',
	management_level text NOT NULL DEFAULT '',
	budget_authority boolean, -- null: nobody said
	listed           boolean NOT NULL DEFAULT true,
	seen_at          timestamptz NOT NULL,

	-- The last score.
	value      integer,
	level      text NOT NULL DEFAULT '',
	breakdown  jsonb,
	model      text NOT NULL DEFAULT '', -- name@version
	scored_at  timestamptz,

	-- What is written to the CRM; of the reason a digest.
	state      text NOT NULL DEFAULT 'new',
	tried      jsonb NOT NULL DEFAULT '{}',
	written    jsonb NOT NULL DEFAULT '{}',
	written_at timestamptz,
	reason     text NOT NULL DEFAULT '', -- why the CRM refused it

	CONSTRAINT contacts_pkey PRIMARY KEY (id),
	CONSTRAINT contact_once UNIQUE (crm, portal, crm_id),
	CONSTRAINT contact_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT contact_title_length CHECK (length(job_title) <= 500),
	CONSTRAINT contact_reason_length CHECK (length(reason) <= 1000),
	CONSTRAINT contact_state_known CHECK (state IN ('new', 'trying', 'done', 'refused')),
	CONSTRAINT contact_score_whole CHECK (
		(value IS NULL) = (breakdown IS NULL) AND (value IS NULL) = (scored_at IS NULL) AND (value IS NULL) = (level = '') AND (value IS NULL) = (model = ''))
);
CREATE INDEX contacts_account ON contacts (account_id, value DESC);
