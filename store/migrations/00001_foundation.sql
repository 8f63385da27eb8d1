-- +goose Up

-- Companies that Sluice follows. A record of a CRM is one account; a company
-- without a record is one account for each domain, or name where there is none.
CREATE TABLE accounts (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	crm        text,
	portal     text,
	crm_id     text,
	domain     text,
	name       text NOT NULL DEFAULT '',
	unkeyed    text GENERATED ALWAYS AS (CASE WHEN crm IS NULL THEN coalesce(domain, 'name:' || lower(name)) END) STORED,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT accounts_pkey PRIMARY KEY (id),
	CONSTRAINT account_key_once UNIQUE (crm, portal, crm_id),
	CONSTRAINT account_unkeyed_once UNIQUE (unkeyed),
	CONSTRAINT account_key_whole CHECK (num_nulls(crm, portal, crm_id) IN (0, 3)),
	CONSTRAINT account_crm_length CHECK (length(crm) BETWEEN 1 AND 50),
	CONSTRAINT account_portal_length CHECK (length(portal) <= 100),
	CONSTRAINT account_crm_id_length CHECK (length(crm_id) BETWEEN 1 AND 100),
	CONSTRAINT account_domain_length CHECK (length(domain) BETWEEN 1 AND 253),
	CONSTRAINT account_name_length CHECK (length(name) <= 500),
	CONSTRAINT account_named CHECK (domain IS NOT NULL OR name <> '' OR crm IS NOT NULL)
);
CREATE INDEX accounts_domain ON accounts (domain);

-- What each provider says of an account now.
CREATE TABLE facts (
	account_id  bigint NOT NULL,
	field       text NOT NULL,
	provider    text NOT NULL,
	value       jsonb NOT NULL,
	confidence  double precision NOT NULL,
	observed_at timestamptz NOT NULL,
	derived     boolean NOT NULL,
	CONSTRAINT fact_once PRIMARY KEY (account_id, field, provider),
	CONSTRAINT fact_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fact_field_length CHECK (length(field) BETWEEN 1 AND 100),
	CONSTRAINT fact_provider_length CHECK (length(provider) BETWEEN 1 AND 50),
	CONSTRAINT fact_confidence_share CHECK (confidence BETWEEN 0 AND 1)
);

-- What providers answered, by what they were asked about: accounts with the same
-- subject share it. The body is kept so that a better mapping can read it again.
CREATE TABLE answers (
	id          bigint GENERATED ALWAYS AS IDENTITY,
	provider    text NOT NULL,
	subject     text NOT NULL,
	outcome     text NOT NULL,
	facts       json NOT NULL,
	credits     numeric(14, 4) NOT NULL,
	record_id   text NOT NULL,
	body        bytea,
	answered_at timestamptz NOT NULL,
	kept_at     timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT answers_pkey PRIMARY KEY (id),
	CONSTRAINT answer_provider_length CHECK (length(provider) BETWEEN 1 AND 50),
	CONSTRAINT answer_subject_length CHECK (length(subject) BETWEEN 1 AND 600),
	CONSTRAINT answer_record_id_length CHECK (length(record_id) <= 200),
	CONSTRAINT answer_outcome_known CHECK (outcome IN ('found', 'not_found', 'mismatch')),
	CONSTRAINT answer_credits_positive CHECK (credits >= 0)
);
CREATE INDEX answers_subject ON answers (provider, subject, answered_at);

-- One row for each time a provider was asked, or was not. A row without an
-- outcome is a call under way, and its credits are set aside in its scopes.
CREATE TABLE ledger (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	account_id bigint NOT NULL,
	provider   text NOT NULL,
	subject    text NOT NULL DEFAULT '',
	holder     text NOT NULL,
	run_id     text NOT NULL,
	reserved   boolean NOT NULL,
	outcome    text,
	credits    numeric(14, 4) NOT NULL,
	scopes     text[] NOT NULL DEFAULT '{}',
	fields     text[] NOT NULL DEFAULT '{}',
	elapsed    interval NOT NULL DEFAULT '0',
	made_at    timestamptz NOT NULL DEFAULT now(),
	settled_at timestamptz,
	CONSTRAINT ledger_pkey PRIMARY KEY (id),
	CONSTRAINT ledger_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT ledger_provider_length CHECK (length(provider) BETWEEN 1 AND 50),
	CONSTRAINT ledger_subject_length CHECK (length(subject) <= 600 AND (subject <> '' OR NOT reserved)),
	CONSTRAINT ledger_holder_length CHECK (length(holder) BETWEEN 1 AND 300),
	CONSTRAINT ledger_run_id_length CHECK (length(run_id) <= 200),
	CONSTRAINT ledger_outcome_known CHECK (outcome IN (
		'found', 'not_found', 'pending', 'mismatch',
		'throttled', 'provider_error', 'quota_exhausted', 'auth_failed', 'bad_request', 'lost',
		'cached', 'skipped_breaker', 'skipped_budget', 'skipped_closed', 'skipped_unconfigured', 'skipped_nothing_missing')),
	CONSTRAINT ledger_outcome_settled CHECK ((outcome IS NULL) = (settled_at IS NULL)),
	CONSTRAINT ledger_outcome_reserved CHECK (outcome IS NOT NULL OR reserved),
	CONSTRAINT ledger_credits_positive CHECK (credits >= 0)
);
CREATE UNIQUE INDEX ledger_in_flight_once ON ledger (provider, subject) WHERE outcome IS NULL;
CREATE UNIQUE INDEX ledger_skip_once ON ledger (holder, provider, outcome) WHERE NOT reserved;
CREATE INDEX ledger_by_account ON ledger (account_id);
CREATE INDEX ledger_by_provider ON ledger (provider, made_at);

-- What has been spent or set aside in each budget, and the limit that it was last
-- checked against. Few rows are updated very often: the free space keeps their new
-- versions on the same page.
CREATE TABLE counters (
	scope text NOT NULL,
	spent numeric(14, 4) NOT NULL,
	bound numeric(14, 4) NOT NULL,
	CONSTRAINT counters_pkey PRIMARY KEY (scope),
	CONSTRAINT counter_scope_length CHECK (length(scope) BETWEEN 1 AND 300),
	CONSTRAINT counter_spent_positive CHECK (spent >= 0),
	CONSTRAINT counter_within_bound CHECK (spent <= bound)
) WITH (fillfactor = 50);

-- Providers that nobody asks until a time, or until a person acts (null).
CREATE TABLE closures (
	provider  text NOT NULL,
	outcome   text NOT NULL,
	until     timestamptz,
	reason    text NOT NULL,
	closed_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT closures_pkey PRIMARY KEY (provider),
	CONSTRAINT closure_provider_length CHECK (length(provider) BETWEEN 1 AND 50),
	CONSTRAINT closure_outcome_known CHECK (outcome IN ('auth_failed', 'quota_exhausted')),
	CONSTRAINT closure_reason_length CHECK (length(reason) <= 1000)
);

-- One row for each cause of a new score, never updated.
CREATE TABLE scores (
	id            bigint GENERATED ALWAYS AS IDENTITY,
	account_id    bigint NOT NULL,
	run_id        text NOT NULL,
	pass          integer NOT NULL,
	model         text NOT NULL,
	model_version integer NOT NULL,
	value         integer NOT NULL,
	tier          text NOT NULL,
	breakdown     jsonb NOT NULL,
	facts         jsonb NOT NULL, -- that were taken to be so, with who agreed and who did not
	cause         text NOT NULL,
	queue         text NOT NULL,
	owner_id      text NOT NULL,
	route_reason  text NOT NULL,
	exploration   boolean NOT NULL,
	scored_at     timestamptz NOT NULL,
	CONSTRAINT scores_pkey PRIMARY KEY (id),
	CONSTRAINT score_once UNIQUE (account_id, run_id, pass),
	CONSTRAINT score_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT score_cause_known CHECK (cause IN ('first', 'data', 'model', 'signal', 'override', 'decay'))
);

-- Who works an account in a queue.
CREATE TABLE assignments (
	account_id  bigint NOT NULL,
	queue       text NOT NULL,
	owner_id    text NOT NULL,
	assigned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT assignment_once PRIMARY KEY (account_id, queue),
	CONSTRAINT assignment_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

-- Where the round robin of each queue stands: when an owner last got an account,
-- and how many on that day.
CREATE TABLE turns (
	queue    text NOT NULL,
	owner_id text NOT NULL,
	taken_at timestamptz NOT NULL,
	day      date NOT NULL,
	taken    integer NOT NULL,
	CONSTRAINT turn_once PRIMARY KEY (queue, owner_id),
	CONSTRAINT turn_taken_positive CHECK (taken >= 0)
);

-- What is written to the CRM, on record before it is tried.
CREATE TABLE effects (
	key        text NOT NULL,
	account_id bigint NOT NULL,
	run_id     text NOT NULL,
	kind       text NOT NULL,
	state      text NOT NULL,
	crm_id     text NOT NULL DEFAULT '',
	written    jsonb NOT NULL DEFAULT '{}',
	tried      jsonb NOT NULL DEFAULT '{}',
	attempts   integer NOT NULL DEFAULT 0,
	reason     text NOT NULL DEFAULT '',
	created_at timestamptz NOT NULL DEFAULT now(),
	tried_at   timestamptz,
	done_at    timestamptz,
	CONSTRAINT effect_once PRIMARY KEY (key),
	CONSTRAINT effect_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT effect_key_length CHECK (length(key) BETWEEN 1 AND 500),
	CONSTRAINT effect_crm_id_length CHECK (length(crm_id) <= 200),
	CONSTRAINT effect_reason_length CHECK (length(reason) <= 1000),
	CONSTRAINT effect_state_known CHECK (state IN ('trying', 'done', 'failed', 'kept'))
);
CREATE INDEX effects_account ON effects (account_id);

-- Versions of the ICP models. A row is never updated.
CREATE TABLE models (
	name       text NOT NULL,
	version    integer NOT NULL,
	subject    text NOT NULL,
	source     text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT model_version_once PRIMARY KEY (name, version),
	CONSTRAINT model_name_length CHECK (length(name) BETWEEN 1 AND 100),
	CONSTRAINT model_version_positive CHECK (version > 0),
	CONSTRAINT model_subject_known CHECK (subject IN ('company', 'contact'))
);

-- The model that scores each kind of subject.
CREATE TABLE active_models (
	subject      text NOT NULL,
	name         text NOT NULL,
	version      integer NOT NULL,
	activated_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT active_model_once PRIMARY KEY (subject),
	CONSTRAINT active_model_kept FOREIGN KEY (name, version) REFERENCES models (name, version)
);

-- Keys of the webhook events that were handed over.
CREATE TABLE events (
	key     text NOT NULL,
	kept_at timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT event_once PRIMARY KEY (key),
	CONSTRAINT event_key_length CHECK (length(key) BETWEEN 1 AND 500)
);

-- What the runs came to. A refused one has no account.
CREATE TABLE runs (
	workflow_id text NOT NULL,
	run_id      text NOT NULL,
	account_id  bigint,
	status      text NOT NULL,
	stop        json NOT NULL DEFAULT '{}',
	started_at  timestamptz NOT NULL DEFAULT now(),
	ended_at    timestamptz,
	reason      text NOT NULL DEFAULT '',
	CONSTRAINT run_once PRIMARY KEY (workflow_id, run_id),
	CONSTRAINT run_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT run_status_known CHECK (status IN ('running', 'completed', 'refused', 'failed')),
	CONSTRAINT run_reason_length CHECK (length(reason) <= 1000)
);
CREATE INDEX runs_account ON runs (account_id, started_at);

-- What people decided instead of the model.
CREATE TABLE overrides (
	id          bigint GENERATED ALWAYS AS IDENTITY,
	account_id  bigint NOT NULL,
	score       integer,
	tier        text,
	reason_code text NOT NULL,
	reason      text NOT NULL,
	author      text NOT NULL,
	expires_at  timestamptz,
	created_at  timestamptz NOT NULL DEFAULT now(),
	revoked_at  timestamptz,
	CONSTRAINT overrides_pkey PRIMARY KEY (id),
	CONSTRAINT override_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT override_score_or_tier CHECK (num_nonnulls(score, tier) = 1),
	CONSTRAINT override_tier_length CHECK (length(tier) BETWEEN 1 AND 100),
	CONSTRAINT override_reason_code_length CHECK (length(reason_code) BETWEEN 1 AND 100),
	CONSTRAINT override_reason_length CHECK (length(reason) BETWEEN 1 AND 2000),
	CONSTRAINT override_author_length CHECK (length(author) BETWEEN 1 AND 200),
	CONSTRAINT override_expires_later CHECK (expires_at > created_at)
);
CREATE INDEX overrides_account ON overrides (account_id);
