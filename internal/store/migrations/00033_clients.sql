-- +goose Up
-- What holds for the programs on all devices. There is one row.
CREATE TABLE clients (
	id         TEXT PRIMARY KEY,
	version    BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	updated    BIGINT NOT NULL,
	off        BIGINT NOT NULL DEFAULT 0,
	off_reason TEXT NOT NULL DEFAULT '',
	locked     TEXT NOT NULL DEFAULT '[]'  -- JSON list of what users may not do with them
);
INSERT INTO clients (id, version, created, updated) VALUES ('clients', 1, 0, 0);
CREATE INDEX devices_seen ON devices (last_seen);

-- +goose Down
SELECT 1;
