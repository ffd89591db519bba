-- +goose Up
-- The audit log becomes a chain: each entry holds the hash of itself and the one before, signed.
-- What tells of a person is in it by a commitment only, so that it can be erased. The program of
-- the version before writes entries without a number; they are adopted into the chain later.
ALTER TABLE audit ADD COLUMN seq BIGINT;
ALTER TABLE audit ADD COLUMN adopted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN who_salt TEXT NOT NULL DEFAULT '';  -- hexadecimal; empty when erased
ALTER TABLE audit ADD COLUMN who_sum TEXT NOT NULL DEFAULT '';   -- of the actor's name and address
ALTER TABLE audit ADD COLUMN what_salt TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN what_sum TEXT NOT NULL DEFAULT '';  -- of the object's name and the detail
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN signature TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX audit_seq ON audit (seq);
CREATE INDEX audit_loose ON audit (time, id) WHERE seq IS NULL;

CREATE TABLE audit_chain (
	id        TEXT PRIMARY KEY,             -- 'head': the last entry; 'trimmed': the last one that was removed
	seq       BIGINT NOT NULL,
	hash      TEXT NOT NULL,
	time      BIGINT NOT NULL,
	signature TEXT NOT NULL
);
INSERT INTO audit_chain (id, seq, hash, time, signature) VALUES ('head', 0, '', 0, ''), ('trimmed', 0, '', 0, '');

CREATE TABLE sign_ins (
	id             TEXT PRIMARY KEY,
	seq            BIGINT,                  -- in the order of export; given when somebody exports
	time           BIGINT NOT NULL,
	known          BIGINT NOT NULL,         -- whether there is a user; the two kinds are bounded apart
	event          TEXT NOT NULL,
	result         TEXT NOT NULL,
	reason         TEXT NOT NULL,
	message        TEXT NOT NULL,
	user_id        TEXT NOT NULL,           -- no reference: the log outlives its users
	user_name      TEXT NOT NULL,
	name_key       TEXT NOT NULL,
	application_id TEXT NOT NULL,
	application    TEXT NOT NULL,
	upstream_id    TEXT NOT NULL,
	upstream       TEXT NOT NULL,
	methods        TEXT NOT NULL,           -- JSON
	policy         TEXT NOT NULL,
	report_only    TEXT NOT NULL,           -- JSON
	session_id     TEXT NOT NULL,
	address        TEXT NOT NULL,
	user_agent     TEXT NOT NULL,
	request        TEXT NOT NULL,
	gateway_id     TEXT NOT NULL,
	client         TEXT NOT NULL,
	unrecorded     BIGINT NOT NULL
);
CREATE UNIQUE INDEX sign_ins_seq ON sign_ins (seq);
CREATE INDEX sign_ins_loose ON sign_ins (time, id) WHERE seq IS NULL;
CREATE INDEX sign_ins_time ON sign_ins (time, id);
CREATE INDEX sign_ins_known ON sign_ins (known, time, id);
CREATE INDEX sign_ins_user ON sign_ins (user_id, time, id);
CREATE INDEX sign_ins_application ON sign_ins (application_id, time, id);

CREATE TABLE exports (
	id             TEXT PRIMARY KEY,
	version        BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	updated        BIGINT NOT NULL,
	name           TEXT NOT NULL,
	name_key       TEXT NOT NULL,
	kind           TEXT NOT NULL,
	disabled       BIGINT NOT NULL,
	streams        TEXT NOT NULL,           -- JSON
	url            TEXT NOT NULL,
	as_array       BIGINT NOT NULL,
	ca             TEXT NOT NULL,
	allow_private  BIGINT NOT NULL,
	allow_loopback BIGINT NOT NULL,
	sealed         TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX exports_name ON exports (name_key);
CREATE INDEX exports_page ON exports (created, id);

CREATE TABLE export_cursors (
	export_id TEXT NOT NULL REFERENCES exports (id) ON DELETE CASCADE,
	stream    TEXT NOT NULL,
	seq       BIGINT NOT NULL,              -- of the last entry that is known to have arrived
	sent      BIGINT NOT NULL,
	missed    BIGINT NOT NULL,              -- entries that were removed before they could be sent
	error     TEXT NOT NULL,
	failing   BIGINT NOT NULL,              -- since when
	PRIMARY KEY (export_id, stream)
);

CREATE TABLE sign_in_numbers (
	id  TEXT PRIMARY KEY,                   -- always 'last'
	seq BIGINT NOT NULL
);
INSERT INTO sign_in_numbers (id, seq) VALUES ('last', 0);

-- +goose Down
SELECT 1;
