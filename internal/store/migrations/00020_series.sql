-- +goose Up
-- What was measured, over time: points of one subject (a connector, or the service) in a span of time, one behind the other in a text.
-- They are measurements, not configuration: backups leave them out.
CREATE TABLE series (
	subject TEXT NOT NULL,
	span    BIGINT NOT NULL,               -- microseconds
	start   BIGINT NOT NULL,
	data    TEXT NOT NULL,
	PRIMARY KEY (subject, span, start)
);
CREATE INDEX series_age ON series (span, start);

-- What a connector told last of itself, for all services that share the database.
CREATE TABLE connector_states (
	connector_id TEXT PRIMARY KEY REFERENCES connectors (id) ON DELETE CASCADE,
	told         BIGINT NOT NULL,          -- when
	load         TEXT NOT NULL,            -- JSON
	diagnosis    TEXT NOT NULL             -- JSON; empty: it had no reason to examine itself
);
CREATE INDEX connector_states_told ON connector_states (told);

-- +goose Down
SELECT 1;
