-- +goose Up
-- The defaults let a program of the version before run on.
ALTER TABLE sessions ADD COLUMN client TEXT NOT NULL DEFAULT '';      -- of a program: its OAuth client id
ALTER TABLE sessions ADD COLUMN name TEXT NOT NULL DEFAULT '';        -- of a program: what it calls itself
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';    -- JSON
ALTER TABLE applications ADD COLUMN access_keys BIGINT NOT NULL DEFAULT 0;

-- What a program renews its sign-in with: only the newest token of a session is good.
CREATE TABLE refresh_tokens (
	session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
	resource   TEXT NOT NULL,               -- the only one it is good for, or empty
	generation BIGINT NOT NULL,
	hash       TEXT NOT NULL,
	previous   TEXT NOT NULL,               -- hash of the token before
	rotated    BIGINT NOT NULL
);

CREATE TABLE program_codes (
	hash       TEXT PRIMARY KEY,
	parent_id  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
	session_id TEXT NOT NULL DEFAULT '',    -- the session that it was spent for
	client     TEXT NOT NULL,
	name       TEXT NOT NULL,
	redirect   TEXT NOT NULL,
	challenge  TEXT NOT NULL,
	resource   TEXT NOT NULL,
	scope      TEXT NOT NULL,
	nonce      TEXT NOT NULL,
	expires    BIGINT NOT NULL
);
CREATE INDEX program_codes_parent ON program_codes (parent_id);
CREATE INDEX program_codes_expires ON program_codes (expires);

CREATE TABLE device_codes (
	hash      TEXT PRIMARY KEY,
	user_hash TEXT NOT NULL,                -- of the short code that a person types
	parent_id TEXT REFERENCES sessions (id) ON DELETE CASCADE, -- who allowed it
	state     TEXT NOT NULL,
	client    TEXT NOT NULL,
	name      TEXT NOT NULL,
	resource  TEXT NOT NULL,
	scope     TEXT NOT NULL,
	address   TEXT NOT NULL,
	network   TEXT NOT NULL,
	created   BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	polled    BIGINT NOT NULL
);
CREATE UNIQUE INDEX device_codes_user ON device_codes (user_hash);
CREATE INDEX device_codes_parent ON device_codes (parent_id);
CREATE INDEX device_codes_network ON device_codes (network, expires);
CREATE INDEX device_codes_expires ON device_codes (expires);

CREATE TABLE access_keys (
	id             TEXT PRIMARY KEY,
	version        BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	updated        BIGINT NOT NULL,
	user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
	name           TEXT NOT NULL,
	name_key       TEXT NOT NULL,
	methods        TEXT NOT NULL,           -- JSON; how its user had signed in who made it
	expires        BIGINT NOT NULL,
	last_used      BIGINT NOT NULL,
	hash           TEXT NOT NULL
);
CREATE UNIQUE INDEX access_keys_hash ON access_keys (hash);
CREATE INDEX access_keys_user ON access_keys (user_id, created, id);
CREATE INDEX access_keys_application ON access_keys (application_id);
CREATE INDEX access_keys_page ON access_keys (created, id);

-- +goose Down
SELECT 1;
