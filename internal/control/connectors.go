package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Connectors lists connectors and gives the cursor of the next page, empty at the end.
func (c *Control) Connectors(ctx context.Context, by access.Actor, page access.Page) (list []access.Connector, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readConnector}, func(tx *store.Tx) error {
		list, next, err = tx.Connectors(ctx, page)
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

// UpdateConnector changes a connector's name, group or whether it is disabled; k.Version is the
// version that the caller saw. The rest of k is ignored. Disabling cuts its tunnels.
func (c *Control) UpdateConnector(ctx context.Context, by access.Actor, k access.Connector) (access.Connector, error) {
	var updated access.Connector
	err := c.act(ctx, request{by: by, perm: updateConnector, object: k.ID, name: k.Name}, func(ch *change) error {
		old, err := ch.tx.Connector(ctx, k.ID)
		if err != nil {
			return err
		}
		updated = old
		updated.Version, updated.Updated = k.Version, ch.now
		updated.Name, updated.GroupID, updated.Disabled = k.Name, k.GroupID, k.Disabled
		if err := updated.Validate(); err != nil {
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
	subject := ch.c.identityOf(id).String()
	serials, err := ch.tx.RevokeSubject(ch.ctx, subject, ch.now, "deleted")
	if err != nil {
		return err
	}
	for _, serial := range serials {
		if err := ch.end(access.EndingCertificate, serial); err != nil {
			return err
		}
	}
	ch.audit(perm, object{old.Meta, old.Name}, old, nil)
	return ch.end(access.EndingConnector, string(id))
}
