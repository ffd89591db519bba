package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// What was deleted comes back from the audit log, under the same id: what refers to it from outside, such
// as a file of the configuration or a script, is right again. What went with it, such as the assignments
// of an application, has an id and an entry of its own, or is gone. Secrets were never in the log.

// gone is what the audit log knows of a deleted object.
type gone struct {
	what   string
	delete permission
	exists func(context.Context, *store.Tx, access.ID) error
}

// deleted gives the object as it was when it was deleted.
func deleted[T any](ch *change, id access.ID, g gone) (object T, err error) {
	err = g.exists(ch.ctx, ch.tx, id)
	if err == nil {
		return object, fault.Conflict("this %s is not deleted", g.what)
	}
	if !fault.Is(err, fault.KindNotFound) {
		return object, err
	}
	for after := ""; ; {
		entries, next, err := ch.tx.Audits(ch.ctx, store.AuditFilter{Object: id, Action: string(g.delete), Page: access.Page{After: after}})
		if err != nil {
			return object, err
		}
		for _, e := range entries {
			if e.Outcome != "done" {
				continue
			}
			if e.Detail == "" {
				return object, fault.New(fault.KindGone, "what this %s was has been erased from the audit log", g.what)
			}
			state := map[string]any{}
			if err := takeBack(state, e.Detail); err != nil {
				return object, err
			}
			return remade[T](state)
		}
		if after = next; after == "" {
			return object, fault.NotFound("the audit log knows of no deleted %s with this id", g.what)
		}
	}
}

// again gives the Meta of an object that comes back.
func (ch *change) again(id access.ID) access.Meta {
	return access.Meta{ID: id, Version: 1, Created: ch.now, Updated: ch.now}
}

// RestoreApplication brings a deleted application back. Its assignments went with it.
func (c *Control) RestoreApplication(ctx context.Context, by access.Actor, id access.ID) (a access.Application, err error) {
	err = c.act(ctx, request{by: by, perm: createApplication, object: id}, func(ch *change) error {
		a, err = deleted[access.Application](ch, id, gone{"application", deleteApplication,
			func(ctx context.Context, tx *store.Tx, id access.ID) error {
				_, err := tx.Application(ctx, id)
				return err
			}})
		if err != nil {
			return err
		}
		a.Meta = ch.again(id)
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

// RestoreConnectorGroup brings a deleted connector group back, empty.
func (c *Control) RestoreConnectorGroup(ctx context.Context, by access.Actor, id access.ID) (g access.ConnectorGroup, err error) {
	err = c.act(ctx, request{by: by, perm: createConnectorGroup, object: id}, func(ch *change) error {
		g, err = deleted[access.ConnectorGroup](ch, id, gone{"connector group", deleteConnectorGroup,
			func(ctx context.Context, tx *store.Tx, id access.ID) error {
				_, err := tx.ConnectorGroup(ctx, id)
				return err
			}})
		if err != nil {
			return err
		}
		g.Meta, g.Default = ch.again(id), false
		if err := ch.checkConnectorGroup(&g); err != nil {
			g.BackupGroup = "" // it is gone, too, or has other duties now
		}
		if err := g.Validate(); err != nil {
			return err
		}
		if err := ch.tx.InsertConnectorGroup(ctx, &g); err != nil {
			return err
		}
		ch.audit(createConnectorGroup, object{g.Meta, g.Name}, nil, g)
		return nil
	})
	return g, err
}

// RestoreUser brings a deleted user back, without password and factors: a link lets them set a new one.
func (c *Control) RestoreUser(ctx context.Context, by access.Actor, id access.ID) (u access.User, err error) {
	err = c.act(ctx, request{by: by, perm: createUser, object: id}, func(ch *change) error {
		u, err = deleted[access.User](ch, id, gone{"user", deleteUser,
			func(ctx context.Context, tx *store.Tx, id access.ID) error { _, err := tx.User(ctx, id); return err }})
		if err != nil {
			return err
		}
		u.Groups, u.Factors, u.PasswordSet = nil, nil, time.Time{}
		if err := gives(ch.by, &u); err != nil {
			return err
		}
		u.Meta = ch.again(id)
		if err := u.Validate(); err != nil {
			return err
		}
		if err := ch.linkTo(&u); err != nil {
			return err
		}
		if err := ch.tx.InsertUser(ctx, &u); err != nil {
			return err
		}
		ch.audit(createUser, object{u.Meta, u.Name}, nil, u)
		return nil
	})
	return u, err
}

// RestoreGroup brings a deleted group back, with those of its members that there still are.
func (c *Control) RestoreGroup(ctx context.Context, by access.Actor, id access.ID) (g access.Group, err error) {
	err = c.act(ctx, request{by: by, perm: createGroup, object: id}, func(ch *change) error {
		g, err = deleted[access.Group](ch, id, gone{"group", deleteGroup,
			func(ctx context.Context, tx *store.Tx, id access.ID) error { _, err := tx.Group(ctx, id); return err }})
		if err != nil {
			return err
		}
		g.Meta = ch.again(id)
		if g.Members, err = still(g.Members, func(id access.ID) error { _, err := ch.tx.User(ctx, id); return err }); err != nil {
			return err
		}
		if g.Groups, err = still(g.Groups, func(id access.ID) error { _, err := ch.tx.Group(ctx, id); return err }); err != nil {
			return err
		}
		if err := ch.checkGroup(&g); err != nil {
			return err
		}
		if err := ch.tx.InsertGroup(ctx, &g); err != nil {
			return err
		}
		ch.audit(createGroup, object{g.Meta, g.Name}, nil, g)
		return ch.changedMembers(membership{after: g})
	})
	return g, err
}

// still gives those ids whose objects there are.
func still(ids []access.ID, look func(access.ID) error) ([]access.ID, error) {
	var failed error
	left := slices.DeleteFunc(ids, func(id access.ID) bool {
		err := look(id)
		if err != nil && !fault.Is(err, fault.KindNotFound) {
			failed = err
		}
		return err != nil
	})
	return left, failed
}

// RestoreAssignment brings a deleted assignment back.
func (c *Control) RestoreAssignment(ctx context.Context, by access.Actor, id access.ID) (a access.Assignment, err error) {
	err = c.act(ctx, request{by: by, perm: createAssignment, object: id}, func(ch *change) error {
		a, err = deleted[access.Assignment](ch, id, gone{"assignment", deleteAssignment,
			func(ctx context.Context, tx *store.Tx, id access.ID) error {
				_, err := tx.Assignment(ctx, id)
				return err
			}})
		if err != nil {
			return err
		}
		if a.Over(ch.now) {
			return fault.Conflict("this assignment has ended at %s; make a new one", a.Expires.Format(time.RFC3339))
		}
		a.Meta = ch.again(id)
		name, err := ch.checkAssignment(&a)
		if err != nil {
			return fmt.Errorf("what it connected is gone, too: %w", err)
		}
		if err := ch.tx.InsertAssignment(ctx, &a); err != nil {
			return err
		}
		ch.audit(createAssignment, object{a.Meta, name}, nil, a)
		return nil
	})
	return a, err
}

// RestorePolicy brings a deleted policy back, for those of the users, groups and applications that it named that there still are.
func (c *Control) RestorePolicy(ctx context.Context, by access.Actor, id access.ID) (p access.Policy, err error) {
	err = c.act(ctx, request{by: by, perm: createPolicy, object: id}, func(ch *change) error {
		p, err = deleted[access.Policy](ch, id, gone{"policy", deletePolicy,
			func(ctx context.Context, tx *store.Tx, id access.ID) error { _, err := tx.Policy(ctx, id); return err }})
		if err != nil {
			return err
		}
		p.Meta = ch.again(id)
		looks := map[string]func(access.ID) error{
			access.PrefixApplication: func(id access.ID) error { _, err := ch.tx.Application(ch.ctx, id); return err },
			access.PrefixUser:        func(id access.ID) error { _, err := ch.tx.User(ch.ctx, id); return err },
			access.PrefixGroup:       func(id access.ID) error { _, err := ch.tx.Group(ch.ctx, id); return err },
		}
		for _, s := range scopes(&p) {
			if *s.ids, err = still(*s.ids, looks[s.prefix]); err != nil {
				return err
			}
		}
		if err := ch.checkPolicy(&p); err != nil {
			return fmt.Errorf("what it named is gone, too: %w", err)
		}
		if err := ch.tx.InsertPolicy(ctx, &p); err != nil {
			return err
		}
		ch.audit(createPolicy, object{p.Meta, p.Name}, nil, p)
		return nil
	})
	return p, err
}

// RestoreUpstream brings a deleted upstream back, without its secret, and leading to those of our groups that there still are.
// It is not the default any more.
func (c *Control) RestoreUpstream(ctx context.Context, by access.Actor, id access.ID) (u access.Upstream, err error) {
	err = c.act(ctx, request{by: by, perm: createUpstream, object: id}, func(ch *change) error {
		u, err = deleted[access.Upstream](ch, id, gone{"upstream", deleteUpstream,
			func(ctx context.Context, tx *store.Tx, id access.ID) error {
				_, err := tx.Upstream(ctx, id)
				return err
			}})
		if err != nil {
			return err
		}
		u.Meta, u.Default, u.HasSecret = ch.again(id), false, false
		groups, err := ch.tx.GroupNames(ctx)
		if err != nil {
			return err
		}
		u.Mapping.Groups = slices.DeleteFunc(u.Mapping.Groups, func(m access.GroupMapping) bool { _, there := groups[m.To]; return !there })
		if err := ch.checkUpstream(&u); err != nil {
			return err
		}
		if err := ch.tx.InsertUpstream(ctx, &u); err != nil {
			return err
		}
		ch.audit(createUpstream, object{u.Meta, u.Name}, nil, u)
		return nil
	})
	return u, err
}
