-- +goose Up
-- Private applications: segments that devices reach, in place of an external and an internal URL.
ALTER TABLE applications ADD COLUMN kind TEXT NOT NULL DEFAULT 'web';      -- web, private or quick-access
ALTER TABLE applications ADD COLUMN segments TEXT NOT NULL DEFAULT '[]';   -- JSON: destination, ports, protocol of each
ALTER TABLE applications ADD COLUMN direct BIGINT NOT NULL DEFAULT 0;      -- devices dial it themselves while no gateway is reached

-- +goose Down
SELECT 1;
