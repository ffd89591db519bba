package admin

import (
	"context"
	"net/http"

	"postern/internal/access"
)

// restored brings a deleted object back.
func restored[D any, T stamped](prefix string, do func(context.Context, access.Actor, access.ID) (D, error), show view[D, T]) operation {
	return operation{out: typeOf[T](), status: 200, path: prefix, tagged: true, run: func(c *call) (reply, error) {
		object, err := do(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return tagged(show(object)), nil
	}}
}

// deleted lists the routes that bring deleted objects back.
func (h *Handler) deleted() []route {
	post := http.MethodPost
	c := h.cfg.Control
	return []route{
		{post, "/applications/{id}/restore", "restoreApplication", "applications", "Bring a deleted application back; its assignments went with it", apps, false, restored(access.PrefixApplication, c.RestoreApplication, showApplication)},
		{post, "/connector-groups/{id}/restore", "restoreConnectorGroup", "connector-groups", "Bring a deleted connector group back", apps, false, restored(access.PrefixConnectorGroup, c.RestoreConnectorGroup, showConnectorGroup)},
		{post, "/users/{id}/restore", "restoreUser", "users", "Bring a deleted user back, without password and factors", people, false, restored(access.PrefixUser, c.RestoreUser, showUser)},
		{post, "/groups/{id}/restore", "restoreGroup", "groups", "Bring a deleted group back, with those of its members that there still are", people, false, restored(access.PrefixGroup, c.RestoreGroup, showGroup)},
		{post, "/assignments/{id}/restore", "restoreAssignment", "assignments", "Bring a deleted assignment back", assigns, false, restored(access.PrefixAssignment, c.RestoreAssignment, showAssignment)},
		{post, "/policies/{id}/restore", "restorePolicy", "policies", "Bring a deleted policy back, for those whom it named that there still are", people, false, restored(access.PrefixPolicy, c.RestorePolicy, showPolicy)},
		{post, "/upstreams/{id}/restore", "restoreUpstream", "upstreams", "Bring a deleted upstream back, without its secret", people, false, restored(access.PrefixUpstream, c.RestoreUpstream, h.showUpstream)},
		{post, "/exports/{id}/restore", "restoreExport", "exports", "Bring a deleted export back, without its secret; it goes on with what comes from now on", owner, false, restored(access.PrefixExport, c.RestoreExport, showExport)},
	}
}
