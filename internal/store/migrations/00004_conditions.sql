-- +goose Up
-- The defaults let a program of the version before run on. It knows no end of an assignment and no
-- groups in groups: it lets nobody in whom this version would not, but for assignments that ended.
CREATE TABLE user_group_groups (
	group_id  TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	member_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	PRIMARY KEY (group_id, member_id)
);
CREATE INDEX user_group_groups_member ON user_group_groups (member_id);

ALTER TABLE assignments ADD COLUMN expires BIGINT NOT NULL DEFAULT 0;
ALTER TABLE assignments ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
CREATE INDEX assignments_expires ON assignments (expires);

ALTER TABLE users ADD COLUMN break_glass BIGINT NOT NULL DEFAULT 0;

CREATE TABLE policies (
	id               TEXT PRIMARY KEY,
	version          BIGINT NOT NULL,
	created          BIGINT NOT NULL,
	updated          BIGINT NOT NULL,
	name             TEXT NOT NULL,
	name_key         TEXT NOT NULL,
	description      TEXT NOT NULL,
	mode             TEXT NOT NULL,
	all_applications BIGINT NOT NULL,
	everyone         BIGINT NOT NULL,
	conditions       TEXT NOT NULL          -- JSON
);
CREATE UNIQUE INDEX policies_name ON policies (name_key);
CREATE INDEX policies_page ON policies (created, id);

-- What a policy names: an application that it is for, or a user or group that it is for or leaves out.
CREATE TABLE policy_scope (
	policy_id      TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
	excluded       BIGINT NOT NULL,
	application_id TEXT REFERENCES applications (id) ON DELETE CASCADE,
	user_id        TEXT REFERENCES users (id) ON DELETE CASCADE,
	group_id       TEXT REFERENCES user_groups (id) ON DELETE CASCADE
);
CREATE INDEX policy_scope_policy ON policy_scope (policy_id);
CREATE INDEX policy_scope_application ON policy_scope (application_id);
CREATE INDEX policy_scope_user ON policy_scope (user_id);
CREATE INDEX policy_scope_group ON policy_scope (group_id);

ALTER TABLE applications ADD COLUMN requestable BIGINT NOT NULL DEFAULT 0;

CREATE TABLE application_owners (
	application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
	user_id        TEXT REFERENCES users (id) ON DELETE CASCADE,
	group_id       TEXT REFERENCES user_groups (id) ON DELETE CASCADE
);
CREATE INDEX application_owners_application ON application_owners (application_id);
CREATE INDEX application_owners_user ON application_owners (user_id);
CREATE INDEX application_owners_group ON application_owners (group_id);

CREATE TABLE access_requests (
	id             TEXT PRIMARY KEY,
	version        BIGINT NOT NULL,
	created        BIGINT NOT NULL,
	updated        BIGINT NOT NULL,
	application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
	user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	reason         TEXT NOT NULL,
	period         BIGINT NOT NULL,         -- microseconds
	state          TEXT NOT NULL,
	decided        BIGINT NOT NULL,
	decided_by     TEXT NOT NULL,
	decided_name   TEXT NOT NULL,           -- its name at that time
	answer         TEXT NOT NULL,
	expires        BIGINT NOT NULL,         -- of what was granted
	assignment_id  TEXT NOT NULL
);
CREATE INDEX access_requests_page ON access_requests (created, id);
CREATE INDEX access_requests_user ON access_requests (user_id, created, id);
CREATE INDEX access_requests_application ON access_requests (application_id, state);

-- +goose Down
SELECT 1;
