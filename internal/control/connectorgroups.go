package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// ConnectorGroups lists connector groups and gives the cursor of the next page, empty at the end.
func (c *Control) ConnectorGroups(ctx context.Context, by access.Actor, page access.Page) (list []access.ConnectorGroup, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readConnectorGroup}, func(tx *store.Tx) error {
		list, next, err = tx.ConnectorGroups(ctx, page)
		return err
	})
	return list, next, err
}

// ConnectorGroup gives one connector group.
func (c *Control) ConnectorGroup(ctx context.Context, by access.Actor, id access.ID) (g access.ConnectorGroup, err error) {
	err = c.read(ctx, request{by: by, perm: readConnectorGroup, object: id}, func(tx *store.Tx) error {
		g, err = tx.ConnectorGroup(ctx, id)
		return err
	})
	return g, err
}

// CreateConnectorGroup adds a connector group. If it is to be the default, the one before is not
// any more.
func (c *Control) CreateConnectorGroup(ctx context.Context, by access.Actor, g access.ConnectorGroup) (access.ConnectorGroup, error) {
	err := c.act(ctx, request{by: by, perm: createConnectorGroup, name: g.Name}, func(ch *change) error {
		g.Meta = ch.fresh(access.PrefixConnectorGroup)
		if err := g.Validate(); err != nil {
			return err
		}
		if g.Default {
			if err := ch.dethrone(); err != nil {
				return err
			}
		}
		if err := ch.tx.InsertConnectorGroup(ctx, &g); err != nil {
			return err
		}
		ch.audit(createConnectorGroup, object{g.Meta, g.Name}, nil, g)
		return nil
	})
	return g, err
}

// dethrone makes the default group an ordinary one, for another to take its place in the same act.
func (ch *change) dethrone() error {
	old, err := ch.tx.DefaultConnectorGroup(ch.ctx)
	if err != nil {
		return orElse(err, fault.KindNotFound, nil)
	}
	was := old
	old.Default, old.Updated = false, ch.now
	if err := ch.tx.UpdateConnectorGroup(ch.ctx, &old); err != nil {
		return err
	}
	ch.audit(updateConnectorGroup, object{old.Meta, old.Name}, was, old)
	return nil
}

// UpdateConnectorGroup changes a connector group; g.Version is the version that the caller saw.
// Another group becomes the default by being made it; the default cannot just stop being it.
func (c *Control) UpdateConnectorGroup(ctx context.Context, by access.Actor, g access.ConnectorGroup) (access.ConnectorGroup, error) {
	var out access.ConnectorGroup
	err := c.act(ctx, request{by: by, perm: updateConnectorGroup, object: g.ID, name: g.Name}, func(ch *change) error {
		old, err := ch.tx.ConnectorGroup(ctx, g.ID)
		if err != nil {
			return err
		}
		out = g
		out.Created, out.Updated = old.Created, ch.now
		if err := g.Validate(); err != nil {
			return err
		}
		switch {
		case old.Default && !g.Default:
			return fault.Invalid("default", "cannot be taken from the default group; make another group the default instead")
		case !old.Default && g.Default:
			if err := ch.dethrone(); err != nil {
				return err
			}
		}
		if err := ch.tx.UpdateConnectorGroup(ctx, &out); err != nil {
			return err
		}
		ch.audit(updateConnectorGroup, object{out.Meta, out.Name}, old, out)
		return nil
	})
	return out, err
}

// DeleteConnectorGroup deletes an empty connector group that is not the default.
func (c *Control) DeleteConnectorGroup(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteConnectorGroup, object: id}, func(ch *change) error {
		old, err := ch.tx.ConnectorGroup(ctx, id)
		if err != nil {
			return err
		}
		if old.Default {
			return fault.Conflict("the default connector group cannot be deleted; make another group the default first")
		}
		if err := ch.checkUnusedGroup(id); err != nil {
			return err
		}
		if err := ch.tx.DeleteConnectorGroup(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteConnectorGroup, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}

func (ch *change) checkUnusedGroup(id access.ID) error {
	connectors, err := ch.tx.AllConnectors(ch.ctx)
	if err != nil {
		return err
	}
	for _, k := range connectors {
		if k.GroupID == id {
			return fault.Conflict("the group still has the connector %q; move or delete it first", k.Name)
		}
	}
	applications, err := ch.tx.AllApplications(ch.ctx)
	if err != nil {
		return err
	}
	for _, a := range applications {
		if a.GroupID == id {
			return fault.Conflict("the application %q is still served by this group; give it another group first", a.Name)
		}
	}
	return nil
}
