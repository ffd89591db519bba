-- +goose Up
-- What services that share a database keep of each other. Both times are of the database's own
-- clock, whatever the services' clocks say.

CREATE TABLE gateways (
	id        TEXT PRIMARY KEY,
	address   TEXT NOT NULL,           -- host:port that connectors and other gateways dial
	program   TEXT NOT NULL DEFAULT '',
	started   BIGINT NOT NULL,
	heartbeat BIGINT NOT NULL
);

CREATE TABLE leases (
	name   TEXT PRIMARY KEY,           -- of the jobs that one service at a time does
	holder TEXT NOT NULL,
	term   BIGINT NOT NULL,            -- counts the holders: work of an earlier term is refused
	until  BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
