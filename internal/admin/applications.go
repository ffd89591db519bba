package admin

import (
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/fault"
)

func showApplication(a access.Application) api.Application {
	return api.Application{Meta: meta(a.Meta), ApplicationInput: inputApplication(a)}
}

func inputApplication(a access.Application) api.ApplicationInput {
	return api.ApplicationInput{
		Name: a.Name, Kind: string(a.Kind), Direct: a.Direct, ProxyProtocol: string(a.ProxyProtocol), ConnectorGroup: string(a.GroupID), Segments: each(a.Segments, func(_ int, s access.Segment) api.Segment { return api.Segment(s) }), ExternalURL: a.ExternalURL, InternalURL: a.InternalURL,
		PreAuthentication: string(a.PreAuthentication), HostHeader: string(a.HostHeader), BackendProtocol: string(a.BackendProtocol), Balancing: string(a.Balancing),
		Disabled: a.Disabled, SkipVerify: a.SkipVerify, BackendCA: a.BackendCA,
		BackendTimeout: duration(a.BackendTimeout), IdleTimeout: duration(a.IdleTimeout),
		AccessKeys: a.AccessKeys, Requestable: a.Requestable, OwnerUsers: words(a.OwnerUsers), OwnerGroups: words(a.OwnerGroups), AllowRawPaths: a.AllowRawPaths,
	}
}

func applyApplication(a *access.Application, in api.ApplicationInput) error {
	var p fault.Problems
	a.Name, a.GroupID = in.Name, access.ID(in.ConnectorGroup)
	a.ProxyProtocol = access.ProxyProtocol(in.ProxyProtocol)
	a.Direct, a.Kind, a.Segments = in.Direct, access.ApplicationKind(in.Kind), each(in.Segments, func(_ int, s api.Segment) access.Segment { return access.Segment(s) })
	a.ExternalURL, a.InternalURL = in.ExternalURL, in.InternalURL
	a.PreAuthentication, a.HostHeader = access.PreAuthentication(in.PreAuthentication), access.HostHeader(in.HostHeader)
	a.BackendProtocol, a.Balancing = access.BackendProtocol(in.BackendProtocol), access.Balancing(in.Balancing)
	a.Disabled, a.SkipVerify, a.BackendCA = in.Disabled, in.SkipVerify, in.BackendCA
	a.BackendTimeout = parseDuration(&p, "backendTimeout", in.BackendTimeout)
	a.IdleTimeout = parseDuration(&p, "idleTimeout", in.IdleTimeout)
	a.Requestable, a.OwnerUsers, a.OwnerGroups = in.Requestable, typed[access.ID](in.OwnerUsers), typed[access.ID](in.OwnerGroups)
	a.AllowRawPaths, a.AccessKeys = in.AllowRawPaths, in.AccessKeys
	a.Defaults()
	return p.Err()
}

func (h *Handler) createApplication(c *call, in api.ApplicationInput) (api.Application, error) {
	var a access.Application
	if err := applyApplication(&a, in); err != nil {
		return api.Application{}, err
	}
	var err error
	if a.GroupID, err = h.orDefaultGroup(c, a.GroupID); err != nil {
		return api.Application{}, err
	}
	made, err := h.cfg.Control.CreateApplication(c, c.by, a)
	return showApplication(made), err
}

func (h *Handler) changeApplication() change[access.Application, api.ApplicationInput, api.Application] {
	return change[access.Application, api.ApplicationInput, api.Application]{
		prefix: access.PrefixApplication, read: h.cfg.Control.Application, input: inputApplication,
		apply: applyApplication, write: h.cfg.Control.UpdateApplication, show: showApplication,
	}
}

// duration writes a duration as a person would: 1m25s, 5m, 1h.
func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(text) > len(zero) && text[len(text)-len(zero):] == zero {
			text = text[:len(text)-2]
		}
	}
	return text
}

func parseDuration(p *fault.Problems, field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || len(text) > 32 {
		p.Add(field, "must be a duration such as 85s, 5m or 1h")
		return 0
	}
	return d
}

func showAssignment(a access.Assignment) api.Assignment {
	return api.Assignment{Meta: meta(a.Meta), AssignmentInput: inputAssignment(a), Request: string(a.Request)}
}

func inputAssignment(a access.Assignment) api.AssignmentInput {
	return api.AssignmentInput{Application: string(a.Application), User: string(a.User), Group: string(a.Group), Expires: a.Expires}
}

func applyAssignment(a *access.Assignment, in api.AssignmentInput) error {
	a.Application, a.User, a.Group, a.Expires = access.ID(in.Application), access.ID(in.User), access.ID(in.Group), in.Expires
	return nil
}

func (h *Handler) createAssignment(c *call, in api.AssignmentInput) (api.Assignment, error) {
	var a access.Assignment
	if err := applyAssignment(&a, in); err != nil {
		return api.Assignment{}, err
	}
	made, err := h.cfg.Control.CreateAssignment(c, c.by, a)
	return showAssignment(made), err
}

func (h *Handler) changeAssignment() change[access.Assignment, api.AssignmentInput, api.Assignment] {
	return change[access.Assignment, api.AssignmentInput, api.Assignment]{
		prefix: access.PrefixAssignment, read: h.cfg.Control.Assignment, input: inputAssignment,
		apply: applyAssignment, write: h.cfg.Control.UpdateAssignment, show: showAssignment,
	}
}
