-- +goose Up
-- The program of the version before runs on. It asks nobody to prove anything anew: its sessions end by their own time.
ALTER TABLE upstream_sessions ADD COLUMN reprove BIGINT NOT NULL DEFAULT 0;   -- from when the browser is sent to its upstream once more; 0: that is asked without it
ALTER TABLE upstream_sessions ADD COLUMN ends BIGINT NOT NULL DEFAULT 0;      -- from when the session is worth nothing until it was proven once more; 0: never
ALTER TABLE upstream_sessions ADD COLUMN doubt BIGINT NOT NULL DEFAULT 0;     -- since when what it is asked with may be used up, its answer lost; 0: it is not
ALTER TABLE upstream_arrivals ADD COLUMN until BIGINT NOT NULL DEFAULT 0;     -- when the session at the upstream is over; 0: it does not say

-- +goose Down
SELECT 1;
