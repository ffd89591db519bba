package control

import (
	"fmt"
	"slices"
	"strings"

	"postern/internal/access"
)

// nameUpstreams puts the names of groups where mappings have their ids, and those of upstreams where
// users have theirs.
func (w *world) nameUpstreams(names map[access.ID]access.ID) {
	for i := range w.doc.Upstreams {
		u := &w.doc.Upstreams[i]
		u.HasSecret = false
		u.Mapping.Groups = slices.Clone(u.Mapping.Groups)
		for m := range u.Mapping.Groups {
			u.Mapping.Groups[m].To = names[u.Mapping.Groups[m].To]
		}
		sortMappings(u.Mapping.Groups)
	}
	for i := range w.doc.Users {
		u := &w.doc.Users[i]
		if u.Upstream != "" {
			u.Upstream = names[u.Upstream]
		}
	}
}

func sortMappings(list []access.GroupMapping) {
	slices.SortFunc(list, func(a, b access.GroupMapping) int {
		return strings.Compare(a.From+"\x00"+string(a.To), b.From+"\x00"+string(b.To))
	})
}

// stay notes that users of an upstream stay though a document does not name them: they came by
// themselves, and would come again.
func (p *planner) stay() {
	for i := range p.w.doc.Users {
		u := &p.w.doc.Users[i]
		key := reference(access.PrefixUser, u.Name)
		if _, named := p.names[key]; !named && u.Upstream != "" {
			p.names[key] = u.Name
		}
	}
}

func staying(s step[access.User]) bool { return s.after == nil && s.before.Upstream != "" }

// checkUpstreams checks the upstreams of a document, by themselves and beside each other.
func (p *planner) checkUpstreams() {
	if len(p.doc.Upstreams) > access.MaxUpstreams {
		p.problems.Add("upstreams", "must be at most %d", access.MaxUpstreams)
		return // each is compared with all others
	}
	wanted := map[string]bool{}
	for i := range p.doc.Upstreams {
		wanted[folded(p.doc.Upstreams[i].Name)] = true
	}
	var beside []access.Upstream
	for _, old := range p.w.doc.Upstreams {
		if _, stays := p.names[reference(access.PrefixUpstream, old.Name)]; stays && !wanted[folded(old.Name)] {
			old.ID = "" // one like the others
			beside = append(beside, old)
			p.named("upstreams", access.PrefixGroup, targets(&old))
		}
	}
	defaults := ""
	for i := range p.doc.Upstreams {
		u := &p.doc.Upstreams[i]
		u.HasSecret = false
		rest := *u
		rest.Mapping.Groups = p.mappings(i, u)
		p.check("upstreams", i, rest.Validate())
		rest.ID = ""
		p.check("upstreams", i, besideUpstreams(&rest, beside))
		beside = append(beside, rest)
		if u.Default && defaults != "" {
			p.problems.Add(fmt.Sprintf("upstreams[%d].default", i), "is true of %q already; one upstream is the default", defaults)
		}
		if u.Default {
			defaults = u.Name
		}
		p.sameKind(i, u)
	}
}

// mappings gives the mappings of an upstream with ids where the document has names, after it has
// found what these name.
func (p *planner) mappings(i int, u *access.Upstream) []access.GroupMapping {
	u.Mapping.Groups = slices.Clone(u.Mapping.Groups)
	checked := slices.Clone(u.Mapping.Groups)
	ids := map[access.ID]access.ID{}
	for m := range u.Mapping.Groups {
		name := p.refer(fmt.Sprintf("upstreams[%d].mapping.groups[%d].to", i, m), access.PrefixGroup, u.Mapping.Groups[m].To)
		u.Mapping.Groups[m].To = name
		if ids[name] == "" {
			ids[name] = access.ID(fmt.Sprintf("%s_%026d", access.PrefixGroup, len(ids)))
		}
		checked[m].To = ids[name]
	}
	sortMappings(u.Mapping.Groups)
	return checked
}

func targets(u *access.Upstream) []access.ID {
	var list []access.ID
	for _, g := range u.Mapping.Groups {
		if !slices.Contains(list, g.To) {
			list = append(list, g.To)
		}
	}
	return list
}

// sameKind refuses what an update would refuse.
func (p *planner) sameKind(i int, u *access.Upstream) {
	id, there := p.w.ids[reference(access.PrefixUpstream, u.Name)]
	if !there {
		return
	}
	if old := p.w.upstreams[id]; old.Kind != u.Kind {
		p.problems.Add(fmt.Sprintf("upstreams[%d].kind", i), "cannot be changed; give the new upstream another name")
	} else if old.HasSecret && sentElsewhere(&old, u) {
		p.problems.Add(fmt.Sprintf("upstreams[%d]", i), "cannot be elsewhere while there is a secret, which must not be sent there: remove that first, and give it again after the change")
	}
}

// writeUpstreams makes new upstreams. Users refer to them, and their mappings to groups: they come
// before the users with no mapping, which follows when all groups are there.
func (a *applier) writeUpstreams() error {
	for _, s := range a.plan.upstreams {
		if s.before != nil {
			continue
		}
		u := *s.after
		u.Meta = a.fresh(access.PrefixUpstream)
		u.Default, u.Mapping.Groups = false, nil
		if err := a.tx.InsertUpstream(a.ctx, &u); err != nil {
			return err
		}
		a.keep(access.PrefixUpstream, u.Name, u.ID)
	}
	return nil
}

func upstreamRank(s step[access.Upstream]) int {
	if s.after != nil && s.after.Default {
		return 1
	}
	return 0
}

// finishUpstreams changes upstreams, and completes new ones.
func (a *applier) finishUpstreams() error {
	steps := slices.Clone(a.plan.upstreams)
	// Who stops being the default goes first: there is never more than one.
	slices.SortStableFunc(steps, func(x, y step[access.Upstream]) int { return upstreamRank(x) - upstreamRank(y) })
	for _, s := range steps {
		if s.after == nil {
			continue
		}
		u := *s.after
		u.Mapping.Groups = slices.Clone(u.Mapping.Groups)
		for i := range u.Mapping.Groups {
			u.Mapping.Groups[i].To = a.id(access.PrefixGroup, u.Mapping.Groups[i].To)
		}
		if s.before != nil {
			old := a.w.upstreams[u.ID]
			if err := a.change.updateUpstream(&old, &u); err != nil {
				return err
			}
			continue
		}
		made, err := a.tx.Upstream(a.ctx, a.id(access.PrefixUpstream, access.ID(u.Name)))
		if err != nil {
			return err
		}
		u.Meta = made.Meta
		if err := a.checkUpstream(&u); err != nil {
			return err
		}
		if err := a.tx.CompleteUpstream(a.ctx, &u); err != nil {
			return err
		}
		a.audit(createUpstream, object{u.Meta, u.Name}, nil, u)
	}
	return nil
}

func (a *applier) deleteUpstreams() error {
	for _, s := range a.plan.upstreams {
		if s.after != nil {
			continue
		}
		old := a.w.upstreams[s.before.ID]
		if err := a.change.deleteUpstream(&old, old.Version); err != nil {
			return err
		}
	}
	return nil
}
