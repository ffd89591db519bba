package control

import (
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Groups lists groups and gives the cursor of the next page, empty at the end.
func (c *Control) Groups(ctx context.Context, by access.Actor, page access.Page) (list []access.Group, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readGroup}, func(tx *store.Tx) error {
		list, next, err = tx.Groups(ctx, page)
		return err
	})
	return list, next, err
}

// Group gives one group.
func (c *Control) Group(ctx context.Context, by access.Actor, id access.ID) (g access.Group, err error) {
	err = c.read(ctx, request{by: by, perm: readGroup, object: id}, func(tx *store.Tx) error {
		g, err = tx.Group(ctx, id)
		return err
	})
	return g, err
}

// CreateGroup adds a group.
func (c *Control) CreateGroup(ctx context.Context, by access.Actor, g access.Group) (access.Group, error) {
	err := c.act(ctx, request{by: by, perm: createGroup, name: g.Name}, func(ch *change) error {
		g.Meta = ch.fresh(access.PrefixGroup)
		if err := ch.checkGroup(&g); err != nil {
			return err
		}
		if err := ch.tx.InsertGroup(ctx, &g); err != nil {
			return err
		}
		ch.audit(createGroup, object{g.Meta, g.Name}, nil, g)
		return ch.changedMembers(nil, g.Members)
	})
	return g, err
}

// UpdateGroup changes a group; g.Version is the version that the caller saw.
func (c *Control) UpdateGroup(ctx context.Context, by access.Actor, g access.Group) (access.Group, error) {
	var out access.Group
	err := c.act(ctx, request{by: by, perm: updateGroup, object: g.ID, name: g.Name}, func(ch *change) error {
		old, err := ch.tx.Group(ctx, g.ID)
		if err != nil {
			return err
		}
		out = g
		out.Created, out.Updated = old.Created, ch.now
		if err := ch.checkGroup(&out); err != nil {
			return err
		}
		if err := ch.tx.UpdateGroup(ctx, &out); err != nil {
			return err
		}
		ch.audit(updateGroup, object{out.Meta, out.Name}, old, out)
		return ch.changedMembers(old.Members, out.Members)
	})
	return out, err
}

// DeleteGroup deletes a group and its assignments.
func (c *Control) DeleteGroup(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteGroup, object: id}, func(ch *change) error {
		old, err := ch.tx.Group(ctx, id)
		if err != nil {
			return err
		}
		if err := ch.tx.DeleteGroup(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteGroup, object{old.Meta, old.Name}, old, nil)
		return ch.changedMembers(old.Members, nil)
	})
}

func (ch *change) checkGroup(g *access.Group) error {
	g.Members = slices.Sorted(slices.Values(g.Members))
	if err := g.Validate(); err != nil {
		return err
	}
	for _, member := range g.Members {
		if _, err := ch.tx.User(ch.ctx, member); err != nil {
			return orElse(err, fault.KindNotFound, fault.Invalid("members", "must be users that exist; %q does not", member))
		}
	}
	return nil
}

// changedMembers tells that users who came or went are to be looked at again.
func (ch *change) changedMembers(old, new []access.ID) error {
	for _, user := range old {
		if !slices.Contains(new, user) {
			if err := ch.end(access.EndingUser, string(user)); err != nil {
				return err
			}
		}
	}
	for _, user := range new {
		if !slices.Contains(old, user) {
			if err := ch.end(access.EndingUser, string(user)); err != nil {
				return err
			}
		}
	}
	return nil
}
