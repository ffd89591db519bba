package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

// policies lists the routes of assignments and policies.
func (h *Handler) policies() []route {
	get, post, patch, del := http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	c := h.cfg.Control
	return []route{
		{get, "/assignments", "listAssignments", "assignments", "List assignments", viewers, false, unnamed(h.namedAssignments, showNamedAssignment, assignedApp, toUser, toGroup, ofExpired)},
		{post, "/assignments", "createAssignment", "assignments", "Let a user or a group use an application", assigns, false, create(h.createAssignment)},
		{get, "/assignments/{id}", "showAssignment", "assignments", "Show an assignment", viewers, false, one(access.PrefixAssignment, h.namedAssignment, showNamedAssignment)},
		{patch, "/assignments/{id}", "updateAssignment", "assignments", "Change when an assignment ends", assigns, false, update(h.changeAssignment())},
		{del, "/assignments/{id}", "deleteAssignment", "assignments", "Delete an assignment", assigns, false, remove(access.PrefixAssignment, c.DeleteAssignment)},
		{get, "/explain", "explainAccess", "service", "Say whether a user may use an application, and what is in the way", viewers, false, h.explain()},
		{get, "/policies", "listPolicies", "policies", "List policies", viewers, false, list(c.Policies, showPolicy, ofMode, forApplication, namingUser, namingGroup)},
		{post, "/policies", "createPolicy", "policies", "Make a policy", people, false, create(h.createPolicy)},
		{get, "/policies/{id}", "showPolicy", "policies", "Show a policy", viewers, false, one(access.PrefixPolicy, c.Policy, showPolicy)},
		{patch, "/policies/{id}", "updatePolicy", "policies", "Change a policy", people, false, update(h.changePolicy())},
		{del, "/policies/{id}", "deletePolicy", "policies", "Delete a policy", people, false, remove(access.PrefixPolicy, c.DeletePolicy)},
		{get, "/policies/{id}/history", "listPolicyHistory", "policies", "Show who changed what of a policy", viewers, false, history(access.PrefixPolicy, c.PolicyHistory)},
		{post, "/policies/{id}/undo", "undoPolicy", "policies", "Give a policy the fields of an earlier version", people, false, undo(access.PrefixPolicy, c.UndoPolicy, showPolicy)},
	}
}

var (
	ofMode         = filter{"mode", "Only policies in this mode.", "", []string{string(access.ModeEnforce), string(access.ModeReportOnly), string(access.ModeOff)}}
	forApplication = filter{"application", "Only policies that are for this application, or for all.", access.PrefixApplication, nil}
)

func showPolicy(p access.Policy) api.Policy {
	return api.Policy{Meta: meta(p.Meta), PolicyInput: inputPolicy(p), Unknown: p.Conditions.Unknown}
}

func inputPolicy(p access.Policy) api.PolicyInput {
	c := &p.Conditions
	return api.PolicyInput{
		Name: p.Name, Description: p.Description, Mode: string(p.Mode), AllApplications: p.AllApplications, Applications: words(p.Applications),
		Everyone: p.Everyone, Users: words(p.Users), Groups: words(p.Groups), ExceptUsers: words(p.ExceptUsers), ExceptGroups: words(p.ExceptGroups),
		Strength: string(c.Strength), MaxAge: duration(c.MaxAge), AllowedNetworks: texts(c.AllowedNetworks), BlockedNetworks: texts(c.BlockedNetworks),
		Windows: texts(c.Windows), DeviceEnrolled: c.Device.Enrolled, DeviceSystems: append([]string{}, c.Device.Systems...), ClientVersions: texts(c.Device.Clients),
	}
}

// texts writes values as text, never nil.
func texts[T interface{ String() string }](from []T) []string {
	to := make([]string, len(from))
	for i, v := range from {
		to[i] = v.String()
	}
	return to
}

func applyPolicy(p *access.Policy, in api.PolicyInput) error {
	var problems fault.Problems
	p.Name, p.Description, p.Mode = in.Name, in.Description, access.PolicyMode(in.Mode)
	p.AllApplications, p.Applications = in.AllApplications, typed[access.ID](in.Applications)
	p.Everyone, p.Users, p.Groups = in.Everyone, typed[access.ID](in.Users), typed[access.ID](in.Groups)
	p.ExceptUsers, p.ExceptGroups = typed[access.ID](in.ExceptUsers), typed[access.ID](in.ExceptGroups)
	p.Conditions = access.Conditions{
		Strength: access.Strength(in.Strength), MaxAge: parseDuration(&problems, "maxAge", in.MaxAge),
		AllowedNetworks: parsed(&problems, "allowedNetworks", in.AllowedNetworks, access.ParseNetwork),
		BlockedNetworks: parsed(&problems, "blockedNetworks", in.BlockedNetworks, access.ParseNetwork),
		Windows:         parsed(&problems, "windows", in.Windows, access.ParseWindow),
		Device: access.DeviceCondition{Enrolled: in.DeviceEnrolled, Systems: in.DeviceSystems,
			Clients: parsed(&problems, "clientVersions", in.ClientVersions, access.ParseClientVersion)},
		Unknown: p.Conditions.Unknown,
	}
	p.Defaults()
	return problems.Err()
}

// parsed reads a list of texts and notes which are wrong.
func parsed[T any](p *fault.Problems, field string, from []string, parse func(string) (T, error)) []T {
	var to []T
	for _, text := range from {
		v, err := parse(text)
		if err != nil {
			p.Check(field, err)
			continue
		}
		to = append(to, v)
	}
	return to
}

func (h *Handler) createPolicy(c *call, in api.PolicyInput) (api.Policy, error) {
	var p access.Policy
	if err := applyPolicy(&p, in); err != nil {
		return api.Policy{}, err
	}
	made, err := h.cfg.Control.CreatePolicy(c, c.by, p)
	return showPolicy(made), err
}

func (h *Handler) changePolicy() change[access.Policy, api.PolicyInput, api.Policy] {
	return change[access.Policy, api.PolicyInput, api.Policy]{
		prefix: access.PrefixPolicy, read: h.cfg.Control.Policy, input: inputPolicy,
		apply: applyPolicy, write: h.cfg.Control.UpdatePolicy, show: showPolicy,
	}
}
