package admin

import (
	"context"
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

// accounts lists the routes about how users sign in.
func (h *Handler) accounts() []route {
	get, post, del := http.MethodGet, http.MethodPost, http.MethodDelete
	c := h.cfg.Control
	return []route{
		{post, "/users/{id}/link", "createUserLink", "users", "Make a one-time link with which a user sets a password; it is shown once", people, false, h.createLink()},
		{get, "/users/{id}/sessions", "listUserSessions", "users", "List where a user is signed in", overseer, false, h.userSessions()},
		{del, "/users/{id}/sessions", "revokeUserSessions", "users", "Sign a user out everywhere", people, false, onUser(c, (*control.Control).RevokeSessions)},
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
