-- +goose Up
-- Alerts: what was wrong, from when until when. A row gets a new number whenever there is news of it, so that whoever follows the
-- numbers hears of each twice: that it began and that it is over. How far destinations are has a table of its own: the program of the
-- version before would take these cursors for those of another log.
CREATE TABLE alerts (
	id       TEXT PRIMARY KEY,
	seq      BIGINT NOT NULL,
	code     TEXT NOT NULL,
	severity TEXT NOT NULL,
	object   TEXT NOT NULL,
	sentence TEXT NOT NULL,
	cure     TEXT NOT NULL,
	opened   BIGINT NOT NULL,
	resolved BIGINT NOT NULL               -- 0: it is so still
);
CREATE INDEX alerts_seq ON alerts (seq);
CREATE INDEX alerts_page ON alerts (opened, id);
CREATE INDEX alerts_open ON alerts (resolved);

CREATE TABLE alert_numbers (
	id  TEXT PRIMARY KEY,                   -- always 'last'
	seq BIGINT NOT NULL
);
INSERT INTO alert_numbers (id, seq) VALUES ('last', 0);

CREATE TABLE alert_cursors (
	export_id TEXT NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
	stream    TEXT NOT NULL,               -- always 'alerts'
	seq       BIGINT NOT NULL,
	sent      BIGINT NOT NULL,
	missed    BIGINT NOT NULL,
	error     TEXT NOT NULL,
	failing   BIGINT NOT NULL,
	PRIMARY KEY (export_id, stream)
);

-- +goose Down
SELECT 1;
