-- +goose Up

-- A row of the journal is written when a change is tried and once more when it has ended, and
-- an effect likewise. Where its page has room for that, no index learns of it: the end of a
-- company's contacts writes half as much to the log, and leaves no entries in three indexes
-- that wait for a vacuum.
-- Pages that are full already stay as they are.
ALTER TABLE journal SET (fillfactor = 50);
ALTER TABLE effects SET (fillfactor = 70);
