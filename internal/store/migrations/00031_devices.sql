-- +goose Up
-- Machines with postern-client: a key, and the user who enrolled it.
CREATE TABLE devices (
	id           TEXT PRIMARY KEY,
	version      BIGINT NOT NULL,
	created      BIGINT NOT NULL,
	updated      BIGINT NOT NULL,
	user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	name         TEXT NOT NULL,
	name_key     TEXT NOT NULL,
	machine      TEXT NOT NULL,             -- as the device tells, like all down to program
	os           TEXT NOT NULL,
	os_version   TEXT NOT NULL,
	arch         TEXT NOT NULL,
	program      TEXT NOT NULL,
	key_hash     TEXT NOT NULL,             -- of its public key: which device it is
	serial       TEXT NOT NULL,             -- of its newest certificate
	not_after    BIGINT NOT NULL,
	previous     TEXT NOT NULL,             -- serial of the certificate before
	previous_ends BIGINT NOT NULL,
	last_seen    BIGINT NOT NULL,
	address      TEXT NOT NULL,
	revoked      BIGINT NOT NULL
);
CREATE UNIQUE INDEX devices_key ON devices (key_hash);
CREATE INDEX devices_user ON devices (user_id, created, id);
CREATE INDEX devices_page ON devices (created, id);
CREATE INDEX devices_name ON devices (name_key, id);
CREATE INDEX devices_revoked ON devices (revoked);

-- The device that a program's session is bound to.
ALTER TABLE sessions ADD COLUMN device_id TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_device ON sessions (device_id);

-- A device keeps its key and gets its next certificate for it; all others have a key once.
DROP INDEX issued_certificates_key;
CREATE UNIQUE INDEX issued_certificates_key ON issued_certificates (subject, key_hash) WHERE kind <> 'client';
CREATE INDEX issued_certificates_subject ON issued_certificates (subject);

-- +goose Down
SELECT 1;
