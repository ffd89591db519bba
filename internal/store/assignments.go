package store

import (
	"context"

	"postern/internal/access"
)

var assignments = table[access.Assignment]{
	name:    "assignments",
	what:    "assignment",
	columns: []string{"application_id", "user_id", "group_id"},
	filters: map[string]condition{"user": equal("user_id"), "group": equal("group_id")},
	meta:    func(a *access.Assignment) *access.Meta { return &a.Meta },
	values: func(a *access.Assignment) []any {
		return []any{string(a.Application), nullable(a.User), nullable(a.Group)}
	},
	into: func(a *access.Assignment) ([]any, func() error) {
		var user, group *string
		return []any{&a.Application, &user, &group}, func() error {
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

// Assignment gives an assignment.
func (t *Tx) Assignment(ctx context.Context, id access.ID) (access.Assignment, error) {
	return assignments.one(ctx, t, "id", string(id))
}

// Assignments gives a page of the assignments, of one application or, with an empty id, of all.
func (t *Tx) Assignments(ctx context.Context, application access.ID, p access.Page) ([]access.Assignment, string, error) {
	if application == "" {
		return assignments.page(ctx, t, p, "", nil)
	}
	return assignments.page(ctx, t, p, "application_id = $4", string(application))
}

// AllAssignments gives every assignment, for a snapshot.
func (t *Tx) AllAssignments(ctx context.Context) ([]access.Assignment, error) {
	return assignments.all(ctx, t)
}

// InsertAssignment stores a new assignment.
func (t *Tx) InsertAssignment(ctx context.Context, a *access.Assignment) error {
	return assignments.insert(ctx, t, a)
}

// DeleteAssignment removes an assignment.
func (t *Tx) DeleteAssignment(ctx context.Context, id access.ID, version int64) error {
	return assignments.remove(ctx, t, id, version)
}
