-- +goose Up
-- One dialect for SQLite and PostgreSQL: TEXT and BIGINT columns only. Times are UTC microseconds
-- (0: never), booleans 0 or 1, bytes hexadecimal, lists JSON. name_key is the name in lower case.

CREATE TABLE instance (
	id           TEXT PRIMARY KEY,          -- always 'instance'
	trust_domain TEXT NOT NULL,
	version      BIGINT NOT NULL,           -- of the configuration; every act's first statement counts it up
	ending       BIGINT NOT NULL,           -- the last ending's sequence number
	key_check    TEXT NOT NULL              -- sealed; tells whether the master key is the right one
);

CREATE TABLE secrets (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL                     -- sealed
);

CREATE TABLE connector_groups (
	id         TEXT PRIMARY KEY,
	version    BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	updated    BIGINT NOT NULL,
	name       TEXT NOT NULL,
	name_key   TEXT NOT NULL,
	is_default BIGINT NOT NULL
);
CREATE UNIQUE INDEX connector_groups_name ON connector_groups (name_key);
CREATE UNIQUE INDEX connector_groups_default ON connector_groups (is_default) WHERE is_default = 1;
CREATE INDEX connector_groups_page ON connector_groups (created, id);

CREATE TABLE applications (
	id                 TEXT PRIMARY KEY,
	version            BIGINT NOT NULL,
	created            BIGINT NOT NULL,
	updated            BIGINT NOT NULL,
	name               TEXT NOT NULL,
	name_key           TEXT NOT NULL,
	group_id           TEXT NOT NULL REFERENCES connector_groups (id),
	external_url       TEXT NOT NULL,
	external_host      TEXT NOT NULL,
	external_path      TEXT NOT NULL,
	internal_url       TEXT NOT NULL,
	pre_authentication TEXT NOT NULL,
	host_header        TEXT NOT NULL,
	disabled           BIGINT NOT NULL,
	skip_verify        BIGINT NOT NULL,
	backend_ca         TEXT NOT NULL,
	backend_timeout    BIGINT NOT NULL,     -- microseconds
	idle_timeout       BIGINT NOT NULL,     -- microseconds
	allow_raw_paths    BIGINT NOT NULL
);
CREATE UNIQUE INDEX applications_name ON applications (name_key);
CREATE UNIQUE INDEX applications_external ON applications (external_host, external_path);
CREATE INDEX applications_page ON applications (created, id);
CREATE INDEX applications_group ON applications (group_id);

CREATE TABLE connectors (
	id           TEXT PRIMARY KEY,
	version      BIGINT NOT NULL,
	created      BIGINT NOT NULL,
	updated      BIGINT NOT NULL,
	name         TEXT NOT NULL,
	name_key     TEXT NOT NULL,
	group_id     TEXT NOT NULL REFERENCES connector_groups (id),
	disabled     BIGINT NOT NULL,
	machine_name TEXT NOT NULL,
	os           TEXT NOT NULL,
	arch         TEXT NOT NULL,
	program      TEXT NOT NULL,
	serial       TEXT NOT NULL,
	not_after    BIGINT NOT NULL,
	last_seen    BIGINT NOT NULL,
	address      TEXT NOT NULL
);
CREATE UNIQUE INDEX connectors_name ON connectors (name_key);
CREATE INDEX connectors_page ON connectors (created, id);
CREATE INDEX connectors_group ON connectors (group_id);

CREATE TABLE users (
	id            TEXT PRIMARY KEY,
	version       BIGINT NOT NULL,
	created       BIGINT NOT NULL,
	updated       BIGINT NOT NULL,
	name          TEXT NOT NULL,
	name_key      TEXT NOT NULL,
	display_name  TEXT NOT NULL,
	email         TEXT NOT NULL,
	disabled      BIGINT NOT NULL,
	roles         TEXT NOT NULL,            -- JSON
	password_set  BIGINT NOT NULL DEFAULT 0,
	password_hash TEXT NOT NULL DEFAULT ''  -- PHC string, empty for none
);
CREATE UNIQUE INDEX users_name ON users (name_key);
CREATE INDEX users_page ON users (created, id);

CREATE TABLE user_groups (
	id          TEXT PRIMARY KEY,
	version     BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL,
	name        TEXT NOT NULL,
	name_key    TEXT NOT NULL,
	description TEXT NOT NULL
);
CREATE UNIQUE INDEX user_groups_name ON user_groups (name_key);
CREATE INDEX user_groups_page ON user_groups (created, id);

CREATE TABLE user_group_members (
	group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	PRIMARY KEY (group_id, user_id)
);
CREATE INDEX user_group_members_user ON user_group_members (user_id);

CREATE TABLE assignments (
	id             TEXT PRIMARY KEY,
	version        BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	updated        BIGINT NOT NULL,
	application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
	user_id        TEXT REFERENCES users (id) ON DELETE CASCADE,
	group_id       TEXT REFERENCES user_groups (id) ON DELETE CASCADE,
	CHECK ((user_id IS NULL) <> (group_id IS NULL))
);
CREATE UNIQUE INDEX assignments_user ON assignments (application_id, user_id);
CREATE UNIQUE INDEX assignments_group ON assignments (application_id, group_id);
CREATE INDEX assignments_of_user ON assignments (user_id);
CREATE INDEX assignments_of_group ON assignments (group_id);
CREATE INDEX assignments_page ON assignments (created, id);

CREATE TABLE tokens (
	id       TEXT PRIMARY KEY,
	version  BIGINT NOT NULL,
	created  BIGINT NOT NULL,
	updated  BIGINT NOT NULL,
	name     TEXT NOT NULL,
	name_key TEXT NOT NULL,
	group_id TEXT NOT NULL REFERENCES connector_groups (id) ON DELETE CASCADE,
	expires  BIGINT NOT NULL,
	used     BIGINT NOT NULL,
	used_by  TEXT NOT NULL,
	hash     TEXT NOT NULL,
	key_hash TEXT NOT NULL
);
CREATE INDEX tokens_page ON tokens (created, id);
CREATE INDEX tokens_group ON tokens (group_id);
CREATE INDEX tokens_expires ON tokens (expires);

CREATE TABLE api_keys (
	id        TEXT PRIMARY KEY,
	version   BIGINT NOT NULL,
	created   BIGINT NOT NULL,
	updated   BIGINT NOT NULL,
	name      TEXT NOT NULL,
	name_key  TEXT NOT NULL,
	roles     TEXT NOT NULL,                -- JSON
	expires   BIGINT NOT NULL,
	last_used BIGINT NOT NULL,
	hash      TEXT NOT NULL
);
CREATE UNIQUE INDEX api_keys_name ON api_keys (name_key);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_page ON api_keys (created, id);

CREATE TABLE public_certificates (
	id        TEXT PRIMARY KEY,
	version   BIGINT NOT NULL,
	created   BIGINT NOT NULL,
	updated   BIGINT NOT NULL,
	domain    TEXT NOT NULL,
	chain     TEXT NOT NULL,
	not_after BIGINT NOT NULL,
	issuer    TEXT NOT NULL,
	sha256    TEXT NOT NULL,
	sealed    TEXT NOT NULL                 -- the private key, sealed
);
CREATE UNIQUE INDEX public_certificates_domain ON public_certificates (domain);
CREATE INDEX public_certificates_page ON public_certificates (created, id);

CREATE TABLE issued_certificates (
	serial      TEXT PRIMARY KEY,           -- lower-case hexadecimal
	kind        TEXT NOT NULL,
	subject     TEXT NOT NULL,
	key_hash    TEXT NOT NULL,
	not_before  BIGINT NOT NULL,
	not_after   BIGINT NOT NULL,
	der         TEXT NOT NULL,              -- empty while only reserved
	state       TEXT NOT NULL,
	replaced    BIGINT NOT NULL,
	replaced_by TEXT NOT NULL,
	revoked     BIGINT NOT NULL,
	reason      TEXT NOT NULL
);
CREATE UNIQUE INDEX issued_certificates_key ON issued_certificates (subject, key_hash);
CREATE INDEX issued_certificates_state ON issued_certificates (state, revoked);
CREATE INDEX issued_certificates_expiry ON issued_certificates (not_after);

CREATE TABLE sessions (
	id             TEXT PRIMARY KEY,
	kind           TEXT NOT NULL,
	parent_id      TEXT REFERENCES sessions (id) ON DELETE CASCADE,
	user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	application_id TEXT REFERENCES applications (id) ON DELETE CASCADE,
	host           TEXT NOT NULL,
	hash           TEXT NOT NULL,
	address        TEXT NOT NULL,
	user_agent     TEXT NOT NULL,
	authenticated  BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	last_used      BIGINT NOT NULL,
	expires        BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_parent ON sessions (parent_id);
CREATE INDEX sessions_application ON sessions (application_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE codes (
	hash           TEXT PRIMARY KEY,
	parent_id      TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
	application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
	host           TEXT NOT NULL,
	return_to      TEXT NOT NULL,
	binding        TEXT NOT NULL,
	expires        BIGINT NOT NULL
);
CREATE INDEX codes_parent ON codes (parent_id);
CREATE INDEX codes_application ON codes (application_id);
CREATE INDEX codes_expires ON codes (expires);

CREATE TABLE endings (
	seq  BIGINT PRIMARY KEY,
	kind TEXT NOT NULL,
	id   TEXT NOT NULL,
	time BIGINT NOT NULL
);
CREATE INDEX endings_time ON endings (time);

CREATE TABLE audit (
	id       TEXT PRIMARY KEY,
	version  BIGINT NOT NULL,
	time     BIGINT NOT NULL,
	kind     TEXT NOT NULL,
	actor_id TEXT NOT NULL,
	actor    TEXT NOT NULL,                 -- its name at that time
	roles    TEXT NOT NULL,                 -- JSON
	address  TEXT NOT NULL,
	request  TEXT NOT NULL,
	action   TEXT NOT NULL,
	object   TEXT NOT NULL,
	name     TEXT NOT NULL,
	name_key TEXT NOT NULL,
	outcome  TEXT NOT NULL,
	detail   TEXT NOT NULL
);
CREATE INDEX audit_time ON audit (time, id);
CREATE INDEX audit_object ON audit (object, time, id);
CREATE INDEX audit_actor ON audit (actor_id, time, id);

-- +goose Down
SELECT 1;
