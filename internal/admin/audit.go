package admin

import (
	"encoding/json"
	"strings"

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
		parameter{"outcome", "Only what was done, or refused.", ""},
		parameter{"request", "Only what the request with this reference did.", ""},
		parameter{"search", "Only what happened to an object whose name contains this, whatever its case.", ""},
		parameter{"since", "Only what happened at or after this time.", "date-time"},
		parameter{"until", "Only what happened at or before this time.", "date-time"},
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
	f := control.AuditFilter{Action: c.query.Get("action"), Request: c.query.Get("request")}
	var err error
	f.Page, err = c.page()
	p.Check("page", err)
	f.Object = access.ID(c.query.Get("object"))
	// Of whatever kind: it may be one that there is not any more.
	if prefix, _, _ := strings.Cut(string(f.Object), "_"); f.Object != "" && (len(prefix) != 3 || !f.Object.Valid(prefix)) {
		p.Add("object", "must be an id such as %s_…", access.PrefixApplication)
	}
	f.Actor, err = c.reference("actor", access.PrefixUser, access.PrefixKey, access.PrefixConnector)
	p.Check("actor", err)
	f.Since, err = c.time("since")
	p.Check("since", err)
	f.Until, err = c.time("until")
	p.Check("until", err)
	if f.Outcome = c.query.Get("outcome"); f.Outcome != "" && f.Outcome != "done" && f.Outcome != "refused" {
		p.Add("outcome", "must be done or refused")
	}
	if len(f.Request) > 64 {
		p.Add("request", "must be the reference of a request, as problems and logs have it")
	}
	if len(f.Action) > 64 {
		p.Add("action", "must be an action such as application.create")
	}
	return f, p.Err()
}
