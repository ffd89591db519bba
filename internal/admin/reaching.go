package admin

import (
	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/wire"
)

// applicationConnectors says how the connectors of an application reach it.
func (h *Handler) applicationConnectors() operation {
	return operation{out: typeOf[api.ApplicationConnectors](), status: 200, path: access.PrefixApplication, run: func(c *call) (reply, error) {
		list, err := h.cfg.Control.ApplicationConnectors(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: api.ApplicationConnectors{Items: orNone(each(list, func(_ int, r control.Reaching) api.ApplicationConnector { return showReaching(r) }))}}, nil
	}}
}

func showReaching(r control.Reaching) api.ApplicationConnector {
	return api.ApplicationConnector{Connector: string(r.Connector.ID), Name: r.Connector.Name, Backup: r.Backup, Label: string(r.Label), Why: r.Why, Code: r.Code,
		Address: r.Address, Took: float64(r.Took.Microseconds()) / 1000, Since: r.Since}
}

func (h *Handler) showUnreached(list []wire.Unreached) []api.Unreached {
	return each(list, func(_ int, u wire.Unreached) api.Unreached {
		return api.Unreached{Application: u.Application, Name: h.cfg.Control.ApplicationName(access.ID(u.Application)), Code: u.Code, Message: u.Message, Since: u.Since}
	})
}
