-- +goose Up

-- Where a run was when it failed: what cures it depends on that.
ALTER TABLE runs ADD COLUMN stage text NOT NULL DEFAULT '';
ALTER TABLE runs ADD CONSTRAINT run_stage_length CHECK (length(stage) <= 100);
CREATE INDEX runs_failed ON runs (coalesce(ended_at, started_at)) WHERE status = 'failed';
CREATE INDEX runs_by_run ON runs (run_id);
