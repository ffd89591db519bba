package control

import (
	"context"
	"errors"
	"maps"
	"slices"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// ApplyRequest is a configuration that somebody wants.
type ApplyRequest struct {
	Document access.Document
	Prune    bool   // delete what the document's parts do not name
	Digest   string // optional: of the plan that was looked at; any other is refused
}

// PlanDocument says what ApplyDocument would do, and does nothing.
func (c *Control) PlanDocument(ctx context.Context, by access.Actor, r ApplyRequest) (plan Plan, err error) {
	return c.planned(ctx, request{by: by, perm: readConfiguration}, r)
}

func (c *Control) planned(ctx context.Context, of request, r ApplyRequest) (plan Plan, err error) {
	if err := speaksOfExports(of.by, &r.Document); err != nil {
		c.refused(ctx, of, err)
		return Plan{}, err
	}
	err = c.read(ctx, of, func(tx *store.Tx) error {
		w, err := readWorld(ctx, tx)
		if err != nil {
			return err
		}
		made, err := c.plan(w, r)
		if err == nil {
			plan = *made
		}
		return err
	})
	return plan, err
}

// ApplyDocument makes the configuration what the document says, in one act: all of it or nothing.
// Each change needs the permission that it needs by itself. Where there is nothing to change, it
// changes nothing.
func (c *Control) ApplyDocument(ctx context.Context, by access.Actor, r ApplyRequest) (Plan, error) {
	of := request{by: by, perm: applyConfiguration}
	plan, err := c.planned(ctx, of, r)
	if err != nil {
		if fault.Is(err, fault.KindInvalid) {
			c.refused(ctx, of, err)
		}
		return Plan{}, err
	}
	if len(plan.Steps) == 0 && (r.Digest == "" || r.Digest == plan.Digest) {
		return plan, nil
	}
	of.changes = len(plan.Steps)
	err = c.act(ctx, of, func(ch *change) error {
		w, err := readWorld(ctx, ch.tx)
		if err != nil {
			return err
		}
		made, err := c.plan(w, r)
		if err != nil {
			return err
		}
		if r.Digest != "" && r.Digest != made.Digest {
			return fault.New(fault.KindChanged, "what would be changed is not what was shown, since somebody else changed something in the meantime; look at it again")
		}
		plan = *made
		a := applier{change: ch, w: w, plan: made, ended: map[access.ID]bool{}}
		return a.run()
	})
	if err != nil {
		return Plan{}, err
	}
	return plan, nil
}

// applier carries out a plan within an act.
type applier struct {
	*change
	w     *world
	plan  *Plan
	ended map[access.ID]bool // users who are to be looked at again
	made  map[access.ID]bool // users of this act, whom nobody knows yet
}

// run does the steps in an order in which each finds what it refers to, and no name or URL is taken
// by what goes away.
func (a *applier) run() error {
	counts := map[string]int{}
	for _, s := range a.plan.Steps {
		if err := allow(a.by, s.perm); err != nil {
			return err
		}
		counts[s.Action]++
	}
	owned, err := hasOwner(a.ctx, a.tx)
	if err != nil {
		return err
	}
	a.made = map[access.ID]bool{}
	for _, do := range []func() error{
		a.leaveGroups, a.deletePolicies, a.deleteAssignments, a.deleteApplications,
		a.writeConnectorGroups, a.writeUpstreams, a.writeUsers, a.writeGroups, a.writeApplications, a.writePolicies,
		a.deleteGroups, a.deleteUsers, a.deleteUpstreams, a.finishUpstreams, a.deleteConnectorGroups,
		a.createAssignments, a.deleteExports, a.writeExports, a.writeSettings, a.endUsers,
	} {
		if err := do(); err != nil {
			return err
		}
	}
	a.audit(applyConfiguration, object{}, nil, counts)
	left, err := hasOwner(a.ctx, a.tx)
	if err == nil && owned && !left {
		return fault.Conflict("nobody would be left who is an enabled Owner; keep one in the document")
	}
	return err
}

// id gives the id of what a name refers to, old or made in this act.
func (a *applier) id(prefix string, name access.ID) access.ID {
	return a.w.ids[reference(prefix, string(name))]
}

func (a *applier) keep(prefix, name string, id access.ID) { a.w.ids[reference(prefix, name)] = id }

func (a *applier) writeConnectorGroups() error {
	steps := slices.Clone(a.plan.connectorGroups)
	// Who stops being the default goes first: there is never more than one.
	slices.SortStableFunc(steps, func(x, y step[access.ConnectorGroup]) int { return rank(x) - rank(y) })
	fresh := map[string]access.Meta{} // before any is written, so that each finds its backup
	for _, s := range steps {
		if s.before == nil {
			m := a.fresh(access.PrefixConnectorGroup)
			fresh[s.after.Name] = m
			a.keep(access.PrefixConnectorGroup, s.after.Name, m.ID)
		}
	}
	for _, s := range steps {
		if s.after == nil {
			if err := a.yield(s.before); err != nil {
				return err
			}
			continue
		}
		g := *s.after
		g.BackupGroup = a.id(access.PrefixConnectorGroup, s.after.BackupGroup)
		perm, before := createConnectorGroup, any(nil)
		var err error
		if s.before == nil {
			g.Meta = fresh[g.Name]
			err = a.tx.InsertConnectorGroup(a.ctx, &g)
		} else {
			perm, before = updateConnectorGroup, a.w.connectorGroups[g.ID]
			g.Updated = a.now
			err = a.tx.UpdateConnectorGroup(a.ctx, &g)
		}
		if err != nil {
			return err
		}
		a.keep(access.PrefixConnectorGroup, g.Name, g.ID)
		a.audit(perm, object{g.Meta, g.Name}, before, g)
	}
	return nil
}

// yield makes a default group that is deleted later an ordinary one, before its successor comes.
func (a *applier) yield(old *access.ConnectorGroup) error {
	if !old.Default {
		return nil
	}
	g := *old
	g.Default, g.BackupGroup = false, ""
	return a.tx.UpdateConnectorGroup(a.ctx, &g)
}

func rank(s step[access.ConnectorGroup]) int {
	if s.after != nil && s.after.Default {
		return 1
	}
	return 0
}

func (a *applier) writeUsers() error {
	for _, s := range a.plan.users {
		if s.after == nil {
			continue
		}
		u := *s.after
		if u.Upstream != "" {
			u.Upstream = a.id(access.PrefixUpstream, u.Upstream)
		}
		if err := gives(a.by, &u); err != nil {
			return err
		}
		if s.before == nil {
			if err := a.insertUser(&u, ""); err != nil {
				return err
			}
			a.keep(access.PrefixUser, u.Name, u.ID)
			a.made[u.ID] = true
			continue
		}
		old := a.w.users[u.ID]
		if err := touches(a.by, &old, "the user "+old.Name); err != nil {
			return err
		}
		u.Updated, u.PasswordSet, u.Groups, u.Factors, u.UpstreamRefused = a.now, old.PasswordSet, old.Groups, old.Factors, old.UpstreamRefused
		if err := a.tx.UpdateUser(a.ctx, &u); err != nil {
			return err
		}
		if err := a.linked(&old, &u); err != nil {
			return err
		}
		a.audit(updateUser, object{u.Meta, u.Name}, old, u)
		a.ended[u.ID] = true
		if u.Disabled && !old.Disabled {
			if err := a.tx.DeleteLink(a.ctx, u.ID); err != nil {
				return err
			}
			if err := a.endUser(u.ID, access.ReasonUserDisabled); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *applier) writeGroups() error {
	var list []written
	for _, s := range a.plan.groups {
		if s.after == nil {
			continue
		}
		g := *s.after
		g.Members = make([]access.ID, len(s.after.Members))
		for i, name := range s.after.Members {
			g.Members[i] = a.id(access.PrefixUser, name)
		}
		slices.Sort(g.Members)
		g.Groups = nil // come when all are there
		if s.before == nil {
			g.Meta = a.fresh(access.PrefixGroup)
			if err := a.tx.InsertGroup(a.ctx, &g); err != nil {
				return err
			}
			a.keep(access.PrefixGroup, g.Name, g.ID)
			list = append(list, written{nil, g, s.after.Groups})
			a.moved(nil, g.Members)
			continue
		}
		old := a.w.groups[g.ID]
		g.Updated = a.now
		if err := a.tx.UpdateGroup(a.ctx, &g); err != nil {
			return err
		}
		a.keep(access.PrefixGroup, g.Name, g.ID)
		list = append(list, written{&old, g, s.after.Groups})
		a.moved(old.Members, g.Members)
	}
	return a.nestGroups(list)
}

// moved notes who came to a group or left it.
func (a *applier) moved(old, new []access.ID) {
	count := map[access.ID]int{}
	for _, id := range slices.Concat(old, new) {
		count[id]++
	}
	for id, n := range count {
		if n == 1 && !a.made[id] {
			a.ended[id] = true
		}
	}
}

func (a *applier) writeApplications() error {
	var moving []access.ID
	for _, s := range a.plan.applications {
		if s.before != nil && s.after != nil && s.before.External() != s.after.External() {
			moving = append(moving, s.before.ID)
		}
	}
	if err := a.tx.FreeExternalURLs(a.ctx, moving); err != nil {
		return err
	}
	for _, s := range a.plan.applications {
		if s.after == nil {
			continue
		}
		app := *s.after
		app.GroupID = a.id(access.PrefixConnectorGroup, s.after.GroupID)
		app.OwnerUsers, app.OwnerGroups = a.identified(access.PrefixUser, app.OwnerUsers), a.identified(access.PrefixGroup, app.OwnerGroups)
		perm, before := createApplication, any(nil)
		var err error
		if s.before == nil {
			app.Meta = a.fresh(access.PrefixApplication)
			err = a.tx.InsertApplication(a.ctx, &app)
		} else {
			perm, before = updateApplication, a.w.applications[app.ID]
			app.Updated = a.now
			err = a.tx.UpdateApplication(a.ctx, &app)
		}
		if err != nil {
			return err
		}
		a.keep(access.PrefixApplication, app.Name, app.ID)
		a.audit(perm, object{app.Meta, app.Name}, before, app)
	}
	return nil
}

func (a *applier) createAssignments() error {
	for _, s := range a.plan.assignments {
		if s.after == nil {
			continue
		}
		if s.before != nil {
			if err := a.prolong(s); err != nil {
				return err
			}
			continue
		}
		made := *s.after
		made.Meta = a.fresh(access.PrefixAssignment)
		made.Application = a.id(access.PrefixApplication, s.after.Application)
		made.User, made.Group = a.id(access.PrefixUser, s.after.User), a.id(access.PrefixGroup, s.after.Group)
		if err := a.tx.InsertAssignment(a.ctx, &made); err != nil {
			return err
		}
		a.audit(createAssignment, object{made.Meta, assignmentName(s.after)}, nil, made)
	}
	return nil
}

// prolong changes when an assignment ends.
func (a *applier) prolong(s step[access.Assignment]) error {
	old := a.w.assignments[s.before.ID]
	changed := old
	changed.Expires, changed.Updated = s.after.Expires, a.now
	if err := a.tx.UpdateAssignment(a.ctx, &changed); err != nil {
		return err
	}
	a.audit(updateAssignment, object{changed.Meta, assignmentName(s.after)}, old, changed)
	return nil
}

func (a *applier) deleteAssignments() error {
	for _, s := range a.plan.assignments {
		if s.after != nil {
			continue
		}
		if err := a.tx.DeleteAssignment(a.ctx, s.before.ID, s.before.Version); err != nil {
			return err
		}
		a.audit(deleteAssignment, object{s.before.Meta, assignmentName(s.before)}, a.w.assignments[s.before.ID], nil)
	}
	return nil
}

func (a *applier) deleteApplications() error {
	for _, s := range a.plan.applications {
		if s.after != nil {
			continue
		}
		if err := a.tx.DeleteApplication(a.ctx, s.before.ID, s.before.Version); err != nil {
			return err
		}
		a.audit(deleteApplication, object{s.before.Meta, s.before.Name}, a.w.applications[s.before.ID], nil)
	}
	return nil
}

func (a *applier) deleteGroups() error {
	for _, s := range a.plan.groups {
		if s.after != nil {
			continue
		}
		old := a.w.groups[s.before.ID]
		if err := a.tx.DeleteGroup(a.ctx, old.ID, old.Version); err != nil {
			return err
		}
		a.audit(deleteGroup, object{old.Meta, old.Name}, old, nil)
		a.moved(old.Members, nil)
	}
	return nil
}

func (a *applier) deleteUsers() error {
	for _, s := range a.plan.users {
		if s.after != nil {
			continue
		}
		old := a.w.users[s.before.ID]
		if err := touches(a.by, &old, "the user "+old.Name); err != nil {
			return err
		}
		if err := a.endUser(old.ID, access.ReasonRevoked); err != nil {
			return err
		}
		if err := a.dropDevices(old.ID); err != nil {
			return err
		}
		if err := a.tx.DeleteUser(a.ctx, old.ID, old.Version); err != nil {
			return err
		}
		delete(a.ended, old.ID)
		a.audit(deleteUser, object{old.Meta, old.Name}, old, nil)
	}
	return nil
}

func (a *applier) deleteConnectorGroups() error {
	for _, s := range a.plan.connectorGroups {
		if s.after != nil {
			continue
		}
		if err := a.tx.DeleteConnectorGroup(a.ctx, s.before.ID, 0); err != nil {
			return err
		}
		a.audit(deleteConnectorGroup, object{s.before.Meta, s.before.Name}, a.w.connectorGroups[s.before.ID], nil)
	}
	return nil
}

func (a *applier) endUsers() error {
	return a.change.endUsers(slices.Collect(maps.Keys(a.ended)))
}

func asFault(err error, into **fault.Error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	*into = e
	return ok
}
