package admin

import (
	"encoding/json"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

func showAudit(e access.AuditEntry) api.AuditEntry {
	shown := api.AuditEntry{
		ID: string(e.ID), Seq: e.Seq, Time: e.Time, Version: e.Version, Action: e.Action, Object: string(e.Object), Name: e.Name, Outcome: e.Outcome,
		Actor: api.AuditActor{Kind: string(e.Actor.Kind), ID: string(e.Actor.ID), Name: e.Actor.Name,
			Address: e.Actor.Address, Request: e.Actor.Request},
	}
	switch {
	case json.Valid([]byte(e.Detail)):
		shown.Detail = json.RawMessage(e.Detail)
	case e.Detail != "":
		shown.Detail, _ = json.Marshal(e.Detail) // a string: cannot fail
	}
	return shown
}

func (h *Handler) listAudit() operation {
	return operation{out: typeOf[api.List[api.AuditEntry]](), status: 200, query: append(paging[:len(paging):len(paging)],
		parameter{"object", "Only what happened to this object.", ""},
		parameter{"action", "Only this action, such as application.create.", ""},
		parameter{"actor", "Only what this user or API key did.", ""},
		parameter{"since", "Only what happened at or after this time.", "date-time"},
	), run: func(c *call) (reply, error) {
		filter, err := auditFilter(c)
		if err != nil {
			return reply{}, err
		}
		found, next, err := h.cfg.Control.Audits(c, c.by, filter)
		return listed(found, next, err, showAudit)
	}}
}

func auditFilter(c *call) (control.AuditFilter, error) {
	var p fault.Problems
	f := control.AuditFilter{Action: c.query.Get("action")}
	var err error
	f.Page, err = c.page()
	p.Check("page", err)
	f.Object, err = c.reference("object", access.PrefixApplication, access.PrefixAssignment, access.PrefixConnector,
		access.PrefixConnectorGroup, access.PrefixGroup, access.PrefixUser, access.PrefixToken, access.PrefixKey, access.PrefixCertificate)
	p.Check("object", err)
	f.Actor, err = c.reference("actor", access.PrefixUser, access.PrefixKey, access.PrefixConnector)
	p.Check("actor", err)
	f.Since, err = c.time("since")
	p.Check("since", err)
	if len(f.Action) > 64 {
		p.Add("action", "must be an action such as application.create")
	}
	return f, p.Err()
}
