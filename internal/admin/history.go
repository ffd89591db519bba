package admin

import (
	"context"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

type historian[D any] = func(context.Context, access.Actor, access.ID) ([]control.Version[D], error)

// history shows the versions of an object with what each changed.
func history[D any](prefix string, read historian[D]) operation {
	return operation{out: typeOf[api.List[api.HistoryEntry]](), status: 200, path: prefix, run: func(c *call) (reply, error) {
		versions, err := read(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		items := make([]api.HistoryEntry, len(versions))
		for i, v := range versions {
			var before any = struct{}{}
			if i+1 < len(versions) {
				before = written(versions[i+1].Object)
			}
			// Where the request came from is for those who may read the audit log.
			who := v.Entry.Actor
			items[i] = api.HistoryEntry{Version: v.Number, Time: v.Entry.Time, Action: v.Entry.Action,
				Actor:  api.AuditActor{Kind: string(who.Kind), ID: string(who.ID), Name: who.Name},
				Fields: compare(before, written(v.Object))}
		}
		return reply{body: api.List[api.HistoryEntry]{Items: items}}, nil
	}}
}

// undo writes an earlier version as a new one, against the version that was stated.
func undo[D any, T stamped](prefix string, do func(context.Context, access.Actor, control.Undo) (D, error), show view[D, T]) operation {
	return operation{in: typeOf[api.UndoInput](), out: typeOf[T](), status: 200, path: prefix, tagged: true, match: "one",
		run: func(c *call) (reply, error) {
			in, err := into[api.UndoInput](c.body)
			if err != nil {
				return reply{}, err
			}
			object, err := do(c, c.by, control.Undo{ID: c.id, Version: c.condition.version, To: in.To})
			if err != nil {
				return reply{}, err
			}
			return tagged(show(object)), nil
		}}
}

// past gives the routes of history and undo of the nouns that have versions.
func (h *Handler) past() []route {
	c := h.cfg.Control
	return []route{
		{"GET", "/applications/{id}/history", "listApplicationHistory", "applications", "Show who changed what of an application", viewers, false, history(access.PrefixApplication, c.ApplicationHistory)},
		{"POST", "/applications/{id}/undo", "undoApplication", "applications", "Give an application the fields of an earlier version", apps, false, undo(access.PrefixApplication, c.UndoApplication, showApplication)},
		{"GET", "/connector-groups/{id}/history", "listConnectorGroupHistory", "connector-groups", "Show who changed what of a connector group", viewers, false, history(access.PrefixConnectorGroup, c.ConnectorGroupHistory)},
		{"POST", "/connector-groups/{id}/undo", "undoConnectorGroup", "connector-groups", "Give a connector group the fields of an earlier version", apps, false, undo(access.PrefixConnectorGroup, c.UndoConnectorGroup, showConnectorGroup)},
		{"GET", "/users/{id}/history", "listUserHistory", "users", "Show who changed what of a user", viewers, false, history(access.PrefixUser, c.UserHistory)},
		{"POST", "/users/{id}/undo", "undoUser", "users", "Give a user the fields of an earlier version", people, false, undo(access.PrefixUser, c.UndoUser, showUser)},
		{"GET", "/groups/{id}/history", "listGroupHistory", "groups", "Show who changed what of a group", viewers, false, history(access.PrefixGroup, c.GroupHistory)},
		{"POST", "/groups/{id}/undo", "undoGroup", "groups", "Give a group the fields and members of an earlier version", people, false, undo(access.PrefixGroup, c.UndoGroup, showGroup)},
		{"GET", "/connectors/{id}/history", "listConnectorHistory", "connectors", "Show who changed what of a connector", viewers, false, history(access.PrefixConnector, c.ConnectorHistory)},
		{"POST", "/connectors/{id}/undo", "undoConnector", "connectors", "Give a connector the name, group and state of an earlier version", apps, false, undo(access.PrefixConnector, c.UndoConnector, h.showConnector)},
		{"GET", "/assignments/{id}/history", "listAssignmentHistory", "assignments", "Show who changed what of an assignment", viewers, false, history(access.PrefixAssignment, c.AssignmentHistory)},
		{"POST", "/assignments/{id}/undo", "undoAssignment", "assignments", "Let an assignment end when an earlier version did", assigns, false, undo(access.PrefixAssignment, c.UndoAssignment, showAssignment)},
		{"GET", "/exports/{id}/history", "listExportHistory", "exports", "Show who changed what of an export", auditors, false, history(access.PrefixExport, c.ExportHistory)},
		{"POST", "/exports/{id}/undo", "undoExport", "exports", "Give an export the fields of an earlier version; its secret stays", owner, false, undo(access.PrefixExport, c.UndoExport, showExport)},
	}
}
