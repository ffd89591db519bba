-- +goose Up
-- Until when a connector keeps a log of every transaction, and says all that it can say; 0: it does not. The program of the version
-- before knows neither: its connectors keep both off.
ALTER TABLE connectors ADD COLUMN session_log_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connectors ADD COLUMN debug_log_until BIGINT NOT NULL DEFAULT 0;

-- +goose Down
SELECT 1;
