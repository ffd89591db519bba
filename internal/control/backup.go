package control

import (
	"context"
	"io"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Backup writes everything that the database holds to w, as it is at one moment. The master key is not in it, so its secrets are worth
// nothing to who has no other copy of that. One is taken at a time; it stands in the audit log before anything is read.
func (c *Control) Backup(ctx context.Context, by access.Actor, w io.Writer) (store.Summary, error) {
	r := request{by: by, perm: takeBackup, name: "backup"}
	if err := allow(by, takeBackup); err != nil {
		c.refused(ctx, r, err)
		return store.Summary{}, err
	}
	if !c.backingUp.TryLock() {
		return store.Summary{}, fault.Conflict("another backup is being taken at the moment; wait until it is done")
	}
	defer c.backingUp.Unlock()
	err := c.act(ctx, r, func(ch *change) error {
		ch.audit(takeBackup, object{name: "backup"}, nil, struct{ From string }{string(c.cfg.Gateway.ID)})
		return nil
	})
	if err != nil {
		return store.Summary{}, err
	}
	return c.store.Backup(ctx, w)
}
