-- +goose Up
-- Failed attempts that count for all services together: of one account, as the time at which all of them
-- are forgotten. Rows are of accounts that somebody tries to guess, and go when they count no more.
CREATE TABLE throttles (
	key   TEXT PRIMARY KEY,           -- a MAC of what and whose: people type passwords as names
	until BIGINT NOT NULL
);
CREATE INDEX throttles_until ON throttles (until);

-- +goose Down
SELECT 1;
