package control

import (
	"context"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Applications lists applications and gives the cursor of the next page, empty at the end.
func (c *Control) Applications(ctx context.Context, by access.Actor, page access.Page) (list []access.Application, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readApplication}, func(tx *store.Tx) error {
		list, next, err = tx.Applications(ctx, page)
		return err
	})
	return list, next, err
}

// Application gives one application.
func (c *Control) Application(ctx context.Context, by access.Actor, id access.ID) (a access.Application, err error) {
	err = c.read(ctx, request{by: by, perm: readApplication, object: id}, func(tx *store.Tx) error {
		a, err = tx.Application(ctx, id)
		return err
	})
	return a, err
}

// CreateApplication publishes an application.
func (c *Control) CreateApplication(ctx context.Context, by access.Actor, a access.Application) (access.Application, error) {
	err := c.act(ctx, request{by: by, perm: createApplication, name: a.Name}, func(ch *change) error {
		a.Meta = ch.fresh(access.PrefixApplication)
		a.Defaults()
		if err := ch.checkApplication(&a); err != nil {
			return err
		}
		if err := ch.tx.InsertApplication(ctx, &a); err != nil {
			return err
		}
		ch.audit(createApplication, object{a.Meta, a.Name}, nil, a)
		return nil
	})
	return a, err
}

// UpdateApplication changes an application; a.Version is the version that the caller saw.
func (c *Control) UpdateApplication(ctx context.Context, by access.Actor, a access.Application) (access.Application, error) {
	var out access.Application
	err := c.act(ctx, request{by: by, perm: updateApplication, object: a.ID, name: a.Name}, func(ch *change) error {
		old, err := ch.tx.Application(ctx, a.ID)
		if err != nil {
			return err
		}
		out = a
		out.Created, out.Updated = old.Created, ch.now
		out.Defaults()
		if err := ch.checkApplication(&out); err != nil {
			return err
		}
		if err := ch.tx.UpdateApplication(ctx, &out); err != nil {
			return err
		}
		ch.audit(updateApplication, object{out.Meta, out.Name}, old, out)
		return nil
	})
	return out, err
}

// DeleteApplication deletes an application and its assignments; version 0 means whichever.
func (c *Control) DeleteApplication(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteApplication, object: id}, func(ch *change) error {
		old, err := ch.tx.Application(ctx, id)
		if err != nil {
			return err
		}
		if err := ch.tx.DeleteApplication(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteApplication, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}

// checkApplication checks what the application's own rules cannot: that its group exists, that its
// external URL is free, and that nothing of the service itself lives there.
func (ch *change) checkApplication(a *access.Application) error {
	if err := a.Validate(); err != nil {
		return err
	}
	var p fault.Problems
	if _, err := ch.tx.ConnectorGroup(ch.ctx, a.GroupID); fault.Is(err, fault.KindNotFound) {
		p.Add("connectorGroup", "must be the id of a connector group that exists")
	} else if err != nil {
		return err
	}
	if a.Private() {
		if err := p.Err(); err != nil || a.Kind != access.KindQuickAccess {
			return err
		}
		return ch.checkOneQuickAccess(a)
	}
	p.Check("externalUrl", ch.c.checkOwnHosts(a.External()))
	if err := p.Err(); err != nil {
		return err
	}
	return ch.checkFreeURL(a, a.External())
}

// checkOneQuickAccess refuses a second application that comes after all others.
func (ch *change) checkOneQuickAccess(a *access.Application) error {
	all, err := ch.tx.AllApplications(ch.ctx)
	if err != nil {
		return err
	}
	for i := range all {
		if other := &all[i]; other.ID != a.ID && other.Kind == access.KindQuickAccess {
			conflict := fault.Conflict("the application %q is the one Quick Access already", other.Name)
			conflict.Fields = []fault.Field{{Name: "kind", Message: "is that of another application; there is one Quick Access"}}
			return conflict
		}
	}
	return nil
}

// checkOwnHosts refuses an external URL where the service itself lives, or at a port where it is not
// reached.
func (c *Control) checkOwnHosts(external access.Endpoint) error {
	portal, _ := access.ParseEndpoint(c.cfg.Names.PortalURL) // checked by New
	admin, _ := access.ParseEndpoint(c.cfg.Names.AdminURL)
	switch {
	case external.Host == portal.Host:
		return fault.Invalid("externalUrl", "must not have the host of the portal")
	case external.Host == admin.Host:
		return fault.Invalid("externalUrl", "must not have the host of the admin center")
	case external.Port != portal.Port:
		return fault.Invalid("externalUrl", "must have port %d, where this service is reached", portal.Port)
	}
	return nil
}

// checkFreeURL refuses a second application at the same host and path. Comparing parsed URLs, not
// texts, finds those that only look different.
func (ch *change) checkFreeURL(a *access.Application, external access.Endpoint) error {
	all, err := ch.tx.AllApplications(ch.ctx)
	if err != nil {
		return err
	}
	for i := range all {
		other := all[i]
		if e := other.External(); other.ID != a.ID && !other.Private() && e.Host == external.Host && e.Path == external.Path {
			conflict := fault.Conflict("the external URL is taken by the application %q", other.Name)
			conflict.Fields = []fault.Field{{Name: "externalUrl", Message: "is taken by another application"}}
			return conflict
		}
	}
	return nil
}
