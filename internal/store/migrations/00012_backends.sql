-- +goose Up
-- Which version of HTTP is spoken to a backend. The program of the version before speaks HTTP/1.1 to all of them.
ALTER TABLE applications ADD COLUMN backend_protocol TEXT NOT NULL DEFAULT 'http1';   -- http1, http2 or auto

-- +goose Down
SELECT 1;
