-- +goose Up
-- Until when a connector waits for an administrator's approval; 0: it does not. The program of the version before knows nothing of it and would let such a connector
-- work, so tokens that hold are made when every service is of this version.
ALTER TABLE connectors ADD COLUMN waiting BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN hold BIGINT NOT NULL DEFAULT 0;

-- +goose Down
SELECT 1;
