-- +goose Up
-- How the pages look that people see. There is one row; empty values are our own look.
CREATE TABLE branding (
	id          TEXT PRIMARY KEY,
	version     BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL,
	name        TEXT NOT NULL DEFAULT '',
	logo        TEXT NOT NULL DEFAULT '',  -- hex
	logo_type   TEXT NOT NULL DEFAULT '',
	colour      TEXT NOT NULL DEFAULT '',  -- #rrggbb
	dark_colour TEXT NOT NULL DEFAULT ''
);
INSERT INTO branding (id, version, created, updated) VALUES ('branding', 1, 0, 0);

-- +goose Down
SELECT 1;
