package admin

import (
	"context"
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/fault"
)

// accounts lists the routes about how users sign in.
func (h *Handler) accounts() []route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	c := h.cfg.Control
	return []route{
		{post, "/users/{id}/link", "createUserLink", "users", "Make a one-time link with which a user sets a password; it is shown once", people, false, h.createLink()},
		{get, "/users/{id}/sessions", "listUserSessions", "users", "List where a user is signed in", overseer, false, h.userSessions()},
		{del, "/users/{id}/sessions", "revokeUserSessions", "users", "Sign a user out everywhere, or of one session", people, false, h.revokeSessions()},
		{get, "/users/{id}/factors", "showUserFactors", "users", "Show the second factors of a user", overseer, false, h.userFactors()},
		{get, "/users/{id}/applications", "listUserApplications", "users", "List the applications that are assigned to a user, and whether they may open each at this moment", viewers, false, h.userApplications()},
		{del, "/users/{id}/factors", "resetUserFactors", "users", "Remove a user's second factors and recovery codes", people, false, onUser(c, (*control.Control).ResetFactors)},
	}
}

// onUser does something to a user that has no body and no answer.
func onUser(c *control.Control, do func(*control.Control, context.Context, access.Actor, access.ID) error) operation {
	return operation{status: 204, path: access.PrefixUser, run: func(call *call) (reply, error) {
		return reply{}, do(c, call, call.by, call.id)
	}}
}

func (h *Handler) createLink() operation {
	return operation{out: typeOf[api.UserLink](), status: 201, path: access.PrefixUser, run: func(c *call) (reply, error) {
		link, address, err := h.cfg.Control.CreateLink(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.UserLink{URL: address, Kind: string(link.Kind), Expires: link.Expires}}, nil
	}}
}

func (h *Handler) userSessions() operation {
	return operation{out: typeOf[api.List[api.Session]](), status: 200, path: access.PrefixUser, run: func(c *call) (reply, error) {
		found, err := h.cfg.Control.UserSessions(c, c.by, c.id)
		return listed(found, "", err, showSession)
	}}
}

func showSession(s access.Session) api.Session {
	return api.Session{
		ID: string(s.ID), Kind: string(s.Kind), Name: s.Name, Address: s.Address, UserAgent: s.UserAgent, Methods: append([]string{}, s.Methods...),
		Authenticated: s.Authenticated, LastUsed: s.LastUsed, Expires: s.Expires,
	}
}

func (h *Handler) revokeSessions() operation {
	query := []parameter{{"session", "Only this session; all of the user's if left out.", ""}}
	return operation{status: 204, path: access.PrefixUser, query: query, run: func(c *call) (reply, error) {
		id, err := c.reference("session", access.PrefixSession)
		switch {
		case err != nil:
			return reply{}, err
		case id != "":
			return reply{}, h.cfg.Control.RevokeSession(c, c.by, c.id, id)
		case c.query.Has("session"):
			return reply{}, fault.Invalid("session", "must not be empty")
		}
		return reply{}, h.cfg.Control.RevokeSessions(c, c.by, c.id)
	}}
}

func (h *Handler) userFactors() operation {
	return operation{out: typeOf[api.UserFactors](), status: 200, path: access.PrefixUser, run: func(c *call) (reply, error) {
		found, err := h.cfg.Control.UserFactors(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		out := api.UserFactors{Factors: make([]api.UserFactor, len(found.List)), RecoveryCodes: found.RecoveryCodes}
		for i, f := range found.List {
			out.Factors[i] = api.UserFactor{ID: string(f.ID), Kind: string(f.Kind), Name: f.Name, Added: f.Created, LastUsed: f.LastUsed}
		}
		return reply{body: out}, nil
	}}
}

func (h *Handler) userApplications() operation {
	return operation{out: typeOf[api.List[api.UserApplication]](), status: 200, path: access.PrefixUser, run: func(c *call) (reply, error) {
		found, err := h.cfg.Control.UserApplications(c, c.by, c.id)
		return listed(found, "", err, showOpening)
	}}
}

func showOpening(o control.Opening) api.UserApplication {
	d := o.Decision
	out := api.UserApplication{ID: string(o.App.ID), Name: o.App.Name, ExternalURL: o.App.ExternalURL, Allow: d.Allow, Reason: d.Reason, Message: d.Message, StepUp: string(d.StepUp)}
	for _, a := range o.Assignments {
		out.Assignments = append(out.Assignments, api.UserAssignment{ID: string(a.ID), Group: string(a.Group), Expires: a.Expires})
	}
	return out
}
