package control

import (
	"context"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// Assignments lists assignments, only those of one application unless that is empty, and gives the
// cursor of the next page, empty at the end.
func (c *Control) Assignments(
	ctx context.Context, by access.Actor, application access.ID, page access.Page,
) (list []access.Assignment, next string, err error) {
	err = c.read(ctx, request{by: by, perm: readAssignment}, func(tx *store.Tx) error {
		list, next, err = tx.Assignments(ctx, application, c.timed(page))
		return err
	})
	return list, next, err
}

// Assignment gives one assignment.
func (c *Control) Assignment(ctx context.Context, by access.Actor, id access.ID) (a access.Assignment, err error) {
	err = c.read(ctx, request{by: by, perm: readAssignment, object: id}, func(tx *store.Tx) error {
		a, err = tx.Assignment(ctx, id)
		return err
	})
	return a, err
}

// CreateAssignment lets a user or a group use an application.
func (c *Control) CreateAssignment(ctx context.Context, by access.Actor, a access.Assignment) (access.Assignment, error) {
	err := c.act(ctx, request{by: by, perm: createAssignment, object: a.Application}, func(ch *change) error {
		a.Request = ""
		return ch.assign(&a)
	})
	return a, err
}

// assign adds an assignment. One of the same that has ended makes room for it.
func (ch *change) assign(a *access.Assignment) error {
	a.Meta = ch.fresh(access.PrefixAssignment)
	a.Expires = a.Expires.UTC().Truncate(time.Microsecond)
	name, err := ch.checkAssignment(a)
	if err != nil {
		return err
	}
	if a.Over(ch.now) {
		return errPast
	}
	old, err := ch.tx.AssignmentOf(ch.ctx, a)
	switch {
	case err == nil && old.Over(ch.now):
		if err := ch.tx.DeleteAssignment(ch.ctx, old.ID, old.Version); err != nil {
			return err
		}
		ch.audit(deleteAssignment, object{old.Meta, name}, old, nil)
	case err != nil && !fault.Is(err, fault.KindNotFound):
		return err
	}
	if err := ch.tx.InsertAssignment(ch.ctx, a); err != nil {
		return err
	}
	ch.audit(createAssignment, object{a.Meta, name}, nil, *a)
	return nil
}

var errPast = fault.Invalid("expires", "must be in the future")

// UpdateAssignment changes when an assignment ends; a.Version is the version that the caller saw.
// To whom it gives what stays: that would be another assignment.
func (c *Control) UpdateAssignment(ctx context.Context, by access.Actor, a access.Assignment) (access.Assignment, error) {
	var out access.Assignment
	err := c.act(ctx, request{by: by, perm: updateAssignment, object: a.ID}, func(ch *change) error {
		old, err := ch.tx.Assignment(ctx, a.ID)
		if err != nil {
			return err
		}
		var p fault.Problems
		for field, same := range map[string]bool{"application": a.Application == old.Application, "user": a.User == old.User, "group": a.Group == old.Group} {
			if !same {
				p.Add(field, "cannot be changed; make another assignment instead")
			}
		}
		if err := p.Err(); err != nil {
			return err
		}
		out = old
		out.Version, out.Updated, out.Expires = a.Version, ch.now, a.Expires.UTC().Truncate(time.Microsecond)
		if out.Over(ch.now) && !out.Expires.Equal(old.Expires) {
			return errPast
		}
		name, err := ch.checkAssignment(&out)
		if err != nil {
			return err
		}
		if err := ch.tx.UpdateAssignment(ctx, &out); err != nil {
			return err
		}
		ch.audit(updateAssignment, object{out.Meta, name}, old, out)
		return nil
	})
	return out, err
}

// checkAssignment checks that what it connects exists and gives a name for the audit log.
func (ch *change) checkAssignment(a *access.Assignment) (string, error) {
	if err := a.Validate(); err != nil {
		return "", err
	}
	var p fault.Problems
	missing := func(field string, err error) error {
		if fault.Is(err, fault.KindNotFound) {
			p.Add(field, "must be the id of one that exists")
			return nil
		}
		return err
	}
	app, err := ch.tx.Application(ch.ctx, a.Application)
	if err := missing("application", err); err != nil {
		return "", err
	}
	var subject string
	if a.User != "" {
		user, err := ch.tx.User(ch.ctx, a.User)
		if err := missing("user", err); err != nil {
			return "", err
		}
		subject = user.Name
	} else {
		group, err := ch.tx.Group(ch.ctx, a.Group)
		if err := missing("group", err); err != nil {
			return "", err
		}
		subject = group.Name
	}
	return subject + " → " + app.Name, p.Err()
}

// DeleteAssignment takes an application away from a user or a group.
func (c *Control) DeleteAssignment(ctx context.Context, by access.Actor, id access.ID, version int64) error {
	return c.act(ctx, request{by: by, perm: deleteAssignment, object: id}, func(ch *change) error {
		old, err := ch.tx.Assignment(ctx, id)
		if err != nil {
			return err
		}
		name, err := ch.checkAssignment(&old)
		if err != nil {
			return err
		}
		if err := ch.tx.DeleteAssignment(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteAssignment, object{old.Meta, name}, old, nil)
		return nil
	})
}

// AssignmentHistory gives the versions of an assignment, the newest first.
func (c *Control) AssignmentHistory(ctx context.Context, by access.Actor, id access.ID) ([]Version[access.Assignment], error) {
	return c.assignmentVersions(ctx, request{by: by, perm: readAssignment, object: id})
}

// UndoAssignment lets an assignment end when an earlier version did.
func (c *Control) UndoAssignment(ctx context.Context, by access.Actor, u Undo) (access.Assignment, error) {
	list, err := c.assignmentVersions(ctx, request{by: by, perm: updateAssignment, object: u.ID})
	if err != nil {
		return access.Assignment{}, err
	}
	old, err := pick(list, u)
	if err != nil {
		return access.Assignment{}, err
	}
	if old.Over(c.now()) && !old.Expires.Equal(list[0].Object.Expires) {
		return access.Assignment{}, fault.Conflict("that version ended at %s; delete the assignment, or say when it ends instead", stamp(old.Expires))
	}
	old.Meta = access.Meta{ID: u.ID, Version: u.Version}
	return c.UpdateAssignment(ctx, by, old)
}

func (c *Control) assignmentVersions(ctx context.Context, r request) (list []Version[access.Assignment], err error) {
	err = c.read(ctx, r, func(tx *store.Tx) error {
		now, err := tx.Assignment(ctx, r.object)
		if err != nil {
			return err
		}
		list, err = past(ctx, tx, lived[access.Assignment]{now, now.Meta, []permission{createAssignment, updateAssignment}})
		return err
	})
	return list, err
}
