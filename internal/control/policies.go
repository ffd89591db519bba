package control

import (
	"cmp"
	"context"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Policies lists policies and gives the cursor of the next page, empty at the end.
func (c *Control) Policies(ctx context.Context, by access.Actor, page access.Page) (list []access.Policy, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readPolicy}, func(tx *store.Tx) error {
		list, next, err = tx.Policies(ctx, page)
		return err
	})
	return list, next, err
}

// Policy gives one policy.
func (c *Control) Policy(ctx context.Context, by access.Actor, id access.ID) (p access.Policy, err error) {
	err = c.read(ctx, request{by: by, perm: readPolicy, object: id}, func(tx *store.Tx) error {
		p, err = tx.Policy(ctx, id)
		return err
	})
	return p, err
}

// CreatePolicy adds a policy. In force, it holds for what is open, too.
func (c *Control) CreatePolicy(ctx context.Context, by access.Actor, p access.Policy) (access.Policy, error) {
	err := c.act(ctx, request{by: by, perm: createPolicy, name: p.Name}, func(ch *change) error {
		p.Meta = ch.fresh(access.PrefixPolicy)
		if err := ch.checkPolicy(&p); err != nil {
			return err
		}
		if err := ch.tx.InsertPolicy(ctx, &p); err != nil {
			return err
		}
		ch.audit(createPolicy, object{p.Meta, p.Name}, nil, p)
		return nil
	})
	return p, err
}

// UpdatePolicy changes a policy; p.Version is the version that the caller saw.
func (c *Control) UpdatePolicy(ctx context.Context, by access.Actor, p access.Policy) (access.Policy, error) {
	var out access.Policy
	err := c.act(ctx, request{by: by, perm: updatePolicy, object: p.ID, name: p.Name}, func(ch *change) error {
		old, err := ch.tx.Policy(ctx, p.ID)
		if err != nil {
			return err
		}
		out = p
		out.Created, out.Updated = old.Created, ch.now
		out.Conditions.Unknown = old.Conditions.Unknown // cannot be written without losing what is not known
		if err := ch.checkPolicy(&out); err != nil {
			return err
		}
		if err := ch.tx.UpdatePolicy(ctx, &out); err != nil {
			return err
		}
		ch.audit(updatePolicy, object{out.Meta, out.Name}, old, out)
		return nil
	})
	return out, err
}

// DeletePolicy deletes a policy.
func (c *Control) DeletePolicy(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deletePolicy, object: id}, func(ch *change) error {
		old, err := ch.tx.Policy(ctx, id)
		if err != nil {
			return err
		}
		if err := ch.tx.DeletePolicy(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deletePolicy, object{old.Meta, old.Name}, old, nil)
		return nil
	})
}

// checkPolicy also puts what it names in order, so that the same policy is written the same.
func (ch *change) checkPolicy(p *access.Policy) error {
	p.Defaults()
	for _, list := range []*[]access.ID{&p.Applications, &p.Users, &p.Groups, &p.ExceptUsers, &p.ExceptGroups} {
		*list = slices.Sorted(slices.Values(*list))
	}
	var problems fault.Problems
	problems.Check("policy", p.Validate())
	if !p.AllApplications && len(p.Applications) == 0 {
		problems.Add("applications", "must name applications, or allApplications be true")
	}
	if !p.Everyone && len(p.Users)+len(p.Groups) == 0 {
		problems.Add("everyone", "must be true, or users or groups be named")
	}
	there := func(field, prefix string, ids []access.ID, look func(access.ID) error) error {
		for _, id := range ids[:min(len(ids), access.MaxPolicyNames)] {
			if !id.Valid(prefix) {
				continue // which Validate has told
			}
			err := look(id)
			if err != nil && !fault.Is(err, fault.KindNotFound) {
				return err
			}
			if err != nil {
				problems.Add(field, "must be ids of what exists; %q does not", id)
			}
		}
		return nil
	}
	application := func(id access.ID) error { _, err := ch.tx.Application(ch.ctx, id); return err }
	user := func(id access.ID) error { _, err := ch.tx.User(ch.ctx, id); return err }
	group := func(id access.ID) error { _, err := ch.tx.Group(ch.ctx, id); return err }
	for _, part := range []struct {
		field, prefix string
		ids           []access.ID
		look          func(access.ID) error
	}{
		{"applications", access.PrefixApplication, p.Applications, application},
		{"users", access.PrefixUser, p.Users, user}, {"groups", access.PrefixGroup, p.Groups, group},
		{"exceptUsers", access.PrefixUser, p.ExceptUsers, user}, {"exceptGroups", access.PrefixGroup, p.ExceptGroups, group},
	} {
		if err := there(part.field, part.prefix, part.ids, part.look); err != nil {
			return err
		}
	}
	return problems.Err()
}

// PolicyHistory gives the versions of a policy, the newest first. What it named and has been deleted
// since is in none.
func (c *Control) PolicyHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Policy], error) {
	return c.policyVersions(ctx, request{by: by, perm: readPolicy, object: id})
}

// UndoPolicy gives a policy the fields of an earlier version.
func (c *Control) UndoPolicy(ctx context.Context, by access.Actor, u Undo) (access.Policy, error) {
	list, err := c.policyVersions(ctx, request{by: by, perm: updatePolicy, object: u.ID})
	if err != nil {
		return access.Policy{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Policy{}, err
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdatePolicy(ctx, by, old)
}

func (c *Control) policyVersions(ctx context.Context, r request) (list []Version[access.Policy], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Policy(ctx, r.object)
		if err != nil {
			return err
		}
		if list, err = past(ctx, tx, lived[access.Policy]{now, now.Meta, []permission{createPolicy, updatePolicy}}); err != nil {
			return err
		}
		applications, err1 := tx.AllApplications(ctx)
		users, err2 := tx.AllUsers(ctx)
		groups, err3 := tx.GroupNames(ctx)
		if err := cmp.Or(err1, err2, err3); err != nil {
			return err
		}
		gone := missingOf(applications, users, groups)
		for i := range list {
			p := &list[i].Object
			for _, ids := range []*[]access.ID{&p.Applications, &p.Users, &p.Groups, &p.ExceptUsers, &p.ExceptGroups} {
				*ids = slices.DeleteFunc(*ids, gone)
			}
		}
		return nil
	})
	return list, err
}

// missingOf says which ids are of nothing any more.
func missingOf(applications []access.Application, users []access.User, groups map[access.ID]string) func(access.ID) bool {
	there := map[access.ID]bool{}
	for i := range applications {
		there[applications[i].ID] = true
	}
	for i := range users {
		there[users[i].ID] = true
	}
	for id := range groups {
		there[id] = true
	}
	return func(id access.ID) bool { return !there[id] }
}
