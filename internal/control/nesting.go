package control

import (
	"fmt"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
)

// checkNesting says whether the groups in a group exist and may lie in it.
func (ch *change) checkNesting(g *access.Group) error {
	if len(g.Groups) == 0 {
		return nil
	}
	names, err := ch.tx.GroupNames(ch.ctx)
	if err != nil {
		return err
	}
	for _, member := range g.Groups {
		if _, there := names[member]; !there {
			return fault.Invalid("groups", "must be groups that exist; %q does not", member)
		}
	}
	nesting, err := ch.tx.GroupNesting(ch.ctx)
	if err != nil {
		return err
	}
	nesting[g.ID], names[g.ID] = g.Groups, g.Name
	if err := nesting.Check(g.ID, func(id access.ID) string { return names[id] }); err != nil {
		return fault.Invalid("groups", "%s", err)
	}
	return nil
}

// maxNested is of how many groups of a document it is said that they lie wrong in each other: each needs a look
// at all.
const maxNested = 10

// checkNesting looks at the groups as they will be.
func (p *planner) checkNesting() {
	nesting := access.Nesting{}
	for _, old := range p.w.doc.Groups {
		name, stays := p.names[reference(access.PrefixGroup, old.Name)]
		for _, m := range old.Groups {
			if member, there := p.names[reference(access.PrefixGroup, string(m))]; stays && there {
				nesting[access.ID(name)] = append(nesting[access.ID(name)], access.ID(member))
			}
		}
	}
	var nested []access.ID // by the document; whatever is wrong runs through one of them
	for i := range p.doc.Groups {
		name := access.ID(p.names[reference(access.PrefixGroup, p.doc.Groups[i].Name)])
		nesting[name] = p.doc.Groups[i].Groups
		if len(nesting[name]) > 0 {
			nested = append(nested, name)
		}
	}
	suspects := nesting.Suspects(nested, maxNested)
	for i := range p.doc.Groups {
		g := &p.doc.Groups[i]
		if len(g.Groups) > access.MaxGroupGroups {
			p.problems.Add(fmt.Sprintf("groups[%d].groups", i), "must be at most %d", access.MaxGroupGroups)
		}
		name := access.ID(p.names[reference(access.PrefixGroup, g.Name)])
		if len(g.Groups) == 0 || !suspects[name] {
			continue
		}
		delete(suspects, name) // of a name that is there twice, too, once
		if err := nesting.Check(name, func(id access.ID) string { return string(id) }); err != nil {
			p.problems.Add(fmt.Sprintf("groups[%d].groups", i), "%s", err)
		}
	}
}

// written is a group that an act has written, but for the groups in it.
type written struct {
	before *access.Group
	after  access.Group
	nested []access.ID // as the document names them
}

// nestGroups writes which groups are in which, when all of them are there.
func (a *applier) nestGroups(list []written) error {
	var changed []access.ID
	for i := range list {
		g := &list[i].after
		g.Groups = nil
		for _, name := range list[i].nested {
			g.Groups = append(g.Groups, a.id(access.PrefixGroup, name))
		}
		slices.Sort(g.Groups)
		if err := a.tx.SetGroupsIn(a.ctx, g); err != nil {
			return err
		}
		if list[i].before == nil {
			a.audit(createGroup, object{g.Meta, g.Name}, nil, *g)
			changed = append(changed, g.Groups...)
			continue
		}
		a.audit(updateGroup, object{g.Meta, g.Name}, *list[i].before, *g)
		changed = append(changed, differing(list[i].before.Groups, g.Groups)...)
	}
	return a.movedWithin(changed)
}

// movedWithin notes who is within groups that came to others or left them.
func (a *applier) movedWithin(groups []access.ID) error {
	users, err := a.tx.UsersWithin(a.ctx, groups)
	a.moved(nil, users)
	return err
}

// leaveGroups notes, before anything is written, who is within groups that others will lose.
func (a *applier) leaveGroups() error {
	var leaving []access.ID
	for _, s := range a.plan.groups {
		switch {
		case s.before != nil && s.after == nil:
			leaving = append(leaving, s.before.ID)
		case s.before != nil:
			for _, name := range differing(s.before.Groups, s.after.Groups) {
				if id := a.id(access.PrefixGroup, name); id != "" {
					leaving = append(leaving, id)
				}
			}
		}
	}
	return a.movedWithin(leaving)
}
