-- +goose Up
-- Where gateways are: connectors of a group with a region hold their tunnels there.
ALTER TABLE gateways ADD COLUMN region TEXT NOT NULL DEFAULT '';

-- +goose Down
SELECT 1;
