-- +goose Up
-- What Quick Access carried, by destination, user, device and day.
CREATE TABLE discovered (
	destination TEXT NOT NULL,              -- host:port/protocol
	user_id     TEXT NOT NULL,
	device_id   TEXT NOT NULL,
	day         BIGINT NOT NULL,            -- when it began
	flows       BIGINT NOT NULL,
	received    BIGINT NOT NULL,
	sent        BIGINT NOT NULL,
	first_used  BIGINT NOT NULL,
	last_used   BIGINT NOT NULL,
	PRIMARY KEY (destination, user_id, device_id, day)
);
CREATE INDEX discovered_day ON discovered (day);

-- +goose Down
SELECT 1;
