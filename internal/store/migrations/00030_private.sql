-- +goose Up
-- Private applications: segments that devices reach, in place of an external and an internal URL.
ALTER TABLE applications ADD COLUMN kind TEXT NOT NULL DEFAULT 'web';      -- web, private or quick-access
ALTER TABLE applications ADD COLUMN segments TEXT NOT NULL DEFAULT '[]';   -- JSON: destination, ports, protocol of each

-- +goose Down
SELECT 1;
