-- +goose Up
-- Private applications whose servers are told the device's address.
ALTER TABLE applications ADD COLUMN proxy_protocol TEXT NOT NULL DEFAULT '';   -- '' or v2

-- +goose Down
SELECT 1;
