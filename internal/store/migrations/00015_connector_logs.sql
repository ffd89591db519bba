-- +goose Up
-- Until when a connector keeps a log of every transaction, says all that it can say, and may measure what it can carry; 0: it does not. The program of the version
-- before knows none of it: its connectors keep all of them off.
ALTER TABLE connectors ADD COLUMN session_log_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connectors ADD COLUMN debug_log_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connectors ADD COLUMN bench_until BIGINT NOT NULL DEFAULT 0;

-- +goose Down
SELECT 1;
