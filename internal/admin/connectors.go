package admin

import (
	"time"

	"postern/internal/access"
	"postern/internal/api"
	"postern/internal/control"
	"postern/internal/wire"
)

func showConnectorGroup(g access.ConnectorGroup) api.ConnectorGroup {
	return api.ConnectorGroup{Meta: meta(g.Meta), ConnectorGroupInput: inputConnectorGroup(g)}
}

func inputConnectorGroup(g access.ConnectorGroup) api.ConnectorGroupInput {
	return api.ConnectorGroupInput{Name: g.Name, Region: g.Region, BackupGroup: string(g.BackupGroup), Default: g.Default}
}

func (h *Handler) createConnectorGroup(c *call, in api.ConnectorGroupInput) (api.ConnectorGroup, error) {
	var g access.ConnectorGroup
	if err := applyConnectorGroup(&g, in); err != nil {
		return api.ConnectorGroup{}, err
	}
	made, err := h.cfg.Control.CreateConnectorGroup(c, c.by, g)
	return showConnectorGroup(made), err
}

func applyConnectorGroup(g *access.ConnectorGroup, in api.ConnectorGroupInput) error {
	g.Name, g.Region, g.BackupGroup, g.Default = in.Name, in.Region, access.ID(in.BackupGroup), in.Default
	return nil
}

func (h *Handler) changeConnectorGroup() change[access.ConnectorGroup, api.ConnectorGroupInput, api.ConnectorGroup] {
	return change[access.ConnectorGroup, api.ConnectorGroupInput, api.ConnectorGroup]{
		prefix: access.PrefixConnectorGroup, read: h.cfg.Control.ConnectorGroup, input: inputConnectorGroup,
		apply: applyConnectorGroup,
		write: h.cfg.Control.UpdateConnectorGroup, show: showConnectorGroup,
	}
}

// showConnector adds what the gateways know of the connector now.
func (h *Handler) showConnector(k access.Connector) api.Connector {
	s := h.cfg.Control.ConnectorStatus(k.ID)
	shown := api.Connector{
		Meta: meta(k.Meta), ConnectorInput: inputConnector(k),
		Status: api.ConnectorStatus{Label: string(s.Label), Why: s.Why, Tunnels: s.Tunnels, Streams: s.Streams,
			Echo: s.Echo, Unreached: h.showUnreached(s.Unreached), RoundTrip: float64(s.RoundTrip.Microseconds()) / 1000, HeadRoom: showHeadRoom(s.Load), Way: s.Way},
		Certificate: api.ConnectorCertificate{Serial: k.Serial, NotAfter: k.NotAfter},
		Host: api.ConnectorHost{MachineName: k.Host.MachineName, OS: k.Host.OS,
			Arch: k.Host.Arch, Version: k.Host.Program},
		LastSeen: later(k.LastSeen, s.LastSeen), Address: k.Address, Archived: k.Archived, Waiting: k.Waiting,
	}
	if s.Address != "" {
		shown.Address = s.Address
	}
	if k.Disabled { // the gateways hear of it a moment later
		shown.Status.Label, shown.Status.Why = string(control.LabelDisabled), "An administrator disabled it."
	} else if !k.Waiting.IsZero() {
		shown.Status.Label, shown.Status.Why = string(control.LabelWaiting), control.WaitsFor(&k)
	}
	return shown
}

func showHeadRoom(load *wire.Load) *api.HeadRoom {
	left, ok := load.HeadRoom()
	if !ok {
		return nil
	}
	narrowest, _ := load.Narrowest()
	shown := &api.HeadRoom{Left: left, Narrowest: narrowest.Name, Window: int(load.Window.Seconds()), Resources: make([]api.Resource, len(load.Resources))}
	for i, r := range load.Resources {
		shown.Resources[i] = api.Resource{Name: r.Name, Used: r.Used, Sustained: r.Sustained, Limit: r.Limit}
	}
	return shown
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func inputConnector(k access.Connector) api.ConnectorInput {
	return api.ConnectorInput{Name: k.Name, ConnectorGroup: string(k.GroupID), Priority: k.Priority, Draining: k.Draining, Disabled: k.Disabled,
		SessionLogUntil: k.SessionLogUntil, DebugLogUntil: k.DebugLogUntil, BenchUntil: k.BenchUntil}
}

func (h *Handler) changeConnector() change[access.Connector, api.ConnectorInput, api.Connector] {
	return change[access.Connector, api.ConnectorInput, api.Connector]{
		prefix: access.PrefixConnector, read: h.cfg.Control.Connector, input: inputConnector,
		apply: func(k *access.Connector, in api.ConnectorInput) error {
			k.Name, k.GroupID, k.Priority = in.Name, access.ID(in.ConnectorGroup), in.Priority
			k.Draining, k.Disabled = in.Draining, in.Disabled
			k.SessionLogUntil, k.DebugLogUntil, k.BenchUntil = in.SessionLogUntil.UTC(), in.DebugLogUntil.UTC(), in.BenchUntil.UTC()
			return nil
		},
		write: h.cfg.Control.UpdateConnector, show: h.showConnector,
	}
}

func (h *Handler) approveConnector() operation {
	return operation{out: typeOf[api.Connector](), status: 200, path: access.PrefixConnector, run: func(c *call) (reply, error) {
		k, err := h.cfg.Control.ApproveConnector(c, c.by, c.id)
		if err != nil {
			return reply{}, err
		}
		return reply{body: h.showConnector(k), version: k.Version}, nil
	}}
}

func (h *Handler) rejectConnector() operation {
	return operation{status: 204, path: access.PrefixConnector, run: func(c *call) (reply, error) {
		return reply{}, h.cfg.Control.RejectConnector(c, c.by, c.id)
	}}
}

func showToken(t access.Token) api.Token {
	return api.Token{Meta: meta(t.Meta), Name: t.Name, ConnectorGroup: string(t.GroupID),
		Expires: t.Expires, Hold: t.Hold, Used: t.Used, UsedBy: string(t.UsedBy)}
}

func (h *Handler) createToken(c *call, in api.TokenInput) (api.TokenCreated, error) {
	if in.Expires.IsZero() {
		in.Expires = h.cfg.Now().Add(access.TokenLifetime)
	}
	group, err := h.orDefaultGroup(c, access.ID(in.ConnectorGroup))
	if err != nil {
		return api.TokenCreated{}, err
	}
	made, text, err := h.cfg.Control.CreateToken(c, c.by, access.Token{Name: in.Name, GroupID: group, Expires: in.Expires.UTC(), Hold: in.Hold})
	return api.TokenCreated{Token: showToken(made), Text: text}, err
}

// orDefaultGroup gives the default connector group where none was named.
func (h *Handler) orDefaultGroup(c *call, group access.ID) (access.ID, error) {
	if group != "" {
		return group, nil
	}
	var after string
	for {
		found, next, err := h.cfg.Control.ConnectorGroups(c, c.by, access.Page{After: after, Limit: api.MaxPage})
		if err != nil {
			return "", err
		}
		for _, g := range found {
			if g.Default {
				return g.ID, nil
			}
		}
		if after = next; next == "" {
			return "", nil // control says that the field is empty
		}
	}
}

func showKey(k access.Key) api.Key {
	return api.Key{Meta: meta(k.Meta), KeyInput: api.KeyInput{Name: k.Name, Roles: words(k.Roles), Scopes: words(k.Scopes), Expires: k.Expires}, LastUsed: k.LastUsed}
}

func (h *Handler) createKey(c *call, in api.KeyInput) (api.KeyCreated, error) {
	made, secret, err := h.cfg.Control.CreateKey(c, c.by, access.Key{Name: in.Name, Roles: typed[access.Role](in.Roles), Scopes: in.Scopes, Expires: in.Expires.UTC()})
	return api.KeyCreated{Key: showKey(made), Secret: secret}, err
}
