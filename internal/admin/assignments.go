package admin

import (
	"context"

	"postern/internal/access"
	"postern/internal/api"
)

// namedAssignment is an assignment with the names of what it names, for who reads lists.
type namedAssignment struct {
	access.Assignment
	names map[access.ID]string
}

func showNamedAssignment(a namedAssignment) api.Assignment {
	shown := showAssignment(a.Assignment)
	shown.ApplicationName, shown.UserName, shown.GroupName = a.names[a.Application], a.names[a.User], a.names[a.Group]
	return shown
}

func (h *Handler) namedAssignments(ctx context.Context, by access.Actor, page access.Page) ([]namedAssignment, string, error) {
	list, next, err := h.cfg.Control.Assignments(ctx, by, "", page)
	if err != nil {
		return nil, "", err
	}
	named, err := h.nameAssignments(ctx, by, list)
	return named, next, err
}

func (h *Handler) namedAssignment(ctx context.Context, by access.Actor, id access.ID) (namedAssignment, error) {
	a, err := h.cfg.Control.Assignment(ctx, by, id)
	if err != nil {
		return namedAssignment{}, err
	}
	named, err := h.nameAssignments(ctx, by, []access.Assignment{a})
	if err != nil {
		return namedAssignment{}, err
	}
	return named[0], nil
}

func (h *Handler) nameAssignments(ctx context.Context, by access.Actor, list []access.Assignment) ([]namedAssignment, error) {
	ids := make([]access.ID, 0, 2*len(list))
	for _, a := range list {
		ids = append(ids, a.Application, a.User, a.Group)
	}
	names, err := h.cfg.Control.NamesOf(ctx, by, ids)
	named := make([]namedAssignment, len(list))
	for i, a := range list {
		named[i] = namedAssignment{a, names}
	}
	return named, err
}
