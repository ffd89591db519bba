-- +goose Up
-- The defaults let a program of the version before run on.
ALTER TABLE users ADD COLUMN require_second_factor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN methods TEXT NOT NULL DEFAULT '["pwd"]'; -- JSON

CREATE TABLE factors (
	id         TEXT PRIMARY KEY,
	user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	credential TEXT,                        -- of a passkey, hexadecimal
	sealed     TEXT NOT NULL,
	counter    BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	last_used  BIGINT NOT NULL
);
CREATE UNIQUE INDEX factors_credential ON factors (credential);
CREATE INDEX factors_user ON factors (user_id, created, id);

CREATE TABLE recovery_codes (
	user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	hash    TEXT NOT NULL,
	PRIMARY KEY (user_id, hash)
);

CREATE TABLE links (
	user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
	hash    TEXT NOT NULL,
	kind    TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL
);
CREATE UNIQUE INDEX links_hash ON links (hash);
CREATE INDEX links_expires ON links (expires);

CREATE TABLE spent_steps (
	hash    TEXT PRIMARY KEY,
	expires BIGINT NOT NULL
);
CREATE INDEX spent_steps_expires ON spent_steps (expires);

-- +goose Down
SELECT 1;
