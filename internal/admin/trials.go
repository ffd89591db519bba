package admin

import (
	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

// testApplication has connectors try a target before there is an application with it.
func (h *Handler) testApplication() operation {
	return operation{in: typeOf[api.ApplicationTest](), out: typeOf[api.ApplicationTested](), status: 200, run: func(c *call) (reply, error) {
		in, err := into[api.ApplicationTest](c.body)
		if err != nil {
			return reply{}, err
		}
		a := access.Application{
			InternalURL: in.InternalURL, ExternalURL: in.ExternalURL, HostHeader: access.HostHeader(in.HostHeader), BackendProtocol: access.BackendProtocol(in.BackendProtocol),
			SkipVerify: in.SkipVerify, BackendCA: in.BackendCA,
		}
		if a.GroupID, err = h.orDefaultGroup(c, access.ID(in.ConnectorGroup)); err != nil {
			return reply{}, err
		}
		list, err := h.cfg.Control.TestApplication(c, c.by, a)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.ApplicationTested{Items: orNone(each(list, func(_ int, t control.Trial) api.ApplicationTrial { return showTrial(t) }))}}, nil
	}}
}

func showTrial(t control.Trial) api.ApplicationTrial {
	shown := api.ApplicationTrial{Connector: string(t.Connector.ID), Name: t.Connector.Name, Backup: t.Backup, Label: string(t.Label), Why: t.Why, Code: t.Code, Phase: string(t.Phase)}
	if o := t.Seen.Opened; o != nil {
		shown.Address, shown.Resolve, shown.Connect, shown.Handshake = o.Address, milliseconds(o.Resolve), milliseconds(o.Connect), milliseconds(o.Handshake)
	}
	if k := t.Seen.Certificate; k != nil {
		shown.Certificate = &api.TrialCertificate{Subject: k.Subject, Issuer: k.Issuer, Names: k.Names, NotBefore: k.NotBefore, NotAfter: k.NotAfter,
			SHA256: k.SHA256, TLS: k.TLS, Trusted: k.Problem == "", Problem: k.Problem, Code: k.Code}
	}
	if a := t.Seen.Answer; a != nil {
		shown.Answer = &api.TrialAnswer{Protocol: a.Protocol, Status: a.Status, Location: a.Location, Server: a.Server, Took: milliseconds(a.Took), Error: a.Error}
	}
	return shown
}
