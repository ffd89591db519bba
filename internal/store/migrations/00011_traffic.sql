-- +goose Up
-- Traffic is never in the database, but how far each destination is with the traffic log of each gateway.
CREATE TABLE traffic_starts (
	export_id TEXT PRIMARY KEY REFERENCES exports (id) ON DELETE CASCADE,
	since     BIGINT NOT NULL               -- what was over before that is not sent; 0: all is
);

CREATE TABLE traffic_cursors (
	export_id TEXT NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
	log_id    TEXT NOT NULL,
	gateway   TEXT NOT NULL,                -- the address of the gateway that keeps the log
	seq       BIGINT NOT NULL,              -- of the last record that is known to have arrived
	sent      BIGINT NOT NULL,
	missed    BIGINT NOT NULL,              -- records that were removed before they could be sent
	waiting   BIGINT NOT NULL,              -- records that were not sent yet
	error     TEXT NOT NULL,
	failing   BIGINT NOT NULL,              -- since when
	seen      BIGINT NOT NULL,              -- when the gateway last said so
	PRIMARY KEY (export_id, log_id)
);

-- +goose Down
SELECT 1;
