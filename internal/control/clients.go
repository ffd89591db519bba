package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

// connectedFor is how long a device counts as connected after it was seen: gateways look its session up every minute, and that is
// written a quarter of a minute later.
const connectedFor = 2 * time.Minute

// ClientsHeld is what holds for all clients, and for how many it holds just now.
type ClientsHeld struct {
	access.Clients
	Connected int // devices that were seen lately
}

// Clients gives what holds for all clients.
func (c *Control) Clients(ctx context.Context, by access.Actor) (held ClientsHeld, err error) {
	err = c.read(ctx, request{by: by, perm: readClients}, func(tx *store.Tx) error {
		if held.Clients, err = tx.Clients(ctx); err != nil {
			return err
		}
		held.Connected, err = tx.CountDevicesSeen(ctx, c.now().Add(-connectedFor))
		return err
	})
	return held, err
}

// UpdateClients changes what holds for all clients; want.Version is the version that the caller saw.
func (c *Control) UpdateClients(ctx context.Context, by access.Actor, want access.Clients) (held ClientsHeld, err error) {
	err = c.act(ctx, request{by: by, perm: updateClients, object: access.ClientsID, name: clientsName}, func(ch *change) error {
		old, err := ch.tx.Clients(ctx)
		if err != nil {
			return err
		}
		held.Clients = want
		if err = ch.updateClients(&old, &held.Clients); err != nil {
			return err
		}
		held.Connected, err = ch.tx.CountDevicesSeen(ctx, ch.now.Add(-connectedFor))
		return err
	})
	return held, err
}

const clientsName = "clients"

func (ch *change) updateClients(old, want *access.Clients) error {
	if err := want.Validate(); err != nil {
		return err
	}
	want.ID, want.Created, want.Updated = old.ID, old.Created, ch.now
	if err := ch.tx.UpdateClients(ch.ctx, want); err != nil {
		return err
	}
	ch.audit(updateClients, object{want.Meta, clientsName}, *old, *want)
	return nil
}

// ClientsHistory gives the versions of what holds for all clients, the newest first.
func (c *Control) ClientsHistory(ctx context.Context, by access.Actor, _ access.ID) ([]Version[access.Clients], error) {
	return c.clientsVersions(ctx, request{by: by, perm: readClients, object: access.ClientsID})
}

// UndoClients has hold for all clients what an earlier version said.
func (c *Control) UndoClients(ctx context.Context, by access.Actor, u Undo) (ClientsHeld, error) {
	list, err := c.clientsVersions(ctx, request{by: by, perm: updateClients, object: access.ClientsID})
	if err != nil {
		return ClientsHeld{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return ClientsHeld{}, err
	}
	old.Meta = access.Meta{ID: access.ClientsID, Version: u.Version}
	return c.UpdateClients(ctx, by, old)
}

func (c *Control) clientsVersions(ctx context.Context, r request) (list []Version[access.Clients], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Clients(ctx)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Clients]{now, now.Meta, []permission{updateClients}})
		return err
	})
	return list, err
}
