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
		if err := ch.checkConnectorGroup(&g); err != nil {
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
		if err := ch.checkConnectorGroup(&out); err != nil {
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

// checkConnectorGroup checks what the group's own rules cannot: that its backup is there and has none itself, so that there
// are neither rings nor chains.
func (ch *change) checkConnectorGroup(g *access.ConnectorGroup) error {
	if err := g.Validate(); err != nil || g.BackupGroup == "" {
		return err
	}
	all, err := ch.tx.AllConnectorGroups(ch.ctx)
	if err != nil {
		return err
	}
	there := false
	for i := range all {
		other := &all[i]
		switch {
		case other.ID == g.ID:
		case other.ID == g.BackupGroup && other.BackupGroup != "":
			return fault.Invalid("backupGroup", "must be a group without a backup group of its own, which %q has", other.Name)
		case other.BackupGroup == g.ID:
			return fault.Invalid("backupGroup", "must be left out, since this group is the backup group of %q itself", other.Name)
		}
		there = there || other.ID == g.BackupGroup
	}
	if !there {
		return fault.Invalid("backupGroup", "must be the id of a connector group that exists")
	}
	return nil
}

// DeleteConnectorGroup deletes a connector group without connectors that is not the default. The default group serves its
// applications from then on.
func (c *Control) DeleteConnectorGroup(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteConnectorGroup, object: id}, func(ch *change) error {
		old, err := ch.tx.ConnectorGroup(ctx, id)
		if err != nil {
			return err
		}
		if old.Default {
			return fault.Conflict("the default connector group cannot be deleted; make another group the default first")
		}
		if err := ch.emptyGroup(&old); err != nil {
			return err
		}
		if err := ch.tx.DeleteConnectorGroup(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteConnectorGroup, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}

// emptyGroup refuses to give up a group that somebody needs, and hands its applications to the default group.
func (ch *change) emptyGroup(g *access.ConnectorGroup) error {
	connectors, err := ch.tx.AllConnectors(ch.ctx)
	if err != nil {
		return err
	}
	for i := range connectors {
		if connectors[i].GroupID == g.ID {
			archived := ""
			if !connectors[i].Archived.IsZero() {
				archived = "archived "
			}
			return fault.Conflict("the group still has the %sconnector %q; move or delete it first", archived, connectors[i].Name)
		}
	}
	all, err := ch.tx.AllConnectorGroups(ch.ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].BackupGroup == g.ID {
			return fault.Conflict("the group is the backup group of %q; give that another one first, or none", all[i].Name)
		}
	}
	standby, err := ch.tx.DefaultConnectorGroup(ch.ctx)
	if err != nil {
		return err
	}
	applications, err := ch.tx.AllApplications(ch.ctx)
	if err != nil {
		return err
	}
	for i := range applications {
		old := applications[i]
		if old.GroupID != g.ID {
			continue
		}
		moved := old
		moved.GroupID, moved.Updated = standby.ID, ch.now
		if err := ch.tx.UpdateApplication(ch.ctx, &moved); err != nil {
			return err
		}
		ch.audit(updateApplication, object{moved.Meta, moved.Name}, old, moved)
	}
	return nil
}
