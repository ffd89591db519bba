package control

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

// Plan is what ApplyDocument would do, or has done.
type Plan struct {
	Steps  []Step
	Digest string // of the steps and the versions they start from; the same digest does the same

	connectorGroups []step[access.ConnectorGroup]
	upstreams       []step[access.Upstream]
	users           []step[access.User]
	groups          []step[access.Group]
	applications    []step[access.Application]
	policies        []step[access.Policy]
	assignments     []step[access.Assignment]
	exports         []step[access.Export]
	branding        []step[access.Branding]
	retention       []step[access.Retention]
	clients         []step[access.Clients]
}

// Step is one change of a plan. Before and After are values of package access with names for
// references, as in access.Document; nil where there is none.
type Step struct {
	Action        string // such as "application.create"
	Name          string // of the object
	Before, After any

	perm permission
}

type step[T any] struct{ before, after *T } // before nil: create; after nil: delete

// maxProblems bounds how much is said of a document that is wrong in many places.
const maxProblems = 100

// planner finds out what is between the configuration and a document.
type planner struct {
	c        *Control
	w        *world
	doc      access.Document
	prune    bool
	problems fault.Problems

	// names are those that will be there, by kind and folded name, as they are spelled now.
	names   map[string]string
	standby string // the name of the default connector group that will be
}

func (c *Control) plan(w *world, r ApplyRequest) (*Plan, error) {
	p := &planner{c: c, w: w, prune: r.Prune, names: map[string]string{}, doc: access.Document{
		ConnectorGroups: slices.Clone(r.Document.ConnectorGroups), Upstreams: slices.Clone(r.Document.Upstreams), Users: slices.Clone(r.Document.Users), Groups: slices.Clone(r.Document.Groups),
		Applications: slices.Clone(r.Document.Applications), Policies: slices.Clone(r.Document.Policies), Assignments: slices.Clone(r.Document.Assignments),
		Exports: slices.Clone(r.Document.Exports), Branding: r.Document.Branding, Retention: r.Document.Retention, Clients: r.Document.Clients}}
	final(p, part[access.ConnectorGroup]{"connectorGroups", access.PrefixConnectorGroup, func(g *access.ConnectorGroup) string { return g.Name }}, w.doc.ConnectorGroups, p.doc.ConnectorGroups)
	final(p, part[access.Upstream]{"upstreams", access.PrefixUpstream, func(u *access.Upstream) string { return u.Name }}, w.doc.Upstreams, p.doc.Upstreams)
	final(p, part[access.User]{"users", access.PrefixUser, func(u *access.User) string { return u.Name }}, w.doc.Users, p.doc.Users)
	p.stay()
	final(p, part[access.Group]{"groups", access.PrefixGroup, func(g *access.Group) string { return g.Name }}, w.doc.Groups, p.doc.Groups)
	final(p, part[access.Application]{"applications", access.PrefixApplication, func(a *access.Application) string { return a.Name }}, w.doc.Applications, p.doc.Applications)
	final(p, part[access.Policy]{"policies", access.PrefixPolicy, func(p *access.Policy) string { return p.Name }}, w.doc.Policies, p.doc.Policies)
	final(p, part[access.Export]{"exports", access.PrefixExport, func(e *access.Export) string { return e.Name }}, w.doc.Exports, p.doc.Exports)
	p.checkConnectorGroups()
	p.checkUpstreams()
	p.checkUsers()
	p.checkGroups()
	p.checkApplications()
	p.checkPolicies()
	p.checkAssignments()
	p.checkExports()
	p.checkSettings()
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.compare(), nil
}

// err gives everything that is wrong with the document, as far as somebody reads on.
func (p *planner) err() error {
	err := p.problems.Err()
	if err == nil {
		return nil
	}
	var e *fault.Error
	if asFault(err, &e) && len(e.Fields) > maxProblems {
		e.Message = fmt.Sprintf("%d things are wrong; the first %d of them", len(e.Fields), maxProblems)
		e.Fields = e.Fields[:maxProblems]
	}
	return err
}

// part is one list of a document.
type part[T any] struct {
	list, prefix string
	name         func(*T) string
}

// final notes the names that will be there, and which the document has twice.
func final[T any](p *planner, of part[T], have, want []T) {
	spelled := make(map[string]string, len(have))
	for i := range have {
		key := reference(of.prefix, of.name(&have[i]))
		spelled[key] = of.name(&have[i])
		if !p.prune || want == nil {
			p.names[key] = of.name(&have[i])
		}
	}
	seen := make(map[string]int, len(want))
	for i := range want {
		name := of.name(&want[i])
		key := reference(of.prefix, name)
		if first, twice := seen[key]; twice {
			p.problems.Add(fmt.Sprintf("%s[%d].name", of.list, i), "is that of %s[%d] already: %q", of.list, first, name)
			continue
		}
		seen[key] = i
		p.names[key] = name
		if old, there := spelled[key]; there { // so that a new spelling changes nothing but itself
			p.names[key] = old
		}
	}
}

// check notes what is wrong with an object under its place in the document.
func (p *planner) check(list string, i int, err error) {
	if err == nil {
		return
	}
	var e *fault.Error
	place := fmt.Sprintf("%s[%d]", list, i)
	if !asFault(err, &e) || len(e.Fields) == 0 {
		p.problems.Add(place, "%s", err)
		return
	}
	for _, f := range e.Fields {
		p.problems.Add(place+"."+f.Name, "%s", f.Message)
	}
}

// refer gives a name as the object that it names spells it.
func (p *planner) refer(field, prefix string, name access.ID) access.ID {
	if found, ok := p.names[reference(prefix, string(name))]; ok {
		return access.ID(found)
	}
	what := map[string]string{access.PrefixConnectorGroup: "connector group", access.PrefixUser: "user", access.PrefixUpstream: "upstream",
		access.PrefixGroup: "group", access.PrefixApplication: "application", access.PrefixPolicy: "policy"}[prefix]
	if _, there := p.w.ids[reference(prefix, string(name))]; there {
		p.problems.Add(field, "names the %s %q, which is not in the document and would be deleted", what, name)
	} else {
		p.problems.Add(field, "names the %s %q, which is neither in the document nor in the service", what, name)
	}
	return name
}

// anyID stands for an id where an object's own rules want one and the document has a name.
func anyID(prefix string) access.ID { return access.ID(prefix + "_" + strings.Repeat("0", 26)) }

// checkConnectorGroups also finds the default that will be: the one that the document names, or
// else the one that is.
func (p *planner) checkConnectorGroups() {
	list := p.doc.ConnectorGroups
	chosen := -1
	for i := range list {
		p.checkBackup(i)
		rest := list[i]
		rest.BackupGroup = ""
		p.check("connectorGroups", i, rest.Validate())
		if !list[i].Default {
			continue
		}
		if chosen >= 0 {
			p.problems.Add(fmt.Sprintf("connectorGroups[%d].default", i), "is true of connectorGroups[%d] already; one group is the default", chosen)
		}
		chosen = i
	}
	if chosen >= 0 {
		p.standby = list[chosen].Name
	}
	for _, old := range p.w.doc.ConnectorGroups {
		name, stays := p.names[reference(access.PrefixConnectorGroup, old.Name)]
		switch {
		case old.Default && chosen < 0 && !stays:
			p.problems.Add("connectorGroups", "leaves out the default group %q, which cannot be deleted; name it, or make another the default", old.Name)
		case old.Default && chosen < 0:
			p.standby = name
			p.mark(name)
		}
		if !stays {
			p.checkUnused(old)
		}
		if again := p.backups()[folded(old.Name)]; stays && again != "" {
			if _, there := p.names[reference(access.PrefixConnectorGroup, again)]; !there {
				p.problems.Add("connectorGroups", "leaves out %q, which is the backup group of %q", again, old.Name)
			}
		}
	}
}

// mark makes the group of the document with that name the default.
func (p *planner) mark(name string) {
	for i := range p.doc.ConnectorGroups {
		g := &p.doc.ConnectorGroups[i]
		g.Default = g.Default || folded(g.Name) == folded(name)
	}
}

func (p *planner) checkUnused(old access.ConnectorGroup) {
	for _, k := range p.w.connectors {
		if k.GroupID == old.ID {
			p.problems.Add("connectorGroups", "leaves out %q, which still has the connector %q; move or delete it first", old.Name, k.Name)
			return
		}
	}
}

func (p *planner) checkUsers() {
	for i := range p.doc.Users {
		u := &p.doc.Users[i]
		rest := *u
		if u.Upstream != "" {
			u.Upstream = p.refer(fmt.Sprintf("users[%d].upstream", i), access.PrefixUpstream, u.Upstream)
			rest.Upstream = anyID(access.PrefixUpstream)
		}
		p.check("users", i, rest.Validate())
		u.Groups, u.Factors, u.Roles = nil, nil, sorted(u.Roles)
	}
}

func (p *planner) checkGroups() {
	for i := range p.doc.Groups {
		g := &p.doc.Groups[i]
		rest := *g
		rest.Members, rest.Groups = nil, nil
		p.check("groups", i, rest.Validate())
		g.Members = slices.Clone(g.Members)
		seen := make(map[access.ID]bool, len(g.Members))
		for m, name := range g.Members {
			field := fmt.Sprintf("groups[%d].members[%d]", i, m)
			g.Members[m] = p.refer(field, access.PrefixUser, name)
			if seen[g.Members[m]] {
				p.problems.Add(field, "names %q twice", name)
			}
			seen[g.Members[m]] = true
		}
		slices.Sort(g.Members)
		g.Groups = p.named(fmt.Sprintf("groups[%d].groups", i), access.PrefixGroup, g.Groups)
	}
	p.checkNesting()
}

// named gives a list of names as the objects that they name spell them.
func (p *planner) named(field, prefix string, list []access.ID) []access.ID {
	var found []access.ID
	seen := make(map[access.ID]bool, len(list))
	for i, name := range list {
		name = p.refer(fmt.Sprintf("%s[%d]", field, i), prefix, name)
		if seen[name] {
			p.problems.Add(fmt.Sprintf("%s[%d]", field, i), "names %q twice", name)
			continue
		}
		seen[name] = true
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

func (p *planner) checkApplications() {
	type place struct{ host, path string }
	taken := map[place]string{}
	wanted, quick := map[string]bool{}, ""
	for i := range p.doc.Applications {
		wanted[folded(p.doc.Applications[i].Name)] = true
	}
	for i := range p.w.doc.Applications {
		old := &p.w.doc.Applications[i]
		if _, stays := p.names[reference(access.PrefixApplication, old.Name)]; !stays || wanted[folded(old.Name)] {
			continue
		}
		if old.Private() {
			quick = quickAccess(quick, old)
		} else {
			e := old.External()
			taken[place{e.Host, e.Path}] = old.Name
		}
		if _, ok := p.names[reference(access.PrefixConnectorGroup, string(old.GroupID))]; !ok {
			p.problems.Add("connectorGroups", "leaves out %q, which still serves the application %q", old.GroupID, old.Name)
		}
	}
	for i := range p.doc.Applications {
		a := &p.doc.Applications[i]
		a.Defaults()
		if a.GroupID == "" {
			a.GroupID = access.ID(p.standby)
		}
		a.GroupID = p.refer(fmt.Sprintf("applications[%d].connectorGroup", i), access.PrefixConnectorGroup, a.GroupID)
		rest := *a
		rest.GroupID = anyID(access.PrefixConnectorGroup)
		rest.OwnerUsers, rest.OwnerGroups = nil, nil
		p.checkOwners(i, a)
		err := rest.Validate()
		if err == nil && !a.Private() {
			err = p.c.checkOwnHosts(a.External())
		}
		p.check("applications", i, err)
		if err != nil {
			continue
		}
		if a.Private() {
			if a.Kind == access.KindQuickAccess && quick != "" {
				p.problems.Add(fmt.Sprintf("applications[%d].kind", i), "is that of the application %q already; there is one Quick Access", quick)
			}
			quick = quickAccess(quick, a)
			continue
		}
		e := a.External()
		if other, twice := taken[place{e.Host, e.Path}]; twice {
			p.problems.Add(fmt.Sprintf("applications[%d].externalUrl", i), "is taken by the application %q", other)
		}
		taken[place{e.Host, e.Path}] = a.Name
	}
}

// quickAccess gives the name of the one Quick Access: the application's, if it is that.
func quickAccess(so string, a *access.Application) string {
	if a.Kind == access.KindQuickAccess {
		return a.Name
	}
	return so
}

func (p *planner) checkAssignments() {
	seen := map[string]int{}
	for i := range p.doc.Assignments {
		a := &p.doc.Assignments[i]
		a.Expires = a.Expires.UTC().Truncate(time.Microsecond)
		place := fmt.Sprintf("assignments[%d]", i)
		rest := access.Assignment{Application: anyID(access.PrefixApplication)}
		if a.User != "" {
			rest.User = anyID(access.PrefixUser)
		}
		if a.Group != "" {
			rest.Group = anyID(access.PrefixGroup)
		}
		if err := rest.Validate(); err != nil {
			p.check("assignments", i, err)
			continue
		}
		a.Application = p.refer(place+".application", access.PrefixApplication, a.Application)
		if a.User != "" {
			a.User = p.refer(place+".user", access.PrefixUser, a.User)
		} else {
			a.Group = p.refer(place+".group", access.PrefixGroup, a.Group)
		}
		key := assignmentKey(a)
		if first, twice := seen[key]; twice {
			p.problems.Add(place, "is the same as assignments[%d]", first)
			continue
		}
		seen[key] = i
	}
}

// compare finds what differs. The order of the steps is that of the document form, so that the same
// difference has the same digest.
func (p *planner) compare() *Plan {
	plan := &Plan{}
	have, want := &p.w.doc, &p.doc
	plan.connectorGroups = p.dethroned(compare(p, column[access.ConnectorGroup]{func(g *access.ConnectorGroup) string { return folded(g.Name) },
		func(g *access.ConnectorGroup) *access.Meta { return &g.Meta }, nil}, have.ConnectorGroups, want.ConnectorGroups))
	plan.upstreams = compare(p, column[access.Upstream]{func(u *access.Upstream) string { return folded(u.Name) },
		func(u *access.Upstream) *access.Meta { return &u.Meta }, nil}, have.Upstreams, want.Upstreams)
	plan.users = compare(p, column[access.User]{func(u *access.User) string { return folded(u.Name) },
		func(u *access.User) *access.Meta { return &u.Meta }, nil}, have.Users, want.Users)
	plan.users = slices.DeleteFunc(plan.users, staying)
	plan.groups = compare(p, column[access.Group]{func(g *access.Group) string { return folded(g.Name) },
		func(g *access.Group) *access.Meta { return &g.Meta }, nil}, have.Groups, want.Groups)
	plan.applications = compare(p, column[access.Application]{func(a *access.Application) string { return folded(a.Name) },
		func(a *access.Application) *access.Meta { return &a.Meta }, nil}, have.Applications, want.Applications)
	plan.policies = compare(p, column[access.Policy]{func(p *access.Policy) string { return folded(p.Name) },
		func(p *access.Policy) *access.Meta { return &p.Meta }, nil}, have.Policies, want.Policies)
	plan.assignments = compare(p, column[access.Assignment]{assignmentKey,
		func(a *access.Assignment) *access.Meta { return &a.Meta }, func(a *access.Assignment) bool { return a.Over(p.c.now()) }}, have.Assignments, want.Assignments)
	plan.exports = compare(p, column[access.Export]{func(e *access.Export) string { return folded(e.Name) },
		func(e *access.Export) *access.Meta { return &e.Meta }, nil}, have.Exports, want.Exports)
	list(plan, plan.connectorGroups, shown[access.ConnectorGroup]{func(g *access.ConnectorGroup) string { return g.Name }, createConnectorGroup, updateConnectorGroup, deleteConnectorGroup})
	list(plan, plan.upstreams, shown[access.Upstream]{func(u *access.Upstream) string { return u.Name }, createUpstream, updateUpstream, deleteUpstream})
	list(plan, plan.users, shown[access.User]{func(u *access.User) string { return u.Name }, createUser, updateUser, deleteUser})
	list(plan, plan.groups, shown[access.Group]{func(g *access.Group) string { return g.Name }, createGroup, updateGroup, deleteGroup})
	list(plan, plan.applications, shown[access.Application]{func(a *access.Application) string { return a.Name }, createApplication, updateApplication, deleteApplication})
	list(plan, plan.policies, shown[access.Policy]{func(p *access.Policy) string { return p.Name }, createPolicy, updatePolicy, deletePolicy})
	list(plan, plan.assignments, shown[access.Assignment]{assignmentName, createAssignment, updateAssignment, deleteAssignment})
	list(plan, plan.exports, shown[access.Export]{func(e *access.Export) string { return e.Name }, createExport, updateExport, deleteExport})
	p.compareSettings(plan)
	text, _ := json.Marshal(plan.Steps) // values of our own: cannot fail
	sum := sha256.Sum256(text)
	plan.Digest = hex.EncodeToString(sum[:])
	return plan
}

type column[T any] struct {
	key  func(*T) string
	meta func(*T) *access.Meta
	none func(*T) bool // optional: one that is not there need not come
}

func compare[T any](p *planner, of column[T], have, want []T) []step[T] {
	var steps []step[T]
	left := make(map[string]*T, len(have))
	for i := range have {
		left[of.key(&have[i])] = &have[i]
	}
	by(want, of.key)
	for i := range want {
		key := of.key(&want[i])
		old, there := left[key]
		if !there && of.none != nil && of.none(&want[i]) {
			continue
		}
		if !there {
			steps = append(steps, step[T]{nil, &want[i]})
			continue
		}
		delete(left, key)
		*of.meta(&want[i]) = *of.meta(old)
		if difference(*old, want[i]) != "{}" {
			steps = append(steps, step[T]{old, &want[i]})
		}
	}
	if !p.prune || want == nil {
		return steps
	}
	for i := range have {
		if _, gone := left[of.key(&have[i])]; gone {
			steps = append(steps, step[T]{&have[i], nil})
		}
	}
	return steps
}

// dethroned adds that the default group stops being it, where the document makes another one the
// default and does not speak of this one.
func (p *planner) dethroned(steps []step[access.ConnectorGroup]) []step[access.ConnectorGroup] {
	for i := range p.w.doc.ConnectorGroups {
		old := &p.w.doc.ConnectorGroups[i]
		spoken := slices.ContainsFunc(steps, func(s step[access.ConnectorGroup]) bool { return s.before != nil && s.before.ID == old.ID })
		if !old.Default || spoken || folded(old.Name) == folded(p.standby) {
			continue
		}
		new := *old
		new.Default = false
		steps = append(steps, step[access.ConnectorGroup]{old, &new})
	}
	return steps
}

// shown says how the steps of a kind are told.
type shown[T any] struct {
	name                   func(*T) string
	create, update, remove permission
}

// list adds the steps of a kind to those that are shown.
func list[T any](plan *Plan, steps []step[T], as shown[T]) {
	for _, s := range steps {
		told := Step{perm: as.update}
		if s.before != nil {
			told.Name, told.Before = as.name(s.before), *s.before
		}
		if s.after != nil {
			told.Name, told.After = as.name(s.after), *s.after
		}
		switch {
		case s.before == nil:
			told.perm = as.create
		case s.after == nil:
			told.perm = as.remove
		}
		told.Action = string(told.perm)
		plan.Steps = append(plan.Steps, told)
	}
}
