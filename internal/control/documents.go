package control

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/access"
	"postern/internal/store"
)

// Document gives the whole configuration in the form that ApplyDocument takes, in an order that
// does not change by itself.
func (c *Control) Document(ctx context.Context, by access.Actor) (doc access.Document, err error) {
	err = c.read(ctx, request{by: by, perm: readConfiguration}, func(tx *store.Tx) error {
		w, err := readWorld(ctx, tx)
		if err == nil {
			doc = withoutExports(by, w.doc)
		}
		return err
	})
	return doc, err
}

// world is all that a document may speak of, as it is now.
type world struct {
	doc        access.Document      // with names for references, sorted by name
	ids        map[string]access.ID // by kind and name
	connectors []access.Connector

	connectorGroups map[access.ID]access.ConnectorGroup // as they are stored
	upstreams       map[access.ID]access.Upstream
	users           map[access.ID]access.User
	groups          map[access.ID]access.Group
	applications    map[access.ID]access.Application
	policies        map[access.ID]access.Policy
	assignments     map[access.ID]access.Assignment
	exports         map[access.ID]access.Export
	branding        access.Branding
	retention       access.Retention
	clients         access.Clients
}

func readWorld(ctx context.Context, tx *store.Tx) (*world, error) {
	connectorGroups, err1 := tx.AllConnectorGroups(ctx)
	users, err2 := tx.AllUsers(ctx)
	groups, err3 := tx.AllGroups(ctx)
	applications, err4 := tx.AllApplications(ctx)
	assignments, err5 := tx.AllAssignments(ctx)
	connectors, err6 := tx.AllConnectors(ctx)
	upstreams, err7 := tx.AllUpstreams(ctx)
	policies, err8 := tx.AllPolicies(ctx)
	exports, err9 := tx.AllExports(ctx)
	branding, err10 := tx.Branding(ctx)
	retention, err11 := tx.Retention(ctx)
	clients, err12 := tx.Clients(ctx)
	if err := cmp.Or(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11, err12); err != nil { // not joined: its kind counts
		return nil, err
	}
	w := &world{ids: map[string]access.ID{}, connectors: connectors}
	w.connectorGroups = byID(connectorGroups, func(g *access.ConnectorGroup) access.ID { return g.ID })
	w.upstreams = byID(upstreams, func(u *access.Upstream) access.ID { return u.ID })
	w.users = byID(users, func(u *access.User) access.ID { return u.ID })
	w.groups = byID(groups, func(g *access.Group) access.ID { return g.ID })
	w.applications = byID(applications, func(a *access.Application) access.ID { return a.ID })
	w.policies = byID(policies, func(p *access.Policy) access.ID { return p.ID })
	w.assignments = byID(assignments, func(a *access.Assignment) access.ID { return a.ID })
	w.exports = byID(exports, func(e *access.Export) access.ID { return e.ID })
	w.doc = access.Document{ConnectorGroups: connectorGroups, Upstreams: upstreams, Users: users, Groups: groups, Applications: applications, Policies: policies, Assignments: assignments, Exports: exports}
	w.nameSettings(branding, retention, clients)
	w.name()
	w.sort()
	return w, nil
}

func byID[T any](list []T, id func(*T) access.ID) map[access.ID]T {
	found := make(map[access.ID]T, len(list))
	for i := range list {
		found[id(&list[i])] = list[i]
	}
	return found
}

// name puts names where the store has ids, and leaves out what cannot be written.
func (w *world) name() {
	names := map[access.ID]access.ID{}
	known := func(prefix, name string, id access.ID) {
		names[id] = access.ID(name)
		w.ids[reference(prefix, name)] = id
	}
	for i := range w.doc.ConnectorGroups {
		g := &w.doc.ConnectorGroups[i]
		known(access.PrefixConnectorGroup, g.Name, g.ID)
	}
	for i := range w.doc.ConnectorGroups { // when all their names are known
		g := &w.doc.ConnectorGroups[i]
		g.BackupGroup = names[g.BackupGroup]
	}
	for i := range w.doc.Upstreams {
		u := &w.doc.Upstreams[i]
		known(access.PrefixUpstream, u.Name, u.ID)
	}
	for i := range w.doc.Users {
		u := &w.doc.Users[i]
		known(access.PrefixUser, u.Name, u.ID)
		u.Groups, u.Factors, u.PasswordSet, u.Roles = nil, nil, time.Time{}, sorted(u.Roles)
		u.UpstreamRefused = time.Time{}
	}
	for i := range w.doc.Groups {
		g := &w.doc.Groups[i]
		known(access.PrefixGroup, g.Name, g.ID)
		g.Members = slices.Clone(g.Members)
		for m := range g.Members {
			g.Members[m] = names[g.Members[m]]
		}
		slices.Sort(g.Members)
	}
	for i := range w.doc.Groups { // when all their names are known
		g := &w.doc.Groups[i]
		g.Groups = slices.Clone(g.Groups)
		for m := range g.Groups {
			g.Groups[m] = names[g.Groups[m]]
		}
		slices.Sort(g.Groups)
	}
	w.nameUpstreams(names)
	for i := range w.doc.Applications {
		a := &w.doc.Applications[i]
		known(access.PrefixApplication, a.Name, a.ID)
		a.GroupID = names[a.GroupID]
	}
	w.namePolicies(names)
	w.nameExports()
	for i := range w.doc.Assignments {
		a := &w.doc.Assignments[i]
		a.Application, a.User, a.Group, a.Request = names[a.Application], names[a.User], names[a.Group], ""
	}
}

func (w *world) sort() {
	by[access.ConnectorGroup](w.doc.ConnectorGroups, func(g *access.ConnectorGroup) string { return folded(g.Name) })
	by[access.Upstream](w.doc.Upstreams, func(u *access.Upstream) string { return folded(u.Name) })
	by[access.User](w.doc.Users, func(u *access.User) string { return folded(u.Name) })
	by[access.Group](w.doc.Groups, func(g *access.Group) string { return folded(g.Name) })
	by[access.Application](w.doc.Applications, func(a *access.Application) string { return folded(a.Name) })
	by[access.Policy](w.doc.Policies, func(p *access.Policy) string { return folded(p.Name) })
	by[access.Assignment](w.doc.Assignments, assignmentKey)
	by[access.Export](w.doc.Exports, func(e *access.Export) string { return folded(e.Name) })
}

func by[T any](list []T, key func(*T) string) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
}

func sorted[T cmp.Ordered](list []T) []T { return slices.Sorted(slices.Values(list)) }

// folded gives the form in which names are compared, as the store does.
func folded(name string) string { return strings.ToLower(name) }

// reference names an object of a kind, for maps.
func reference(prefix, name string) string { return prefix + " " + folded(name) }

func assignmentKey(a *access.Assignment) string {
	return folded(string(a.Application) + "\x00" + string(a.Group) + "\x00" + string(a.User))
}

func assignmentName(a *access.Assignment) string {
	return string(a.User+a.Group) + " → " + string(a.Application)
}
