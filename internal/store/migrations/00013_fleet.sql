-- +goose Up
-- Groups of connectors that stand in for each other, connectors that are taken out of service, and which one carries what.
-- The program of the version before knows none of it: it goes on with the connectors of an application's own group.
ALTER TABLE connector_groups ADD COLUMN region TEXT NOT NULL DEFAULT '';
ALTER TABLE connector_groups ADD COLUMN backup_group TEXT NOT NULL DEFAULT '';          -- an id; of one that is gone: none
ALTER TABLE applications ADD COLUMN balancing TEXT NOT NULL DEFAULT 'least-loaded';
ALTER TABLE connectors ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;                   -- the lowest comes first
ALTER TABLE connectors ADD COLUMN draining BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connectors ADD COLUMN archived BIGINT NOT NULL DEFAULT 0;                   -- when; 0: it is not
ALTER TABLE connectors ADD COLUMN absent BIGINT NOT NULL DEFAULT 0;                     -- microseconds for which a running service missed it

-- +goose Down
SELECT 1;
