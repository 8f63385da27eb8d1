-- +goose Up

-- Several models of one subject can be active at once, for segments: the one at place 0
-- rates whom no other is for.
ALTER TABLE active_models DROP CONSTRAINT active_model_once;
ALTER TABLE active_models ADD COLUMN place integer NOT NULL DEFAULT 0;
ALTER TABLE active_models ADD CONSTRAINT active_model_once PRIMARY KEY (subject, name);

-- What the second-best model made of the account, where several are for it.
ALTER TABLE scores ADD COLUMN runner_up jsonb;
