-- +goose Up

-- What the CRM's record says that sources of signals go by, such as where the account's
-- job board is. What models score is in facts.
ALTER TABLE accounts ADD COLUMN properties jsonb NOT NULL DEFAULT '{}';
