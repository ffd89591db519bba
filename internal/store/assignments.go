package store

import (
	"context"
	"maps"
	"strconv"
	"time"

	"postern/internal/access"
	"postern/internal/fault"
)

var assignments = table[access.Assignment]{
	name:    "assignments",
	what:    "assignment",
	columns: []string{"application_id", "user_id", "group_id", "expires", "request_id"},
	filters: map[string]condition{
		"application": equal("application_id"), "user": equal("user_id"), "group": equal("group_id"),
		"over": over("expires"), "good": good("expires"),
	},
	meta: func(a *access.Assignment) *access.Meta { return &a.Meta },
	values: func(a *access.Assignment) []any {
		return []any{string(a.Application), nullable(a.User), nullable(a.Group), micros(a.Expires), string(a.Request)}
	},
	into: func(a *access.Assignment) ([]any, func() error) {
		var user, group *string
		var expires int64
		return []any{&a.Application, &user, &group, &expires, &a.Request}, func() error {
			a.Expires = moment(expires)
			if user != nil {
				a.User = access.ID(*user)
			}
			if group != nil {
				a.Group = access.ID(*group)
			}
			return nil
		}
	},
}

// whole reads a time in microseconds, as Page.Only holds it.
func whole(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Assignment gives an assignment.
func (t *Tx) Assignment(ctx context.Context, id access.ID) (access.Assignment, error) {
	return assignments.one(ctx, t, "id", string(id))
}

// Assignments gives a page of the assignments, of one application or, with an empty id, of all.
func (t *Tx) Assignments(ctx context.Context, application access.ID, p access.Page) ([]access.Assignment, string, error) {
	if application != "" {
		p.Only = maps.Clone(p.Only)
		if p.Only == nil {
			p.Only = map[string]string{}
		}
		p.Only["application"] = string(application)
	}
	return assignments.page(ctx, t, p)
}

// AllAssignments gives every assignment, for a snapshot.
func (t *Tx) AllAssignments(ctx context.Context) ([]access.Assignment, error) {
	return assignments.all(ctx, t)
}

// InsertAssignment stores a new assignment.
func (t *Tx) InsertAssignment(ctx context.Context, a *access.Assignment) error {
	return assignments.insert(ctx, t, a)
}

// UpdateAssignment stores an assignment that is still at the version it was read at.
func (t *Tx) UpdateAssignment(ctx context.Context, a *access.Assignment) error {
	return assignments.update(ctx, t, a)
}

// AssignmentOf gives the assignment of an application to a user, or to a group if user is empty.
func (t *Tx) AssignmentOf(ctx context.Context, of *access.Assignment) (access.Assignment, error) {
	query, arg := " WHERE application_id = $1 AND user_id = $2", of.User
	if of.User == "" {
		query, arg = " WHERE application_id = $1 AND group_id = $2", of.Group
	}
	list, err := rows(ctx, t, assignments.scan, assignments.selected()+query, string(of.Application), string(arg))
	if err == nil && len(list) == 0 {
		err = fault.NotFound("there is no such assignment")
	}
	if err != nil {
		return access.Assignment{}, err
	}
	return list[0], nil
}

// AssignmentsOver gives at most limit assignments that ended before a time, the oldest first.
func (t *Tx) AssignmentsOver(ctx context.Context, before time.Time, limit int) ([]access.Assignment, error) {
	return rows(ctx, t, assignments.scan, assignments.selected()+" WHERE expires > 0 AND expires <= $1 ORDER BY expires, id LIMIT $2",
		micros(before), limit)
}

// DeleteAssignment removes an assignment.
func (t *Tx) DeleteAssignment(ctx context.Context, id access.ID, version int64) error {
	return assignments.remove(ctx, t, id, version)
}
