package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
)

func showUser(u access.User) api.User {
	return api.User{Meta: meta(u.Meta), UserInput: inputUser(u), Groups: words(u.Groups), PasswordSet: u.PasswordSet, UpstreamRefused: u.UpstreamRefused, Factors: words(u.Factors), LastSignIn: u.LastSignIn}
}

func inputUser(u access.User) api.UserInput {
	return api.UserInput{Name: u.Name, DisplayName: u.DisplayName, Email: u.Email, Disabled: u.Disabled, Roles: words(u.Roles),
		RequireSecondFactor: u.RequireSecondFactor, BreakGlass: u.BreakGlass, Upstream: string(u.Upstream), Subject: u.Subject}
}

func applyUser(u *access.User, in api.UserInput) error {
	u.Name, u.DisplayName, u.Email, u.Disabled = in.Name, in.DisplayName, in.Email, in.Disabled
	u.Roles, u.RequireSecondFactor = typed[access.Role](in.Roles), in.RequireSecondFactor
	u.BreakGlass = in.BreakGlass
	u.Upstream, u.Subject = access.ID(in.Upstream), in.Subject
	return nil
}

func (h *Handler) createUser(c *call, in api.UserCreate) (api.User, error) {
	var u access.User
	if err := applyUser(&u, in.UserInput); err != nil {
		return api.User{}, err
	}
	made, err := h.cfg.Control.CreateUser(c, c.by, u, in.Password)
	return showUser(made), err
}

func (h *Handler) changeUser() change[access.User, api.UserInput, api.User] {
	return change[access.User, api.UserInput, api.User]{
		prefix: access.PrefixUser, read: h.cfg.Control.User, input: inputUser,
		apply: applyUser, write: h.cfg.Control.UpdateUser, show: showUser,
	}
}

func (h *Handler) setPassword() operation {
	return operation{in: typeOf[api.PasswordInput](), status: 204, path: access.PrefixUser, run: func(c *call) (reply, error) {
		in, err := into[api.PasswordInput](c.body)
		if err != nil {
			return reply{}, err
		}
		return reply{}, h.cfg.Control.SetPassword(c, c.by, c.id, in.Password)
	}}
}

// groups lists the routes of groups.
func (h *Handler) groups() []route {
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	c := h.cfg.Control
	return []route{
		{get, "/groups", "listGroups", "groups", "List groups of users", viewers, false, list(c.Groups, showGroup, ofMember, ofMemberGroup)},
		{post, "/groups", "createGroup", "groups", "Make a group of users", people, false, create(h.createGroup)},
		{get, "/groups/{id}", "showGroup", "groups", "Show a group with its members", viewers, false, one(access.PrefixGroup, c.Group, showGroup)},
		{patch, "/groups/{id}", "updateGroup", "groups", "Change a group or its members", people, false, update(h.changeGroup())},
		{del, "/groups/{id}", "deleteGroup", "groups", "Delete a group", people, false, remove(access.PrefixGroup, c.DeleteGroup)},
	}
}

func showGroup(g access.Group) api.Group {
	return api.Group{Meta: meta(g.Meta), GroupInput: inputGroup(g)}
}

func inputGroup(g access.Group) api.GroupInput {
	return api.GroupInput{Name: g.Name, Description: g.Description, Members: words(g.Members), Groups: words(g.Groups)}
}

func applyGroup(g *access.Group, in api.GroupInput) error {
	g.Name, g.Description, g.Members = in.Name, in.Description, typed[access.ID](in.Members)
	g.Groups = typed[access.ID](in.Groups)
	return nil
}

func (h *Handler) createGroup(c *call, in api.GroupInput) (api.Group, error) {
	var g access.Group
	if err := applyGroup(&g, in); err != nil {
		return api.Group{}, err
	}
	made, err := h.cfg.Control.CreateGroup(c, c.by, g)
	return showGroup(made), err
}

func (h *Handler) changeGroup() change[access.Group, api.GroupInput, api.Group] {
	return change[access.Group, api.GroupInput, api.Group]{
		prefix: access.PrefixGroup, read: h.cfg.Control.Group, input: inputGroup,
		apply: applyGroup, write: h.cfg.Control.UpdateGroup, show: showGroup,
	}
}
