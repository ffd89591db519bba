package admin

import (
	"net/http"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
)

// clients gives the routes of what holds for all clients.
func (h *Handler) clients() []route {
	c := h.cfg.Control
	return []route{
		{http.MethodGet, "/clients", "showClients", "devices", "Show what holds for all clients: whether they are off, and what users may not do with them", viewers, false, h.showClients()},
		{http.MethodPatch, "/clients", "updateClients", "devices", "Turn all clients off or on, and say what users may not do with them", people, false, h.updateClients()},
		{http.MethodGet, "/clients/history", "listClientsHistory", "devices", "Show who changed what holds for all clients", viewers, false, history("", c.ClientsHistory)},
		{http.MethodPost, "/clients/undo", "undoClients", "devices", "Have hold for all clients what an earlier version said", people, false, undo("", c.UndoClients, showClients)},
	}
}

func showClients(c control.ClientsHeld) api.Clients {
	return api.Clients{Meta: meta(c.Meta), ClientsInput: inputClients(c.Clients), Connected: c.Connected}
}

func inputClients(c access.Clients) api.ClientsInput {
	return api.ClientsInput{Off: c.Off, OffReason: c.OffReason, Locked: each(c.Locked, func(_ int, s access.ClientSwitch) string { return string(s) })}
}

func clientsOf(in api.ClientsInput) access.Clients {
	return access.Clients{Off: in.Off, OffReason: in.OffReason, Locked: each(in.Locked, func(_ int, s string) access.ClientSwitch { return access.ClientSwitch(s) })}
}

func (h *Handler) showClients() operation {
	return operation{out: typeOf[api.Clients](), status: 200, tagged: true, run: func(c *call) (reply, error) {
		held, err := h.cfg.Control.Clients(c, c.by)
		if err != nil {
			return reply{}, err
		}
		return tagged(showClients(held)), nil
	}}
}

func (h *Handler) updateClients() operation {
	return operation{in: typeOf[api.ClientsInput](), out: typeOf[api.Clients](), status: 200, patch: true, tagged: true, match: "one", run: func(c *call) (reply, error) {
		held, err := h.cfg.Control.Clients(c, c.by)
		if err != nil {
			return reply{}, err
		}
		if c.condition.match(held.Version) != nil {
			return reply{}, changed()
		}
		in, err := patched(c, inputClients(held.Clients))
		if err != nil {
			return reply{}, err
		}
		wanted := clientsOf(in)
		wanted.Meta = held.Meta
		if held, err = h.cfg.Control.UpdateClients(c, c.by, wanted); err != nil {
			return reply{}, err
		}
		return tagged(showClients(held)), nil
	}}
}
