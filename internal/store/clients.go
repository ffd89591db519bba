package store

import (
	"context"
	"time"

	"postern/internal/access"
)

var clients = table[access.Clients]{
	name:    "clients",
	what:    "clients",
	columns: []string{"off", "off_reason", "locked"},
	meta:    func(c *access.Clients) *access.Meta { return &c.Meta },
	values:  func(c *access.Clients) []any { return []any{flag(c.Off), c.OffReason, jsonList(c.Locked)} },
	into: func(c *access.Clients) ([]any, func() error) {
		var locked string
		return []any{&c.Off, &c.OffReason, &locked}, func() error { return readList(locked, &c.Locked) }
	},
}

// Clients gives what holds for all clients; there is always one.
func (t *Tx) Clients(ctx context.Context) (access.Clients, error) {
	return clients.one(ctx, t, "id", string(access.ClientsID))
}

// UpdateClients stores what holds for all clients, if it is still at the version it was read at.
func (t *Tx) UpdateClients(ctx context.Context, c *access.Clients) error {
	return clients.update(ctx, t, c)
}

// CountDevicesSeen counts the devices that were seen since a time and are not revoked.
func (t *Tx) CountDevicesSeen(ctx context.Context, since time.Time) (count int, err error) {
	err = t.row(ctx, "", "SELECT COUNT(*) FROM devices WHERE last_seen >= $1 AND revoked = 0", []any{micros(since)}, &count)
	return count, err
}
