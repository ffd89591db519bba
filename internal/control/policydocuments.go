package control

import (
	"fmt"
	"slices"

	"postern/internal/access"
)

// scopes gives the lists of a policy that name others, by their fields.
func scopes(p *access.Policy) []struct {
	field, prefix string
	ids           *[]access.ID
} {
	return []struct {
		field, prefix string
		ids           *[]access.ID
	}{
		{"applications", access.PrefixApplication, &p.Applications}, {"users", access.PrefixUser, &p.Users}, {"groups", access.PrefixGroup, &p.Groups},
		{"exceptUsers", access.PrefixUser, &p.ExceptUsers}, {"exceptGroups", access.PrefixGroup, &p.ExceptGroups},
	}
}

// namePolicies puts names where policies and the owners of applications have ids.
func (w *world) namePolicies(names map[access.ID]access.ID) {
	named := func(ids []access.ID) []access.ID {
		list := slices.Clone(ids)
		for i := range list {
			list[i] = names[list[i]]
		}
		slices.Sort(list)
		return list
	}
	for i := range w.doc.Policies {
		p := &w.doc.Policies[i]
		names[p.ID] = access.ID(p.Name)
		w.ids[reference(access.PrefixPolicy, p.Name)] = p.ID
		for _, s := range scopes(p) {
			*s.ids = named(*s.ids)
		}
	}
	for i := range w.doc.Applications {
		a := &w.doc.Applications[i]
		a.OwnerUsers, a.OwnerGroups = named(a.OwnerUsers), named(a.OwnerGroups)
	}
}

// placeholders gives as many different ids, for rules that want ids where a document has names.
func placeholders(prefix string, count int) []access.ID {
	list := make([]access.ID, count)
	for i := range list {
		list[i] = access.ID(fmt.Sprintf("%s_%026d", prefix, i))
	}
	return list
}

func (p *planner) checkPolicies() {
	for i := range p.doc.Policies {
		policy := &p.doc.Policies[i]
		policy.Defaults()
		rest := *policy
		for _, s := range scopes(&rest) {
			*s.ids = placeholders(s.prefix, len(*s.ids))
		}
		p.check("policies", i, rest.Validate())
		for _, s := range scopes(policy) {
			*s.ids = p.named(fmt.Sprintf("policies[%d].%s", i, s.field), s.prefix, *s.ids)
		}
	}
}

// checkOwners turns who answers requests for an application into names as they are spelled.
func (p *planner) checkOwners(i int, a *access.Application) {
	a.OwnerUsers = p.named(fmt.Sprintf("applications[%d].ownerUsers", i), access.PrefixUser, a.OwnerUsers)
	a.OwnerGroups = p.named(fmt.Sprintf("applications[%d].ownerGroups", i), access.PrefixGroup, a.OwnerGroups)
}

// identified gives the ids of a list of names, sorted.
func (a *applier) identified(prefix string, names []access.ID) []access.ID {
	list := make([]access.ID, len(names))
	for i, name := range names {
		list[i] = a.id(prefix, name)
	}
	slices.Sort(list)
	return list
}

func (a *applier) writePolicies() error {
	for _, s := range a.plan.policies {
		if s.after == nil {
			continue
		}
		p := *s.after
		for _, scope := range scopes(&p) {
			*scope.ids = a.identified(scope.prefix, *scope.ids)
		}
		if s.before == nil {
			p.Meta = a.fresh(access.PrefixPolicy)
			if err := a.tx.InsertPolicy(a.ctx, &p); err != nil {
				return err
			}
			a.audit(createPolicy, object{p.Meta, p.Name}, nil, p)
			continue
		}
		old := a.w.policies[p.ID]
		if old.Conditions.Unknown {
			return old.Validate()
		}
		p.Updated = a.now
		if err := a.tx.UpdatePolicy(a.ctx, &p); err != nil {
			return err
		}
		a.audit(updatePolicy, object{p.Meta, p.Name}, old, p)
	}
	return nil
}

func (a *applier) deletePolicies() error {
	for _, s := range a.plan.policies {
		if s.after != nil {
			continue
		}
		old := a.w.policies[s.before.ID]
		if err := a.tx.DeletePolicy(a.ctx, old.ID, old.Version); err != nil {
			return err
		}
		a.audit(deletePolicy, object{old.Meta, old.Name}, old, nil)
	}
	return nil
}
