-- +goose Up

-- Of an account's contacts there are a hundred at most, which are as well sorted when they are
-- read. With the score in the index each score wrote to all three of a contact's indexes; now a
-- page with room takes it, and how writing it to the CRM ended, without.
DROP INDEX contacts_account;
CREATE INDEX contacts_account ON contacts (account_id);
