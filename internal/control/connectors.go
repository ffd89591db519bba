package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Connectors lists connectors, without the archived ones unless they are asked for, and gives the cursor of the next page,
// empty at the end.
func (c *Control) Connectors(ctx context.Context, by access.Actor, page access.Page) (list []access.Connector, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readConnector}, func(tx *store.Tx) error {
		page = shelved(page)
		label, given := page.Only["status"]
		if !given {
			list, next, err = tx.Connectors(ctx, page)
			return err
		}
		if err := labelled(label); err != nil {
			return err
		}
		list, next, err = c.withStatus(ctx, tx, page)
		return err
	})
	return list, next, err
}

// Connector gives one connector.
func (c *Control) Connector(ctx context.Context, by access.Actor, id access.ID) (k access.Connector, err error) {
	err = c.read(ctx, request{by: by, perm: readConnector, object: id}, func(tx *store.Tx) error {
		k, err = tx.Connector(ctx, id)
		return err
	})
	return k, err
}

// UpdateConnector changes a connector's name, group, place in it, and whether it drains or is disabled; k.Version is the
// version that the caller saw. The rest of k is ignored. Draining lets run what runs; disabling cuts its tunnels.
func (c *Control) UpdateConnector(ctx context.Context, by access.Actor, k access.Connector) (access.Connector, error) {
	var updated access.Connector
	err := c.act(ctx, request{by: by, perm: updateConnector, object: k.ID, name: k.Name}, func(ch *change) error {
		old, err := ch.tx.Connector(ctx, k.ID)
		if err != nil {
			return err
		}
		updated = old
		updated.Version, updated.Updated = k.Version, ch.now
		updated.Name, updated.GroupID, updated.Priority = k.Name, k.GroupID, k.Priority
		updated.Draining, updated.Disabled = k.Draining, k.Disabled
		updated.SessionLogUntil, updated.DebugLogUntil, updated.BenchUntil = k.SessionLogUntil, k.DebugLogUntil, k.BenchUntil
		if err := updated.Validate(); err != nil {
			return err
		}
		if err := updated.ValidateLogs(&old, ch.now); err != nil {
			return err
		}
		if _, err := ch.tx.ConnectorGroup(ctx, updated.GroupID); err != nil {
			return orElse(err, fault.KindNotFound, fault.Invalid("connectorGroup", "must be the id of a connector group that exists"))
		}
		if err := ch.tx.UpdateConnector(ctx, &updated); err != nil {
			return err
		}
		ch.audit(updateConnector, object{updated.Meta, updated.Name}, old, updated)
		if updated.Disabled && !old.Disabled {
			return ch.end(access.EndingConnector, string(k.ID))
		}
		return nil
	})
	return updated, err
}

// DeleteConnector deletes a connector for good, revokes its certificates and cuts its tunnels.
func (c *Control) DeleteConnector(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteConnector, object: id}, func(ch *change) error {
		return ch.deleteConnector(deleteConnector, id, version)
	})
}

func (ch *change) deleteConnector(perm permission, id access.ID, version int64) error {
	old, err := ch.tx.Connector(ch.ctx, id)
	if err != nil {
		return err
	}
	if err := ch.tx.DeleteConnector(ch.ctx, id, version); err != nil {
		return err
	}
	if err := ch.revokeConnector(id, "deleted"); err != nil {
		return err
	}
	ch.audit(perm, object{old.Meta, old.Name}, old, nil)
	return ch.end(access.EndingConnector, string(id))
}

// revokeConnector revokes all certificates of a connector, which cuts its tunnels.
func (ch *change) revokeConnector(id access.ID, reason string) error {
	serials, err := ch.tx.RevokeSubject(ch.ctx, ch.c.identityOf(id).String(), ch.now, reason)
	if err != nil {
		return err
	}
	for _, serial := range serials {
		if err := ch.end(access.EndingCertificate, serial); err != nil {
			return err
		}
	}
	return nil
}

// ConnectorHistory gives the versions of a connector, the newest first. Renewals of its certificate are versions, too.
func (c *Control) ConnectorHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Connector], error) {
	return c.connectorVersions(ctx, request{by: by, perm: readConnector, object: id})
}

// UndoConnector gives a connector the name, the group and the state of an earlier version: unless that is named, the last
// that was another in any of them.
func (c *Control) UndoConnector(ctx context.Context, by access.Actor, u Undo) (access.Connector, error) {
	list, err := c.connectorVersions(ctx, request{by: by, perm: updateConnector, object: u.ID})
	if err != nil {
		return access.Connector{}, err
	}
	if u.To == 0 {
		for _, v := range list {
			if !sameOrders(&v.Object, &list[0].Object) {
				u.To = v.Number
				break
			}
		}
		if u.To == 0 && len(list) > 0 && u.Version == list[0].Number {
			return access.Connector{}, fault.Conflict("nothing of this connector was changed; there is nothing to undo")
		}
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Connector{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateConnector(ctx, by, old)
}

// sameOrders compares what administrators say of a connector.
func sameOrders(a, b *access.Connector) bool {
	return a.Name == b.Name && a.GroupID == b.GroupID && a.Priority == b.Priority && a.Draining == b.Draining && a.Disabled == b.Disabled &&
		a.SessionLogUntil.Equal(b.SessionLogUntil) && a.DebugLogUntil.Equal(b.DebugLogUntil) && a.BenchUntil.Equal(b.BenchUntil)
}

func (c *Control) connectorVersions(ctx context.Context, r request) (list []Version[access.Connector], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Connector(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Connector]{now, now.Meta, []permission{enrolConnector, updateConnector, renewConnector, archiveConnector, returnConnector, approveConnector}})
		return err
	})
	return list, err
}
