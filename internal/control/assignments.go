package control

import (
	"context"

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
		list, next, err = tx.Assignments(ctx, application, page)
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
		a.Meta = ch.fresh(access.PrefixAssignment)
		name, err := ch.checkAssignment(&a)
		if err != nil {
			return err
		}
		if err := ch.tx.InsertAssignment(ctx, &a); err != nil {
			return err
		}
		ch.audit(createAssignment, object{a.Meta, name}, nil, a)
		return nil
	})
	return a, err
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
		if err := ch.tx.DeleteAssignment(ctx, id, version); err != nil {
			return err
		}
		ch.audit(deleteAssignment, object{old.Meta, ""}, old, nil)
		return nil
	})
}
