-- +goose Up

-- Deals as the CRM has them, without their names. A deal belongs to a company of the
-- CRM, which may be an account or not.
CREATE TABLE deals (
	id         bigint GENERATED ALWAYS AS IDENTITY,
	crm        text NOT NULL,
	portal     text NOT NULL,
	crm_id     text NOT NULL,
	company_id text, -- its record's id; null: no company
	opened_at  timestamptz NOT NULL,
	closed_at  timestamptz, -- null while it is open
	won        boolean NOT NULL,
	amount     double precision, -- null: nobody said
	kind       text NOT NULL,
	stage      text NOT NULL,
	changed_at timestamptz NOT NULL, -- in the CRM
	deleted_at timestamptz, -- when we learnt that it is gone
	seen_at    timestamptz NOT NULL,
	CONSTRAINT deals_pkey PRIMARY KEY (id),
	CONSTRAINT deal_once UNIQUE (crm, portal, crm_id),
	CONSTRAINT deal_crm_length CHECK (length(crm) BETWEEN 1 AND 50),
	CONSTRAINT deal_portal_length CHECK (length(portal) <= 100),
	CONSTRAINT deal_crm_id_length CHECK (length(crm_id) BETWEEN 1 AND 100),
	CONSTRAINT deal_company_id_length CHECK (length(company_id) BETWEEN 1 AND 100),
	CONSTRAINT deal_stage_length CHECK (length(stage) <= 200),
	CONSTRAINT deal_kind_known CHECK (kind IN ('', 'new', 'renewal', 'expansion', 'existing')),
	CONSTRAINT deal_won_closed CHECK (closed_at IS NOT NULL OR NOT won)
);
CREATE INDEX deals_company ON deals (crm, portal, company_id);

-- How far the deals of a CRM have been read.
CREATE TABLE deal_syncs (
	crm       text NOT NULL,
	portal    text NOT NULL,
	since     timestamptz, -- null: the beginning
	after     integer NOT NULL DEFAULT 0, -- results of that moment that were read
	under_way boolean NOT NULL, -- whether there was more when it was read last
	read_at   timestamptz NOT NULL,
	CONSTRAINT deal_sync_once PRIMARY KEY (crm, portal),
	CONSTRAINT deal_sync_after_positive CHECK (after >= 0)
);
