-- +goose Up

-- A version of a model on its way from draft to the one that scores accounts, and out
-- again. Of a model one release is open at a time.
CREATE TABLE releases (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	name       text NOT NULL,
	version    integer NOT NULL,
	replaces   integer, -- the version that scored accounts when it began
	state      text NOT NULL DEFAULT 'draft',
	paused     boolean NOT NULL DEFAULT false,
	stopped    text NOT NULL DEFAULT '', -- by the guard: what it found
	settings   jsonb NOT NULL DEFAULT '{}',
	backtest   jsonb,
	difference jsonb,
	share      double precision NOT NULL DEFAULT 1, -- of the accounts that the A/B stage gives to it
	began_at   timestamptz NOT NULL DEFAULT now(),
	ended_at   timestamptz,
	CONSTRAINT releases_pkey PRIMARY KEY (id),
	CONSTRAINT release_model FOREIGN KEY (name, version) REFERENCES models (name, version),
	CONSTRAINT release_goes_forward CHECK (replaces < version),
	CONSTRAINT release_state_known CHECK (state IN (
		'draft', 'validated', 'backtested', 'signed_off', 'shadow', 'ab', 'active', 'retired', 'rejected', 'withdrawn', 'rolled_back')),
	CONSTRAINT release_stopped_length CHECK (length(stopped) <= 1000),
	CONSTRAINT release_share CHECK (share BETWEEN 0 AND 1)
);
CREATE UNIQUE INDEX release_open_once ON releases (name) WHERE ended_at IS NULL;

-- Every move of a release, and who made it.
CREATE TABLE release_steps (
	release_id bigint NOT NULL,
	seq        integer NOT NULL,
	state      text NOT NULL,
	at         timestamptz NOT NULL,
	author     text NOT NULL DEFAULT '',
	comment    text NOT NULL DEFAULT '',
	CONSTRAINT release_step_once PRIMARY KEY (release_id, seq),
	CONSTRAINT release_step_of FOREIGN KEY (release_id) REFERENCES releases (id) ON DELETE CASCADE,
	CONSTRAINT release_step_author_length CHECK (length(author) <= 200),
	CONSTRAINT release_step_comment_length CHECK (length(comment) <= 2000)
);

-- What people said of a release, in the name of a role. It counts once its workflow has
-- taken it up.
CREATE TABLE approvals (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	release_id bigint NOT NULL,
	role       text NOT NULL,
	verdict    text NOT NULL,
	author     text NOT NULL,
	comment    text NOT NULL DEFAULT '',
	created_at timestamptz NOT NULL DEFAULT now(),
	counted_at timestamptz,
	CONSTRAINT approvals_pkey PRIMARY KEY (id),
	CONSTRAINT approval_of FOREIGN KEY (release_id) REFERENCES releases (id) ON DELETE CASCADE,
	CONSTRAINT approval_verdict_known CHECK (verdict IN ('approved', 'rejected')),
	CONSTRAINT approval_role_length CHECK (length(role) BETWEEN 1 AND 100),
	CONSTRAINT approval_author_length CHECK (length(author) BETWEEN 1 AND 200),
	CONSTRAINT approval_comment_length CHECK (length(comment) <= 2000)
);
CREATE INDEX approvals_release ON approvals (release_id, id);

-- What a release makes of each account: a whole row of scores, kept before it counts, and
-- what became of it.
CREATE TABLE planned_scores (
	release_id     bigint NOT NULL,
	account_id     bigint NOT NULL,
	before_id      bigint NOT NULL, -- the score that it follows
	bucket         double precision NOT NULL, -- where the account falls among all that an A/B stage draws from
	pass           integer NOT NULL,
	model          text NOT NULL,
	model_version  integer NOT NULL,
	value          integer NOT NULL,
	tier           text NOT NULL,
	breakdown      jsonb NOT NULL,
	facts          jsonb NOT NULL,
	cause          text NOT NULL,
	queue          text NOT NULL,
	owner_id       text NOT NULL,
	route_reason   text NOT NULL,
	exploration    boolean NOT NULL,
	scored_at      timestamptz NOT NULL,
	holding_id     bigint, -- the override that held; the next ones say what it made of the score, if the model knows its tier
	override_id    bigint,
	override_value integer,
	override_tier  text,
	override_fit   integer,
	tier_since     timestamptz,
	tier_reason    text NOT NULL,
	why            text NOT NULL,
	changes        jsonb NOT NULL,
	runner_up      jsonb,
	rescore_at     timestamptz,
	task           boolean NOT NULL, -- it makes a task
	owner_is_new   boolean NOT NULL, -- the owner takes a turn for it
	state          text NOT NULL DEFAULT 'planned',
	moved          boolean NOT NULL DEFAULT false, -- the account had moved, and was planned anew
	score_id       bigint, -- that it became
	undone_id      bigint, -- the score that took its place when the release was rolled back
	rescore_before timestamptz, -- when time alone would have changed the score that it follows
	effects        text NOT NULL DEFAULT 'none', -- of the score in the CRM
	failure        text NOT NULL DEFAULT '',
	task_id        text NOT NULL DEFAULT '', -- that was made
	CONSTRAINT planned_score_once PRIMARY KEY (release_id, account_id),
	CONSTRAINT planned_score_release FOREIGN KEY (release_id) REFERENCES releases (id) ON DELETE CASCADE,
	CONSTRAINT planned_score_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT planned_score_override_whole CHECK (num_nonnulls(override_id, override_value, override_tier, override_fit) IN (0, 4)),
	CONSTRAINT planned_score_state_known CHECK (state IN ('planned', 'published', 'rolled_back')),
	CONSTRAINT planned_score_effects_known CHECK (effects IN ('none', 'due', 'done', 'failed')),
	CONSTRAINT planned_score_failure_length CHECK (length(failure) <= 1000)
);
CREATE INDEX planned_scores_account ON planned_scores (account_id);
-- Turns that are promised to owners.
CREATE INDEX planned_turns ON planned_scores (release_id, queue, owner_id, account_id) WHERE owner_is_new AND state = 'planned';

-- The version that is tried beside the active one, by the share of the accounts that it scores.
ALTER TABLE active_models
	ADD COLUMN candidate integer,
	ADD COLUMN share double precision NOT NULL DEFAULT 0,
	ADD CONSTRAINT active_model_candidate_kept FOREIGN KEY (name, candidate) REFERENCES models (name, version),
	ADD CONSTRAINT active_model_share CHECK (share BETWEEN 0 AND 1 AND (candidate IS NOT NULL OR share = 0));
