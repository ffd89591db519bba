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
		return ch.changedMembers(membership{after: g})
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
		return ch.changedMembers(membership{before: old, after: out})
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
		if err := ch.unmapped(id); err != nil {
			return err
		}
		within, err := ch.tx.UsersWithin(ctx, []access.ID{id})
		if err != nil {
			return err
		}
		if err := ch.tx.DeleteGroup(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteGroup, object{old.Meta, old.Name}, old, nil)
		return ch.endUsers(within)
	})
}

func (ch *change) checkGroup(g *access.Group) error {
	g.Members = slices.Sorted(slices.Values(g.Members))
	if err := g.Validate(); err != nil {
		return err
	}
	g.Groups = slices.Sorted(slices.Values(g.Groups))
	if err := ch.checkNesting(g); err != nil {
		return err
	}
	for _, member := range g.Members {
		if _, err := ch.tx.User(ch.ctx, member); err != nil {
			return orElse(err, fault.KindNotFound, fault.Invalid("members", "must be users that exist; %q does not", member))
		}
	}
	return nil
}

// membership is who was in a group and who is; either may be empty.
type membership struct{ before, after access.Group }

// differing lists the ids that are in only one of two lists.
func differing(a, b []access.ID) []access.ID {
	in := map[access.ID]int{}
	for _, id := range a {
		in[id] |= 1
	}
	for _, id := range b {
		in[id] |= 2
	}
	return slices.DeleteFunc(slices.Concat(a, b), func(id access.ID) bool { return in[id] == 3 })
}

// changedMembers tells that users who came or went, alone or within a group, are to be looked at
// again.
func (ch *change) changedMembers(m membership) error {
	within, err := ch.tx.UsersWithin(ch.ctx, differing(m.before.Groups, m.after.Groups))
	if err != nil {
		return err
	}
	return ch.endUsers(append(within, differing(m.before.Members, m.after.Members)...))
}

// maxEndings is how many users are told of one by one. Of more, it is told that they are many: to
// look at everybody again costs less than to look through so long a list.
const maxEndings = 1000

// endUsers tells that users are to be looked at again.
func (ch *change) endUsers(ids []access.ID) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) > maxEndings {
		return ch.end(access.EndingUsers, "")
	}
	list := make([]access.Ending, len(ids))
	for i, id := range ids {
		list[i] = access.Ending{Kind: access.EndingUser, ID: string(id), Time: ch.now}
	}
	return ch.tx.AppendEndings(ch.ctx, list)
}
