-- +goose Up

-- The CRM's own mark: this account is one that we go after.
ALTER TABLE accounts ADD COLUMN target boolean NOT NULL DEFAULT false;

-- What happened to an account, each event once.
CREATE TABLE signals (
	id          bigint GENERATED ALWAYS AS IDENTITY,
	account_id  bigint NOT NULL,
	kind        text NOT NULL,
	entity      text NOT NULL,
	occurred_at timestamptz NOT NULL,
	summary     text NOT NULL,
	concerns    text NOT NULL DEFAULT '',
	confidence  real NOT NULL,
	stop        boolean NOT NULL DEFAULT false,
	evidence    jsonb NOT NULL,
	found_at    timestamptz NOT NULL,
	answered_at timestamptz, -- when a response took it in
	CONSTRAINT signals_pkey PRIMARY KEY (id),
	CONSTRAINT signal_once UNIQUE (account_id, kind, entity, occurred_at),
	CONSTRAINT signal_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT signal_kind_length CHECK (length(kind) BETWEEN 1 AND 50),
	CONSTRAINT signal_entity_length CHECK (length(entity) BETWEEN 1 AND 200),
	CONSTRAINT signal_confidence_share CHECK (confidence BETWEEN 0 AND 1)
);
CREATE INDEX signals_unanswered ON signals (account_id) WHERE answered_at IS NULL;

-- What a source wants to be reminded of when it looks at an account again, and when
-- it last looked.
CREATE TABLE sights (
	account_id bigint NOT NULL,
	source     text NOT NULL,
	remember   jsonb NOT NULL,
	first_at   timestamptz NOT NULL,
	looked_at  timestamptz NOT NULL,
	CONSTRAINT sight_once PRIMARY KEY (account_id, source),
	CONSTRAINT sight_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT sight_source_length CHECK (length(source) BETWEEN 1 AND 50)
);

-- What was done about news: a task for the rep, or why there was none.
CREATE TABLE responses (
	run_id     text NOT NULL,
	account_id bigint NOT NULL,
	signals    bigint[] NOT NULL,
	kinds      text[] NOT NULL, -- that the task is about
	outcome    text NOT NULL,
	reason     text NOT NULL DEFAULT '',
	owner_id   text NOT NULL DEFAULT '',
	task_id    text NOT NULL DEFAULT '', -- the open task that was appended to
	day        date NOT NULL, -- of the rep's cap, in the zone of the schedule
	value      integer NOT NULL,
	fit        integer NOT NULL,
	decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT response_once PRIMARY KEY (run_id),
	CONSTRAINT response_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT response_outcome_known CHECK (outcome IN ('task', 'appended', 'digest', 'cooldown', 'not_due', 'stopped', 'no_record')),
	CONSTRAINT response_reason_length CHECK (length(reason) <= 1000)
);
CREATE INDEX responses_account ON responses (account_id, decided_at);
CREATE INDEX responses_owner ON responses (day, owner_id, outcome);

-- Page views and answers that a website or e-mail tool reported.
CREATE TABLE visits (
	account_id bigint NOT NULL,
	id         text NOT NULL, -- the sender's
	kind       text NOT NULL,
	page       text NOT NULL DEFAULT '',
	visitor    text NOT NULL DEFAULT '',
	at         timestamptz NOT NULL,
	CONSTRAINT visit_once PRIMARY KEY (account_id, id),
	CONSTRAINT visit_account FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT visit_id_length CHECK (length(id) BETWEEN 1 AND 200),
	CONSTRAINT visit_kind_known CHECK (kind IN ('page_view', 'demo_request', 'email_open', 'email_click')),
	CONSTRAINT visit_page_length CHECK (length(page) <= 500),
	CONSTRAINT visit_visitor_length CHECK (length(visitor) <= 200)
);
CREATE INDEX visits_by_time ON visits (account_id, at);
