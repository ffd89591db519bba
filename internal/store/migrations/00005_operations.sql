-- +goose Up
-- What a newer program left behind for older ones: which of them the schema still suits. A
-- migration that only adds leaves it as it is; one that takes something away sets it to the first
-- schema whose program does without that.
CREATE TABLE schema_floor (
	id     TEXT PRIMARY KEY,                -- always 'schema'
	oldest BIGINT NOT NULL
);
INSERT INTO schema_floor (id, oldest) VALUES ('schema', 0);

-- +goose Down
SELECT 1;
