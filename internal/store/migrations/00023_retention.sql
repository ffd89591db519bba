-- +goose Up
-- How long logs are kept. There is one row; 0 is what is usual.
CREATE TABLE retention (
	id            TEXT PRIMARY KEY,
	version       BIGINT NOT NULL,
	created       BIGINT NOT NULL,
	updated       BIGINT NOT NULL,
	audit_days    BIGINT NOT NULL DEFAULT 0,
	sign_in_days  BIGINT NOT NULL DEFAULT 0,
	traffic_days  BIGINT NOT NULL DEFAULT 0,
	traffic_bytes BIGINT NOT NULL DEFAULT 0
);
INSERT INTO retention (id, version, created, updated) VALUES ('retention', 1, 0, 0);

-- Logos that pages had: the history of the branding names them by their sum, and one may come back.
CREATE TABLE logos (
	sum   TEXT PRIMARY KEY,                -- SHA-256, hex
	added BIGINT NOT NULL,
	kind  TEXT NOT NULL,
	logo  TEXT NOT NULL                    -- hex
);

-- +goose Down
SELECT 1;
