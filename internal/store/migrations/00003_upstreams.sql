-- +goose Up
-- The program of the version before runs on. It knows nothing of upstreams: their users cannot sign
-- in there, and memberships that come from them count for nothing.
CREATE TABLE upstreams (
	id         TEXT PRIMARY KEY,
	version    BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	updated    BIGINT NOT NULL,
	name       TEXT NOT NULL,
	name_key   TEXT NOT NULL,
	kind       TEXT NOT NULL,
	disabled   BIGINT NOT NULL,
	only_known BIGINT NOT NULL,
	is_default BIGINT NOT NULL,
	domains    TEXT NOT NULL,               -- JSON
	mapping    TEXT NOT NULL,               -- JSON
	settings   TEXT NOT NULL,               -- JSON; which they are depends on the kind
	sealed     TEXT NOT NULL DEFAULT ''     -- the secret, sealed; empty for none
);
CREATE UNIQUE INDEX upstreams_name ON upstreams (name_key);
CREATE UNIQUE INDEX upstreams_default ON upstreams (is_default) WHERE is_default = 1;
CREATE INDEX upstreams_page ON upstreams (created, id);

ALTER TABLE users ADD COLUMN upstream_id TEXT REFERENCES upstreams (id);
ALTER TABLE users ADD COLUMN upstream_subject TEXT;
ALTER TABLE users ADD COLUMN upstream_refused BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX users_upstream ON users (upstream_id, upstream_subject);

-- Memberships that come from an upstream. Those that an administrator made are apart from them.
CREATE TABLE upstream_members (
	user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	PRIMARY KEY (user_id, group_id)
);
CREATE INDEX upstream_members_group ON upstream_members (group_id);

-- Who is a member of what, whoever says so.
CREATE VIEW memberships AS
	SELECT group_id, user_id FROM user_group_members UNION SELECT group_id, user_id FROM upstream_members;

CREATE TABLE upstream_sessions (
	session_id  TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
	upstream_id TEXT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
	user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	sid         TEXT NOT NULL,              -- what the upstream calls the session, for its logout
	renewal     TEXT NOT NULL,              -- sealed; what to ask again with; empty for none
	checked     BIGINT NOT NULL             -- when the upstream was asked the last time
);
CREATE INDEX upstream_sessions_sid ON upstream_sessions (upstream_id, sid);
CREATE INDEX upstream_sessions_user ON upstream_sessions (user_id);
CREATE INDEX upstream_sessions_checked ON upstream_sessions (checked);

-- Whom an upstream vouched for, while the second factor is asked: what the session will need.
CREATE TABLE upstream_arrivals (
	hash        TEXT PRIMARY KEY,           -- of the step's id
	upstream_id TEXT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
	user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	sid         TEXT NOT NULL,
	renewal     TEXT NOT NULL,              -- sealed
	expires     BIGINT NOT NULL
);
CREATE INDEX upstream_arrivals_expires ON upstream_arrivals (expires);
CREATE INDEX upstream_arrivals_user ON upstream_arrivals (user_id);

-- +goose Down
SELECT 1;
